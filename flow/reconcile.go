package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// ReconcilePipeline is the name of the pipeline that compares an index with
// the records.
const ReconcilePipeline = "reconcile"

// Reconcile says what a reconcile may do beside comparing.
type Reconcile struct {
	Repair bool `json:"repair,omitempty"`
	// Force lets it delete more than Indexer.MaxDelete.
	Force bool `json:"force,omitempty"`
}

// Reconciled is what a reconcile found and did.
type Reconciled struct {
	Entries  Differences `json:"entries"`
	Metadata Differences `json:"metadata"`
	// Unsettled is what differs as it is being changed, or as a dead letter
	// waits to be replayed.
	Unsettled int64         `json:"unsettled"`
	Repaired  int64         `json:"repaired"`
	Took      time.Duration `json:"took"` // from the start of the run to its end
}

// Differences between the items that the index holds and should hold.
type Differences struct {
	Held     int64 `json:"held"`
	Missing  Found `json:"missing"`  // not in the index
	Stale    Found `json:"stale"`    // made from something else
	Orphaned Found `json:"orphaned"` // of a record of ours, but no longer wanted
	Foreign  Found `json:"foreign"`  // of a record that the collection never had
}

// Found counts differences of one kind.
type Found struct {
	Count int64   `json:"count"`
	IDs   []int64 `json:"ids,omitempty"` // the first of them: passages, or records' internal numbers
}

func (f *Found) add(id int64) {
	const sample = 10
	if f.Count++; len(f.IDs) < sample {
		f.IDs = append(f.IDs, id)
	}
}

// Count counts the differences.
func (d *Differences) Count() int64 { return d.Missing.Count + d.Stale.Count + d.surplus() }

func (d *Differences) surplus() int64 { return d.Orphaned.Count + d.Foreign.Count }

// Sound reports whether nothing is wrong.
func (r *Reconciled) Sound() bool { return r.Entries.Count()+r.Metadata.Count() == 0 }

// DefaultMaxDelete is the share of an index that a repair deletes unasked.
const DefaultMaxDelete = 0.05

type reconcileInput struct {
	Collection record.CollectionID `json:"collection"`
	Reconcile
}

// StartReconcile starts a run that compares the index of a collection's
// active generation with the records, and repairs it if it is asked to:
// without a call to a model, while changes go on being indexed. One that does
// the same and is under way already is joined.
func (x *Indexer) StartReconcile(ctx context.Context, c record.Collection, how Reconcile) (run string, err error) {
	in := reconcileInput{c.ID, how}
	err = x.Records.Update(ctx, func(tx record.Tx) error {
		going, err := tx.Runs().List(ctx, record.RunFilter{Pipeline: ReconcilePipeline, Collection: c.ID, State: record.Running})
		if err != nil {
			return err
		}
		for _, r := range going {
			var other reconcileInput
			if json.Unmarshal(r.Input, &other) == nil && other == in {
				run = r.ID
				return nil
			}
		}
		run, err = x.Engine.Enqueue(ctx, tx, pipeline.Start{Pipeline: ReconcilePipeline, Collection: c.ID, Input: in})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("start reconcile: %w", err)
	}
	x.Engine.Wake()
	return run, nil
}

// Reconcile starts a reconcile and waits for its end; when ctx ends before
// that, it goes on. changed returns a channel that is closed when a step has
// ended.
func (x *Indexer) Reconcile(ctx context.Context, c record.Collection, how Reconcile, changed func() <-chan struct{}) (Reconciled, error) {
	var done Reconciled
	id, err := x.StartReconcile(ctx, c, how)
	if err != nil {
		return done, err
	}
	run, err := x.follow(ctx, id, changed)
	if err != nil {
		return done, err
	}
	if err := json.Unmarshal(run.Steps[0].Output, &done); err != nil {
		return done, fmt.Errorf("read reconcile's result: %w", err)
	}
	done.Took = run.FinishedAt.Sub(run.StartedAt)
	return done, nil
}

// LastReconcile is when the newest reconcile of a collection began, or, if
// there was none, when the collection was made.
func (x *Indexer) LastReconcile(ctx context.Context, c record.Collection) (last time.Time, err error) {
	err = x.Records.View(ctx, func(tx record.Tx) error {
		last = c.CreatedAt
		runs, err := tx.Runs().List(ctx, record.RunFilter{Pipeline: ReconcilePipeline, Collection: c.ID, Limit: 1})
		if err == nil && len(runs) > 0 {
			last = runs[0].StartedAt
		}
		return err
	})
	return last, err
}

// reconcile is the only step of the pipeline.
func (x *Indexer) reconcile(ctx context.Context, t *pipeline.Task) error {
	var in reconcileInput
	if err := json.Unmarshal(t.Input, &in); err != nil {
		return fmt.Errorf("read run's input: %w", err)
	}
	c := &reconciler{x: x}
	err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		if c.c, err = tx.Collections().Find(ctx, in.Collection); err != nil {
			return err
		}
		c.g, err = ActiveGeneration(ctx, tx, in.Collection)
		return err
	})
	if err != nil {
		return err
	}
	c.ix, err = x.Indexes.Get(ctx, Spec(c.g))
	if errors.Is(err, index.ErrDamaged) {
		return fault.New(fault.Conflict, "the index cannot be read, so it cannot be compared; run holdfast rebuild %s: %w", c.c.Name, err)
	}
	if err != nil {
		return err
	}
	out, fix, err := c.compareAll(ctx)
	if err != nil {
		return err
	}
	if err := c.refuseEmpty(ctx, &out); err != nil {
		return err
	}
	if !out.Sound() {
		x.Log.WarnContext(ctx, "index differs from the records", "collection", c.c.Name, "entries", out.Entries.Count(),
			"metadata", out.Metadata.Count(), "repair", in.Repair)
	}
	if in.Repair && !out.Sound() {
		if err := c.refuseMany(&out, in.Force); err != nil {
			return err
		}
		if out.Repaired, err = c.repair(ctx, fix); err != nil {
			return err
		}
	}
	return x.Records.Update(ctx, func(tx record.Tx) error { return t.Complete(ctx, tx, out) })
}

