package holdfast_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// TestInvariant7OneBadItemStopsNothing puts one bad record among good ones,
// in every way a record can be bad.
func TestInvariant7OneBadItemStopsNothing(t *testing.T) {
	const marker = "zeppelin"
	refused := fault.New(fault.Invalid, "the model refuses this text")
	tooLong := fault.New(fault.Unavailable, "this text takes too long")
	healing := func(failures int64, err error) func(context.Context, string) error {
		var n atomic.Int64
		return func(ctx context.Context, text string) error {
			if fails := marked(marker, err)(ctx, text); fails != nil && n.Add(1) <= failures {
				return fails
			}
			return nil
		}
	}
	for how, c := range map[string]struct {
		one  func(context.Context, string) error
		all  func(context.Context, []string) error
		bad  any // content of the bad record
		want *record.DeadLetter
	}{
		"refused": {
			one:  marked(marker, refused),
			want: &record.DeadLetter{Step: "embed", Kind: fault.Invalid, Message: "the model refuses this text", Attempts: 1},
		},
		"panic": {
			one:  func(_ context.Context, text string) error { return explode(text, marker) },
			want: &record.DeadLetter{Step: "embed", Kind: fault.Internal, Attempts: 2}, // with the others, and alone
		},
		"wrong vector": {
			all: func(_ context.Context, texts []string) error {
				return marked(marker, fault.New(fault.Internal, "the answer makes no sense"))(context.Background(), fmt.Sprint(texts))
			},
			want: &record.DeadLetter{Step: "embed", Kind: fault.Internal, Attempts: 2},
		},
		"no text": {
			bad:  map[string]any{"nested": marker},
			want: &record.DeadLetter{Step: "gate", Kind: fault.Invalid, Attempts: 1},
		},
		"transient": {
			one:  marked(marker, tooLong),
			want: &record.DeadLetter{Step: "embed", Kind: fault.Unavailable, Message: "this text takes too long", Attempts: 3},
		},
		"transient, for all with it": {
			all: func(ctx context.Context, texts []string) error {
				return marked(marker, tooLong)(ctx, fmt.Sprint(texts))
			},
			want: &record.DeadLetter{Step: "embed", Kind: fault.Unavailable, Attempts: 4}, // once with the others, three times alone
		},
		"transient, healing": {one: healing(2, tooLong)},
	} {
		t.Run(how, func(t *testing.T) {
			r := start(t, setup{retry: quick(3), idle: true})
			r.declare("c")
			model := r.models[0]
			model.fail(c.one, c.all)
			var good []string
			for n := range 20 {
				good = append(good, name("good", n))
				r.write("c", put(name("good", n), "harbour "+words(n, 20)))
			}
			bad := record.Write{ID: "bad", Fields: record.Fields{"body": "harbour " + marker}}
			if c.bad != nil {
				bad.Fields["body"] = c.bad
			}
			r.write("c", bad)
			r.run() // now all are in one batch
			r.settle("c")
			all := append(slices.Clone(good), "bad")
			if c.want == nil {
				r.wantFound("c", "harbour", all...)
				return
			}
			r.wantFound("c", "harbour", good...)
			r.wantDead("c", "bad", *c.want)
			first := r.dead("c")["bad"]

			// Replayed too early, it fails again, and is the same letter.
			if n, err := r.Replay(t.Context(), "c", []int64{first.ID}); n != 1 || err != nil {
				t.Fatalf("replayed %d: %v", n, err)
			}
			r.settle("c")
			if again := r.dead("c")["bad"]; again.ID != first.ID || again.Attempts <= first.Attempts || again.FirstAt != first.FirstAt {
				t.Errorf("replayed in vain, the letter is %+v, was %+v", again, first)
			}

			// A new write of the record takes it up again, and so does a replay
			// once the model is well.
			if c.bad == nil {
				model.fail(nil, nil)
				if n, err := r.Replay(t.Context(), "", nil); n != 1 || err != nil {
					t.Fatalf("replayed %d: %v", n, err)
				}
			} else {
				r.write("c", put("bad", "harbour and well"))
			}
			r.settle("c")
			r.wantFound("c", "harbour", all...)
			if dead := r.dead("c"); len(dead) > 0 {
				t.Errorf("dead letters stay open: %+v", dead)
			}
			model.wantOnce(t)
		})
	}
}

// explode panics with the text itself, which must not come out.
func explode(text, marker string) error {
	if strings.Contains(text, marker) {
		panic(text)
	}
	return nil
}

