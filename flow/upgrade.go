package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// UpgradePipeline is the name of the pipeline that builds a new generation
// beside the active one, evaluates it and switches to it.
const UpgradePipeline = "upgrade"

// upgradeKind is the kind of upgrades among record.Objects; their keys are
// the collection's number and their own, so that the newest is the last.
const upgradeKind = "upgrade"

// UpgradeState says where an upgrade stands.
type UpgradeState string

// The states. Planned and Held wait for a person.
const (
	Planned    UpgradeState = "planned"     // a forecast; nothing is built
	Building   UpgradeState = "building"    // approved: the new generation is built beside the active one, and evaluated
	Held       UpgradeState = "held"        // built; it failed a threshold, or was to be switched by hand
	Switched   UpgradeState = "switched"    // the new generation answers; the old one is on standby
	RolledBack UpgradeState = "rolled-back" // the old one answers again; the new one is on standby
	Aborted    UpgradeState = "aborted"     // given up before the switch
	Done       UpgradeState = "done"        // what was on standby is retired
)

// Upgrade is a change of what a collection's index is built with: model,
// chunking, policy, content or classification.
type Upgrade struct {
	ID          string              `json:"id"`
	Collection  string              `json:"collection"`
	State       UpgradeState        `json:"state"`
	Reasons     []string            `json:"reasons"` // what differs
	Before      record.Declaration  `json:"before"`
	Declaration record.Declaration  `json:"declaration"` // that it leads to
	From        record.GenerationID `json:"from_generation"`
	To          record.GenerationID `json:"to_generation,omitempty"`
	Forecast    Forecast            `json:"forecast"`
	Terms       UpgradeTerms        `json:"terms"`
	Evaluation  *Evaluation         `json:"evaluation,omitempty"`
	Run         string              `json:"run,omitempty"`
	Number      int64               `json:"change,omitempty"` // the new generation has caught up when it has applied this one
	Note        string              `json:"note,omitempty"`   // why it is held, or was given up

	ApprovedBy   string    `json:"approved_by,omitempty"`
	ApprovedFor  string    `json:"approved_for,omitempty"` // the reason given
	PlannedAt    time.Time `json:"planned_at"`
	ApprovedAt   time.Time `json:"approved_at,omitzero"`
	SwitchedAt   time.Time `json:"switched_at,omitzero"`
	StandbyUntil time.Time `json:"standby_until,omitzero"`
	EndedAt      time.Time `json:"ended_at,omitzero"`
}

// Forecast is what an upgrade will take.
type Forecast struct {
	Records  int64   `json:"records"`
	Passages int64   `json:"passages"` // of the new generation; estimated unless only the model changes
	Reused   int64   `json:"reused"`   // of them, those that have a vector in the new space already; estimated
	Tokens   int64   `json:"tokens"`   // to be embedded, estimated
	Price    float64 `json:"price"`    // of the tokens, in the currency of the configuration
	Seconds  float64 `json:"seconds"`  // at the model's limits; 0 if it has none
	// StandbyPrice is what feeding the old generation costs a day, at the rate
	// of the last week.
	StandbyPrice float64 `json:"standby_price_per_day"`
}

// UpgradeTerms say when and how the switch is made. Zero values are defaults.
type UpgradeTerms struct {
	// Standby is how long the old generation is fed after the switch. Default 72 h.
	Standby time.Duration `json:"standby"`
	// Manual leaves the switch to a person, however good the evaluation is.
	Manual bool `json:"manual,omitempty"`
	// MinOverlap is the least mean share of the old first ten results that are
	// among the new first ten. Default 0.3: models differ, broken ones agree on
	// next to nothing.
	MinOverlap float64 `json:"min_overlap"`
	// MaxLoss is the most nDCG@10 that may be lost where there are judgements. Default 0.02.
	MaxLoss float64 `json:"max_loss"`
	// MaxSlowdown is the most that the 95th percentile of latency may grow by,
	// as a factor, above 20 ms. Default 3.
	MaxSlowdown float64 `json:"max_slowdown"`
	// Judged is how many judgements were given; their queries are kept sealed,
	// apart.
	Judged int `json:"judged,omitempty"`
}

func (t UpgradeTerms) withDefaults() UpgradeTerms {
	for at, d := range map[*float64]float64{&t.MinOverlap: 0.3, &t.MaxLoss: 0.02, &t.MaxSlowdown: 3} {
		if *at == 0 {
			*at = d
		}
	}
	if t.Standby == 0 {
		t.Standby = 72 * time.Hour
	}
	return t
}

