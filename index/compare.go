package index

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"sort"
	"strconv"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// Item is what an index holds of a passage, or of a record's metadata: then
// ID and Record are both the record's number, and Tag is the metadata's.
type Item struct {
	ID     int64
	Record int64
	Tag    uint64
}

// Sum stands for a set of items: two sets with one Sum are the same, but for
// a chance of 2^-64.
type Sum struct {
	Count  int64
	Digest uint64 // the sum, modulo 2^64, of the items' own
}

// Add adds an item, in any order.
func (s *Sum) Add(i Item) {
	s.Count++
	s.Digest += i.digest()
}

// digest is the beginning of the SHA-256 of the item's three numbers,
// big-endian: a database can compute it too.
func (i Item) digest() uint64 {
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], uint64(i.ID))      //nolint:gosec // its bits
	binary.BigEndian.PutUint64(b[8:], uint64(i.Record)) //nolint:gosec // its bits
	binary.BigEndian.PutUint64(b[16:], i.Tag)
	h := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(h[:])
}

// RangeOf is the place among the sums of Ranges of an id.
func RangeOf(bounds []int64, id int64) int {
	return sort.Search(len(bounds), func(i int) bool { return bounds[i] > id })
}

// CheckBounds refuses bounds that do not ascend.
func CheckBounds(bounds []int64) error {
	for i := 1; i < len(bounds); i++ {
		if bounds[i] <= bounds[i-1] {
			return fault.New(fault.Invalid, "the bounds of ranges must ascend; number %d does not", i)
		}
	}
	return nil
}

// Tag stands for the metadata: that of other metadata is another.
func (m Meta) Tag() uint64 {
	parts := make([]string, 0, 4*len(m))
	for _, field := range slices.Sorted(maps.Keys(m)) {
		if len(m[field]) == 0 {
			continue
		}
		parts = append(parts, field, strconv.Itoa(len(m[field])))
		for _, v := range m[field] {
			parts = append(parts, v.Key())
		}
	}
	return TagOf(digest.Of("metadata", parts...))
}

// TagOf makes a tag of a content address.
func TagOf(d digest.Digest) uint64 { return binary.BigEndian.Uint64(d[:]) }
