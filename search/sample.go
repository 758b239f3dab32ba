package search

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// Queries are sampled so that a new generation can be evaluated on what is
// really asked: a uniform sample of a collection's queries, after the gate and
// sealed, in one document for a collection.
const (
	queriesKind = "queries"
	// sampleSize is how many queries are kept of a collection.
	sampleSize = 200
	// sampleBytes is the longest sealed query that is kept.
	sampleBytes = 1024
	// sampleWait is the most queries that wait to be stored; the rest of a
	// burst is left out.
	sampleWait = 4 * sampleSize
)

// samples are queries that are not stored yet.
type samples struct {
	mu  sync.Mutex
	new map[record.CollectionID][]gate.Sealed
}

// reservoir is what is stored: Seen counts all queries, those left out too.
type reservoir struct {
	Seen    int64         `json:"seen"`
	Queries []gate.Sealed `json:"queries"`
}

// sampled notes the query of a plan.
func (s *Searcher) sampled(p *plan) {
	sealed := s.Gate.Seal(p.text, p.generation.Recipe)
	if len(sealed) > sampleBytes {
		return
	}
	s.samples.mu.Lock()
	defer s.samples.mu.Unlock()
	waiting := s.samples.new[p.collection.ID]
	if len(waiting) >= sampleWait {
		return
	}
	if s.samples.new == nil {
		s.samples.new = map[record.CollectionID][]gate.Sealed{}
	}
	s.samples.new[p.collection.ID] = append(waiting, sealed)
}

// StoreSamples stores the queries that were sampled since it was last called.
func (s *Searcher) StoreSamples(ctx context.Context) error {
	s.samples.mu.Lock()
	waiting := s.samples.new
	s.samples.new = nil
	s.samples.mu.Unlock()
	for c, queries := range waiting {
		err := s.Records.Update(ctx, func(tx record.Tx) error {
			key := fmt.Sprint(c)
			if _, err := tx.Collections().Find(ctx, c); err != nil {
				return err
			}
			r, err := readReservoir(ctx, tx, c)
			if err != nil {
				return err
			}
			for _, q := range queries {
				r.add(q)
			}
			_, err = tx.Objects().Put(ctx, queriesKind, key, r, record.AnyVersion)
			return err
		})
		if err != nil && fault.KindOf(err) != fault.NotFound { // dropped meanwhile
			return fmt.Errorf("store sampled queries: %w", err)
		}
	}
	return nil
}

// add keeps each of the queries seen with the same probability (Vitter's
// algorithm R).
func (r *reservoir) add(q gate.Sealed) {
	r.Seen++
	if len(r.Queries) < sampleSize {
		r.Queries = append(r.Queries, q)
	} else if at := rand.Int64N(r.Seen); at < sampleSize { //nolint:gosec // a sample needs no secrecy
		r.Queries[at] = q
	}
}

func readReservoir(ctx context.Context, tx record.Tx, c record.CollectionID) (reservoir, error) {
	var r reservoir
	o, err := tx.Objects().Get(ctx, queriesKind, fmt.Sprint(c))
	if fault.KindOf(err) == fault.NotFound {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, o.Decode(&r)
}

// ForgetSamples deletes what was sampled of a collection that is dropped.
func ForgetSamples(ctx context.Context, tx record.Tx, c record.CollectionID) error {
	for _, kind := range []string{queriesKind, judgedKind} {
		if err := tx.Objects().Delete(ctx, kind, fmt.Sprint(c)); err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	return nil
}
