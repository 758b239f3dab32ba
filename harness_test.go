package holdfast_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/index/local"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
	"github.com/holdfast/holdfast/search"
)

// patience bounds how long a test waits for what must happen.
const patience = 90 * time.Second

// admin may do everything.
var admin = access.Principal{Name: "test", Local: true}

// rig is an App on the embedded drivers, in a folder of its own.
type rig struct {
	testing.TB
	setup
	*holdfast.App
	store  *sqlite.Store
	engine pipeline.Engine
	stop   func() // ends Run and waits for it
	closed bool
}

// setup is how a test wants its rig; the zero value works.
type setup struct {
	dir    string // the same folder is the same state
	models []*fake
	retry  pipeline.Retry
	log    *slog.Logger
	// records and index may wrap the drivers, to inject faults.
	records func(*sqlite.Store) record.Store
	index   func(index.Opener) index.Opener
	// sources opens what collections are attached to.
	sources func(record.Declaration) (record.Source, error)
	idle    bool // do not Run yet
	guards  holdfast.ModelSettings
	workers int // default 4, as on a machine of two cores, whatever this one is
	// policies beside keepAll; those that restore get a vault.
	policies []gate.Policy
	vault    gate.Wrapper // encrypts the vault's keys
	// retention is for tests of sweeps.
	retention flow.Retention
	// reconciling is for tests of reconcile.
	reconciling holdfast.Reconciling
}

// quick retries without much ado.
func quick(attempts int) pipeline.Retry {
	return pipeline.Retry{Attempts: attempts, First: time.Millisecond, Max: 5 * time.Millisecond}
}

func start(tb testing.TB, s setup) *rig {
	tb.Helper()
	s.dir = cmp.Or(s.dir, tb.TempDir())
	if s.models == nil {
		s.models = []*fake{newFake("fake")}
	}
	if s.retry == (pipeline.Retry{}) {
		s.retry = quick(4)
	}
	r := &rig{TB: tb, setup: s}
	migrated(tb, r.path("holdfast.db"))
	var err error
	if r.store, err = sqlite.Open(tb.Context(), sqlite.Config{Path: r.path("holdfast.db"), Logger: s.log}); err != nil {
		tb.Fatal(err)
	}
	bucket, sync, err := embedding.OpenFolder(r.path("embeddings"))
	if err != nil {
		tb.Fatal(err)
	}
	var indexes index.Opener
	if indexes, err = local.Open(local.Config{Dir: r.path("index"), Logger: s.log}); err != nil {
		tb.Fatal(err)
	}
	if s.index != nil {
		indexes = s.index(indexes)
	}
	var records record.Store = r.store
	if s.records != nil {
		records = s.records(r.store)
	}
	embedders := map[string]embedding.Embedder{}
	for _, f := range s.models {
		embedders[f.model.Name] = f
	}
	policies, vault := r.policed()
	r.App, err = holdfast.New(holdfast.Config{
		Vault:   vault,
		Records: records, Bucket: bucket, Sync: sync, Index: indexes, Key: make([]byte, gate.KeySize), Tenant: "test",
		Policies: policies, Embedders: embedders, Owner: "embedded", Retry: s.retry, Models: s.guards, Retention: s.retention, Log: s.log,
		Sources:     s.sources,
		Reconciling: s.reconciling,
		Engine: func(observe pipeline.Observe) (_ pipeline.Engine, err error) {
			r.engine, err = river.New(tb.Context(), records, river.Config{Workers: cmp.Or(s.workers, 4), Logger: s.log, Observe: observe})
			return r.engine, err
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	r.stop = func() {}
	tb.Cleanup(r.close)
	if !s.idle {
		r.run()
	}
	return r
}

// policed lists the policies, and makes a vault if one needs it.
func (r *rig) policed() (map[string]gate.Policy, *gate.Keyring) {
	r.Helper()
	policies, needed := map[string]gate.Policy{keepAll.Name: keepAll}, false
	for _, p := range r.policies {
		policies[p.Name] = p
		needed = needed || p.Restores()
	}
	if !needed {
		return policies, nil
	}
	vault, err := gate.OpenKeyring(r.Context(), gate.KeyringConfig{Path: r.path("vault-keys"), Wrap: r.vault})
	if err != nil {
		r.Fatal(err)
	}
	return policies, vault
}

// template is a database with all tables and nothing in them: to make them
// anew for each test would take longer than most tests.
var template struct {
	sync.Once
	data []byte
	err  error
}

// migrated puts the template in place of a database that does not exist yet.
func migrated(tb testing.TB, path string) {
	tb.Helper()
	template.Do(func() {
		fresh := filepath.Join(tb.TempDir(), "template.db")
		store, err := sqlite.Open(tb.Context(), sqlite.Config{Path: fresh})
		if err != nil {
			template.err = err
			return
		}
		_, err = river.New(tb.Context(), store, river.Config{})
		if template.err = errors.Join(err, store.Close()); template.err == nil {
			template.data, template.err = os.ReadFile(fresh) //nolint:gosec // the test's own
		}
	})
	if template.err != nil {
		tb.Fatal(template.err)
	}
	if _, err := os.Stat(path); err == nil {
		return
	}
	if err := os.WriteFile(path, template.data, 0o600); err != nil {
		tb.Fatal(err)
	}
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

// run starts to index.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			r.Errorf("run: %v", err)
		}
	})
}

