package builtin

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the table
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
)

//go:embed model.bin
var modelFile []byte

// The file, little-endian:
//
//	magic    [8]byte   "HFSTATIC"
//	version  uint32    1
//	dims     uint32    a multiple of 8
//	tokens   uint32
//	words    uint32    bytes of the vocabulary
//	digest   [32]byte  SHA-256 of all that follows
//	words    the tokens in order of id, each followed by a newline
//	weights  [tokens]uint16
//	rows     [tokens][dims]uint8, a value is (byte - 128) × weight; the common factor is lost in normalising
const (
	magic      = "HFSTATIC"
	version    = 1
	headerSize = 56
)

const (
	// block is how many tokens are summed at once: their rows stay in the first-level cache while the sum of a few
	// dimensions is in registers.
	block = 64
	// maxBeforeFlush keeps 32-bit sums of byte × uint16 weight from overflowing.
	maxBeforeFlush = 256
	bias           = 128
)

// table holds a token's vector as bytes and a weight. All sums are of integers, so a text has the same vector on every
// processor.
type table struct {
	dims    int
	rows    []byte
	weights []uint16
}

// parse reads the file and checks its digest.
func parse(file []byte) (*Model, error) {
	if len(file) < headerSize || string(file[:8]) != magic {
		return nil, errors.New("not a model table")
	}
	if v := binary.LittleEndian.Uint32(file[8:]); v != version {
		return nil, fmt.Errorf("version %d of the model table, want %d", v, version)
	}
	dims, tokens, words := int(binary.LittleEndian.Uint32(file[12:])), int(binary.LittleEndian.Uint32(file[16:])), int(binary.LittleEndian.Uint32(file[20:]))
	body := file[headerSize:]
	if dims == 0 || dims%8 != 0 || tokens > math.MaxInt32 || len(body) != words+2*tokens+tokens*dims {
		return nil, errors.New("model table is cut short")
	}
	sum := sha256.Sum256(body)
	if !bytes.Equal(sum[:], file[24:headerSize]) {
		return nil, errors.New("model table does not match its digest")
	}
	m := &Model{
		revision: hex.EncodeToString(sum[:]),
		table:    table{dims: dims, rows: body[words+2*tokens:], weights: make([]uint16, tokens)},
	}
	for i := range m.table.weights {
		m.table.weights[i] = binary.LittleEndian.Uint16(body[words+2*i:])
	}
	return m, m.vocabulary.read(body[:words], tokens)
}

// read fills the vocabulary from lines, whose number is the token's id.
func (v *vocabulary) read(lines []byte, tokens int) error {
	v.starts, v.continues, v.unknown = newPieces(tokens), newPieces(tokens), -1
	for id := range tokens {
		line, rest, ok := bytes.Cut(lines, []byte{'\n'})
		if !ok || len(line) == 0 || len(line) > maxPieceBytes {
			return fmt.Errorf("model table: token %d is malformed", id)
		}
		lines = rest
		switch tail, isTail := bytes.CutPrefix(line, []byte(continuation)); {
		case string(line) == unknown:
			v.unknown = int32(id)
		case isTail && len(tail) > 0:
			v.continues.add(tail, int32(id))
		default:
			v.starts.add(line, int32(id))
		}
	}
	if v.unknown < 0 {
		return fmt.Errorf("model table has no token %s", unknown)
	}
	return nil
}

// sum gathers weighted rows. Two dimensions share a 64-bit accumulator, 32 bits each (SIMD within a register).
type sum struct {
	table   *table
	ids     [block]int32
	shifts  [block]uint8
	n       int
	pending int      // rows in lanes since the last flush
	bias    uint64   // weight × bias of those rows
	lanes   []uint64 // dims/2; lane 4i+k holds dimensions 8i+k and 8i+k+4
	total   []int64
}

// add takes a token at 2^-shift of its weight.
func (s *sum) add(id int32, shift uint8) {
	if s.n == block {
		s.drain()
	}
	s.ids[s.n], s.shifts[s.n] = id, shift
	s.n++
}

// drain adds the waiting rows to the lanes.
func (s *sum) drain() {
	if s.n == 0 {
		return
	}
	if s.pending+s.n > maxBeforeFlush {
		s.flush()
	}
	const lanes = 0x000000FF000000FF
	var weights [block]uint64
	var offsets [block]int
	for t := range s.n {
		weights[t] = uint64(s.table.weights[s.ids[t]] >> s.shifts[t])
		offsets[t] = int(s.ids[t]) * s.table.dims
		s.bias += weights[t] * bias
	}
	for i := 0; i < s.table.dims/8; i++ {
		acc := s.lanes[4*i : 4*i+4 : 4*i+4]
		a, b, c, d := acc[0], acc[1], acc[2], acc[3]
		rows := s.table.rows[8*i:]
		for t := range s.n {
			x, w := binary.LittleEndian.Uint64(rows[offsets[t]:]), weights[t]
			a += x & lanes * w
			b += x >> 8 & lanes * w
			c += x >> 16 & lanes * w
			d += x >> 24 & lanes * w
		}
		acc[0], acc[1], acc[2], acc[3] = a, b, c, d
	}
	s.pending += s.n
	s.n = 0
}

// flush moves the lanes to the totals.
func (s *sum) flush() {
	for lane, v := range s.lanes {
		at := lane/4*8 + lane%4
		s.total[at] += int64(v&math.MaxUint32) - int64(s.bias) //nolint:gosec // both are below 2^33
		s.total[at+4] += int64(v>>32) - int64(s.bias)          //nolint:gosec // as above
		s.lanes[lane] = 0
	}
	s.bias, s.pending = 0, 0
}

// normalised appends the sum at length 1, or the last unit vector if it is zero.
func (s *sum) normalised(dst []float32) []float32 {
	s.drain()
	s.flush()
	var squares float64
	for _, v := range s.total {
		f := float64(v)
		squares += float64(f * f) // the conversion forbids a fused multiply-add, which would round differently
	}
	if squares == 0 {
		dst = append(dst, make([]float32, len(s.total))...)
		dst[len(dst)-1] = 1
		return dst
	}
	norm := math.Sqrt(squares)
	for _, v := range s.total {
		dst = append(dst, float32(float64(v)/norm))
	}
	return dst
}