// compareAll compares both parts at once.
func (c *reconciler) compareAll(ctx context.Context) (out Reconciled, fix *repair, err error) {
	var unsettled [2]int64
	fix = &repair{}
	var g errgroup.Group
	g.Go(func() (err error) {
		unsettled[0], err = c.compare(ctx, index.Passages, &out.Entries, func(d difference, ref record.Ref) {
			if d.wanted {
				fix.put = append(fix.put, entryOf{record.PassageID(d.id()), ref})
			} else {
				fix.remove = append(fix.remove, d.id())
			}
		})
		return err
	})
	g.Go(func() (err error) {
		unsettled[1], err = c.compare(ctx, index.Metadata, &out.Metadata, func(d difference, ref record.Ref) {
			if d.wanted {
				fix.touch = append(fix.touch, ref)
			} else {
				fix.forget = append(fix.forget, d.id())
			}
		})
		return err
	})
	err = g.Wait()
	out.Unsettled = unsettled[0] + unsettled[1]
	return out, fix, err
}

// compare reports on one part; mend is told of each difference.
func (c *reconciler) compare(ctx context.Context, part index.Part, report *Differences, mend func(difference, record.Ref)) (unsettled int64, err error) {
	ranges, held, err := c.differing(ctx, part)
	if err != nil {
		return 0, err
	}
	report.Held = held
	return c.damage(ctx, part, ranges, func(wrong []difference) error {
		refs := make([]record.Ref, len(wrong))
		for i, d := range wrong {
			refs[i] = record.Ref(d.record())
		}
		ours, err := c.load(ctx, refs)
		if err != nil {
			return err
		}
		for i, d := range wrong {
			switch _, known := ours[refs[i]]; {
			case !d.held:
				report.Missing.add(d.id())
			case d.wanted:
				report.Stale.add(d.id())
			case known:
				report.Orphaned.add(d.id())
			default:
				report.Foreign.add(d.id())
			}
			mend(d, refs[i])
		}
		return nil
	})
}

// refuseEmpty refuses to compare a full index with a record store that has
// nothing: that is more likely the wrong store.
func (c *reconciler) refuseEmpty(ctx context.Context, out *Reconciled) error {
	if out.Entries.Held == 0 {
		return nil
	}
	var records, passages int64
	err := c.x.Records.View(ctx, func(tx record.Tx) (err error) {
		if records, err = tx.Records().Count(ctx, c.c.ID); err != nil {
			return err
		}
		passages, err = tx.Passages().Count(ctx, c.g.ID)
		return err
	})
	if err != nil || records+passages > 0 || out.Entries.Count() == 0 {
		return err
	}
	return fault.New(fault.Conflict, "there are no records of %s, but %d entries in its index; check that this is the right database. "+
		"If all records were deleted, holdfast rebuild %s empties the index", c.c.Name, out.Entries.Held, c.c.Name)
}

// refuseMany refuses to delete a large part of the index.
func (c *reconciler) refuseMany(out *Reconciled, force bool) error {
	most := c.x.MaxDelete
	if most == 0 {
		most = DefaultMaxDelete
	}
	for what, d := range map[string]*Differences{"entries": &out.Entries, "records' metadata": &out.Metadata} {
		if !force && float64(d.surplus()) > most*float64(d.Held) {
			return fault.New(fault.Conflict, "%d orphaned and %d foreign of %d %s in the index would be deleted, which is more than %g%%; nothing was changed. "+
				"Check that the records are complete, then repair with --force", d.Orphaned.Count, d.Foreign.Count, d.Held, what, 100*most)
		}
	}
	return nil
}
