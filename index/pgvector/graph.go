package pgvector

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// graphFor builds a graph of halfvec, half the size and as good for choosing
// candidates. CONCURRENTLY: batches and searches go on.
const (
	graphFor = `CREATE INDEX CONCURRENTLY {graph} ON {entries} USING hnsw ((vector::halfvec({dims})) halfvec_ip_ops)
		WITH (m = 16, ef_construction = 100)`
	dropGraph = "DROP INDEX CONCURRENTLY IF EXISTS {graph}"
)

// graphAgain is how long a process waits before it looks after a graph again
// that it could not build, or that another process is at.
const graphAgain = time.Minute

// grow builds the index's graph in the background, unless this process is at
// it. Until there is one, searches are exact.
func (x *vectors) grow(t tables) {
	o := x.opener
	if t.dims > maxGraphDimensions || !x.building.TryLock() {
		return
	}
	if time.Now().Before(x.later) {
		x.building.Unlock()
		return
	}
	x.later = time.Now().Add(graphAgain)
	o.graphs.Go(func() {
		defer x.building.Unlock()
		if err := o.build(o.ctx, t); err != nil && o.ctx.Err() == nil {
			o.log.WarnContext(o.ctx, "no graph yet; searches are exact and slower", "index", x.name, "error", explain(o.ctx, "build a graph", err))
		}
	})
}

// build makes the graph if no other process is at it.
func (o *Opener) build(ctx context.Context, t tables) (err error) {
	conn, err := o.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	// The lock and the settings end with the connection.
	defer func() { err = errors.Join(err, conn.Conn().Close(context.WithoutCancel(ctx))) }()
	var mine, graph bool
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended($1, 0))",
		t.sql("holdfast "+o.schema+".{graph}")).Scan(&mine)
	if err != nil || !mine {
		return err
	}
	err = conn.QueryRow(ctx, "SELECT graph FROM indexes WHERE number = $1", t.number).Scan(&graph)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && graph {
		return nil // dropped, or built by another
	}
	if err != nil {
		return err
	}
	for _, sql := range []string{
		"SET lock_timeout = 0",
		dropGraph, // what a build left that did not end
		graphFor,
		"ANALYZE {entries}, {postings}, {meta}",
	} {
		if _, err := conn.Exec(ctx, t.sql(sql)); err != nil {
			return err
		}
	}
	_, err = conn.Exec(ctx, "UPDATE indexes SET graph = true WHERE number = $1", t.number)
	return err
}
