package record

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/digest"
)

// Purpose says what a model was called for.
type Purpose string

// The purposes.
const (
	ForPassage    Purpose = "passage"
	ForQuery      Purpose = "query"
	ForCanary     Purpose = "canary"
	ForEvaluation Purpose = "evaluation"
)

// LedgerEntry is what calls to a model have cost and reuse has saved on one
// day, for one collection and purpose.
type LedgerEntry struct {
	Day        time.Time    // any moment of the day in UTC; read back as its first
	Collection CollectionID // 0 if it was for none
	Model      string       // the model's name in the configuration
	Space      digest.Digest
	Purpose    Purpose

	Requests    int64 // calls
	Tokens      int64 // that the provider counted, or was estimated to
	Computed    int64 // texts
	Reused      int64 // texts whose vectors were there already
	SavedTokens int64 // that the reused texts would have cost, estimated
	Micros      int64 // price in millionths of the currency
}

// LedgerFilter selects entries; zero values select all.
type LedgerFilter struct {
	Collection CollectionID
	Model      string
	From, To   time.Time // days from From's on, and before To's
}

// Ledger adds up what calls to models cost.
type Ledger interface {
	// Add adds entries to the sums of their day, collection, model, space and purpose.
	Add(ctx context.Context, entries []LedgerEntry) error
	// List returns sums by day, collection, model, purpose and space.
	List(ctx context.Context, f LedgerFilter) ([]LedgerEntry, error)
	// Total is the sum of what List would return.
	Total(ctx context.Context, f LedgerFilter) (LedgerEntry, error)
	// Sweep deletes what is older than a day, and says how many sums that were.
	Sweep(ctx context.Context, before time.Time) (int, error)
}

// DayNumber counts days in UTC since 1970; drivers store it.
func DayNumber(t time.Time) int64 {
	s := t.Unix()
	if s < 0 {
		s -= secondsOfDay - 1 // towards the past
	}
	return s / secondsOfDay
}

// DayOf is the first moment of a numbered day.
func DayOf(number int64) time.Time { return time.Unix(number*secondsOfDay, 0).UTC() }

const secondsOfDay = 24 * 60 * 60
