package flow

import (
	"context"
	"slices"

	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

// repair is what makes an index right.
type repair struct {
	remove, forget []int64 // entries, and records' metadata, to delete
	put            []entryOf
	touch          []record.Ref // whose metadata is to be put again
}

// entryOf is an entry to be put again.
type entryOf struct {
	id  record.PassageID
	ref record.Ref
}

// repair deletes what should not be there, and lets the queue put again what
// should, in the order of the leases and from stored vectors.
func (c *reconciler) repair(ctx context.Context, fix *repair) (int64, error) {
	total := len(fix.remove) + len(fix.forget) + len(fix.put) + len(fix.touch)
	if err := c.clear(ctx, fix); err != nil {
		return 0, err
	}
	for some := range slices.Chunk(fix.put, comparePage) {
		ids, refs := make([]record.PassageID, len(some)), make([]record.Ref, len(some))
		for i, e := range some {
			ids[i], refs[i] = e.id, e.ref
		}
		// Together, since nothing else would put again what is not Indexed.
		err := c.x.Records.Update(ctx, func(tx record.Tx) error {
			if err := tx.Passages().Unsettle(ctx, c.g.ID, ids); err != nil {
				return err
			}
			return tx.Changes().Touch(ctx, c.g.ID, distinct(refs), record.Metadata)
		})
		if err != nil {
			return 0, err
		}
	}
	for some := range slices.Chunk(distinct(fix.touch), comparePage) {
		err := c.x.Records.Update(ctx, func(tx record.Tx) error { return tx.Changes().Touch(ctx, c.g.ID, some, record.Metadata) })
		if err != nil {
			return 0, err
		}
	}
	_, err := c.settle(ctx)
	return int64(total), err
}

func distinct(refs []record.Ref) []record.Ref {
	slices.Sort(refs)
	return slices.Compact(refs)
}

// clear deletes from the index. Passages and records are numbered once, so
// what was none stays none; should a number be given to one meanwhile, or a
// record be written again, it is put again.
func (c *reconciler) clear(ctx context.Context, fix *repair) error {
	guard := c.x.guards.of(c.g.ID)
	guard.open.RLock()
	defer guard.open.RUnlock()
	for some := range slices.Chunk(fix.remove, comparePage) {
		if err := c.ix.Apply(ctx, index.Batch{Delete: some}); err != nil {
			return err
		}
		ids := make([]record.PassageID, len(some))
		for i, id := range some {
			ids[i] = record.PassageID(id)
		}
		err := c.x.Records.View(ctx, func(tx record.Tx) error {
			passages, err := tx.Passages().Get(ctx, c.g.ID, ids)
			for id, p := range passages {
				fix.put = append(fix.put, entryOf{id, p.Ref})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	for some := range slices.Chunk(fix.forget, comparePage) {
		if err := c.ix.Apply(ctx, index.Batch{Forget: some}); err != nil {
			return err
		}
		if err := c.putForgotten(ctx, some, fix); err != nil {
			return err
		}
	}
	return nil
}

// putForgotten looks after records that live now, and passages that went with
// metadata which was not theirs.
func (c *reconciler) putForgotten(ctx context.Context, forgotten []int64, fix *repair) error {
	refs := make([]record.Ref, len(forgotten))
	for i, id := range forgotten {
		refs[i] = record.Ref(id)
	}
	records, err := c.load(ctx, refs)
	if err != nil {
		return err
	}
	for ref, r := range records {
		if !r.Deleted {
			fix.touch = append(fix.touch, ref)
		}
	}
	return c.x.Records.View(ctx, func(tx record.Tx) error {
		passages, err := tx.Passages().Of(ctx, c.g.ID, refs)
		for _, p := range passages {
			if p.State != record.Removed {
				fix.put = append(fix.put, entryOf{p.ID, p.Ref})
			}
		}
		return err
	})
}
