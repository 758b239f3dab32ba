package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// tx is a record.Tx.
type tx struct {
	pgx.Tx
	update bool // not a View
	wake   bool // it made a change ready
	deltas int  // rows that it added to counts and the ledger
}

func (t *tx) Collections() record.Collections { return collections{t} }
func (t *tx) Records() record.Records         { return records{t} }
func (t *tx) Changes() record.Changes         { return changes{t} }
func (t *tx) Passages() record.Passages       { return passages{t} }
func (t *tx) Vectors() record.Vectors         { return vectors{t} }
func (t *tx) Runs() record.Runs               { return runs{t} }
func (t *tx) DeadLetters() record.DeadLetters { return deadLetters{t} }
func (t *tx) Audit() record.Audit             { return audit{t} }
func (t *tx) Objects() record.Objects         { return objects{t} }
func (t *tx) Ledger() record.Ledger           { return ledger{t} }
func (t *tx) Vault() gate.VaultStore          { return vault{t} }
func (t *tx) Unwrap() any                     { return t.Tx }

// exec runs a statement and says how many rows it changed. doing names the
// operation in errors.
func (t *tx) exec(ctx context.Context, doing, query string, args ...any) (int64, error) {
	tag, err := t.Exec(ctx, query, args...)
	return tag.RowsAffected(), explain(ctx, doing, err)
}

// each calls row for every row of a query.
func (t *tx) each(ctx context.Context, doing string, row func(pgx.Rows) error, query string, args ...any) error {
	rows, err := t.Query(ctx, query, args...)
	if err != nil {
		return explain(ctx, doing, err)
	}
	return explain(ctx, doing, readAll(rows, row))
}

func readAll(rows pgx.Rows, row func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list collects the rows of a query.
func list[T any](ctx context.Context, t *tx, doing string, scan func(pgx.Rows, *T) error, query string, args ...any) ([]T, error) {
	var all []T
	err := t.each(ctx, doing, func(r pgx.Rows) error {
		var one T
		if err := scan(r, &one); err != nil {
			return err
		}
		all = append(all, one)
		return nil
	}, query, args...)
	return all, err
}

// get reads the one row of a query into dest; found is false if there is none.
func (t *tx) get(ctx context.Context, doing string, dest []any, query string, args ...any) (found bool, err error) {
	err = t.each(ctx, doing, func(r pgx.Rows) error {
		found = true
		return r.Scan(dest...)
	}, query, args...)
	return found, err
}

// pipeline collects statements that go to the server together. Each sees what
// those before it did, and what others have committed by the time it runs.
type pipeline struct{ pgx.Batch }

// do adds a statement whose rows do not matter.
func (p *pipeline) do(query string, args ...any) {
	p.Queue(query, args...).Exec(func(pgconn.CommandTag) error { return nil })
}

// read adds a query.
func (p *pipeline) read(row func(pgx.Rows) error, query string, args ...any) {
	p.Queue(query, args...).Query(func(rows pgx.Rows) error { return readAll(rows, row) })
}

// send runs what was collected.
func (t *tx) send(ctx context.Context, doing string, p *pipeline) error {
	return explain(ctx, doing, t.SendBatch(ctx, &p.Batch).Close())
}

// unlimited is what a limit of 0 means to PostgreSQL: NULL.
func unlimited(limit int) *int {
	if limit <= 0 {
		return nil
	}
	return &limit
}

// micros and moment are how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// ints is a list of ids as PostgreSQL's bigint[]. It is never NULL.
func ints[T ~int64](list []T) []int64 {
	out := make([]int64, len(list))
	for i, v := range list {
		out[i] = int64(v)
	}
	return out
}

// blobs is a list of digests as bytea[].
func blobs(list []digest.Digest) [][]byte {
	out := make([][]byte, len(list))
	for i := range list {
		out[i] = list[i][:]
	}
	return out
}

// blob is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// storable reports whether a text column can hold s: UTF-8 without U+0000.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// shown makes text for people storable.
func shown(s string) string {
	if storable(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// scanDigest reads a 32-byte blob.
type scanDigest struct{ to *digest.Digest }

// ScanBytes implements pgtype.BytesScanner.
func (s scanDigest) ScanBytes(b []byte) (err error) {
	*s.to, err = digest.FromBytes(b)
	return err
}

// lost reports whether err is what a broken connection leaves.
func lost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, pgconn.ErrConnClosed)
}
