package holdfast_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

// lent is an opener that lets a test reach the index behind Holdfast's back.
type lent struct {
	index.Opener
	mu sync.Mutex
	ix index.Index
}

func (l *lent) Open(ctx context.Context, s index.Spec) (index.Index, error) {
	ix, err := l.Opener.Open(ctx, s)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ix = ix
	return ix, err
}

// plant changes the index as no change of a record does.
func (l *lent) plant(tb testing.TB, b index.Batch) {
	tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ix.Apply(tb.Context(), b); err != nil {
		tb.Fatal(err)
	}
}

// lending fills a collection of so many records; each has one passage.
func lending(t *testing.T, s setup, records int) (*rig, *lent) {
	t.Helper()
	l := &lent{}
	s.index = func(o index.Opener) index.Opener { l.Opener = o; return l }
	r := start(t, s)
	r.declare("c")
	var writes []record.Write
	for n := range records {
		writes = append(writes, put(name("r", n), words(n, 6), "n", n, "state", "open"))
	}
	r.write("c", writes...)
	r.settle("c")
	return r, l
}

func (r *rig) reconcile(how flow.Reconcile) flow.Reconciled {
	r.Helper()
	got, err := r.Reconcile(r.Context(), "c", how)
	if err != nil {
		r.Fatalf("reconcile: %v", err)
	}
	return got
}

// numbers of passages and of the records that they are of.
func (r *rig) numbers() (passages, refs []int64) {
	r.Helper()
	for _, row := range r.query("SELECT id, ref FROM passages ORDER BY id") {
		passages, refs = append(passages, row[0].(int64)), append(refs, row[1].(int64))
	}
	return passages, refs
}

func entry(tb testing.TB, id, ref int64) index.Entry {
	tb.Helper()
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		tb.Fatal(err)
	}
	policy := gate.DefaultPolicy()
	text := g.Clean(tb.Context(), &policy, []gate.Raw{gate.NewRaw("planted")})[0]
	if text.Err != nil {
		tb.Fatal(text.Err)
	}
	v := make([]float32, newFake("fake").model.Dimensions)
	v[0] = 1
	return index.Entry{ID: id, Record: ref, Tag: 1, Vector: v, Text: text.Clean}
}

// TestReconcile plants every kind of damage, which a comparison finds and a
// repair mends, without a call to the model.
func TestReconcile(t *testing.T) {
	t.Parallel()
	r, l := lending(t, setup{}, 200)
	if _, err := r.Write(t.Context(), "c", []record.Write{{ID: name("r", 199), Op: record.Delete}}); err != nil {
		t.Fatal(err)
	}
	r.settle("c")
	want := r.answers("c")
	silent := r.models[0].unchanged(t)
	gone := r.query("SELECT ref FROM records WHERE id = ?", name("r", 199))[0][0].(int64)
	passages, refs := r.numbers()
	planted := index.Meta{"planted": (&gate.Gate{}).Metadata("planted", 7.0, nil)}
	ids := func(ids ...int64) flow.Found { return flow.Found{Count: int64(len(ids)), IDs: ids} }
	for _, c := range []struct {
		name string
		b    index.Batch
		want flow.Reconciled
	}{
		{"nothing", index.Batch{}, flow.Reconciled{}},
		{
			"entries deleted",
			index.Batch{Delete: passages[3:6]},
			flow.Reconciled{Entries: flow.Differences{Missing: ids(passages[3:6]...)}},
		},
		{
			"an entry of another text",
			index.Batch{Upsert: []index.Entry{entry(t, passages[7], refs[7])}},
			flow.Reconciled{Entries: flow.Differences{Stale: ids(passages[7])}},
		},
		{
			"an entry of another record",
			index.Batch{Upsert: []index.Entry{entry(t, passages[8], refs[9])}},
			flow.Reconciled{Entries: flow.Differences{Stale: ids(passages[8])}},
		},
		{
			"an orphaned entry",
			index.Batch{Upsert: []index.Entry{entry(t, 1<<40, refs[0])}},
			flow.Reconciled{Entries: flow.Differences{Orphaned: ids(1 << 40)}},
		},
		{
			"an entry of a deleted record",
			index.Batch{Upsert: []index.Entry{entry(t, 1<<41, gone)}},
			flow.Reconciled{Entries: flow.Differences{Orphaned: ids(1 << 41)}},
		},
		{
			"foreign entries",
			index.Batch{Upsert: []index.Entry{entry(t, -5, 1<<42), entry(t, 1<<43, 1<<44)}},
			flow.Reconciled{Entries: flow.Differences{Foreign: ids(-5, 1<<43)}},
		},
		{
			"other metadata",
			index.Batch{Meta: map[int64]index.Meta{refs[10]: planted}},
			flow.Reconciled{Metadata: flow.Differences{Stale: ids(refs[10])}},
		},
		{
			"no metadata",
			index.Batch{Meta: map[int64]index.Meta{refs[11]: {}}},
			flow.Reconciled{Metadata: flow.Differences{Missing: ids(refs[11])}},
		},
		{
			"metadata of a deleted record",
			index.Batch{Meta: map[int64]index.Meta{gone: planted}},
			flow.Reconciled{Metadata: flow.Differences{Orphaned: ids(gone)}},
		},
		{
			"foreign metadata",
			index.Batch{Meta: map[int64]index.Meta{1 << 45: planted, -9: planted}},
			flow.Reconciled{Metadata: flow.Differences{Foreign: ids(-9, 1<<45)}},
		},
		{
			"a record forgotten",
			index.Batch{Forget: refs[20:21]},
			flow.Reconciled{Entries: flow.Differences{Missing: ids(passages[20])}, Metadata: flow.Differences{Missing: ids(refs[20])}},
		},
	} {
		l.plant(t, c.b)
		for _, how := range []flow.Reconcile{{}, {}, {Repair: true}} {
			got := r.reconcile(how)
			if how.Repair != (got.Repaired > 0) && c.name != "nothing" {
				t.Errorf("%s: %+v repaired %d", c.name, how, got.Repaired)
			}
			got.Repaired, got.Took, got.Entries.Held, got.Metadata.Held = 0, 0, 0, 0
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s: found %+v, want %+v", c.name, got, c.want)
			}
		}
		if got := r.reconcile(flow.Reconcile{}); !got.Sound() || got.Entries.Held != 199 || got.Metadata.Held != 199 {
			t.Errorf("%s: after the repair: %+v", c.name, got)
		}
		r.wantAnswers(c.name, "c", want)
		silent(c.name)
	}
}

