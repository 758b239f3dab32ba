package attach

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// entries are what Acknowledge deletes.
type entries struct {
	places  []string // pg_type tid
	numbers []int64
}

// start is before every position of a table.
const start = "(0,0)"

// Changes implements record.Source.
func (s *Source) Changes(ctx context.Context, after string, limit int) (record.SourceChanges, error) {
	if s.table.Poll != "" {
		return s.poll(ctx, after, limit)
	}
	s.mu.Lock()
	from := s.from
	if from == "" || s.unacknowledged {
		from = start
	}
	s.mu.Unlock()
	out, last, err := s.entries(ctx, from, limit)
	if err != nil {
		return record.SourceChanges{}, s.explain(ctx, "read the change log of", err)
	}
	s.mu.Lock()
	s.unacknowledged = last != ""
	// Entries that were added in front, where space was used again, and those
	// that nobody acknowledged come next time round.
	if s.from = last; !out.More {
		s.from = start
	}
	s.mu.Unlock()
	return out, nil
}

func (s *Source) entries(ctx context.Context, from string, limit int) (out record.SourceChanges, last string, err error) {
	rows, err := s.pool.Query(ctx, "SELECT ctid::text, number, ids FROM "+s.object()+" WHERE ctid > $1::text::tid LIMIT $2", from, limit)
	if err != nil {
		return out, "", err
	}
	defer rows.Close()
	var e entries
	seen := map[string]bool{}
	for rows.Next() {
		var number int64
		var ids *string
		if err := rows.Scan(&last, &number, &ids); err != nil {
			return out, "", err
		}
		e.places, e.numbers = append(e.places, last), append(e.numbers, number)
		if ids == nil {
			out.All = true
			continue
		}
		for id := range strings.SplitSeq(*ids, "\n") {
			if !seen[id] {
				seen[id] = true
				out.IDs = append(out.IDs, id)
			}
		}
		if len(out.IDs) >= limit {
			out.More = true
			break
		}
	}
	rows.Close()
	out.More = out.More || len(e.places) == limit
	out.Entries = e
	return out, last, rows.Err()
}

// Acknowledge implements record.Source. It deletes an entry only where it was
// seen: space that has been used again holds another number.
func (s *Source) Acknowledge(ctx context.Context, c record.SourceChanges) error {
	e, ok := c.Entries.(entries)
	if !ok || len(e.places) == 0 {
		return nil
	}
	_, err := s.pool.Exec(ctx, "DELETE FROM "+s.object()+` l USING unnest($1::text[]::tid[], $2::bigint[]) AS seen(place, number)
		WHERE l.ctid = seen.place AND l.number = seen.number`, e.places, e.numbers)
	if err == nil {
		s.mu.Lock()
		s.unacknowledged = false
		s.mu.Unlock()
	}
	return s.explain(ctx, "empty the change log of", err)
}

// Scan implements record.Source.
func (s *Source) Scan(ctx context.Context, part, after string, limit int) iter.Seq2[record.SourceRow, error] {
	return func(yield func(record.SourceRow, error) bool) {
		t, err := s.look(ctx)
		if err != nil {
			yield(record.SourceRow{}, err)
			return
		}
		from := t.find(part)
		if from == "" {
			return // it has been taken out since
		}
		args := []any{limit}
		where := ""
		if after != "" {
			values, ok := t.split(after)
			if !ok {
				yield(record.SourceRow{}, fault.New(fault.Invalid, "the key of %s is of another type than it was; `holdfast sources install %s` begins anew", s.what(), s.declaration.Collection))
				return
			}
			key, typed := t.typed("t", 2)
			where = " WHERE (" + key + ") > (" + typed + ")"
			for _, v := range values {
				args = append(args, v)
			}
		}
		s.query(ctx, t, t.fields, from+" t"+where+" ORDER BY "+t.order("t")+" LIMIT $1", args, yield)
	}
}

// find is the FROM item for a part.
func (t *table) find(part string) string {
	if part == t.name {
		return t.name
	}
	for _, p := range t.parts {
		if p.name == part {
			return "ONLY " + p.name
		}
	}
	return ""
}

// Rows implements record.Source.
func (s *Source) Rows(ctx context.Context, ids []string) iter.Seq2[record.SourceRow, error] {
	return func(yield func(record.SourceRow, error) bool) {
		t, err := s.look(ctx)
		if err != nil {
			yield(record.SourceRow{}, err)
			return
		}
		s.keyed(ctx, t, t.fields, t.keysOf(ids), yield)
	}
}

