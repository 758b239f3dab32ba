package holdfast

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/internal/telemetry"
	"github.com/holdfast/holdfast/record"
)

// ModelSettings are how models are called. The zero value sets no limit.
type ModelSettings struct {
	// Terms by the names of the embedders.
	Terms map[string]embedding.Terms
	// Budget is for all models together.
	Budget embedding.Budget
	// CanaryEvery is how often models whose Terms have a canary are compared
	// with what they were; 0 is never.
	CanaryEvery time.Duration
}

// Probe is the text that a model which was down is tried with.
const Probe = "ok"

// canaries are the sentences that tell whether a model is still the same: of
// several kinds and languages, about nobody, and never changed.
var canaries = []string{
	"The harbour is closed while the storm lasts.",
	"A list of spare parts for the pump in the cellar.",
	"How do I reset the password of an account?",
	"The invoice was paid twice and one payment must be returned.",
	"Water boils at a lower temperature on a mountain.",
	"Remove the cover, then turn the screw to the left.",
	"Der Zug fährt heute von einem anderen Gleis.",
	"La livraison est arrivée avec un jour de retard.",
	"El informe explica por qué bajaron las ventas.",
	"if err != nil { return err }",
	"SELECT name, price FROM products WHERE price > 10",
	"blue green yellow red",
	"The committee could not agree on a colour for the doors, and so they are still unpainted after three winters.",
	"Error: connection refused",
	"yes",
	"今日は雨が降っています。",
}

// neutral makes texts of ours clean: they hold nothing to transform, and no
// recogniser has to be asked.
func neutral(cfg Config, texts ...string) ([]gate.Clean, error) {
	g, err := gate.New(gate.Config{Key: cfg.Key, Tenant: cfg.Tenant})
	if err != nil {
		return nil, fmt.Errorf("build gate: %w", err)
	}
	raw := make([]gate.Raw, len(texts))
	for i, t := range texts {
		raw[i] = gate.NewRaw(t)
	}
	policy := gate.Policy{Name: "canary", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
	out := make([]gate.Clean, len(texts))
	for i, r := range g.Clean(context.Background(), &policy, raw) {
		if r.Err != nil {
			return nil, fmt.Errorf("make the canary's sentences clean: %w", r.Err)
		}
		out[i] = r.Clean
	}
	return out, nil
}

// guard puts every model behind guards that share one store.
func guard(store *embedding.Store, embedders map[string]embedding.Embedder, settings ModelSettings) map[string]embedding.Embedder {
	out := make(map[string]embedding.Embedder, len(embedders))
	for name, e := range embedders {
		out[name] = store.Guard(e, settings.Terms[name])
	}
	return out
}

// guarded finds a model by name.
func (a *App) guarded(name string) (embedding.Guarded, error) {
	g, ok := a.parts.Embedders[name].(embedding.Guarded)
	if !ok {
		return embedding.Guarded{}, fault.New(fault.NotFound, "there is no model %q; `holdfast models` lists them", name)
	}
	return g, nil
}

// register notes which model stands behind each name.
func (a *App) register(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(a.parts.Embedders)) {
		g, err := a.guarded(name)
		if err == nil {
			err = g.Register(ctx)
		}
		if err != nil {
			return fmt.Errorf("register model %s: %w", name, err)
		}
	}
	return nil
}

// Model is a configured model, and where it stands.
type Model struct {
	embedding.ModelState
	Name        string
	Collections []string // whose active generation was built with it
	// Stale are collections whose generation was built when the name stood for
	// another model: neither is embedded nor searched by vector until the old
	// one is declared again or the collection is upgraded.
	Stale []string
}

// Models lists the configured models by name.
func (a *App) Models(ctx context.Context) ([]Model, error) {
	out := make([]Model, 0, len(a.parts.Embedders))
	for _, name := range slices.Sorted(maps.Keys(a.parts.Embedders)) {
		g, err := a.guarded(name)
		if err != nil {
			return nil, err
		}
		st, err := g.State(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at model %s: %w", name, err)
		}
		m := Model{ModelState: st, Name: name}
		if m.Fingerprint == "" { // not registered: the App has not run yet
			space := g.Model().Fingerprint()
			m.Fingerprint, m.Dimensions = space.String(), g.Model().Dimensions
			m.Provider, m.Identity = g.Model().Provider, g.Model().Identity
		}
		out = append(out, m)
	}
	err := a.parts.Records.View(ctx, func(tx record.Tx) error { return usedBy(ctx, tx, out) })
	for i := range out {
		if m := &out[i]; m.State == "ok" && len(m.Stale) > 0 {
			m.State = "changed"
			m.Why = fmt.Sprintf("the name stands for another model now than %d collections were built with; declare the old one again, or upgrade them", len(m.Stale))
		}
	}
	return out, err
}

