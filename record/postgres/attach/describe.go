package attach

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// table is the followed table as the catalog shows it.
type table struct {
	oid        uint32
	name       string // quoted
	kind       string // pg_class.relkind
	schema     bool   // schema "holdfast" exists
	ours       bool   // … and we made it
	rows       bool   // triggers for each row, which also fire for replicated rows
	columns    map[string]column
	keys       []column
	fields     []field
	parts      []part // with the table itself
	comment    string // of the log; empty if there is none
	source     string // of the function; empty if there is none
	canTrigger bool
}

// column is a column of it.
type column struct {
	name     string
	typ      string // as it is declared, qualified
	base     string // of a domain: what it is made from
	oid      uint32 // of base
	enum     bool
	notNull  bool
	readable bool
}

// field is a declared field and where it is.
type field struct {
	name string
	col  column
	path []string // into the JSON that the column holds
}

// part is a table that holds rows, or a partitioned one on the way to it.
type part struct {
	oid      uint32
	name     string
	kind     string
	triggers map[string]string // name to pg_trigger.tgenabled
}

// The kinds of relation that we tell apart.
const (
	ordinary    = "r"
	partitioned = "p"
	foreign     = "f"
)

func (t *table) logs() bool { return t.kind == ordinary || t.kind == partitioned }

const findTable = `
SELECT c.oid, c.relkind::text, has_table_privilege(c.oid, 'TRIGGER'),
	EXISTS (SELECT FROM pg_namespace WHERE nspname = 'holdfast'),
	coalesce((SELECT obj_description(oid, 'pg_namespace') = $3 FROM pg_namespace WHERE nspname = 'holdfast'), false),
	coalesce(obj_description(to_regclass($4), 'pg_class'), ''),
	coalesce((SELECT p.prosrc FROM pg_proc p WHERE p.oid = to_regproc($4)), ''),
	EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid
		OR s.srrelid IN (WITH RECURSIVE below(id) AS (SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid
			UNION SELECT i.inhrelid FROM pg_inherits i JOIN below b ON i.inhparent = b.id) SELECT id FROM below))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

const findColumns = `
SELECT a.attname, format_type(t.oid, -1), format_type(coalesce(b.oid, t.oid), -1), coalesce(b.oid, t.oid),
	coalesce(b.typtype, t.typtype) = 'e', a.attnotnull, has_column_privilege(a.attrelid, a.attnum, 'SELECT')
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped`

// A unique index on some of the key's columns makes the key unique.
const findUnique = `
SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
	AND NOT EXISTS (SELECT FROM unnest(i.indkey[0:i.indnkeyatts - 1]) k JOIN pg_attribute a ON a.attrelid = $1 AND a.attnum = k
		WHERE a.attname <> ALL ($2)))`

const findParts = `
WITH RECURSIVE below(id) AS (SELECT $1::oid UNION SELECT i.inhrelid FROM pg_inherits i JOIN below b ON i.inhparent = b.id)
SELECT c.oid, n.nspname, c.relname, c.relkind::text,
	array(SELECT g.tgname::text FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgfoid = to_regproc($2) ORDER BY g.tgname),
	array(SELECT g.tgenabled::text FROM pg_trigger g WHERE g.tgrelid = c.oid AND g.tgfoid = to_regproc($2) ORDER BY g.tgname)
