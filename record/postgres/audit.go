package postgres

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/record"
)

type audit struct{ *tx }

// Append implements record.Audit.
func (s audit) Append(ctx context.Context, entries []record.AuditEntry) error {
	var p pipeline
	for _, e := range entries {
		p.do("INSERT INTO audit (at, principal, action, resource, allowed, reason) VALUES ($1, $2, $3, $4, $5, $6)",
			micros(e.At), shown(e.Principal), shown(e.Action), shown(e.Resource), e.Allowed, shown(e.Reason))
	}
	return s.send(ctx, "append to the audit trail", &p)
}

// List implements record.Audit.
func (s audit) List(ctx context.Context, before int64, limit int) ([]record.AuditEntry, int64, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	var next int64
	entries, err := list(ctx, s.tx, "read the audit trail", func(r pgx.Rows, e *record.AuditEntry) error {
		var at int64
		err := r.Scan(&next, &at, &e.Principal, &e.Action, &e.Resource, &e.Allowed, &e.Reason)
		e.At = moment(at)
		return err
	}, `SELECT number, at, principal, action, resource, allowed, reason FROM audit
		WHERE number < $1 ORDER BY number DESC LIMIT $2`, before, unlimited(limit))
	if limit <= 0 || len(entries) < limit {
		next = 0 // there are no older ones
	}
	return entries, next, err
}
