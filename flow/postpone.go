package flow

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// A model that must not be called for now is no failure of what was to be
// embedded with it: that goes back into the queue until the model is to be
// asked again, without having used up an attempt, and its worker is free.
// What needs no model, deletes and metadata, goes on.

// ready reports why the model would refuse a call, before any work is done
// for one.
func (x *Indexer) ready(ctx context.Context, b *batch) error {
	if len(b.written()) == 0 {
		return nil
	}
	embedder, err := x.Embedder(b.generation)
	if err != nil {
		return nil //nolint:nilerr // the embed step says so, for each item
	}
	return embedding.Ready(ctx, embedder)
}

// postpone ends the step for what needs the model.
func (x *Indexer) postpone(ctx context.Context, t *pipeline.Task, b *batch, why error) error {
	late := b.written()
	return x.commit(ctx, b, func(tx record.Tx) error {
		if err := tx.Passages().Unstage(ctx, b.epoch); err != nil {
			return err
		}
		// An attempt before this one has called the model, in vain: the fault
		// may lie with an item, which must not go round for ever.
		how := record.Untried
		if t.Attempt > 1 {
			how = record.Alone
		}
		if err := x.putOff(ctx, tx, b, late, why, how); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{"postponed": len(late)})
	})
}

// putOff gives items back until a model may be called again.
func (x *Indexer) putOff(ctx context.Context, tx record.Tx, b *batch, refs []record.Ref, why error, how record.Released) error {
	return tx.Changes().Release(ctx, b.epoch, refs, time.Now().Add(max(fault.RetryAfter(why), time.Second)), how)
}
