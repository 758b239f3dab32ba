package holdfast

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

// Plan is what it takes to put a changed declaration into effect: an upgrade
// that waits for approval.
type Plan struct {
	Upgrade string   `json:"upgrade"` // its id
	Reasons []string `json:"reasons"` // what differs: content, model, policy, chunking, subject, classification
	flow.Forecast
}

// Declare creates a collection or changes its declaration. A change that
// needs other passages or vectors is not made: it becomes an upgrade that
// waits for approval, and the plan says what it takes.
func (a *App) Declare(ctx context.Context, d record.Declaration) (record.Collection, *Plan, error) {
	if err := d.Complete(); err != nil {
		return record.Collection{}, nil, err
	}
	if d.Attached() {
		if err := a.parts.Sources.Check(d); err != nil {
			return record.Collection{}, nil, err
		}
	}
	policy, ok := a.parts.Policies[d.Policy]
	if !ok {
		return record.Collection{}, nil, fault.Field("policy", "there is no policy %q", d.Policy)
	}
	embedder, ok := a.parts.Embedders[d.Model]
	if !ok {
		return record.Collection{}, nil, fault.Field("model", "there is no model %q; declare it under `models:` in holdfast.yaml", d.Model)
	}
	model := embedder.Model()
	var out record.Collection
	var reasons []string
	err := a.parts.Records.Update(ctx, func(tx record.Tx) error {
		reasons = nil
		old, err := tx.Collections().Get(ctx, d.Collection)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		exists := err == nil
		if exists {
			if err := a.mayReattach(ctx, tx, &old, &d); err != nil {
				return err
			}
			g, err := flow.ActiveGeneration(ctx, tx, old.ID)
			if err != nil {
				return err
			}
			if reasons = flow.Reasons(g, &old.Declaration, &d, policy, model); len(reasons) > 0 {
				out = old
				return nil
			}
		}
		if out, err = tx.Collections().Put(ctx, d); err != nil {
			return err
		}
		if exists {
			if metadataDiffers(&old.Declaration, &d) {
				return flow.TouchFed(ctx, tx, out.ID, record.Metadata)
			}
			return nil
		}
		g := a.parts.Generation(&out, policy, model)
		g.State = record.Active
		_, err = tx.Collections().AddGeneration(ctx, g)
		return err
	})
	if err != nil {
		return out, nil, err
	}
	if len(reasons) > 0 {
		u, err := a.upgrader.Plan(ctx, d, reasons, flow.UpgradeTerms{})
		return out, &Plan{Upgrade: u.ID, Reasons: reasons, Forecast: u.Forecast}, err
	}
	a.dispatcher.Wake()
	a.follower.Wake()
	return out, nil, nil
}

func metadataDiffers(before, after *record.Declaration) bool {
	if !slices.Equal(before.Metadata, after.Metadata) || len(before.Enums) != len(after.Enums) {
		return true
	}
	for name, members := range after.Enums {
		if !slices.Equal(before.Enums[name], members) {
			return true
		}
	}
	return false
}

// Collections lists up to limit collections with names after the given one.
func (a *App) Collections(ctx context.Context, after string, limit int) (out []record.Collection, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		out, err = tx.Collections().List(ctx, after, limit)
		return err
	})
	return out, err
}

// Collection finds a collection by name.
func (a *App) Collection(ctx context.Context, name string) (out record.Collection, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		out, err = tx.Collections().Get(ctx, name)
		return err
	})
	return out, err
}

