package embedding

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	// DeadShare is the share of a segment's bytes that deleted vectors must
	// have for it to be written anew.
	DeadShare = 0.3
	// orphanAfter is the age at which an object that nothing refers to is
	// deleted: a younger one may be about to be referred to.
	orphanAfter = 24 * time.Hour
)

// Compaction says what to do about segments.
type Compaction struct {
	Now time.Time
	// Only, if set, names the segments to look at: each is written anew if it
	// holds any deleted vector. Otherwise all are looked at, and orphans too.
	Only []string
	// DryRun counts and changes nothing.
	DryRun bool
}

// Compacted says what became of segments.
type Compacted struct {
	Rewritten int   `json:"rewritten"`     // segments replaced by ones without their deleted vectors
	Removed   int   `json:"removed"`       // segments of deleted vectors only
	Orphans   int   `json:"orphans"`       // objects that nothing referred to
	Bytes     int64 `json:"bytes_removed"` // of all these, what was deleted vectors or orphans
}

// Compact removes deleted vectors from segments. A replacement is written and
// made durable, the rows are swapped to it in one transaction, and only then
// the old object is deleted: a crash leaves at most an object that nothing
// refers to, which a later call finds.
func (s *Store) Compact(ctx context.Context, c Compaction) (Compacted, error) {
	var out Compacted
	// The rows first: a segment that is named after this is a young object.
	use, err := s.use(ctx)
	if err != nil {
		return out, err
	}
	names := slices.Sorted(maps.Keys(use))
	sizes := map[string]int64{}
	if c.Only != nil {
		names = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(c.Only))), func(n string) bool { _, known := use[n]; return !known })
		err = s.sizes(ctx, names, sizes)
	} else {
		err = s.orphans(ctx, c, use, sizes, &out)
	}
	if err != nil {
		return out, err
	}
	for _, name := range names {
		size, there := sizes[name]
		dead := size - int64(segmentHeader) - use[name].Vectors*tableEntry - use[name].Bytes
		switch {
		case use[name].Vectors == 0:
			out.Removed++
			out.Bytes += size
			if !c.DryRun {
				err = s.drop(ctx, name)
			}
		case !there:
			return out, damaged(name, errors.New("it is missing"))
		case dead > 0 && (c.Only != nil || float64(dead) >= DeadShare*float64(size)):
			out.Rewritten++
			out.Bytes += dead
			if !c.DryRun {
				err = s.rewriteAlone(ctx, name)
			}
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (s *Store) use(ctx context.Context) (map[string]record.SegmentUse, error) {
	use := map[string]record.SegmentUse{}
	err := s.cfg.Records.View(ctx, func(tx record.Tx) error {
		all, err := tx.Vectors().Segments(ctx)
		for _, u := range all {
			use[u.Name] = u
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list segments: %w", err)
	}
	return use, nil
}

// sizes looks up the sizes of some segments.
func (s *Store) sizes(ctx context.Context, names []string, sizes map[string]int64) error {
	for _, name := range names {
		a, err := s.cfg.Bucket.Attributes(ctx, name)
		switch {
		case gcerrors.Code(err) == gcerrors.NotFound:
		case err != nil:
			return fault.New(fault.Unavailable, "look at segment %s: %w", name, err)
		default:
			sizes[name] = a.Size
		}
	}
	return nil
}

// orphans lists all segments, fills in their sizes, and deletes those that
// are old and unknown, also files that a killed process had not finished.
func (s *Store) orphans(ctx context.Context, c Compaction, use map[string]record.SegmentUse, sizes map[string]int64, out *Compacted) error {
	for it := s.cfg.Bucket.List(&blob.ListOptions{Prefix: segmentFolder}); ; {
		object, err := it.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fault.New(fault.Unavailable, "list segments: %w", err)
		}
		if _, known := use[object.Key]; known {
			sizes[object.Key] = object.Size
			continue
		}
		if c.Now.Sub(object.ModTime) < orphanAfter {
			continue
		}
		out.Orphans++
		out.Bytes += object.Size
		if c.DryRun {
			continue
		}
		if err := s.remove(ctx, object.Key); err != nil {
			return err
		}
	}
}

// drop removes a segment that no vector lies in.
func (s *Store) drop(ctx context.Context, name string) error {
	var gone []string
	err := s.cfg.Records.Update(ctx, func(tx record.Tx) (err error) {
		gone, err = tx.Vectors().Forget(ctx, []string{name})
		return err
	})
	if err != nil {
		return fmt.Errorf("forget segment %s: %w", name, err)
	}
	if len(gone) == 0 {
		return nil
	}
	return s.remove(ctx, name)
}

func (s *Store) remove(ctx context.Context, name string) error {
	if err := s.cfg.Bucket.Delete(ctx, name); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fault.New(fault.Unavailable, "delete segment %s: %w", name, err)
	}
	return nil
}

// rewriteAlone is rewrite while nothing else in this process moves vectors.
func (s *Store) rewriteAlone(ctx context.Context, name string) error {
	s.packing.Lock()
	defer s.packing.Unlock()
	return s.rewrite(ctx, name)
}

// rewrite replaces a segment by one without its deleted vectors; packing is held.
func (s *Store) rewrite(ctx context.Context, name string) error {
	for name != "" {
		b, err := s.cfg.Bucket.ReadAll(ctx, name)
		switch {
		case gcerrors.Code(err) == gcerrors.NotFound:
			return nil // another process was here; what it left is its to see to
		case err != nil:
			return fault.New(fault.Unavailable, "read segment %s: %w", name, err)
		}
		entries, err := parseSegment(b)
		if err != nil {
			return damaged(name, err)
		}
		live, err := s.live(ctx, name, entries)
		if err != nil {
			return err
		}
		left := ""
		if len(live) > 0 {
			left, err = s.store(ctx, live, name)
		} else {
			err = s.drop(ctx, name)
		}
		if err != nil {
			return err
		}
		name = left
	}
	return nil
}

// live picks the entries of a segment that rows point at.
func (s *Store) live(ctx context.Context, name string, entries []record.Vector) ([]record.Vector, error) {
	addresses := make([]digest.Digest, len(entries))
	for i := range entries {
		addresses[i] = entries[i].Address
	}
	var rows map[digest.Digest]record.Vector
	err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
		rows, err = tx.Vectors().Load(ctx, addresses)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up embeddings of segment %s: %w", name, err)
	}
	return slices.DeleteFunc(entries, func(e record.Vector) bool { return rows[e.Address].Segment != name }), nil
}
