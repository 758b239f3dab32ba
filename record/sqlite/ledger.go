package sqlite

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/holdfast/holdfast/record"
)

type ledger struct{ *tx }

// Add implements record.Ledger.
func (s ledger) Add(ctx context.Context, entries []record.LedgerEntry) error {
	for i := range entries {
		e := &entries[i]
		if _, err := s.exec(ctx, "add to the ledger", `
			INSERT INTO ledger (day, collection, model, purpose, space, requests, tokens, computed, reused, saved_tokens, micros)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (day, collection, model, purpose, space) DO UPDATE SET
			requests = requests + excluded.requests, tokens = tokens + excluded.tokens, computed = computed + excluded.computed,
			reused = reused + excluded.reused, saved_tokens = saved_tokens + excluded.saved_tokens, micros = micros + excluded.micros`,
			record.DayNumber(e.Day), e.Collection, e.Model, e.Purpose, e.Space[:],
			e.Requests, e.Tokens, e.Computed, e.Reused, e.SavedTokens, e.Micros); err != nil {
			return err
		}
	}
	return nil
}

const ledgerWhere = ` FROM ledger WHERE day >= ?1 AND day < ?2 AND (?3 = 0 OR collection = ?3) AND (?4 = '' OR model = ?4) `

func ledgerArgs(f record.LedgerFilter) []any {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.From.IsZero() {
		from = record.DayNumber(f.From)
	}
	if !f.To.IsZero() {
		to = record.DayNumber(f.To)
	}
	return []any{from, to, f.Collection, f.Model}
}

// List implements record.Ledger.
func (s ledger) List(ctx context.Context, f record.LedgerFilter) ([]record.LedgerEntry, error) {
	return list(ctx, s.tx, "read the ledger", func(r *sql.Rows, e *record.LedgerEntry) error {
		var day int64
		err := r.Scan(&day, &e.Collection, &e.Model, &e.Purpose, scanDigest{&e.Space},
			&e.Requests, &e.Tokens, &e.Computed, &e.Reused, &e.SavedTokens, &e.Micros)
		e.Day = record.DayOf(day)
		return err
	}, `SELECT day, collection, model, purpose, space, requests, tokens, computed, reused, saved_tokens, micros`+ledgerWhere+
		`ORDER BY day, collection, model, purpose, space`, ledgerArgs(f)...)
}

// Total implements record.Ledger.
func (s ledger) Total(ctx context.Context, f record.LedgerFilter) (e record.LedgerEntry, err error) {
	_, err = s.get(ctx, "add up the ledger", []any{&e.Requests, &e.Tokens, &e.Computed, &e.Reused, &e.SavedTokens, &e.Micros},
		`SELECT coalesce(sum(requests), 0), coalesce(sum(tokens), 0), coalesce(sum(computed), 0),
		coalesce(sum(reused), 0), coalesce(sum(saved_tokens), 0), coalesce(sum(micros), 0)`+ledgerWhere, ledgerArgs(f)...)
	return e, err
}

// Sweep implements record.Ledger.
func (s ledger) Sweep(ctx context.Context, before time.Time) (int, error) {
	n, err := s.exec(ctx, "sweep the ledger", "DELETE FROM ledger WHERE day < ?", record.DayNumber(before))
	return int(n), err
}