// Existing implements record.Source.
func (s *Source) Existing(ctx context.Context, ids []string) ([]string, error) {
	t, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	s.keyed(ctx, t, nil, t.keysOf(ids), func(r record.SourceRow, e error) bool {
		found, err = append(found, r.ID), e
		return e == nil
	})
	return found, err
}

// keysOf takes ids apart; what can be no row's is left out.
func (t *table) keysOf(ids []string) (keys [][]string) {
	for _, id := range ids {
		if parts, ok := t.split(id); ok {
			keys = append(keys, parts)
		}
	}
	return keys
}

// keyed yields the rows of some keys. A text that is no value of its column's
// type is the key of no row; which one it is shows by halving.
func (s *Source) keyed(ctx context.Context, t *table, fields []field, keys [][]string, yield func(record.SourceRow, error) bool) bool {
	if len(keys) == 0 {
		return true
	}
	from, args := t.byKeys(keys)
	began, untyped, more := false, false, true
	s.query(ctx, t, fields, from, args, func(r record.SourceRow, err error) bool {
		if untyped = !began && slices.Contains(notOfType, code(err)); untyped {
			return false
		}
		began = true
		more = yield(r, err)
		return more
	})
	if half := len(keys) / 2; untyped && len(keys) > 1 {
		return s.keyed(ctx, t, fields, keys[:half], yield) && s.keyed(ctx, t, fields, keys[half:], yield)
	}
	return more
}

// byKeys is the FROM clause for the rows of some keys.
func (t *table) byKeys(keys [][]string) (from string, args []any) {
	lists := make([][]string, len(t.keys))
	for _, k := range keys {
		for i, part := range k {
			lists[i] = append(lists[i], part)
		}
	}
	var casts, names, same []string
	for i, k := range t.keys {
		args = append(args, lists[i])
		casts = append(casts, fmt.Sprintf("$%d::text[]::%s[]", i+1, k.base))
		names = append(names, fmt.Sprintf("k%d", i))
		same = append(same, fmt.Sprintf("t.%s = k.k%d", quote(k.name), i))
	}
	if len(t.keys) == 1 {
		return fmt.Sprintf("%s t WHERE t.%s = ANY (%s)", t.name, quote(t.keys[0].name), casts[0]), args
	}
	return fmt.Sprintf("%s t JOIN unnest(%s) AS k(%s) ON %s", t.name, strings.Join(casts, ", "), strings.Join(names, ", "), strings.Join(same, " AND ")), args
}

// query yields the rows of a FROM clause in which the table is known as t,
// with some of their fields.
func (s *Source) query(ctx context.Context, t *table, fields []field, from string, args []any, yield func(record.SourceRow, error) bool) {
	const doing = "read"
	columns := []string{t.id("t")}
	for _, f := range fields {
		columns = append(columns, f.json("t"))
	}
	rows, err := s.pool.Query(ctx, "SELECT "+strings.Join(columns, ", ")+" FROM "+from, args...)
	if err != nil {
		yield(record.SourceRow{}, s.explain(ctx, doing, err))
		return
	}
	defer rows.Close()
	var buf bytes.Buffer
	for rows.Next() {
		if !yield(row(fields, rows.RawValues(), &buf), nil) {
			return
		}
	}
	if err := rows.Err(); err != nil {
		yield(record.SourceRow{}, s.explain(ctx, doing, err))
	}
}

// row makes a row of its id and its fields' values as JSON. A value that is
// null is a field that is missing.
func row(fields []field, values [][]byte, buf *bytes.Buffer) record.SourceRow {
	r := record.SourceRow{ID: string(values[0])}
	for _, v := range values[1:] {
		r.Size += len(v)
	}
	if r.Err = record.CheckID(r.ID); r.Err != nil {
		return r
	}
	if r.Size > record.MaxRow {
		r.Err = fault.New(fault.Invalid, "its fields have %d MiB; at most %d are allowed", r.Size>>20, record.MaxRow>>20)
		return r
	}
	buf.Reset()
	buf.WriteByte('{')
	for i, f := range fields {
		v := values[i+1]
		if v == nil || string(v) == "null" {
			continue
		}
		if buf.Len() > 1 {
			buf.WriteByte(',')
		}
		name, err := json.Marshal(f.name)
		if err != nil {
			r.Err = fault.New(fault.Internal, "encode the name of a field: %w", err)
			return r
		}
		buf.Write(name)
		buf.WriteByte(':')
		buf.Write(v)
	}
	buf.WriteByte('}')
	r.Fields, r.Err = record.ParseFields(buf.Bytes())
	return r
}
