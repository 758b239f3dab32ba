package attach

import (
	"fmt"
	"slices"
	"strings"
)

// entrySize is how many ids an entry of the log holds at most.
const entrySize = 500

// eachRow marks the function of row triggers.
const eachRow = "-- for each row"

// otherMode reports whether the function that is there is for triggers of the
// other kind: those for statements, or those for rows.
func (t *table) otherMode() bool {
	return t.source != "" && strings.Contains(t.source, eachRow) != t.rows
}

// function is the statement that makes the trigger function. It runs with our
// rights, so that those who change the table need none on the log, and with a
// fixed search path, so that nobody can slip it objects of his own.
func (s *Source) function(t *table) string {
	set := []string{"SET search_path = pg_catalog, pg_temp"}
	if slices.ContainsFunc(t.keys, func(c column) bool { return slices.Contains(unsettled, c.oid) || !c.exact() && !c.text() }) {
		for _, name := range []string{"TimeZone", "DateStyle", "IntervalStyle", "bytea_output", "extra_float_digits"} {
			set = append(set, fmt.Sprintf("SET %s = %s", name, literal(settings[name])))
		}
	}
	return fmt.Sprintf("CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n  %s\nAS $holdfast$%s$holdfast$",
		s.object(), strings.Join(set, "\n  "), s.body(t))
}

// body is the text of the function. It names tables and columns only, and
// must not fail whatever was done to them: a failure would be the user's.
func (s *Source) body(t *table) string {
	names, types := s.compared(t)
	head := fmt.Sprintf(`
BEGIN
  IF to_regclass(%[1]s) IS NULL THEN
    RETURN NULL; -- the log was dropped by hand
  END IF;
  -- After TRUNCATE, and while a column is gone, renamed or of another type, all rows must be looked at.
  IF TG_OP = 'TRUNCATE' OR (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = TG_RELID AND NOT a.attisdropped
      AND a.attname IN (%[2]s)
      AND (a.attname, a.atttypid) IN (%[3]s)) <> %[4]d THEN
    INSERT INTO %[5]s (ids) VALUES (NULL);
    RETURN NULL;
  END IF;
`, literal(s.object()), strings.Join(names, ", "), strings.Join(types, ", "), len(names), s.object())
	if t.rows {
		return head + s.rowBody(t)
	}
	return head + s.statementBody(t)
}

// compared lists the columns that the function names, with their types.
func (s *Source) compared(t *table) (names, types []string) {
	columns := slices.Clone(t.keys)
	for _, f := range t.fields {
		columns = append(columns, f.col)
	}
	slices.SortFunc(columns, func(a, b column) int { return strings.Compare(a.name, b.name) })
	columns = slices.CompactFunc(columns, func(a, b column) bool { return a.name == b.name })
	for _, c := range columns {
		names = append(names, literal(c.name))
		types = append(types, fmt.Sprintf("(%s, %s::regtype)", literal(c.name), literal(c.typ)))
	}
	return names, types
}

func (s *Source) statementBody(t *table) string {
	return fmt.Sprintf(`  IF TG_OP = 'INSERT' THEN
    INSERT INTO %[1]s (ids) SELECT string_agg(id, E'\n') FROM (
      SELECT %[2]s AS id, row_number() OVER () / %[5]d AS entry FROM new_rows n) changed GROUP BY entry;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO %[1]s (ids) SELECT string_agg(id, E'\n') FROM (
      SELECT %[3]s AS id, row_number() OVER () / %[5]d AS entry FROM old_rows o) changed GROUP BY entry;
  ELSE -- a changed key is a row that went and a row that came
    INSERT INTO %[1]s (ids) SELECT string_agg(id, E'\n') FROM (
      SELECT CASE WHEN n.%[4]s IS NULL THEN %[3]s ELSE %[2]s END AS id, row_number() OVER () / %[5]d AS entry
      FROM old_rows o FULL JOIN new_rows n ON %[6]s
      WHERE o.%[4]s IS NULL OR n.%[4]s IS NULL OR %[7]s) changed GROUP BY entry;
  END IF;
  RETURN NULL;
END `, s.object(), t.id("n"), t.id("o"), quote(t.keys[0].name), entrySize, t.sameKey("o", "n"), t.differ("o", "n"))
}

func (s *Source) rowBody(t *table) string {
	return fmt.Sprintf(`  %[5]s
  IF TG_OP = 'INSERT' THEN
    INSERT INTO %[1]s (ids) VALUES (%[2]s);
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO %[1]s (ids) VALUES (%[3]s);
  ELSIF NOT (%[4]s) THEN -- a changed key is a row that went and a row that came
    INSERT INTO %[1]s (ids) VALUES (%[3]s), (%[2]s);
  ELSIF %[6]s THEN
    INSERT INTO %[1]s (ids) VALUES (%[2]s);
  END IF;
  RETURN NULL;
END `, s.object(), t.id("NEW"), t.id("OLD"), t.sameKey("OLD", "NEW"), eachRow, t.differ("OLD", "NEW"))
}

// differ is the condition that rows o and n differ in a declared field. What
// counts is whether the bytes differ: 1.0 and 1.00 are equal and read
// differently, and a case-insensitive text is equal to another. Large values
// that were not touched have equal bytes, too.
func (t *table) differ(o, n string) string {
	var quick, text, oldImage, newImage []string
	seen := map[string]bool{}
	for _, f := range t.fields {
		a, b := f.raw(o), f.raw(n)
		if seen[a] {
			continue
		}
		seen[a] = true
		switch {
		case len(f.path) == 0 && f.col.exact():
			quick = append(quick, a+" IS DISTINCT FROM "+b)
		case len(f.path) == 0 && f.col.text():
			text = append(text, fmt.Sprintf(`%s COLLATE "C" IS DISTINCT FROM %s COLLATE "C"`, a, b))
		default:
			oldImage, newImage = append(oldImage, a), append(newImage, b)
		}
	}
	all := append(quick, text...)
	if len(oldImage) > 0 {
		all = append(all, fmt.Sprintf("ROW(%s)::record *<> ROW(%s)::record", strings.Join(oldImage, ", "), strings.Join(newImage, ", ")))
	}
	return "(" + strings.Join(all, " OR ") + ")"
}

// raw is the expression for a field's value in a row known as alias.
func (f field) raw(alias string) string {
	out := alias + "." + quote(f.col.name)
	if len(f.path) == 0 {
		return out
	}
	keys := make([]string, len(f.path))
	for i, p := range f.path {
		keys[i] = literal(p)
	}
	return fmt.Sprintf("%s #> ARRAY[%s]", out, strings.Join(keys, ", "))
}

// json is the expression for a field's value as JSON. A time without a zone
// is taken for UTC.
func (f field) json(alias string) string {
	raw := f.raw(alias)
	if len(f.path) == 0 && f.col.oid == timestampType {
		raw = "(" + raw + " AT TIME ZONE 'UTC')"
	}
	return "to_json(" + raw + ")::text"
}
