package embedding

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// tally gathers what goes into the ledger until the store has a transaction
// to write it in anyway: the vectors and what they cost commit together.
type tally struct {
	deciding sync.Mutex // held while a budget is looked at and reserved from

	mu       sync.Mutex
	waiting  map[ledgerKey]*owed
	writing  map[string]float64 // micros by model, taken and not yet committed
	reserved map[string]float64 // micros by model, of calls under way
	rest     map[ledgerKey]float64
}

// owed is an entry whose price is not rounded yet.
type owed struct {
	record.LedgerEntry
	micros float64
}

// ledgerKey is an entry without its sums.
type ledgerKey record.LedgerEntry

func keyOf(e record.LedgerEntry) ledgerKey {
	return ledgerKey{
		Day: record.DayOf(record.DayNumber(e.Day)), Collection: e.Collection, Model: e.Model, Space: e.Space, Purpose: e.Purpose,
	}
}

func newTally() *tally {
	return &tally{
		waiting: map[ledgerKey]*owed{}, writing: map[string]float64{}, reserved: map[string]float64{}, rest: map[ledgerKey]float64{},
	}
}

func (t *tally) reserve(model string, micros float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved[model] += micros
}

// settle puts what a call cost in the place of what was reserved for it.
func (t *tally) settle(model string, reserved float64, e owed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reserved[model] -= reserved
	t.put(e)
}

// add adds an entry without a price.
func (t *tally) add(e record.LedgerEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(owed{LedgerEntry: e})
}

// put is called with mu held.
func (t *tally) put(e owed) {
	sums := [...]int64{e.Requests, e.Tokens, e.Computed, e.Reused, e.SavedTokens}
	if sums == [len(sums)]int64{} {
		return
	}
	key := keyOf(e.LedgerEntry)
	sum := t.waiting[key]
	if sum == nil {
		sum = &owed{LedgerEntry: record.LedgerEntry(key), micros: t.rest[key]}
		delete(t.rest, key)
		t.waiting[key] = sum
	}
	sum.Requests += e.Requests
	sum.Tokens += e.Tokens
	sum.Computed += e.Computed
	sum.Reused += e.Reused
	sum.SavedTokens += e.SavedTokens
	sum.micros += e.micros
}

// open is what a model ("" all) has cost or may cost that the ledger lacks.
func (t *tally) open(model string) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0.0
	for _, of := range []map[string]float64{t.writing, t.reserved} {
		for name, micros := range of {
			if model == "" || name == model {
				sum += micros
			}
		}
	}
	for _, e := range t.waiting {
		if model == "" || e.Model == model {
			sum += e.micros
		}
	}
	return sum
}

// take hands out what has gathered; it must be given back or done with.
func (t *tally) take() []owed {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]owed, 0, len(t.waiting))
	for key, e := range t.waiting {
		whole := math.Floor(e.micros)
		t.rest[key] = e.micros - whole // with the next entry of its key
		e.micros, e.Micros = whole, int64(whole)
		t.writing[e.Model] += whole
		out = append(out, *e)
	}
	clear(t.waiting)
	return out
}

// done ends the writing of entries; what was not written waits again.
func (t *tally) done(entries []owed, written bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range entries {
		t.writing[e.Model] -= e.micros
		if !written {
			e.Micros = 0
			t.put(e)
		}
	}
}

// update runs fn in a transaction that also writes what has gathered for the ledger.
func (s *Store) update(ctx context.Context, fn func(record.Tx) error) error {
	entries := s.tally.take()
	rows := make([]record.LedgerEntry, len(entries))
	for i := range entries {
		rows[i] = entries[i].LedgerEntry
	}
	err := s.cfg.Records.Update(ctx, func(tx record.Tx) error {
		if len(rows) > 0 {
			if err := tx.Ledger().Add(ctx, rows); err != nil {
				return err
			}
		}
		return fn(tx)
	})
	s.tally.done(entries, err == nil)
	return err
}

// Flush writes what has gathered for the ledger: queries and reuse, which make
// no transaction of their own.
func (s *Store) Flush(ctx context.Context) error {
	s.tally.mu.Lock()
	idle := len(s.tally.waiting) == 0
	s.tally.mu.Unlock()
	if idle {
		return nil
	}
	if err := s.update(ctx, func(record.Tx) error { return nil }); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	return nil
}

// count notes what became of texts.
func (s *Store) count(e Embedder, purpose Purpose, computed, reused, saved int) {
	g, ok := e.(Guarded)
	if !ok {
		return
	}
	c := &call{purpose: purpose, bill: g.bill}
	entry := g.budget.bill(c).LedgerEntry
	entry.Computed, entry.Reused, entry.SavedTokens = int64(computed), int64(reused), int64(saved)
	s.tally.add(entry)
}

// object reads a document; one that is missing has version 0.
func (s *Store) object(ctx context.Context, kind, key string) (o record.Object, err error) {
	err = s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
		o, err = tx.Objects().Get(ctx, kind, key)
		return err
	})
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return record.Object{}, nil
	}
	return o, err
}

func isCancelled(err error) bool { return errors.Is(err, context.Canceled) }
