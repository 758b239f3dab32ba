package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/holdfast/holdfast/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Latest is the newest version of the schema.
const Latest = -1

// Migrate moves the schema up or down to a version; 0 is empty. Going down
// deletes what the older schema has no place for.
func (s *Store) Migrate(ctx context.Context, version int64) error {
	return migrate(ctx, s.pool, s.schema, version, s.log)
}

// migrate lets one process at a time migrate a schema: the others wait, and
// then find it done.
func migrate(ctx context.Context, pool *pgxpool.Pool, schema string, version int64, logger *slog.Logger) (err error) {
	const doing = "migrate the database"
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return explain(ctx, doing, err)
	}
	defer conn.Release()
	const key = "hashtextextended('holdfast migration of ' || $1, 0)"
	if _, err := conn.Exec(ctx, "SET lock_timeout = 0"); err != nil {
		return explain(ctx, doing, err)
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock("+key+")", schema); err != nil {
		return explain(ctx, doing, err)
	}
	defer func() {
		// The lock and the setting end with the connection.
		err = errors.Join(err, conn.Conn().Close(context.WithoutCancel(ctx)))
	}()
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)", schema).Scan(&exists); err != nil {
		return explain(ctx, doing, err)
	}
	if !exists {
		if _, err := conn.Exec(ctx, "CREATE SCHEMA "+pgx.Identifier{schema}.Sanitize()); err != nil {
			return explain(ctx, "create the schema", err)
		}
	}
	return apply(ctx, pool, version, logger)
}

func apply(ctx context.Context, pool *pgxpool.Pool, version int64, logger *slog.Logger) (err error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer func() { err = errors.Join(err, db.Close()) }()
	p, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithSlog(logger), goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))
	if err != nil {
		return explain(ctx, "read migrations", err)
	}
	now, newest, err := p.GetVersions(ctx)
	if err != nil {
		return explain(ctx, "read the schema's version", err)
	}
	if version == Latest {
		version = newest
	}
	switch {
	case now > newest:
		return fault.New(fault.Conflict, "the database has schema version %d and this program knows %d; run a newer holdfast", now, newest)
	case version > now:
		_, err = p.UpTo(ctx, version)
	case version < now:
		_, err = p.DownTo(ctx, version)
	}
	return explain(ctx, "migrate the database", err)
}
