package river

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	// An attempt that takes longer than this is shown as running. Shorter
	// ones, nearly all, are written once, when they have ended.
	showAfter = 100 * time.Millisecond
	// How often running attempts are checked for still owning their step.
	checkEvery = time.Second
)

// watch shows long attempts, stops those that have lost their step, and
// takes up what was left behind.
func (e *Engine) watch(ctx context.Context) {
	tick := time.NewTicker(showAfter)
	defer tick.Stop()
	var (
		checked, renewed, rescued time.Time
		left                      map[claim]time.Time
	)
	for {
		var now time.Time
		select {
		case <-ctx.Done():
			return
		case now = <-tick.C:
		}
		var err error
		if old := e.older(now.Add(-showAfter)); len(old) > 0 {
			err = e.show(ctx, old)
			if now.Sub(checked) >= checkEvery {
				checked = now
				err = errors.Join(err, e.check(ctx, old))
			}
		}
		if e.base.shared != nil && now.Sub(renewed) >= e.config.Grace/3 {
			renewed = now
			err = errors.Join(err, e.renew(ctx, e.older(now.Add(-showAfter))))
		}
		if now.Sub(rescued) >= e.config.Grace {
			rescued = now
			var rescueErr error
			left, rescueErr = e.rescue(ctx, left)
			err = errors.Join(err, rescueErr)
		}
		if err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "watch running steps", "error", err)
		}
	}
}

// older lists attempts that began before a time.
func (e *Engine) older(than time.Time) (list []*attempt) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.attempts {
		if a.started.Before(than) {
			list = append(list, a)
		}
	}
	return list
}

// show writes attempts down as running, if they still are.
func (e *Engine) show(ctx context.Context, list []*attempt) error {
	var unseen []*attempt
	for _, a := range list {
		if !a.shown {
			unseen = append(unseen, a)
		}
	}
	if len(unseen) == 0 {
		return nil
	}
	err := e.store.Update(ctx, func(tx record.Tx) error {
		on, err := e.base.on(tx)
		if err != nil {
			return err
		}
		for _, a := range unseen {
			if held, err := e.base.held(ctx, on, a.claim, true); err != nil {
				return err
			} else if !held {
				continue
			}
			err := tx.Runs().SetStep(ctx, a.job.Run, a.job.Step, record.Running, nil)
			if fault.KindOf(err) == fault.NotFound {
				continue // the run is gone with its collection, and its job goes when the attempt ends
			}
			if err != nil {
				return err
			}
			if err := tx.Runs().PutAttempt(ctx, a.job.Run, a.job.Step, a.row(record.Running, time.Time{})); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("show running steps: %w", err)
	}
	for _, a := range unseen {
		a.shown = true
	}
	return nil
}

// check cancels attempts that have lost their step.
func (e *Engine) check(ctx context.Context, list []*attempt) error {
	err := e.store.View(ctx, func(tx record.Tx) error {
		on, err := e.base.on(tx)
		if err != nil {
			return err
		}
		for _, a := range list {
			held, err := e.base.held(ctx, on, a.claim, false)
			if err != nil {
				return err
			}
			if !held {
				a.cancel(errLost)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("check running steps: %w", err)
	}
	return nil
}

// renew tells others that these attempts live.
func (e *Engine) renew(ctx context.Context, list []*attempt) error {
	if len(list) == 0 {
		return nil
	}
	err := e.store.Update(ctx, func(tx record.Tx) error {
		on, err := e.base.on(tx)
		if err != nil {
			return err
		}
		for _, a := range list {
			// One that is being settled needs no renewal.
			if held, err := e.base.held(ctx, on, a.claim, true); err != nil {
				return err
			} else if !held {
				continue
			}
			if err := e.base.renew(ctx, on, a.claim); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("renew running steps: %w", err)
	}
	return nil
}

// taken lists the jobs in the state running.
func (e *Engine) taken(ctx context.Context) (list []taken, err error) {
	err = e.store.View(ctx, func(tx record.Tx) error {
		on, err := e.base.on(tx)
		if err != nil {
			return err
		}
		list, err = e.base.taken(ctx, on)
		return err
	})
	return list, err
}

// takeUpOwn takes up what is running in this engine's name, though it runs
// nothing. A store that isn't shared has one owner: whatever runs there
// belongs to a dead one.
func (e *Engine) takeUpOwn(ctx context.Context) error {
	list, err := e.taken(ctx)
	if err != nil {
		return err
	}
	if e.base.shared != nil {
		list = slices.DeleteFunc(list, func(t taken) bool { return t.worker != e.config.Worker })
	}
	return e.takeUp(ctx, list)
}

// rescue takes up jobs that are marked as running though no worker has them,
// as after a failure that could not be recorded or the death of a process:
// those that have shown no life since the look before. It returns the others
// with what they have shown. One look is not enough: a job that River has
// fetched but not yet handed to a worker looks just the same.
func (e *Engine) rescue(ctx context.Context, before map[claim]time.Time) (map[claim]time.Time, error) {
	list, err := e.taken(ctx)
	if err != nil {
		return nil, err
	}
	left := map[claim]time.Time{}
	var abandoned []taken
	e.mu.Lock()
	for _, t := range list {
		seen, again := before[t.claim]
		switch {
		case e.attempts[t.claim] != nil:
		case again && seen.Equal(t.seen):
			abandoned = append(abandoned, t)
		default:
			left[t.claim] = t.seen
		}
	}
	e.mu.Unlock()
	if len(abandoned) == 0 {
		return left, nil
	}
	if err := e.takeUp(ctx, abandoned); err != nil {
		return left, err
	}
	e.Wake()
	return left, nil
}

// takeUp makes jobs available again and writes down what became of their
// attempts.
func (e *Engine) takeUp(ctx context.Context, list []taken) error {
	if len(list) == 0 {
		return nil
	}
	return e.store.Update(ctx, func(tx record.Tx) error {
		on, err := e.base.on(tx)
		if err != nil {
			return err
		}
		for _, t := range list {
			switch err := e.base.delay(ctx, on, t.claim, 0); {
			case errors.Is(err, errLost):
				continue
			case err != nil:
				return err
			}
			if err := e.lost(ctx, tx, on, t); err != nil {
				return err
			}
		}
		return nil
	})
}

// lost writes down that an attempt was lost with its worker.
func (e *Engine) lost(ctx context.Context, tx record.Tx, on conn, t taken) error {
	run, err := tx.Runs().Get(ctx, t.Run)
	if fault.KindOf(err) == fault.NotFound {
		_, err := e.base.drop(ctx, on, t.Run)
		return err
	}
	if err != nil {
		return err
	}
	row := record.Attempt{
		Number: t.number - t.Base, State: record.Cancelled, Worker: t.worker,
		StartedAt: t.seen, FinishedAt: time.Now(),
		Kind: fault.Unavailable, Error: "the worker was lost",
	}
	for _, s := range run.Steps {
		for _, a := range s.Attempts {
			if s.Name == t.Step && a.Number == row.Number {
				row.StartedAt = a.StartedAt
			}
		}
	}
	if row.FinishedAt.Before(row.StartedAt) { // two clocks
		row.FinishedAt = row.StartedAt
	}
	if err := tx.Runs().PutAttempt(ctx, t.Run, t.Step, row); err != nil {
		return err
	}
	return tx.Runs().SetStep(ctx, t.Run, t.Step, record.Retrying, nil)
}
