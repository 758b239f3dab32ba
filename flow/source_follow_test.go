package flow_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
	"github.com/holdfast/holdfast/record/postgres/attach"
	"github.com/holdfast/holdfast/record/sqlite"
)

// patience bounds how long a test waits for what must happen.
const patience = 90 * time.Second

// desk is a collection that follows a table.
type desk struct {
	*testing.T
	db         *pgxpool.Pool
	url        string
	records    record.Store
	sources    *flow.Sources
	collection record.Collection
}

// stores are the systems of record that a source can be followed into.
var stores = map[string]func(*testing.T) record.Store{
	"sqlite": func(t *testing.T) record.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "records.db")})
		return opened(t, s, err)
	},
	"postgres": func(t *testing.T) record.Store {
		s, err := postgres.Open(t.Context(), postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema()})
		return opened(t, s, err)
	},
}

func opened(t *testing.T, s record.Store, err error) record.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newDesk(t *testing.T, records record.Store, table string) *desk {
	t.Helper()
	d := &desk{T: t, records: records, url: testpg.Database(t, testpg.URL(t))}
	var err error
	if d.db, err = pgxpool.New(t.Context(), d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.db.Close)
	d.exec("CREATE TABLE tickets " + table)
	d.sources = flow.NewSources(func(decl record.Declaration) (record.Source, error) {
		return attach.Open(attach.Config{URL: d.url, Declaration: decl})
	})
	t.Cleanup(d.sources.Close)
	return d
}

func (d *desk) exec(statements ...string) {
	d.Helper()
	for _, s := range statements {
		if _, err := d.db.Exec(d.Context(), s); err != nil {
			d.Fatalf("%s: %v", s, err)
		}
	}
}

