package embedding

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

const (
	sweepWindow = 1 << 20
	sweepPage   = 4096 // rows read or changed in one transaction
)

// Pins are references to vectors beside those of passages. Each calls yield
// with every address that it refers to.
type Pins func(ctx context.Context, yield func(digest.Digest)) error

// Sweep says which unreferenced vectors to delete.
type Sweep struct {
	// Now is when the sweep begins. Vectors that were marked by Now less
	// Grace, and are not referred to, are deleted.
	Now   time.Time
	Grace time.Duration
	Pins  Pins
	// Window is how many vectors are looked at in one pass over the
	// references: it bounds the memory, about 50 bytes each. Default 1,048,576.
	Window int
	// DryRun counts and changes nothing.
	DryRun bool
}

// Swept says what a sweep did.
type Swept struct {
	Vectors int64 `json:"vectors"` // looked at
	Marked  int64 `json:"marked"`  // found without a reference
	Deleted int64 `json:"deleted"` // for they had been without one long enough
	// Segments lists where the deleted vectors lay.
	Segments []string `json:"-"`
}

// Sweep marks vectors that nothing refers to, and deletes those that were
// marked before and still are not referred to. References are looked for
// after the marks were read, and deletion checks the marks again; see
// record.Vectors for why nothing that is referred to is ever deleted. Any
// number of sweeps may run at a time.
func (s *Store) Sweep(ctx context.Context, sw Sweep) (Swept, error) {
	var out Swept
	size := sw.Window
	if size <= 0 {
		size = sweepWindow
	}
	segments := map[string]bool{}
	for after := (digest.Digest{}); ; {
		window, err := s.window(ctx, after, size)
		if err != nil || len(window) == 0 {
			out.Segments = sortedNames(segments)
			return out, err
		}
		out.Vectors += int64(len(window))
		referred, err := s.referred(ctx, window, sw.Pins)
		if err != nil {
			return out, err
		}
		if err := s.judge(ctx, sw, window, referred, &out, segments); err != nil {
			return out, err
		}
		after = window[len(window)-1].Address
	}
}

// Erase deletes those of the addresses that nothing refers to, at once, and
// returns how many, and the segments they lay in.
func (s *Store) Erase(ctx context.Context, addresses []digest.Digest, pins Pins) (int, []string, error) {
	now := time.Now()
	err := s.cfg.Records.Update(ctx, func(tx record.Tx) error { return tx.Vectors().Mark(ctx, addresses, now) })
	if err != nil {
		return 0, nil, fmt.Errorf("mark embeddings: %w", err)
	}
	window := make([]record.Marked, len(addresses))
	for i, a := range addresses {
		window[i] = record.Marked{Address: a, Since: now}
	}
	slices.SortFunc(window, func(a, b record.Marked) int { return bytes.Compare(a.Address[:], b.Address[:]) })
	window = slices.CompactFunc(window, func(a, b record.Marked) bool { return a.Address == b.Address })
	referred, err := s.referred(ctx, window, pins)
	if err != nil {
		return 0, nil, err
	}
	var out Swept
	segments := map[string]bool{}
	err = s.judge(ctx, Sweep{Now: now}, window, referred, &out, segments)
	return int(out.Deleted), sortedNames(segments), err
}

// window reads the next vectors in order.
func (s *Store) window(ctx context.Context, after digest.Digest, size int) ([]record.Marked, error) {
	var all []record.Marked
	for len(all) < size {
		var page []record.Marked
		err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
			page, err = tx.Vectors().Scan(ctx, after, min(sweepPage, size-len(all)))
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("scan embeddings: %w", err)
		}
		if len(page) == 0 {
			break
		}
		all = append(all, page...)
		after = page[len(page)-1].Address
	}
	return all, nil
}

// referred finds out which vectors of a window are referred to.
func (s *Store) referred(ctx context.Context, window []record.Marked, pins Pins) ([]bool, error) {
	out := make([]bool, len(window))
	see := func(a digest.Digest) {
		i, found := slices.BinarySearchFunc(window, a, func(m record.Marked, a digest.Digest) int { return bytes.Compare(m.Address[:], a[:]) })
		if found {
			out[i] = true
		}
	}
	for after := record.PassageID(0); ; {
		var page []record.Reference
		err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
			page, err = tx.Passages().References(ctx, after, sweepPage)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read references: %w", err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			see(Address(r.Space, r.Text))
		}
		after = page[len(page)-1].ID
	}
	if pins == nil {
		return out, nil
	}
	return out, pins(ctx, see)
}

// judge marks, spares and deletes the vectors of a window.
func (s *Store) judge(ctx context.Context, sw Sweep, window []record.Marked, referred []bool, out *Swept, segments map[string]bool) error {
	var spare, mark, old []digest.Digest
	by := sw.Now.Add(-sw.Grace)
	for i, m := range window {
		switch {
		case referred[i] && !m.Since.IsZero():
			spare = append(spare, m.Address)
		case referred[i]:
		case m.Since.IsZero():
			mark = append(mark, m.Address)
		case !m.Since.After(by):
			old = append(old, m.Address)
		}
	}
	if sw.DryRun {
		out.Marked += int64(len(mark))
		out.Deleted += int64(len(old))
		return nil
	}
	for chunk := range slices.Chunk(mark, sweepPage) {
		err := s.cfg.Records.Update(ctx, func(tx record.Tx) error { return tx.Vectors().Mark(ctx, chunk, sw.Now) })
		if err != nil {
			return fmt.Errorf("mark embeddings: %w", err)
		}
		out.Marked += int64(len(chunk))
	}
	// A claim on what is durable only clears its mark.
	for chunk := range slices.Chunk(spare, sweepPage) {
		if err := s.spare(ctx, chunk); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(old, sweepPage) {
		var gone []record.Vector
		err := s.cfg.Records.Update(ctx, func(tx record.Tx) (err error) {
			gone, err = tx.Vectors().Delete(ctx, chunk, by)
			return err
		})
		if err != nil {
			return fmt.Errorf("delete embeddings: %w", err)
		}
		out.Deleted += int64(len(gone))
		for _, v := range gone {
			if v.Segment != "" {
				segments[v.Segment] = true
			}
		}
	}
	return nil
}

// spare clears the marks on vectors that are referred to.
func (s *Store) spare(ctx context.Context, addresses []digest.Digest) error {
	missing, err := s.Pin(ctx, addresses)
	if err == nil && missing > 0 {
		s.cfg.Logger.WarnContext(ctx, "embeddings that are referred to are not there; they are computed when their records are indexed again", "count", missing)
	}
	return err
}

// Pin clears the marks on vectors that the caller has stored a reference to
// (see Pins), and says how many of them do not exist.
func (s *Store) Pin(ctx context.Context, addresses []digest.Digest) (missing int, err error) {
	for chunk := range slices.Chunk(addresses, sweepPage) {
		var claimed record.Claimed
		err := s.cfg.Records.Update(ctx, func(tx record.Tx) (err error) {
			now := time.Now()
			if claimed, err = tx.Vectors().Claim(ctx, pinner, chunk, now, now); err != nil {
				return err
			}
			return tx.Vectors().Unclaim(ctx, pinner, claimed.Mine)
		})
		if err != nil {
			return missing, fmt.Errorf("pin embeddings: %w", err)
		}
		missing += len(claimed.Mine) + len(claimed.Busy)
	}
	return missing, nil
}

// pinner owns no claim for longer than a transaction.
const pinner = "pin"

func sortedNames(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for name := range set {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
