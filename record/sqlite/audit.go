package sqlite

import (
	"context"
	"database/sql"
	"math"

	"github.com/holdfast/holdfast/record"
)

type audit struct{ *tx }

// Append implements record.Audit.
func (s audit) Append(ctx context.Context, entries []record.AuditEntry) error {
	for _, e := range entries {
		if _, err := s.exec(ctx, "append to the audit trail",
			"INSERT INTO audit (at, principal, action, resource, allowed, reason) VALUES (?, ?, ?, ?, ?, ?)",
			micros(e.At), e.Principal, e.Action, e.Resource, e.Allowed, e.Reason); err != nil {
			return err
		}
	}
	return nil
}

// List implements record.Audit.
func (s audit) List(ctx context.Context, before int64, limit int) ([]record.AuditEntry, int64, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	var next int64
	entries, err := list(ctx, s.tx, "read the audit trail", func(r *sql.Rows, e *record.AuditEntry) error {
		var at int64
		err := r.Scan(&next, &at, &e.Principal, &e.Action, &e.Resource, &e.Allowed, &e.Reason)
		e.At = moment(at)
		return err
	}, `SELECT number, at, principal, action, resource, allowed, reason FROM audit
		WHERE number < ? ORDER BY number DESC LIMIT ?`, before, unlimited(limit))
	if limit <= 0 || len(entries) < limit {
		next = 0 // there are no older ones
	}
	return entries, next, err
}
