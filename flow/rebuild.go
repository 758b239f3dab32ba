package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/index"
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
	Took     time.Duration `json:"took"`
}

const (
	// rebuildPage is how many passages are put back at a time.
	rebuildPage = 1000
	// rebuildTimeout bounds an attempt, which starts again from the beginning.
	rebuildTimeout = 24 * time.Hour
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
// has ended. progress, if set, is told how many passages are done of how many.
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
	if err := json.Unmarshal(run.Steps[0].Output, &done); err != nil {
		return done, fmt.Errorf("read rebuild's result: %w", err)
	}
	return done, nil
}

// DropIndex deletes the index of a generation.
func (x *Indexer) DropIndex(ctx context.Context, g record.Generation) error {
	guard := x.guards.of(g.ID)
	guard.whole.Lock()
	defer guard.whole.Unlock()
	if err := x.Indexes.Drop(ctx, Spec(g).Name); err != nil {
		return fmt.Errorf("drop index: %w", err)
	}
	return nil
}

// rebuild is the only step of the pipeline. It begins with an empty index,
// whatever an attempt before it has left.
func (x *Indexer) rebuild(ctx context.Context, t *pipeline.Task) error {
	start := time.Now()
	var in rebuildInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return fmt.Errorf("read run's input: %w", err)
	}
	var c record.Collection
	var g record.Generation
	var total int64
	err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		if c, err = tx.Collections().Find(ctx, in.Collection); err != nil {
			return err
		}
		if g, err = ActiveGeneration(ctx, tx, c.ID); err != nil {
			return err
		}
		total, err = tx.Passages().Count(ctx, g.ID)
		return err
	})
	if err != nil {
		return err
	}
	if err := x.DropIndex(ctx, g); err != nil {
		return err
	}
	var done Rebuilt
	seen := map[record.Ref]bool{}
	for after := record.PassageID(0); ; {
		last, n, err := x.rebuildPage(ctx, c, g, after, seen)
		if err != nil {
			return err
		}
		done.Passages += int64(n)
		if report, ok := x.progress.Load(t.Run); ok {
			report.(func(done, total int64))(done.Passages, max(total, done.Passages))
		}
		if last == 0 {
			break
		}
		after = last
	}
	done.Records, done.Took = int64(len(seen)), time.Since(start)
	return x.Records.Update(ctx, func(tx record.Tx) error { return t.Complete(ctx, tx, done) })
}

// rebuildPage puts one page back. While it does, no index step may apply a
// change: the page would bring back what the change removed.
func (x *Indexer) rebuildPage(ctx context.Context, c record.Collection, g record.Generation, after record.PassageID, seen map[record.Ref]bool) (last record.PassageID, n int, err error) {
	guard := x.guards.of(g.ID)
	guard.whole.Lock()
	defer guard.whole.Unlock()
	b := &batch{collection: c, generation: g, changes: map[record.Ref]record.Change{}}
	var passages []record.Passage
	err = x.Records.View(ctx, func(tx record.Tx) (err error) {
		if passages, err = tx.Passages().Scan(ctx, g.ID, after, rebuildPage); err != nil {
			return err
		}
		for _, p := range passages {
			b.changes[p.Ref] = record.Change{Ref: p.Ref}
		}
		b.records, err = tx.Records().Load(ctx, b.refs())
		return err
	})
	if err != nil || len(passages) == 0 {
		return 0, 0, err
	}
	last = passages[len(passages)-1].ID
	indexed := passages[:0]
	for _, p := range passages {
		// What is fresh is on its way through the pipeline.
		if p.State == record.Indexed {
			p.State = record.Fresh
			indexed = append(indexed, p)
			seen[p.Ref] = true
		}
	}
	update, fresh, _, err := x.update(ctx, b, indexed)
	if err != nil {
		return 0, 0, err
	}
	ix, err := x.Indexes.Get(ctx, Spec(g))
	if err != nil {
		return 0, 0, err
	}
	if err := ix.Apply(ctx, index.Batch{Upsert: update.Upsert, Meta: update.Meta}); err != nil {
		return 0, 0, err
	}
	return last, len(fresh), nil
}
