package local

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/holdfast/holdfast/gate"
)

const (
	slabRows  = 256     // rows of vectors allocated together
	chunkSize = 1 << 18 // bytes of term lists allocated together
)

// state is what an index holds, in memory. Passages are rows that are only
// ever appended: what a row says never changes, it can only die. So whoever
// has copied the slice headers and the bits of the living (see view) reads on
// without a lock while batches are taken up.
type state struct {
	dims    int
	rows    rows
	row     map[int64]uint32 // of a living passage
	dead    int
	total   uint64 // lengths of the living
	words   []string
	word    map[string]uint32
	lists   []posting // by word
	records []record
	record  map[int64]uint32
	fields  map[string]uint32
	scratch []termCount
	numbers []uint32
}

// rows are the passages, by row.
type rows struct {
	ids     []int64
	record  []uint32 // place in records
	next    []uint32 // the record's row before this one, plus 1
	length  []uint32 // in terms
	tags    []uint64
	terms   []uint64 // place of the term list: chunk, offset
	chunks  [][]byte
	vectors [][]float32 // slabs
	alive   bitset
}

// posting is a word's passages: pairs of row and count, rows ascending, as
// written by appendPair. Dead rows stay in data until the state is rebuilt.
type posting struct {
	data []byte
	next uint32 // the least row that may follow
	live uint32
}

// record is what rows of one record share. values is never changed in place.
type record struct {
	id     int64
	values []fieldValue // by field
	tag    uint64       // of values
	head   uint32       // its newest row, plus 1
}

type fieldValue struct {
	field uint32
	value gate.Value
}

func newState(dims int) *state {
	return &state{
		dims: dims, row: map[int64]uint32{}, word: map[string]uint32{},
		record: map[int64]uint32{}, fields: map[string]uint32{},
	}
}

// apply takes up a batch.
func (s *state) apply(b *batch) {
	for _, id := range b.forget {
		s.forget(id)
	}
	for _, id := range b.remove {
		s.remove(id)
	}
	for _, m := range b.meta {
		s.setMeta(m)
	}
	s.numbers = s.numbers[:0]
	for _, w := range b.words {
		n, known := s.word[w]
		if !known {
			n = uint32(len(s.words)) //nolint:gosec // fewer than 2^32 words
			if !b.numbered {         // nothing else is worth keeping in memory
				w = strings.Clone(w)
			}
			s.words = append(s.words, w)
			s.lists = append(s.lists, posting{})
			s.word[w] = n
		}
		s.numbers = append(s.numbers, n)
	}
	for i := range b.entries {
		terms := b.entries[i].terms
		if !b.numbered {
			terms = s.number(terms)
		}
		s.add(&b.entries[i], terms)
	}
}

// number translates a batch's terms into the state's, in order.
func (s *state) number(terms []termCount) []termCount {
	s.scratch = s.scratch[:0]
	for _, t := range terms {
		s.scratch = append(s.scratch, termCount{s.numbers[t.word], t.count})
	}
	slices.SortFunc(s.scratch, func(a, b termCount) int { return cmp.Compare(a.word, b.word) })
	return s.scratch
}

func (s *state) recordAt(id int64) uint32 {
	n, known := s.record[id]
	if !known {
		n = uint32(len(s.records)) //nolint:gosec // fewer than 2^32 records
		s.records = append(s.records, record{id: id})
		s.record[id] = n
	}
	return n
}

func (s *state) setMeta(m recordMeta) {
	values := make([]fieldValue, len(m.values))
	for i, v := range m.values {
		n, known := s.fields[v.field]
		if !known {
			n = uint32(len(s.fields)) //nolint:gosec // few fields
			s.fields[strings.Clone(v.field)] = n
		}
		values[i] = fieldValue{n, v.value}
	}
	rec := &s.records[s.recordAt(m.record)]
	rec.values, rec.tag = values, m.tag()
}

func (s *state) forget(id int64) {
	n, known := s.record[id]
	if !known {
		return
	}
	rec := &s.records[n]
	for at := rec.head; at != 0; at = s.rows.next[at-1] {
		if s.rows.alive.has(at - 1) {
			s.remove(s.rows.ids[at-1])
		}
	}
	rec.values, rec.tag, rec.head = nil, 0, 0
}

func (s *state) remove(id int64) {
	row, known := s.row[id]
	if !known {
		return
	}
	delete(s.row, id)
	s.rows.alive.clear(row)
	s.dead++
	s.total -= uint64(s.rows.length[row])
	for word := range s.rows.termsOf(row) {
		s.lists[word].live--
	}
}

// add appends a passage; one with its id dies.
func (s *state) add(e *entry, terms []termCount) {
	s.remove(e.id)
	row := uint32(len(s.rows.ids)) //nolint:gosec // fewer than 2^32 rows
	n := s.recordAt(e.record)
	r := &s.rows
	r.ids = append(r.ids, e.id)
	r.record = append(r.record, n)
	r.next = append(r.next, s.records[n].head)
	r.length = append(r.length, e.length)
	r.tags = append(r.tags, e.tag)
	r.alive.set(row)
	s.records[n].head = row + 1
	s.row[e.id] = row
	s.total += uint64(e.length)

	if row%slabRows == 0 {
		r.vectors = append(r.vectors, make([]float32, 0, slabRows*s.dims))
	}
	last := &r.vectors[len(r.vectors)-1]
	*last = append(*last, e.vector...)

	for _, t := range terms {
		p := &s.lists[t.word]
		p.data = appendPair(p.data, row-p.next, t.count)
		p.next = row + 1
		p.live++
	}
	r.terms = append(r.terms, r.addTerms(terms))
}

