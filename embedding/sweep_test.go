package embedding_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/record"
)

// shelf is a collection whose records refer to texts, as the index pipeline
// makes them: passages first, then their vectors.
type shelf struct {
	*fixture
	store      *embedding.Store
	model      *counting
	collection record.Collection
	generation record.Generation
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{fixture: newFixture(t), model: &counting{}}
	s.store = s.open(t, func(c *embedding.StoreConfig) { c.PackSize = 16 })
	d := record.Declaration{Collection: "shelf", Content: []string{"title"}}
	if err := d.Complete(); err != nil {
		t.Fatal(err)
	}
	s.update(t, func(ctx context.Context, tx record.Tx) (err error) {
		if s.collection, err = tx.Collections().Put(ctx, d); err != nil {
			return err
		}
		s.generation, err = tx.Collections().AddGeneration(ctx, record.Generation{
			Collection: s.collection.ID, State: record.Active, Model: "counting", Space: s.model.Model().Fingerprint(), Dimensions: 8,
		})
		return err
	})
	return s
}

func (s *shelf) update(t *testing.T, fn func(ctx context.Context, tx record.Tx) error) {
	t.Helper()
	if err := s.records.Update(t.Context(), func(tx record.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Error(err)
	}
}

// write makes a record refer to exactly these texts.
func (s *shelf) write(t *testing.T, id string, n int, texts []embedding.EnsureText) {
	t.Helper()
	g := s.generation.ID
	var ref record.Ref
	s.update(t, func(ctx context.Context, tx record.Tx) error {
		w, err := tx.Records().Write(ctx, &s.collection, []record.Write{{ID: id, Op: record.Put, Fields: record.Fields{"title": fmt.Sprint(n)}}})
		if err != nil {
			return err
		}
		ref = w[0].Ref
		set := record.PassageSet{Ref: ref, ContentVersion: w[0].ContentVersion}
		for i := range texts {
			set.Passages = append(set.Passages, record.Passage{Field: "title", Ordinal: i, Text: texts[i].Text, Sealed: []byte("s")})
		}
		return tx.Passages().Replace(ctx, g, []record.PassageSet{set})
	})
	mustEnsure(t, s.store, s.model, texts)
	s.update(t, func(ctx context.Context, tx record.Tx) error {
		all, err := tx.Passages().Of(ctx, g, []record.Ref{ref})
		if err != nil {
			return err
		}
		var fresh, removed []record.PassageID
		for _, p := range all {
			if p.State == record.Removed {
				removed = append(removed, p.ID)
			} else {
				fresh = append(fresh, p.ID)
			}
		}
		return tx.Passages().Settle(ctx, g, fresh, removed)
	})
}

func (s *shelf) sweep(t *testing.T, sw embedding.Sweep) embedding.Swept {
	t.Helper()
	if sw.Now.IsZero() {
		sw.Now = time.Now()
	}
	out, err := s.store.Sweep(t.Context(), sw)
	if err != nil {
		t.Error(err)
	}
	return out
}

func (s *shelf) compact(t *testing.T, c embedding.Compaction) embedding.Compacted {
	t.Helper()
	out, err := s.store.Compact(t.Context(), c)
	if err != nil {
		t.Error(err)
	}
	return out
}

// Nothing that is referred to is ever swept: while writers come to refer to
// texts and cease to, sweeps without any grace, packing and compaction run;
// each writer finds the vectors of all that it refers to at any time.
func TestNothingReferredToIsSwept(t *testing.T) {
	t.Parallel()
	const writers, rounds, pool = 4, 60, 50
	s := newShelf(t)
	texts := ensureTexts(t, named("pool", pool)...)
	pinned := texts[pool-1]
	pins := func(_ context.Context, yield func(digest.Digest)) error {
		yield(embedding.Address(s.generation.Space, pinned.Text))
		return nil
	}
	mustEnsure(t, s.store, s.model, texts)
	var writing, sweeping sync.WaitGroup
	var done atomic.Bool
	held := make([][]embedding.EnsureText, writers)
	for w := range writers {
		writing.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 7)) //nolint:gosec // a test
			for n := range rounds {
				var some []embedding.EnsureText
				for _, i := range r.Perm(pool)[:r.IntN(6)] {
					some = append(some, texts[i])
				}
				s.write(t, fmt.Sprint("r", w), n, some)
				wantStored(t, s.store, s.model, some, always)
				held[w] = some
			}
		})
	}
	var deleted, rewritten atomic.Int64
	for range 2 {
		sweeping.Go(func() {
			for !done.Load() {
				deleted.Add(s.sweep(t, embedding.Sweep{Pins: pins, Window: 16}).Deleted)
				mustPack(t, s.store)
				c := s.compact(t, embedding.Compaction{Now: time.Now()})
				rewritten.Add(int64(c.Rewritten + c.Removed))
			}
		})
	}
	writing.Wait()
	done.Store(true)
	sweeping.Wait()
	model := map[digest.Digest]bool{pinned.Text: true}
	for _, some := range held {
		for _, x := range some {
			model[x.Text] = true
		}
	}
	for range 2 {
		s.sweep(t, embedding.Sweep{Pins: pins, Window: 16})
	}
	wantStored(t, s.store, s.model, texts, func(i int) bool { return model[texts[i].Text] })
	if st, err := s.store.Stats(t.Context()); err != nil || st.Vectors != int64(len(model)) {
		t.Errorf("stats %+v, %v; the model has %d", st, err, len(model))
	}
	if deleted.Load() == 0 || rewritten.Load() == 0 {
		t.Errorf("%d deleted, %d rewritten: this tests nothing", deleted.Load(), rewritten.Load())
	}
	t.Logf("%d deleted, %d segments rewritten or removed meanwhile", deleted.Load(), rewritten.Load())
}

