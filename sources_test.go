package holdfast_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres/attach"
	"github.com/holdfast/holdfast/search"
)

// office is a rig with a collection that is attached to a table.
type office struct {
	*rig
	db  *pgx.Conn
	url string
}

func attached(t *testing.T) *office {
	t.Helper()
	o := &office{url: testpg.Database(t, testpg.URL(t))}
	var err error
	if o.db, err = pgx.Connect(t.Context(), o.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.db.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	o.rig = start(t, setup{sources: func(d record.Declaration) (record.Source, error) {
		return attach.Open(attach.Config{URL: o.url, Declaration: d})
	}})
	o.exec("CREATE TABLE tickets (id bigint PRIMARY KEY, body text, state text, n int, owner text)",
		"INSERT INTO tickets VALUES (1, 'parcel arrived broken', 'open', 1, 'a'), (2, 'parcel arrived late', 'open', 2, 'b'), (3, 'parcel lost', 'closed', 3, 'c')")
	o.declare("tickets", attachTo("tickets"))
	if err := o.InstallSource(t.Context(), "tickets", false); err != nil {
		t.Fatal(err)
	}
	o.follows()
	return o
}

func attachTo(table string) func(*record.Declaration) {
	return func(d *record.Declaration) {
		d.Source = &record.Origin{Postgres: &record.Table{URLEnv: "APP_DB", Table: table, ID: record.Columns{"id"}}}
	}
}

func (o *office) exec(statements ...string) {
	o.Helper()
	for _, s := range statements {
		if _, err := o.db.Exec(o.Context(), s); err != nil {
			o.Fatalf("%s: %v", s, err)
		}
	}
}

func (o *office) source() holdfast.SourceStatus {
	o.Helper()
	st, err := o.Status(o.Context(), "tickets")
	if err != nil {
		o.Fatal(err)
	}
	return *st.Source
}

// follows waits until all rows are copied and indexed.
func (o *office) follows() {
	o.Helper()
	o.until("the source is followed", func() bool {
		var rows int64
		if err := o.db.QueryRow(o.Context(), "SELECT count(*) FROM tickets").Scan(&rows); err != nil {
			o.Fatal(err)
		}
		st, err := o.Status(o.Context(), "tickets")
		if err != nil {
			o.Fatal(err)
		}
		return st.Source.State == holdfast.SourceOK && st.Records == rows
	})
	o.settle("tickets")
}

// pause keeps the follower from copying, as if it were slow.
func (o *office) pause() {
	o.Helper()
	c, err := o.Collection(o.Context(), "tickets")
	if err != nil {
		o.Fatal(err)
	}
	err = flow.AlterFollowing(o.Context(), o.store, c.ID, func(f *flow.Following) error {
		f.Owner, f.Until, f.Epoch = "another process", time.Now().Add(time.Hour), f.Epoch+1
		return nil
	})
	if err != nil {
		o.Fatal(err)
	}
}

// TestInvariant6SearchChecksAtTheSource changes rows that are not copied yet.
func TestInvariant6SearchChecksAtTheSource(t *testing.T) {
	o := attached(t)
	o.wantFound("tickets", "parcel", "1", "2", "3")
	o.pause()
	o.exec("DELETE FROM tickets WHERE id = 1", "UPDATE tickets SET body = 'parcel found' WHERE id = 2", "UPDATE tickets SET state = 'open', owner = 'z' WHERE id = 3")
	for _, mode := range modes {
		if got := ids(o.find("tickets", "parcel", search.Query{Mode: mode})); !slices.Equal(got, []string{"3"}) {
			t.Errorf("%s finds %v, want only 3", mode, got)
		}
	}
	got := o.find("tickets", "parcel", search.Query{Mode: search.Lexical})
	if len(got) != 1 || got[0].Fields["owner"] != "z" {
		t.Errorf("fields are not those of the source: %d results", len(got))
	}
	if got := o.find("tickets", "parcel", search.Query{Mode: search.Lexical, Filter: []byte(`{"state":"closed"}`)}); len(got) != 0 {
		t.Errorf("a filter that no row matches any more finds %v", ids(got))
	}
}

func TestInvariant6NoAnswerFromTheSourceIsNoResult(t *testing.T) {
	o := attached(t)
	var name string
	if err := o.db.QueryRow(t.Context(), "SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	server, err := pgx.Connect(t.Context(), testpg.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	allow := func(yes string) {
		for _, s := range []string{
			"ALTER DATABASE " + name + " ALLOW_CONNECTIONS " + yes,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "' AND application_name = 'holdfast'",
		} {
			if _, err := server.Exec(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
	}
	allow("false")
	_, err = o.Search(t.Context(), admin, "tickets", search.Query{Text: gate.NewRaw("parcel")})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a search got %v, want unavailable", err)
	}
	o.until("the state says so", func() bool { return o.source().State == holdfast.SourceUnreachable })
	allow("true")
	o.until("it is reached again", func() bool { return o.source().State == holdfast.SourceOK })
	o.wantFound("tickets", "parcel", "1", "2", "3")
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAnAttachedCollectionIsNotWrittenHere(t *testing.T) {
	o := attached(t)
	for _, w := range []record.Write{put("1", "x"), patch("1", record.Fields{"n": 1}), remove("1")} {
		if _, err := o.Write(t.Context(), "tickets", []record.Write{w}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "write there") {
			t.Errorf("got %v, want a conflict", err)
		}
	}
}

func TestInvariant5MetadataOfARowCostsNoCall(t *testing.T) {
	o := attached(t)
	check := o.models[0].unchanged(t)
	o.exec("UPDATE tickets SET state = 'closed', n = n + 10")
	o.until("the metadata is copied", func() bool {
		r, err := o.Record(t.Context(), "tickets", "1")
		return err == nil && r.Fields["state"] == "closed"
	})
	o.settle("tickets")
	check("metadata of rows was changed")
}

func TestTheLogIsNotLeftBehind(t *testing.T) {
	o := attached(t)
	if err := o.DropCollection(t.Context(), "tickets"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("drop: %v", err)
	}
	c, err := o.Collection(t.Context(), "tickets")
	if err != nil {
		t.Fatal(err)
	}
	other := c.Declaration
	attachTo("others")(&other)
	if _, _, err := o.Declare(t.Context(), other); fault.KindOf(err) != fault.Conflict {
		t.Errorf("attach to another table: %v", err)
	}
	if err := o.RemoveSource(t.Context(), "tickets", false); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := o.db.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'holdfast'").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d schemas are left, %v", left, err)
	}
	if st := o.source(); st.State != holdfast.SourceNotInstalled {
		t.Errorf("state %s", st.State)
	}
	if err := o.DropCollection(t.Context(), "tickets"); err != nil {
		t.Error(err)
	}
}

// TestAnotherDeclarationIsInstalledAgain: until then it is a state.
func TestAnotherDeclarationIsInstalledAgain(t *testing.T) {
	o := attached(t)
	o.declare("tickets", attachTo("tickets"), func(d *record.Declaration) { d.Metadata = append(d.Metadata, "extra") })
	o.until("the column is missed", func() bool {
		st := o.source()
		return st.State == holdfast.SourceBroken && strings.Contains(st.Message, "extra")
	})
	o.exec("ALTER TABLE tickets ADD extra text DEFAULT 'more'")
	o.until("it must be installed", func() bool { return strings.Contains(o.source().Message, "sources install") })
	if err := o.InstallSource(t.Context(), "tickets", false); err != nil {
		t.Fatal(err)
	}
	o.until("the field is copied", func() bool {
		r, err := o.Record(t.Context(), "tickets", "1")
		return err == nil && r.Fields["extra"] == "more"
	})
}