func (r *rig) wantDead(collection, id string, want record.DeadLetter) {
	r.Helper()
	dead := r.dead(collection)
	got, ok := dead[id]
	if !ok || len(dead) != 1 {
		r.Errorf("dead letters are %+v, want one for %s", dead, id)
		return
	}
	run, err := r.PipelineRun(r.Context(), got.Run)
	if err != nil || run.Pipeline != got.Pipeline {
		r.Errorf("the letter names run %q of %q: %v", got.Run, got.Pipeline, err)
	}
	if got.Step != want.Step || got.Kind != want.Kind || got.Attempts != want.Attempts || !strings.Contains(got.Message, want.Message) ||
		strings.Contains(got.Message, "zeppelin") || got.FirstAt.IsZero() || got.LastAt.Before(got.FirstAt) {
		r.Errorf("dead letter is %+v, want %+v", got.DeadLetter, want)
	}
	st, err := r.Status(r.Context(), collection)
	if err != nil || st.DeadLetters != 1 || st.PendingChanges != 0 {
		r.Errorf("status is %+v: %v", st, err)
	}
}

// TestInvariant7WriteRevivesADeadLetter writes a record again whose text the
// model has refused: new text is embedded, and the letter is closed.
func TestInvariant7WriteRevivesADeadLetter(t *testing.T) {
	r := start(t, setup{})
	r.declare("c")
	r.models[0].fail(marked("zeppelin", fault.New(fault.Invalid, "refused")), nil)
	r.write("c", put("x", "harbour zeppelin", "n", 1), put("y", "harbour zeppelin"), put("z", "harbour zeppelin"))
	r.settle("c")
	r.wantFound("c", "harbour")
	r.write("c", put("x", "harbour lantern"), patch("y", record.Fields{"n": 2}), remove("z"))
	r.settle("c")
	r.wantFound("c", "harbour", "x")
	if dead := r.dead("c"); len(dead) != 1 || dead["y"].Step != "embed" {
		t.Errorf("dead letters are %+v, want that of y, whose text is as it was", dead)
	}
}

// TestInvariant7OutageHeals takes a provider away while it is needed: no dead
// letter if it comes back within the tries, and a collection of another model
// is not held back meanwhile.
func TestInvariant7OutageHeals(t *testing.T) {
	sick, well := newFake("sick"), newFake("well")
	r := start(t, setup{models: []*fake{sick, well}, retry: quick(5)})
	r.declare("a")
	r.declare("b", func(d *record.Declaration) { d.Model = "well" })
	sick.fail(nil, func(context.Context, []string) error { return errDown })
	var inA, inB []string
	for n := range 30 {
		inA, inB = append(inA, name("a", n)), append(inB, name("b", n))
		r.write("a", put(name("a", n), "harbour "+words(n, 20)))
		r.write("b", put(name("b", n), "harbour "+words(n, 20)))
	}
	r.settle("b")
	r.wantFound("b", "harbour", inB...)
	r.until("the sick model is left alone", func() bool {
		models, err := r.Models(t.Context())
		return err == nil && slices.ContainsFunc(models, func(m holdfast.Model) bool { return m.Name == "sick" && m.State == "down" })
	})
	if st, err := r.Status(t.Context(), "a"); err != nil || st.PendingChanges != 30 || st.DeadLetters != 0 {
		t.Errorf("during the outage the status is %+v: %v", st, err)
	}
	sick.fail(nil, nil)
	r.settle("a")
	r.wantFound("a", "harbour", inA...)
	if dead := r.dead(""); len(dead) > 0 {
		t.Errorf("the outage left dead letters: %+v", dead)
	}
	sick.wantOnce(t)
}

