package local

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// batch is an index.Batch in the form in which it is logged and taken up:
// checked, vectors of length 1, text broken into counted terms.
type batch struct {
	forget  []int64
	remove  []int64
	meta    []recordMeta
	words   []string // the distinct terms of the entries
	entries []entry
	// numbered batches build a state from nothing: terms bear the state's own
	// numbers, ascending, and words are those that it gets to know with them.
	numbered bool
}

type recordMeta struct {
	record int64
	values []namedValue
}

// tag is that of index.Meta.
func (m *recordMeta) tag() uint64 {
	meta := index.Meta{}
	for _, v := range m.values {
		meta[v.field] = append(meta[v.field], v.value)
	}
	return meta.Tag()
}

type namedValue struct {
	field string
	value gate.Value
}

type entry struct {
	id, record int64
	tag        uint64
	length     uint32 // in terms
	terms      []termCount
	vector     []float32
}

type termCount struct{ word, count uint32 } // word is a place in batch.words, unless numbered

// prepare checks and analyses a batch.
func prepare(b index.Batch, dims int) (*batch, error) {
	out := &batch{forget: b.Forget, remove: b.Delete}
	space := make([]float32, dims*len(b.Upsert))
	out.entries = make([]entry, len(b.Upsert))
	for i, e := range b.Upsert {
		v := space[i*dims : (i+1)*dims : (i+1)*dims]
		if reason := index.Unit(v, e.Vector); reason != "" {
			return nil, fault.New(fault.Invalid, "entry %d: its vector %s", e.ID, reason)
		}
		out.entries[i] = entry{id: e.ID, record: e.Record, tag: e.Tag, vector: v}
	}
	for _, record := range slices.Sorted(maps.Keys(b.Meta)) {
		m := recordMeta{record: record}
		for _, field := range slices.Sorted(maps.Keys(b.Meta[record])) {
			for _, v := range b.Meta[record][field] {
				m.values = append(m.values, namedValue{field, v})
			}
		}
		out.meta = append(out.meta, m)
	}
	out.analyse(b.Upsert)
	return out, nil
}

// analyse counts the terms of the entries' texts.
func (b *batch) analyse(entries []index.Entry) {
	numbers := make(map[string]uint32, min(64*len(entries), 1<<14))
	var last []int    // the entry, from 1, that a word was last seen in
	var where []int32 // its place among that entry's terms
	for i := range b.entries {
		e := &b.entries[i]
		index.Tokenize(entries[i].Text, func(term []byte) {
			e.length++
			n, known := numbers[string(term)]
			if !known {
				n = uint32(len(b.words)) //nolint:gosec // far fewer than 2^32
				word := string(term)
				numbers[word] = n
				b.words = append(b.words, word)
				last, where = append(last, 0), append(where, 0)
			}
			if last[n] == i+1 {
				e.terms[where[n]].count++
				return
			}
			last[n], where[n] = i+1, int32(len(e.terms)) //nolint:gosec // far fewer than 2^31
			e.terms = append(e.terms, termCount{n, 1})
		})
	}
}

// encode appends the batch to dst. Integers are varints but for tags; these
// and floats, IEEE 754, are little-endian.
func (b *batch) encode(dst []byte) []byte {
	put := func(n int) { dst = binary.AppendUvarint(dst, uint64(n)) } //nolint:gosec // lengths
	ids := func(ids []int64) {
		put(len(ids))
		for _, id := range ids {
			dst = binary.AppendVarint(dst, id)
		}
	}
	text := func(s string) { put(len(s)); dst = append(dst, s...) }
	if b.numbered {
		put(1)
	} else {
		put(0)
	}
	ids(b.forget)
	ids(b.remove)
	put(len(b.meta))
	for _, m := range b.meta {
		dst = binary.AppendVarint(dst, m.record)
		put(len(m.values))
		for _, v := range m.values {
			text(v.field)
			text(v.value.Key())
		}
	}
	put(len(b.words))
	for _, w := range b.words {
		text(w)
	}
	put(len(b.entries))
	for _, e := range b.entries {
		dst = binary.AppendVarint(dst, e.id)
		dst = binary.AppendVarint(dst, e.record)
		dst = binary.LittleEndian.AppendUint64(dst, e.tag)
		put(int(e.length))
		put(len(e.terms))
		for _, t := range e.terms {
			put(int(t.word))
			put(int(t.count))
		}
		for _, x := range e.vector {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
		}
	}
	return dst
}

// decodeBatch reads what encode wrote, for a state that knows so many words;
// false if it is something else.
func decodeBatch(data []byte, dims, known int) (*batch, bool) {
	r := reader{b: data}
	b := &batch{numbered: r.uvarint() == 1, forget: r.ids(), remove: r.ids()}
	b.meta = make([]recordMeta, r.count(2))
	for i := range b.meta {
		b.meta[i].record = r.varint()
		values := make([]namedValue, r.count(2))
		for j := range values {
			field := r.bytes()
			values[j] = namedValue{string(field), gate.ParseKey(string(r.bytes()))}
		}
		b.meta[i].values = values
	}
	b.words = make([]string, r.count(1))
	r.strings(b.words)
	if !b.numbered {
		known = 0
	}
	b.entries = make([]entry, r.count(12+4*dims))
	space := make([]float32, dims*len(b.entries))
	terms := make([]termCount, 0, len(r.b)/2-2*len(space)) // as many as there is room for
	for i := range b.entries {
		e := &b.entries[i]
		e.id, e.record, e.tag = r.varint(), r.varint(), r.uint64()
		e.length = r.uint32()
		from := len(terms)
		for range r.count(2) {
			t := termCount{r.uint32(), r.uint32()}
			r.bad = r.bad || int(t.word) >= known+len(b.words) || t.count == 0
			terms = append(terms, t)
		}
		e.terms = terms[from:len(terms):len(terms)]
		e.vector = space[i*dims : (i+1)*dims : (i+1)*dims]
		raw := r.take(4 * dims)
		if r.bad {
			return nil, false
		}
		for j := range e.vector {
			e.vector[j] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*j:]))
		}
	}
	return b, !r.bad && len(r.b) == 0
}

// reader decodes varints; bad says that the data ended early or is malformed.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) uint32() uint32 {
	if len(r.b) > 0 && r.b[0] < 0x80 { // the common case
		v := r.b[0]
		r.b = r.b[1:]
		return uint32(v)
	}
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.bad = true
		return 0
	}
	return uint32(v)
}

func (r *reader) uint64() uint64 {
	b := r.take(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// count reads the length of a list whose elements take at least size bytes.
func (r *reader) count(size int) int {
	v := r.uvarint()
	if v > uint64(len(r.b)/size) { //nolint:gosec // not negative
		r.bad = true
		return 0
	}
	return int(v) //nolint:gosec // at most len(r.b)
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

func (r *reader) bytes() []byte { return r.take(r.count(1)) }

// strings reads strings that share one allocation.
func (r *reader) strings(out []string) {
	ahead := *r
	for range out {
		ahead.bytes()
	}
	from := len(r.b)
	text := string(r.b[:from-len(ahead.b)])
	for i := range out {
		n := len(r.bytes())
		end := from - len(r.b)
		out[i] = text[end-n : end]
	}
}

func (r *reader) ids() []int64 {
	out := make([]int64, r.count(1))
	for i := range out {
		out[i] = r.varint()
	}
	return out
}
