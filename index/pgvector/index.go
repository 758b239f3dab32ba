package pgvector

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast/holdfast/index"
)

// vectors is one open index.
type vectors struct {
	opener *Opener
	name   string
	dims   int

	mu sync.Mutex
	at tables // where it is; another place when it was dropped and made again
	// building is held while this process looks after the graph, which it does
	// not do again before later.
	building sync.Mutex
	later    time.Time
}

var _ index.Index = (*vectors)(nil)

// querier is what a pool and a transaction have in common.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// with runs fn on the index's tables. If they are gone, another process has
// dropped the index; if it has made it again, fn runs on the new tables.
func (x *vectors) with(ctx context.Context, doing string, fn func(t tables) error) error {
	if err := ctx.Err(); err != nil {
		return explain(ctx, doing, err)
	}
	x.mu.Lock()
	t := x.at
	x.mu.Unlock()
	err := retry(ctx, func() error { return fn(t) })
	if code(err) != undefinedTable {
		return explain(ctx, doing, err)
	}
	if t, err = x.opener.find(ctx, x.opener.pool, x.name); err == nil {
		x.mu.Lock()
		x.at = t
		x.mu.Unlock()
		err = retry(ctx, func() error { return fn(t) })
	}
	return explain(ctx, doing, err)
}

// list reads the rows of a query.
func list[T any](ctx context.Context, q querier, scan func(pgx.Rows, *T) error, sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (out T, err error) {
		err = scan(rows, &out)
		return out, err
	})
}

// Count implements index.Index.
func (x *vectors) Count(ctx context.Context) (n int64, err error) {
	err = x.with(ctx, "count entries", func(t tables) error {
		return x.opener.pool.QueryRow(ctx, t.sql("SELECT count(*) FROM {entries}")).Scan(&n)
	})
	return n, err
}

// Close implements index.Index. The connections are the opener's.
func (*vectors) Close() error { return nil }

// fill puts texts in the places of names.
func fill(sql string, names ...string) string { return strings.NewReplacer(names...).Replace(sql) }

// gone turns a missing row of indexes into what a missing table says.
func gone(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return &pgconn.PgError{Code: undefinedTable, Message: "the index was dropped"}
	}
	return err
}
