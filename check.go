package holdfast

import (
	"context"
	"errors"

	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

// IndexCheck compares an index with the passages that it is built from.
type IndexCheck struct {
	Passages int64 `json:"passages"` // in the record store
	Indexed  int64 `json:"indexed"`  // in the index
	Pending  int64 `json:"pending_changes"`
	Damaged  bool  `json:"damaged"` // the index cannot be read
}

// Sound reports whether the index holds what it should. While changes are
// pending the counts may differ.
func (c IndexCheck) Sound() bool { return !c.Damaged && (c.Pending > 0 || c.Passages == c.Indexed) }

// CheckIndex counts what a collection's index holds and what it should hold.
func (a *App) CheckIndex(ctx context.Context, collection string) (IndexCheck, error) {
	st, err := a.Status(ctx, collection)
	if err != nil {
		return IndexCheck{}, err
	}
	out := IndexCheck{Passages: st.Passages, Pending: st.PendingChanges}
	var g record.Generation
	err = a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		g, err = flow.ActiveGeneration(ctx, tx, c.ID)
		return err
	})
	if err != nil {
		return out, err
	}
	ix, err := a.parts.Indexes.Get(ctx, flow.Spec(g))
	if err == nil {
		out.Indexed, err = ix.Count(ctx)
	}
	if errors.Is(err, index.ErrDamaged) {
		out.Damaged, err = true, nil
	}
	return out, err
}