// TestInvariant7HangHoldsNobodyUp lets every call of one model hang: a
// collection of another model goes on, a cancelled run gives back what it
// holds at once, and a dropped collection ends what goes on for it.
func TestInvariant7HangHoldsNobodyUp(t *testing.T) {
	sick, well := newFake("sick"), newFake("well")
	r := start(t, setup{models: []*fake{sick, well}})
	r.declare("a")
	r.declare("b", func(d *record.Declaration) { d.Model = "well" })
	begun := make(chan struct{}, 100)
	sick.fail(nil, func(ctx context.Context, _ []string) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	r.write("a", put("one", "harbour lantern"))
	<-begun
	r.write("a", put("two", "harbour kettle"))
	<-begun
	r.write("a", put("three", "harbour meadow"))
	r.write("b", put("other", "harbour copper"))
	r.settle("b")
	r.wantFound("b", "harbour", "other")

	running := func() []record.Run {
		runs, err := r.Runs(t.Context(), record.RunFilter{State: record.Running})
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	hung := running()
	if len(hung) != 2 {
		t.Fatalf("%d runs hang, want the 2 that one collection may have", len(hung))
	}
	held := r.query("SELECT max(epoch) FROM leases")[0][0]
	for _, run := range hung {
		if err := r.engine.Cancel(t.Context(), run.ID); err != nil {
			t.Fatal(err)
		}
	}
	// Others take over what the cancelled runs held, and hang in turn.
	r.until("the cancelled runs hold nothing", func() bool {
		if rows := r.query("SELECT ref FROM changes WHERE lost > 0"); len(rows) > 0 {
			t.Fatalf("they gave nothing back, and their leases have expired: %v", rows)
		}
		return len(r.query("SELECT ref FROM changes WHERE epoch <= ?", held)) == 0
	})
	next := running()
	for _, run := range next {
		if slices.ContainsFunc(hung, func(h record.Run) bool { return h.ID == run.ID }) {
			t.Errorf("cancelled run %s goes on", run.ID)
		}
	}
	sick.fail(nil, nil)
	for _, run := range running() {
		if err := r.engine.Cancel(t.Context(), run.ID); err != nil {
			t.Fatal(err)
		}
	}
	r.settle("a")
	r.wantFound("a", "harbour", "one", "two", "three")
	if dead := r.dead(""); len(dead) > 0 {
		t.Errorf("cancelling left dead letters: %+v", dead)
	}
	sick.wantOnce(t)
}

// TestInvariant7ManyCollectionsOfABadModel lets the model of many collections
// hang, with work for more runs than there are workers: a collection of
// another model goes on.
func TestInvariant7ManyCollectionsOfABadModel(t *testing.T) {
	sick, well := newFake("sick"), newFake("well")
	r := start(t, setup{models: []*fake{sick, well}, workers: 10})
	hangs := make(chan struct{})
	begun := make(chan struct{}, 1000)
	sick.fail(nil, func(ctx context.Context, _ []string) error {
		begun <- struct{}{}
		select {
		case <-hangs:
		case <-ctx.Done():
		}
		return ctx.Err()
	})
	var names []string
	for n := range 12 {
		names = append(names, name("sick", n))
		r.declare(names[n])
		r.write(names[n], put("a", "harbour "+words(n, 20)))
	}
	for range 8 { // as many as may
		<-begun
	}
	r.declare("well", func(d *record.Declaration) { d.Model = "well" })
	for n := range 20 {
		r.write("well", put(name("w", n), "harbour "+words(n, 20)))
	}
	r.settle("well")
	if len(begun) > 0 {
		t.Errorf("%d more calls of the model hang", len(begun))
	}
	close(hangs)
	r.settle(names...)
	if dead := r.dead(""); len(dead) > 0 {
		t.Errorf("dead letters: %+v", dead)
	}
}

// TestDropCollectionWhileItIsIndexed drops a collection in the middle of
// every step: nothing is left of it, and others go on.
func TestDropCollectionWhileItIsIndexed(t *testing.T) {
	log := logs{from: slog.LevelWarn}
	r := start(t, setup{log: log.logger()})
	r.declare("other")
	begun, goOn := make(chan struct{}, 100), make(chan struct{})
	r.models[0].fail(nil, func(ctx context.Context, texts []string) error {
		if strings.Contains(fmt.Sprint(texts), "zeppelin") {
			begun <- struct{}{}
			select {
			case <-goOn:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for round := range 6 {
		r.declare("c")
		for n := range 30 {
			r.write("c", put(name("r", n), words(100*round+n, 20)))
		}
		if round%3 == 0 {
			r.write("c", put("hung", "zeppelin"))
			<-begun
		}
		if err := r.DropCollection(t.Context(), "c"); err != nil {
			t.Fatal(err)
		}
	}
	close(goOn)
	r.write("other", put("x", "harbour lantern"))
	r.settle("other")
	r.wantFound("other", "harbour", "x")
	r.until("no work is left", func() bool {
		return len(r.query("SELECT id FROM river_job")) == 0
	})
	for _, table := range []string{"leases", "staged", "claims", "changes", "dead_letters"} {
		if rows := r.query("SELECT * FROM " + table); len(rows) > 0 {
			t.Errorf("%d rows are left in %s", len(rows), table)
		}
	}
	if rows := r.query("SELECT DISTINCT collection FROM runs"); len(rows) != 1 {
		t.Errorf("runs are left of %d collections, want 1", len(rows))
	}
	if n := r.indexes(); n != 1 {
		t.Errorf("%d index folders are left, want 1", n)
	}
	if text := log.String(); text != "" {
		t.Errorf("it was not quiet: %s", text)
	}
}
