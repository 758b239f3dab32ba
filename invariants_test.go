package holdfast_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
	"github.com/holdfast/holdfast/search"
)

// answers asks in every mode, with and without a filter.
func (r *rig) answers(collection string) map[string][]search.Result {
	r.Helper()
	out := map[string][]search.Result{}
	for _, mode := range []search.Mode{search.Hybrid, search.Vector, search.Lexical} {
		for _, text := range []string{"harbour lantern", "copper kettle in the meadow", "orchard"} {
			for _, filter := range []string{"", `{"state":"open","n":{"$lt":40}}`} {
				out[fmt.Sprintf("%s %q %s", mode, text, filter)] = r.find(collection, text, search.Query{Mode: mode, K: 20, Filter: []byte(filter)})
			}
		}
	}
	return out
}

func (r *rig) wantAnswers(when, collection string, want map[string][]search.Result) {
	r.Helper()
	for q, got := range r.answers(collection) {
		if len(want[q]) == 0 {
			r.Errorf("%s: the question finds nothing to begin with", q)
		}
		if !reflect.DeepEqual(got, want[q]) {
			r.Errorf("%s: %s finds %v, want %v", when, q, ids(got), ids(want[q]))
		}
	}
}

// filled is a collection with history: records were added, edited, deleted.
func filled(t *testing.T, s setup) *rig {
	r := start(t, s)
	r.declare("c")
	var writes []record.Write
	for n := range 80 {
		writes = append(writes, put(name("r", n), words(n, 60), "state", []string{"open", "closed"}[n%2], "n", n))
	}
	r.write("c", writes...)
	r.settle("c")
	for n := range 10 {
		r.write("c", patch(name("r", n), record.Fields{"body": words(1000+n, 70)}), remove(name("r", 70+n)),
			patch(name("r", 20+n), record.Fields{"state": "open"}))
	}
	r.settle("c")
	return r
}

// TestInvariant1OneTruth takes the index away, whole and in part, in every
// way: what it held comes back from the records and the stored vectors.
func TestInvariant1OneTruth(t *testing.T) {
	r := filled(t, setup{})
	want := r.answers("c")
	sealed := r.query("SELECT id, ref, content_version, sealed, text, display, state FROM passages ORDER BY id")
	silent := r.models[0].unchanged(t)
	check := func(how string) {
		t.Helper()
		r.settle("c")
		r.wantAnswers(how, "c", want)
		silent(how)
		if !reflect.DeepEqual(r.query("SELECT id, ref, content_version, sealed, text, display, state FROM passages ORDER BY id"), sealed) {
			t.Errorf("%s: the passages have changed: the gate was run again", how)
		}
	}
	rebuilt := func(n int) func() bool {
		return func() bool {
			runs, err := r.Runs(t.Context(), record.RunFilter{Pipeline: "rebuild", State: record.Succeeded})
			return err == nil && len(runs) == n
		}
	}

	var last, total int64
	done, err := r.Rebuild(t.Context(), "c", func(n, of int64) { last, total = n, of })
	if err != nil || done.Records != 70 || done.Passages != int64(len(sealed)) || last > total {
		t.Errorf("rebuilt %+v, progress %d of %d: %v; want 70 records and %d passages", done, last, total, err, len(sealed))
	}
	check("rebuild")

	r.close()
	if err := os.RemoveAll(r.path("index")); err != nil {
		t.Fatal(err)
	}
	r = r.reopen()
	r.until("the index is back", rebuilt(2))
	check("deleted folder")

	r.close()
	damage(t, r.path("index"))
	r = r.reopen()
	r.until("the index is back", rebuilt(3))
	check("damaged files")

	if _, err := r.Rebuild(t.Context(), "c", nil); err != nil {
		t.Error(err)
	}
	check("second rebuild")
}

