package attach_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
)

const plainTable = "(id bigint PRIMARY KEY, body text, status text)"

// dump is the schema of the database as pg_dump writes it.
func (b *database) dump() string {
	b.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pg_dump")
	program := "pg_dump"
	if err == nil && len(found) > 0 {
		program = slices.Max(found)
	}
	url := strings.Replace(b.owner, "search_path=public&", "", 1)                        // which libpq does not know
	out, err := exec.CommandContext(b.Context(), program, "--schema-only", url).Output() //nolint:gosec // PostgreSQL's own program
	if err != nil {
		b.Fatalf("pg_dump: %v", err)
	}
	var kept []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) { // a random word
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestRemoveLeavesNothingBehind(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	b.table("others", plainTable)
	b.exec("CREATE TABLE parted "+plainTable+" PARTITION BY RANGE (id)",
		"CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100)",
		"GRANT SELECT, TRIGGER ON parted, parted_1 TO "+b.user)
	before := b.dump()
	var all []record.Source
	for _, table := range []string{"tickets", "others", "parted"} {
		d := declare(table, "id")
		d.Collection = table
		s := b.open(d)
		planned, err := s.Plan(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Install(t.Context(), token, false); err != nil {
			t.Fatal(err)
		}
		if after, err := s.Plan(t.Context(), token); err != nil || len(after.Install) > 0 || len(planned.Install) == 0 {
			t.Errorf("%s: planned %d transactions, then %d; %v", table, len(planned.Install), len(after.Install), err)
		}
		all = append(all, s)
	}
	b.exec("INSERT INTO parted VALUES (1)", "INSERT INTO tickets VALUES (1)")
	for _, s := range all {
		if err := s.Remove(t.Context()); err != nil {
			t.Error(err)
		}
		if err := s.Remove(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
	}
	if after := b.dump(); after != before {
		t.Errorf("what is left differs:\n%s", after)
	}
}

// TestThePlanIsWhatIsDone runs the printed statements by hand.
func TestThePlanIsWhatIsDone(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	s := b.open(declare("tickets", "id"))
	plan, err := s.Plan(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for _, transaction := range plan.Install {
		b.exec(strings.Join(transaction, ";\n"))
	}
	b.exec("GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA holdfast TO "+b.user, "GRANT USAGE ON SCHEMA holdfast TO "+b.user)
	shape, err := s.Inspect(t.Context())
	if err != nil || shape.Token != token || shape.Outdated || len(shape.Unlogged) > 0 {
		t.Errorf("after the plan: %+v, %v", shape, err)
	}
	b.logs(s, []string{"1"}, "INSERT INTO tickets VALUES (1)")
}

func TestWritersNeedNoRightsOnTheLog(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	s := b.attach(declare("tickets", "id"))
	writer := b.user + "_writer"
	b.exec("CREATE ROLE "+writer, "GRANT SELECT, INSERT ON tickets TO "+writer)
	defer b.exec("DROP OWNED BY "+writer, "DROP ROLE "+writer)
	b.logs(s, []string{"1"}, "BEGIN; SET LOCAL ROLE "+writer+"; INSERT INTO tickets VALUES (1); COMMIT")
}

// TestAColumnThatGoesFailsNobody changes columns under the triggers: users'
// writes go on, the state says what is wrong, and once it is mended nothing
// is missing.
func TestAColumnThatGoesFailsNobody(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	for _, c := range []struct{ name, breaks, says, mends string }{
		{"renamed", "RENAME COLUMN body TO text", `column "body"`, "RENAME COLUMN text TO body"},
		{"dropped", "DROP COLUMN body", `column "body"`, "ADD COLUMN body text"},
		{"key", "RENAME COLUMN id TO number", `column "id"`, "RENAME COLUMN number TO id"},
		{"unique", "DROP CONSTRAINT c_unique_pkey", "no unique index", "ADD PRIMARY KEY (id)"},
	} {
		table := "c_" + c.name
		b.table(table, plainTable)
		d := declare(table, "id")
		d.Collection = c.name
		s := b.attach(d)
		b.exec("INSERT INTO "+table+" VALUES (1)", "ALTER TABLE "+table+" "+c.breaks)
		if _, err := s.Inspect(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
		b.exec("INSERT INTO "+table+" SELECT 2", "UPDATE "+table+" SET status = 'x'", "ALTER TABLE "+table+" "+c.mends)
		want := []string{"*", "1"}
		if c.name == "unique" {
			want = []string{"1", "2"}
		}
		b.logs(s, want)
		if _, err := s.Inspect(t.Context()); err != nil {
			t.Errorf("%s, mended: %v", c.name, err)
		}
	}
}

func TestAChangedTypeIsNoticed(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id integer PRIMARY KEY, body text, status text)")
	s := b.attach(declare("tickets", "id"))
	b.exec("ALTER TABLE tickets ALTER id TYPE bigint, ALTER status TYPE integer USING 1")
	b.logs(s, []string{"*"}, "INSERT INTO tickets VALUES (1, 'text', 2)")
	shape, err := s.Inspect(t.Context())
	if err != nil || !shape.Outdated {
		t.Errorf("outdated %v, %v", shape.Outdated, err)
	}
	if err := s.Install(t.Context(), token, false); err != nil {
		t.Fatal(err)
	}
	b.logs(s, []string{"1"}, "UPDATE tickets SET status = 3")
}

func TestALostTableIsAClearState(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	s := b.attach(declare("tickets", "id"))
	b.exec("REVOKE SELECT ON tickets FROM " + b.user)
	if _, err := s.Inspect(t.Context()); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "GRANT SELECT") {
		t.Errorf("revoked: %v", err)
	}
	b.exec("DROP TABLE tickets")
	if _, err := s.Inspect(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("dropped: %v", err)
	}
	b.table("tickets", plainTable) // another of that name, as a restore makes it
	if shape, err := s.Inspect(t.Context()); err != nil || len(shape.Unlogged) == 0 {
		t.Errorf("made anew: %+v, %v", shape, err)
	}
	if err := s.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPartitions(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.exec("CREATE TABLE tickets (id bigint, at date, body text, status text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at)",
		"CREATE TABLE t2023 PARTITION OF tickets FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",
		"CREATE TABLE t2024 PARTITION OF tickets FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (id)",
		"CREATE TABLE t2024_1 PARTITION OF t2024 FOR VALUES IN (1, 2, 3)",
		"GRANT SELECT, TRIGGER ON tickets, t2023, t2024, t2024_1 TO "+b.user)
	s := b.attach(declare("tickets", "id", "at"))
	b.logs(s, []string{"1/2024-05-05", "9/2023-05-05"}, "INSERT INTO tickets VALUES (1, '2024-05-05'), (9, '2023-05-05')")
	b.logs(s, []string{"8/2023-05-05"}, "INSERT INTO t2023 VALUES (8, '2023-05-05')")
	b.logs(s, []string{"2/2024-05-05"}, "INSERT INTO t2024 VALUES (2, '2024-05-05')")
	b.logs(s, []string{"3/2024-05-05"}, "INSERT INTO t2024_1 VALUES (3, '2024-05-05')")
	b.logs(s, []string{"3/2024-05-05", "3/2023-05-05"}, "UPDATE tickets SET at = '2023-05-05' WHERE id = 3") // to another partition
	b.logs(s, []string{"3/2023-05-05"}, "DELETE FROM t2023 WHERE id = 3")
	b.logs(s, []string{"*"}, "TRUNCATE t2023")
	b.exec("CREATE TABLE t2025 PARTITION OF tickets FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')", "GRANT SELECT, TRIGGER ON t2025 TO "+b.user)
	shape, err := s.Inspect(t.Context())
	if err != nil || !slices.Equal(shape.Unlogged, []string{`"public"."t2025"`}) || len(shape.Parts) != 3 {
		t.Fatalf("after a new partition: %+v, %v", shape, err)
	}
	if err := s.Install(t.Context(), token, false); err != nil {
		t.Fatal(err)
	}
	b.logs(s, []string{"5/2025-05-05"}, "INSERT INTO t2025 VALUES (5, '2025-05-05')")
	if rows := b.rows(s.Scan(t.Context(), `"public"."t2025"`, "", 10)); !slices.Equal(ids(rows), []string{"5/2025-05-05"}) {
		t.Errorf("the new partition holds %q", ids(rows))
	}
	if rows := b.rows(s.Scan(t.Context(), shape.Whole, "", 10)); len(rows) != 3 {
		t.Errorf("all hold %q", ids(rows))
	}
}

// TestRowsWrittenByReplication writes as the worker of a subscription does.
func TestRowsWrittenByReplication(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	b.exec("ALTER TABLE tickets OWNER TO " + b.user) // ENABLE ALWAYS asks for it
	d := declare("tickets", "id")
	d.Source.Postgres.Replica = true
	s := b.attach(d)
	const replica = "BEGIN; SET LOCAL session_replication_role = replica; "
	b.logs(s, []string{"1", "2"}, replica+"INSERT INTO tickets VALUES (1), (2); COMMIT")
	b.logs(s, []string{"1"}, replica+"UPDATE tickets SET body = 'x' WHERE id = 1; COMMIT")
	b.logs(s, nil, "UPDATE tickets SET body = 'x' WHERE id = 1")
	b.logs(s, []string{"1", "3"}, "UPDATE tickets SET id = 3 WHERE id = 1")
	b.logs(s, []string{"2"}, "DELETE FROM tickets WHERE id = 2")
	b.logs(s, []string{"*"}, replica+"TRUNCATE tickets; COMMIT")

	// The other way round: the triggers are made anew.
	d.Source.Postgres.Replica = false
	s = b.attach(d)
	b.logs(s, nil, replica+"INSERT INTO tickets VALUES (1), (2); COMMIT")
	b.logs(s, []string{"1", "2"}, "UPDATE tickets SET body = 'y'")
}

func TestValuesOfEveryType(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.exec("CREATE TYPE colour AS ENUM ('red')")
	b.table("tickets", `(id bigint PRIMARY KEY, body text, n int, f float8, price numeric, yes bool, at timestamptz, local timestamp, day date,
		tags text[], doc jsonb, raw json, c colour, u uuid, "odd.name" text, nothing text)`)
	d := declare("tickets", "id")
	d.Metadata = []string{"n", "f", "price", "yes", "at", "local", "day", "tags", "doc", "doc.a", "city", "first", "raw", "c", "u", "odd", "nothing"}
	d.Source.Postgres.Fields = map[string]string{"city": "doc.address.city", "first": "doc.list.0", "odd": `"odd.name"`}
	s := b.attach(d)
	b.exec(`INSERT INTO tickets VALUES (1, 'it''s "text"', 7, 0.1, 12.50, true, '2024-01-02 03:04:05+02', '2024-01-02 03:04:05', '2024-01-02',
		'{a,"b c"}', '{"a": null, "address": {"city": "Bergen"}, "list": [1, 2]}', '{"x": 1}', 'red', '018f4e5a-0000-7000-8000-000000000001', 'o')`)
	rows := b.rows(s.Rows(t.Context(), []string{"1"}))
	if len(rows) != 1 || rows[0].Err != nil {
		t.Fatalf("read: %v", rows)
	}
	got, err := json.Marshal(map[string]any(rows[0].Fields))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"at":"2024-01-02T01:04:05+00:00","body":"it's \"text\"","c":"red","city":"Bergen","day":"2024-01-02",` +
		`"doc":{"a":null,"address":{"city":"Bergen"},"list":[1,2]},"f":0.1,"first":1,"local":"2024-01-02T03:04:05+00:00","n":7,` +
		`"odd":"o","price":12.50,"raw":{"x":1},"tags":["a","b c"],"u":"018f4e5a-0000-7000-8000-000000000001","yes":true}`
	if string(got) != want {
		t.Errorf("read\n%s, want\n%s", got, want)
	}
	b.changed(s)
	b.logs(s, []string{"1"}, `UPDATE tickets SET doc = jsonb_set(doc, '{address,city}', '"Oslo"')`)
	b.logs(s, []string{"1"}, `UPDATE tickets SET tags = '{a}'`)
	b.logs(s, nil, `UPDATE tickets SET raw = '{"x": 1}'`)
}

func TestAPathMustLeadSomewhere(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	d := declare("tickets", "id")
	d.Source.Postgres.Fields = map[string]string{"status": "body.x"}
	if _, err := b.open(d).Inspect(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "json") {
		t.Errorf("a path into text: %v", err)
	}
}

// TestLargeValuesThatWereNotTouched are stored apart from their row, and
// compare equal.
func TestLargeValuesThatWereNotTouched(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id bigint PRIMARY KEY, body text, status text, seen int)")
	s := b.attach(declare("tickets", "id"))
	b.logs(s, []string{"1"}, "INSERT INTO tickets SELECT 1, string_agg(md5(g::text), ' ') FROM generate_series(1, 5000) g")
	b.logs(s, nil, "UPDATE tickets SET seen = 1", "UPDATE tickets SET body = body || ''")
	b.logs(s, []string{"1"}, "UPDATE tickets SET body = body || '.'")
}

// TestOneOverlongRowStopsNothing: it is refused by itself.
func TestOneOverlongRowStopsNothing(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", "(id text PRIMARY KEY, body text, status text)")
	s := b.attach(declare("tickets", "id"))
	b.exec("INSERT INTO tickets VALUES ('a', 'text'), ('b', repeat('long ', 4000000)), ('c', 'text'), (repeat('d', 600), 'text'), (E'e\\te', 'text')")
	refused := 0
	for _, r := range b.rows(s.Scan(t.Context(), `"public"."tickets"`, "", 10)) {
		if r.Err != nil {
			refused++
			if fault.KindOf(r.Err) != fault.Invalid {
				t.Error(r.Err)
			}
		}
	}
	if refused != 3 {
		t.Errorf("%d of 5 rows were refused, want 3", refused)
	}
}

func TestHiddenRowsAreNotTakenForDeleted(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.table("tickets", plainTable)
	s := b.attach(declare("tickets", "id"))
	b.exec("INSERT INTO tickets VALUES (1)", "ALTER TABLE tickets ENABLE ROW LEVEL SECURITY")
	for _, err := range s.Rows(t.Context(), []string{"1"}) {
		if fault.KindOf(err) != fault.Denied {
			t.Errorf("under a policy that hides rows: %v", err)
		}
	}
}

func TestViews(t *testing.T) {
	b := newDatabase(t, testpg.URL(t))
	b.exec("CREATE TABLE base (id bigint PRIMARY KEY, body text, status text, updated_at timestamptz DEFAULT clock_timestamp(), version int)",
		"CREATE VIEW tickets AS SELECT * FROM base WHERE status IS DISTINCT FROM 'draft'", "GRANT SELECT ON tickets TO "+b.user)
	d := declare("tickets", "id")
	if err := b.open(d).Install(t.Context(), token, false); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "poll") {
		t.Errorf("a view without poll: %v", err)
	}
	b.exec("INSERT INTO base SELECT g, 'text' FROM generate_series(1, 5) g")
	for _, column := range []string{"updated_at", "version"} {
		d := declare("tickets", "id")
		d.Source.Postgres.Poll = column
		s := b.attach(d)
		c, err := s.Changes(t.Context(), "", 10)
		if err != nil || len(c.IDs) > 0 {
			t.Fatalf("%s: the first poll found %q, %v", column, c.IDs, err)
		}
		b.exec("UPDATE base SET updated_at = clock_timestamp(), version = coalesce((SELECT max(version) FROM base), 0) + 1 WHERE id <= 3",
			"INSERT INTO base VALUES (9, 'text', 'draft')")
		var got []string
		for range 10 { // in portions
			if c, err = s.Changes(t.Context(), c.Next, 2); err != nil {
				t.Fatal(err)
			}
			for _, id := range c.IDs {
				if !slices.Contains(got, id) {
					got = append(got, id)
				}
			}
			if !c.More {
				break
			}
		}
		for id := 1; id <= 3; id++ {
			if !slices.Contains(got, fmt.Sprint(id)) {
				t.Errorf("%s: polled %q, without %d", column, got, id)
			}
		}
		if slices.Contains(got, "9") {
			t.Errorf("%s: polled a row that the view does not show", column)
		}
		b.exec("DELETE FROM base WHERE id = 9")
	}
	if before := b.dump(); strings.Contains(before, "holdfast.") {
		t.Error("a polled source got a log")
	}
}
