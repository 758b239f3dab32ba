package holdfast_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

var modes = []search.Mode{search.Hybrid, search.Vector, search.Lexical}

// truth is what the writers know of each version of each record.
type truth struct {
	mu       sync.Mutex
	versions map[string]map[int64]version
	newest   map[string]int64 // acknowledged
}

type version struct {
	body    string
	state   string
	deleted bool
}

func (t *truth) add(id string, n int64, v version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.versions[id] == nil {
		t.versions[id] = map[int64]version{}
	}
	t.versions[id][n] = v
	t.newest[id] = max(t.newest[id], n)
}

// acknowledged copies the newest version of each record.
func (t *truth) acknowledged() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.newest)
}

// answer is what one search returned, and what was acknowledged before it began.
type answer struct {
	before  map[string]int64
	filter  string
	results []search.Result
}

// check compares an answer with the truth: each result is a version that was
// not superseded when the search began, is not deleted, matches the filter,
// and shows its own text.
func (t *truth) check(a answer) error {
	seen := map[string]bool{}
	for _, r := range a.results {
		v, known := t.versions[r.ID][r.Version]
		switch {
		case seen[r.ID]:
			return fmt.Errorf("%s is there twice", r.ID)
		case !known:
			return fmt.Errorf("%s has no version %d", r.ID, r.Version)
		case r.Version < a.before[r.ID]:
			return fmt.Errorf("%s is returned at version %d, and was at %d before", r.ID, r.Version, a.before[r.ID])
		case v.deleted:
			return fmt.Errorf("%s is returned, deleted at version %d", r.ID, r.Version)
		case v.body[min(r.Passage.Start, len(v.body)):min(r.Passage.End, len(v.body))] != r.Passage.Text:
			return fmt.Errorf("%s shows superseded text: %q is not of version %d", r.ID, r.Passage.Text, r.Version)
		case a.filter != "" && v.state != "open" || r.Fields["state"] != v.state:
			return fmt.Errorf("%s is %s at version %d, and shows %v for the filter %s", r.ID, v.state, r.Version, r.Fields["state"], a.filter)
		}
		seen[r.ID] = true
	}
	return nil
}

// change makes one random change to a record and tells the truth of it.
func change(r *rig, t *truth, rng *rand.Rand, id string, serial int, last version) version {
	next := last
	var w record.Write
	switch n := rng.IntN(10); {
	case last.deleted || n < 4:
		var body strings.Builder
		for range 1 + rng.IntN(12) {
			fmt.Fprintf(&body, "e%d harbour lantern %s. ", serial, words(rng.IntN(1000), 3))
		}
		next = version{body: body.String(), state: last.state}
		w = put(id, next.body, "state", next.state, "n", serial)
	case n < 8:
		next.state = map[string]string{"open": "closed", "closed": "open"}[last.state]
		w = patch(id, record.Fields{"state": next.state})
	default:
		next = version{deleted: true, state: last.state}
		w = remove(id)
	}
	done, err := r.Write(r.Context(), "c", []record.Write{w})
	if err != nil || done[0].Err != nil {
		r.Errorf("write: %v, %+v", err, done)
		return last
	}
	t.add(id, done[0].Version, next)
	return next
}

