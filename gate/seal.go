package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"sync"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// Sealed is clean text at rest: which gate and policy made it, the text, and
// a keyed MAC. It is opened by the gate, never trusted.
type Sealed []byte

// sealFormat is the first byte of every seal.
const sealFormat = 1

const macSize = 16 // HMAC-SHA-256 truncated to 128 bits

var errSeal = errors.New("sealed text was changed, or sealed under another key")

// sealer computes keyed MACs; HMAC states are pooled because a passage is
// short and setting up the key would cost as much as the text.
type sealer struct{ pool sync.Pool }

func newSealer(key []byte) *sealer {
	return &sealer{pool: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

func (s *sealer) mac(dst, body []byte) []byte {
	h := s.pool.Get().(hash.Hash)
	h.Reset()
	h.Write(body)
	var sum [sha256.Size]byte
	dst = append(dst, h.Sum(sum[:0])[:macSize]...)
	s.pool.Put(h)
	return dst
}

// Seal encodes clean text made under a recipe (see Recipe) for storage.
func (g *Gate) Seal(c Clean, recipe digest.Digest) Sealed {
	b := make([]byte, 0, 2+digest.Size+8+8*len(c.marks)+len(c.display)+macSize+16)
	b = append(b, sealFormat)
	b = append(b, recipe[:]...)
	b = appendInt(b, c.source)
	b = appendInt(b, c.srcEnd)
	b = appendInt(b, len(c.marks))
	d, s := 0, 0 // marks are stored as gaps
	for _, m := range c.marks {
		b = appendInt(b, len(m.entity))
		b = append(b, m.entity...)
		b = appendInt(b, m.d-d)
		b = appendInt(b, m.dn)
		b = appendInt(b, m.s-s)
		b = appendInt(b, m.sn)
		d, s = m.d+m.dn, m.s+m.sn
	}
	b = append(b, c.display...)
	return g.seal.mac(b, b)
}

// appendInt writes an offset or a length.
func appendInt(b []byte, n int) []byte {
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // never negative
}

// Open checks a seal and returns the text and the recipe it was made under.
func (g *Gate) Open(sealed Sealed) (Clean, digest.Digest, error) {
	var recipe digest.Digest
	body := len(sealed) - macSize
	if body < 1+digest.Size || sealed[0] != sealFormat {
		return Clean{}, recipe, fault.As(fault.Internal, errSeal)
	}
	var sum [macSize]byte
	if !hmac.Equal(g.seal.mac(sum[:0], sealed[:body]), sealed[body:]) {
		return Clean{}, recipe, fault.As(fault.Internal, errSeal)
	}
	copy(recipe[:], sealed[1:])
	r := reader{b: sealed[1+digest.Size : body]}
	c := Clean{source: r.int(), srcEnd: r.int()}
	n := r.int()
	if n > len(r.b) {
		return Clean{}, recipe, fault.As(fault.Internal, errSeal)
	}
	marks := make([]mark, n)
	d, s := 0, 0
	for i := range marks {
		m := &marks[i]
		m.entity = Entity(r.take(r.int()))
		m.d = d + r.int()
		m.dn = r.int()
		m.s = s + r.int()
		m.sn = r.int()
		d, s = m.d+m.dn, m.s+m.sn
	}
	if r.bad || d > len(r.b) {
		return Clean{}, recipe, fault.As(fault.Internal, errSeal)
	}
	c.display = string(r.b)
	c.restore(marks)
	return c, recipe, nil
}

// restore derives the embed form from the display form and its marks.
func (c *Clean) restore(marks []mark) {
	if len(marks) == 0 {
		c.embed = c.display
		return
	}
	embed := make([]byte, 0, len(c.display)+8*len(marks))
	at := 0
	for i := range marks {
		m := &marks[i]
		embed = append(embed, c.display[at:m.d]...)
		m.e = len(embed)
		if m.entity == "" {
			embed = append(embed, c.display[m.d:m.d+m.dn]...)
		} else {
			embed = append(embed, '[')
			embed = append(embed, m.entity...)
			embed = append(embed, ']')
		}
		m.en = len(embed) - m.e
		at = m.d + m.dn
	}
	c.embed = string(append(embed, c.display[at:]...))
	c.marks = marks
}

// reader decodes a body whose MAC was right; bad marks a truncated one.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) int() int {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<40 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}
