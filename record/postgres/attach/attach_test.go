package attach_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres/attach"
)

const token = "one"

// database is a database of the user's own, with a user for Holdfast that
// has the least privileges.
type database struct {
	*testing.T
	admin *pgxpool.Pool
	url   string // as Holdfast's user
	owner string // as the owner of the tables
	user  string
}

// newDatabase makes a database of its own for a test.
func newDatabase(t *testing.T, server string) *database {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text()[:16])
	admin, err := pgx.Connect(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	b := &database{T: t, user: name + "_holdfast"}
	for _, statement := range []string{
		"CREATE DATABASE " + name, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", b.user, name),
		fmt.Sprintf("GRANT CREATE ON DATABASE %s TO %s", name, b.user),
	} {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	b.owner = at(t, server, name, nil)
	b.url = at(t, server, name, url.UserPassword(b.user, name))
	if b.admin, err = pgxpool.New(t.Context(), b.owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.admin.Close()
		ctx := context.WithoutCancel(t.Context())
		for _, statement := range []string{"DROP DATABASE " + name + " WITH (FORCE)", "DROP ROLE " + b.user} {
			if _, err := admin.Exec(ctx, statement); err != nil {
				t.Error(err)
			}
		}
		if err := admin.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// at is the URL of another database on a server.
func at(t *testing.T, server, name string, user *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	if user == nil {
		// A user called holdfast would make his tables in schema holdfast.
		q := u.Query()
		q.Set("search_path", "public")
		u.RawQuery = q.Encode()
	}
	if user != nil {
		q := u.Query()
		q.Del("user")
		password, _ := user.Password()
		q.Set("user", user.Username())
		q.Set("password", password)
		u.User, u.RawQuery = nil, q.Encode()
	}
	return u.String()
}

// exec runs statements as the owner of the tables.
func (b *database) exec(statements ...string) {
	b.Helper()
	for _, s := range statements {
		if _, err := b.admin.Exec(b.Context(), s); err != nil {
			b.Fatalf("%s: %v", s, err)
		}
	}
}

// table makes a table that Holdfast's user may read and put triggers on.
func (b *database) table(name, columns string) {
	b.Helper()
	b.exec("CREATE TABLE "+name+" "+columns, "GRANT SELECT, TRIGGER ON "+name+" TO "+b.user)
}

// open opens a source as Holdfast's user.
func (b *database) open(d record.Declaration) *attach.Source {
	b.Helper()
	if d.Collection == "" {
		d.Collection = "tickets"
	}
	d.Source.Postgres.URLEnv = "APP_DB"
	if err := d.Complete(); err != nil {
		b.Fatal(err)
	}
	s, err := attach.Open(attach.Config{URL: b.url, Declaration: d})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Close)
	return s
}

// attach opens a source and installs its log.
func (b *database) attach(d record.Declaration) *attach.Source {
	b.Helper()
	s := b.open(d)
	if err := s.Install(b.Context(), token, false); err != nil {
		b.Fatalf("install: %v", err)
	}
	return s
}

// declare declares a collection with content body and metadata status.
func declare(table string, id ...string) record.Declaration {
	return record.Declaration{
		Content: []string{"body"}, Metadata: []string{"status"},
		Source: &record.Origin{Postgres: &record.Table{Table: table, ID: id}},
	}
}

// changed reads what the log holds, acknowledges it, and returns the ids in
// order; "*" stands for all.
func (b *database) changed(s record.Source) []string {
	b.Helper()
	out := []string{}
	for {
		c, err := s.Changes(b.Context(), "", 1000)
		if err != nil {
			b.Fatalf("changes: %v", err)
		}
		out = append(out, c.IDs...)
		if c.All {
			out = append(out, "*")
		}
		if err := s.Acknowledge(b.Context(), c); err != nil {
			b.Fatalf("acknowledge: %v", err)
		}
		if len(c.IDs) == 0 && !c.All {
			slices.Sort(out)
			return slices.Compact(out)
		}
	}
}

// logs checks which ids statements log.
func (b *database) logs(s record.Source, want []string, statements ...string) {
	b.Helper()
	b.exec(statements...)
	slices.Sort(want)
	if got := b.changed(s); !slices.Equal(got, want) {
		b.Errorf("%s logged %q, want %q", strings.Join(statements, "; "), got, want)
	}
}

func TestOnlyRealChangesOfDeclaredColumnsAreLogged(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id bigint PRIMARY KEY, body text, status text, price numeric, seen timestamptz)")
	d := declare("tickets", "id")
	d.Metadata = append(d.Metadata, "price")
	s := b.attach(d)
	for _, c := range []struct {
		statement string
		want      []string
	}{
		{"INSERT INTO tickets VALUES (1, 'a', 'open', 1.0), (2, 'b', 'open', 2), (3, NULL, NULL, NULL)", []string{"1", "2", "3"}},
		{"UPDATE tickets SET seen = now()", nil},
		{"UPDATE tickets SET body = body, status = status", nil},
		{"UPDATE tickets SET status = 'closed' WHERE id < 3", []string{"1", "2"}},
		{"UPDATE tickets SET body = CASE WHEN id = 2 THEN 'new' ELSE body END", []string{"2"}},
		{"UPDATE tickets SET body = NULL WHERE id = 2", []string{"2"}},
		{"UPDATE tickets SET price = 1.00 WHERE id = 1", []string{"1"}}, // equal, and reads otherwise
		{"UPDATE tickets SET id = 10 WHERE id = 1", []string{"1", "10"}},
		{"UPDATE tickets SET id = 100 - id WHERE id IN (2, 10)", []string{"10", "2", "90", "98"}},
		{"INSERT INTO tickets (id, body) VALUES (3, 'x'), (4, 'y') ON CONFLICT (id) DO UPDATE SET body = excluded.body", []string{"3", "4"}},
		{"INSERT INTO tickets (id, body) VALUES (3, 'z') ON CONFLICT DO NOTHING", nil},
		{"WITH gone AS (DELETE FROM tickets WHERE id = 4 RETURNING *) INSERT INTO tickets SELECT 5, body FROM gone", []string{"4", "5"}},
		{"DELETE FROM tickets WHERE id = 5", []string{"5"}},
		{"DELETE FROM tickets WHERE id = 5", nil},
		{"BEGIN; INSERT INTO tickets VALUES (6); ROLLBACK", nil},
		{"BEGIN; INSERT INTO tickets VALUES (6); SAVEPOINT p; INSERT INTO tickets VALUES (7); ROLLBACK TO p; COMMIT", []string{"6"}},
		{"TRUNCATE tickets", []string{"*"}},
	} {
		b.logs(s, c.want, c.statement)
	}
}

func TestManyRowsOfOneStatementAreFewEntries(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id bigint PRIMARY KEY, body text, status text)")
	s := b.attach(declare("tickets", "id"))
	b.exec("INSERT INTO tickets SELECT g, 'text' FROM generate_series(1, 5000) g")
	shape, err := s.Inspect(t.Context())
	if err != nil || shape.Backlog > 20 {
		t.Errorf("5000 rows made %d entries, error %v", shape.Backlog, err)
	}
	if n := len(b.changed(s)); n != 5000 {
		t.Errorf("%d of 5000 ids were logged", n)
	}
}

