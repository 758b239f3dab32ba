package attach_test

import (
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record/postgres/attach"
)

// TestALogicalReplica follows the table of a subscription: what its worker
// writes fires no ordinary trigger.
func TestALogicalReplica(t *testing.T) {
	cluster := testpg.Start(t)
	run := func(at string, statements ...string) {
		t.Helper()
		db, err := pgx.Connect(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			if _, err := db.Exec(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		if err := db.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run(cluster.URL(), "ALTER SYSTEM SET wal_level = logical")
	cluster.Kill(t)
	cluster.Restart(t)
	publisher, b := testpg.Database(t, cluster.URL()), newDatabase(t, cluster.URL())
	from, err := url.Parse(publisher)
	if err != nil {
		t.Fatal(err)
	}
	const table = "CREATE TABLE public.tickets " + plainTable
	run(publisher, table, "INSERT INTO public.tickets VALUES (1, 'was there')", "CREATE PUBLICATION p FOR TABLE public.tickets",
		"SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
	run(b.owner, table, "CREATE SUBSCRIPTION s CONNECTION 'host="+from.Query().Get("host")+" user=holdfast dbname="+from.Path[1:]+
		"' PUBLICATION p WITH (create_slot = false)")
	defer run(b.owner, "DROP SUBSCRIPTION s")

	d := declare("tickets", "id")
	d.Collection, d.Source.Postgres.URLEnv = "tickets", "APP_DB"
	s, err := attach.Open(attach.Config{URL: b.owner, Declaration: d})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Install(t.Context(), token, false); err != nil {
		t.Fatal(err)
	}
	if shape, err := s.Inspect(t.Context()); err != nil || len(shape.Unlogged) > 0 || shape.Outdated {
		t.Fatalf("installed: %+v, %v", shape, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	logged := func(id string) {
		t.Helper()
		for !slices.Contains(b.changed(s), id) {
			select {
			case <-tick.C:
			case <-t.Context().Done():
				t.Fatalf("%s was not logged", id)
			}
		}
	}
	run(publisher, "INSERT INTO public.tickets VALUES (2, 'new')")
	logged("2")
	run(publisher, "UPDATE public.tickets SET body = 'other' WHERE id = 2")
	logged("2")
	run(publisher, "DELETE FROM public.tickets WHERE id = 1")
	logged("1")
	run(publisher, "TRUNCATE public.tickets")
	logged("*")
}
