package river_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
)

func openPostgres(tb testing.TB, s conform.EngineSetup) (record.Store, pipeline.Engine, func() error) {
	tb.Helper()
	return openAt(tb, testpg.URL(tb), s)
}

// openAt opens the schema that stands for a folder.
func openAt(tb testing.TB, url string, s conform.EngineSetup) (record.Store, pipeline.Engine, func() error) {
	tb.Helper()
	schema := "test_" + digest.Of("folder", s.Dir).String()[:16]
	store, err := postgres.Open(tb.Context(), postgres.Config{URL: url, Schema: schema})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { dropSchema(tb, url, schema) })
	engine, err := river.New(tb.Context(), store, river.Config{
		Workers: s.Workers, Grace: s.Grace, Observe: s.Observe,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return store, engine, store.Close
}

func dropSchema(tb testing.TB, url, schema string) {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		tb.Error(err)
		return
	}
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
		tb.Error(err)
	}
	if err := conn.Close(ctx); err != nil {
		tb.Error(err)
	}
}
