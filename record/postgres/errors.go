package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast/holdfast/fault"
)

// Conditions that we act on; PostgreSQL's manual, appendix A.
const (
	serializationFailure = "40001"
	deadlock             = "40P01"
	uniqueViolation      = "23505"
	diskFull             = "53100"
	lockNotAvailable     = "55P03"
	queryCancelled       = "57014"
	readOnlyTransaction  = "25006"
	noPrivilege          = "42501"
	wrongPassword        = "28P01"
	undefinedDatabase    = "3D000"
)

// server is an error of PostgreSQL without what may hold values: its detail
// quotes rows, its message input. The cause stays in reach of errors.As.
type server struct{ cause *pgconn.PgError }

func (e server) Error() string {
	s := "SQLSTATE " + e.cause.Code
	for _, part := range []struct{ what, name string }{
		{"table", e.cause.TableName}, {"column", e.cause.ColumnName}, {"constraint", e.cause.ConstraintName},
	} {
		if part.name != "" {
			s += ", " + part.what + " " + part.name
		}
	}
	switch e.class() {
	case "08", "25", "40", "42", "53", "55", "57", "58", "XX":
		s = e.cause.Message + " (" + s + ")" // about the server, or names that we gave
	}
	return s
}

func (e server) Unwrap() error { return e.cause }

func (e server) class() string { return (e.cause.Code + "  ")[:2] }

// explain gives a driver's error its kind and says what to do; nil stays nil.
func explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e // explained further in
	}
	if cause := context.Cause(ctx); cause != nil {
		return fault.New(fault.Unavailable, "%s: %w", doing, errors.Join(ctx.Err(), cause))
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return explainServer(doing, server{e})
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fault.New(fault.Unavailable, "%s: the database cannot be reached; check that it runs and that its URL is right: %w", doing, err)
	}
	var netErr net.Error
	switch {
	case errors.As(err, &netErr), lost(err):
		return fault.New(fault.Unavailable, "%s: the connection to the database was lost: %w", doing, err)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return fault.New(fault.Internal, "%s: a statement had failed and its error was dropped: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func explainServer(doing string, e server) error {
	switch e.cause.Code {
	case diskFull:
		return fault.New(fault.Unavailable, "%s: the database's disk is full, nothing was changed; free space there, then try again: %w", doing, e)
	case lockNotAvailable:
		return fault.New(fault.Unavailable, "%s: another transaction holds what this one needs for too long; try again, and see pg_stat_activity if it stays so: %w", doing, e)
	case queryCancelled:
		return fault.New(fault.Unavailable, "%s: the statement was cancelled or took longer than statement_timeout: %w", doing, e)
	case serializationFailure, deadlock:
		return fault.New(fault.Unavailable, "%s: it collided with other transactions again and again; try again: %w", doing, e)
	case uniqueViolation:
		return fault.New(fault.Conflict, "%s: it exists already: %w", doing, e)
	case noPrivilege:
		return fault.New(fault.Denied, "%s: the database user lacks a privilege; grant it, or use the schema's owner: %w", doing, e)
	case wrongPassword, undefinedDatabase:
		return fault.New(fault.Unavailable, "%s: the database refuses the connection; check its URL: %w", doing, e)
	case readOnlyTransaction:
		// In an Update the server itself is read-only.
		return fault.New(fault.Unavailable, "%s: the transaction is read-only; if the server is a standby, use the primary: %w", doing, e)
	}
	switch e.class() {
	case "08", "53", "57", "58": // connection, resources, operator, system
		return fault.New(fault.Unavailable, "%s: the database is not available now: %w", doing, e)
	case "XX":
		return fault.New(fault.Internal, "%s: the database reports damage; check its log and its disk: %w", doing, e)
	}
	return fault.New(fault.Internal, "%s: %w", doing, e)
}
