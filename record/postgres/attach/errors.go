package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast/holdfast/fault"
)

// Conditions that we act on; PostgreSQL's manual, appendix A.
const (
	noPrivilege      = "42501"
	undefinedTable   = "42P01"
	undefinedColumn  = "42703"
	lockNotAvailable = "55P03"
	deadlock         = "40P01"
	serialization    = "40001"
	duplicateObject  = "42710"
	duplicateTable   = "42P07"
	duplicateSchema  = "42P06"
	uniqueViolation  = "23505"
)

// notOfType are the conditions of a text that is no value of a type.
var notOfType = []string{"22P02", "22P03", "22003", "22007", "22008", "22021", "22023"}

// server is an error of PostgreSQL without what may hold values: its detail
// quotes rows, its message input. The cause stays in reach of errors.As.
type server struct{ cause *pgconn.PgError }

func (e server) Error() string {
	switch class(e.cause) {
	case "08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "XX":
		return e.cause.Message + " (SQLSTATE " + e.cause.Code + ")" // about the server, or names
	}
	return "SQLSTATE " + e.cause.Code
}

func (e server) Unwrap() error { return e.cause }

func class(e *pgconn.PgError) string { return (e.Code + "  ")[:2] }

func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// explain gives an error its kind and says what to do; nil stays nil.
func (s *Source) explain(ctx context.Context, doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e // explained further in
	}
	doing += " " + s.what()
	if cause := context.Cause(ctx); cause != nil {
		return fault.New(fault.Unavailable, "%s: %w", doing, errors.Join(ctx.Err(), cause))
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if class(e) == "42" {
			s.forget() // it is not what it was
		}
		return s.explainServer(doing, server{e})
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fault.New(fault.Unavailable, "%s: the source database cannot be reached; check that it runs and that the URL in %s is right: %w", doing, s.table.URLEnv, err)
	}
	var netErr net.Error
	if errors.As(err, &netErr) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) || lost(err) {
		return fault.New(fault.Unavailable, "%s: the connection to the source database was lost: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (s *Source) explainServer(doing string, e server) error {
	switch e.cause.Code {
	case noPrivilege:
		return fault.New(fault.Denied, "%s: the user in %s lacks a privilege; `holdfast sources plan %s` shows which are needed: %w",
			doing, s.table.URLEnv, s.declaration.Collection, e)
	case undefinedTable, undefinedColumn:
		return fault.New(fault.Invalid, "%s: the table is not what it was: %w", doing, e)
	case lockNotAvailable:
		return fault.New(fault.Unavailable, "%s: transactions hold the table for too long; try again at a quieter time, see pg_stat_activity: %w", doing, e)
	case deadlock, serialization:
		return fault.New(fault.Unavailable, "%s: it collided with other transactions; try again: %w", doing, e)
	}
	switch class(e.cause) {
	case "08", "25", "28", "3D", "53", "55", "57", "58": // connection, standby, login, database, resources, state, operator, system
		return fault.New(fault.Unavailable, "%s: the source database is not available now: %w", doing, e)
	case "22":
		return fault.New(fault.Invalid, "%s: a key is not of the type that the table has now: %w", doing, e)
	}
	return fault.New(fault.Internal, "%s: %w", doing, e)
}

func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, pgconn.ErrConnClosed)
}
