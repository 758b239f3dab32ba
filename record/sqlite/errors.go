package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/holdfast/holdfast/fault"
)

// explain gives a driver's error its kind and says what to do; nil stays nil.
// SQLite's messages name tables and columns, never values.
func explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	var e *driver.Error
	if !errors.As(err, &e) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch e.Code() & 0xff {
	case codes.SQLITE_FULL:
		return fault.New(fault.Unavailable, "%s: the disk is full, nothing was changed; free space in the data folder, then try again: %w", doing, err)
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fault.New(fault.Unavailable, "%s: another program holds the database; only one process may own a data folder: %w", doing, err)
	case codes.SQLITE_IOERR:
		return fault.New(fault.Unavailable, "%s: the disk does not answer as it should; check the data folder's disk and free space: %w", doing, err)
	case codes.SQLITE_CANTOPEN, codes.SQLITE_READONLY, codes.SQLITE_PERM:
		return fault.New(fault.Unavailable, "%s: the database cannot be opened for writing; check the data folder's permissions: %w", doing, err)
	case codes.SQLITE_NOMEM, codes.SQLITE_INTERRUPT:
		return fault.New(fault.Unavailable, "%s: %w", doing, err)
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return fault.New(fault.Internal, "%s: the database file is damaged; restore it from a backup: %w", doing, err)
	}
	switch e.Code() {
	case codes.SQLITE_CONSTRAINT_UNIQUE, codes.SQLITE_CONSTRAINT_PRIMARYKEY:
		return fault.New(fault.Conflict, "%s: it exists already: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func newer(have, know int64) error {
	return fault.New(fault.Conflict, "the database has schema version %d and this program knows %d; run a newer holdfast", have, know)
}
