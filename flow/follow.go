package flow

import (
	"context"
	"fmt"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// follow waits until a run has succeeded; when ctx ends before that, the run
// goes on. changed returns a channel that is closed when a step has ended.
func (x *Indexer) follow(ctx context.Context, id string, changed func() <-chan struct{}) (record.Run, error) {
	for {
		wait := changed()
		var run record.Run
		err := x.Records.View(ctx, func(tx record.Tx) (err error) {
			run, err = tx.Runs().Get(ctx, id)
			return err
		})
		if err != nil {
			return run, fmt.Errorf("follow run: %w", err)
		}
		switch {
		case run.State == record.Succeeded:
			return run, nil
		case run.State.Done():
			return run, whyEnded(run)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return run, ctx.Err()
		}
	}
}

// whyEnded is the error of a run that did not succeed.
func whyEnded(run record.Run) error {
	for _, step := range run.Steps {
		if n := len(step.Attempts); step.State == record.Failed && n > 0 {
			return fault.New(step.Attempts[n-1].Kind, "%s %s: %s", run.Pipeline, run.State, step.Attempts[n-1].Error)
		}
	}
	return fault.New(fault.Conflict, "%s %s", run.Pipeline, run.State)
}