func (r *rig) close() {
	r.stop()
	if r.closed {
		return
	}
	r.closed = true
	if err := r.Close(); err != nil {
		r.Errorf("close: %v", err)
	}
}

// reopen is what a restart does.
func (r *rig) reopen() *rig {
	r.Helper()
	r.close()
	return start(r.TB, r.setup)
}

// keepAll is a policy that keeps everything, so that what the gate takes for a
// name is no matter where a test is about something else.
var keepAll = gate.Policy{Name: "keep-all", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}

// declare makes a collection of small passages.
func (r *rig) declare(name string, more ...func(*record.Declaration)) {
	r.Helper()
	d := record.Declaration{
		Collection: name, Content: []string{"body"}, Metadata: []string{"state", "n", "owner"},
		Enums: map[string][]string{"state": {"open", "closed"}}, Model: r.models[0].model.Name,
		Chunking: record.Chunking{Target: 24, Max: 40}, Policy: keepAll.Name,
	}
	for _, change := range more {
		change(&d)
	}
	if _, plan, err := r.Declare(r.Context(), d); err != nil || plan != nil {
		r.Fatalf("declare %s: %v, plan %v", name, err, plan)
	}
}

// write applies writes and fails the test if one of them does.
func (r *rig) write(collection string, writes ...record.Write) []record.Written {
	r.Helper()
	done, err := r.Write(r.Context(), collection, writes)
	if err != nil {
		r.Fatalf("write: %v", err)
	}
	for _, w := range done {
		if w.Err != nil {
			r.Fatalf("write: %v", w.Err)
		}
	}
	return done
}

func put(id, body string, more ...any) record.Write {
	w := record.Write{ID: id, Fields: record.Fields{"body": body}}
	for pair := range slices.Chunk(more, 2) {
		w.Fields[pair[0].(string)] = pair[1]
	}
	return w
}

func patch(id string, fields record.Fields) record.Write {
	return record.Write{ID: id, Op: record.Patch, Fields: fields}
}

func remove(id string) record.Write { return record.Write{ID: id, Op: record.Delete} }

// settle waits until every change is indexed or dead-lettered.
func (r *rig) settle(collections ...string) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for _, c := range collections {
		var last holdfast.Status
		if err := r.WaitIndexed(ctx, c, func(st holdfast.Status) { last = st }); err != nil {
			r.Fatalf("wait for %s: %v; %+v", c, err, last)
		}
	}
}

