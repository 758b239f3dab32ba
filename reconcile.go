package holdfast

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// Reconciling is how indexes are compared with the records by themselves.
type Reconciling struct {
	// Every is how often each collection's index is compared and repaired; 0
	// is daily, flow.Never never.
	Every time.Duration
	// MaxDelete is the share of an index that a repair deletes unasked; 0 is
	// flow.DefaultMaxDelete.
	MaxDelete float64
}

// Whether a reconcile is due is looked at this often.
const (
	reconcileEvery = 24 * time.Hour
	reconcileLook  = 5 * time.Minute
)

// Reconcile compares a collection's index with the records, repairs it if it
// is asked to, and waits for it; the App must be running. When ctx ends, or
// the process, it goes on.
func (a *App) Reconcile(ctx context.Context, collection string, how flow.Reconcile) (flow.Reconciled, error) {
	c, err := a.Collection(ctx, collection)
	if err != nil {
		return flow.Reconciled{}, err
	}
	return a.indexer.Reconcile(ctx, c, how, a.progress)
}

// reconcileRegularly starts reconciles that are due until ctx ends.
func (a *App) reconcileRegularly(ctx context.Context, every time.Duration) {
	if every == 0 {
		every = reconcileEvery
	}
	if every == flow.Never {
		return
	}
	tick := time.NewTicker(min(every, reconcileLook))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.reconcileDue(ctx, every); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "start regular reconciles", "error", err)
		}
	}
}

func (a *App) reconcileDue(ctx context.Context, every time.Duration) error {
	var all []record.Collection
	err := a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		all, err = tx.Collections().List(ctx, "", 0)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range all {
		last, err := a.indexer.LastReconcile(ctx, c)
		if err == nil && time.Since(last) >= every {
			_, err = a.indexer.StartReconcile(ctx, c, flow.Reconcile{Repair: true})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