// attach declares the collection and installs its source.
func (d *desk) attach(change func(*record.Table)) {
	d.Helper()
	declaration := record.Declaration{
		Collection: "tickets", Content: []string{"body"}, Metadata: []string{"status"},
		Source: &record.Origin{Postgres: &record.Table{URLEnv: "APP_DB", Table: "tickets", ID: record.Columns{"id"}}},
	}
	if change != nil {
		change(declaration.Source.Postgres)
	}
	if err := declaration.Complete(); err != nil {
		d.Fatal(err)
	}
	err := d.records.Update(d.Context(), func(tx record.Tx) (err error) {
		d.collection, err = tx.Collections().Put(d.Context(), declaration)
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	d.install()
}

func (d *desk) install() {
	d.Helper()
	src, err := d.sources.Of(&d.collection)
	if err != nil {
		d.Fatal(err)
	}
	if err := src.Install(d.Context(), "token", false); err != nil {
		d.Fatal(err)
	}
	shape, err := src.Inspect(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	d.alter(func(f *flow.Following) { f.Begin(&d.collection.Declaration, "token", shape) })
}

func (d *desk) alter(change func(*flow.Following)) {
	d.Helper()
	err := flow.AlterFollowing(d.Context(), d.records, d.collection.ID, func(f *flow.Following) error { change(f); return nil })
	if err != nil {
		d.Fatal(err)
	}
}

// follow follows until the returned function is called.
func (d *desk) follow() (stop func()) {
	f := flow.NewFollower(d.records, d.sources, func() {}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(d.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	return sync.OnceFunc(func() { cancel(); <-done })
}

func (d *desk) state() (f flow.Following) {
	d.Helper()
	err := d.records.View(d.Context(), func(tx record.Tx) (err error) {
		f, _, err = flow.LoadFollowing(d.Context(), tx, d.collection.ID)
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return f
}

// until waits for a condition.
func (d *desk) until(what string, ok func() bool) {
	d.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			d.Fatalf("%s did not come about; state %+v", what, d.state())
		}
	}
}

// copied are the records, as id=body/status.
func (d *desk) copied() string {
	d.Helper()
	var b strings.Builder
	err := d.records.View(d.Context(), func(tx record.Tx) error {
		b.Reset()
		all, err := tx.Records().List(d.Context(), d.collection.ID, "", 0)
		for _, r := range all {
			fmt.Fprintf(&b, "%s=%v/%v\n", r.ID, show(r.Fields["body"]), show(r.Fields["status"]))
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return b.String()
}

func show(v any) any {
	if v == nil {
		return ""
	}
	return v
}

// truth is the table, in the same form.
func (d *desk) truth() string {
	d.Helper()
	var text string
	err := d.db.QueryRow(d.Context(), `SELECT coalesce(string_agg(id || '=' || coalesce(body, '') || '/' || coalesce(status, '') || E'\n', ''
		ORDER BY id::text COLLATE "C"), '') FROM tickets`).Scan(&text)
	if err != nil {
		d.Fatal(err)
	}
	return text
}

// same waits until the records are the table.
func (d *desk) same() {
	d.Helper()
	var copied, truth string
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		if copied, truth = d.copied(), d.truth(); copied == truth {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			d.Fatalf("the records stay\n%.2000s, the table is\n%.2000s; state %+v", copied, truth, d.state())
		}
	}
}

const ticketTable = "(id bigint PRIMARY KEY, body text, status text, updated_at timestamptz DEFAULT clock_timestamp())"

// eachStore runs a test on each system of record.
func eachStore(t *testing.T, test func(d *desk)) {
	t.Helper()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { test(newDesk(t, open(t), ticketTable)) })
	}
}

func TestFollowingATable(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text ' || g, 'open' FROM generate_series(1, 2500) g")
		d.attach(nil)
		d.exec("UPDATE tickets SET body = 'changed before it was loaded' WHERE id = 2000")
		defer d.follow()()
		d.same()
		d.exec("INSERT INTO tickets VALUES (9000, 'new', 'open')", "UPDATE tickets SET status = 'closed' WHERE id % 2 = 0",
			"DELETE FROM tickets WHERE id % 5 = 0", "UPDATE tickets SET id = id + 10000 WHERE id % 7 = 0")
		d.same()
		d.until("the log is empty", func() bool { s := d.state(); return len(s.Load) == 0 && !s.Compare && s.Problem == "" })
		if f := d.state(); len(f.Rejected) > 0 || f.Held != nil {
			d.Errorf("in the end: %+v", f)
		}
	})
}

// TestCopyingAgainChangesNothing: the copy is idempotent, so that it may be
// made more than once.
func TestCopyingAgainChangesNothing(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text ' || g, 'open' FROM generate_series(1, 50) g")
		d.attach(nil)
		stop := d.follow()
		d.same()
		stop()
		d.install() // begins anew
		defer d.follow()()
		d.until("it is loaded again", func() bool { s := d.state(); return len(s.Load) == 0 && !s.Compare })
		err := d.records.View(d.Context(), func(tx record.Tx) error {
			all, err := tx.Records().List(d.Context(), d.collection.ID, "", 0)
			for _, r := range all {
				if r.Version != 1 {
					d.Errorf("record %s has version %d", r.ID, r.Version)
				}
			}
			return err
		})
		if err != nil {
			d.Fatal(err)
		}
	})
}

func TestOneProcessFollowsAtATime(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text', 'open' FROM generate_series(1, 3000) g")
		d.attach(nil)
		defer d.follow()()
		defer d.follow()()
		d.same()
		first := d.state()
		d.exec("UPDATE tickets SET body = 'more'")
		d.same()
		if now := d.state(); now.Owner != first.Owner || now.Epoch != first.Epoch {
			d.Errorf("epoch %d became %d", first.Epoch, now.Epoch)
		}
	})
}

// TestAMassDeleteFromAnEmptySourceIsHeld: until somebody accepts it.
func TestAMassDeleteFromAnEmptySourceIsHeld(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text', 'open' FROM generate_series(1, 300) g")
		d.attach(nil)
		defer d.follow()()
		d.same()
		before := d.copied()
		d.exec("TRUNCATE tickets", "INSERT INTO tickets VALUES (1, 'text', 'open')")
		d.until("the deletes are held", func() bool { return d.state().Held != nil })
		if h := d.state().Held; h.Missing != 299 || h.Records != 300 || d.copied() != before {
			d.Errorf("held %+v", h)
		}
		d.exec("INSERT INTO tickets VALUES (1000, 'goes on', 'open')")
		d.until("a new row is copied", func() bool { return strings.Contains(d.copied(), "1000=goes on") })
		d.alter(func(f *flow.Following) { f.Accepted, f.Compare = true, true })
		d.same()
		d.until("nothing is held", func() bool { return d.state().Held == nil })
	})
}

func TestASmallTruncationIsFollowed(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text', 'open' FROM generate_series(1, 90) g")
		d.attach(nil)
		defer d.follow()()
		d.same()
		d.exec("TRUNCATE tickets")
		d.same()
	})
}

