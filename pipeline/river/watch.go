package river

import (
	"context"
	"errors"
	"fmt"
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
		checked, rescued time.Time
		left             map[claim]bool
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
		raw, err := sqlTx(tx)
		if err != nil {
			return err
		}
		for _, a := range unseen {
			if held, err := a.claim.held(ctx, raw); err != nil {
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
		raw, err := sqlTx(tx)
		if err != nil {
			return err
		}
		for _, a := range list {
			held, err := a.claim.held(ctx, raw)
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

// taken lists the jobs in the state running.
func (e *Engine) taken(ctx context.Context) (list []taken, err error) {
	err = e.store.View(ctx, func(tx record.Tx) error {
		raw, err := sqlTx(tx)
		if err != nil {
			return err
		}
		list, err = allTaken(ctx, raw)
		return err
	})
	return list, err
}

// rescue takes up jobs that are marked as running though no worker has them,
// as after a failure that could not be recorded. It returns those seen for
// the first time: a job that River has fetched but not yet handed to a
// worker looks just the same.
func (e *Engine) rescue(ctx context.Context, before map[claim]bool) (map[claim]bool, error) {
	list, err := e.taken(ctx)
	if err != nil {
		return nil, err
	}
	left := map[claim]bool{}
	var abandoned []taken
	e.mu.Lock()
	for _, t := range list {
		switch {
		case e.attempts[t.id] != nil:
		case before[t.claim]:
			abandoned = append(abandoned, t)
		default:
			left[t.claim] = true
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
		raw, err := sqlTx(tx)
		if err != nil {
			return err
		}
		for _, t := range list {
			switch err := t.delay(ctx, raw, 0); {
			case errors.Is(err, errLost):
				continue
			case err != nil:
				return err
			}
			if _, err := tx.Runs().Get(ctx, t.Run); fault.KindOf(err) == fault.NotFound {
				if _, err := drop(ctx, raw, t.Run); err != nil {
					return err
				}
				continue
			}
			err := tx.Runs().PutAttempt(ctx, t.Run, t.Step, record.Attempt{
				Number: t.number - t.Base, State: record.Cancelled, Worker: t.worker,
				StartedAt: t.at, FinishedAt: time.Now(),
				Kind: fault.Unavailable, Error: "the worker was lost",
			})
			if err != nil {
				return err
			}
			if err := tx.Runs().SetStep(ctx, t.Run, t.Step, record.Retrying, nil); err != nil {
				return err
			}
		}
		return nil
	})
}
