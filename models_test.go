package holdfast_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

// state is where the only model stands.
func (r *rig) state() holdfast.Model {
	r.Helper()
	models, err := r.Models(r.Context())
	if err != nil || len(models) != 1 {
		r.Fatalf("models are %+v: %v", models, err)
	}
	return models[0]
}

// wantWordsOnly checks that a search goes on by words and says so, and that
// one by vector is refused.
func (r *rig) wantWordsOnly(collection, text, why string, want ...string) {
	r.Helper()
	var degraded error
	got := r.find(collection, text, search.Query{Degraded: func(why error) { degraded = why }})
	if !slices.Equal(ids(got), want) || degraded == nil || !strings.Contains(degraded.Error(), why) {
		r.Errorf("%q finds %v, degraded by %v", text, ids(got), degraded)
	}
	_, err := r.Search(r.Context(), admin, collection, search.Query{Text: gate.NewRaw(text), Mode: search.Vector})
	if fault.KindOf(err) != fault.Unavailable || err == nil {
		r.Errorf("a search by vector: %v", err)
	}
}

// TestABudgetStopsEmbeddingOnly uses a budget up: what is to be embedded
// waits, writes, metadata, deletes and searches go on.
func TestABudgetStopsEmbeddingOnly(t *testing.T) {
	settings := holdfast.ModelSettings{
		// Two records of 20 words fit in, at a unit for a token of four bytes.
		Terms:  map[string]embedding.Terms{"fake": {Price: 1e6}},
		Budget: embedding.Budget{PerDay: 300},
	}
	r := start(t, setup{guards: settings})
	r.declare("c")
	r.write("c", put("a", "harbour "+words(1, 20), "n", 1))
	r.settle("c")
	r.write("c", put("b", "lantern "+words(2, 20)))
	r.settle("c")
	for n := range 10 {
		r.write("c", put(name("later", n), "harbour "+words(n+3, 120)))
	}
	r.write("c", patch("a", record.Fields{"n": 2}), remove("b"))
	r.until("what needs no model is indexed", func() bool {
		st, err := r.Status(t.Context(), "c")
		return err == nil && st.PendingChanges == 10
	})
	calls, _ := r.models[0].asked()
	r.wantWordsOnly("c", "harbour "+words(50, 60), "budget", "a")
	if found := r.find("c", "harbour", search.Query{Mode: search.Lexical, Filter: filterJSON(t, map[string]any{"n": 2})}); len(found) != 1 {
		t.Errorf("the new metadata finds %d records", len(found))
	}
	if m := r.state(); m.State != "over budget" || len(r.dead("c")) > 0 {
		t.Errorf("state is %+v, dead letters %+v", m, r.dead("c"))
	}
	if now, _ := r.models[0].asked(); now != calls {
		t.Errorf("%d calls more than the budget pays for", now-calls)
	}
	for _, row := range r.query("SELECT attempts, alone FROM changes WHERE state <> 2") {
		if row[0] != int64(0) || row[1] != int64(0) {
			t.Errorf("a change that waits has %v attempts, alone %v", row[0], row[1])
		}
	}
	_, total, err := r.Costs(t.Context(), holdfast.ByModel, time.Time{})
	if err != nil || total.Spent <= 0 || total.Spent > 300*(1+embedding.QueryReserve) || total.Computed < 2 {
		t.Errorf("costs are %+v: %v", total, err)
	}

	// A budget that is raised takes up what waits.
	s := r.setup
	s.guards.Budget = embedding.Budget{}
	if _, err := r.store.Writer().ExecContext(t.Context(), "UPDATE changes SET not_before = 1 WHERE state = 1"); err != nil {
		t.Fatal(err)
	}
	r.close()
	r = start(t, s)
	r.settle("c")
	if got := r.find("c", "harbour", search.Query{}); len(got) != 10 || len(r.dead("c")) > 0 {
		t.Errorf("then %d are found, dead letters %+v", len(got), r.dead("c"))
	}
}

// TestAChangedModelIsHeldEverywhere has a provider change its model silently.
func TestAChangedModelIsHeldEverywhere(t *testing.T) {
	r := start(t, setup{guards: holdfast.ModelSettings{Terms: map[string]embedding.Terms{"fake": {Canary: true}}}})
	r.declare("c")
	r.write("c", put("a", "harbour "+words(1, 20)))
	r.settle("c")
	if got, err := r.Canary(t.Context(), "fake"); err != nil || got.Held || got.First {
		t.Fatalf("nothing has changed: %+v, %v", got, err)
	}
	r.models[0].shift("another")
	if got, err := r.Canary(t.Context(), "fake"); err != nil || !got.Held {
		t.Fatalf("it has changed: %+v, %v", got, err)
	}
	r.write("c", put("b", "harbour "+words(2, 20)))
	r.wantWordsOnly("c", "harbour", "held", "a")
	if m := r.state(); m.State != "held" || !strings.Contains(m.Why, "accept fake") || !slices.Equal(m.Collections, []string{"c"}) {
		t.Errorf("state is %+v", m)
	}
	if err := r.AcceptModel(t.Context(), "fake"); err != nil {
		t.Fatal(err)
	}
	if m := r.state(); m.State != "ok" {
		t.Errorf("once accepted it is %q: %s", m.State, m.Why)
	}
	if dead := r.dead("c"); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}
