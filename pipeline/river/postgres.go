package river

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/holdfast/holdfast/record"
)

// postgresStore is a record store on PostgreSQL that many processes share.
type postgresStore interface {
	record.Store
	bell
	Pool() *pgxpool.Pool // its connections find the schema's tables by their bare names
}

func onPostgres(store postgresStore) *base {
	b := &base{
		shared: store,
		within: func(tx record.Tx) conn {
			if t, ok := tx.Unwrap().(pgx.Tx); ok {
				return pgxConn{t}
			}
			return nil
		},
		dialect: dialect{
			// The database's clock throughout: the processes' own may differ.
			now:   `now()`,
			json:  `$3::jsonb`,
			later: `now() + make_interval(secs => $3::double precision)`,
			lock:  `SELECT pg_advisory_xact_lock(hashtextextended('holdfast run ' || $1::text, 0))`,
			hold:  ` FOR UPDATE SKIP LOCKED`,
			taken: `SELECT id, attempt, args, coalesce(attempted_by[cardinality(attempted_by)], ''),
				(extract(epoch FROM coalesce(attempted_at, created_at)) * 1000000)::bigint FROM river_job`,
		},
	}
	connect(b, riverpgxv5.New(store.Pool()))
	migrate := b.migrate
	b.migrate = func(ctx context.Context, config *rivermigrate.Config) error {
		return alone(ctx, store, func() error {
			if err := migrate(ctx, config); err != nil {
				return err
			}
			_, err := store.Pool().Exec(ctx, lean)
			return err
		})
	}
	return b
}

// lean takes from River's table the indexes that serve nothing here: every step
// would pay for them, the inverted index of the arguments most of all. Without
// them a job moves to its next step within its page.
const lean = `DO $$ BEGIN
	IF to_regclass('river_job_args_index') IS NOT NULL THEN
		DROP INDEX river_job_args_index;
		DROP INDEX IF EXISTS river_job_metadata_index, river_job_kind, river_job_state_and_finalized_at_index;
		ALTER TABLE river_job SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
	END IF;
END $$`

// alone runs fn in one process at a time: the others wait.
func alone(ctx context.Context, store postgresStore, fn func() error) (err error) {
	held, err := store.Pool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	defer held.Release()
	for _, q := range []string{"SET lock_timeout = 0", "SELECT pg_advisory_lock(hashtextextended('holdfast engine of ' || current_schema(), 0))"} {
		if _, err := held.Exec(ctx, q); err != nil {
			return fmt.Errorf("wait for other processes: %w", err)
		}
	}
	// The lock and the setting end with the connection.
	defer func() { err = errors.Join(err, held.Conn().Close(context.WithoutCancel(ctx))) }()
	return fn()
}

type pgxConn struct{ tx pgx.Tx }

func (c pgxConn) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := c.tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

func (c pgxConn) query(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := c.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
