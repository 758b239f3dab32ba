package river_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
)

func open(tb testing.TB, s conform.EngineSetup) (record.Store, pipeline.Engine, func() error) {
	tb.Helper()
	store, err := sqlite.Open(tb.Context(), sqlite.Config{Path: filepath.Join(s.Dir, "holdfast.db")})
	if err != nil {
		tb.Fatal(err)
	}
	engine, err := river.New(tb.Context(), store, river.Config{
		Workers: s.Workers, Grace: s.Grace, Observe: s.Observe,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return store, engine, store.Close
}

func TestEngine(t *testing.T) { conform.Engine(t, open) }

func TestEngineOnPostgres(t *testing.T) {
	t.Setenv(testpg.Env, testpg.URL(t)) // for the processes that the suite starts
	conform.Engine(t, openPostgres)
	conform.SharedEngine(t, openPostgres)
}

// A step that takes its process down with it, time and again, is given up.
func TestStepThatKillsItsProcess(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "holdfast.db")})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan pipeline.Failure, 1)
	engine, err := river.New(t.Context(), store, river.Config{})
	if err != nil {
		t.Fatal(err)
	}
	err = engine.Register(pipeline.Pipeline{
		Name: "p",
		Steps: []pipeline.Step{{Name: "a", Run: func(context.Context, *pipeline.Task) error {
			t.Error("the step was tried again")
			return nil
		}}},
		Failed: func(_ context.Context, _ record.Tx, f pipeline.Failure) error {
			failed <- f
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = store.Update(t.Context(), func(tx record.Tx) error {
		_, err := engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// As a thousand owners leave it that died with the job in hand.
	if _, err := store.Writer().ExecContext(t.Context(), `UPDATE river_job SET attempt = 1000, state = 'running'`); err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := <-failed
	if f.Step != "a" || fault.KindOf(f.Err) != fault.Invalid {
		t.Errorf("failure is %+v", f)
	}
	if err := errors.Join(engine.Stop(t.Context()), store.Close()); err != nil {
		t.Error(err)
	}
}
