package postgres

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

// Changes is the topic that every commit notifies about that has made a
// change ready to be leased.
const Changes = "changes"

// Notify wakes whoever listens about a topic, in all processes, soon.
func (s *Store) Notify(about string) { s.effects.notify(about) }

// Listen calls wake whenever somebody, in this or another process, has
// notified about a topic, and whenever it has connected, as it may have
// missed something. It reconnects by itself, and returns when ctx ends.
func (s *Store) Listen(ctx context.Context, about string, wake func()) {
	failures := 0
	for ctx.Err() == nil {
		err := s.listen(ctx, about, func() { failures = 0; wake() })
		if ctx.Err() != nil {
			return
		}
		failures++
		s.log.WarnContext(ctx, "listen for "+about, "error", explain(ctx, "listen", err), "failures", failures)
		wait := time.NewTimer(min(100*time.Millisecond<<min(failures, 10), 10*time.Second))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
}

func (s *Store) listen(ctx context.Context, about string, wake func()) (err error) {
	// A connection of its own: one of the pool would be missing there.
	cfg := s.pool.Config().ConnConfig
	// There is no statement to cancel: the end of ctx ends the connection.
	cfg.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelPatience)
		defer cancel()
		if e := conn.Close(closing); err == nil {
			err = e
		}
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+s.channel(about)); err != nil {
		return err
	}
	for {
		wake()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

// channel is the name that a topic is notified under.
func (s *Store) channel(about string) string {
	return pgx.Identifier{about + " of " + s.schema}.Sanitize()
}

// effects is what is due after commits.
type effects struct {
	mu     sync.Mutex
	topics map[string]bool // to be notified about
	deltas int             // rows added to counts since they were folded
	due    chan struct{}
}

// foldEvery is how many rows one process adds to counts before it folds
// them: so many are summed in a few microseconds.
const foldEvery = 200

func (e *effects) add(t *tx) {
	if t.wake {
		e.notify(Changes)
	}
	if t.deltas == 0 {
		return
	}
	e.mu.Lock()
	e.deltas += t.deltas
	due := e.deltas >= foldEvery
	e.mu.Unlock()
	if due {
		e.hurry()
	}
}

func (e *effects) notify(about string) {
	e.mu.Lock()
	e.topics[about] = true
	e.mu.Unlock()
	e.hurry()
}

func (e *effects) hurry() {
	select {
	case e.due <- struct{}{}:
	default: // it is due already
	}
}

func (e *effects) take() (topics []string, fold bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	topics = slices.Collect(maps.Keys(e.topics))
	clear(e.topics)
	if fold = e.deltas >= foldEvery; fold {
		e.deltas = 0
	}
	return topics, fold
}

// afterCommits notifies and folds, until ctx ends. What commits while it is
// at it is done together, the next time round.
func (s *Store) afterCommits(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.effects.due:
		}
		topics, fold := s.effects.take()
		for _, about := range topics {
			if _, err := s.pool.Exec(ctx, "NOTIFY "+s.channel(about)); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "notify", "about", about, "error", explain(ctx, "notify", err))
			}
		}
		if fold {
			if err := s.fold(ctx); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "fold counts", "error", err)
			}
		}
	}
}
