package embedding_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

func mustEnsure(t *testing.T, s *embedding.Store, e embedding.Embedder, texts []embedding.EnsureText) embedding.Ensured {
	t.Helper()
	out, err := s.Ensure(t.Context(), e, texts)
	if err != nil {
		t.Fatalf("ensure: %v", err)
	}
	return out
}

func TestEnsureComputesOnceAndReuses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var events []embedding.Event
	s := f.open(t, func(c *embedding.StoreConfig) {
		c.Chunk = 10
		c.Observe = func(ev embedding.Event) { events = append(events, ev) }
	})
	e := &counting{}
	texts := ensureTexts(t, append(named("once", 25), "once "+letters(3), "once "+letters(3))...)
	out := mustEnsure(t, s, e, texts)
	if out.Computed != 25 || out.Reused != 2 || out.Failed != nil || out.Usage != (embedding.Usage{Requests: 3, Tokens: 25}) {
		t.Errorf("first: %+v", out)
	}
	out = mustEnsure(t, s, e, texts)
	if out.Computed != 0 || out.Reused != 27 || out.Usage != (embedding.Usage{}) {
		t.Errorf("again: %+v", out)
	}
	wantStored(t, s, e, texts, always)
	if texts, most := e.embedded(); texts != 25 || most != 1 {
		t.Errorf("%d texts embedded, one of them %d times", texts, most)
	}
	var computed, reused int
	for _, ev := range events {
		computed, reused = computed+ev.Computed, reused+ev.Reused
	}
	if computed != 25 || reused != 29 {
		t.Errorf("observed %d computed, %d reused", computed, reused)
	}
	if st, err := s.Stats(t.Context()); err != nil || st != (embedding.Stats{Vectors: 25, Inline: 25}) {
		t.Errorf("stats %+v, %v", st, err)
	}
}

// Invariant 4: many goroutines in two processes embed the same texts, in any
// order and with overlaps, and each text is computed exactly once.
func TestConcurrentEnsureComputesEachTextOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stores := []*embedding.Store{
		f.open(t, func(c *embedding.StoreConfig) { c.Chunk = 7 }), f.open(t, func(c *embedding.StoreConfig) { c.Chunk = 16 }),
	}
	e := &counting{}
	all := ensureTexts(t, named("shared", 200)...)
	var wg sync.WaitGroup
	outs := make([]embedding.Ensured, 24)
	for g := range outs {
		wg.Go(func() {
			mine := slices.Clone(all)
			rand.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
			out, err := stores[g%2].Ensure(t.Context(), e, mine)
			if err != nil {
				t.Error(err)
			}
			if out.Computed+out.Reused != len(all) || len(out.Failed) != 0 {
				t.Errorf("%+v", out)
			}
			outs[g] = out
		})
	}
	wg.Wait()
	if texts, most := e.embedded(); texts != len(all) || most != 1 {
		t.Errorf("%d texts embedded, one of them %d times", texts, most)
	}
	computed := 0
	for _, out := range outs {
		computed += out.Computed
	}
	if computed != len(all) {
		t.Errorf("%d reported as computed, want %d", computed, len(all))
	}
	wantStored(t, stores[0], e, all, always)
}

func TestBadTextsFailAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s, other := f.open(t, nil), f.open(t, nil)
	texts := ensureTexts(t, append(named("bad", 8), "bad "+letters(2))...)
	spoil := map[string]func(v *embedding.Vector){
		"bad " + letters(1): func(v *embedding.Vector) { v.Values = v.Values[1:] },
		"bad " + letters(2): func(v *embedding.Vector) { *v = embedding.Vector{Err: fault.New(fault.Invalid, "too long")} },
		"bad " + letters(3): func(v *embedding.Vector) { v.Values[3] = float32(math.NaN()) },
		"bad " + letters(4): func(v *embedding.Vector) { v.Values[0] = float32(math.Inf(1)) },
		"bad " + letters(5): func(v *embedding.Vector) { clear(v.Values) },
		"bad " + letters(6): func(v *embedding.Vector) { v.Values[0] += 2 },
	}
	e := &counting{change: func(text string, v *embedding.Vector) {
		if f := spoil[text]; f != nil {
			f(v)
		}
	}}
	out := mustEnsure(t, s, e, texts)
	if out.Computed != 2 || len(out.Failed) != 7 {
		t.Errorf("%+v", out)
	}
	for i, kind := range map[int]fault.Kind{1: fault.Internal, 2: fault.Invalid, 3: fault.Internal, 4: fault.Internal, 5: fault.Invalid, 6: fault.Internal, 8: fault.Invalid} {
		if err := out.Failed[i]; err == nil || fault.KindOf(err) != kind {
			t.Errorf("text %d: %v", i, err)
		}
	}
	wantStored(t, s, e, texts, func(i int) bool { return i == 0 || i == 7 })
	// No claim is left behind: another process may try again at once.
	good := &counting{}
	if out := mustEnsure(t, other, good, texts); out.Computed != 6 || out.Reused != 3 {
		t.Errorf("after the fault: %+v", out)
	}
	wantStored(t, s, e, texts, always)
}