// TestInvariant6SearchDoesNotLie searches in every mode while records are
// edited, deleted, restored and moved in and out of a filter.
func TestInvariant6SearchDoesNotLie(t *testing.T) {
	r := start(t, setup{})
	r.declare("c")
	const writers, each, rounds = 3, 8, 20
	known := &truth{versions: map[string]map[int64]version{}, newest: map[string]int64{}}
	var writing, searching sync.WaitGroup
	rngs, last := make([]*rand.Rand, writers), make([]map[string]version, writers)
	write := func(w, i int) {
		id := fmt.Sprintf("r%dn%d", w, i%each)
		last[w][id] = change(r, known, rngs[w], id, i, last[w][id])
	}
	for w := range writers {
		rngs[w], last[w] = rand.New(rand.NewPCG(6, uint64(w))), map[string]version{}
		for i := range each {
			last[w][fmt.Sprintf("r%dn%d", w, i)] = version{deleted: true, state: "open"}
			write(w, i)
		}
	}
	r.settle("c")
	written := make(chan struct{}) // each write lets one search begin
	for w := range writers {
		writing.Go(func() {
			for i := range rounds * each {
				write(w, each+i)
				written <- struct{}{}
			}
		})
	}
	answers := make([][]answer, len(modes))
	for m, mode := range modes {
		searching.Go(func() {
			n := 0
			for range written {
				n++
				a := answer{before: known.acknowledged(), filter: []string{"", `{"state":"open"}`}[n%2]}
				var err error
				a.results, err = r.Search(t.Context(), admin, "c", search.Query{
					Text: gate.NewRaw("harbour lantern"), K: 5 + n%20, Mode: mode, Filter: []byte(a.filter),
				})
				if err != nil {
					t.Errorf("search: %v", err)
				}
				answers[m] = append(answers[m], a)
			}
		})
	}
	writing.Wait()
	close(written)
	searching.Wait()
	hits := 0
	for m, mode := range modes {
		for _, a := range answers[m] {
			hits += len(a.results)
			if err := known.check(a); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
	}
	if hits == 0 {
		t.Error("nothing was ever found")
	}
	r.settle("c")
	r.wantAll(known)
	wantWhole(t, r, "c")
}

// wantAll checks at rest that every mode returns all that is allowed.
func (r *rig) wantAll(known *truth) {
	r.Helper()
	want := map[string]int{}
	for id, n := range known.newest {
		if v := known.versions[id][n]; !v.deleted {
			want[""]++
			if v.state == "open" {
				want[`{"state":"open"}`]++
			}
		}
	}
	for _, mode := range modes {
		for filter, n := range want {
			a := answer{before: known.acknowledged(), filter: filter}
			a.results = r.find("c", "harbour lantern", search.Query{K: search.MaxK, Mode: mode, Filter: []byte(filter)})
			if err := known.check(a); err != nil || len(a.results) != n {
				r.Errorf("at rest %s %s returns %d records, want %d: %v", mode, filter, len(a.results), n, err)
			}
		}
	}
}

// TestInvariant6FewerOnlyIfThereAreFewer holds the index back, so that it
// offers hundreds of candidates that the check must drop before it comes to
// those that are allowed, which are the last in line.
func TestInvariant6FewerOnlyIfThereAreFewer(t *testing.T) {
	r := start(t, setup{})
	r.declare("c")
	const all, left = 1000, 10
	writes := make([]record.Write, all)
	for n := range writes {
		// The better match goes.
		text := "harbour lantern"
		if n >= all-left {
			text = "harbour with much else beside it in the text, of gravel, copper and thistle"
		}
		writes[n] = put(name("r", n), text+fmt.Sprintf(" lot%d", n), "state", "open", "n", 0)
	}
	r.write("c", writes...)
	r.settle("c")
	r.stop() // from here on the index stays as it is
	reader := access.Principal{Name: "nobody"}
	check := func(how, filter string) {
		t.Helper()
		for _, mode := range modes {
			got := r.find("c", "harbour lantern", search.Query{K: left, Mode: mode, Filter: []byte(filter)})
			if len(got) != left {
				t.Errorf("%s: %s returns %d records, want %d", how, mode, len(got), left)
			}
			for _, one := range got {
				if one.ID < name("r", all-left) {
					t.Errorf("%s: %s returns %s", how, mode, one.ID)
				}
			}
		}
		if got, err := r.Search(t.Context(), reader, "c", search.Query{Text: gate.NewRaw("harbour lantern")}); err != nil || len(got) > 0 {
			t.Errorf("who may see nothing gets %d records: %v", len(got), err)
		}
	}
	for n := range all - left {
		writes[n] = patch(name("r", n), record.Fields{"state": "closed"})
	}
	r.write("c", writes[:all-left]...)
	check("filtered out", `{"state":"open"}`)
	check("filtered by $not", `{"$not":{"state":"closed"}}`)
	for n := range all - left {
		if writes[n] = remove(name("r", n)); n%2 == 0 {
			writes[n] = patch(name("r", n), record.Fields{"body": "other words"})
		}
	}
	r.write("c", writes[:all-left]...)
	check("deleted and superseded", "")
	check("deleted and superseded, with a filter", `{"state":"open"}`)
}

// held is an index opener whose indexes hold the first batch back, whatever
// becomes of its worker.
type held struct {
	index.Opener
	begun, goOn, ended chan struct{}
	first              atomic.Bool
}

type heldIndex struct {
	index.Index
	h *held
}

func (h *held) Open(ctx context.Context, spec index.Spec) (index.Index, error) {
	ix, err := h.Opener.Open(ctx, spec)
	return &heldIndex{ix, h}, err
}

func (x *heldIndex) Apply(ctx context.Context, b index.Batch) error {
	if x.h.first.CompareAndSwap(false, true) {
		close(x.h.begun)
		<-x.h.goOn
		defer close(x.h.ended)
	}
	return x.Index.Apply(context.WithoutCancel(ctx), b)
}

// TestInvariant6LateWorkerUndoesNothing lets a worker lose its lease in the
// middle of its change to the index: what it still does must not undo what
// the next one does.
func TestInvariant6LateWorkerUndoesNothing(t *testing.T) {
	h := &held{begun: make(chan struct{}), goOn: make(chan struct{}), ended: make(chan struct{})}
	r := start(t, setup{index: func(o index.Opener) index.Opener { h.Opener = o; return h }})
	r.declare("c")
	r.write("c", put("x", "harbour lantern", "state", "open"))
	<-h.begun
	runs, err := r.Runs(t.Context(), record.RunFilter{})
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs: %v", len(runs), err)
	}
	if err := r.engine.Cancel(t.Context(), runs[0].ID); err != nil {
		t.Fatal(err)
	}
	r.write("c", put("x", "harbour lantern", "state", "closed"))
	r.until("another run is at the index, or past it", func() bool {
		next, err := r.Runs(t.Context(), record.RunFilter{})
		if err != nil || len(next) < 2 {
			return false
		}
		last := next[0].Steps[3]
		return last.Name == "index" && (last.State == record.Running || last.State == record.Succeeded)
	})
	close(h.goOn)
	<-h.ended
	r.settle("c")
	for filter, want := range map[string]int{`{"state":"closed"}`: 1, `{"state":"open"}`: 0} {
		if got := r.find("c", "harbour", search.Query{Filter: []byte(filter)}); len(got) != want {
			t.Errorf("%s finds %d records, want %d", filter, len(got), want)
		}
	}
}
