package snapshot

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

const (
	folder = "snapshots/"
	// orphanAfter is the age at which an object that no snapshot names is
	// deleted; createFor bounds the time from its beginning to its name's commit.
	orphanAfter, createFor = 24 * time.Hour, 12 * time.Hour
	// rowGroup bounds what a writer holds in memory. It decides where bytes
	// fall, so it must never change, nor anything in writer.
	rowGroup = 4096
)

var errGone = errors.New("object is gone")

// recordRow is a record in a snapshot.
type recordRow struct {
	Record         int64  `parquet:"record"` // its internal id
	Version        int64  `parquet:"version"`
	ContentVersion int64  `parquet:"content_version"`
	Change         int64  `parquet:"change"`
	Fields         string `parquet:"fields,json"` // the public ones
}

// passageRow is a passage in a snapshot.
type passageRow struct {
	Record         int64    `parquet:"record"`
	ContentVersion int64    `parquet:"content_version"`
	Field          string   `parquet:"field,dict"`
	Ordinal        int32    `parquet:"ordinal"`
	Start          int64    `parquet:"start"`
	End            int64    `parquet:"end"`
	Text           [32]byte `parquet:"text_digest"`
	Display        [32]byte `parquet:"display_digest"`
	Address        [32]byte `parquet:"embedding"`
	Sealed         []byte   `parquet:"sealed"`
}

// addressRow is the column of addresses alone.
type addressRow struct {
	Address [32]byte `parquet:"embedding"`
}

// writer is a Parquet writer whose bytes depend on its rows alone: it writes
// no time, and its settings are pinned.
func writer[T any](w io.Writer) *parquet.GenericWriter[T] {
	return parquet.NewGenericWriter[T](w,
		parquet.CreatedBy("holdfast", "1", "snapshot"), parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(2),
		parquet.PageBufferSize(256<<10), parquet.WriteBufferSize(0), parquet.MaxRowsPerRowGroup(rowGroup), parquet.DataPageStatistics(false))
}

// upload is an object on its way into the bucket.
type upload[T any] struct {
	key  string
	sum  hash.Hash
	size int64
	to   *blob.Writer
	rows *parquet.GenericWriter[T]
	stop context.CancelFunc
}

func newUpload[T any](ctx context.Context, s *Store) (*upload[T], error) {
	ctx, stop := context.WithCancel(ctx)
	u := &upload[T]{key: folder + strings.ToLower(rand.Text()) + ".parquet", sum: sha256.New(), stop: stop}
	var err error
	if u.to, err = s.Bucket.NewWriter(ctx, u.key, &blob.WriterOptions{ContentType: "application/vnd.apache.parquet"}); err != nil {
		stop()
		return nil, fault.New(fault.Unavailable, "write snapshot: %w", err)
	}
	u.rows = writer[T](u)
	return u, nil
}

// Write implements io.Writer for the Parquet writer.
func (u *upload[T]) Write(b []byte) (int, error) {
	u.sum.Write(b)
	u.size += int64(len(b))
	return u.to.Write(b)
}

func (u *upload[T]) add(rows []T) error {
	if _, err := u.rows.Write(rows); err != nil {
		return fault.New(fault.Unavailable, "write snapshot: %w", err)
	}
	return nil
}

// close makes the object durable.
func (u *upload[T]) close(ctx context.Context, s *Store) (Object, error) {
	defer u.stop()
	if err := u.rows.Close(); err != nil {
		return Object{}, fault.New(fault.Unavailable, "write snapshot: %w", err)
	}
	if err := u.to.Close(); err != nil {
		return Object{}, fault.New(fault.Unavailable, "write snapshot: %w", err)
	}
	if s.Sync != nil {
		if err := s.Sync(ctx, u.key); err != nil {
			return Object{}, fault.New(fault.Unavailable, "sync snapshot: %w", err)
		}
	}
	return Object{Key: u.key, Digest: digest.Digest(u.sum.Sum(nil)), Bytes: u.size}, nil
}

// abort gives an upload up, unless it was closed; what is left of it is an orphan.
func (u *upload[T]) abort() {
	u.stop()
	_ = u.to.Close() // its context has ended: nothing is stored
}

// file reads an object at any place.
type file struct {
	ctx    context.Context //nolint:containedctx // io.ReaderAt takes none
	bucket *blob.Bucket
	object Object
}

// ReadAt implements io.ReaderAt.
func (f file) ReadAt(p []byte, off int64) (int, error) {
	n := min(int64(len(p)), f.object.Bytes-off)
	if n <= 0 {
		return 0, io.EOF
	}
	r, err := f.bucket.NewRangeReader(f.ctx, f.object.Key, off, n, nil)
	if err != nil {
		return 0, explain(f.object, err)
	}
	read, err := io.ReadFull(r, p[:n])
	if closing := r.Close(); err == nil {
		err = closing
	}
	if err == nil && read < len(p) {
		err = io.EOF
	}
	return read, err
}

func explain(o Object, err error) error {
	switch {
	case errors.Is(err, errGone):
		return err
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fault.New(fault.Internal, "%s is missing, restore it from a backup: %w", o.Key, errGone)
	}
	return fault.New(fault.Unavailable, "read snapshot object %s: %w", o.Key, err)
}

// check reads a whole object and compares its digest.
func (s *Store) check(ctx context.Context, o Object) error {
	r, err := s.Bucket.NewReader(ctx, o.Key, nil)
	if err != nil {
		return explain(o, err)
	}
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	if closing := r.Close(); err == nil {
		err = closing
	}
	switch {
	case err != nil:
		return explain(o, err)
	case digest.Digest(sum.Sum(nil)) != o.Digest:
		return fault.New(fault.Internal, "snapshot object %s is damaged, restore it from a backup", o.Key)
	}
	return nil
}

// readRows reads the columns of T from an object, in order.
func readRows[T any](ctx context.Context, bucket *blob.Bucket, o Object, each func([]T) error) error {
	f, err := parquet.OpenFile(file{ctx, bucket, o}, o.Bytes, parquet.ReadBufferSize(1<<20))
	if err != nil {
		return explain(o, err)
	}
	r := parquet.NewGenericReader[T](f)
	defer func() { _ = r.Close() }() // nothing is behind it
	rows := make([]T, 1024)
	for {
		n, err := r.Read(rows)
		if n > 0 {
			if err := each(rows[:n]); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return explain(o, err)
		}
	}
}

// olderThan lists the objects of snapshots that were written before a time.
func (s *Store) olderThan(ctx context.Context, before time.Time) ([]string, error) {
	var out []string
	for it := s.Bucket.List(&blob.ListOptions{Prefix: folder}); ; {
		o, err := it.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, fault.New(fault.Unavailable, "list snapshots: %w", err)
		case o.ModTime.Before(before):
			out = append(out, o.Key)
		}
	}
}

// remove deletes objects; one that is gone already is no fault.
func (s *Store) remove(ctx context.Context, keys ...string) error {
	for _, k := range keys {
		if err := s.Bucket.Delete(ctx, k); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fault.New(fault.Unavailable, "delete snapshot object: %w", err)
		}
	}
	return nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
