package holdfast

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// A sweep runs when a day has passed since the last one; whether it has is
// looked at this often.
const (
	sweepEvery = 24 * time.Hour
	sweepLook  = 15 * time.Minute
)

// Sweep deletes what retention no longer keeps, and waits for it; the App
// must be running. When ctx ends, or the process, the sweep goes on. A dry
// run counts and deletes nothing.
func (a *App) Sweep(ctx context.Context, dryRun bool) (flow.SweepReport, error) {
	return a.sweeper.Sweep(ctx, dryRun, a.progress)
}

// Erase deletes records for good: their rows and versions, passages, index
// entries, dead letters, what snapshots hold of them, and vectors that nothing
// else refers to; it waits for it. The App must be running. When ctx ends, or
// the process, the erasure goes on.
func (a *App) Erase(ctx context.Context, who access.Principal, collection string, ids []string) (flow.EraseReport, error) {
	audit := func(ref record.Ref) record.AuditEntry {
		return record.AuditEntry{
			At: time.Now(), Principal: who.Name, Action: "erase", Resource: fmt.Sprintf("%s/%d", collection, ref), Allowed: true, Reason: "asked for",
		}
	}
	return a.sweeper.Erase(ctx, collection, ids, audit, a.progress)
}

// sweepDaily starts sweeps until ctx ends.
func (a *App) sweepDaily(ctx context.Context) {
	tick := time.NewTicker(sweepLook)
	defer tick.Stop()
	for {
		last, err := a.sweeper.LastSweep(ctx)
		if err == nil && !last.IsZero() && time.Since(last) >= sweepEvery {
			_, err = a.sweeper.StartSweep(ctx, false)
		}
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "start the daily sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
