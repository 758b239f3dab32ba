package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// kind is what a row of counts counts.
type kind int16

const (
	pendingChanges kind = 1 // that are not buried, of a generation
	livePassages   kind = 2 // that are not removed, of a generation
	durableVectors kind = 3
	inlineVectors  kind = 4
)

// total is a count; of is 0 for vectors.
func (t *tx) total(ctx context.Context, k kind, of int64) (n int64, err error) {
	_, err = t.get(ctx, "count", []any{&n}, "SELECT coalesce(sum(delta), 0)::bigint FROM counts WHERE kind = $1 AND of = $2", k, of)
	return n, err
}

// fold replaces the rows of each count by one, and adds up the ledger's. Rows
// that another process folds at this moment are left to it.
func (s *Store) fold(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(inner pgx.Tx) error {
		t := &tx{Tx: inner}
		if _, err := t.exec(ctx, "fold the ledger", foldLedger); err != nil {
			return err
		}
		_, err := t.exec(ctx, "fold counts", `
			WITH old AS (
				DELETE FROM counts WHERE ctid = ANY (ARRAY(SELECT ctid FROM counts FOR UPDATE SKIP LOCKED))
				RETURNING kind, of, delta)
			INSERT INTO counts SELECT kind, of, sum(delta) FROM old GROUP BY kind, of HAVING sum(delta) <> 0`)
		return err
	})
}