// until waits for a condition.
func (r *rig) until(what string, met func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-ctx.Done():
			r.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// find searches and returns what was found, best first.
func (r *rig) find(collection, text string, q search.Query) []search.Result {
	r.Helper()
	q.Text = gate.NewRaw(text)
	got, err := r.Search(r.Context(), admin, collection, q)
	if err != nil {
		r.Fatalf("search: %v", err)
	}
	return got
}

// ids lists the records in results, sorted.
func ids(results []search.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.ID
	}
	slices.Sort(out)
	return out
}

// wantFound checks which records a search finds.
func (r *rig) wantFound(collection, text string, want ...string) {
	r.Helper()
	slices.Sort(want)
	if got := ids(r.find(collection, text, search.Query{Mode: search.Lexical, K: search.MaxK})); !slices.Equal(got, want) {
		r.Errorf("%q finds %v, want %v", text, got, want)
	}
}

// dead lists the open dead letters by record id.
func (r *rig) dead(collection string) map[string]holdfast.DeadLetter {
	r.Helper()
	letters, err := r.DeadLetters(r.Context(), collection, record.DeadLetterFilter{})
	if err != nil {
		r.Fatalf("list dead letters: %v", err)
	}
	out := map[string]holdfast.DeadLetter{}
	for _, l := range letters {
		out[l.RecordID] = l
	}
	return out
}