func TestSweepWaitsForTheGrace(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	texts := ensureTexts(t, named("grace", 10)...)
	s.write(t, "a", 1, texts)
	s.write(t, "a", 2, texts[:4])
	start := time.Now()
	week := 7 * 24 * time.Hour
	at := func(age time.Duration, dry bool) embedding.Swept {
		return s.sweep(t, embedding.Sweep{Now: start.Add(age), Grace: week, DryRun: dry})
	}
	for _, c := range []struct {
		age             time.Duration
		dry             bool
		marked, deleted int64
	}{
		{0, true, 6, 0},
		{0, false, 6, 0},
		{week - time.Hour, false, 0, 0},
		{week, true, 0, 6},
	} {
		if got := at(c.age, c.dry); got.Marked != c.marked || got.Deleted != c.deleted {
			t.Errorf("after %v: %+v, want %d marked and %d deleted", c.age, got, c.marked, c.deleted)
		}
	}
	s.write(t, "b", 1, texts[4:6]) // clears the marks
	if got := at(week, false); got.Deleted != 4 || got.Marked != 0 {
		t.Errorf("after a week %+v", got)
	}
	wantStored(t, s.store, s.model, texts, func(i int) bool { return i < 6 })
}

// vectorBytes is how the vector of a text lies in a segment.
func vectorBytes(x embedding.EnsureText) []byte {
	var b []byte
	for _, v := range hashVector(x.Clean.Embed(), 8) {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// holds counts the objects that hold the vector of a text.
func (s *shelf) holds(t *testing.T, x embedding.EnsureText) (n int) {
	t.Helper()
	for _, name := range s.segments(t) {
		b, err := os.ReadFile(filepath.Join(s.dir, name)) //nolint:gosec // a file of the test
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, vectorBytes(x)) {
			n++
		}
	}
	return n
}

func TestErasedVectorsLeaveTheirSegments(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	texts := ensureTexts(t, named("erase", 32)...)
	s.write(t, "a", 1, texts)
	for mustPack(t, s.store) > 0 {
	}
	s.write(t, "a", 2, texts[1:])
	addresses := []digest.Digest{embedding.Address(s.generation.Space, texts[0].Text), embedding.Address(s.generation.Space, texts[1].Text)}
	n, segments, err := s.store.Erase(t.Context(), addresses, nil)
	if err != nil || n != 1 || len(segments) != 1 {
		t.Fatalf("erased %d of %v, %v", n, segments, err)
	}
	if got := s.compact(t, embedding.Compaction{Now: time.Now()}); got != (embedding.Compacted{}) {
		t.Errorf("one of sixteen is no reason to rewrite: %+v", got)
	}
	if s.holds(t, texts[0]) != 1 {
		t.Error("the test looks for the wrong bytes")
	}
	if got := s.compact(t, embedding.Compaction{Now: time.Now(), Only: segments}); got.Rewritten != 1 {
		t.Errorf("compacted %+v", got)
	}
	if s.holds(t, texts[0]) != 0 || s.holds(t, texts[1]) != 1 || len(s.segments(t)) != 2 {
		t.Errorf("the erased vector is in %d objects, another in %d; objects %v", s.holds(t, texts[0]), s.holds(t, texts[1]), s.segments(t))
	}
	wantStored(t, s.store, s.model, texts, func(i int) bool { return i > 0 })
}

// A crash at any point of a compaction loses no vector, and leaks at most
// objects, which are found when they are old.
func TestCompactionInterrupted(t *testing.T) {
	t.Parallel()
	for stop := 0; ; stop++ {
		s := newShelf(t)
		texts := ensureTexts(t, named("crash", 48)...)
		s.write(t, "a", 1, texts)
		for mustPack(t, s.store) > 0 {
		}
		s.write(t, "a", 2, texts[24:])
		for range 2 {
			s.sweep(t, embedding.Sweep{})
		}
		killed := errors.New("killed")
		left := stop
		count := func() error {
			if left--; left < 0 {
				return killed
			}
			return nil
		}
		crashing := s.open(t, func(c *embedding.StoreConfig) {
			c.Records = &faulty{Store: s.records, update: count}
			c.Sync = func(context.Context, string) error { return count() }
		})
		_, err := crashing.Compact(t.Context(), embedding.Compaction{Now: time.Now()})
		wantStored(t, s.store, s.model, texts, func(i int) bool { return i >= 24 })
		done := s.compact(t, embedding.Compaction{Now: time.Now().Add(48 * time.Hour)})
		wantStored(t, s.store, s.model, texts, func(i int) bool { return i >= 24 })
		if s.holds(t, texts[0]) != 0 || s.holds(t, texts[24]) != 1 || len(s.segments(t)) != 2 {
			t.Errorf("stopped at %d: %+v left %v", stop, done, s.segments(t))
		}
		if err == nil {
			if stop < 3 {
				t.Errorf("only %d points were tried", stop)
			}
			return
		}
		if !errors.Is(err, killed) {
			t.Fatal(err)
		}
	}
}
