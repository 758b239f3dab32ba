// Package postgres is the system of record in PostgreSQL 14 or newer, for
// many processes on one database. All of it stands in one schema.
//
// # Isolation
//
// A View is REPEATABLE READ READ ONLY: one snapshot, which waits for nobody
// and fails for nobody. An Update is READ COMMITTED, and takes a row lock on
// what its decision rests on before it reads it: on the collection to write
// its records, on the lease to do something under it, on the records to
// replace their passages, on a claim to compute its vector. What it then reads
// is the newest state and stays so until it commits. Under REPEATABLE READ or
// SERIALIZABLE each of these waits would end in a serialization failure
// instead, as the row it waited for has changed, and a busy collection would
// mostly retry. Locks on many rows are taken in the order of their keys;
// deadlocks that engines or operators bring about all the same are retried.
//
// # Change numbers
//
// Numbers come from a sequence, and are taken while the collection's row is
// locked, which it stays until the transaction ends: within a collection the
// order of numbers is the order of commits, so that whoever has seen a number
// has seen all below it, and Pending's Applied and Latest are exact in every
// snapshot. The price: the writers of one collection take turns, from the
// call of Write to the end of their transaction, the disk's flush included
// (readers and workers do not wait). One collection takes as many small
// transactions per second as the disk flushes one after another, however many
// the writers; batches and several collections scale. An Update should
// therefore write records last. BenchmarkWriters measures it.
//
// The alternatives were weighed: numbers given after the commit by a sequencer
// can't be told to the writer; numbers in the order of transaction ids need no
// lock, but any long transaction in the whole cluster, also one that has
// nothing to do with Holdfast, would hold back Applied, and a restored dump
// starts ids anew.
//
// # Counts
//
// A count that many transactions change at once is the sum of their
// differences (counts.go): exact in every snapshot, and nobody waits.
//
// # Wake-ups
//
// Update sends a notification after the commit, not in it: PostgreSQL lets
// transactions that notify commit only one at a time, in the whole cluster.
// A process that dies in between has not notified; wake-ups are hints, and
// who listens also looks by himself from time to time.
package postgres

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Config says where the database is.
type Config struct {
	URL      string       // postgres://user:password@host:port/database, or key=value pairs; PG* variables fill in what is missing
	Schema   string       // default "holdfast"; it is created when it is missing
	MaxConns int          // most connections at once; default 16
	Logger   *slog.Logger // of migrations and lost connections; nil is silent
}

// Store is a record.Store.
type Store struct {
	pool    *pgxpool.Pool
	schema  string
	log     *slog.Logger
	effects effects
	stop    context.CancelFunc
	done    sync.WaitGroup
}

var _ record.Store = (*Store)(nil)

const (
	defaultSchema = "holdfast"
	defaultConns  = 16
	// The oldest version of PostgreSQL, as the server states it.
	minServer = 140000

	// A statement that waits longer for a lock gives up, and a process that
	// stops in the middle of a transaction loses it, so that neither holds up
	// the others for ever.
	lockTimeout = "30s"
	idleTimeout = "60s"

	// A cancelled statement is cancelled on the server, which keeps the
	// connection, unless that takes too long.
	cancelPatience = 5 * time.Second

	// How long a commit may take before the connection is given up for lost.
	// Whether it went through is then not known; the caller tries again.
	commitPatience = 30 * time.Second
)

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open connects to the database, creates the schema if it is missing, and
// migrates it up. Many processes may do so at once.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Schema == "" {
		cfg.Schema = defaultSchema
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = defaultConns
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	pc, err := poolConfig(cfg)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, explain(ctx, "connect to the database", err)
	}
	s := &Store{pool: pool, schema: cfg.Schema, log: cfg.Logger}
	s.effects.due, s.effects.topics = make(chan struct{}, 1), map[string]bool{}
	err = s.checkServer(ctx)
	if err == nil {
		err = migrate(ctx, pool, cfg.Schema, Latest, cfg.Logger)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() { s.afterCommits(ctx) })
	return s, nil
}