// TestOneOverlongRowDoesNotAbortTheLoad: it is told of, and the rest is loaded.
func TestOneOverlongRowDoesNotAbortTheLoad(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text', 'open' FROM generate_series(1, 30) g",
			"UPDATE tickets SET body = repeat('long ', 4000000) WHERE id = 7")
		d.attach(nil)
		defer d.follow()()
		d.until("the rest is loaded", func() bool { return len(d.state().Load) == 0 && strings.Contains(d.copied(), "30=text") })
		if f := d.state(); len(f.Rejected) != 1 || !strings.Contains(f.Rejected["7"], "MiB") || f.Problem != "" {
			d.Errorf("rejected %v, problem %q", f.Rejected, f.Problem)
		}
		d.exec("UPDATE tickets SET body = 'short' WHERE id = 7")
		d.same()
		d.until("it is no longer rejected", func() bool { return len(d.state().Rejected) == 0 })
	})
}

// TestABrokenSourceIsAState that says what is wrong, is retried, and ends by
// itself; nothing is deleted for it.
func TestABrokenSourceIsAState(t *testing.T) {
	eachStore(t, func(d *desk) {
		d.exec("INSERT INTO tickets SELECT g, 'text', 'open' FROM generate_series(1, 20) g")
		d.attach(nil)
		defer d.follow()()
		d.same()
		before := d.copied()
		d.exec("ALTER TABLE tickets RENAME body TO text", "UPDATE tickets SET text = 'unseen'")
		d.until("the problem is told", func() bool {
			f := d.state()
			return strings.Contains(f.Problem, `column "body"`) && fault.ParseKind(f.Kind) == fault.Invalid
		})
		if d.copied() != before {
			d.Error("the records changed")
		}
		d.exec("ALTER TABLE tickets RENAME text TO body")
		d.same()
		d.until("the problem is gone", func() bool { return d.state().Problem == "" })
	})
}

func TestAPartitionThatComesAndGoes(t *testing.T) {
	d := newDesk(t, stores["sqlite"](t), "(id bigint PRIMARY KEY, body text, status text) PARTITION BY RANGE (id)")
	d.exec("CREATE TABLE low PARTITION OF tickets FOR VALUES FROM (0) TO (100)", "INSERT INTO tickets VALUES (1, 'low', 'open')")
	d.attach(nil)
	defer d.follow()()
	d.same()
	d.exec("CREATE TABLE high (LIKE tickets INCLUDING ALL)", "INSERT INTO high VALUES (150, 'was there before', 'open')",
		"ALTER TABLE tickets ATTACH PARTITION high FOR VALUES FROM (100) TO (200)")
	d.same()
	d.exec("INSERT INTO high VALUES (151, 'directly', 'open')")
	d.same()
	d.exec("ALTER TABLE tickets DETACH PARTITION low")
	d.same()
}

func TestFollowingAView(t *testing.T) {
	d := newDesk(t, stores["sqlite"](t), ticketTable)
	d.exec("ALTER TABLE tickets RENAME TO base", "CREATE VIEW tickets AS SELECT * FROM base", "INSERT INTO base VALUES (1, 'a', 'open'), (2, 'b', 'open')")
	d.attach(func(table *record.Table) { table.Poll = "updated_at" })
	defer d.follow()()
	d.same()
	d.exec("UPDATE base SET body = 'c', updated_at = clock_timestamp() WHERE id = 1", "INSERT INTO base VALUES (3, 'd', 'open')")
	d.same()
	d.exec("DELETE FROM base WHERE id = 2")
	d.alter(func(f *flow.Following) { f.Compared = time.Time{} }) // as if ten minutes had gone by
	d.same()
}

// errKilled stands for the end of a process.
var errKilled = errors.New("killed")

// deadly fails updates at random: some before they commit, some after, as if
// the process had ended there.
type deadly struct {
	record.Store
	on atomic.Bool
}

func (s *deadly) Update(ctx context.Context, fn func(record.Tx) error) error {
	if s.on.Load() && rand.N(6) == 0 {
		return errKilled
	}
	err := s.Store.Update(ctx, fn)
	if err == nil && s.on.Load() && rand.N(6) == 0 {
		return errKilled
	}
	return err
}

// deadlySource fails reads and acknowledgements at random.
type deadlySource struct {
	record.Source
	on *atomic.Bool
}

