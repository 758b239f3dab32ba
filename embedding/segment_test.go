package embedding

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

func sampleVectors(sizes ...int) []record.Vector {
	out := make([]record.Vector, len(sizes))
	for i, n := range sizes {
		out[i] = record.Vector{Address: digest.Of("sample", string(rune('a'+i))), Data: bytes.Repeat([]byte{byte(i + 1)}, n)}
	}
	return out
}

func TestSegmentRoundTrip(t *testing.T) {
	for _, sizes := range [][]int{{4}, {8, 1024, 4}, {6144, 6144, 6144, 6144}} {
		in := sampleVectors(sizes...)
		b, rows := buildSegment(in)
		again, _ := buildSegment(in)
		if !bytes.Equal(b, again) {
			t.Error("equal vectors give different objects")
		}
		out, err := parseSegment(b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range in {
			if out[i].Address != in[i].Address || !bytes.Equal(out[i].Data, in[i].Data) {
				t.Errorf("entry %d of %v changed", i, sizes)
			}
			if !strings.HasPrefix(rows[i].Segment, segmentStem(b)) || rows[i].Offset != out[i].Offset || rows[i].Length != out[i].Length {
				t.Errorf("row %d of %v points elsewhere", i, sizes)
			}
		}
	}
}

func TestEntryOfAnotherAddressIsRefused(t *testing.T) {
	b, rows := buildSegment(sampleVectors(16, 16))
	entry := b[rows[0].Offset : rows[0].Offset+rows[0].Length]
	if _, err := openEntry(rows[0].Address, entry); err != nil {
		t.Errorf("its own: %v", err)
	}
	if _, err := openEntry(rows[1].Address, entry); err == nil {
		t.Error("another's was taken")
	}
}

// Computed with another implementation of CRC-32C.
const goldenTable, goldenEntry = 0x4825a525, 0x9d90e6a3

// The format is a promise: segments written today are read for ever.
func TestSegmentFormatIsStable(t *testing.T) {
	v := record.Vector{Address: digest.Of("golden"), Data: appendVector(nil, []float32{1, -2})}
	b, _ := buildSegment([]record.Vector{v})
	want := slices.Concat([]byte("HFVECS\x00\x01\x01\x00\x00\x00"), b[12:16], v.Address[:],
		[]byte{60, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0}, b[60:64], []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0})
	if !bytes.Equal(b, want) {
		t.Errorf("segment is % x", b)
	}
	if table, entry := binary.LittleEndian.Uint32(b[12:]), binary.LittleEndian.Uint32(b[60:]); table != goldenTable || entry != goldenEntry {
		t.Errorf("checksums are %#x and %#x", table, entry)
	}
}

// A segment that was changed anywhere is refused, and nothing makes the
// parser read out of bounds.
func FuzzParseSegment(f *testing.F) {
	for _, sizes := range [][]int{nil, {4}, {8, 1024, 4}} {
		b, _ := buildSegment(sampleVectors(sizes...))
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := parseSegment(b)
		if err != nil {
			return
		}
		for i, v := range out {
			if v.Offset < 0 || v.Length < entryCheck || v.Offset+v.Length > int64(len(b)) {
				t.Fatalf("entry %d spans %d+%d of %d bytes", i, v.Offset, v.Length, len(b))
			}
			if _, err := openEntry(v.Address, b[v.Offset:v.Offset+v.Length]); err != nil {
				t.Fatalf("entry %d: %v", i, err)
			}
		}
	})
}

func FuzzVectorEncoding(f *testing.F) {
	f.Add([]byte{0, 0, 0x80, 0x3f, 1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		b = b[:len(b)/valueSize*valueSize]
		v := decodeVector(nil, b)
		for i, x := range v { // a signalling NaN may become a quiet one
			if math.IsNaN(float64(x)) {
				v[i] = 0
				clear(b[i*valueSize : (i+1)*valueSize])
			}
		}
		if got := appendVector(nil, v); !bytes.Equal(got, b) {
			t.Errorf("% x became % x", b, got)
		}
	})
}

func TestRangesReadNearEntriesTogether(t *testing.T) {
	row := func(segment string, offset, length int64) record.Vector {
		return record.Vector{Segment: segment, Offset: offset, Length: length}
	}
	rows := []record.Vector{
		row("b", 0, 100), row("a", 5000, 100), row("a", 0, 100), row("a", 100, 100),
		row("a", 1<<20, 100), row("a", 2<<20, readMax-50), row("a", 2<<20+readMax-50, 100),
	}
	var got []int
	total := 0
	for _, r := range ranges(rows) {
		got = append(got, len(r))
		total += len(r)
	}
	if want := []int{3, 1, 1, 1, 1}; !slices.Equal(got, want) || total != len(rows) {
		t.Errorf("ranges of %v rows, want %v", got, want)
	}
}
