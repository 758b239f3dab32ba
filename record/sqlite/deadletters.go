package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/holdfast/holdfast/record"
)

type deadLetters struct{ *tx }

// Put implements record.DeadLetters.
func (s deadLetters) Put(ctx context.Context, d record.DeadLetter) error {
	_, err := s.exec(ctx, "store a dead letter",
		`INSERT INTO dead_letters (collection, generation, ref, pipeline, step, run, kind, message, attempts, first_at, last_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (ref, step, generation, collection) WHERE resolved_at IS NULL DO UPDATE SET
		pipeline = excluded.pipeline, run = excluded.run, kind = excluded.kind, message = excluded.message,
		attempts = attempts + excluded.attempts, last_at = excluded.last_at`,
		d.Collection, d.Generation, d.Ref, d.Pipeline, d.Step, d.Run, int64(d.Kind), d.Message, d.Attempts, micros(d.FirstAt), micros(d.LastAt))
	return err
}

// List implements record.DeadLetters.
func (s deadLetters) List(ctx context.Context, f record.DeadLetterFilter) ([]record.DeadLetter, error) {
	query, args := `SELECT id, collection, generation, ref, pipeline, step, run, kind, message, attempts, first_at, last_at
		FROM dead_letters WHERE resolved_at IS NULL AND id > ?`, []any{f.After}
	if f.Collection != 0 {
		query += " AND collection = ?"
		args = append(args, f.Collection)
	}
	if f.Generation != 0 {
		query += " AND generation = ?"
		args = append(args, f.Generation)
	}
	if f.Ref != 0 {
		query += " AND ref = ?"
		args = append(args, f.Ref)
	}
	if f.Kind != nil {
		query += " AND kind = ?"
		args = append(args, int64(*f.Kind))
	}
	if len(f.IDs) > 0 {
		query += " AND id IN (SELECT value FROM json_each(?))"
		args = append(args, jsonInts(f.IDs))
	}
	return list(ctx, s.tx, "list dead letters", func(r *sql.Rows, d *record.DeadLetter) error {
		var first, last int64
		err := r.Scan(&d.ID, &d.Collection, &d.Generation, &d.Ref, &d.Pipeline, &d.Step, &d.Run, &d.Kind, &d.Message, &d.Attempts, &first, &last)
		d.FirstAt, d.LastAt = moment(first), moment(last)
		return err
	}, query+" ORDER BY id LIMIT ?", append(args, unlimited(f.Limit))...)
}

// Resolve implements record.DeadLetters.
func (s deadLetters) Resolve(ctx context.Context, g record.GenerationID, refs []record.Ref, at time.Time) error {
	_, err := s.exec(ctx, "resolve dead letters",
		`UPDATE dead_letters SET resolved_at = ?2
		WHERE ref IN (SELECT value FROM json_each(?1)) AND generation = ?3 AND resolved_at IS NULL`, jsonInts(refs), micros(at), g)
	return err
}

// Count implements record.DeadLetters.
func (s deadLetters) Count(ctx context.Context, c record.CollectionID) (int64, error) {
	query, args := "SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL", []any{}
	if c != 0 {
		query += " AND collection = ?"
		args = append(args, c)
	}
	var n int64
	_, err := s.get(ctx, "count dead letters", []any{&n}, query, args...)
	return n, err
}