// damage flips bytes in the middle of every file.
func damage(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path) //nolint:gosec // the test's own
		if err != nil || len(data) < 64 {
			return err
		}
		files++
		for i := len(data) / 3; i < len(data)/2; i++ {
			data[i] ^= 0x5a
		}
		return os.WriteFile(path, data, 0o600) //nolint:gosec // the test's own
	})
	if err != nil || files == 0 {
		t.Fatalf("damaged %d files: %v", files, err)
	}
}

// paused is an index opener whose indexes wait before they apply anything
// but the first batch.
type paused struct {
	index.Opener
	begun chan struct{} // gets one when Apply waits
	goOn  chan struct{}
	once  sync.Once
}

type pausedIndex struct {
	index.Index
	p *paused
}

func (p *paused) Open(ctx context.Context, spec index.Spec) (index.Index, error) {
	ix, err := p.Opener.Open(ctx, spec)
	return &pausedIndex{ix, p}, err
}

func (x *pausedIndex) Apply(ctx context.Context, b index.Batch) error {
	if n, err := x.Count(ctx); err != nil || n == 0 {
		return errors.Join(err, x.Index.Apply(ctx, b))
	}
	x.p.once.Do(func() { close(x.p.begun) })
	select {
	case <-x.p.goOn:
		return x.Index.Apply(ctx, b)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestInvariant1RebuildSurvivesACrash kills a rebuild when the first of its
// batches is back: the next process ends what it began.
func TestInvariant1RebuildSurvivesACrash(t *testing.T) {
	r := start(t, setup{})
	r.declare("c", func(d *record.Declaration) { d.Chunking = record.Chunking{Target: 16, Max: 16} })
	var writes []record.Write
	for n := range 2500 {
		writes = append(writes, put(name("r", n), words(n, 12), "n", n, "state", "open"))
	}
	r.write("c", writes...)
	r.settle("c")
	want := r.answers("c")
	r.close()

	p := &paused{begun: make(chan struct{}), goOn: make(chan struct{})}
	s := r.setup
	s.index = func(o index.Opener) index.Opener { p.Opener = o; return p }
	r = start(t, s)
	ended := make(chan error, 1)
	go func() {
		_, err := r.Rebuild(t.Context(), "c", nil)
		ended <- err
	}()
	select {
	case <-p.begun: // which closes only if there is a second batch
	case err := <-ended:
		t.Fatalf("the rebuild ended in one batch: %v", err)
	}
	dir := r.snapshot()
	close(p.goOn)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	next := start(t, setup{dir: dir, models: []*fake{newFake("fake")}})
	next.until("the rebuild is over", func() bool {
		runs, err := next.Runs(t.Context(), record.RunFilter{Pipeline: "rebuild", State: record.Succeeded})
		return err == nil && len(runs) == 1
	})
	next.wantAnswers("restart", "c", want)
	if calls, _ := next.models[0].asked(); calls != 0 {
		t.Errorf("the rebuild made %d calls to the model", calls)
	}
}

// flaky is a store whose updates fail at random, before or after their commit.
type flaky struct {
	*sqlite.Store
	mu  sync.Mutex
	rng *rand.Rand
	one int // in so many updates fails; 0 for none
}

func (f *flaky) roll(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.one == 0 {
		return -1
	}
	return f.rng.IntN(f.one * n)
}

func (f *flaky) set(one int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.one = one
}

var errFlaky = fault.New(fault.Unavailable, "injected")

func (f *flaky) Update(ctx context.Context, fn func(record.Tx) error) error {
	fate := f.roll(2)
	err := f.Store.Update(ctx, func(tx record.Tx) error {
		if err := fn(tx); err != nil || fate != 0 {
			return err
		}
		return errFlaky // all of it is rolled back
	})
	if err == nil && fate == 1 {
		return errFlaky // it is committed, and nobody knows
	}
	return err
}

// TestInvariant2NoDualWrite lets every tenth transaction fail, or seem to,
// while records are written and indexed. In no snapshot is there a record
// that is behind without a change, nor a step that is done without its
// results; in the end everything is indexed, once.
func TestInvariant2NoDualWrite(t *testing.T) {
	faults := &flaky{rng: rand.New(rand.NewPCG(2, 2)), one: 10}
	r := start(t, setup{retry: quick(1000), records: func(s *sqlite.Store) record.Store { faults.Store = s; return faults }})
	faults.set(0)
	r.declare("c")
	faults.set(10)
	watching, stop := context.WithCancel(t.Context())
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for watching.Err() == nil {
			if err := consistent(watching, r.store); err != nil && watching.Err() == nil {
				t.Error(err)
				return
			}
		}
	})
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := w; n < 80; n += 4 {
				insist(t, r, put(name("r", n), words(n%50, 40), "n", n))
				if n%3 == 0 {
					insist(t, r, put(name("r", n), words(200+n, 50), "n", n))
				}
				if n%7 == 0 {
					insist(t, r, remove(name("r", n)))
				}
			}
		})
	}
	writers.Wait()
	r.settle("c")
	for n := range 10 {
		insist(t, r, remove(name("r", 3*n+1)))
		insist(t, r, put(name("r", 3*n+2), words(300+n, 40), "n", -1))
	}
	r.settle("c")
	stop()
	watcher.Wait()
	faults.set(0)
	r.settle("c")
	if dead := r.dead("c"); len(dead) > 0 {
		t.Errorf("%d dead letters: %+v", len(dead), dead)
	}
	r.models[0].wantOnce(t)
	wantWhole(t, r, "c")
}

