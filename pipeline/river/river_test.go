package river_test

import (
	"path/filepath"
	"testing"

	"github.com/holdfast/holdfast/conform"
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
