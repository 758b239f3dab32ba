package river

import (
	"context"
	"database/sql"
	"errors"

	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/holdfast/holdfast/record"
)

// sqliteStore is a record store on SQLite whose only writer connection River
// shares; it belongs to one process.
type sqliteStore interface {
	record.Store
	Writer() *sql.DB
}

func onSQLite(store sqliteStore) *base {
	b := &base{
		within: func(tx record.Tx) conn {
			if t, ok := tx.Unwrap().(*sql.Tx); ok {
				return sqlConn{t}
			}
			return nil
		},
		dialect: dialect{
			now:   `datetime('now', 'subsec')`,
			json:  `jsonb($3)`,
			later: `datetime('now', 'subsec', printf('+%.3f seconds', $3))`,
			taken: `SELECT id, attempt, json(args), coalesce(json_extract(attempted_by, '$[#-1]'), ''),
				CAST(unixepoch(coalesce(attempted_at, created_at), 'subsec') * 1000000 AS INTEGER) FROM river_job`,
		},
	}
	connect(b, riversqlite.New(store.Writer()))
	return b
}

type sqlConn struct{ tx *sql.Tx }

func (c sqlConn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := c.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (c sqlConn) query(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) (err error) {
	rows, err := c.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
