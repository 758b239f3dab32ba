package embedding

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the checksum that object stores verify uploads with; nothing rests on its secrecy
	"fmt"
	"time"

	"gocloud.dev/blob"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// storeFor bounds the time from the beginning of an upload to the commit that
// refers to it. It is far below orphanAfter, so that no object is taken for an
// orphan before its rows are there.
const storeFor = time.Hour

// Pack moves up to PackSize inline vectors, the oldest first, into one
// segment, and returns how many. The caller decides when it is worth an
// object: see Stats.
//
// The object is written, made durable and read back before one transaction
// points the rows at it: a crash before that leaves an object that nothing
// refers to, for Compact to find, never a vector without bytes.
func (s *Store) Pack(ctx context.Context) (int, error) {
	s.packing.Lock()
	defer s.packing.Unlock()
	var inline []record.Vector
	err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
		inline, err = tx.Vectors().Inline(ctx, s.cfg.PackSize)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("gather embeddings to pack: %w", err)
	}
	if len(inline) == 0 {
		return 0, nil
	}
	left, err := s.store(ctx, inline, "")
	if err == nil && left != "" {
		// Some were deleted on the way: their bytes must not stay.
		err = s.rewrite(ctx, left)
	}
	if err != nil {
		return 0, err
	}
	return len(inline), nil
}

// store writes vectors into a new segment and points their rows at it. It
// replaces a segment, if one is named: that loses its name in the same
// transaction, and then its object. If vectors have been deleted in the meantime, it returns the
// name of the new segment, which holds them still.
func (s *Store) store(ctx context.Context, vectors []record.Vector, replaces string) (left string, err error) {
	ctx, cancel := context.WithTimeout(ctx, storeFor)
	defer cancel()
	object, rows := buildSegment(vectors)
	name := rows[0].Segment
	if err := s.upload(ctx, name, object); err != nil {
		return "", err
	}
	addresses := make([]digest.Digest, len(rows))
	for i := range rows {
		addresses[i] = rows[i].Address
	}
	var old []string
	err = s.cfg.Records.Update(ctx, func(tx record.Tx) error {
		left, old = "", nil
		if err := tx.Vectors().Pack(ctx, rows); err != nil {
			return err
		}
		there, err := tx.Vectors().Load(ctx, addresses)
		if err == nil && len(there) < len(rows) {
			left = name
		}
		if err == nil && replaces != "" {
			old, err = tx.Vectors().Forget(ctx, []string{replaces})
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("point embeddings at segment %s: %w", name, err)
	}
	for _, o := range old {
		if err := s.remove(ctx, o); err != nil {
			return "", err
		}
	}
	return left, nil
}

// upload stores an object and proves that it is there as it should be: after
// Pack it is the only copy.
func (s *Store) upload(ctx context.Context, name string, object []byte) error {
	sum := md5.Sum(object) //nolint:gosec // as above
	err := s.cfg.Bucket.WriteAll(ctx, name, object, &blob.WriterOptions{
		ContentType: "application/octet-stream", ContentMD5: sum[:],
	})
	if err != nil {
		return fault.New(fault.Unavailable, "write segment %s: %w", name, err)
	}
	if s.cfg.Sync != nil {
		if err := s.cfg.Sync(ctx, name); err != nil {
			return fault.New(fault.Unavailable, "sync segment %s: %w", name, err)
		}
	}
	stored, err := s.cfg.Bucket.ReadAll(ctx, name)
	if err != nil {
		return fault.New(fault.Unavailable, "read back segment %s: %w", name, err)
	}
	if !bytes.Equal(stored, object) {
		return fault.New(fault.Unavailable, "segment %s was not stored as written: %d of %d bytes came back, or others; the embeddings stay in the record store",
			name, len(stored), len(object))
	}
	return nil
}