// insist writes until the store says that it is done.
func insist(t *testing.T, r *rig, w record.Write) {
	for t.Context().Err() == nil {
		done, err := r.Write(t.Context(), "c", []record.Write{w})
		if err == nil {
			if err = done[0].Err; err == nil {
				return
			}
		}
		if !errors.Is(err, errFlaky) {
			t.Errorf("write: %v", err)
			return
		}
	}
}

// contradictions are what no snapshot may show, each with the rows that do.
//
//nolint:gosec // passages, not passwords
var contradictions = map[string]string{
	"a live record has no change and is not indexed as it is": `SELECT r.ref FROM records r
		WHERE NOT r.deleted AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.ref = r.ref)
		AND (NOT EXISTS (SELECT 1 FROM passages p WHERE p.ref = r.ref)
		OR EXISTS (SELECT 1 FROM passages p WHERE p.ref = r.ref AND (p.state <> 1 OR p.content_version <> r.content_version)))`,
	"a deleted record has no change and still has passages": `SELECT r.ref FROM records r JOIN passages p ON p.ref = r.ref
		WHERE r.deleted AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.ref = r.ref)`,
	"a run has succeeded and holds changes": `SELECT c.ref FROM changes c JOIN runs r
		ON json_extract(r.input, '$.epoch') = c.epoch WHERE r.pipeline = 'index' AND r.state = 'succeeded'`,
	"the gate is done and staged nothing": `SELECT c.ref FROM runs r
		JOIN steps g ON g.run = r.id AND g.name = 'gate' JOIN steps s ON s.run = r.id AND s.name = 'split'
		JOIN changes c ON c.epoch = json_extract(r.input, '$.epoch')
		JOIN records o ON o.ref = c.ref AND NOT o.deleted AND o.change <= c.leased_number
		WHERE g.state = 'succeeded' AND s.state IN ('waiting', 'running', 'retrying') AND c.leased_what & 1
		AND NOT EXISTS (SELECT 1 FROM staged t WHERE t.ref = c.ref AND t.epoch = c.epoch)`,
}

// embedded are the passages whose vectors must be there: the step that makes
// them is done, and they wait for the index.
const embedded = `SELECT p.text, g.space FROM runs r
	JOIN steps e ON e.run = r.id AND e.name = 'embed' AND e.state = 'succeeded'
	JOIN changes c ON c.epoch = json_extract(r.input, '$.epoch')
	JOIN records o ON o.ref = c.ref AND NOT o.deleted AND o.change <= c.leased_number
	JOIN passages p ON p.ref = c.ref AND p.state = 0 JOIN generations g ON g.id = p.generation`

