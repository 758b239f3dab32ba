package pgvector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast/holdfast/fault"
)

// Conditions that we act on; PostgreSQL's manual, appendix A.
const (
	serializationFailure = "40001"
	deadlock             = "40P01"
	undefinedTable       = "42P01"
	noPrivilege          = "42501"
)

// errMissing says that there is no index of a name.
var errMissing = errors.New("there is no such index")

func code(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

// explain gives an error its kind and says what to do; nil stays nil. A
// server's error is told by its code and message, without its detail, which
// quotes rows.
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
	if errors.Is(err, errMissing) {
		return fault.New(fault.Unavailable, "%s: the index was dropped; open it again: %w", doing, err)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch (e.Code + "  ")[:2] {
		case "08", "40", "53", "55", "57", "58": // connection, collision, resources, locks, operator, system
			return fault.New(fault.Unavailable, "%s: the database cannot do it now: SQLSTATE %s: %s", doing, e.Code, e.Message)
		}
		if e.Code == noPrivilege {
			return fault.New(fault.Denied, "%s: the database user lacks a privilege; grant it, or use the schema's owner: %s", doing, e.Message)
		}
		if strings.HasPrefix(e.Code, "42") { // about names that we gave
			return fault.New(fault.Internal, "%s: SQLSTATE %s: %s", doing, e.Code, e.Message)
		}
		return fault.New(fault.Internal, "%s: SQLSTATE %s, table %s, constraint %s", doing, e.Code, e.TableName, e.ConstraintName)
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return fault.New(fault.Unavailable, "%s: the database cannot be reached; check that it runs and that its URL is right: %w", doing, err)
	}
	var netErr net.Error
	if errors.As(err, &netErr) || pgconn.SafeToRetry(err) {
		return fault.New(fault.Unavailable, "%s: the connection to the database was lost: %w", doing, err)
	}
	return fault.As(fault.Unavailable, fmt.Errorf("%s: %w", doing, err))
}

// retry runs a transaction again after it collided with another.
func retry(ctx context.Context, try func() error) error {
	const most = 6
	for n := 1; ; n++ {
		err := try()
		if c := code(err); n == most || c != serializationFailure && c != deadlock {
			return err
		}
		wait := time.NewTimer(rand.N(20 * time.Millisecond << n)) //nolint:gosec // it only spreads retries
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
	}
}
