package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"
)

// connector opens connections that keep their statements prepared: parsing
// and planning cost more than most of our statements do. database/sql's own
// sql.Stmt cannot be made inside a transaction of a one-connection pool.
type connector struct{ driver.Connector }

func newConnector(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	return connector{c}, err
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(innerConn)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's connection lacks a method"), inner.Close())
	}
	return &conn{innerConn: full, cache: map[string]*stmt{}}, nil
}

// innerConn is what modernc.org/sqlite's connections can do.
type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// maxStatements bounds the cache; ours are about a hundred, and an engine's
// as many.
const maxStatements = 300

type conn struct {
	innerConn
	cache map[string]*stmt
}

type stmt struct {
	innerStmt
	busy   bool // its rows are being read
	cached bool
}

type innerStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// take finds or prepares a statement; put gives it back.
func (c *conn) take(ctx context.Context, query string) (*stmt, error) {
	s := c.cache[query]
	if s != nil && !s.busy {
		s.busy = true
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	inner, ok := prepared.(innerStmt)
	if !ok {
		return nil, errors.Join(errors.New("the SQLite driver's statement lacks a method"), prepared.Close())
	}
	fresh := &stmt{innerStmt: inner, busy: true}
	if s == nil {
		c.evict()
		if len(c.cache) < maxStatements {
			fresh.cached = true
			c.cache[query] = fresh
		}
	}
	return fresh, nil
}

func (s *stmt) put() error {
	s.busy = false
	if s.cached {
		return nil
	}
	return s.Close()
}

// evict makes room for a statement by closing any one that is idle.
func (c *conn) evict() {
	if len(c.cache) < maxStatements {
		return
	}
	for query, s := range c.cache {
		if !s.busy {
			_ = s.Close() // it held nothing but memory
			delete(c.cache, query)
			return
		}
	}
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	if e := s.put(); err == nil {
		err = e
	}
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	r, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, errors.Join(err, s.put())
	}
	return &rows{Rows: r, stmt: s}, nil
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	var all error
	for _, s := range c.cache {
		all = errors.Join(all, s.Close())
	}
	return errors.Join(all, c.innerConn.Close())
}

// rows give their statement back when they are closed.
type rows struct {
	driver.Rows
	stmt *stmt
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	if r.stmt == nil {
		return nil
	}
	err := errors.Join(r.Rows.Close(), r.stmt.put())
	r.stmt = nil
	return err
}
