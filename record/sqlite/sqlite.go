// Package sqlite is the system of record in one SQLite file: the embedded
// default. One connection writes, a pool of read-only ones reads snapshots
// beside it (write-ahead log). Every commit reaches the disk before it is
// acknowledged.
//
// One process owns the file; who owns the data folder sees to that.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Config says where the database is.
type Config struct {
	Path   string       // of the file; it is created when it is missing
	Logger *slog.Logger // of migrations; nil is silent
}

// Store is a record.Store.
type Store struct {
	writer  *sql.DB
	readers *sql.DB
	// turn is held by the one Update that runs. Those who wait for a channel
	// are served in order, which database/sql does not promise.
	turn chan struct{}
}

var _ record.Store = (*Store)(nil)

// Sizes are chosen for records of about 1 kB (see the benchmarks): bigger
// pages waste less of themselves; a longer log makes fewer, larger
// checkpoints. Caches are per connection, in KiB; with at most maxReaders
// readers all of them stay below 100 MB. The file is not mapped: mapped pages
// would count as the process's memory.
const (
	pageSize    = 8192
	writerCache = 32 << 10
	readerCache = 8 << 10
	checkpoint  = 2000     // pages of log
	logLimit    = 64 << 20 // bytes of log kept for reuse
	maxReaders  = 8
	busyWait    = 5 * time.Second
)

// Open opens the database, creates it if it is missing, and migrates it up.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Path == "" {
		return nil, fault.Field("path", "a database needs a file")
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "create the folder of the database: %w", err)
	}
	if err := private(cfg.Path); err != nil {
		return nil, err
	}
	s := &Store{turn: make(chan struct{}, 1)}
	var err error
	s.writer, err = open(cfg.Path, 1, "_txlock=immediate",
		pragma("page_size", pageSize), pragma("journal_mode", "wal"), pragma("synchronous", "full"),
		pragma("wal_autocheckpoint", checkpoint), pragma("journal_size_limit", logLimit),
		pragma("cache_size", -writerCache))
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, s.writer, Latest, cfg.Logger); err != nil {
		return nil, errors.Join(err, s.writer.Close())
	}
	s.readers, err = open(cfg.Path, min(max(4, runtime.GOMAXPROCS(0)), maxReaders),
		pragma("query_only", 1), pragma("cache_size", -readerCache))
	if err != nil {
		return nil, errors.Join(err, s.writer.Close())
	}
	return s, nil
}

// private makes sure that nobody else on the machine can read the database.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the path is the operator's own
	if err != nil {
		return fault.New(fault.Unavailable, "open the database: %w; check the path and its permissions", err)
	}
	return f.Close()
}

func pragma(name string, value any) string {
	return "_pragma=" + url.QueryEscape(fmt.Sprintf("%s(%v)", name, value))
}

func open(path string, conns int, params ...string) (*sql.DB, error) {
	params = append(params, fmt.Sprintf("_busy_timeout=%d", busyWait.Milliseconds())) // the driver sets it first
	c, err := newConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.Join(params, "&"))
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns) // a connection keeps its cache and its prepared statements
	return db, nil
}

// Writer is the one connection that writes, for an engine that keeps its
// queue in the same file. What holds it must give it back soon.
func (s *Store) Writer() *sql.DB { return s.writer }

// Readers is the pool of read-only connections.
func (s *Store) Readers() *sql.DB { return s.readers }

// Shared implements record.Store: a data folder has one owner.
func (*Store) Shared() bool { return false }

// View implements record.Store.
func (s *Store) View(ctx context.Context, fn func(record.Tx) error) error {
	return run(ctx, s.readers, &sql.TxOptions{ReadOnly: true}, fn)
}

// Update implements record.Store. Updates run one at a time, in the order in
// which they came; waiting ends with ctx.
func (s *Store) Update(ctx context.Context, fn func(record.Tx) error) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "wait for the writer: %w", context.Cause(ctx))
	}
	defer func() { <-s.turn }()
	return run(ctx, s.writer, nil, fn)
}

// run runs fn in a transaction. A statement that has begun runs to its end,
// whatever becomes of ctx: the driver's way to interrupt costs a goroutine
// for each statement, and statements are short. Between statements ctx is
// looked at.
func run(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(record.Tx) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return explain("connect to the database", err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	sqlTx, err := conn.BeginTx(context.WithoutCancel(ctx), opts)
	if err != nil {
		return explain("begin", err)
	}
	t := &tx{sql: sqlTx}
	committed := false
	defer func() {
		if !committed { // also when fn panics
			_ = sqlTx.Rollback() // what made us roll back is what matters
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	committed = true // or ended by its failure
	return explain("commit", sqlTx.Commit())
}

// Close waits for open transactions, then closes the database.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return errors.Join(s.readers.Close(), s.writer.Close())
}