// addTerms keeps a row's terms, sorted by word, so that they can be found
// again when the row dies or is scored on its own.
func (r *rows) addTerms(terms []termCount) uint64 {
	need := 10 * (1 + len(terms))
	if n := len(r.chunks); n == 0 || cap(r.chunks[n-1])-len(r.chunks[n-1]) < need {
		r.chunks = append(r.chunks, make([]byte, 0, max(chunkSize, need)))
	}
	chunk := &r.chunks[len(r.chunks)-1]
	at := uint64(len(r.chunks)-1)<<32 | uint64(len(*chunk)) //nolint:gosec // not negative
	*chunk = binary.AppendUvarint(*chunk, uint64(len(terms)))
	next := uint32(0)
	for _, t := range terms {
		*chunk = appendPair(*chunk, t.word-next, t.count)
		next = t.word + 1
	}
	return at
}

// termsOf yields a row's words in order, with their counts.
func (r *rows) termsOf(row uint32) func(func(word, count uint32) bool) {
	at := r.terms[row]
	data := r.chunks[at>>32][uint32(at):] //nolint:gosec // the low half is the offset
	return func(yield func(word, count uint32) bool) {
		n, size := binary.Uvarint(data)
		data, next := data[size:], uint32(0)
		for range n {
			gap, count, size := pair(data)
			data = data[size:]
			if !yield(next+gap, count) {
				return
			}
			next += gap + 1
		}
	}
}

func (r *rows) vector(row uint32, dims int) []float32 {
	at := int(row%slabRows) * dims
	return r.vectors[row/slabRows][at : at+dims]
}

// appendPair writes a gap and a count: the gap shifted left by one, the low
// bit set if a count other than 1 follows.
func appendPair(dst []byte, gap, count uint32) []byte {
	if count == 1 {
		return binary.AppendUvarint(dst, uint64(gap)<<1)
	}
	dst = binary.AppendUvarint(dst, uint64(gap)<<1|1)
	return binary.AppendUvarint(dst, uint64(count))
}

// pair reads what appendPair wrote, and its size.
func pair(b []byte) (gap, count uint32, size int) {
	if b[0] < 0x80 && b[0]&1 == 0 { // the common case
		return uint32(b[0] >> 1), 1, 1
	}
	v, n := binary.Uvarint(b)
	count = 1
	if v&1 == 1 {
		c, m := binary.Uvarint(b[n:])
		count, n = uint32(c), n+m //nolint:gosec // written from 32 bits
	}
	return uint32(v >> 1), count, n //nolint:gosec // written from 33 bits
}

// frozen is a state at one moment, for reading without a lock.
type frozen struct {
	dims    int
	rows    rows
	words   []string
	live    bitset // of the words, those that living passages hold
	records []record
	fields  []string
}

// freeze copies what may change in place and the headers of the rest. The
// caller holds the lock.
func (s *state) freeze() *frozen {
	f := &frozen{dims: s.dims, rows: s.view(), words: s.words, records: slices.Clone(s.records)}
	f.fields = make([]string, len(s.fields))
	for name, n := range s.fields {
		f.fields[n] = name
	}
	for n := range s.lists {
		if s.lists[n].live > 0 {
			f.live.set(uint32(n))
		}
	}
	return f
}

// view is freeze for a search, which needs the rows alone.
func (s *state) view() rows {
	r := s.rows
	r.alive = slices.Clone(r.alive)
	// The last slab and chunk are appended to through these headers.
	r.vectors = slices.Clone(r.vectors)
	r.chunks = slices.Clone(r.chunks)
	return r
}

// frozenBatch is how many words, records or rows frozen.batches puts together.
const frozenBatch = 1024

// batches yields the living as numbered batches that build the same state
// anew, without what has died: words, then metadata, then passages.
func (f *frozen) batches(yield func(*batch) error) error {
	out := &batch{numbered: true}
	flush := func(atLeast int) error {
		if max(len(out.words), len(out.meta), len(out.entries)) < atLeast {
			return nil
		}
		b := out
		out = &batch{numbered: true}
		return yield(b)
	}
	numbers, known := make([]uint32, len(f.words)), uint32(0)
	for old := range f.live.all() {
		numbers[old] = known
		known++
		out.words = append(out.words, f.words[old])
		if err := flush(64 * frozenBatch); err != nil {
			return err
		}
	}
	for _, rec := range f.records {
		if len(rec.values) == 0 {
			continue
		}
		m := recordMeta{record: rec.id, values: make([]namedValue, len(rec.values))}
		for i, v := range rec.values {
			m.values[i] = namedValue{f.fields[v.field], v.value}
		}
		out.meta = append(out.meta, m)
		if err := flush(frozenBatch); err != nil {
			return err
		}
	}
	for row := range f.rows.alive.all() {
		e := entry{
			id: f.rows.ids[row], record: f.records[f.rows.record[row]].id,
			tag: f.rows.tags[row], length: f.rows.length[row], vector: f.rows.vector(row, f.dims),
		}
		for old, n := range f.rows.termsOf(row) {
			e.terms = append(e.terms, termCount{numbers[old], n})
		}
		out.entries = append(out.entries, e)
		if err := flush(frozenBatch); err != nil {
			return err
		}
	}
	return flush(1)
}

// bitset is a set of rows.
type bitset []uint64

func (b *bitset) set(i uint32) {
	for int(i/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

func (b bitset) clear(i uint32)    { b[i/64] &^= 1 << (i % 64) }
func (b bitset) has(i uint32) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) all() func(func(uint32) bool) {
	return func(yield func(uint32) bool) {
		for i, w := range b {
			for ; w != 0; w &= w - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(w))) { //nolint:gosec // a row
					return
				}
			}
		}
	}
}
