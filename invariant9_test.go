package holdfast_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

// twoModels are of the same dimensions, and their vectors have nothing to do
// with each other.
func twoModels() []*fake {
	other := newFake("other")
	other.salt = "other"
	return []*fake{newFake("fake"), other}
}

// plan plans an upgrade of a collection with a changed declaration.
func (r *rig) plan(collection string, terms flow.UpgradeTerms, change func(*record.Declaration)) flow.Upgrade {
	r.Helper()
	c, err := r.Collection(r.Context(), collection)
	if err != nil {
		r.Fatal(err)
	}
	d := c.Declaration
	change(&d)
	u, err := r.PlanUpgrade(r.Context(), d, terms, nil)
	if err != nil {
		r.Fatalf("plan: %v", err)
	}
	return u
}

// upgrade plans, approves and waits until the upgrade is switched or held.
func (r *rig) upgrade(collection string, terms flow.UpgradeTerms, change func(*record.Declaration)) flow.Upgrade {
	r.Helper()
	u := r.plan(collection, terms, change)
	if _, err := r.ApproveUpgrade(r.Context(), u.ID, "test", "because"); err != nil {
		r.Fatalf("approve: %v", err)
	}
	return r.built(u.ID)
}

func (r *rig) built(id string) flow.Upgrade {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	u, err := r.WaitUpgrade(ctx, id, nil)
	if err != nil {
		r.Fatalf("wait for the upgrade: %v", err)
	}
	return u
}

func toOther(d *record.Declaration) { d.Model = "other" }

// easy lets any evaluation pass.
var easy = flow.UpgradeTerms{MinOverlap: 1e-9}

func (r *rig) wantState(u flow.Upgrade, want flow.UpgradeState) {
	r.Helper()
	if u.State != want {
		r.Fatalf("upgrade %s is %s (%s), want %s; %+v", u.ID, u.State, u.Note, want, u.Evaluation)
	}
}

// exact checks that every record is found by its own text with a similarity
// of 1: vectors of another space would not be near.
func (r *rig) exact(when string, bodies map[string]string) {
	r.Helper()
	for id, body := range bodies {
		got := r.find("c", body, search.Query{Mode: search.Vector, K: 1})
		if len(got) != 1 || got[0].ID != id || got[0].Score < 0.999 {
			r.Errorf("%s: the text of %s finds %+v", when, id, got)
		}
	}
}