// TestALateCommitIsNotLost keeps a transaction open while later ones are read
// and acknowledged.
func TestALateCommitIsNotLost(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id bigint PRIMARY KEY, body text, status text)")
	s := b.attach(declare("tickets", "id"))
	early, err := b.admin.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := early.Exec(t.Context(), "INSERT INTO tickets VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	b.logs(s, []string{"2"}, "INSERT INTO tickets VALUES (2)")
	if err := early.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.logs(s, []string{"1"})
}

// TestWhatWasNotAcknowledgedComesAgain though there is always something new.
func TestWhatWasNotAcknowledgedComesAgain(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	s := b.attach(declare("tickets", "id"))
	for i := range 3 {
		b.exec(fmt.Sprintf("INSERT INTO tickets VALUES (%d)", i))
		c, err := s.Changes(t.Context(), "", 1)
		if err != nil || !slices.Contains(c.IDs, "0") {
			t.Errorf("after %d more: %q, %v", i, c.IDs, err)
		}
	}
	b.logs(s, []string{"0", "1", "2"})
}

func TestAnEntryStaysUntilItIsAcknowledged(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id bigint PRIMARY KEY, body text, status text)")
	d := declare("tickets", "id")
	s := b.attach(d)
	b.exec("INSERT INTO tickets VALUES (1)")
	first, err := s.Changes(t.Context(), "", 10)
	if err != nil {
		t.Fatal(err)
	}
	b.exec("VACUUM FULL holdfast.source_tickets", "INSERT INTO tickets VALUES (2)") // moves entries about
	if err := s.Acknowledge(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	// Another reader, as after a crash.
	if got := b.changed(b.open(d)); !slices.Contains(got, "2") {
		t.Errorf("the entry of 2 is gone; there are %q", got)
	}
}

