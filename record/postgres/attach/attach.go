// Package attach follows tables and views in PostgreSQL databases of the
// users' own: it is the driver of record.Source.
//
// # What it puts into the database
//
// One table, the log, and one trigger function in schema "holdfast", and
// triggers on the followed table and each of its partitions. They write the
// ids of changed rows into the log, in the transaction that changes them:
// ids, never values. Whoever reads the log reads the rows as they are then,
// so that entries may come late, twice or out of order, and nothing is lost.
//
// # Cost
//
// Triggers run once for a statement and see its old and new rows as tables.
// An entry of the log holds up to 500 ids, so that a statement that changes
// many rows adds few entries. The log has no index: it is short, and is read
// and emptied by position.
//
// # Order
//
// A reader deletes exactly the entries that it has seen, by position and
// number. An entry of a transaction that began early and commits late is not
// seen, and so not deleted, until it is there: no horizon is needed.
//
// There is no NOTIFY: transactions that notify commit one at a time in the
// whole cluster, which would slow down writers that have nothing to do with
// us. The reader asks several times a second instead; asking an empty log
// costs well under a millisecond.
//
// # Writers come first
//
// A trigger must never make a user's statement fail. Its function looks
// whether the columns that it compares are still there, and of the same type,
// and notes "look at everything" if not; Inspect then says what is wrong.
package attach

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Config says what to follow.
type Config struct {
	URL         string // of the source database; see Declaration.Source for its variable
	Declaration record.Declaration
	Logger      *slog.Logger // of waits for locks; nil is silent
}

// Source is a record.Source.
type Source struct {
	pool        *pgxpool.Pool
	declaration record.Declaration
	table       *record.Table
	schema      string // of the followed table
	name        string
	log         *slog.Logger

	mu    sync.Mutex
	known *table // as it was inspected last; nil if it must be inspected
	from  string // position in the log to read on from
	// unacknowledged says that entries were read and not deleted since.
	unacknowledged bool
}

var _ record.Source = (*Source)(nil)

const (
	// home is the schema that holds all we put into a source.
	home = "holdfast"
	// conns is the most connections to one source: the reader's, and those of
	// searches.
	conns          = 8
	connectTimeout = 5 * time.Second
	cancelPatience = 2 * time.Second
)

// settings make values read the same whatever the database's defaults are.
// Row security is off, so that a policy that would hide rows is an error: a
// hidden row would be taken for a deleted one.
var settings = map[string]string{
	"application_name": "holdfast", "search_path": "pg_catalog", "TimeZone": "UTC", "DateStyle": "ISO, YMD", "IntervalStyle": "iso_8601",
	"bytea_output": "hex", "extra_float_digits": "1", "row_security": "off", "jit": "off",
	"statement_timeout": "5min", "idle_in_transaction_session_timeout": "1min",
}

// Open prepares to follow the table of a declaration. It does not connect.
func Open(cfg Config) (*Source, error) {
	if !cfg.Declaration.Attached() {
		return nil, fault.Field("source", "names no table")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{declaration: cfg.Declaration, table: cfg.Declaration.Source.Postgres, log: cfg.Logger, schema: "public"}
	if cfg.URL == "" {
		return nil, fault.Field("source.postgres.url_env", "the variable %s is not set; it must hold the URL of the database, such as postgres://user:password@host/database", s.table.URLEnv)
	}
	parts, err := record.SplitName(s.table.Table)
	if err != nil || len(parts) > 2 {
		return nil, fault.Field("source.postgres.table", "must be a name such as public.tickets")
	}
	if s.name = parts[len(parts)-1]; len(parts) == 2 {
		s.schema = parts[0]
	}
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// The error quotes the URL, which may hold a password.
		return nil, fault.Field("source.postgres.url_env", "the variable %s holds no URL such as postgres://user:password@host/database", s.table.URLEnv)
	}
	pc.MaxConns, pc.ConnConfig.ConnectTimeout = conns, connectTimeout
	maps.Copy(pc.ConnConfig.RuntimeParams, settings)
	pc.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelPatience}
	}
	// The pool outlives the call that opens it, and connects when it must.
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), pc); err != nil {
		return nil, fmt.Errorf("prepare connections: %w", err)
	}
	return s, nil
}

// Close implements record.Source.
func (s *Source) Close() { s.pool.Close() }

// what names the followed table for messages.
func (s *Source) what() string { return s.schema + "." + s.name }

// object is the name of the log and of the function.
func (s *Source) object() string { return quote(home, short("source_"+s.declaration.Collection)) }

// trigger is the name of one of the triggers.
func (s *Source) trigger(event string) string {
	return short("holdfast_" + s.declaration.Collection + "_" + strings.ToLower(event))
}

// short makes a name that PostgreSQL does not cut.
func short(name string) string {
	const most, kept = 63, 46
	if len(name) <= most {
		return name
	}
	return name[:kept] + "_" + digest.Of("source object", name).Short()
}

func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

// literal writes a string constant.
func literal(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		return " E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

// look returns the table as it was inspected last.
func (s *Source) look(ctx context.Context) (*table, error) {
	s.mu.Lock()
	known := s.known
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	return s.describe(ctx)
}

// forget makes the next call inspect the table again.
func (s *Source) forget() {
	s.mu.Lock()
	s.known = nil
	s.mu.Unlock()
}
