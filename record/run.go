package record

import (
	"context"
	"encoding/json"
	"time"

	"github.com/holdfast/holdfast/fault"
)

// State is where a run, a step or an attempt stands.
type State string

// The states. A step waits until all that it comes after is done.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Retrying  State = "retrying" // failed, to be tried again
	Succeeded State = "succeeded"
	Failed    State = "failed"
	Skipped   State = "skipped"
	Cancelled State = "cancelled"
)

// Done reports whether a state is final.
func (s State) Done() bool {
	return s == Succeeded || s == Failed || s == Skipped || s == Cancelled
}

// Run is one execution of a pipeline. It holds ids and counts, never text.
type Run struct {
	ID         string // sorts by start
	Pipeline   string
	Collection CollectionID // 0 if it belongs to none
	State      State
	Input      json.RawMessage
	StartedAt  time.Time
	FinishedAt time.Time // zero while it goes on
	Steps      []Step
}

// Step is one step of a run.
type Step struct {
	Name     string
	State    State
	Output   json.RawMessage
	Attempts []Attempt
}

// Attempt is one try at a step.
type Attempt struct {
	Number     int // from 1
	State      State
	Worker     string
	StartedAt  time.Time
	FinishedAt time.Time
	Kind       fault.Kind // of the error, if any
	Error      string     // without personal data
}

// RunFilter selects runs; zero values select all.
type RunFilter struct {
	Pipeline   string
	Collection CollectionID
	State      State
	Before     string // runs with ids before this one
	Limit      int
}

// Runs keeps runs, steps and attempts.
type Runs interface {
	// Create stores a run with its steps.
	Create(ctx context.Context, r Run) error
	// SetRun moves a run to a state; final states set FinishedAt.
	SetRun(ctx context.Context, id string, state State, at time.Time) error
	// SetStep moves a step to a state and stores its output, if any.
	SetStep(ctx context.Context, run, step string, state State, output json.RawMessage) error
	// PutAttempt stores an attempt or replaces the one with its number.
	PutAttempt(ctx context.Context, run, step string, a Attempt) error
	// Get returns a run with its steps and attempts; fault.NotFound if there is none.
	Get(ctx context.Context, id string) (Run, error)
	// List returns runs, newest first, with steps but without attempts.
	List(ctx context.Context, f RunFilter) ([]Run, error)
	// Sweep deletes finished runs that ended before a time, at most limit, and
	// says how many.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// DeadLetter is an item that failed for good: what, where, why, how often.
// There is one for a record and step in a generation.
type DeadLetter struct {
	ID         int64
	Collection CollectionID
	Generation GenerationID
	Ref        Ref
	Pipeline   string
	Step       string
	Run        string // the last run that it failed in
	Kind       fault.Kind
	Message    string // without personal data
	Attempts   int
	FirstAt    time.Time
	LastAt     time.Time
}

// DeadLetterFilter selects open dead letters; zero values select all.
type DeadLetterFilter struct {
	Collection CollectionID
	Generation GenerationID
	Ref        Ref
	Kind       *fault.Kind
	IDs        []int64
	After      int64 // ids after this one
	Limit      int
}

// DeadLetters keeps what failed for good until it is replayed with success
// or its record is gone.
type DeadLetters interface {
	// Put stores a dead letter; one that is open for the record, step and
	// generation gets the new reason, its attempts add up, and FirstAt stays.
	Put(ctx context.Context, d DeadLetter) error
	// List returns open dead letters by id.
	List(ctx context.Context, f DeadLetterFilter) ([]DeadLetter, error)
	// Resolve closes the dead letters of records that have now been indexed.
	Resolve(ctx context.Context, g GenerationID, refs []Ref, at time.Time) error
	// Count counts the open ones of a collection; 0 counts all.
	Count(ctx context.Context, c CollectionID) (int64, error)
	// Sweep deletes dead letters that were resolved before a time, at most
	// limit, and says how many.
	Sweep(ctx context.Context, before time.Time, limit int) (int, error)
}

// AuditEntry is one decision about one action.
type AuditEntry struct {
	At        time.Time
	Principal string
	Action    string
	Resource  string // a collection or an internal id, never a value
	Allowed   bool
	Reason    string
}

// Audit is the trail of decisions: only ever appended to.
type Audit interface {
	// Append stores entries.
	Append(ctx context.Context, entries []AuditEntry) error
	// List returns up to limit entries, newest first, before a number (0 for
	// the newest), and the number to go on from.
	List(ctx context.Context, before int64, limit int) ([]AuditEntry, int64, error)
}