// TestInvariant9ModelChangesAreDeliberate changes the model of a collection
// that is written to and searched all the time, and takes the change back.
func TestInvariant9ModelChangesAreDeliberate(t *testing.T) {
	r := start(t, setup{models: twoModels()})
	// One passage a record, so that a record's text is its passage's.
	r.declare("c", func(d *record.Declaration) { d.Chunking = record.Chunking{Target: 200, Max: 400} })
	bodies := map[string]string{}
	var writes []record.Write
	for n := range 300 {
		id := name("r", n)
		bodies[id] = words(n, 40)
		writes = append(writes, put(id, bodies[id], "n", n))
	}
	r.write("c", writes...)
	r.settle("c")

	c, err := r.Collection(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	d := c.Declaration
	d.Model = "other"
	_, plan, err := r.Declare(t.Context(), d)
	if err != nil || plan == nil || !slices.Equal(plan.Reasons, []string{"model"}) || plan.Records != 300 || plan.Passages != 300 || plan.Tokens == 0 {
		t.Fatalf("a changed declaration gives %+v, %v", plan, err)
	}
	if calls, _ := r.models[1].asked(); calls != 0 {
		t.Error("a plan calls the model")
	}
	// Somebody searches and somebody writes until it is over.
	ctx, cancel := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	busy.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			got, err := r.Search(ctx, admin, "c", search.Query{Text: gate.NewRaw(bodies["r0007"]), K: 3})
			if ctx.Err() == nil && (err != nil || len(got) != 3) {
				t.Errorf("a search during the upgrade finds %d: %v", len(got), err)
				return
			}
		}
	})
	late := map[string]string{}
	busy.Go(func() {
		for n := 0; n < 60 && ctx.Err() == nil; n++ {
			id := name("late", n)
			late[id] = words(5000+n, 40)
			r.write("c", put(id, late[id]), put(name("r", 100+n), words(9000+n, 40)))
		}
	})
	if _, err := r.ApproveUpgrade(t.Context(), plan.Upgrade, "test", "a better model"); err != nil {
		t.Fatal(err)
	}
	u := r.built(plan.Upgrade)
	cancel()
	busy.Wait()
	for n := range len(late) {
		bodies[name("r", 100+n)] = words(9000+n, 40)
	}
	maps.Copy(bodies, late)
	// Models that have nothing in common cannot agree: whoever wants the
	// switch all the same makes it.
	if u.State == flow.Held {
		if u, err = r.SwitchUpgrade(t.Context(), u.ID); err != nil {
			t.Fatal(err)
		}
	}
	r.wantState(u, flow.Switched)
	if u.Evaluation == nil || u.Evaluation.Coverage != 1 || u.Evaluation.Queries == 0 {
		t.Errorf("evaluation is %+v", u.Evaluation)
	}
	r.settle("c")
	st, err := r.Status(t.Context(), "c")
	if err != nil || st.Generation.Model != "other" || len(st.Others) != 1 || st.Others[0].State != "standby" {
		t.Fatalf("status is %+v, %v", st, err)
	}
	r.exact("switched", bodies)

	// What is written now goes to both; the way back is one transaction.
	bodies["r0001"] = words(777, 40)
	r.write("c", put("r0001", bodies["r0001"]), remove("r0002"))
	delete(bodies, "r0002")
	r.settle("c")
	r.until("the standby has caught up", func() bool {
		st, err := r.Status(t.Context(), "c")
		return err == nil && st.Others[0].Pending == 0
	})
	asked := r.models[0].unchanged(t)
	if u, err = r.RollbackUpgrade(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	r.wantState(u, flow.RolledBack)
	r.exact("rolled back", bodies)
	r.wantFound("c", "harbour", ids(r.find("c", "harbour", search.Query{Mode: search.Lexical, K: search.MaxK}))...)
	asked("the way back")
	for _, m := range r.models {
		m.wantOnce(t)
	}
	if c, err = r.Collection(t.Context(), "c"); err != nil || c.Declaration.Model != "fake" {
		t.Errorf("the declaration says %q, %v", c.Declaration.Model, err)
	}
	if u, err = r.RetireUpgrade(t.Context(), u.ID); err != nil || u.State != flow.Aborted {
		t.Errorf("retired: %s, %v", u.State, err)
	}
	if n := r.indexes(); n != 1 {
		t.Errorf("%d indexes are left", n)
	}
}