// TestReconcileRefuses to delete much, or anything beside an empty store.
func TestReconcileRefuses(t *testing.T) {
	t.Parallel()
	r, l := lending(t, setup{}, 40)
	_, refs := r.numbers()
	b := index.Batch{}
	for n := range int64(3) { // of 43
		b.Upsert = append(b.Upsert, entry(t, 1<<40+n, refs[n]))
	}
	l.plant(t, b)
	before := r.reconcile(flow.Reconcile{})
	_, err := r.Reconcile(t.Context(), "c", flow.Reconcile{Repair: true})
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "5%") || !strings.Contains(err.Error(), "--force") {
		t.Errorf("a repair that deletes 3 of 43: %v", err)
	}
	if got := r.reconcile(flow.Reconcile{}); got.Entries.Orphaned.Count != 3 || got.Entries.Held != before.Entries.Held {
		t.Errorf("after the refusal: %+v", got)
	}
	if got := r.reconcile(flow.Reconcile{Repair: true, Force: true}); got.Repaired != 3 {
		t.Errorf("with force: %+v", got)
	}
	if got := r.reconcile(flow.Reconcile{}); !got.Sound() || got.Entries.Held != 40 {
		t.Errorf("after the repair: %+v", got)
	}

	// Another database: the records are gone, the index is not.
	r.close()
	files, err := filepath.Glob(r.path("holdfast.db*"))
	for _, f := range files {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	r = start(t, r.setup)
	r.declare("c")
	for _, how := range []flow.Reconcile{{}, {Repair: true}, {Repair: true, Force: true}} {
		if _, err := r.Reconcile(t.Context(), "c", how); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "no records") {
			t.Errorf("%+v beside an empty store: %v", how, err)
		}
	}
	if n, err := l.ix.Count(t.Context()); n != 40 || err != nil {
		t.Errorf("the index counts %d, %v", n, err)
	}
}

// TestReconcileInAStorm compares while everything changes: nothing is damaged,
// so nothing may be found, and repairs must break nothing.
func TestReconcileInAStorm(t *testing.T) {
	t.Parallel()
	r, _ := lending(t, setup{}, 120)
	storm, calm := context.WithCancel(t.Context())
	defer calm()
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for n := 0; storm.Err() == nil; n++ {
				id := name("r", (7*n+w)%120)
				var write record.Write
				switch n % 4 {
				case 0:
					write = put(id, words(n, 6), "n", n, "state", "open")
				case 1, 2:
					write = patch(id, record.Fields{"n": n})
				case 3:
					write = record.Write{ID: id, Op: record.Delete}
				}
				if _, err := r.Write(t.Context(), "c", []record.Write{write}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 6 {
		got := r.reconcile(flow.Reconcile{Repair: n%2 == 1, Force: true})
		if !got.Sound() || got.Repaired != 0 {
			t.Errorf("look %d: %+v", n, got)
		}
	}
	calm()
	wg.Wait()
	r.settle("c")
	if got := r.reconcile(flow.Reconcile{}); !got.Sound() || got.Unsettled != 0 {
		t.Errorf("after the storm: %+v", got)
	}
}

// TestReconcileSparesDeadLetters: what waits to be replayed is no damage.
func TestReconcileSparesDeadLetters(t *testing.T) {
	t.Parallel()
	bad := newFake("fake")
	r, _ := lending(t, setup{models: []*fake{bad}}, 20)
	bad.fail(func(_ context.Context, text string) error {
		if strings.Contains(text, "poisoned") {
			return fault.New(fault.Invalid, "refused")
		}
		return nil
	}, nil)
	r.write("c", put(name("r", 3), "a poisoned text", "n", 77, "state", "closed"))
	r.until("a dead letter", func() bool { return len(r.dead("c")) == 1 })
	if got := r.reconcile(flow.Reconcile{Repair: true}); !got.Sound() || got.Unsettled == 0 || got.Repaired != 0 {
		t.Errorf("found %+v", got)
	}
}

// TestReconcileByItself repairs on a schedule.
func TestReconcileByItself(t *testing.T) {
	t.Parallel()
	r, l := lending(t, setup{reconciling: holdfast.Reconciling{Every: 50 * time.Millisecond}}, 30)
	passages, _ := r.numbers()
	l.plant(t, index.Batch{Delete: passages[:2]})
	r.until("the index is right again", func() bool {
		n, err := l.ix.Count(t.Context())
		return err == nil && n == 30
	})
	runs, err := r.Runs(t.Context(), record.RunFilter{Pipeline: "reconcile"})
	if err != nil || !slices.ContainsFunc(runs, func(run record.Run) bool { return run.State == record.Succeeded || run.State == record.Running }) {
		t.Errorf("runs %+v, %v", runs, err)
	}
}
