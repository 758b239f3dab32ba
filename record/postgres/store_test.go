package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
)

func exec(t testing.TB, s *postgres.Store, statement string, args ...any) {
	t.Helper()
	if _, err := s.Pool().Exec(context.Background(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateDownAndUp(t *testing.T) {
	s := openStore(t)
	write(t, s, tickets(t, s), kilobyte(0, 10))
	schema := func() (n int) {
		t.Helper()
		if err := s.Pool().QueryRow(t.Context(), `SELECT
			(SELECT count(*) FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relname NOT LIKE 'schema_version%')
			+ (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace)`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	full := schema()
	if err := s.Migrate(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if n := schema(); n != 0 {
		t.Errorf("%d tables, indexes, sequences and functions are left at version 0", n)
	}
	if err := s.Migrate(t.Context(), postgres.Latest); err != nil {
		t.Fatal(err)
	}
	if n := schema(); n != full {
		t.Errorf("up again: %d of %d", n, full)
	}
	write(t, s, tickets(t, s), kilobyte(0, 10))
}

// TestManyOpenAtOnce has processes find an empty database at the same time.
func TestManyOpenAtOnce(t *testing.T) {
	cfg := postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema(), MaxConns: 4}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			s, err := postgres.Open(t.Context(), cfg)
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s := openConfig(t, cfg)
	write(t, s, tickets(t, s), kilobyte(0, 1))
}

func TestANewerSchemaIsRefused(t *testing.T) {
	cfg := postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema()}
	s := openConfig(t, cfg)
	exec(t, s, "INSERT INTO schema_version (version_id, is_applied) VALUES (999, true)")
	if _, err := postgres.Open(t.Context(), cfg); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  postgres.Config
		kind fault.Kind
	}{
		"no URL":            {postgres.Config{}, fault.Invalid},
		"an unreadable URL": {postgres.Config{URL: "postgres://u:s3cret@host:port:x/"}, fault.Invalid},
		"a bad schema":      {postgres.Config{URL: "postgres://u@localhost/x", Schema: `x"; DROP`}, fault.Invalid},
		"one connection":    {postgres.Config{URL: "postgres://u@localhost/x", MaxConns: 1}, fault.Invalid},
		"nobody there":      {postgres.Config{URL: "postgres://u:s3cret@127.0.0.1:1/x"}, fault.Unavailable}, //nolint:gosec // nobody's password
	} {
		s, err := postgres.Open(t.Context(), c.cfg)
		if err == nil {
			t.Errorf("%s: it opened", name)
			_ = s.Close() // it should not be there
			continue
		}
		if fault.KindOf(err) != c.kind || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v of kind %v", name, err, fault.KindOf(err))
		}
	}
}

// TestSchemasAreApart keeps two stores in one database.
func TestSchemasAreApart(t *testing.T) {
	a, b := openStore(t), openStore(t)
	c := tickets(t, a)
	write(t, a, c, kilobyte(0, 3))
	if err := b.View(t.Context(), func(tx record.Tx) error {
		_, err := tx.Collections().Get(t.Context(), "tickets")
		return err
	}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("got %v", err)
	}
}

// TestListen has one store wait for what another commits.
func TestListen(t *testing.T) {
	cfg := postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema()}
	writer, listener := openConfig(t, cfg), openAt(t, cfg)
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := tickets(t, writer)
	ctx, cancel := context.WithCancel(t.Context())
	woken := make(chan struct{}, 100)
	var listening sync.WaitGroup
	listening.Go(func() { listener.Listen(ctx, postgres.Changes, func() { woken <- struct{}{} }) })
	<-woken // it has connected
	for i := range 3 {
		write(t, writer, c, kilobyte(i, 1))
		<-woken
	}
	// Its connection breaks: it comes back by itself, and says so.
	exec(t, writer, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND query LIKE '%' || $1 || '%'", cfg.Schema)
	<-woken
	write(t, writer, c, kilobyte(9, 1))
	<-woken
	cancel()
	listening.Wait()
}

// TestDeadlockIsRetried has two updates take two locks in opposite orders.
// The one that PostgreSQL ends runs again, and both commit.
func TestDeadlockIsRetried(t *testing.T) {
	s := openStore(t)
	exec(t, s, "CREATE TABLE two (id int PRIMARY KEY, n int)")
	exec(t, s, "INSERT INTO two VALUES (1, 0), (2, 0)")
	var both, done sync.WaitGroup
	both.Add(2)
	var runs atomic.Int32
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		done.Go(func() {
			first := true
			if err := s.Update(t.Context(), func(tx record.Tx) error {
				runs.Add(1)
				inner, ok := tx.Unwrap().(pgx.Tx)
				if !ok {
					return errors.New("Unwrap does not return a pgx.Tx")
				}
				if _, err := inner.Exec(t.Context(), "SET LOCAL deadlock_timeout = '5ms'"); err != nil {
					return err
				}
				for i, id := range order {
					if _, err := inner.Exec(t.Context(), "UPDATE two SET n = n + 1 WHERE id = $1", id); err != nil {
						return err
					}
					if i == 0 && first {
						first = false
						both.Done()
						both.Wait()
					}
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	var n int
	if err := s.Pool().QueryRow(t.Context(), "SELECT sum(n) FROM two").Scan(&n); err != nil || n != 4 || runs.Load() < 3 {
		t.Errorf("the sum is %d after %d runs, %v", n, runs.Load(), err)
	}
}

// TestServerErrors has the server fail a write in all the ways that call for
// different answers. What it says of values is not passed on.
func TestServerErrors(t *testing.T) {
	s := openStore(t)
	c := tickets(t, s)
	exec(t, s, `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.id LIKE 'T-%' THEN RETURN NEW; END IF;
			RAISE EXCEPTION 'value %', NEW.id USING ERRCODE = left(NEW.id, 5), DETAIL = NEW.id;
		END $$`)
	exec(t, s, "CREATE TRIGGER fail BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION fail()")
	for code, kind := range map[string]fault.Kind{
		"53100": fault.Unavailable, // disk full
		"53200": fault.Unavailable, // out of memory
		"55P03": fault.Unavailable, // lock not available
		"57014": fault.Unavailable, // cancelled
		"58030": fault.Unavailable, // I/O error
		"40001": fault.Unavailable, // serialization failure, again and again
		"23505": fault.Conflict,    // unique
		"23514": fault.Internal,    // check
		"22P02": fault.Internal,    // malformed input
		"XX001": fault.Internal,    // data corrupted
		"42501": fault.Denied,      // no privilege
	} {
		err := s.Update(t.Context(), func(tx record.Tx) error {
			_, err := tx.Records().Write(t.Context(), c, []record.Write{{ID: code + "-s3cret", Fields: record.Fields{"body": "s3cret"}}})
			return err
		})
		if fault.KindOf(err) != kind {
			t.Errorf("%s: got %v of kind %v, want %v", code, err, fault.KindOf(err), kind)
		}
		if strings.HasPrefix(code, "2") && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: the error quotes a value: %v", code, err)
		}
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != code {
			t.Errorf("%s: the cause is lost: %v", code, err)
		}
	}
	if out := write(t, s, c, kilobyte(0, 5)); out[4].Err != nil || out[4].Version != 1 {
		t.Errorf("after the failures: %+v", out[4])
	}
}

// TestWaitsEnd has a transaction hold what an update needs: the update ends
// with its context, or by the server's limit, and changes nothing.
func TestWaitsEnd(t *testing.T) {
	cfg := postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema()}
	s := openConfig(t, cfg)
	u, err := url.Parse(cfg.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("lock_timeout", "20ms")
	u.RawQuery = q.Encode()
	cfg.URL = u.String()
	hasty := openAt(t, cfg)
	defer func() {
		if err := hasty.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := tickets(t, s)
	entered, leave, held := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		held <- s.Update(context.Background(), func(tx record.Tx) error {
			_, err := tx.Records().Write(context.Background(), c, kilobyte(0, 1))
			close(entered)
			<-leave
			return err
		})
	}()
	<-entered
	update := func(ctx context.Context, s *postgres.Store) error {
		return s.Update(ctx, func(tx record.Tx) error {
			_, err := tx.Records().Write(ctx, c, kilobyte(1, 1))
			return err
		})
	}
	if err := update(t.Context(), hasty); fault.KindOf(err) != fault.Unavailable || errors.Is(err, context.Canceled) {
		t.Errorf("the server's limit: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error)
	go func() { waiting <- update(ctx, s) }()
	cancel()
	if err := <-waiting; fault.KindOf(err) != fault.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("the context: got %v", err)
	}
	close(leave)
	if err := <-held; err != nil {
		t.Error(err)
	}
	if n := countRecords(t, s, c); n != 1 {
		t.Errorf("%d records", n)
	}
}

func countRecords(t testing.TB, s record.Store, c *record.Collection) (n int64) {
	t.Helper()
	if err := s.View(context.Background(), func(tx record.Tx) (err error) {
		n, err = tx.Records().Count(context.Background(), c.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestADroppedErrorDoesNotCommit has an update go on after a statement failed.
func TestADroppedErrorDoesNotCommit(t *testing.T) {
	s := openStore(t)
	c := tickets(t, s)
	err := s.Update(t.Context(), func(tx record.Tx) error {
		if _, err := tx.Records().Write(t.Context(), c, kilobyte(0, 1)); err != nil {
			return err
		}
		inner, ok := tx.Unwrap().(pgx.Tx)
		if !ok {
			return errors.New("Unwrap does not return a pgx.Tx")
		}
		_, _ = inner.Exec(t.Context(), "SELECT 1/0") // which is the point
		return nil
	})
	if err == nil || countRecords(t, s, c) != 0 {
		t.Errorf("got %v and %d records", err, countRecords(t, s, c))
	}
}

// TestAHeldLeaseStays has a lease expire while its worker commits: it is not
// given away until that has ended.
func TestAHeldLeaseStays(t *testing.T) {
	s := openStore(t)
	c := tickets(t, s)
	write(t, s, c, kilobyte(0, 3))
	ctx, start := t.Context(), time.Now()
	lease := func(at time.Time) (l record.Lease) {
		t.Helper()
		if err := s.Update(ctx, func(tx record.Tx) (err error) {
			l, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: 10, Now: at, Until: at.Add(time.Minute)})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return l
	}
	mine, later := lease(start), start.Add(time.Hour)
	if err := s.Update(ctx, func(tx record.Tx) error {
		held, err := tx.Changes().Held(ctx, mine.Epoch)
		if err != nil || len(held.Changes) != 3 {
			return fmt.Errorf("holds %d changes: %w", len(held.Changes), err)
		}
		if l := lease(later); len(l.Changes) != 0 {
			t.Errorf("another got %d changes", len(l.Changes))
		}
		done, err := tx.Changes().Complete(ctx, mine.Epoch, held.Changes[:2])
		if err == nil && len(done) != 2 {
			t.Errorf("completed %d", len(done))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if l := lease(later); len(l.Changes) != 1 {
		t.Errorf("then another got %d changes", len(l.Changes))
	}
}

// TestCountsAreFolded checks that rows of counts do not pile up, and that
// folding them beside transactions that count changes no sum.
func TestCountsAreFolded(t *testing.T) {
	s := openStore(t)
	const vectors, workers = 400, 4
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range vectors {
				v := record.Vector{Address: digest.Of("test", fmt.Sprint(w, i)), Data: []byte{1}}
				if err := s.Update(t.Context(), func(tx record.Tx) error {
					return tx.Vectors().Put(t.Context(), []record.Vector{v})
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	var total int64
	if err := s.View(t.Context(), func(tx record.Tx) (err error) {
		total, _, err = tx.Vectors().Count(t.Context())
		return err
	}); err != nil || total != vectors*workers {
		t.Errorf("%d vectors are counted, %v", total, err)
	}
	var rows int
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM counts").Scan(&rows); err != nil || rows >= 2*vectors*workers {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}

func TestTheAuditTrailIsOnlyAppendedTo(t *testing.T) {
	s := openStore(t)
	if err := s.Update(t.Context(), func(tx record.Tx) error {
		return tx.Audit().Append(t.Context(), []record.AuditEntry{{Principal: "p\x00\xff", Action: "read"}})
	}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"DELETE FROM audit", "UPDATE audit SET allowed = true", "TRUNCATE audit"} {
		if _, err := s.Pool().Exec(t.Context(), statement); err == nil {
			t.Errorf("%s went through", statement)
		}
	}
}

// TestNamesThatCannotBeStored asks for what PostgreSQL's text cannot hold.
func TestNamesThatCannotBeStored(t *testing.T) {
	var log bytes.Buffer
	s := openConfig(t, postgres.Config{
		URL: testpg.URL(t), Schema: testpg.Schema(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	c := tickets(t, s)
	for _, name := range []string{"a\x00b", "\xff"} {
		if err := s.View(t.Context(), func(tx record.Tx) error {
			_, err := tx.Collections().Get(t.Context(), name)
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("collection: got %v", err)
			}
			_, err = tx.Runs().Get(t.Context(), name)
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("run: got %v", err)
			}
			_, err = tx.Records().List(t.Context(), c.ID, name, 1)
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("list: got %v", err)
			}
			got, err := tx.Records().Get(t.Context(), c.ID, []string{name})
			if err == nil && got[0].Ref != 0 {
				t.Errorf("get: %+v", got)
			}
			return err
		}); err != nil {
			t.Error(err)
		}
		if err := s.Update(t.Context(), func(tx record.Tx) error {
			return tx.DeadLetters().Put(t.Context(), record.DeadLetter{Collection: c.ID, Ref: 1, Step: "gate", Message: name})
		}); err != nil {
			t.Error(err)
		}
	}
}
