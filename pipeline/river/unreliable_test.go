package river_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
)

// unreliable is a store that fails now and then: before the transaction, at
// its end, or, worst, after it has committed.
type unreliable struct {
	*sqlite.Store
	trouble atomic.Bool
}

var errTrouble = fault.New(fault.Unavailable, "the disk is full")

func (u *unreliable) Update(ctx context.Context, fn func(record.Tx) error) error {
	dice := 99
	if u.trouble.Load() {
		dice = rand.IntN(12)
	}
	if dice == 0 {
		return errTrouble
	}
	err := u.Store.Update(ctx, func(tx record.Tx) error {
		if err := fn(tx); err != nil || dice != 1 {
			return err
		}
		return errTrouble
	})
	if err == nil && dice == 2 {
		return errTrouble
	}
	return err
}

// TestUnreliableStore runs a graph of steps over a store that fails: every
// run succeeds, and each step has had its effect exactly once. One step is
// careless: it takes a failed transaction for a success, so that the engine
// goes on from what is not so, and the job is left to rescue.
func TestUnreliableStore(t *testing.T) {
	disk, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "holdfast.db")})
	if err != nil {
		t.Fatal(err)
	}
	store := &unreliable{Store: disk}
	observed := make(chan struct{}, 1)
	engine, err := river.New(t.Context(), store, river.Config{
		Workers: 8, Grace: 200 * time.Millisecond,
		Observe: func(string, string, record.State, time.Duration) {
			select {
			case observed <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	step := func(ctx context.Context, task *pipeline.Task) error {
		err := store.Update(ctx, func(tx record.Tx) error {
			entry := record.AuditEntry{At: time.Now(), Principal: "test", Action: task.Step, Resource: task.Run}
			if err := tx.Audit().Append(ctx, []record.AuditEntry{entry}); err != nil {
				return err
			}
			return task.Complete(ctx, tx, nil)
		})
		if task.Step == "careless" {
			return nil
		}
		return err
	}
	retry := pipeline.Retry{Attempts: 1000, First: time.Millisecond, Max: 2 * time.Millisecond}
	p := pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
		{Name: "a", Run: step, Retry: retry},
		{Name: "careless", After: []string{"a"}, Run: step, Retry: retry},
		{Name: "b", After: []string{"a"}, Run: step, Retry: retry},
		{Name: "c", After: []string{"b", "careless"}, Run: step, Retry: retry},
	}}
	if err := engine.Register(p); err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})

	const runs = 30
	var ids []string
	if err := store.Update(t.Context(), func(tx record.Tx) error {
		for range runs {
			id, err := engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	store.trouble.Store(true)
	engine.Wake()

	patience := time.After(time.Minute)
	for succeeded := 0; succeeded < runs; {
		select {
		case <-observed:
		case <-patience:
			t.Fatalf("%d of %d runs have succeeded", succeeded, runs)
		}
		succeeded = 0
		if err := store.View(t.Context(), func(tx record.Tx) error {
			list, err := tx.Runs().List(t.Context(), record.RunFilter{State: record.Succeeded, Limit: runs})
			succeeded = len(list)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	effects := map[string]int{}
	if err := store.View(t.Context(), func(tx record.Tx) error {
		entries, _, err := tx.Audit().List(t.Context(), 0, 10*runs)
		for _, e := range entries {
			effects[e.Resource+e.Action]++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		for _, s := range p.Steps {
			// A careless step whose transaction failed before it could
			// complete is completed by the engine, and has no effect.
			if n := effects[id+s.Name]; n != 1 && (n != 0 || s.Name != "careless") {
				t.Errorf("effect of %s in %s happened %d times", s.Name, id, n)
			}
		}
	}
}
