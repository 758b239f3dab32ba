package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
)

func TestConformance(t *testing.T) {
	conform.Record(t, func(t *testing.T) record.Store { return openStore(t) })
}

// TestConformanceOfAnotherVersion runs on the server that tests pgvector.
func TestConformanceOfAnotherVersion(t *testing.T) {
	conform.Record(t, func(t *testing.T) record.Store {
		return openConfig(t, postgres.Config{URL: testpg.Vector(t), Schema: testpg.Schema()})
	})
}

// TestConformanceOfManyProcesses gives each transaction to another store of
// the same schema, as if another process had begun it.
func TestConformanceOfManyProcesses(t *testing.T) {
	conform.Record(t, func(t *testing.T) record.Store {
		cfg := postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema(), MaxConns: 6}
		m := &many{stores: []*postgres.Store{openConfig(t, cfg)}}
		for range 2 {
			s := openAt(t, cfg)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			m.stores = append(m.stores, s)
		}
		return m
	})
}

// many is several stores of one schema that take turns.
type many struct {
	stores []*postgres.Store
	turn   atomic.Int64
}

func (m *many) next() *postgres.Store { return m.stores[int(m.turn.Add(1))%len(m.stores)] }

func (m *many) View(ctx context.Context, fn func(record.Tx) error) error {
	return m.next().View(ctx, fn)
}

func (m *many) Update(ctx context.Context, fn func(record.Tx) error) error {
	return m.next().Update(ctx, fn)
}

func (m *many) Shared() bool { return true }

func (m *many) Close() error { return nil } // the tests' cleanup closes each

// openStore opens an empty store in a schema of its own, which is checked and
// dropped when the test ends.
func openStore(t testing.TB) *postgres.Store {
	t.Helper()
	return openConfig(t, postgres.Config{URL: testpg.URL(t), Schema: testpg.Schema()})
}

func openConfig(t testing.TB, cfg postgres.Config) *postgres.Store {
	t.Helper()
	s := openAt(t, cfg)
	t.Cleanup(func() {
		checkSound(t, s)
		if _, err := s.Pool().Exec(context.Background(), "DROP SCHEMA "+pgx.Identifier{cfg.Schema}.Sanitize()+" CASCADE"); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openAt(t testing.TB, cfg postgres.Config) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkSound checks that what the store counts as it goes is what there is.
func checkSound(t testing.TB, s *postgres.Store) {
	t.Helper()
	for what, query := range map[string]string{ //nolint:gosec // "passages" is no password
		"records": `SELECT count(*) FROM collections c
			WHERE records <> (SELECT count(*) FROM records r WHERE r.collection = c.id AND NOT deleted)`,
		"pending": `SELECT count(*) FROM generations g
			WHERE (SELECT coalesce(sum(delta), 0) FROM counts WHERE kind = 1 AND of = g.id)
			<> (SELECT count(*) FROM changes q WHERE q.generation = g.id AND q.state <> 3)`,
		"latest": `SELECT count(*) FROM collections c
			WHERE latest < coalesce((SELECT max(change) FROM records r WHERE r.collection = c.id), 0)`,
		"passages": `SELECT count(*) FROM generations g
			WHERE (SELECT coalesce(sum(delta), 0) FROM counts WHERE kind = 2 AND of = g.id)
			<> (SELECT count(*) FROM passages p WHERE p.generation = g.id AND state <> 2)`,
		"vectors": `SELECT count(*) FROM (SELECT 1) one
			WHERE (SELECT coalesce(sum(delta), 0) FROM counts WHERE kind = 3) <> (SELECT count(*) FROM vectors)
			OR (SELECT coalesce(sum(delta), 0) FROM counts WHERE kind = 4) <> (SELECT count(*) FROM inlined_vectors)
			OR (SELECT count(*) FROM inlined_vectors) <> (SELECT count(inlined) FROM vectors)`,
		"change numbers given twice": `SELECT count(*) - count(DISTINCT change) FROM
			(SELECT change FROM records UNION ALL SELECT change FROM record_versions) n`,
		"changes without a record":   `SELECT count(*) FROM changes q LEFT JOIN records r ON r.ref = q.ref WHERE r.ref IS NULL`,
		"changes in the wrong state": `SELECT count(*) FROM changes WHERE (epoch IS NOT NULL) <> (state = 2) OR (not_before > 0 AND state = 0)`,
		"changes and leases": `SELECT count(*) FROM (SELECT DISTINCT epoch FROM changes WHERE epoch IS NOT NULL) c
			FULL JOIN leases l ON l.epoch = c.epoch WHERE l.epoch IS NULL OR c.epoch IS NULL`,
		"history without a record": `SELECT count(*) FROM record_versions v LEFT JOIN records r ON r.ref = v.ref WHERE r.ref IS NULL`,
		"steps without a run":      `SELECT count(*) FROM steps s LEFT JOIN runs r ON r.id = s.run WHERE r.id IS NULL`,
		"attempts without a step": `SELECT count(*) FROM attempts a LEFT JOIN steps s ON s.run = a.run AND s.name = a.step
			WHERE s.run IS NULL`,
		"staged without a lease": `SELECT count(*) FROM staged s LEFT JOIN leases l ON l.epoch = s.epoch WHERE l.epoch IS NULL`,
	} {
		var n int
		if err := s.Pool().QueryRow(context.Background(), query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d are wrong, %v", what, n, err)
		}
	}
}