// Evaluation compares two generations on the same queries.
type Evaluation struct {
	Queries  int     `json:"queries"`
	Source   string  `json:"source"` // of the queries: searches, or passages where there were too few
	Overlap  float64 `json:"overlap_at_10"`
	Judged   int     `json:"judged"`
	OldNDCG  float64 `json:"old_ndcg_at_10,omitempty"`
	NewNDCG  float64 `json:"new_ndcg_at_10,omitempty"`
	OldP50   float64 `json:"old_p50_ms"`
	OldP95   float64 `json:"old_p95_ms"`
	NewP50   float64 `json:"new_p50_ms"`
	NewP95   float64 `json:"new_p95_ms"`
	Coverage float64 `json:"coverage"` // share of the records that the new generation has indexed
	// Overlaps is how many queries kept 0, 1, … 10 of their first ten results.
	Overlaps [11]int `json:"overlaps"`
}

// fails says which thresholds an evaluation does not meet.
func (e *Evaluation) fails(t UpgradeTerms) []string {
	var out []string
	if e.Coverage < 1 {
		out = append(out, fmt.Sprintf("%.2f%% of the records are indexed, not all: see the dead letters", 100*e.Coverage))
	}
	if e.Queries > 0 && e.Overlap < t.MinOverlap {
		out = append(out, fmt.Sprintf("overlap@10 is %.2f, below %.2f", e.Overlap, t.MinOverlap))
	}
	if e.Judged > 0 && e.OldNDCG-e.NewNDCG > t.MaxLoss {
		out = append(out, fmt.Sprintf("nDCG@10 falls from %.3f to %.3f, by more than %.3f", e.OldNDCG, e.NewNDCG, t.MaxLoss))
	}
	if fast := 20.0; e.NewP95 > fast && e.NewP95 > t.MaxSlowdown*e.OldP95 {
		out = append(out, fmt.Sprintf("the 95th percentile of latency grows from %.1f to %.1f ms", e.OldP95, e.NewP95))
	}
	return out
}

// Upgrader changes what collections are built with: deliberately, beside what
// is there, and so that it can be taken back.
type Upgrader struct {
	*Indexer
	// Compare evaluates the new generation of an upgrade beside the old one.
	Compare func(ctx context.Context, u Upgrade, old, next record.Generation) (Evaluation, error)
}

// Reasons says what in a declaration needs other passages or vectors than a
// generation has; with none, the declaration can be put into effect at once.
func Reasons(g record.Generation, before, after *record.Declaration, policy gate.Policy, model embedding.Model) []string {
	if g.Declaration.Collection != "" {
		before = &g.Declaration
	}
	classified := func(d *record.Declaration) (out []record.Classification) {
		for _, f := range after.Content {
			out = append(out, d.Classification[f])
		}
		return out
	}
	// A generation of before policies were kept has the name alone.
	samePolicy := g.Policy.Name == policy.Name && (g.Policy.Otherwise.Action == "" || sameJSON(g.Policy, policy))
	var reasons []string
	for _, c := range []struct {
		what    string
		differs bool
	}{
		{"content", !slices.Equal(before.Content, after.Content)},
		{"model", before.Model != after.Model || g.Space != model.Fingerprint()},
		{"policy", !samePolicy},
		{"chunking", before.Chunking != after.Chunking},
		{"subject", before.Subject != after.Subject},
		{"classification", policy.Classification != nil && !slices.Equal(classified(before), classified(after))},
	} {
		if c.differs {
			reasons = append(reasons, c.what)
		}
	}
	return reasons
}

func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// adopt takes over from a declaration what a generation was built with, and
// keeps the rest.
func adopt(d, from record.Declaration) record.Declaration {
	d.Content, d.Model, d.Policy, d.Chunking, d.Subject = from.Content, from.Model, from.Policy, from.Chunking, from.Subject
	d.Classification = maps.Clone(d.Classification)
	for _, f := range from.Content {
		class, ok := from.Classification[f]
		if !ok {
			delete(d.Classification, f)
			continue
		}
		if d.Classification == nil {
			d.Classification = map[string]record.Classification{}
		}
		d.Classification[f] = class
	}
	return d
}

