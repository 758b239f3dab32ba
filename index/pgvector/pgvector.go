// Package pgvector is the driver of package index on PostgreSQL with the
// extension pgvector 0.8 or newer, for many processes on one database.
//
// Each index has three tables of its own in one schema: entries with their
// vectors, postings (which word is how often in which entry) and meta. The
// table indexes names them, and its row is locked while a batch is taken up,
// so that batches follow one another and can't deadlock; searches wait for
// nobody. Each search is one statement, so it sees each batch whole or not at
// all.
//
// # Vectors
//
// A small index is searched exactly. From Config.GraphFrom entries on, a graph
// (HNSW) is built in the background, of half-precision copies of the vectors;
// what it finds is ranked by the full vectors. Should it give fewer than asked
// for, as it may under a filter, the search is done again exactly, so that
// fewer than k still means that there are no more. A graph takes at most 4,000
// dimensions: of wider vectors every search is exact. More than 16,000 have no
// place in a table.
//
// # Words
//
// BM25 is computed exactly, in SQL, over the postings.
package pgvector

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// Config says where the database is.
type Config struct {
	URL    string // postgres://user:password@host:port/database, or key=value pairs
	Schema string // default "holdfast_index"; it is created when it is missing
	// GraphFrom is how many entries make an index worth a graph; default 10,000.
	GraphFrom int64
	MaxConns  int          // most connections at once; default 16
	Logger    *slog.Logger // nil is silent
}

// Opener makes and finds the indexes of one schema. It is safe for concurrent use.
type Opener struct {
	pool      *pgxpool.Pool
	schema    string
	graphFrom int64
	log       *slog.Logger

	stop   context.CancelFunc // of graphs being built
	ctx    context.Context    //nolint:containedctx // of work that outlives the call that began it
	graphs sync.WaitGroup
}

const (
	defaultSchema    = "holdfast_index"
	defaultConns     = 16
	defaultGraphFrom = 10_000

	// What pgvector can store, and what it can put into a graph of halfvec.
	maxDimensions      = 16_000
	maxGraphDimensions = 4_000

	// format is that of the tables of an index. One of another format counts
	// as damaged, and is rebuilt.
	format = 1
)

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open connects to the database and creates the schema and the extension if
// they are missing. Many processes may do so at once.
func Open(ctx context.Context, cfg Config) (*Opener, error) {
	if cfg.Schema == "" {
		cfg.Schema = defaultSchema
	}
	if cfg.GraphFrom == 0 {
		cfg.GraphFrom = defaultGraphFrom
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
	extension, err := prepare(ctx, pc.ConnConfig, cfg.Schema)
	if err != nil {
		return nil, err
	}
	pc.ConnConfig.RuntimeParams["search_path"] = pgx.Identifier{cfg.Schema}.Sanitize() + ", " + pgx.Identifier{extension}.Sanitize()
	pc.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SET hnsw.iterative_scan = strict_order; SET hnsw.ef_search = 200")
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, explain(ctx, "connect to the database", err)
	}
	o := &Opener{pool: pool, schema: cfg.Schema, graphFrom: cfg.GraphFrom, log: cfg.Logger}
	o.ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	return o, nil
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
	for name, value := range map[string]string{
		"application_name": "holdfast", "lock_timeout": "30s", "idle_in_transaction_session_timeout": "60s",
		// What Apply has returned is durable, whatever the database's default.
		"synchronous_commit": "on",
		// Our statements are short; a compiled one costs more than it saves.
		"jit": "off",
	} {
		if pc.ConnConfig.RuntimeParams[name] == "" {
			pc.ConnConfig.RuntimeParams[name] = value
		}
	}
	return pc, nil
}

// Close waits for searches and batches under way and gives up graphs that
// are being built; the next batch begins them again.
func (o *Opener) Close() error {
	o.stop()
	o.graphs.Wait()
	o.pool.Close()
	return nil
}

// Open implements index.Opener.
func (o *Opener) Open(ctx context.Context, spec index.Spec) (index.Index, error) {
	if err := index.CheckName(spec.Name); err != nil {
		return nil, err
	}
	if spec.Dimensions < 1 || spec.Dimensions > maxDimensions {
		return nil, fault.Field("dimensions", "must be 1 to %d in PostgreSQL", maxDimensions)
	}
	const doing = "open index"
	var t tables
	err := retry(ctx, func() error {
		return pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) (err error) {
			if t, err = o.find(ctx, tx, spec.Name); errors.Is(err, errMissing) {
				t, err = o.create(ctx, tx, spec)
			}
			return err
		})
	})
	switch {
	case err != nil:
		return nil, explain(ctx, doing, err)
	case t.dims != spec.Dimensions:
		return nil, fault.New(fault.Conflict, "index %s has %d dimensions, not %d; drop it or name another", spec.Name, t.dims, spec.Dimensions)
	}
	return &vectors{opener: o, name: spec.Name, dims: spec.Dimensions, at: t}, nil
}

// find looks an index up.
func (o *Opener) find(ctx context.Context, q querier, name string) (tables, error) {
	t := tables{}
	var version int
	err := q.QueryRow(ctx, "SELECT number, dimensions, format FROM indexes WHERE name = $1", name).Scan(&t.number, &t.dims, &version)
	if errors.Is(err, pgx.ErrNoRows) {
		return t, errMissing
	}
	if err != nil {
		return t, err
	}
	if version != format {
		return t, fault.New(fault.Internal, "%w: another version of Holdfast wrote it", index.ErrDamaged)
	}
	var whole bool
	err = q.QueryRow(ctx, t.sql(`SELECT to_regclass('{entries}') IS NOT NULL AND to_regclass('{postings}') IS NOT NULL
		AND to_regclass('{meta}') IS NOT NULL`)).Scan(&whole)
	if err == nil && !whole {
		err = fault.New(fault.Internal, "%w: a table of it is missing", index.ErrDamaged)
	}
	return t, err
}

// create makes the tables of an index; whoever does so at the same time waits
// for the one row of its name.
func (o *Opener) create(ctx context.Context, tx pgx.Tx, spec index.Spec) (tables, error) {
	t := tables{dims: spec.Dimensions}
	err := tx.QueryRow(ctx, `INSERT INTO indexes (name, dimensions, format) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO NOTHING RETURNING number`, spec.Name, spec.Dimensions, format).Scan(&t.number)
	if errors.Is(err, pgx.ErrNoRows) {
		return o.find(ctx, tx, spec.Name)
	}
	if err != nil {
		return t, err
	}
	_, err = tx.Exec(ctx, t.sql(schema)) // several statements without parameters
	return t, err
}

// Drop implements index.Opener. A graph that is being built is given up.
func (o *Opener) Drop(ctx context.Context, name string) error {
	if err := index.CheckName(name); err != nil {
		return err
	}
	err := retry(ctx, func() error {
		t := tables{}
		err := o.pool.QueryRow(ctx, "SELECT number FROM indexes WHERE name = $1", name).Scan(&t.number)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := o.pool.Exec(ctx, t.sql(`SELECT pg_cancel_backend(pid) FROM pg_stat_progress_create_index
			WHERE relid = to_regclass('{entries}')`)); err != nil {
			return err
		}
		return pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "DELETE FROM indexes WHERE number = $1", t.number); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, t.sql("DROP TABLE IF EXISTS {entries}, {postings}, {meta}"))
			return err
		})
	})
	return explain(ctx, fmt.Sprintf("drop index %s", name), err)
}
