package embedding_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

func mustPack(t *testing.T, s *embedding.Store) int {
	t.Helper()
	n, err := s.Pack(t.Context())
	if err != nil {
		t.Fatalf("pack: %v", err)
	}
	return n
}

// segments lists the objects in the bucket.
func (f *fixture) segments(t *testing.T) []string {
	t.Helper()
	var out []string
	for it := f.bucket.List(nil); ; {
		o, err := it.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o.Key)
	}
}

func TestPackMovesVectorsIntoSegments(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, func(c *embedding.StoreConfig) { c.PackSize = 100 })
	small, large := &counting{dimensions: 8}, &counting{dimensions: 300}
	texts := ensureTexts(t, named("pack", 130)...)
	mustEnsure(t, s, small, texts)
	mustEnsure(t, s, large, texts)
	for _, want := range []int{100, 100, 60, 0} {
		if n := mustPack(t, s); n != want {
			t.Errorf("packed %d, want %d", n, want)
		}
		wantStored(t, s, small, texts, always)
		wantStored(t, s, large, texts, always)
	}
	if st, err := s.Stats(t.Context()); err != nil || st != (embedding.Stats{Vectors: 260}) {
		t.Errorf("stats %+v, %v", st, err)
	}
	if n := len(f.segments(t)); n != 3 {
		t.Errorf("%d objects, want 3", n)
	}
	if n, err := s.Verify(t.Context()); n != 3 || err != nil {
		t.Errorf("verified %d, %v", n, err)
	}
	if out := mustEnsure(t, s, small, texts); out.Reused != 130 {
		t.Errorf("packed vectors are computed again: %+v", out)
	}
}

// A crash between the upload and the swap leaves an object that nothing
// refers to and loses no vector; when it is old it is found and deleted.
func TestPackInterruptedBeforeTheSwap(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	crash := errors.New("killed")
	crashing := &faulty{Store: f.records, update: func() error { return crash }}
	s := f.open(t, nil)
	e := &counting{}
	texts := ensureTexts(t, named("swap", 20)...)
	mustEnsure(t, s, e, texts)
	if n, err := f.open(t, func(c *embedding.StoreConfig) { c.Records = crashing }).Pack(t.Context()); !errors.Is(err, crash) || n != 0 {
		t.Errorf("pack: %d, %v", n, err)
	}
	orphans := f.segments(t)
	wantStored(t, s, e, texts, always)
	if st, err := s.Stats(t.Context()); err != nil || st.Inline != 20 {
		t.Errorf("stats %+v, %v", st, err)
	}
	mustPack(t, s)
	wantStored(t, s, e, texts, always)
	if n := len(f.segments(t)); n != 2 {
		t.Errorf("%d objects, want the orphan and another", n)
	}
	for _, age := range []time.Duration{0, 48 * time.Hour} {
		done, err := s.Compact(t.Context(), embedding.Compaction{Now: time.Now().Add(age)})
		if old := age > 0; err != nil || (done.Orphans == 1) != old || slices.Contains(f.segments(t), orphans[0]) == old {
			t.Errorf("at the age of %v: %+v, %v", age, done, err)
		}
	}
	wantStored(t, s, e, texts, always)
}

func TestPackTrustsNoUpload(t *testing.T) {
	t.Parallel()
	for name, tear := range map[string]func(path string) error{
		"torn":       func(path string) error { return os.Truncate(path, 100) },
		"emptied":    func(path string) error { return os.Truncate(path, 0) },
		"lost":       os.Remove,
		"flipped":    func(path string) error { return flip(path, 200) },
		"not synced": func(string) error { return errors.New("input/output error") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			s := f.open(t, func(c *embedding.StoreConfig) {
				c.Sync = func(_ context.Context, key string) error { return tear(filepath.Join(f.dir, key)) }
			})
			e := &counting{}
			texts := ensureTexts(t, named("torn", 20)...)
			mustEnsure(t, s, e, texts)
			if n, err := s.Pack(t.Context()); fault.KindOf(err) != fault.Unavailable || err == nil || n != 0 {
				t.Errorf("pack: %d, %v", n, err)
			}
			good := f.open(t, nil)
			wantStored(t, good, e, texts, always)
			mustPack(t, good)
			wantStored(t, good, e, texts, always)
		})
	}
}

func TestPackWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := os.WriteFile(filepath.Join(f.dir, "segments"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := f.open(t, nil)
	e := &counting{}
	texts := ensureTexts(t, named("full", 20)...)
	mustEnsure(t, s, e, texts)
	if n, err := s.Pack(t.Context()); fault.KindOf(err) != fault.Unavailable || err == nil || n != 0 {
		t.Errorf("pack: %d, %v", n, err)
	}
	wantStored(t, s, e, texts, always)
}

func flip(path string, at int) error {
	b, err := os.ReadFile(path) //nolint:gosec // a file of the test
	if err != nil {
		return err
	}
	b[at] ^= 0x10
	return os.WriteFile(path, b, 0o600) //nolint:gosec // as above
}

// Whatever happens to a segment, Load gives right vectors or an error that
// names it, never a wrong vector.
func TestDamagedSegmentsAreNoticed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, nil)
	e := &counting{}
	texts := ensureTexts(t, named("damage", 10)...)
	mustEnsure(t, s, e, texts)
	mustPack(t, s)
	name := f.segments(t)[0]
	path := filepath.Join(f.dir, name)
	whole, err := os.ReadFile(path) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	entries := len(whole) - 10*(4+8*4)
	check := func(what string, must bool, spoil func([]byte) []byte) {
		t.Helper()
		if err := os.WriteFile(path, spoil(slices.Clone(whole)), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(t.Context(), e.Model().Fingerprint(), digestsOf(texts))
		if must && (err == nil || !strings.Contains(err.Error(), name) || fault.KindOf(err) != fault.Internal) {
			t.Errorf("%s: %v", what, err)
		}
		if n, err := s.Verify(t.Context()); n != 1 || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: verified %d, %v", what, n, err)
		}
		for i := range texts {
			if v, ok := got[texts[i].Text]; ok && !slices.Equal(v, hashVector(texts[i].Clean.Embed(), 8)) {
				t.Errorf("%s: text %d has a wrong vector", what, i)
			}
		}
	}
	for at := range whole {
		check(fmt.Sprintf("byte %d flipped", at), at >= entries, func(b []byte) []byte { b[at] ^= 1; return b })
	}
	for _, n := range []int{0, 1, entries, len(whole) - 1} {
		check(fmt.Sprintf("cut to %d bytes", n), true, func(b []byte) []byte { return b[:n] })
	}
	check("one byte inserted", true, func(b []byte) []byte { return slices.Insert(b, entries, 0) })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), e.Model().Fingerprint(), digestsOf(texts)); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("removed: %v", err)
	}
}

// A sweep that swaps rows to a new segment and deletes the old one may run
// while vectors are loaded.
func TestLoadFollowsAMovedSegment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := &counting{}
	texts := ensureTexts(t, named("move", 10)...)
	s := f.open(t, nil)
	mustEnsure(t, s, e, texts)
	mustPack(t, s)
	old := f.segments(t)[0]
	moved := false
	watched := &faulty{Store: f.records}
	watched.viewed = func() {
		if moved {
			return
		}
		moved = true
		f.move(t, e, texts, old, "segments/new.seg")
	}
	wantStored(t, f.open(t, func(c *embedding.StoreConfig) { c.Records = watched }), e, texts, always)
	if !moved || !slices.Equal(f.segments(t), []string{"segments/new.seg"}) {
		t.Errorf("moved %v, objects %v", moved, f.segments(t))
	}
}

func (f *fixture) move(t *testing.T, e embedding.Embedder, texts []embedding.EnsureText, from, to string) {
	t.Helper()
	if err := f.bucket.Copy(t.Context(), to, from, nil); err != nil {
		t.Fatal(err)
	}
	err := f.records.Update(t.Context(), func(tx record.Tx) error {
		var addresses []digest.Digest
		for i := range texts {
			addresses = append(addresses, embedding.Address(e.Model().Fingerprint(), texts[i].Text))
		}
		rows, err := tx.Vectors().Load(t.Context(), addresses)
		if err != nil {
			return err
		}
		var swapped []record.Vector
		for _, row := range rows {
			row.Segment = to
			swapped = append(swapped, row)
		}
		return tx.Vectors().Pack(t.Context(), swapped)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.bucket.Delete(t.Context(), from); err != nil {
		t.Fatal(err)
	}
}

func TestLoadLeavesOutWhatIsMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, nil)
	e := &counting{}
	texts := ensureTexts(t, named("missing", 9)...)
	mustEnsure(t, s, e, texts[:3])
	mustPack(t, s)
	mustEnsure(t, s, e, texts[3:6])
	wantStored(t, s, e, append(texts, texts[0]), func(i int) bool { return i < 6 || i == 9 })
	other := &counting{dimensions: 16}
	wantStored(t, s, other, texts, func(int) bool { return false })
}

func benchVectors(b *testing.B, n int) (*fixture, *embedding.Store, *constant, []embedding.EnsureText) {
	f := newFixture(b)
	s := f.open(b, nil)
	e := &constant{v: hashVector("x", 1536)}
	texts := ensureTexts(b, named("bench", n)...)
	if _, err := s.Ensure(b.Context(), e, texts); err != nil {
		b.Fatal(err)
	}
	return f, s, e, texts
}

func BenchmarkPack(b *testing.B) {
	const n = 1024
	b.SetBytes(n * 1536 * 4)
	for b.Loop() {
		b.StopTimer()
		_, s, _, _ := benchVectors(b, n)
		b.StartTimer()
		if _, err := s.Pack(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	const n = 4096
	for _, packed := range []bool{false, true} {
		b.Run(fmt.Sprintf("packed=%v", packed), func(b *testing.B) {
			_, s, e, texts := benchVectors(b, n)
			for packed {
				moved, err := s.Pack(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if moved == 0 {
					break
				}
			}
			digests := digestsOf(texts)
			space := e.Model().Fingerprint()
			b.SetBytes(n * 1536 * 4)
			for b.Loop() {
				if got, err := s.Load(b.Context(), space, digests); err != nil || len(got) != n {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