func (s *deadlySource) Acknowledge(ctx context.Context, c record.SourceChanges) error {
	if s.on.Load() && rand.N(3) == 0 {
		return errKilled
	}
	return s.Source.Acknowledge(ctx, c)
}

func (s *deadlySource) Rows(ctx context.Context, ids []string) iter.Seq2[record.SourceRow, error] {
	if s.on.Load() && rand.N(6) == 0 {
		return func(yield func(record.SourceRow, error) bool) { yield(record.SourceRow{}, errKilled) }
	}
	return s.Source.Rows(ctx, ids)
}

// TestInvariant2WhateverHappensTheRecordsBecomeTheTable changes a table at
// random from several connections, in transactions with savepoints and
// rollbacks, while followers come and go and fail anywhere.
func TestInvariant2WhateverHappensTheRecordsBecomeTheTable(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			records := &deadly{Store: open(t)}
			d := newDesk(t, records, ticketTable)
			inner := d.sources
			d.sources = flow.NewSources(func(decl record.Declaration) (record.Source, error) {
				src, err := attach.Open(attach.Config{URL: d.url, Declaration: decl})
				return &deadlySource{src, &records.on}, err
			})
			t.Cleanup(d.sources.Close)
			inner.Close()
			d.exec("INSERT INTO tickets SELECT g, 'text', 'open' FROM generate_series(1, 400) g")
			d.attach(nil)
			records.on.Store(true)
			var writers sync.WaitGroup
			for n := range uint64(3) {
				writers.Go(func() { d.scribble(rand.New(rand.NewPCG(n, 7)), 60) })
			}
			done := make(chan struct{})
			go func() { writers.Wait(); close(done) }()
			for going := true; going; {
				stop := d.follow()
				select {
				case <-done:
					going = false
				case <-time.After(time.Duration(50+rand.N(400)) * time.Millisecond):
				}
				stop()
				d.endLease() // the lease of one that was killed runs out
			}
			records.on.Store(false)
			d.alter(func(f *flow.Following) { f.Accepted = true; f.Compare = true })
			defer d.follow()()
			d.same()
		})
	}
}

// endLease ends the lease of whoever follows, however often it fails.
func (d *desk) endLease() {
	for range 1000 {
		if flow.AlterFollowing(d.Context(), d.records, d.collection.ID, func(f *flow.Following) error { f.Until = time.Time{}; return nil }) == nil {
			return
		}
	}
	d.Error("the lease cannot be ended")
}

// scribble makes random transactions; collisions between writers roll one back.
func (d *desk) scribble(r *rand.Rand, transactions int) {
	for range transactions {
		tx, err := d.db.Begin(d.Context())
		if err != nil {
			d.Error(err)
			return
		}
		for range 1 + r.IntN(4) {
			low, n := r.IntN(500), 1+r.IntN(40)
			statement := [...]string{
				fmt.Sprintf("INSERT INTO tickets SELECT g, 'new', 'open' FROM generate_series(%d, %d) g ON CONFLICT (id) DO UPDATE SET body = 'again'", low, low+n),
				fmt.Sprintf("UPDATE tickets SET body = 'text %d' WHERE id BETWEEN %d AND %d", r.IntN(1000), low, low+n),
				fmt.Sprintf("UPDATE tickets SET status = 'x', updated_at = now() WHERE id BETWEEN %d AND %d", low, low+n),
				fmt.Sprintf("UPDATE tickets SET id = id + 1000 WHERE id BETWEEN %d AND %d AND NOT EXISTS (SELECT FROM tickets t WHERE t.id = tickets.id + 1000)", low, low+n/4),
				fmt.Sprintf("DELETE FROM tickets WHERE id BETWEEN %d AND %d", low, low+n),
				"SAVEPOINT p", "ROLLBACK TO p", "TRUNCATE tickets",
			}[r.IntN(8)]
			if strings.HasPrefix(statement, "TRUNCATE") && r.IntN(20) > 0 {
				continue
			}
			if _, err = tx.Exec(d.Context(), statement); err != nil {
				break
			}
		}
		if err != nil || r.IntN(5) == 0 {
			err = tx.Rollback(d.Context())
		} else {
			err = tx.Commit(d.Context())
		}
		if err != nil && !strings.Contains(err.Error(), "rollback") {
			d.Logf("a writer's transaction ended: %v", err)
		}
	}
}
