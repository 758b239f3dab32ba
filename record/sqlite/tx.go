package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// tx is a record.Tx.
type tx struct{ sql *sql.Tx }

func (t *tx) Collections() record.Collections { return collections{t} }
func (t *tx) Records() record.Records         { return records{t} }
func (t *tx) Changes() record.Changes         { return changes{t} }
func (t *tx) Passages() record.Passages       { return passages{t} }
func (t *tx) Vectors() record.Vectors         { return vectors{t} }
func (t *tx) Runs() record.Runs               { return runs{t} }
func (t *tx) DeadLetters() record.DeadLetters { return deadLetters{t} }
func (t *tx) Audit() record.Audit             { return audit{t} }
func (t *tx) Objects() record.Objects         { return objects{t} }
func (t *tx) Ledger() record.Ledger           { return ledger{t} }
func (t *tx) Vault() gate.VaultStore          { return vault{t} }
func (t *tx) Unwrap() any                     { return t.sql }

// exec runs a statement and says how many rows it changed. doing names the
// operation in errors.
func (t *tx) exec(ctx context.Context, doing, query string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, explain(doing, err)
	}
	result, err := t.sql.ExecContext(context.WithoutCancel(ctx), query, args...)
	if err != nil {
		return 0, explain(doing, err)
	}
	n, err := result.RowsAffected()
	return n, explain(doing, err)
}

// each calls row for every row of a query.
func (t *tx) each(ctx context.Context, doing string, row func(*sql.Rows) error, query string, args ...any) (err error) {
	if err := ctx.Err(); err != nil {
		return explain(doing, err)
	}
	rows, err := t.sql.QueryContext(context.WithoutCancel(ctx), query, args...)
	if err != nil {
		return explain(doing, err)
	}
	defer func() { err = errors.Join(err, explain(doing, rows.Close())) }()
	for rows.Next() {
		if err := row(rows); err != nil {
			return explain(doing, err)
		}
	}
	return explain(doing, rows.Err())
}

// list collects the rows of a query.
func list[T any](ctx context.Context, t *tx, doing string, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	var all []T
	err := t.each(ctx, doing, func(r *sql.Rows) error {
		var one T
		if err := scan(r, &one); err != nil {
			return err
		}
		all = append(all, one)
		return nil
	}, query, args...)
	return all, err
}

// get reads the one row of a query into dest; found is false if there is none.
func (t *tx) get(ctx context.Context, doing string, dest []any, query string, args ...any) (found bool, err error) {
	err = t.each(ctx, doing, func(r *sql.Rows) error {
		found = true
		return r.Scan(dest...)
	}, query, args...)
	return found, err
}

// unlimited is what a limit of 0 means to SQLite.
func unlimited(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}

// micros and moment are how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// Lists travel to SQLite as one JSON argument, so that a batch of any size is
// one prepared statement.

func jsonInts[T ~int64](list []T) string {
	b := make([]byte, 0, 2+8*len(list))
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return string(append(b, ']'))
}

// jsonDigests is read with unhex(value).
func jsonDigests(list []digest.Digest) string {
	b := make([]byte, 0, 2+(3+2*digest.Size)*len(list))
	b = append(b, '[')
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, d.String()...)
		b = append(b, '"')
	}
	return string(append(b, ']'))
}

// scanDigest reads a 32-byte blob.
type scanDigest struct{ to *digest.Digest }

func (s scanDigest) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok {
		return errors.New("a digest is not a blob")
	}
	d, err := digest.FromBytes(b)
	*s.to = d
	return err
}
