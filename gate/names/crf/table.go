package crf

import "math/bits"

// row holds scores of all labels: four signed 16-bit lanes in low, three in high.
// Rows are summed as two integers; a sum is exact as long as each lane's own sum
// fits 16 bits, which that of two hundred 8-bit weights does.
type row struct{ low, high int64 }

// packed holds a feature's weights, each plus 128 in a byte of its own.
type packed uint64

const halves = 128 * lanes // 128 in each lane

// row widens the bytes to lanes.
func (p packed) row() row {
	return row{widen(uint64(p)&0xFFFFFFFF) - halves, widen(uint64(p)>>32) - halves>>16}
}

func widen(v uint64) int64 {
	v = (v | v<<16) & 0x0000FFFF0000FFFF
	v = (v | v<<8) & 0x00FF00FF00FF00FF
	return int64(v)
}

func (s *row) add(r row) {
	s.low += r.low
	s.high += r.high
}

// unpack splits the lanes. A negative lane has borrowed from the next one, hence the order.
func (s row) unpack(e *[Labels]int32) {
	low, high := s.low, s.high
	for i := range 4 {
		v := int16(low) //nolint:gosec // G115: taking the low lane is the purpose
		e[i] = int32(v)
		low = (low - int64(v)) >> 16
	}
	for i := range 3 {
		v := int16(high) //nolint:gosec // G115: taking the low lane is the purpose
		e[4+i] = int32(v)
		high = (high - int64(v)) >> 16
	}
}

func pack(w [Labels]int8) (p packed) {
	for i, v := range w {
		p |= packed(uint8(int(v)+128)) << (8 * i) //nolint:gosec // G115: 0 to 255
	}
	return p
}

// ways is how many features share a bucket. Their tags are the lanes of one word, so
// that an absent feature, the usual case, costs one load.
const ways = 4

// table maps features to rows by a 15-bit tag within a bucket.
type table struct {
	tags []uint64
	rows []packed
	mask uint64
}

func newTable(buckets int) table {
	return table{rows: make([]packed, buckets*ways), tags: make([]uint64, buckets), mask: uint64(buckets - 1)} //nolint:gosec // G115: never negative
}

// tagOf is taken from bits that do not choose the bucket; 0 marks a free lane.
func tagOf(h uint64) uint64 { return h>>44&0xFFFF | 1 }

const lanes = 0x0001000100010001

// lookup adds the weights of feature h to s, if it has any.
func (t *table) lookup(h uint64, s *row) {
	b := h & t.mask
	x := t.tags[b] ^ tagOf(h)*lanes
	zero := (x - lanes) &^ x & (lanes << 15)
	if zero != 0 {
		s.add(t.rows[b*ways+uint64(bits.TrailingZeros64(zero))>>4].row()) //nolint:gosec // G115: below 64
	}
}

// insert gives feature h its weights; it reports whether the bucket had room.
func (t *table) insert(h uint64, w [Labels]int8) bool {
	b := h & t.mask
	for lane := range uint64(ways) {
		switch t.tags[b] >> (16 * lane) & 0xFFFF {
		case tagOf(h):
			return false
		case 0:
			t.tags[b] |= tagOf(h) << (16 * lane)
			t.rows[b*ways+lane] = pack(w)
			return true
		}
	}
	return false
}
