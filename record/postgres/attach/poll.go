package attach

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// place is how far a polled column has been read.
type place struct {
	// Value and ID are the last row of a portion that was cut short; ID is
	// empty once all was read.
	Value string `json:"value,omitempty"`
	ID    string `json:"id,omitempty"`
	// Top is the greatest value seen, and At when it was first seen.
	Top string    `json:"top"`
	At  time.Time `json:"at"`
}

// overlap is how long rows may become visible after the time that they bear.
const overlap = 10 * time.Second

// poll finds rows whose polled column has grown. A transaction that commits
// more than overlap after the time that it wrote there, or any that shares a
// number with one that was seen, shows when all rows are compared.
func (s *Source) poll(ctx context.Context, after string, limit int) (record.SourceChanges, error) {
	t, err := s.look(ctx)
	if err != nil {
		return record.SourceChanges{}, err
	}
	c, err := s.column(t, s.table.Poll, "is polled")
	if err != nil {
		return record.SourceChanges{}, err
	}
	name := "t." + quote(c.name)
	if after == "" {
		// What is there already is read by the first load.
		var top *string
		if err := s.pool.QueryRow(ctx, fmt.Sprintf("SELECT max(%s)::text FROM %s t", name, t.name)).Scan(&top); err != nil {
			return record.SourceChanges{}, s.explain(ctx, "poll", err)
		}
		p := place{At: time.Now()}
		if top != nil {
			p.Top = *top
		}
		return p.changes(nil, false)
	}
	var p place
	if err := json.Unmarshal([]byte(after), &p); err != nil {
		return record.SourceChanges{}, fault.New(fault.Internal, "read the place in %s: %w", s.what(), err)
	}
	where, args, err := s.since(t, c, name, p)
	if err != nil {
		return record.SourceChanges{}, err
	}
	rows, err := s.pool.Query(ctx, fmt.Sprintf("SELECT %s, %s::text FROM %s t WHERE %s ORDER BY %s, %s LIMIT $1",
		t.id("t"), name, t.name, where, name, t.order("t")), append([]any{limit}, args...)...)
	if err != nil {
		return record.SourceChanges{}, s.explain(ctx, "poll", err)
	}
	var ids []string
	var id, value string
	if _, err := pgx.ForEachRow(rows, []any{&id, &value}, func() error { ids = append(ids, id); return nil }); err != nil {
		return record.SourceChanges{}, s.explain(ctx, "poll", err)
	}
	if len(ids) > 0 && value != p.Top {
		p.Top, p.At = value, time.Now()
	}
	if p.Value, p.ID = "", ""; len(ids) == limit {
		p.Value, p.ID = value, id
	}
	return p.changes(ids, len(ids) == limit)
}

// since is the condition for rows that come after a place.
func (s *Source) since(t *table, c column, name string, p place) (string, []any, error) {
	switch {
	case p.ID != "":
		values, ok := t.split(p.ID)
		if !ok {
			return "", nil, fault.New(fault.Invalid, "the key of %s is of another type than it was; `holdfast sources install %s` begins anew", s.what(), s.declaration.Collection)
		}
		args := []any{p.Value}
		for _, v := range values {
			args = append(args, v)
		}
		key, typed := t.typed("t", 3)
		return fmt.Sprintf("(%s, %s) > ($2::text::%s, %s)", name, key, c.base, typed), args, nil
	case p.Top == "":
		return name + " IS NOT NULL", nil, nil
	case strings.HasPrefix(c.base, "timestamp") && time.Since(p.At) < overlap:
		return fmt.Sprintf("%s >= $2::text::%s - $3::text::interval", name, c.base), []any{p.Top, fmt.Sprintf("%d seconds", int(overlap.Seconds()))}, nil
	}
	return fmt.Sprintf("%s > $2::text::%s", name, c.base), []any{p.Top}, nil
}

func (p place) changes(ids []string, more bool) (record.SourceChanges, error) {
	next, err := json.Marshal(p)
	if err != nil {
		return record.SourceChanges{}, fmt.Errorf("write the place in a source: %w", err)
	}
	return record.SourceChanges{IDs: ids, Next: string(next), More: more}, nil
}
