package attach

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	schemaComment = "Holdfast: the change logs of followed tables; made by holdfast"
	logComment    = "Holdfast change log of installation "

	// Whoever waits for a lock makes all others wait behind him: so waits are
	// short, and tried again.
	lockTimeout = "2s"
	lockTries   = 15
	lockPause   = time.Second
)

// Plan implements record.Source.
func (s *Source) Plan(ctx context.Context, token string) (record.SourcePlan, error) {
	t, err := s.describe(ctx)
	if err != nil {
		return record.SourcePlan{}, err
	}
	return record.SourcePlan{Install: s.installs(t, token), Remove: s.removes(t)}, nil
}

// installs are the transactions that put what is missing.
func (s *Source) installs(t *table, token string) [][]string {
	plan := [][]string{}
	if s.table.Poll != "" {
		return plan
	}
	var first []string
	if !t.schema {
		first = append(first, "CREATE SCHEMA "+home, "COMMENT ON SCHEMA "+home+" IS "+literal(schemaComment))
	}
	if t.comment == "" {
		first = append(first,
			// Entries come and go: clean up by their number, not by a share of the table.
			"CREATE TABLE "+s.object()+" (number bigint GENERATED ALWAYS AS IDENTITY (CACHE 20) NOT NULL, ids text)\n"+
				"  WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1)")
	}
	if !strings.HasPrefix(t.comment, logComment+token+":") {
		first = append(first, "COMMENT ON TABLE "+s.object()+" IS "+literal(logComment+token+": of "+s.what()))
	}
	if t.source != "" && t.source != s.body(t) && t.otherMode() {
		first = append(first, "DROP FUNCTION "+s.object()+"() CASCADE")
	}
	if t.source != s.body(t) {
		first = append(first, s.function(t), "REVOKE ALL ON FUNCTION "+s.object()+"() FROM PUBLIC")
	}
	if len(first) > 0 {
		plan = append(plan, first)
	}
	for _, p := range t.parts {
		if missing := s.missing(t, p); len(missing) > 0 {
			plan = append(plan, append([]string{"SET LOCAL lock_timeout = " + literal(lockTimeout)}, missing...))
		}
	}
	return plan
}

// removes is the transaction that takes everything away.
func (s *Source) removes(t *table) [][]string {
	if t.comment == "" && t.source == "" {
		return [][]string{}
	}
	plan := []string{
		"SET LOCAL lock_timeout = " + literal(lockTimeout),
		// With it go the triggers, which only the table's owner could drop by name.
		"DROP FUNCTION IF EXISTS " + s.object() + "() CASCADE",
		"DROP TABLE IF EXISTS " + s.object(),
	}
	if t.ours {
		plan = append(plan, dropSchema)
	}
	return [][]string{plan}
}

// dropSchema drops the schema if nothing else is in it.
const dropSchema = `DO $$ BEGIN
  DROP SCHEMA holdfast;
EXCEPTION WHEN dependent_objects_still_exist THEN NULL; -- another table is followed
END $$`

// missing are the statements that give a part the triggers that it lacks.
func (s *Source) missing(t *table, p part) []string {
	if p.kind != ordinary && p.kind != partitioned {
		return nil
	}
	want, how := "O", ""
	if t.rows {
		want, how = "A", "ALWAYS "
	}
	// PostgreSQL itself gives partitions the row triggers of their table.
	cloned := t.rows && t.kind == partitioned && p.oid != t.oid
	var out []string
	for _, event := range []string{"INSERT", "UPDATE", "DELETE", "TRUNCATE"} {
		name := s.trigger(event)
		enabled, exists := p.triggers[name]
		if !exists {
			if cloned && event != "TRUNCATE" {
				continue
			}
			out = append(out, s.create(t, p, event))
			enabled = "O"
		}
		if enabled != want {
			out = append(out, fmt.Sprintf("ALTER TABLE %s ENABLE %sTRIGGER %s", p.name, how, quote(name)))
		}
	}
	return out
}

func (s *Source) create(t *table, p part, event string) string {
	tables, each := "", "STATEMENT"
	if t.rows && event != "TRUNCATE" {
		each = "ROW"
	} else if event != "TRUNCATE" {
		tables = map[string]string{
			"INSERT": " REFERENCING NEW TABLE AS new_rows", "DELETE": " REFERENCING OLD TABLE AS old_rows",
			"UPDATE": " REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
		}[event]
	}
	return fmt.Sprintf("CREATE TRIGGER %s AFTER %s ON %s%s FOR EACH %s EXECUTE FUNCTION %s()",
		quote(s.trigger(event)), event, p.name, tables, each, s.object())
}

// Install implements record.Source.
func (s *Source) Install(ctx context.Context, token string, takeOver bool) error {
	tries := 0
	for {
		t, err := s.describe(ctx)
		if err != nil {
			return err
		}
		if t.comment != "" && !strings.HasPrefix(t.comment, logComment+token+":") && !takeOver {
			return fault.New(fault.Conflict, "%s is followed by another Holdfast under the name %q: remove it there, use another name here, or take it over with --take-over",
				s.what(), s.declaration.Collection)
		}
		plan := s.installs(t, token)
		if len(plan) == 0 {
			return nil
		}
		if !t.canTrigger {
			return fault.New(fault.Denied, "the user in %s may not make triggers: GRANT TRIGGER ON %s to it", s.table.URLEnv, t.name)
		}
		if err := s.try(ctx, plan[0], &tries); err != nil {
			return s.explain(ctx, "install the change log of", err)
		}
	}
}

// Remove implements record.Source.
func (s *Source) Remove(ctx context.Context) error {
	tries := 0
	for {
		var comment, source string
		var schema, ours bool
		// The table itself may be gone.
		err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'holdfast'),
			coalesce((SELECT obj_description(oid, 'pg_namespace') = $1 FROM pg_namespace WHERE nspname = 'holdfast'), false),
			coalesce(to_regclass($2)::text, ''), coalesce(to_regproc($2)::text, '')`, schemaComment, s.object()).
			Scan(&schema, &ours, &comment, &source)
		if err != nil {
			return s.explain(ctx, "remove the change log of", err)
		}
		plan := s.removes(&table{schema: schema, ours: ours, comment: comment, source: source})
		if len(plan) == 0 {
			s.forget()
			return nil
		}
		if err := s.try(ctx, plan[0], &tries); err != nil {
			return s.explain(ctx, "remove the change log of", err)
		}
	}
}

// try runs one transaction; a collision with others is no error until there
// were too many.
func (s *Source) try(ctx context.Context, statements []string, tries *int) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if !slices.Contains([]string{lockNotAvailable, deadlock, duplicateObject, duplicateTable, duplicateSchema, uniqueViolation}, code(err)) {
		return err
	}
	if *tries++; *tries == lockTries {
		return err
	}
	s.log.InfoContext(ctx, "a source is busy; trying again", "table", s.what(), "tries", *tries)
	wait := time.NewTimer(lockPause)
	defer wait.Stop()
	select {
	case <-wait.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
