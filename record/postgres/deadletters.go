package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/record"
)

type deadLetters struct{ *tx }

// Put implements record.DeadLetters.
func (s deadLetters) Put(ctx context.Context, d record.DeadLetter) error {
	_, err := s.exec(ctx, "store a dead letter",
		`INSERT INTO dead_letters AS d (collection, generation, ref, pipeline, step, run, kind, message, attempts, first_at, last_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (ref, step, generation, collection) WHERE resolved_at IS NULL DO UPDATE SET
		pipeline = excluded.pipeline, run = excluded.run, kind = excluded.kind, message = excluded.message,
		attempts = d.attempts + excluded.attempts, last_at = excluded.last_at`,
		d.Collection, d.Generation, d.Ref, d.Pipeline, d.Step, d.Run, int16(d.Kind), shown(d.Message), d.Attempts, micros(d.FirstAt), micros(d.LastAt))
	return err
}

// List implements record.DeadLetters.
func (s deadLetters) List(ctx context.Context, f record.DeadLetterFilter) ([]record.DeadLetter, error) {
	query, args := `SELECT id, collection, generation, ref, pipeline, step, run, kind, message, attempts, first_at, last_at
		FROM dead_letters WHERE resolved_at IS NULL AND id > $1`, []any{f.After}
	and := func(condition string, value any) {
		args = append(args, value)
		query += fmt.Sprintf(" AND "+condition, len(args))
	}
	if f.Collection != 0 {
		and("collection = $%d", f.Collection)
	}
	if f.Generation != 0 {
		and("generation = $%d", f.Generation)
	}
	if f.Ref != 0 {
		and("ref = $%d", f.Ref)
	}
	if f.Kind != nil {
		and("kind = $%d", int16(*f.Kind))
	}
	if len(f.IDs) > 0 {
		and("id = ANY ($%d)", f.IDs)
	}
	args = append(args, unlimited(f.Limit))
	return list(ctx, s.tx, "list dead letters", func(r pgx.Rows, d *record.DeadLetter) error {
		var first, last int64
		err := r.Scan(&d.ID, &d.Collection, &d.Generation, &d.Ref, &d.Pipeline, &d.Step, &d.Run, &d.Kind, &d.Message, &d.Attempts, &first, &last)
		d.FirstAt, d.LastAt = moment(first), moment(last)
		return err
	}, query+fmt.Sprintf(" ORDER BY id LIMIT $%d", len(args)), args...)
}

// Resolve implements record.DeadLetters.
func (s deadLetters) Resolve(ctx context.Context, g record.GenerationID, refs []record.Ref, at time.Time) error {
	_, err := s.exec(ctx, "resolve dead letters",
		"UPDATE dead_letters SET resolved_at = $2 WHERE ref = ANY ($1) AND generation = $3 AND resolved_at IS NULL", ints(refs), micros(at), g)
	return err
}

// Count implements record.DeadLetters.
func (s deadLetters) Count(ctx context.Context, c record.CollectionID) (int64, error) {
	var n int64
	_, err := s.get(ctx, "count dead letters", []any{&n},
		"SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL AND ($1::bigint = 0 OR collection = $1)", c)
	return n, err
}
