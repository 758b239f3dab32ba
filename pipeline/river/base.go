package river

import (
	"context"
	"fmt"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// base is the database below the engine: all in which SQLite and PostgreSQL differ.
type base struct {
	dialect dialect
	// within finds the transaction below a record.Tx, or nil if it is of another database.
	within func(record.Tx) conn
	// migrate moves River's tables up; one process at a time.
	migrate func(ctx context.Context, config *rivermigrate.Config) error
	// client builds a client of River.
	client func(config *river.Config) (client, error)
	pilot  *pilot
	// shared is how to reach the engines of other processes; nil if there are none.
	shared bell
}

// client is what the engine needs of a river.Client.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// bell tells other processes that there is work, and hears when they tell.
type bell interface {
	Notify(about string)
	Listen(ctx context.Context, about string, wake func())
}

// topic is what the bell rings about.
const topic = "jobs"

// conn runs statements within a transaction. Arguments are numbered: $1.
type conn interface {
	exec(ctx context.Context, query string, args ...any) (changed int64, err error)
	query(ctx context.Context, row func(scan func(...any) error) error, query string, args ...any) error
}

// dialect is how a database spells what the statements on jobs need.
type dialect struct {
	now   string // the time
	json  string // $3, a text, as JSON
	later string // the time $3 seconds from now
	lock  string // keeps the run $1 to this transaction until it ends; empty if transactions take turns anyway
	hold  string // ends a query: keeps the rows to this transaction, and passes over those that others hold
	taken string // begins a query of id, attempt, args, worker and last sign of life in microseconds
}

// baseOf finds the database below a store.
func baseOf(store record.Store) (*base, error) {
	switch s := store.(type) {
	case sqliteStore:
		return onSQLite(s), nil
	case postgresStore:
		return onPostgres(s), nil
	}
	return nil, fault.New(fault.Internal, "the River engine needs a record store on SQLite or PostgreSQL, got %T", store)
}

// on finds the transaction below a record.Tx.
func (b *base) on(tx record.Tx) (conn, error) {
	if c := b.within(tx); c != nil {
		return c, nil
	}
	return nil, fault.New(fault.Internal, "the engine and this transaction are on different databases (%T)", tx.Unwrap())
}

// lock keeps a run to this transaction: nobody else ends it, and none of its
// other branches starts what comes after them. It is taken before any job of the run.
func (b *base) lock(ctx context.Context, c conn, run string) error {
	if b.dialect.lock == "" {
		return nil
	}
	if _, err := c.exec(ctx, b.dialect.lock, run); err != nil {
		return fmt.Errorf("lock run: %w", err)
	}
	return nil
}

// connect builds what of River depends on the type of a transaction.
func connect[T any](b *base, d riverdriver.Driver[T]) {
	b.pilot = &pilot{}
	own := driver[T]{d, b.pilot}
	b.migrate = func(ctx context.Context, config *rivermigrate.Config) error {
		m, err := rivermigrate.New(own, config)
		if err != nil {
			return err
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	b.client = func(config *river.Config) (client, error) { return river.NewClient(own, config) }
}