func TestAFailedCallKeepsWhatWasDone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s, other := f.open(t, func(c *embedding.StoreConfig) { c.Chunk = 10 }), f.open(t, nil)
	texts := ensureTexts(t, named("down", 40)...)
	down := &fault.Error{Kind: fault.Unavailable, Msg: "slow down", RetryAfter: time.Minute}
	e := &counting{}
	e.before = func(context.Context, []gate.Clean) error {
		if e.calls == 3 {
			return down
		}
		return nil
	}
	out, err := s.Ensure(t.Context(), e, texts)
	if !errors.Is(err, down) || fault.RetryAfter(err) != time.Minute || out.Computed != 20 || len(out.Failed) != 0 || out.Usage.Requests != 3 {
		t.Errorf("%+v, %v", out, err)
	}
	wantStored(t, s, e, texts, func(i int) bool { return i < 20 })
	if out := mustEnsure(t, other, &counting{}, texts); out.Computed != 20 || out.Reused != 20 {
		t.Errorf("after the fault: %+v", out)
	}
}

// Goroutines that wait for one another's texts share a failure rather than
// each asking a provider that is down; one that gives up waiting disturbs
// nobody.
func TestWaitersShareAFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	texts := ensureTexts(t, named("share", 5)...)
	synctest.Test(t, func(t *testing.T) {
		s := f.open(t, nil)
		down := fault.New(fault.Unavailable, "down")
		release := make(chan struct{})
		e := &counting{before: func(context.Context, []gate.Clean) error { <-release; return down }}
		impatient, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.Ensure(t.Context(), e, texts); !errors.Is(err, down) {
					t.Errorf("error = %v", err)
				}
			})
			synctest.Wait() // the first is with the model, the others wait for it
		}
		wg.Go(func() {
			if _, err := s.Ensure(impatient, e, texts); !errors.Is(err, context.Canceled) {
				t.Errorf("one that gives up: %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		wg.Wait()
		if _, most := e.embedded(); most != 1 {
			t.Errorf("asked %d times", most)
		}
	})
}

// A worker that died holds its claims until they expire; then they are
// anybody's.
func TestClaimsOfTheDeadAreTakenOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := &counting{}
	texts := ensureTexts(t, named("dead", 3)...)
	claimAs(t, f, e, "the dead", texts[:2], 300*time.Millisecond)
	if out := mustEnsure(t, f.open(t, nil), e, texts); out.Computed != 3 {
		t.Errorf("%+v", out)
	}
}

func TestARestartTakesOverItsOwnClaims(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	e := &counting{}
	texts := ensureTexts(t, named("again", 3)...)
	claimAs(t, f, e, "worker", texts, 24*time.Hour)
	s := f.open(t, func(c *embedding.StoreConfig) { c.Owner = "worker" })
	if out := mustEnsure(t, s, e, texts); out.Computed != 3 {
		t.Errorf("%+v", out)
	}
}