// Plan stores an upgrade that waits for approval. A plan that was waiting is
// replaced.
func (x *Upgrader) Plan(ctx context.Context, d record.Declaration, reasons []string, terms UpgradeTerms) (Upgrade, error) {
	embedder, policy, err := x.resolve(&d)
	if err != nil {
		return Upgrade{}, err
	}
	var c record.Collection
	var g record.Generation
	if err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		if c, err = tx.Collections().Get(ctx, d.Collection); err == nil {
			g, err = ActiveGeneration(ctx, tx, c.ID)
		}
		return err
	}); err != nil {
		return Upgrade{}, err
	}
	u := Upgrade{
		Collection: c.Name, State: Planned, Reasons: reasons, Before: c.Declaration, Declaration: d, From: g.ID,
		Terms: terms.withDefaults(), PlannedAt: time.Now().UTC(),
	}
	if u.Forecast, err = x.forecast(ctx, c, g, &u, x.Generation(&record.Collection{ID: c.ID, Declaration: d}, policy, embedder.Model()), embedder); err != nil {
		return Upgrade{}, fmt.Errorf("forecast the upgrade: %w", err)
	}
	err = x.Records.Update(ctx, func(tx record.Tx) error {
		last, err := lastUpgrade(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		if last != nil && last.State == Planned {
			last.State, last.Note, last.EndedAt = Aborted, "replaced by another plan", u.PlannedAt
			if err := last.put(ctx, tx); err != nil {
				return err
			}
		}
		u.ID = upgradeKey(c.ID, last.number()+1)
		return u.put(ctx, tx)
	})
	return u, err
}

// resolve finds the model and policy that a declaration names.
func (x *Upgrader) resolve(d *record.Declaration) (embedding.Embedder, gate.Policy, error) {
	policy, ok := x.Policies[d.Policy]
	if !ok {
		return nil, policy, fault.Field("policy", "there is no policy %q", d.Policy)
	}
	e, ok := x.Embedders[d.Model]
	if !ok {
		return nil, policy, fault.Field("model", "there is no model %q; declare it under `models:` in holdfast.yaml", d.Model)
	}
	return e, policy, nil
}

// Approve begins to build: the new generation is fed from here on, and every
// record waits to be indexed in it.
func (x *Upgrader) Approve(ctx context.Context, id, by, why string) (Upgrade, error) {
	u, err := x.alter(ctx, id, func(tx record.Tx, u *Upgrade) error {
		if u.State != Planned {
			return fault.New(fault.Conflict, "upgrade %s is %s; only one that is planned can be approved", u.ID, u.State)
		}
		embedder, policy, err := x.resolve(&u.Declaration)
		if err != nil {
			return err
		}
		c, err := tx.Collections().Get(ctx, u.Collection)
		if err != nil {
			return err
		}
		if err := onlyActive(ctx, tx, c.ID, u.From); err != nil {
			return err
		}
		c.Declaration = adopt(c.Declaration, u.Declaration)
		g, err := tx.Collections().AddGeneration(ctx, x.Generation(&c, policy, embedder.Model()))
		if err != nil {
			return err
		}
		if err := tx.Changes().Touch(ctx, g.ID, nil, record.Content); err != nil {
			return err
		}
		pending, err := tx.Changes().Pending(ctx, g.ID)
		if err != nil {
			return err
		}
		u.State, u.To, u.Number = Building, g.ID, pending.Latest
		u.ApprovedBy, u.ApprovedFor, u.ApprovedAt = by, why, time.Now().UTC()
		u.Run, err = x.Engine.Enqueue(ctx, tx, pipeline.Start{
			Pipeline: UpgradePipeline, Collection: c.ID, Input: upgradeInput{u.ID},
		})
		return err
	})
	x.Engine.Wake()
	return u, err
}

// onlyActive refuses where another generation is fed beside the active one,
// or the active one is not the one that was planned for.
func onlyActive(ctx context.Context, tx record.Tx, c record.CollectionID, active record.GenerationID) error {
	all, err := tx.Collections().Generations(ctx, c)
	if err != nil {
		return err
	}
	for _, g := range all {
		switch {
		case g.State == record.Active && g.ID != active:
			return fault.New(fault.Conflict, "generation %d has become active since the plan was made; plan again", g.ID)
		case g.State != record.Active && g.State.Fed():
			return fault.New(fault.Conflict, "generation %d is %s; end that upgrade first (abort it, or retire what is on standby)", g.ID, g.State)
		}
	}
	return nil
}