// consistent checks one snapshot of the record store.
func consistent(ctx context.Context, s record.Store) error {
	return s.View(ctx, func(tx record.Tx) error {
		for what, statement := range contradictions {
			rows, err := readRows(ctx, tx.Unwrap().(*sql.Tx), statement)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				return fmt.Errorf("%s: %v", what, rows)
			}
		}
		rows, err := readRows(ctx, tx.Unwrap().(*sql.Tx), embedded)
		if err != nil {
			return err
		}
		need := make([]digest.Digest, len(rows))
		for i, row := range rows {
			need[i] = embedding.Address(digest.Digest(row[1].([]byte)), digest.Digest(row[0].([]byte)))
		}
		have, err := tx.Vectors().Load(ctx, need)
		for _, address := range need {
			if _, ok := have[address]; !ok && err == nil {
				return fmt.Errorf("embedding is done, and vector %s is missing", address.Short())
			}
		}
		return err
	})
}

// wantWhole checks at rest that the index holds exactly the passages of the
// live records, all of them indexed, each once, and that each record is found
// by its own text.
func wantWhole(t *testing.T, r *rig, collection string) {
	t.Helper()
	if err := consistent(t.Context(), r.store); err != nil {
		t.Error(err)
	}
	if rows := r.query("SELECT state, count(*) FROM changes GROUP BY 1"); len(rows) > 0 {
		t.Errorf("changes are left: %v", rows)
	}
	if rows := r.query("SELECT count(*) FROM staged UNION ALL SELECT count(*) FROM leases UNION ALL SELECT count(*) FROM claims"); !reflect.DeepEqual(
		rows, [][]any{{int64(0)}, {int64(0)}, {int64(0)}}) {
		t.Errorf("staged, leases and claims that are left: %v", rows)
	}
	st, err := r.Status(t.Context(), collection)
	if err != nil {
		t.Fatal(err)
	}
	rows := r.query("SELECT id FROM passages ORDER BY id")
	if int64(len(rows)) != st.Passages {
		t.Errorf("%d passages, but the status says %d", len(rows), st.Passages)
	}
	all := ids(r.find(collection, strings.Join(slices.Sorted(func(yield func(string) bool) {
		for word := range strings.FieldsSeq(words(1, 400)) {
			if !yield(strings.Trim(word, ".")) {
				return
			}
		}
	}), " "), search.Query{Mode: search.Lexical, K: search.MaxK}))
	var live []string
	list, err := r.Records(t.Context(), collection, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		live = append(live, one.ID)
	}
	slices.Sort(live)
	if !slices.Equal(all, live) {
		t.Errorf("%d records are found, want %d", len(all), len(live))
	}
	// The index itself, once nobody has it open.
	r.close()
	check := start(t, setup{dir: r.dir, models: r.models, idle: true, index: func(o index.Opener) index.Opener {
		ix, err := o.Open(t.Context(), index.Spec{Name: fmt.Sprintf("g%d", st.Generation.ID), Dimensions: st.Generation.Dimensions})
		if err != nil {
			t.Fatal(err)
		}
		items, err := ix.Scan(t.Context(), index.Passages, 0, len(rows)+1)
		if err != nil {
			t.Fatal(err)
		}
		got := make([][]any, len(items))
		for i, it := range items {
			got[i] = []any{it.ID}
		}
		if !reflect.DeepEqual(got, rows) {
			t.Errorf("the index holds %d passages, want exactly the %d that are stored", len(got), len(rows))
		}
		return o
	}})
	check.close()
}