// DropCollection deletes a collection, its records and its index.
func (a *App) DropCollection(ctx context.Context, name string) error {
	var generations []record.Generation
	var going []record.Run
	var id record.CollectionID
	err := a.parts.Records.Update(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, name)
		if err != nil {
			return err
		}
		if err := a.mayDrop(ctx, tx, &c); err != nil {
			return err
		}
		id = c.ID
		if going, err = tx.Runs().List(ctx, record.RunFilter{Collection: c.ID, State: record.Running}); err != nil {
			return err
		}
		if generations, err = tx.Collections().Generations(ctx, c.ID); err != nil {
			return err
		}
		if err := flow.ForgetUpgrades(ctx, tx, c.ID); err != nil {
			return err
		}
		if err := search.ForgetSamples(ctx, tx, c.ID); err != nil {
			return err
		}
		return tx.Collections().Drop(ctx, c.ID)
	})
	if err != nil {
		return err
	}
	defer a.notify() // whoever waits for the collection
	for _, r := range going {
		// What has ended meanwhile is not found.
		if err := a.parts.Engine.Cancel(ctx, r.ID); err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
	}
	for _, g := range generations {
		if err := a.indexer.DropIndex(ctx, g); err != nil {
			return err
		}
	}
	return a.snapshots.DeleteAll(ctx, id)
}

// Status is where a collection stands.
type Status struct {
	Collection     string            `json:"collection"`
	Records        int64             `json:"records"`
	Passages       int64             `json:"passages"`
	PendingChanges int64             `json:"pending_changes"` // without dead letters
	LagSeconds     float64           `json:"lag_seconds"`     // age of the oldest pending change
	DeadLetters    int64             `json:"dead_letters"`
	Source         *SourceStatus     `json:"source,omitempty"` // of an attached collection
	Applied        int64             `json:"applied_change"`   // every change up to this one is searchable
	Latest         int64             `json:"latest_change"`
	Generation     *GenerationStatus `json:"generation,omitempty"`
	// Others are the generations that are fed beside it: one that is being
	// built, or one on standby.
	Others []GenerationStatus `json:"other_generations,omitempty"`
}

// GenerationStatus describes a generation.
type GenerationStatus struct {
	ID         int64     `json:"id"`
	State      string    `json:"state"`
	Model      string    `json:"model"`
	Space      string    `json:"fingerprint"`
	Dimensions int       `json:"dimensions"`
	Policy     string    `json:"policy"`
	CreatedAt  time.Time `json:"created_at"`
	Pending    int64     `json:"pending_changes,omitempty"` // of one that is not active
}

func statusOf(g record.Generation) GenerationStatus {
	return GenerationStatus{
		ID: int64(g.ID), State: string(g.State), Model: g.Model, Space: g.Space.String(),
		Dimensions: g.Dimensions, Policy: g.Policy.Name, CreatedAt: g.CreatedAt,
	}
}

// Status measures a collection.
func (a *App) Status(ctx context.Context, name string) (Status, error) {
	var st Status
	err := a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, name)
		if err != nil {
			return err
		}
		st = Status{Collection: c.Name}
		if st.Source, err = sourceStatus(ctx, tx, &c); err != nil {
			return err
		}
		if st.Records, err = tx.Records().Count(ctx, c.ID); err != nil {
			return err
		}
		if st.DeadLetters, err = tx.DeadLetters().Count(ctx, c.ID); err != nil {
			return err
		}
		g, err := flow.ActiveGeneration(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		pending, err := tx.Changes().Pending(ctx, g.ID)
		if err != nil {
			return err
		}
		st.PendingChanges, st.Applied, st.Latest = pending.Count, pending.Applied, pending.Latest
		if !pending.Oldest.IsZero() {
			st.LagSeconds = max(0, time.Since(pending.Oldest).Seconds())
		}
		active := statusOf(g)
		st.Generation = &active
		if st.Passages, err = tx.Passages().Count(ctx, g.ID); err != nil {
			return err
		}
		st.Others, err = others(ctx, tx, g)
		return err
	})
	return st, err
}

// others lists what is fed beside the active generation, with what is pending.
func others(ctx context.Context, tx record.Tx, active record.Generation) (out []GenerationStatus, err error) {
	all, err := tx.Collections().Generations(ctx, active.Collection)
	for _, g := range all {
		if err != nil || g.ID == active.ID || !g.State.Fed() {
			continue
		}
		st := statusOf(g)
		var pending record.Pending
		pending, err = tx.Changes().Pending(ctx, g.ID)
		st.Pending = pending.Count
		out = append(out, st)
	}
	return out, err
}
