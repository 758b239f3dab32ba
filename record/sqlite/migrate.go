package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Latest is the newest version of the schema.
const Latest = -1

// Migrate moves a database up or down to a version of its schema; 0 is empty.
// Going down deletes what the older schema has no place for.
func Migrate(ctx context.Context, db *sql.DB, version int64) error {
	return migrate(ctx, db, version, nil)
}

func migrate(ctx context.Context, db *sql.DB, version int64, logger *slog.Logger) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithSlog(logger), goose.WithDisableGlobalRegistry(true), goose.WithTableName("schema_version"))
	if err != nil {
		return explain("read migrations", err)
	}
	now, newest, err := p.GetVersions(ctx)
	if err != nil {
		return explain("read the schema's version", err)
	}
	if version == Latest {
		version = newest
	}
	switch {
	case now > newest:
		return newer(now, newest)
	case version > now:
		_, err = p.UpTo(ctx, version)
	case version < now:
		_, err = p.DownTo(ctx, version)
	}
	return explain("migrate the database", err)
}
