package postgres

import (
	"context"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/record"
)

type ledger struct{ *tx }

const (
	ledgerKey  = "day, collection, model, purpose, space"
	ledgerSums = `sum(requests)::bigint AS requests, sum(tokens)::bigint AS tokens, sum(computed)::bigint AS computed,
		sum(reused)::bigint AS reused, sum(saved_tokens)::bigint AS saved_tokens, sum(micros)::bigint AS micros`
)

// Add implements record.Ledger.
func (s ledger) Add(ctx context.Context, entries []record.LedgerEntry) error {
	var p pipeline
	for i := range entries {
		e := &entries[i]
		p.do("INSERT INTO ledger_added ("+ledgerKey+", requests, tokens, computed, reused, saved_tokens, micros)"+
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			record.DayNumber(e.Day), e.Collection, shown(e.Model), shown(string(e.Purpose)), e.Space[:],
			e.Requests, e.Tokens, e.Computed, e.Reused, e.SavedTokens, e.Micros)
	}
	s.deltas += len(entries)
	return s.send(ctx, "add to the ledger", &p)
}

// foldLedger adds the rows that gathered to the sums. Rows that another
// process folds at this moment are left to it.
const foldLedger = `
	WITH old AS (
		DELETE FROM ledger_added WHERE ctid = ANY (ARRAY(SELECT ctid FROM ledger_added FOR UPDATE SKIP LOCKED))
		RETURNING *)
	INSERT INTO ledger AS l SELECT ` + ledgerKey + `, ` + ledgerSums + ` FROM old GROUP BY ` + ledgerKey + ` ORDER BY ` + ledgerKey + `
	ON CONFLICT (` + ledgerKey + `) DO UPDATE SET
	requests = l.requests + excluded.requests, tokens = l.tokens + excluded.tokens, computed = l.computed + excluded.computed,
	reused = l.reused + excluded.reused, saved_tokens = l.saved_tokens + excluded.saved_tokens, micros = l.micros + excluded.micros`

const ledgerWhere = ` WHERE day >= $1 AND day < $2 AND ($3::bigint = 0 OR collection = $3) AND ($4::text = '' OR model = $4) `

// ledgerRows is every row that a filter selects, folded or not.
const ledgerRows = ` FROM (SELECT * FROM ledger` + ledgerWhere + `UNION ALL SELECT * FROM ledger_added` + ledgerWhere + `) l `

func ledgerArgs(f record.LedgerFilter) []any {
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.From.IsZero() {
		from = record.DayNumber(f.From)
	}
	if !f.To.IsZero() {
		to = record.DayNumber(f.To)
	}
	return []any{from, to, f.Collection, shown(f.Model)}
}

// List implements record.Ledger.
func (s ledger) List(ctx context.Context, f record.LedgerFilter) ([]record.LedgerEntry, error) {
	return list(ctx, s.tx, "read the ledger", func(r pgx.Rows, e *record.LedgerEntry) error {
		var day int64
		err := r.Scan(&day, &e.Collection, &e.Model, &e.Purpose, scanDigest{&e.Space},
			&e.Requests, &e.Tokens, &e.Computed, &e.Reused, &e.SavedTokens, &e.Micros)
		e.Day = record.DayOf(day)
		return err
	}, "SELECT "+ledgerKey+", "+ledgerSums+ledgerRows+"GROUP BY "+ledgerKey+" ORDER BY "+ledgerKey, ledgerArgs(f)...)
}

// Total implements record.Ledger.
func (s ledger) Total(ctx context.Context, f record.LedgerFilter) (e record.LedgerEntry, err error) {
	_, err = s.get(ctx, "add up the ledger", []any{&e.Requests, &e.Tokens, &e.Computed, &e.Reused, &e.SavedTokens, &e.Micros},
		`SELECT coalesce(sum(requests), 0)::bigint, coalesce(sum(tokens), 0)::bigint, coalesce(sum(computed), 0)::bigint,
		coalesce(sum(reused), 0)::bigint, coalesce(sum(saved_tokens), 0)::bigint, coalesce(sum(micros), 0)::bigint`+ledgerRows, ledgerArgs(f)...)
	return e, err
}

// Sweep implements record.Ledger. Days that are swept are no longer added to.
func (s ledger) Sweep(ctx context.Context, before time.Time) (int, error) {
	if _, err := s.exec(ctx, "sweep the ledger", foldLedger); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, "sweep the ledger", "DELETE FROM ledger WHERE day < $1", record.DayNumber(before))
	return int(n), err
}