// Abort gives an upgrade up before the switch. The active generation is as it
// was; vectors that were computed stay until nothing has referred to them for
// the time that retention says.
func (x *Upgrader) Abort(ctx context.Context, id, why string) (Upgrade, error) {
	var going string
	var next *record.Generation
	u, err := x.alter(ctx, id, func(tx record.Tx, u *Upgrade) (err error) {
		going, next = "", nil
		switch u.State {
		case Planned:
		case Building, Held:
			going = u.Run
			if next, err = x.retire(ctx, tx, u.Collection, u.To); err != nil {
				return err
			}
		case Switched, RolledBack, Aborted, Done:
			return fault.New(fault.Conflict, "upgrade %s is %s; it cannot be aborted any more", u.ID, u.State)
		}
		u.State, u.Note, u.EndedAt = Aborted, why, time.Now().UTC()
		return nil
	})
	if err != nil {
		return u, err
	}
	if going != "" {
		if err := x.Engine.Cancel(ctx, going); err != nil && fault.KindOf(err) != fault.NotFound {
			return u, err
		}
	}
	return u, x.dropRetired(ctx, next)
}

func (x *Upgrader) retire(ctx context.Context, tx record.Tx, collection string, id record.GenerationID) (*record.Generation, error) {
	c, err := tx.Collections().Get(ctx, collection)
	if err != nil {
		return nil, err
	}
	g, err := FindGeneration(ctx, tx, c.ID, id)
	if err != nil {
		return nil, err
	}
	return &g, tx.Collections().SetState(ctx, id, record.Retired)
}

func (x *Upgrader) dropRetired(ctx context.Context, g *record.Generation) error {
	if g == nil {
		return nil
	}
	return x.DropIndex(ctx, *g)
}

// Switch makes the new generation of an upgrade that is held the active one.
func (x *Upgrader) Switch(ctx context.Context, id string) (Upgrade, error) {
	return x.alter(ctx, id, func(tx record.Tx, u *Upgrade) error {
		if u.State != Held {
			return fault.New(fault.Conflict, "upgrade %s is %s; only one that is built and held can be switched", u.ID, u.State)
		}
		return x.turn(ctx, tx, u, u.To, u.Declaration, Switched)
	})
}

// Rollback makes the generation of before the switch active again: it has
// been fed all the time, so nothing in it is stale. The other one goes on
// standby.
func (x *Upgrader) Rollback(ctx context.Context, id string) (Upgrade, error) {
	return x.alter(ctx, id, func(tx record.Tx, u *Upgrade) error {
		if u.State != Switched {
			return fault.New(fault.Conflict, "upgrade %s is %s; only one that is switched, and whose old generation is still on standby, can be rolled back", u.ID, u.State)
		}
		return x.turn(ctx, tx, u, u.From, u.Before, RolledBack)
	})
}

// turn makes a generation active, with the declaration that it was built from.
func (x *Upgrader) turn(ctx context.Context, tx record.Tx, u *Upgrade, to record.GenerationID, d record.Declaration, state UpgradeState) error {
	c, err := tx.Collections().Get(ctx, u.Collection)
	if err != nil {
		return err
	}
	if err := tx.Collections().SetState(ctx, to, record.Active); err != nil {
		return err
	}
	now := time.Now().UTC()
	u.State, u.SwitchedAt, u.StandbyUntil = state, now, now.Add(u.Terms.Standby)
	_, err = tx.Collections().Put(ctx, adopt(c.Declaration, d))
	return err
}

// Retire ends upgrades whose standby is over: what was on standby is fed no
// longer and its index is dropped. With an id only that one, at once.
func (x *Upgrader) Retire(ctx context.Context, id string) (int, error) {
	var due []Upgrade
	err := x.Records.View(ctx, func(tx record.Tx) error {
		due = nil
		all, err := tx.Objects().List(ctx, upgradeKind, "", "", 0)
		for i := range all {
			var u Upgrade
			if err := all[i].Decode(&u); err != nil {
				return err
			}
			over := u.ID == id || id == "" && time.Now().After(u.StandbyUntil)
			if over && (u.State == Switched || u.State == RolledBack) {
				due = append(due, u)
			}
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if id != "" && len(due) == 0 {
		return 0, fault.New(fault.Conflict, "upgrade %s has no generation on standby", id)
	}
	for i, u := range due {
		var old *record.Generation
		_, err := x.alter(ctx, u.ID, func(tx record.Tx, u *Upgrade) (err error) {
			left := u.From
			if u.State == RolledBack {
				left = u.To
			}
			old, err = x.retire(ctx, tx, u.Collection, left)
			if u.State == Switched {
				u.State = Done
			}
			u.StandbyUntil, u.EndedAt = time.Time{}, time.Now().UTC()
			if u.State == RolledBack {
				u.State, u.Note = Aborted, "rolled back"
			}
			return err
		})
		if err == nil {
			err = x.dropRetired(ctx, old)
		}
		if err != nil {
			return i, fmt.Errorf("retire what upgrade %s replaced: %w", u.ID, err)
		}
	}
	return len(due), nil
}
