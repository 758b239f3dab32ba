package flow

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Records  int64         `json:"records"`
	Passages int64         `json:"passages"`
	Took     time.Duration `json:"took"`
}

// rebuildPage is how many passages are put back at a time.
const rebuildPage = 2000

// Rebuild deletes the index of a collection's active generation and restores
// it from sealed passages and stored vectors: no model is called and the
// gate is not run again. Changes go on being indexed meanwhile.
func (x *Indexer) Rebuild(ctx context.Context, c record.Collection, progress func(done, total int64)) (Rebuilt, error) {
	start := time.Now()
	var done Rebuilt
	var g record.Generation
	var total int64
	err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		if g, err = ActiveGeneration(ctx, tx, c.ID); err != nil {
			return err
		}
		total, err = tx.Passages().Count(ctx, g.ID)
		return err
	})
	if err != nil {
		return done, err
	}
	x.applying.Lock()
	err = x.Indexes.Drop(ctx, Spec(g).Name)
	x.applying.Unlock()
	if err != nil {
		return done, fmt.Errorf("drop index: %w", err)
	}
	seen := map[record.Ref]bool{}
	for after := record.PassageID(0); ; {
		last, n, err := x.rebuildPage(ctx, c, g, after, seen)
		if err != nil {
			return done, err
		}
		done.Passages += int64(n)
		if progress != nil {
			progress(done.Passages, max(total, done.Passages))
		}
		if last == 0 {
			break
		}
		after = last
	}
	done.Records, done.Took = int64(len(seen)), time.Since(start)
	return done, nil
}

// rebuildPage puts one page back. While it does, no index step may apply a
// change: the page would bring back what the change removed.
func (x *Indexer) rebuildPage(ctx context.Context, c record.Collection, g record.Generation, after record.PassageID, seen map[record.Ref]bool) (last record.PassageID, n int, err error) {
	x.applying.Lock()
	defer x.applying.Unlock()
	ix, err := x.Indexes.Get(ctx, Spec(g))
	if err != nil {
		return 0, 0, err
	}
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
	if err := ix.Apply(ctx, index.Batch{Upsert: update.Upsert, Meta: update.Meta}); err != nil {
		return 0, 0, err
	}
	return last, len(fresh), nil
}
