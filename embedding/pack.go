package embedding

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // the checksum that object stores verify uploads with; nothing rests on its secrecy
	"fmt"

	"gocloud.dev/blob"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Pack moves up to PackSize inline vectors, the oldest first, into one
// segment, and returns how many. The caller decides when it is worth an
// object: see Stats.
//
// The object is written, made durable and read back before one transaction
// points the rows at it: a crash before that leaves an object that nothing
// refers to, never a vector without bytes. Packing the same vectors again
// writes the same object.
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
	object, rows := buildSegment(inline)
	if err := s.upload(ctx, rows[0].Segment, object); err != nil {
		return 0, err
	}
	err = s.cfg.Records.Update(ctx, func(tx record.Tx) error { return tx.Vectors().Pack(ctx, rows) })
	if err != nil {
		return 0, fmt.Errorf("point embeddings at segment %s: %w", rows[0].Segment, err)
	}
	return len(rows), nil
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