// TestInvariant9AnAbortLeavesNothing gives an upgrade up while its model
// hangs: what was there never noticed.
func TestInvariant9AnAbortLeavesNothing(t *testing.T) {
	r := start(t, setup{models: twoModels()})
	r.declare("c")
	r.write("c", put("1", words(1, 30)), put("2", words(2, 30)))
	r.settle("c")
	begun := make(chan struct{})
	once := sync.OnceFunc(func() { close(begun) })
	r.models[1].fail(nil, func(ctx context.Context, _ []string) error { once(); <-ctx.Done(); return ctx.Err() })
	u := r.plan("c", easy, toOther)
	if _, err := r.ApproveUpgrade(t.Context(), u.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	<-begun
	if _, err := r.ApproveUpgrade(t.Context(), u.ID, "test", ""); fault.KindOf(err) != fault.Conflict {
		t.Errorf("approved twice: %v", err)
	}
	// The hanging model holds up nobody else.
	r.write("c", put("3", words(3, 30)))
	r.settle("c")
	u, err := r.AbortUpgrade(t.Context(), u.ID, "changed my mind")
	if err != nil {
		t.Fatal(err)
	}
	r.wantState(u, flow.Aborted)
	r.wantFound("c", words(3, 1), ids(r.find("c", words(3, 1), search.Query{Mode: search.Lexical, K: search.MaxK}))...)
	st, err := r.Status(t.Context(), "c")
	if err != nil || st.Generation.Model != "fake" || len(st.Others) > 0 || st.DeadLetters > 0 || st.PendingChanges > 0 {
		t.Errorf("status is %+v, %v", st, err)
	}
	if _, err := r.SwitchUpgrade(t.Context(), u.ID); fault.KindOf(err) != fault.Conflict {
		t.Errorf("switched after all: %v", err)
	}
}

// TestInvariant9AnUpgradeSurvivesACrash ends the process in the middle.
func TestInvariant9AnUpgradeSurvivesACrash(t *testing.T) {
	r := start(t, setup{models: twoModels()})
	r.declare("c")
	var writes []record.Write
	for n := range 600 {
		writes = append(writes, put(name("r", n), words(n, 30)))
	}
	r.write("c", writes...)
	r.settle("c")
	u := r.plan("c", easy, toOther)
	stop := make(chan struct{})
	var calls int
	r.models[1].fail(nil, func(ctx context.Context, _ []string) error {
		if calls++; calls == 2 {
			close(stop)
			<-ctx.Done()
		}
		return ctx.Err()
	})
	if _, err := r.ApproveUpgrade(t.Context(), u.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	<-stop
	dir := r.snapshot()
	s := r.setup
	s.dir, s.models = dir, twoModels()
	next := start(t, s)
	u = next.built(u.ID)
	next.wantState(u, flow.Switched)
	next.settle("c")
	if st, err := next.Status(t.Context(), "c"); err != nil || st.Generation.Model != "other" || st.Passages < 600 {
		t.Errorf("status is %+v, %v", st, err)
	}
	if _, err := r.AbortUpgrade(t.Context(), u.ID, ""); err != nil {
		t.Error(err)
	}
}

// TestInvariant9AnEvaluationThatFailsHolds: what is not good enough, or not
// whole, waits for a person.
func TestInvariant9AnEvaluationThatFailsHolds(t *testing.T) {
	r := start(t, setup{models: twoModels(), retry: quick(2)})
	r.declare("c")
	var writes []record.Write
	for n := range 100 {
		writes = append(writes, put(name("r", n), words(n, 30)))
	}
	r.write("c", append(writes, put("bad", "unwanted "+words(7, 30)))...)
	r.settle("c")
	r.models[1].fail(marked("unwanted", fault.New(fault.Invalid, "the provider refuses the text")), nil)
	u := r.upgrade("c", easy, toOther)
	r.wantState(u, flow.Held)
	if u.Evaluation.Coverage >= 1 || !strings.Contains(u.Note, "dead letters") {
		t.Errorf("held because of %q", u.Note)
	}
	r.wantFound("c", "unwanted", "bad") // as before
	if l := r.dead("c")["bad"]; l.Generation != u.To {
		t.Errorf("dead letter is %+v", l)
	}
	r.models[1].fail(nil, nil)
	if _, err := r.AbortUpgrade(t.Context(), u.ID, ""); err != nil {
		t.Fatal(err)
	}
	if n := len(r.dead("c")); n != 0 {
		t.Errorf("%d dead letters are left of a generation that is gone", n)
	}
	if u = r.upgrade("c", flow.UpgradeTerms{Manual: true, MinOverlap: 1e-9}, toOther); u.State != flow.Held || u.Evaluation.Coverage != 1 {
		t.Errorf("to be switched by hand, but it is %s: %s", u.State, u.Note)
	}
}

// TestInvariant9Judgements are what an upgrade is evaluated with, if given.
func TestInvariant9Judgements(t *testing.T) {
	r := start(t, setup{models: twoModels()})
	r.declare("c", func(d *record.Declaration) { d.Chunking = record.Chunking{Target: 200, Max: 400} })
	var judgements []search.Judgement
	for n := range 40 {
		r.write("c", put(name("r", n), words(n, 40)))
		judgements = append(judgements, search.Judgement{Query: gate.NewRaw(words(n, 40)), Relevant: map[string]float64{name("r", n): 1}})
	}
	r.settle("c")
	c, err := r.Collection(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	toOther(&c.Declaration)
	wrong := []search.Judgement{{Query: gate.NewRaw("harbour"), Relevant: map[string]float64{"nobody": 1}}}
	if _, err := r.PlanUpgrade(t.Context(), c.Declaration, easy, wrong); fault.KindOf(err) != fault.Invalid {
		t.Errorf("judgements of records that there are not: %v", err)
	}
	u, err := r.PlanUpgrade(t.Context(), c.Declaration, easy, judgements)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.ApproveUpgrade(t.Context(), u.ID, "test", ""); err != nil {
		t.Fatal(err)
	}
	u = r.built(u.ID)
	if e := u.Evaluation; e.Judged != 40 || e.OldNDCG < 0.99 || e.NewNDCG < 0.99 {
		t.Errorf("evaluation is %+v", e)
	}
}

// TestInvariant9EverythingElseIsBuiltTheSameWay: chunking, content, policy.
func TestInvariant9EverythingElseIsBuiltTheSameWay(t *testing.T) {
	masked := gate.Policy{Name: "masked", Version: 1, Otherwise: gate.Rule{Action: gate.Replace}}
	r := start(t, setup{policies: []gate.Policy{masked}})
	r.declare("c")
	r.write("c", put("1", "Write to harbour@example.com about the lantern.", "note", "the kettle"))
	r.settle("c")
	u := r.upgrade("c", easy, func(d *record.Declaration) { d.Policy, d.Content = "masked", append(d.Content, "note") })
	r.wantState(u, flow.Switched)
	if !slices.Equal(u.Reasons, []string{"content", "policy"}) {
		t.Errorf("reasons are %v", u.Reasons)
	}
	r.settle("c")
	r.wantFound("c", "kettle", "1")
	if got := r.find("c", "lantern", search.Query{Mode: search.Lexical})[0].Passage.Text; !strings.Contains(got, "[EMAIL_ADDRESS]") {
		t.Errorf("the passage is %q", got)
	}
	// A field that only the standby's successor embeds is content while both are fed.
	w := r.write("c", patch("1", record.Fields{"note": "the ladle"}))[0]
	if w.ContentVersion != w.Version {
		t.Error("a change of what is embedded is no change of content")
	}
	r.settle("c")
	r.wantFound("c", "ladle", "1")
	if _, err := r.RollbackUpgrade(t.Context(), u.ID); err != nil {
		t.Fatal(err)
	}
	r.wantFound("c", "ladle")
	if got := r.find("c", "lantern", search.Query{Mode: search.Lexical})[0].Passage.Text; !strings.Contains(got, "harbour@example.com") {
		t.Errorf("after the way back the passage is %q", got)
	}
	if c, err := r.Collection(t.Context(), "c"); err != nil || c.Declaration.Policy != keepAll.Name || len(c.Declaration.Content) != 1 {
		t.Errorf("the declaration is %+v, %v", c.Declaration, err)
	}
}

// TestInvariant9APolicyStaysAsItWasBuilt: an edited policy of the same name
// takes effect by an upgrade and not before.
func TestInvariant9APolicyStaysAsItWasBuilt(t *testing.T) {
	policy := gate.Policy{Name: "mine", Version: 1, Otherwise: gate.Rule{Action: gate.Replace}}
	r := start(t, setup{policies: []gate.Policy{policy}})
	r.declare("c", func(d *record.Declaration) { d.Policy = "mine" })
	r.write("c", put("1", "Write to harbour@example.com about the lantern."))
	r.settle("c")
	s := r.setup
	r.close()
	s.policies = []gate.Policy{{Name: "mine", Version: 2, Otherwise: gate.Rule{Action: gate.Redact}}}
	r = start(t, s)
	r.write("c", put("2", "Write to orchard@example.com about the lantern."))
	r.settle("c")
	shown := func() (out []string) {
		for _, got := range r.find("c", "lantern", search.Query{Mode: search.Lexical}) {
			out = append(out, got.Passage.Text)
		}
		return out
	}
	for _, text := range shown() {
		if !strings.Contains(text, "[EMAIL_ADDRESS]") {
			t.Errorf("under the policy it was built with the passage is %q", text)
		}
	}
	u := r.upgrade("c", easy, func(*record.Declaration) {})
	r.wantState(u, flow.Switched)
	for _, text := range shown() {
		if strings.Contains(text, "EMAIL") || strings.Contains(text, "@") {
			t.Errorf("under the new policy the passage is %q", text)
		}
	}
}

// TestInvariant9StandbyEnds retires by time what was switched from.
func TestInvariant9StandbyEnds(t *testing.T) {
	r := start(t, setup{models: twoModels()})
	r.declare("c")
	r.write("c", put("1", words(1, 30)))
	r.settle("c")
	u := r.upgrade("c", flow.UpgradeTerms{MinOverlap: 1e-9, Standby: time.Nanosecond}, toOther)
	r.wantState(u, flow.Switched)
	if u, err := r.RetireUpgrade(t.Context(), u.ID); err != nil || u.State != flow.Done {
		t.Fatalf("%s, %v", u.State, err)
	}
	if _, err := r.RollbackUpgrade(t.Context(), u.ID); fault.KindOf(err) != fault.Conflict {
		t.Errorf("rolled back to what is retired: %v", err)
	}
	before, _ := r.models[0].asked()
	r.write("c", put("2", words(2, 30)))
	r.settle("c")
	if after, _ := r.models[0].asked(); after != before {
		t.Error("what is retired is still fed")
	}
	var last holdfast.Status
	if st, err := r.Status(t.Context(), "c"); err != nil || len(st.Others) > 0 || r.indexes() != 1 {
		t.Errorf("left over: %+v, %v", st, err)
	} else {
		last = st
	}
	if last.Generation == nil || last.Generation.Model != "other" {
		t.Errorf("status is %+v", last)
	}
}
