package sqlite

import (
	"context"
	"errors"

	"github.com/holdfast/holdfast/fault"
)

// Check reads the whole database file and reports what is wrong with it
// (PRAGMA quick_check). It changes nothing; nobody else may have it open.
func Check(ctx context.Context, path string) (err error) {
	db, err := open(path, 1, "mode=rw", pragma("query_only", true))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fault.New(fault.Unavailable, "check the database: %w", err)
	}
	if verdict != "ok" {
		// The verdict names pages and tables, never values.
		return fault.New(fault.Internal, "the database is damaged: %s", verdict)
	}
	return nil
}
