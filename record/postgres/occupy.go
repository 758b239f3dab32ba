package postgres

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"

	"github.com/holdfast/holdfast/fault"
)

// Occupy keeps a place in this schema to the process until release is called
// or the process dies: alone, or along with others who do not want it alone.
// It fails with fault.Conflict if somebody else has it. The place is bound to
// a connection, which is made again when it breaks; should somebody else have
// taken the place by then, lost is called once.
func (s *Store) Occupy(ctx context.Context, place string, alone bool, lost func(error)) (release func(), err error) {
	conn, err := s.occupy(ctx, place, alone)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.stay(ctx, conn, place, alone); err != nil {
			lost(err)
		}
	}()
	return func() { cancel(); <-done }, nil
}

// occupy makes a connection that holds the place.
func (s *Store) occupy(ctx context.Context, place string, alone bool) (*pgx.Conn, error) {
	const doing = "take a place in the database"
	cfg := s.pool.Config().ConnConfig
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	// The server notices in half a minute that this machine has died.
	maps.Copy(cfg.RuntimeParams, map[string]string{"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "4"})
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, explain(ctx, doing, err)
	}
	query := "SELECT pg_try_advisory_lock_shared(hashtextextended($1, 0))"
	if alone {
		query = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))"
	}
	var got bool
	err = conn.QueryRow(ctx, query, "holdfast "+place+" of "+s.schema).Scan(&got)
	if err == nil && got {
		return conn, nil
	}
	if err == nil {
		err = fault.New(fault.Conflict, "another process has the %s of schema %s", place, s.schema)
	}
	return nil, errors.Join(explain(ctx, doing, err), leave(ctx, conn))
}

// stay keeps the place until ctx ends, and returns why it could not.
func (s *Store) stay(ctx context.Context, conn *pgx.Conn, place string, alone bool) error {
	for {
		_, broken := conn.WaitForNotification(ctx) // of which there are none
		if err := leave(ctx, conn); err != nil || ctx.Err() == nil {
			s.log.WarnContext(ctx, "the place in the database is lost, to be taken again", "place", place, "error", errors.Join(broken, err))
		}
		if conn, broken = s.retake(ctx, place, alone); conn == nil {
			return broken
		}
	}
}

// retake takes the place once more, when the database is back. It returns
// neither a connection nor an error when ctx ends.
func (s *Store) retake(ctx context.Context, place string, alone bool) (*pgx.Conn, error) {
	for wait := 100 * time.Millisecond; ctx.Err() == nil; wait = min(2*wait, 5*time.Second) {
		conn, err := s.occupy(ctx, place, alone)
		switch {
		case err == nil:
			return conn, nil
		case fault.KindOf(err) == fault.Conflict:
			return nil, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return nil, nil //nolint:nilnil // nobody wants the place any more
}

// leave closes a connection whatever has become of it.
func leave(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
	defer cancel()
	return conn.Close(ctx)
}