// query reads rows with a statement, below all contracts.
func (r *rig) query(statement string, args ...any) (rows [][]any) {
	r.Helper()
	rows, err := readRows(r.Context(), r.store.Readers(), statement, args...)
	if err != nil {
		r.Fatalf("%s: %v", statement, err)
	}
	return rows
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func readRows(ctx context.Context, db querier, statement string, args ...any) (all [][]any, err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row, to := make([]any, len(names)), make([]any, len(names))
		for i := range row {
			to[i] = &row[i]
		}
		if err := rows.Scan(to...); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// snapshot copies the data folder as a crash at this moment would leave it:
// the database as it was committed, and then the files.
func (r *rig) snapshot() (dir string) {
	r.Helper()
	dir = r.TempDir()
	if _, err := r.store.Writer().ExecContext(r.Context(), "VACUUM INTO ?", filepath.Join(dir, "holdfast.db")); err != nil {
		r.Fatal(err)
	}
	for _, part := range []string{"embeddings", "index"} {
		if err := os.CopyFS(filepath.Join(dir, part), os.DirFS(r.path(part))); err != nil {
			r.Fatal(err)
		}
	}
	return dir
}

// fake is a model whose vectors are bags of words. It counts what it is
// asked, and fails as told.
type fake struct {
	model embedding.Model
	salt  string // vectors of models with other salts have nothing to do with each other

	mu       sync.Mutex
	calls    int            // for passages
	answered map[string]int // how often a text for a passage got its vector
	seen     []string       // every text that it was ever given
	// one decides about a text, all about a call with these texts; nil is no
	// fault. They may panic, and wait for ctx to end.
	one func(ctx context.Context, text string) error
	all func(ctx context.Context, texts []string) error
}

func newFake(name string) *fake {
	return &fake{
		model:    embedding.Model{Name: name, Provider: "fake", Identity: name, Revision: "1", Dimensions: 64, Normalized: true},
		answered: map[string]int{},
	}
}

// fail sets what goes wrong from now on; nils heal.
func (f *fake) fail(one func(context.Context, string) error, all func(context.Context, []string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.one, f.all = one, all
}

// shift makes another model of it, under the same name.
func (f *fake) shift(salt string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.salt = salt
}

// Model implements embedding.Embedder.
func (f *fake) Model() embedding.Model { return f.model }

// Embed implements embedding.Embedder.
func (f *fake) Embed(ctx context.Context, purpose embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	usage := embedding.Usage{Requests: 1}
	plain := make([]string, len(texts))
	for i, t := range texts {
		plain[i] = t.Embed()
	}
	probe := len(plain) == 1 && plain[0] == holdfast.Probe // which is no text of anybody
	f.mu.Lock()
	one, all, salt := f.one, f.all, f.salt
	if !probe {
		f.seen = append(f.seen, plain...)
	}
	if purpose == embedding.ForPassage {
		if !probe {
			f.calls++
		}
	} else {
		one, all = nil, nil
	}
	f.mu.Unlock()
	if all != nil {
		if err := all(ctx, plain); err != nil {
			return nil, usage, err
		}
	}
	out := make([]embedding.Vector, len(texts))
	for i, text := range plain {
		if one != nil {
			out[i].Err = one(ctx, text)
		}
		if out[i].Err == nil {
			out[i].Values = bag(salt, text, f.model.Dimensions)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range out {
		if purpose == embedding.ForPassage && out[i].Err == nil && !probe {
			f.answered[plain[i]]++
		}
	}
	return out, usage, nil
}

// bag is the normalised count of words, each in a place given by its hash.
func bag(salt, text string, dimensions int) []float32 {
	v := make([]float32, dimensions)
	v[0] = 0.1 // no text is without length
	for word := range strings.FieldsSeq(strings.ToLower(text)) {
		h := fnv.New32a()
		_, _ = h.Write([]byte(salt + strings.Trim(word, ".,;:!?")))
		v[h.Sum32()%uint32(dimensions)]++ //nolint:gosec // small
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v
}

// asked counts the calls and the texts answered so far.
func (f *fake) asked() (calls int, answered map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, maps.Clone(f.answered)
}

// unchanged returns a check that the model has not been asked since.
func (f *fake) unchanged(tb testing.TB) func(doing string) {
	before, _ := f.asked()
	return func(doing string) {
		tb.Helper()
		if after, _ := f.asked(); after != before {
			tb.Errorf("%s made %d calls to the model, want none", doing, after-before)
		}
	}
}

// wantOnce checks that no text was embedded twice.
func (f *fake) wantOnce(tb testing.TB) {
	tb.Helper()
	_, answered := f.asked()
	for text, n := range answered {
		if n != 1 {
			tb.Errorf("a text of %d bytes was embedded %d times", len(text), n)
		}
	}
}

// marked fails a text that holds a word.
func marked(word string, err error) func(context.Context, string) error {
	return func(_ context.Context, text string) error {
		if strings.Contains(text, word) {
			return err
		}
		return nil
	}
}

var errDown = fault.New(fault.Unavailable, "the provider is down")

// words makes text that holds nothing personal: n words, the same for a seed.
func words(seed, n int) string {
	list := strings.Fields(`harbour lantern gravel copper meadow thistle anchor barrel cinder drizzle ember furrow
		gully hollow ivory jetty kettle ledger mortar nettle orchard pebble quarry ripple saddle timber umber valley
		willow yarrow zinc basket clover dusk fern grove heather inlet juniper kiln loom moss needle oats paddle reed
		shingle tallow urn vessel wharf yoke`)
	var b strings.Builder
	x := uint32(seed)*2654435761 + 1 //nolint:gosec // a hash
	for i := range n {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(list[x%uint32(len(list))]) //nolint:gosec // small
		if i%9 == 8 {
			b.WriteByte('.')
		}
	}
	return b.String()
}

func filterJSON(tb testing.TB, v any) json.RawMessage {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func name(prefix string, n int) string { return fmt.Sprintf("%s%04d", prefix, n) }

// indexes counts the folders of indexes.
func (r *rig) indexes() int {
	r.Helper()
	entries, err := os.ReadDir(r.path("index"))
	if err != nil {
		r.Fatal(err)
	}
	return len(entries)
}

// logs keeps what is logged, at every level.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
	from slog.Level
}

func (l *logs) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: l.from}))
}

// Write implements io.Writer.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
