// Package crf is the model behind package names: a linear-chain conditional random
// field (Lafferty, McCallum, Pereira 2001) over hashed features with 8-bit weights.
// Training and tagging share its tokens and features, so that they cannot differ.
package crf

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Revision changes whenever tokens, features or decoding change; weights of another
// revision are refused.
const Revision = 2

// Model is a trained tagger. It is immutable and safe for concurrent use.
type Model struct {
	lexicon *Lexicon
	table   table
	trans   [Labels][Labels]int32 // from, to
	scale   float32               // units of weight per nat
	calib   [2]float32            // a span's probability is sigmoid(calib[0] + calib[1]·logit)
}

// Params is what training determines.
type Params struct {
	Lexicon    *Lexicon
	Features   []Feature // the most important first
	Buckets    int       // a power of two
	Transition [Labels][Labels]float32
	Scale      float32 // units of weight per nat
}

// Feature is a feature's hash and weights, in nats.
type Feature struct {
	Hash    uint64
	Weights [Labels]float32
}

// New quantises params; the model's scores are not calibrated yet. Features that find their bucket full are dropped; their number is returned.
func New(p Params) (m *Model, dropped int) {
	m = &Model{lexicon: p.Lexicon, table: newTable(p.Buckets), scale: p.Scale, calib: [2]float32{0, 1}}
	for _, f := range p.Features {
		var w [Labels]int8
		for i, v := range f.Weights {
			w[i] = int8(quantise(v*p.Scale, math.MaxInt8)) //nolint:gosec // G115: clipped to its range
		}
		if w != [Labels]int8{} && !m.table.insert(f.Hash, w) {
			dropped++
		}
	}
	for i := range Labels {
		for j := range Labels {
			m.trans[i][j] = int32(quantise(p.Transition[i][j]*p.Scale, forbidden))
		}
	}
	return m, dropped
}

// Calibrated is m with other parameters of calibration.
func (m *Model) Calibrated(parameters [2]float32) *Model {
	other := *m
	other.calib = parameters
	return &other
}

// forbidden is a penalty beyond any sum of weights.
const forbidden = 16000

func quantise(v float32, limit float64) int16 {
	return int16(math.Max(-limit, math.Min(limit, math.RoundToEven(float64(v)))))
}

const magic = "HFNAMES\n"

// Encode writes the model: magic, revision, parameters, the table's tags and used
// rows, the lexicon's used slots behind a bitmap, and the SHA-256 of all that.
func (m *Model) Encode() []byte {
	le := binary.LittleEndian
	b := []byte(magic)
	b = le.AppendUint32(b, Revision)
	for _, v := range []float32{m.scale, m.calib[0], m.calib[1]} {
		b = le.AppendUint32(b, math.Float32bits(v))
	}
	for i := range Labels {
		for j := range Labels {
			b = le.AppendUint16(b, uint16(m.trans[i][j])) //nolint:gosec // G115: within ±forbidden
		}
	}
	b = le.AppendUint32(b, uint32(len(m.table.tags))) //nolint:gosec // G115: at most a few hundred thousand
	for _, tags := range m.table.tags {
		b = le.AppendUint64(b, tags)
	}
	for i, tags := range m.table.tags {
		for lane := range ways {
			if tags>>(16*lane)&0xFFFF == 0 {
				continue
			}
			var e [Labels]int32
			m.table.rows[i*ways+lane].row().unpack(&e)
			for _, v := range e {
				b = append(b, byte(v)) //nolint:gosec // G115: weights have 8 bits
			}
		}
	}
	slots := m.lexicon.slots
	b = le.AppendUint32(b, uint32(len(slots))) //nolint:gosec // G115: at most a few hundred thousand
	bitmap := make([]byte, len(slots)/8)
	for i, s := range slots {
		if s != 0 {
			bitmap[i/8] |= 1 << (i % 8)
		}
	}
	b = append(b, bitmap...)
	for _, s := range slots {
		if s != 0 {
			b = le.AppendUint64(b, s)
		}
	}
	digest := sha256.Sum256(b)
	return append(b, digest[:]...)
}

var errWeights = errors.New("weights are damaged; build the program again from a clean checkout")

// Decode reads what Encode wrote, and gives its digest.
func Decode(b []byte) (*Model, [sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	if len(b) < len(magic)+4+sha256.Size || string(b[:len(magic)]) != magic {
		return nil, digest, errWeights
	}
	body := b[:len(b)-sha256.Size]
	digest = sha256.Sum256(body)
	if string(digest[:]) != string(b[len(body):]) {
		return nil, digest, fmt.Errorf("checksum: %w", errWeights)
	}
	r := reader{b: body[len(magic):]}
	if revision := r.uint32(); revision != Revision {
		return nil, digest, fmt.Errorf("weights of revision %d, code of revision %d: train again", revision, Revision)
	}
	m := &Model{scale: r.float32(), calib: [2]float32{r.float32(), r.float32()}}
	for i := range Labels {
		for j := range Labels {
			m.trans[i][j] = int32(int16(binary.LittleEndian.Uint16(r.take(2)))) //nolint:gosec // G115: signed as written
		}
	}
	m.table = r.table()
	m.lexicon = r.lexicon()
	if r.failed || len(r.b) != 0 {
		return nil, digest, errWeights
	}
	return m, digest, nil
}

// reader takes values off b; after a shortage it yields zeros and failed is set.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.failed, r.b = true, nil
		return make([]byte, max(0, min(n, 8)))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) uint32() uint32   { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) float32() float32 { return math.Float32frombits(r.uint32()) }

// size reads the length of a hash table: a power of two.
func (r *reader) size() int {
	n := int(r.uint32())
	if n < 8 || n&(n-1) != 0 || n/8 > len(r.b) {
		r.failed = true
		return 0
	}
	return n
}

func (r *reader) table() table {
	n := r.size()
	t := newTable(max(n, 1))
	packed := r.take(8 * n)
	if r.failed {
		return t
	}
	for i := range n {
		t.tags[i] = binary.LittleEndian.Uint64(packed[8*i:])
	}
	for i, tags := range t.tags {
		for lane := range ways {
			if tags>>(16*lane)&0xFFFF == 0 {
				continue
			}
			var w [Labels]int8
			for j, v := range r.take(Labels) {
				w[j] = int8(v) //nolint:gosec // G115: signed as written
			}
			t.rows[i*ways+lane] = pack(w)
		}
	}
	return t
}

func (r *reader) lexicon() *Lexicon {
	n := r.size()
	l := &Lexicon{slots: make([]uint64, max(n, 1)), mask: uint64(max(n, 1) - 1)}
	bitmap := r.take(n / 8)
	for i := range n {
		if r.failed {
			break
		}
		if bitmap[i/8]>>(i%8)&1 != 0 {
			l.slots[i] = binary.LittleEndian.Uint64(r.take(8))
		}
	}
	return l
}