// TestInvariant4MadeOnce writes equal texts everywhere at once, moves them
// about, deletes and restores them, and crashes in the middle.
func TestInvariant4MadeOnce(t *testing.T) {
	r := start(t, setup{})
	r.declare("a")
	r.declare("b")
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for n := range 30 {
				collection := []string{"a", "b"}[(w+n)%2]
				if _, err := r.Write(t.Context(), collection, []record.Write{put(fmt.Sprintf("w%d-%d", w, n), words(n, 60))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	r.settle("a", "b")
	r.models[0].wantOnce(t)
	silent := r.models[0].unchanged(t)

	r.write("a", put("moved", words(3, 60)), remove("w0-2"))
	r.write("b", put("moved", words(5, 60)), remove("w1-4"))
	r.settle("a", "b")
	silent("moving a text")
	r.write("a", put("moved", words(7, 60)), put("w0-2", words(2, 60)))
	r.write("b", remove("moved"))
	r.settle("a", "b")
	r.write("b", put("moved", words(5, 60)))
	r.settle("a", "b")
	silent("deleting and restoring a text")
	if err := r.DropCollection(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	r.declare("b")
	r.write("b", put("again", words(9, 60)))
	r.settle("b")
	silent("a new collection of old texts")
	// A person's name is no part of what is embedded.
	r.declare("letters", func(d *record.Declaration) { d.Policy = "default" })
	r.write("letters", put("p", "Dear Margaret Thorneycroft, your parcel has arrived. Regards, Robert Johnson"))
	r.settle("letters")
	silent = r.models[0].unchanged(t)
	r.write("letters", put("q", "Dear Elizabeth Carmichael, your parcel has arrived. Regards, William Anderson"))
	r.settle("letters")
	silent("the same letter to somebody else")
	r.models[0].wantOnce(t)
}

// TestInvariant4CrashInTheMiddle kills the process while the model works on
// one text: nothing that was answered before is asked again.
func TestInvariant4CrashInTheMiddle(t *testing.T) {
	before, after := newFake("fake"), newFake("fake")
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	before.fail(nil, func(ctx context.Context, texts []string) error {
		if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "zeppelin") }) {
			return nil
		}
		once.Do(func() { close(begun) })
		select {
		case <-goOn:
		case <-ctx.Done():
		}
		return errDown
	})
	r := start(t, setup{models: []*fake{before}})
	r.declare("c")
	for n := range 40 {
		r.write("c", put(name("r", n), words(n, 50)))
	}
	r.settle("c")
	r.write("c", put("late", "a zeppelin over the harbour. "+words(3, 50)), put("later", words(77, 50)))
	<-begun
	_, answered := before.asked()
	dir := r.snapshot()
	before.fail(nil, nil)
	close(goOn)

	next := start(t, setup{dir: dir, models: []*fake{after}})
	next.settle("c")
	next.wantFound("c", "zeppelin", "late")
	after.wantOnce(t)
	_, again := after.asked()
	for text := range again {
		if answered[text] > 0 {
			t.Errorf("a text of %d bytes was embedded before the crash and after it", len(text))
		}
	}
	if len(again) == 0 {
		t.Error("the crash has lost nothing, so it was none")
	}
}

// TestInvariant5MetadataIsFree changes metadata 5,000 times, and a long
// document in its middle.
func TestInvariant5MetadataIsFree(t *testing.T) {
	r := start(t, setup{})
	r.declare("c")
	var writes []record.Write
	for n := range 200 {
		writes = append(writes, put(name("r", n), words(n, 25), "state", "open", "n", 0))
	}
	r.write("c", writes...)
	// The digit makes each sentence another: no passage is there twice.
	sentences := make([]string, 900)
	for i := range sentences {
		sentences[i] = fmt.Sprintf("%s of lot %d", strings.ReplaceAll(words(5000+i, 8), ".", ""), i)
	}
	document := func() string { return strings.Join(sentences, ". ") + "." }
	r.write("c", put("long", document(), "state", "closed", "n", 0))
	r.settle("c")
	if n := r.passages("long"); n < 300 {
		t.Fatalf("the long document has %d passages, want at least 300", n)
	}

	silent := r.models[0].unchanged(t)
	gated := r.query("SELECT count(*) FROM steps WHERE name <> 'index' AND state = 'succeeded'")
	for round := range 25 {
		for i := range writes {
			writes[i] = patch(name("r", i), record.Fields{"n": round + 1, "state": []string{"open", "closed"}[(i+round)%2], "owner": name("team", i%7)})
		}
		r.write("c", writes...)
		if round%5 == 0 {
			r.settle("c")
		}
	}
	r.settle("c")
	silent("5,000 changes of metadata")
	if now := r.query("SELECT count(*) FROM steps WHERE name <> 'index' AND state = 'succeeded'"); !reflect.DeepEqual(now, gated) {
		t.Errorf("metadata went through %v steps beside the index's, want %v", now, gated)
	}
	for filter, want := range map[string]int{
		`{"n":25}`: 200, `{"n":{"$lt":25}}`: 1, `{"state":"open"}`: 100, `{"owner":"team0003","state":"closed"}`: 15, `{"owner":"nobody"}`: 0,
	} {
		if got := r.find("c", words(1, 200), search.Query{Mode: search.Vector, K: search.MaxK, Filter: []byte(filter)}); len(got) != want {
			t.Errorf("%s finds %d records, want %d", filter, len(got), want)
		}
	}

	_, old := r.models[0].asked()
	sentences[450] = "an altogether different zeppelin sentence stands here now"
	r.write("c", put("long", document(), "state", "closed", "n", 0))
	r.settle("c")
	_, now := r.models[0].asked()
	if n := len(now) - len(old); n < 1 || n > 3 {
		t.Errorf("an edit in the middle embedded %d passages, want 1 to 3", n)
	}
	r.models[0].wantOnce(t)
	r.wantFound("c", "zeppelin", "long")
}

// passages counts those of a record.
func (r *rig) passages(id string) int {
	r.Helper()
	return int(r.query("SELECT count(*) FROM passages p JOIN records r ON r.ref = p.ref WHERE r.id = ? AND p.state <> 2", id)[0][0].(int64))
}

// TestInvariant9OtherModelIsRefused puts another model of the same name and
// size in the place of the one that a generation was built with: nothing is
// mixed, everybody is told, and the old one makes it good.
func TestInvariant9OtherModelIsRefused(t *testing.T) {
	r := start(t, setup{retry: quick(2)})
	r.declare("c")
	r.write("c", put("old", words(1, 30)))
	r.settle("c")
	s := r.setup
	r.close()

	other := newFake("fake")
	other.model.Revision = "2"
	s.models = []*fake{other}
	r = start(t, s)
	_, err := r.Search(t.Context(), admin, "c", search.Query{Text: gate.NewRaw("harbour")})
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(fmt.Sprint(err), `model "fake"`) {
		t.Errorf("search answers %v", err)
	}
	r.write("c", put("new", words(2, 30)), patch("old", record.Fields{"n": 1}))
	r.settle("c")
	dead := r.dead("c")
	if l := dead["new"]; len(dead) != 1 || l.Step != "embed" || l.Kind != fault.Unavailable || !strings.Contains(l.Message, "upgrade") {
		t.Errorf("dead letters are %+v", dead)
	}
	if len(other.seen) > 0 {
		t.Errorf("the other model was given %d texts", len(other.seen))
	}
	s.models = r.models
	r.close()

	s.models = []*fake{newFake("fake")}
	r = start(t, s)
	if n, err := r.Replay(t.Context(), "c", nil); n != 1 || err != nil {
		t.Errorf("replayed %d: %v", n, err)
	}
	r.settle("c")
	if got := ids(r.find("c", "harbour", search.Query{})); !slices.Equal(got, []string{"new", "old"}) || len(r.dead("c")) > 0 {
		t.Errorf("with the old model back, %v are found", got)
	}
}

var (
	_ embedding.Embedder = (*fake)(nil)
	_ pipeline.Engine    = (*river.Engine)(nil)
)