func claimAs(t *testing.T, f *fixture, e embedding.Embedder, owner string, texts []embedding.EnsureText, ttl time.Duration) {
	t.Helper()
	addresses := make([]digest.Digest, len(texts))
	for i := range texts {
		addresses[i] = embedding.Address(e.Model().Fingerprint(), texts[i].Text)
	}
	err := f.records.Update(t.Context(), func(tx record.Tx) error {
		got, err := tx.Vectors().Claim(t.Context(), owner, addresses, time.Now(), time.Now().Add(ttl))
		if err == nil && len(got.Mine) != len(addresses) {
			t.Errorf("claimed %d of %d", len(got.Mine), len(addresses))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A slow model keeps its claims: another process waits for it, however long.
func TestClaimsAreRenewedWhileAModelWorks(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const claimFor = 1500 * time.Millisecond
	watched := &faulty{Store: f.records, claimed: make(chan struct{}, 100)}
	slow := f.open(t, func(c *embedding.StoreConfig) { c.Records, c.ClaimFor = watched, claimFor })
	other := f.open(t, func(c *embedding.StoreConfig) { c.ClaimFor = claimFor })
	e := &counting{}
	working := make(chan struct{})
	e.before = func(context.Context, []gate.Clean) error {
		close(working)
		for range 5 { // the first claim and four renewals, longer than a claim lasts
			<-watched.claimed
		}
		return nil
	}
	texts := ensureTexts(t, named("slow", 3)...)
	var wg sync.WaitGroup
	wg.Go(func() {
		if out, err := slow.Ensure(t.Context(), e, texts); err != nil || out.Computed != 3 {
			t.Errorf("%+v, %v", out, err)
		}
	})
	<-working
	if out := mustEnsure(t, other, e, texts); out.Reused != 3 {
		t.Errorf("the other process: %+v", out)
	}
	wg.Wait()
}

func (v faultyVectors) Claim(ctx context.Context, owner string, addresses []digest.Digest, now, until time.Time) (record.Claimed, error) {
	v.f.claims.Add(1)
	if v.f.claimed != nil {
		v.f.claimed <- struct{}{}
	}
	return v.Vectors.Claim(ctx, owner, addresses, now, until)
}

// Vectors that were paid for survive a record store that fails for a while,
// and a caller that gives up.
func TestPaidVectorsAreStored(t *testing.T) {
	t.Parallel()
	t.Run("store fails for a while", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		flaky := &faulty{Store: f.records}
		s := f.open(t, func(c *embedding.StoreConfig) { c.Records = flaky })
		e := &counting{before: func(context.Context, []gate.Clean) error {
			left := 3
			flaky.update = func() error {
				if left--; left >= 0 {
					return fault.New(fault.Unavailable, "busy")
				}
				return nil
			}
			return nil
		}}
		texts := ensureTexts(t, named("flaky", 3)...)
		if out := mustEnsure(t, s, e, texts); out.Computed != 3 {
			t.Errorf("%+v", out)
		}
		if _, most := e.embedded(); most != 1 {
			t.Errorf("embedded %d times", most)
		}
		wantStored(t, s, e, texts, always)
	})
	t.Run("caller gives up", func(t *testing.T) {
		t.Parallel()
		f := newFixture(t)
		s := f.open(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		e := &counting{before: func(context.Context, []gate.Clean) error { cancel(); return nil }}
		texts := ensureTexts(t, named("gone", 3)...)
		if out, err := s.Ensure(ctx, e, texts); !errors.Is(err, context.Canceled) || out.Computed != 3 {
			t.Errorf("%+v, %v", out, err)
		}
		wantStored(t, s, e, texts, always)
	})
}

func TestAStoreThatFailsForGoodIsAnError(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	broken := errors.New("disk is gone")
	bad := &faulty{Store: f.records}
	s := f.open(t, func(c *embedding.StoreConfig) { c.Records = bad })
	e := &counting{before: func(context.Context, []gate.Clean) error { bad.update = func() error { return broken }; return nil }}
	texts := ensureTexts(t, named("broken", 3)...)
	if out, err := s.Ensure(t.Context(), e, texts); !errors.Is(err, broken) || out.Computed != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	wantStored(t, s, e, texts, func(int) bool { return false })
}

func TestWrongNumberOfVectorsIsAnError(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, nil)
	texts := ensureTexts(t, named("few", 3)...)
	if out, err := s.Ensure(t.Context(), short{&counting{}}, texts); fault.KindOf(err) != fault.Internal || err == nil || out.Computed != 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// short loses the last vector.
type short struct{ *counting }

func (e short) Embed(ctx context.Context, p embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	v, u, err := e.counting.Embed(ctx, p, texts)
	return v[:len(v)-1], u, err
}

func BenchmarkEnsure(b *testing.B) {
	f := newFixture(b)
	s := f.open(b, nil)
	e := &constant{v: hashVector("x", 256)}
	const batch = 1024
	b.Run("new", func(b *testing.B) {
		round := 0
		for b.Loop() {
			b.StopTimer()
			texts := ensureTexts(b, named("bench "+letters(round), batch)...)
			round++
			b.StartTimer()
			if _, err := s.Ensure(b.Context(), e, texts); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/text")
	})
	b.Run("reused", func(b *testing.B) {
		texts := ensureTexts(b, named("reuse", batch)...)
		for b.Loop() {
			if _, err := s.Ensure(b.Context(), e, texts); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batch), "µs/text")
	})
}

// constant is an embedder that costs nothing.
type constant struct{ v []float32 }

func (e *constant) Model() embedding.Model {
	return embedding.Model{Name: "constant", Provider: "test", Identity: "constant", Dimensions: len(e.v), Normalized: true}
}

func (e *constant) Embed(_ context.Context, _ embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	out := make([]embedding.Vector, len(texts))
	for i := range out {
		out[i].Values = e.v
	}
	return out, embedding.Usage{}, nil
}
