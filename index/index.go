// Package index is the contract of the vector and lexical search behind a
// generation. An index is a cache: it holds vectors, words of the display
// form and transformed metadata under internal ids, and can be deleted and
// rebuilt from the record store at any time.
//
// A driver is done when the suite conform.Index passes on it.
package index

import (
	"context"
	"errors"

	"github.com/holdfast/holdfast/gate"
)

// Entry is one passage as an index holds it.
type Entry struct {
	ID     int64 // the passage's number
	Record int64 // the record's internal number
	// Tag stands for what the entry was made from. The index keeps it, so that
	// an entry made from something else can be told.
	Tag    uint64
	Vector []float32
	Text   gate.Clean // its display form is searched lexically
}

// Meta is a record's metadata by field; a list has one Value an element.
type Meta map[string][]gate.Value

// Batch is a set of changes that an index takes up together. Its parts take
// effect in the order in which they stand here, so that a record can be
// forgotten and put anew in one batch. Applied again after a crash, a batch
// changes nothing.
type Batch struct {
	Forget []int64        // records to forget, with their passages and metadata
	Delete []int64        // passages to forget; unknown ones are ignored
	Meta   map[int64]Meta // whole new metadata of records, which may have no passages yet
	Upsert []Entry        // of entries with one id the last counts
}

// Hit is a passage that an index found.
type Hit struct {
	ID     int64
	Record int64
	Score  float32 // cosine similarity, or BM25; higher is better
}

// Part is one of the two kinds of thing that an index holds.
type Part uint8

// The parts. Metadata that has no value at all is not held.
const (
	Passages Part = iota // entries, by id
	Metadata             // records' metadata, by record
)

// Index is one generation's index. It is safe for concurrent use; a search
// sees each batch whole or not at all.
type Index interface {
	// Apply takes up a batch. When it returns, the batch is durable and
	// searchable. It fails with fault.Invalid, and changes nothing, if a vector
	// has the wrong length, no length at all (all zeros) or a component that is
	// no number; the error names the entry.
	Apply(ctx context.Context, b Batch) error
	// Vector returns the k entries nearest to a vector among those whose
	// record's metadata matches, best first, ties by ID. Fewer than k means
	// that there are no more. Of a large index a driver may miss some of the
	// nearest, but gives others instead. Records without metadata are matched as
	// an empty Meta.
	Vector(ctx context.Context, vector []float32, k int, f *Filter) ([]Hit, error)
	// Lexical returns the k best entries by BM25 likewise; entries that share
	// no word with the query are not returned.
	Lexical(ctx context.Context, query gate.Clean, k int, f *Filter) ([]Hit, error)
	// Scan returns up to limit items of a part with ids after the given one, by id.
	Scan(ctx context.Context, part Part, after int64, limit int) ([]Item, error)
	// Ranges sums up all items of a part, range by range: one Sum for ids below
	// the first bound, one for each range from a bound to below the next, and one
	// from the last bound on. Bounds ascend. A million items take seconds.
	Ranges(ctx context.Context, part Part, bounds []int64) ([]Sum, error)
	// Count counts the entries.
	Count(ctx context.Context) (int64, error)
	// Close makes the index quick to open again; without it nothing is lost.
	Close() error
}

// ErrDamaged says that an index cannot be read whole any more. It answers no
// search rather than a wrong one: Drop it, Open it again, and rebuild it from
// the record store.
var ErrDamaged = errors.New("the index is damaged; drop it and rebuild it from the records")

// Spec names an index and the space of its vectors.
type Spec struct {
	Name       string // of the generation: letters, digits, "-"
	Dimensions int
}

// Opener makes and finds indexes.
type Opener interface {
	// Open opens the index of that name, creating an empty one if there is
	// none. It fails with fault.Conflict if it exists with other dimensions,
	// and with ErrDamaged if what it held is lost.
	Open(ctx context.Context, spec Spec) (Index, error)
	// Drop deletes an index; one that does not exist is no error.
	Drop(ctx context.Context, name string) error
}
