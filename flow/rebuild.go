package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// RebuildPipeline is the name of the pipeline that restores an index.
const RebuildPipeline = "rebuild"

type rebuildInput struct {
	Collection record.CollectionID `json:"collection"`
}

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Records  int64         `json:"records"`
	Passages int64         `json:"passages"`
	Took     time.Duration `json:"took"` // from the start of the run to its end
}

const (
	// rebuildTimeout bounds the wait for the queue.
	rebuildTimeout = 24 * time.Hour
	// refillLook is how often it is looked at.
	refillLook = 100 * time.Millisecond
)

// StartRebuild starts a run that restores the index of a collection's active
// generation from sealed passages and stored vectors: no model is called and
// the gate is not run again. Changes go on being indexed meanwhile. A rebuild
// that is under way already is joined.
func (x *Indexer) StartRebuild(ctx context.Context, c record.Collection) (run string, err error) {
	err = x.Records.Update(ctx, func(tx record.Tx) error {
		going, err := tx.Runs().List(ctx, record.RunFilter{
			Pipeline: RebuildPipeline, Collection: c.ID, State: record.Running, Limit: 1,
		})
		if err != nil {
			return err
		}
		if len(going) > 0 {
			run = going[0].ID
			return nil
		}
		run, err = x.Engine.Enqueue(ctx, tx, pipeline.Start{
			Pipeline: RebuildPipeline, Collection: c.ID, Input: rebuildInput{c.ID},
		})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("start rebuild: %w", err)
	}
	x.Engine.Wake()
	return run, nil
}

// Rebuild starts a rebuild and waits for its end; when ctx ends before that,
// the rebuild goes on. changed returns a channel that is closed when a step
// has ended. progress, if set, is told how many records are done of how many.
func (x *Indexer) Rebuild(ctx context.Context, c record.Collection, changed func() <-chan struct{}, progress func(done, total int64)) (Rebuilt, error) {
	var done Rebuilt
	id, err := x.StartRebuild(ctx, c)
	if err != nil {
		return done, err
	}
	if progress != nil {
		x.progress.Store(id, progress)
		defer x.progress.Delete(id)
	}
	run, err := x.follow(ctx, id, changed)
	if err != nil {
		return done, err
	}
	if err := json.Unmarshal(run.Steps[len(run.Steps)-1].Output, &done); err != nil {
		return done, fmt.Errorf("read rebuild's result: %w", err)
	}
	done.Took = run.FinishedAt.Sub(run.StartedAt)
	return done, nil
}

// DropIndex deletes the index of a generation.
func (x *Indexer) DropIndex(ctx context.Context, g record.Generation) error {
	guard := x.guards.of(g.ID)
	guard.open.Lock()
	defer guard.open.Unlock()
	if err := x.Indexes.Drop(ctx, Spec(g).Name); err != nil {
		return fmt.Errorf("drop index: %w", err)
	}
	return nil
}

// emptied is what the first step of a rebuild leaves for the second.
type emptied struct {
	Generation record.GenerationID `json:"generation"`
	Number     int64               `json:"number"` // of the change that makes every record pending
	Records    int64               `json:"records"`
	Passages   int64               `json:"passages"`
}

// empty drops the index and puts all that it held back into the queue, whose
// ordinary work fills it again: in the order of the leases, so that it never
// brings back what a change removes, by every worker there is, and from where
// it stood after a crash. Leases are recalled, lest work that was applied to
// the old index is taken for done.
func (x *Indexer) empty(ctx context.Context, t *pipeline.Task) error {
	var in rebuildInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return fmt.Errorf("read run's input: %w", err)
	}
	var g record.Generation
	err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		g, err = ActiveGeneration(ctx, tx, in.Collection)
		return err
	})
	if err != nil {
		return err
	}
	if err := x.DropIndex(ctx, g); err != nil {
		return err
	}
	return x.Records.Update(ctx, func(tx record.Tx) error {
		out := emptied{Generation: g.ID}
		if err := tx.Changes().Recall(ctx, g.ID); err != nil {
			return err
		}
		if err := tx.Passages().Unsettle(ctx, g.ID, nil); err != nil {
			return err
		}
		if err := tx.Changes().Touch(ctx, g.ID, nil, record.Metadata); err != nil {
			return err
		}
		pending, err := tx.Changes().Pending(ctx, g.ID)
		if err != nil {
			return err
		}
		out.Number = pending.Latest
		if out.Records, err = tx.Records().Count(ctx, in.Collection); err != nil {
			return err
		}
		if out.Passages, err = tx.Passages().Count(ctx, g.ID); err != nil {
			return err
		}
		return t.Complete(ctx, tx, out)
	})
}

// refill waits until the queue has filled the index again.
func (x *Indexer) refill(ctx context.Context, t *pipeline.Task) error {
	var at emptied
	if err := json.Unmarshal(t.Outputs["empty"], &at); err != nil {
		return fmt.Errorf("read the step before: %w", err)
	}
	look := time.NewTicker(refillLook)
	defer look.Stop()
	for {
		var pending record.Pending
		err := x.Records.View(ctx, func(tx record.Tx) (err error) {
			pending, err = tx.Changes().Pending(ctx, at.Generation)
			return err
		})
		if err != nil {
			return err
		}
		if report, ok := x.progress.Load(t.Run); ok {
			left := min(pending.Count, at.Records)
			report.(func(done, total int64))(at.Records-left, at.Records)
		}
		if pending.Applied >= at.Number {
			done := Rebuilt{Records: at.Records, Passages: at.Passages}
			return x.Records.Update(ctx, func(tx record.Tx) error { return t.Complete(ctx, tx, done) })
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
