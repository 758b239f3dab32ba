package record

import (
	"context"
	"iter"
)

// Source is what a collection is attached to: a table or view where its rows
// live, which stays the truth. It is safe for concurrent use.
//
// An error of kind fault.Unavailable says that the source cannot be reached
// now; fault.Invalid and fault.Denied that it is not what the declaration
// says or may not be read, which somebody has to mend.
//
// A row is known by its id: the text of its key; several columns are joined
// by "/", in each of which "%" and "/" stand as %25 and %2F.
type Source interface {
	// Inspect compares what is there with the declaration.
	Inspect(ctx context.Context) (Shape, error)
	// Plan says what Install and Remove would do now, in the words of the
	// source, and changes nothing.
	Plan(ctx context.Context, token string) (SourcePlan, error)
	// Install puts what is missing, so that changes are logged from then on in
	// the transactions that make them. token names the installation: the log
	// of another is taken over only if takeOver is set, fault.Conflict
	// otherwise. It never waits long for a lock; after an error it may be
	// called again and goes on.
	Install(ctx context.Context, token string, takeOver bool) error
	// Remove takes everything away that Install put.
	Remove(ctx context.Context) error

	// Changes returns ids that may have changed, in no order, up to about
	// limit. after is the Next of the previous call whose rows were written.
	// A change is returned again until it is acknowledged; one that is made
	// after the call is not lost by acknowledging what the call returned.
	Changes(ctx context.Context, after string, limit int) (SourceChanges, error)
	// Acknowledge forgets what Changes returned, once it is durable elsewhere.
	Acknowledge(ctx context.Context, c SourceChanges) error
	// Scan yields up to limit rows of a part (see Shape) with keys after that
	// of the given id, in the order of keys.
	Scan(ctx context.Context, part, after string, limit int) iter.Seq2[SourceRow, error]
	// Rows yields the rows of these ids as they are now; what is not there is
	// left out.
	Rows(ctx context.Context, ids []string) iter.Seq2[SourceRow, error]
	// Existing returns those of the ids that have a row now, in no order.
	Existing(ctx context.Context, ids []string) ([]string, error)
	// Close releases the connections.
	Close()
}

// MaxRow is the most bytes that the fields of a row may have as JSON.
const MaxRow = 16 << 20

// SourceRow is a row as it is now.
type SourceRow struct {
	ID     string
	Fields Fields
	Size   int // bytes, about
	// Err says why the row cannot be a record: its id, or its size. It stops
	// nothing else.
	Err error
}

// Shape is what a source looks like.
type Shape struct {
	// Token names the installation that logs changes; empty if there is none.
	Token string
	// Whole names all rows, for Scan.
	Whole string
	// Parts are the tables that hold rows, by name: the table, or its
	// partitions.
	Parts []string
	// Unlogged are the parts whose changes are not all logged, as a partition
	// was added; Install amends it.
	Unlogged []string
	// Outdated says that what is installed was made for another declaration.
	Outdated bool
	// Polled says that there is no log: deletes, and what Changes may have
	// missed, show only when all rows are compared.
	Polled bool
	// Rows is about how many there are; Backlog how many entries wait in the
	// log, at least.
	Rows, Backlog int64
	// Warning is what an operator should know though all works; may be empty.
	Warning string
}

// SourcePlan is what Install and Remove would do.
type SourcePlan struct {
	// Install and Remove are transactions, each a list of statements.
	Install [][]string `json:"install"`
	Remove  [][]string `json:"remove"`
}

// SourceChanges is a portion of the log.
type SourceChanges struct {
	IDs []string
	// All says that any row may have changed or gone, as after a truncation.
	All bool
	// Next is the place to go on from, to be kept with the rows.
	Next string
	// More says that there is more already.
	More bool
	// Entries is what Acknowledge forgets; only the driver knows what it is.
	Entries any
}
