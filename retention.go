package holdfast

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/flow"
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
