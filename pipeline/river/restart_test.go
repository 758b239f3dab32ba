package river_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// TestServerRestart kills PostgreSQL under two engines at work, starts it
// again, and then breaks all of their connections: every run succeeds, and
// each step has had its effect exactly once.
func TestServerRestart(t *testing.T) {
	const runs = 150
	server := testpg.Start(t)
	dir := t.TempDir()
	done := make(chan struct{}, 8*runs)
	var stores [2]record.Store
	var engines [2]pipeline.Engine
	for i := range engines {
		store, engine, closeStore := openAt(t, server.URL(), conform.EngineSetup{
			Dir: dir, Workers: 4, Grace: time.Second,
			Observe: func(string, string, record.State, time.Duration) {
				select {
				case done <- struct{}{}:
				default:
				}
			},
		})
		if err := engine.Register(marking(store)); err != nil {
			t.Fatal(err)
		}
		if err := engine.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := errors.Join(engine.Stop(context.Background()), closeStore()); err != nil {
				t.Error(err)
			}
		})
		stores[i], engines[i] = store, engine
	}
	ids := make([]string, 0, runs)
	err := stores[0].Update(t.Context(), func(tx record.Tx) error {
		ids = ids[:0]
		for range runs {
			id, err := engines[0].Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range engines {
		e.Wake()
	}
	some := func(n int) {
		for range n {
			<-done
		}
	}
	some(runs / 2)
	server.Kill(t)
	server.Restart(t)
	some(runs / 2)
	breakConnections(t, server.URL())

	patience := time.After(2 * time.Minute)
	for succeeded := 0; succeeded < runs; {
		select {
		case <-done:
		case <-patience:
			t.Fatalf("%d of %d runs have succeeded", succeeded, runs)
		}
		if err := stores[1].View(t.Context(), func(tx record.Tx) error {
			list, err := tx.Runs().List(t.Context(), record.RunFilter{State: record.Succeeded, Limit: runs})
			succeeded = len(list)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	wantOnce(t, stores[0], ids, "a", "b", "c", "d")
}

// marking is a pipeline whose steps each leave one line in the audit trail.
func marking(store record.Store) pipeline.Pipeline {
	step := func(ctx context.Context, task *pipeline.Task) error {
		return store.Update(ctx, func(tx record.Tx) error {
			entry := record.AuditEntry{At: time.Now(), Principal: "test", Action: task.Step, Resource: task.Run}
			if err := tx.Audit().Append(ctx, []record.AuditEntry{entry}); err != nil {
				return err
			}
			return task.Complete(ctx, tx, nil)
		})
	}
	retry := pipeline.Retry{Attempts: 1000, First: 20 * time.Millisecond, Max: 100 * time.Millisecond}
	return pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
		{Name: "a", Run: step, Retry: retry},
		{Name: "b", After: []string{"a"}, Run: step, Retry: retry},
		{Name: "c", After: []string{"a"}, Run: step, Retry: retry},
		{Name: "d", After: []string{"b", "c"}, Run: step, Retry: retry},
	}}
}

func wantOnce(t *testing.T, store record.Store, ids []string, steps ...string) {
	t.Helper()
	effects := map[string]int{}
	if err := store.View(t.Context(), func(tx record.Tx) error {
		entries, _, err := tx.Audit().List(t.Context(), 0, 100*len(ids))
		for _, e := range entries {
			effects[e.Resource+e.Action]++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		for _, s := range steps {
			if n := effects[id+s]; n != 1 {
				t.Errorf("effect of %s in %s happened %d times", s, id, n)
			}
		}
	}
}

func breakConnections(t *testing.T, url string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	const query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast'"
	if _, err := conn.Exec(t.Context(), query); err != nil {
		t.Fatal(fmt.Errorf("break connections: %w", err))
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