func TestKeysOfEveryKind(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.exec("CREATE TYPE colour AS ENUM ('red', 'blue')", "CREATE DOMAIN positive AS integer CHECK (value > 0)")
	for _, c := range []struct{ name, columns, values, id string }{
		{"integer", "k integer", "-7", "-7"},
		{"uuid", "k uuid", "'018F4E5A-0000-7000-8000-000000000001'", "018f4e5a-0000-7000-8000-000000000001"},
		{"text", "k text", "'a/b%c''d\\'", `a/b%c'd\`},
		{"padded", "k char(5)", "'ab'", "ab"},
		{"numeric", "k numeric", "1.50", "1.50"},
		{"date", "k date", "'2024-02-01'", "2024-02-01"},
		{"timestamptz", "k timestamptz", "'2024-02-01 12:00:00+02'", "2024-02-01 10:00:00+00"},
		{"bytes", "k bytea", `'\x00ff'`, `\x00ff`},
		{"enum", "k colour", "'red'", "red"},
		{"domain", "k positive", "7", "7"},
		{"composite", "k text, l bigint", "'a/b%', 7", "a%2Fb%25/7"},
	} {
		id := []string{"k"}
		if c.name == "composite" {
			id = append(id, "l")
		}
		b.table("t_"+c.name, "("+c.columns+", body text, status text, PRIMARY KEY ("+strings.Join(id, ", ")+"))")
		d := declare("t_"+c.name, id...)
		d.Collection = c.name
		s := b.attach(d)
		// Whoever writes has settings of his own.
		b.logs(s, []string{c.id}, "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET bytea_output = 'escape'; INSERT INTO t_"+
			c.name+" VALUES ("+c.values+", 'text', 'open')")
		b.logs(s, []string{c.id}, "UPDATE t_"+c.name+" SET status = 'closed'")
		if rows := b.rows(s.Rows(t.Context(), []string{"nonsense", c.id, "other"})); !slices.Equal(ids(rows), []string{c.id}) {
			t.Errorf("%s: found by id: %q", c.name, ids(rows))
		}
		shape, err := s.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if rows := b.rows(s.Scan(t.Context(), shape.Whole, "", 10)); !slices.Equal(ids(rows), []string{c.id}) {
			t.Errorf("%s: scanned: %q", c.name, ids(rows))
		}
		if rows := b.rows(s.Scan(t.Context(), shape.Whole, c.id, 10)); len(rows) != 0 {
			t.Errorf("%s: scanned after the last: %q", c.name, ids(rows))
		}
	}
}

// rows collects rows that must all be readable.
func (b *database) rows(seq func(func(record.SourceRow, error) bool)) (out []record.SourceRow) {
	b.Helper()
	for r, err := range seq {
		if err != nil {
			b.Fatalf("read rows: %v", err)
		}
		out = append(out, r)
	}
	return out
}

func ids(rows []record.SourceRow) (out []string) {
	for _, r := range rows {
		out = append(out, r.ID)
	}
	return out
}

func TestConflictBetweenInstallations(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id bigint PRIMARY KEY, body text, status text)")
	s := b.attach(declare("tickets", "id"))
	if err := s.Install(t.Context(), "two", false); fault.KindOf(err) != fault.Conflict {
		t.Errorf("another installation got %v", err)
	}
	if err := s.Install(t.Context(), "two", true); err != nil {
		t.Errorf("take over: %v", err)
	}
	if shape, err := s.Inspect(t.Context()); err != nil || shape.Token != "two" || len(shape.Unlogged) > 0 || shape.Outdated {
		t.Errorf("after it: %+v, %v", shape, err)
	}
}