func poolConfig(cfg Config) (*pgxpool.Config, error) {
	if cfg.URL == "" {
		return nil, fault.Field("url", "a database needs a URL, such as postgres://user@host/database")
	}
	if !schemaName.MatchString(cfg.Schema) || strings.HasPrefix(cfg.Schema, "pg_") {
		return nil, fault.Field("schema", "is not a name: a lower-case letter or _, then up to 62 lower-case letters, digits or _, not beginning with pg_")
	}
	if cfg.MaxConns < 2 || cfg.MaxConns > 1000 {
		return nil, fault.Field("max_conns", "must be 2 to 1000")
	}
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		// The error quotes the URL, which may hold a password.
		return nil, fault.Field("url", "cannot be read; write it as postgres://user:password@host:port/database")
	}
	pc.MaxConns = int32(cfg.MaxConns)
	params := pc.ConnConfig.RuntimeParams
	params["search_path"] = cfg.Schema
	for name, value := range map[string]string{
		"application_name": "holdfast", "lock_timeout": lockTimeout, "idle_in_transaction_session_timeout": idleTimeout,
		// Our statements look up a few rows by key; a compiled one costs more than it saves.
		"jit": "off",
	} {
		if params[name] == "" {
			params[name] = value
		}
	}
	pc.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: cancelPatience}
	}
	return pc, nil
}

func (s *Store) checkServer(ctx context.Context) error {
	const doing = "connect to the database"
	var version int
	var encoding string
	if err := s.pool.QueryRow(ctx,
		"SELECT current_setting('server_version_num')::int, current_setting('server_encoding')").Scan(&version, &encoding); err != nil {
		return explain(ctx, doing, err)
	}
	if version < minServer {
		return fault.New(fault.Invalid, "%s: it is PostgreSQL %d; version 14 or newer is needed", doing, version/10000)
	}
	if encoding != "UTF8" {
		return fault.New(fault.Invalid, "%s: its encoding is %s; create a database with encoding UTF8", doing, encoding)
	}
	return nil
}

// Pool is the pool of connections, whose search_path is the schema, for an
// engine that keeps its queue in the same database.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// Schema is the name of the schema.
func (s *Store) Schema() string { return s.schema }

// View implements record.Store.
func (s *Store) View(ctx context.Context, fn func(record.Tx) error) error {
	return s.again(ctx, func() (*tx, error) {
		return s.run(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
	})
}

// Update implements record.Store. It runs fn again after a deadlock or a
// serialization failure, and when the connection broke before fn began.
func (s *Store) Update(ctx context.Context, fn func(record.Tx) error) error {
	return s.again(ctx, func() (*tx, error) {
		return s.run(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, fn)
	})
}

// A transaction is tried maxTries times, the waits between them doubling
// from firstWait: all of them take about a second.
const (
	maxTries  = 8
	firstWait = 4 * time.Millisecond
)

func (s *Store) again(ctx context.Context, try func() (*tx, error)) error {
	for n := 1; ; n++ {
		t, err := try()
		if err == nil {
			s.effects.add(t)
			return nil
		}
		if n == maxTries || !repeatable(err) {
			return err
		}
		wait := time.NewTimer(firstWait<<n/2 + rand.N(firstWait<<n)) //nolint:gosec // it only spreads retries
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return err
		}
	}
}

// run runs fn in one transaction.
func (s *Store) run(ctx context.Context, opts pgx.TxOptions, fn func(record.Tx) error) (*tx, error) {
	inner, err := s.pool.BeginTx(ctx, opts)
	if err != nil {
		return nil, beginError{explain(ctx, "begin", err)}
	}
	t := &tx{Tx: inner, update: opts.AccessMode != pgx.ReadOnly}
	committed := false
	defer func() {
		if !committed { // also when fn panics
			// What made us roll back is what matters. If this fails, the pool
			// closes the connection, which ends the transaction too.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
			defer cancel()
			_ = inner.Rollback(ctx)
		}
	}()
	if err := fn(t); err != nil {
		return nil, foreign(ctx, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, explain(ctx, "commit", err)
	}
	committed = true // or ended by its failure
	// A commit that has begun is waited for, so that its outcome is known.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitPatience)
	defer cancel()
	return t, explain(ending, "commit", inner.Commit(ending))
}

// foreign explains what fn got from the unwrapped transaction.
func foreign(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	_, server := errors.AsType[*pgconn.PgError](err)
	var netErr net.Error
	if server || lost(err) || errors.As(err, &netErr) {
		return explain(ctx, "use the transaction", err)
	}
	return err
}

// beginError marks that nothing was run.
type beginError struct{ error }

func (e beginError) Unwrap() error { return e.error }

// repeatable reports whether a transaction that failed has left nothing
// behind and may succeed at once.
func repeatable(err error) bool {
	if _, ok := errors.AsType[beginError](err); ok {
		// A connection from before the server's restart, or one in its midst.
		return fault.Retryable(err) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == serializationFailure || e.Code == deadlock)
}

// Close waits for open transactions.
func (s *Store) Close() error {
	s.stop()
	s.done.Wait()
	s.pool.Close()
	return nil
}

// Shared implements record.Store: many processes may use the database.
func (*Store) Shared() bool { return true }