FROM below JOIN pg_class c ON c.oid = below.id JOIN pg_namespace n ON n.oid = c.relnamespace ORDER BY c.oid`

// describe reads the catalog, in one snapshot, and compares it with the
// declaration.
func (s *Source) describe(ctx context.Context) (*table, error) {
	var t *table
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		t, err = s.read(ctx, tx)
		return err
	})
	if err != nil {
		return nil, s.explain(ctx, "inspect", err)
	}
	s.mu.Lock()
	s.known = t
	s.mu.Unlock()
	return t, nil
}

func (s *Source) read(ctx context.Context, tx pgx.Tx) (*table, error) {
	t := &table{name: quote(s.schema, s.name)}
	var subscribed bool
	err := tx.QueryRow(ctx, findTable, s.schema, s.name, schemaComment, s.object()).
		Scan(&t.oid, &t.kind, &t.canTrigger, &t.schema, &t.ours, &t.comment, &t.source, &subscribed)
	if err == pgx.ErrNoRows { //nolint:errorlint // QueryRow returns it as it is
		return nil, fault.New(fault.Invalid, "table %s is gone: the source database has no table or view of that name", s.what())
	}
	if err != nil {
		return nil, err
	}
	if t.rows = subscribed || s.table.Replica; !t.logs() && s.table.Poll == "" {
		return nil, fault.New(fault.Invalid, "%s is no table, and can have no triggers: name a column that grows with every change as `poll:`", s.what())
	}
	if err := s.readColumns(ctx, tx, t); err != nil {
		return nil, err
	}
	if t.logs() {
		if err := s.checkKey(ctx, tx, t); err != nil {
			return nil, err
		}
		if err := s.readParts(ctx, tx, t); err != nil {
			return nil, err
		}
	} else {
		t.parts = []part{{oid: t.oid, name: t.name, kind: t.kind}}
	}
	return t, nil
}

func (s *Source) readColumns(ctx context.Context, tx pgx.Tx, t *table) error {
	rows, err := tx.Query(ctx, findColumns, t.oid)
	if err != nil {
		return err
	}
	t.columns = map[string]column{}
	var c column
	if _, err := pgx.ForEachRow(rows, []any{&c.name, &c.typ, &c.base, &c.oid, &c.enum, &c.notNull, &c.readable}, func() error {
		t.columns[c.name] = c
		return nil
	}); err != nil {
		return err
	}
	for _, name := range s.table.ID {
		c, err := s.column(t, name, "identifies its rows")
		if err != nil {
			return err
		}
		t.keys = append(t.keys, c)
	}
	d := &s.declaration
	for _, name := range slices.Concat(d.Content, d.Metadata) {
		path, err := s.table.Path(name)
		if err != nil {
			return err
		}
		c, err := s.column(t, path[0], fmt.Sprintf("holds field %q", name))
		if err != nil {
			return err
		}
		if len(path) > 1 && c.base != "json" && c.base != "jsonb" {
			return fault.New(fault.Invalid, "column %q of %s is of type %s; only json and jsonb have paths into them", c.name, s.what(), c.typ)
		}
		t.fields = append(t.fields, field{name: name, col: c, path: path[1:]})
	}
	if s.table.Poll != "" {
		_, err := s.column(t, s.table.Poll, "is polled")
		return err
	}
	return nil
}

// column finds a column that the declaration needs.
func (s *Source) column(t *table, name, use string) (column, error) {
	c, ok := t.columns[name]
	switch {
	case !ok:
		return c, fault.New(fault.Invalid, "column %q of %s, which %s, is gone or was renamed; declare the collection with the column as it is now, then `holdfast sources install %s`",
			name, s.what(), use, s.declaration.Collection)
	case !c.readable:
		return c, fault.New(fault.Denied, "column %q of %s, which %s, may not be read: GRANT SELECT ON %s TO the user in %s", name, s.what(), use, t.name, s.table.URLEnv)
	}
	return c, nil
}

func (s *Source) checkKey(ctx context.Context, tx pgx.Tx, t *table) error {
	for _, c := range t.keys {
		if !c.notNull {
			return fault.New(fault.Invalid, "column %q of %s can be null, so that it does not identify rows; make it NOT NULL, or name others as `id:`", c.name, s.what())
		}
	}
	var unique bool
	if err := tx.QueryRow(ctx, findUnique, t.oid, []string(s.table.ID)).Scan(&unique); err != nil {
		return err
	}
	if !unique {
		return fault.New(fault.Invalid, "no unique index of %s says that %s identify a row; create one, or name other columns as `id:`", s.what(), strings.Join(s.table.ID, ", "))
	}
	return nil
}

func (s *Source) readParts(ctx context.Context, tx pgx.Tx, t *table) error {
	rows, err := tx.Query(ctx, findParts, t.oid, s.object())
	if err != nil {
		return err
	}
	var p part
	var schema, name string
	var triggers, enabled []string
	_, err = pgx.ForEachRow(rows, []any{&p.oid, &schema, &name, &p.kind, &triggers, &enabled}, func() error {
		p.name, p.triggers = quote(schema, name), map[string]string{}
		for i, g := range triggers {
			if !t.otherMode() { // they go with their function
				p.triggers[g] = enabled[i]
			}
		}
		t.parts = append(t.parts, p)
		return nil
	})
	return err
}

// Inspect implements record.Source.
func (s *Source) Inspect(ctx context.Context) (record.Shape, error) {
	t, err := s.describe(ctx)
	if err != nil {
		return record.Shape{}, err
	}
	shape := record.Shape{Whole: t.name, Polled: s.table.Poll != ""}
	if shape.Rows, err = s.estimate(ctx, t.name); err != nil {
		return record.Shape{}, err
	}
	for _, p := range t.parts {
		if p.kind != partitioned {
			shape.Parts = append(shape.Parts, p.name)
		}
		if p.kind == foreign && t.logs() {
			shape.Warning = fmt.Sprintf("partition %s lies on another server: changes that are made there are not logged", p.name)
		}
	}
	if shape.Polled || t.comment == "" {
		return shape, nil
	}
	shape.Token, _, _ = strings.Cut(strings.TrimPrefix(t.comment, logComment), ":")
	shape.Outdated = t.source != s.body(t)
	for _, p := range t.parts {
		if len(s.missing(t, p)) > 0 {
			shape.Unlogged = append(shape.Unlogged, p.name)
		}
	}
	err = s.pool.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+s.object()+" LIMIT 10000) entries").Scan(&shape.Backlog)
	return shape, s.explain(ctx, "read the change log of", err)
}

// estimate asks the planner, who knows about how many rows there are without
// reading them.
func (s *Source) estimate(ctx context.Context, name string) (int64, error) {
	var plans []struct {
		Plan struct {
			Rows int64 `json:"Plan Rows"`
		}
	}
	err := s.pool.QueryRow(ctx, "EXPLAIN (FORMAT JSON) SELECT FROM "+name).Scan(&plans)
	if err != nil || len(plans) == 0 {
		return 0, s.explain(ctx, "estimate", err)
	}
	return plans[0].Plan.Rows, nil
}