// usedBy finds the collections of each model.
func usedBy(ctx context.Context, tx record.Tx, models []Model) error {
	collections, err := tx.Collections().List(ctx, "", 0)
	if err != nil {
		return err
	}
	for _, c := range collections {
		generations, err := tx.Collections().Generations(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, g := range generations {
			i := slices.IndexFunc(models, func(m Model) bool { return m.Name == g.Model })
			switch {
			case g.State != record.Active || i < 0:
			case models[i].Fingerprint == g.Space.String():
				models[i].Collections = append(models[i].Collections, c.Name)
			default:
				models[i].Stale = append(models[i].Stale, c.Name)
			}
		}
	}
	return nil
}

// Canary embeds the canary's sentences again and compares: a model that its
// provider has changed under the same name is held from then on.
func (a *App) Canary(ctx context.Context, model string) (embedding.Checked, error) {
	g, err := a.guarded(model)
	if err != nil {
		return embedding.Checked{}, err
	}
	out, err := g.Check(ctx)
	if err != nil {
		return out, fmt.Errorf("check model %s: %w", model, err)
	}
	return out, nil
}

// AcceptModel takes a model that is held as it is now.
func (a *App) AcceptModel(ctx context.Context, model string) error {
	g, err := a.guarded(model)
	if err == nil {
		err = g.Accept(ctx)
	}
	if err != nil {
		return fmt.Errorf("accept model %s: %w", model, err)
	}
	a.dispatcher.Wake()
	return nil
}

// watchModels runs canaries that are due, until ctx ends. Costs that no
// transaction has taken along are written.
func (a *App) watchModels(ctx context.Context, every time.Duration) {
	const look = 5 * time.Second
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.parts.Vectors.Flush(ctx); err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "write costs", "error", err)
		}
		if every > 0 {
			a.checkDue(ctx, every)
		}
	}
}

func (a *App) checkDue(ctx context.Context, every time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(a.parts.Embedders)) {
		g, err := a.guarded(name)
		var st embedding.ModelState
		if err == nil {
			st, err = g.State(ctx)
		}
		if err == nil && st.Terms.Canary && st.Canary != nil && st.State == "ok" &&
			time.Since(laterOf(st.Canary.CheckedAt, st.Canary.Since)) >= every {
			_, err = g.Check(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "check a model", "model", name, "error", err)
		}
	}
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// modelLevels reads the models' gauges for a scrape.
func (a *App) modelLevels() []telemetry.ModelLevel {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	models, err := a.Models(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "read gauges", "error", err)
		return nil
	}
	out := make([]telemetry.ModelLevel, len(models))
	for i, m := range models {
		out[i] = telemetry.ModelLevel{Model: m.Name, State: m.State}
		for _, s := range m.Spent {
			out[i].Spent = append(out[i].Spent, telemetry.SpentLevel{Scope: cmp.Or(s.Model, "all"), Period: s.Period, Share: s.Spent / s.Budget})
		}
	}
	return out
}

// CostBy is what costs are listed by.
type CostBy string

// The ways to list costs.
const (
	ByCollection CostBy = "collection"
	ByModel      CostBy = "model"
	ByDay        CostBy = "day"
)

// Cost is what calls to models have cost, and what reuse has saved.
type Cost struct {
	Of          string  `json:"of"` // the collection, model or day (UTC)
	Requests    int64   `json:"requests"`
	Tokens      int64   `json:"tokens"`
	Computed    int64   `json:"computed"`
	Reused      int64   `json:"reused"`
	SavedTokens int64   `json:"saved_tokens"` // estimated
	Spent       float64 `json:"spent"`        // in the currency of the prices
	Saved       float64 `json:"saved"`        // what the reused texts would cost at today's prices
}

// Costs lists what models have cost since a day, and the sum.
func (a *App) Costs(ctx context.Context, by CostBy, since time.Time) (items []Cost, total Cost, err error) {
	if err := a.parts.Vectors.Flush(ctx); err != nil {
		return nil, total, err
	}
	sums := map[string]*Cost{}
	err = a.parts.Records.View(ctx, func(tx record.Tx) error {
		rows, err := tx.Ledger().List(ctx, record.LedgerFilter{From: since})
		if err != nil {
			return err
		}
		names := map[record.CollectionID]string{0: "(none)"}
		for _, e := range rows {
			of, err := costOf(ctx, tx, by, e, names)
			if err != nil {
				return err
			}
			if sums[of] == nil {
				sums[of] = &Cost{Of: of}
			}
			price := a.settings.Terms[e.Model].Price
			sums[of].add(e, price)
			total.add(e, price)
		}
		return nil
	})
	for _, of := range slices.Sorted(maps.Keys(sums)) {
		items = append(items, *sums[of])
	}
	total.Of = "total"
	return items, total, err
}

func (c *Cost) add(e record.LedgerEntry, price float64) {
	const million = 1e6
	c.Requests += e.Requests
	c.Tokens += e.Tokens
	c.Computed += e.Computed
	c.Reused += e.Reused
	c.SavedTokens += e.SavedTokens
	c.Spent += float64(e.Micros) / million
	c.Saved += float64(e.SavedTokens) * price / million
}

// costOf names the line that an entry belongs to. names keeps what was looked up.
func costOf(ctx context.Context, tx record.Tx, by CostBy, e record.LedgerEntry, names map[record.CollectionID]string) (string, error) {
	switch by {
	case ByModel:
		return e.Model, nil
	case ByDay:
		return e.Day.Format(time.DateOnly), nil
	case ByCollection:
		if name, ok := names[e.Collection]; ok {
			return name, nil
		}
		c, err := tx.Collections().Find(ctx, e.Collection)
		switch {
		case err == nil:
			names[e.Collection] = c.Name
		case fault.KindOf(err) == fault.NotFound:
			names[e.Collection] = "(dropped)"
		default:
			return "", err
		}
		return names[e.Collection], nil
	}
	return "", fault.Field("by", "%q is unknown; use collection, model or day", by)
}

// writeCosts writes what is left at the end.
func (a *App) writeCosts() error {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return a.parts.Vectors.Flush(ctx)
}
