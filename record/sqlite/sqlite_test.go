package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
)

func TestConformance(t *testing.T) {
	conform.Record(t, func(t *testing.T) record.Store { return openStore(t) })
}

// openStore opens an empty store that is checked and closed when the test ends.
func openStore(t testing.TB) *sqlite.Store {
	t.Helper()
	s := openAt(t, filepath.Join(t.TempDir(), "records.db"))
	t.Cleanup(func() {
		checkSound(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openAt(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkSound checks the file, and that what the store counts as it goes is
// what there is.
func checkSound(t testing.TB, s *sqlite.Store) {
	t.Helper()
	ctx := context.Background()
	var sound string
	if err := s.Readers().QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity check: %s, %v", sound, err)
	}
	for what, query := range map[string]string{ //nolint:gosec // "passages" is no password
		"records": `SELECT count(*) FROM collections c
			WHERE records <> (SELECT count(*) FROM records r WHERE r.collection = c.id AND NOT deleted)`,
		"pending": `SELECT count(*) FROM generations g
			WHERE pending <> (SELECT count(*) FROM changes q WHERE q.generation = g.id AND q.state <> 3)`,
		"latest": `SELECT count(*) FROM collections c
			WHERE latest < coalesce((SELECT max(change) FROM records r WHERE r.collection = c.id), 0)`,
		"passages": `SELECT count(*) FROM generations g
			WHERE passages <> (SELECT count(*) FROM passages p WHERE p.generation = g.id AND state <> 2)`,
		"vectors": `SELECT count(*) FROM sequence WHERE vectors <> (SELECT count(*) FROM vectors)
			OR inlined <> (SELECT count(*) FROM inlined_vectors) OR inlined <> (SELECT count(inlined) FROM vectors)`,
		"numbers": `SELECT count(*) FROM sequence WHERE change < (SELECT coalesce(max(change), 0) FROM records)
			OR ref < (SELECT coalesce(max(ref), 0) FROM records) OR passage < (SELECT coalesce(max(id), 0) FROM passages)
			OR epoch < (SELECT coalesce(max(epoch), 0) FROM leases)`,
		"change numbers given twice": `SELECT count(*) - count(DISTINCT change) FROM
			(SELECT change FROM records UNION ALL SELECT change FROM record_versions)`,
		"changes without a record": `SELECT count(*) FROM changes q LEFT JOIN records r ON r.ref = q.ref WHERE r.ref IS NULL`,
		"changes in the wrong state": `SELECT count(*) FROM changes
			WHERE (epoch IS NOT NULL) <> (state = 2) OR (not_before > 0 AND state = 0)`,
		"changes and leases": `SELECT count(*) FROM (SELECT DISTINCT epoch FROM changes WHERE epoch IS NOT NULL) c
			FULL JOIN leases l ON l.epoch = c.epoch WHERE l.epoch IS NULL OR c.epoch IS NULL`,
		"history without a record": `SELECT count(*) FROM record_versions v LEFT JOIN records r ON r.ref = v.ref WHERE r.ref IS NULL`,
		"steps without a run":      `SELECT count(*) FROM steps s LEFT JOIN runs r ON r.id = s.run WHERE r.id IS NULL`,
		"attempts without a step": `SELECT count(*) FROM attempts a LEFT JOIN steps s ON s.run = a.run AND s.name = a.step
			WHERE s.run IS NULL`,
		"staged without a lease": `SELECT count(*) FROM staged s LEFT JOIN leases l ON l.epoch = s.epoch WHERE l.epoch IS NULL`,
	} {
		var n int
		if err := s.Readers().QueryRowContext(ctx, query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d are wrong, %v", what, n, err)
		}
	}
}

func TestMigrateDownAndUp(t *testing.T) {
	s := openStore(t)
	c := tickets(t, s)
	write(t, s, c, kilobyte(0, 10))
	schema := func() (n int) {
		t.Helper()
		if err := s.Writer().QueryRowContext(t.Context(),
			"SELECT count(*) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name <> 'schema_version'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	full := schema()
	if err := sqlite.Migrate(t.Context(), s.Writer(), 0); err != nil {
		t.Fatal(err)
	}
	if n := schema(); n != 0 {
		t.Errorf("%d tables, indexes and triggers are left at version 0", n)
	}
	if err := sqlite.Migrate(t.Context(), s.Writer(), sqlite.Latest); err != nil {
		t.Fatal(err)
	}
	if n := schema(); n != full {
		t.Errorf("up again: %d of %d", n, full)
	}
	write(t, s, tickets(t, s), kilobyte(0, 10))
}

func TestANewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	s := openAt(t, path)
	if _, err := s.Writer().ExecContext(t.Context(), "INSERT INTO schema_version (version_id, is_applied) VALUES (999, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Config{Path: path}); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestReopen(t *testing.T) {
	// Characters that mean something in a URI must not.
	path := filepath.Join(t.TempDir(), "a b?c#d%41&e", "records.db")
	s := openAt(t, path)
	c := tickets(t, s)
	write(t, s, c, kilobyte(0, 10))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file: %v, %v", info, err)
	}
	s = openAt(t, path)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if out := write(t, s, c, kilobyte(9, 2)); out[0].Change != 0 || out[1].Ref != 11 || out[1].Change != 11 {
		t.Errorf("after a restart: %+v", out)
	}
}

func TestNotADatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("this is no database. "), 5000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("got %v", err)
	}
	if _, err := sqlite.Open(t.Context(), sqlite.Config{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no path: got %v", err)
	}
}

// TestDiskFull fills the database to its limit. The update that does not fit
// changes nothing and says why; with space again, it goes through.
func TestDiskFull(t *testing.T) {
	s := openStore(t)
	c := tickets(t, s)
	write(t, s, c, kilobyte(0, 50))
	limit := func(pages string) {
		t.Helper()
		if _, err := s.Writer().ExecContext(t.Context(), "PRAGMA max_page_count = "+pages); err != nil {
			t.Fatal(err)
		}
	}
	var pages int
	if err := s.Writer().QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit(fmt.Sprint(pages + 3))
	err := s.Update(t.Context(), func(tx record.Tx) error {
		_, err := tx.Records().Write(t.Context(), c, kilobyte(50, 200))
		return err
	})
	if fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("got %v", err)
	}
	t.Log(err)
	count := func() (n int64) {
		t.Helper()
		if err := s.View(t.Context(), func(tx record.Tx) (err error) {
			n, err = tx.Records().Count(t.Context(), c.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 50 {
		t.Errorf("%d records after the failure", n)
	}
	checkSound(t, s)
	limit("1000000")
	if out := write(t, s, c, kilobyte(50, 200)); out[199].Change != 250 {
		t.Errorf("numbers after the failure: %+v", out[199])
	}
	if n := count(); n != 250 {
		t.Errorf("%d records with space again", n)
	}
}

// TestWaitingEndsWithTheContext holds the writer and lets another update give up.
func TestWaitingEndsWithTheContext(t *testing.T) {
	s := openStore(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	first := make(chan error)
	go func() {
		first <- s.Update(context.Background(), func(record.Tx) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() {
		second <- s.Update(ctx, func(record.Tx) error { return errors.New("it ran") })
	}()
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v", err)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

// TestAnotherWriterOfTheConnection has an engine use the writer between
// updates, and inside one.
func TestAnotherWriterOfTheConnection(t *testing.T) {
	s := openStore(t)
	ctx := t.Context()
	if _, err := s.Writer().ExecContext(ctx, "CREATE TABLE job (id INTEGER PRIMARY KEY, name TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(ctx, func(tx record.Tx) error {
		_, err := tx.Unwrap().(*sql.Tx).ExecContext(ctx, "INSERT INTO job (name) VALUES ('inside')")
		return errors.Join(err, errors.New("abandon it"))
	}); err == nil {
		t.Error("the error is lost")
	}
	done := make(chan error)
	for range 4 {
		go func() {
			var err error
			for i := 0; i < 25 && err == nil; i++ {
				_, err = s.Writer().ExecContext(ctx, "INSERT INTO job (name) VALUES ('between')")
			}
			done <- err
		}()
		go func() {
			var err error
			for i := 0; i < 25 && err == nil; i++ {
				err = s.Update(ctx, func(tx record.Tx) error {
					_, err := tx.Unwrap().(*sql.Tx).ExecContext(ctx, "INSERT INTO job (name) VALUES ('in an update')")
					return err
				})
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	var n int
	if err := s.Readers().QueryRowContext(ctx, "SELECT count(*) FROM job").Scan(&n); err != nil || n != 200 {
		t.Errorf("%d jobs, %v", n, err)
	}
}

// TestOneQueryInsideItself reads rows of a statement while it is run again.
func TestOneQueryInsideItself(t *testing.T) {
	s := openStore(t)
	const query = "SELECT value FROM json_each('[1,2,3]')"
	conn, err := s.Readers().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}()
	var walk func(depth int) int
	walk = func(depth int) (sum int) {
		rows, err := conn.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Error(err)
			}
		}()
		for rows.Next() {
			var v int
			if err := rows.Scan(&v); err != nil {
				t.Fatal(err)
			}
			sum += v
			if depth > 0 {
				sum += walk(depth - 1)
			}
		}
		return sum
	}
	if got := walk(2); got != 6+3*(6+3*6) {
		t.Errorf("got %d", got)
	}
	for i := range 1000 { // more than are kept prepared
		var v int
		if err := conn.QueryRowContext(t.Context(), fmt.Sprintf("SELECT %d", i)).Scan(&v); err != nil || v != i {
			t.Fatalf("got %d, %v", v, err)
		}
	}
}

func TestTheAuditTrailIsOnlyAppendedTo(t *testing.T) {
	s := openStore(t)
	if err := s.Update(t.Context(), func(tx record.Tx) error {
		return tx.Audit().Append(t.Context(), []record.AuditEntry{{Principal: "p", Action: "read"}})
	}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"DELETE FROM audit", "UPDATE audit SET allowed = 1"} {
		if _, err := s.Writer().ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s went through", statement)
		}
	}
}

func write(t testing.TB, s record.Store, c *record.Collection, writes []record.Write) (out []record.Written) {
	t.Helper()
	if err := s.Update(context.Background(), func(tx record.Tx) (err error) {
		out, err = tx.Records().Write(context.Background(), c, writes)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}
