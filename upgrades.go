package holdfast

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

// tendEvery is how often sampled queries are stored, and standbys that are
// over are looked for.
const tendEvery = time.Minute

// PlanUpgrade forecasts what it takes to build a collection anew after a
// declaration, and stores the plan, which waits for approval. Judgements, if
// there are any, are what it will be evaluated with.
func (a *App) PlanUpgrade(ctx context.Context, d record.Declaration, terms flow.UpgradeTerms, judgements []search.Judgement) (flow.Upgrade, error) {
	if err := d.Complete(); err != nil {
		return flow.Upgrade{}, err
	}
	policy, ok := a.parts.Policies[d.Policy]
	if !ok {
		return flow.Upgrade{}, fault.Field("policy", "there is no policy %q", d.Policy)
	}
	e, ok := a.parts.Embedders[d.Model]
	if !ok {
		return flow.Upgrade{}, fault.Field("model", "there is no model %q; declare it under `models:` in holdfast.yaml", d.Model)
	}
	var reasons []string
	err := a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, d.Collection)
		if err != nil {
			return err
		}
		g, err := flow.ActiveGeneration(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		reasons = flow.Reasons(g, &c.Declaration, &d, policy, e.Model())
		if g.Recipe != a.parts.Gate.Recipe(&policy) && len(reasons) == 0 {
			reasons = []string{"gate"} // the detectors are others than when it was built
		}
		return nil
	})
	if err != nil {
		return flow.Upgrade{}, err
	}
	if len(reasons) == 0 {
		return flow.Upgrade{}, fault.New(fault.Conflict, "%s is built so already", d.Collection)
	}
	if len(judgements) > 0 {
		if err := a.searcher.Judge(ctx, d.Collection, judgements); err != nil {
			return flow.Upgrade{}, err
		}
		terms.Judged = len(judgements)
	}
	return a.upgrader.Plan(ctx, d, reasons, terms)
}

// ApproveUpgrade begins to build what was planned; by and why are kept with it.
func (a *App) ApproveUpgrade(ctx context.Context, id, by, why string) (flow.Upgrade, error) {
	u, err := a.upgrader.Approve(ctx, id, by, why)
	if err == nil {
		a.dispatcher.Wake()
	}
	return u, err
}

// AbortUpgrade gives an upgrade up before its switch.
func (a *App) AbortUpgrade(ctx context.Context, id, why string) (flow.Upgrade, error) {
	return a.upgrader.Abort(ctx, id, why)
}

// SwitchUpgrade makes the new generation of an upgrade that is held active.
func (a *App) SwitchUpgrade(ctx context.Context, id string) (flow.Upgrade, error) {
	return a.upgrader.Switch(ctx, id)
}

// RollbackUpgrade makes the old generation of a switched upgrade active again.
func (a *App) RollbackUpgrade(ctx context.Context, id string) (flow.Upgrade, error) {
	return a.upgrader.Rollback(ctx, id)
}

// RetireUpgrade ends the standby of an upgrade before its time.
func (a *App) RetireUpgrade(ctx context.Context, id string) (flow.Upgrade, error) {
	if _, err := a.upgrader.Retire(ctx, id); err != nil {
		return flow.Upgrade{}, err
	}
	return a.upgrader.Upgrade(ctx, id)
}

// Upgrades lists a collection's upgrades, newest first.
func (a *App) Upgrades(ctx context.Context, collection string) (out []flow.Upgrade, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		out, err = flow.Upgrades(ctx, tx, c.ID)
		return err
	})
	return out, err
}

// WaitUpgrade waits until an upgrade waits for a person or is over. progress,
// if set, is told how many records are built of how many.
func (a *App) WaitUpgrade(ctx context.Context, id string, progress func(done, total int64)) (flow.Upgrade, error) {
	for {
		changed := a.awaited()
		u, err := a.upgrader.Upgrade(ctx, id)
		if err != nil || u.State != flow.Building {
			return u, err
		}
		if progress != nil {
			if err := a.reportUpgrade(ctx, u, progress); err != nil {
				return u, err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return u, ctx.Err()
		}
	}
}

func (a *App) reportUpgrade(ctx context.Context, u flow.Upgrade, progress func(done, total int64)) error {
	var left record.Pending
	err := a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		left, err = tx.Changes().Pending(ctx, u.To)
		return err
	})
	if err != nil {
		return err
	}
	total := max(u.Forecast.Records, left.Count)
	progress(total-left.Count, total)
	return nil
}

// tend does what is due from time to time, until ctx ends.
func (a *App) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.searcher.StoreSamples(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "store sampled queries", "error", err)
		}
		if _, err := a.upgrader.Retire(ctx, ""); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "retire what is on standby", "error", err)
		}
	}
}
