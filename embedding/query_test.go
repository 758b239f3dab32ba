package embedding_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func TestQueriesAreCached(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, func(c *embedding.StoreConfig) { c.QueryCache = 2 })
	e, other := &counting{}, &counting{dimensions: 16}
	q := conform.CleanTexts(t, keep, "first question", "second question", "third question")
	ask := func(e *counting, c gate.Clean) {
		t.Helper()
		v, err := s.Query(t.Context(), e, c)
		if err != nil || !slices.Equal(v, hashVector(c.Embed(), e.Model().Dimensions)) {
			t.Errorf("query: %v", err)
		}
	}
	for i, step := range []struct {
		e     *counting
		q     int
		calls int // of e, after
	}{
		{e, 0, 1},
		{e, 0, 1},
		{other, 0, 1},
		{e, 0, 1},
		{e, 1, 2},
		{other, 0, 2}, // the least recently used made room
		{e, 1, 2},
		{e, 2, 3},
		{e, 1, 3},
		{e, 0, 4},
	} {
		ask(step.e, q[step.q])
		if step.e.calls != step.calls {
			t.Errorf("step %d: %d calls, want %d", i, step.e.calls, step.calls)
		}
	}
}

func TestEqualQueriesAreOneCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, nil)
	q := conform.CleanTexts(t, keep, "asked by many")[0]
	asked, release := make(chan struct{}), make(chan struct{})
	e := &counting{before: func(context.Context, []gate.Clean) error { close(asked); <-release; return nil }}
	impatient, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := s.Query(impatient, e, q); !errors.Is(err, context.Canceled) {
			t.Errorf("the first, who gave up: %v", err)
		}
	})
	<-asked
	cancel()
	for range 8 {
		wg.Go(func() {
			if v, err := s.Query(t.Context(), e, q); err != nil || len(v) != 8 {
				t.Errorf("%d values, %v", len(v), err)
			}
		})
	}
	close(release)
	wg.Wait()
	if e.calls != 1 {
		t.Errorf("%d calls", e.calls)
	}
}

func TestFailedQueriesAreNotKept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.open(t, nil)
	q := conform.CleanTexts(t, keep, "a question")[0]
	e := &counting{change: func(_ string, v *embedding.Vector) { clear(v.Values) }}
	if _, err := s.Query(t.Context(), e, q); err == nil || fault.KindOf(err) != fault.Invalid {
		t.Errorf("a zero vector: %v", err)
	}
	e.change = nil
	if _, err := s.Query(t.Context(), e, q); err != nil {
		t.Errorf("after the fault: %v", err)
	}
}
