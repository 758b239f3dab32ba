package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// guards orders what is done to each index by this process.
type guards struct {
	mu sync.Mutex
	by map[record.GenerationID]*guard
}

type guard struct {
	// open is held for reading while a step uses the index, and for writing by
	// whoever drops it.
	open sync.RWMutex
	// order is held from the look at the lease to the end of Apply: a worker
	// that has lost its lease must not undo what the next one has applied.
	order sync.Mutex
}

func (g *guards) of(id record.GenerationID) *guard {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.by[id]
	if one == nil {
		if g.by == nil {
			g.by = map[record.GenerationID]*guard{}
		}
		one = new(guard)
		g.by[id] = one
	}
	return one
}

// batch is what one step works on.
type batch struct {
	epoch      int64
	collection record.Collection
	generation record.Generation
	policy     gate.Policy
	changes    map[record.Ref]record.Change
	records    map[record.Ref]record.Record
}

// declaration is what the generation was built from, whatever the
// collection's has become.
func (b *batch) declaration() *record.Declaration {
	if b.generation.Declaration.Collection != "" {
		return &b.generation.Declaration
	}
	return &b.collection.Declaration
}

// refs lists the records of the batch in order.
func (b *batch) refs() []record.Ref {
	out := make([]record.Ref, 0, len(b.changes))
	for ref := range b.changes {
		out = append(out, ref)
	}
	slices.Sort(out)
	return out
}

// written lists the records whose content is to be processed.
func (b *batch) written() []record.Ref {
	return slices.DeleteFunc(b.refs(), func(ref record.Ref) bool {
		r, ok := b.records[ref]
		return !ok || r.Deleted || b.changes[ref].What&record.Content == 0
	})
}

// gone lists the records that there are no more.
func (b *batch) gone() []record.Ref {
	return slices.DeleteFunc(b.refs(), func(ref record.Ref) bool {
		r, ok := b.records[ref]
		return ok && !r.Deleted
	})
}

// step loads the batch that an attempt works on. A batch that is empty, since
// its lease was lost or every item has dropped out, is done.
func (x *Indexer) step(run func(context.Context, *pipeline.Task, *batch) error) func(context.Context, *pipeline.Task) error {
	return func(ctx context.Context, t *pipeline.Task) error {
		b, err := x.load(ctx, t.Input)
		if err != nil {
			return err
		}
		if b == nil || len(b.changes) == 0 {
			return nil
		}
		return run(ctx, t, b)
	}
}

func (x *Indexer) load(ctx context.Context, input json.RawMessage) (*batch, error) {
	var in indexInput
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, fmt.Errorf("read run's input: %w", err)
	}
	var b *batch
	err := x.Records.View(ctx, func(tx record.Tx) error {
		b = nil
		lease, err := tx.Changes().Held(ctx, in.Epoch)
		if err != nil || len(lease.Changes) == 0 {
			return err
		}
		got := &batch{epoch: in.Epoch, changes: make(map[record.Ref]record.Change, len(lease.Changes))}
		refs := make([]record.Ref, len(lease.Changes))
		for i, c := range lease.Changes {
			got.changes[c.Ref], refs[i] = c, c.Ref
		}
		if got.collection, err = tx.Collections().Find(ctx, lease.Collection); err != nil {
			return err
		}
		if got.generation, err = FindGeneration(ctx, tx, lease.Collection, lease.Generation); err != nil {
			return err
		}
		if got.records, err = tx.Records().Load(ctx, refs); err != nil {
			return err
		}
		b = got
		return nil
	})
	if err != nil || b == nil {
		return nil, err
	}
	b.policy, err = x.Policy(b.generation)
	return b, err
}

// commit runs fn in a transaction if every item of the batch is still held
// under its lease. A worker that has lost one changes nothing, and the step
// starts again with what is left.
func (x *Indexer) commit(ctx context.Context, b *batch, fn func(tx record.Tx) error) error {
	return x.Records.Update(ctx, func(tx record.Tx) error {
		if err := stillHeld(ctx, tx, b); err != nil {
			return err
		}
		return fn(tx)
	})
}

func stillHeld(ctx context.Context, tx record.Tx, b *batch) error {
	lease, err := tx.Changes().Held(ctx, b.epoch)
	if err != nil {
		return err
	}
	if lost := len(b.changes) - len(lease.Changes); lost != 0 {
		return fault.New(fault.Unavailable, "the lease of %d records was lost", lost)
	}
	return nil
}

// drop takes items that failed out of the batch: back to the queue if the
// fault is transient, to the dead letters if not. The others go on.
func (x *Indexer) drop(ctx context.Context, tx record.Tx, t *pipeline.Task, b *batch, failed map[record.Ref]error) error {
	for _, ref := range b.refs() {
		err, bad := failed[ref]
		if !bad {
			continue
		}
		if embedding.Blocked(err) {
			if err := x.putOff(ctx, tx, b, []record.Ref{ref}, err, record.Untried); err != nil {
				return err
			}
			continue
		}
		tries := b.changes[ref].Attempts + 1
		if fault.Retryable(err) && tries < x.Retry.Limit() {
			if err := tx.Changes().Release(ctx, b.epoch, []record.Ref{ref}, time.Now().Add(x.Retry.Wait(tries, err)), record.Tried); err != nil {
				return err
			}
			continue
		}
		letter := record.DeadLetter{
			Collection: b.collection.ID, Generation: b.generation.ID, Ref: ref, Pipeline: t.Pipeline, Step: t.Step, Run: t.Run, Attempts: tries,
		}
		if err := x.bury(ctx, tx, b.epoch, letter, err); err != nil {
			return err
		}
	}
	return nil
}

func (x *Indexer) bury(ctx context.Context, tx record.Tx, epoch int64, letter record.DeadLetter, cause error) error {
	now := time.Now()
	letter.Kind, letter.Message = fault.KindOf(cause), fault.Public(cause)
	letter.FirstAt, letter.LastAt = now, now
	if err := tx.Changes().Bury(ctx, epoch, []record.Ref{letter.Ref}); err != nil {
		return err
	}
	return tx.DeadLetters().Put(ctx, letter)
}

// failed is what becomes of a batch whose step failed as a whole. The fault
// may lie with one of its items, a transient one too, as where a text makes a
// model time out: each is tried alone, so that one bad item stops nothing. An
// item that fails alone becomes a dead letter.
func (x *Indexer) failed(ctx context.Context, tx record.Tx, f pipeline.Failure) error {
	var in indexInput
	if err := json.Unmarshal(f.Input, &in); err != nil {
		return fmt.Errorf("read run's input: %w", err)
	}
	lease, err := tx.Changes().Held(ctx, in.Epoch)
	if err != nil {
		return err
	}
	if err := tx.Passages().Unstage(ctx, in.Epoch); err != nil {
		return err
	}
	if len(lease.Changes) > 1 {
		refs := make([]record.Ref, len(lease.Changes))
		for i, c := range lease.Changes {
			refs[i] = c.Ref
		}
		return tx.Changes().Release(ctx, in.Epoch, refs, time.Now(), record.Alone)
	}
	for _, c := range lease.Changes {
		letter := record.DeadLetter{
			Collection: lease.Collection, Generation: lease.Generation, Ref: c.Ref, Pipeline: f.Pipeline, Step: f.Step, Run: f.Run,
			Attempts: c.Attempts + f.Attempts,
		}
		if err := x.bury(ctx, tx, in.Epoch, letter, f.Err); err != nil {
			return err
		}
	}
	return nil
}
