package embedding

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// queryFor bounds a call for a query that its callers no longer wait for.
const queryFor = time.Minute

// Query embeds a search query. Recent queries are answered from memory, and
// equal ones that arrive together are one call. The caller must not change
// the vector.
func (s *Store) Query(ctx context.Context, e Embedder, text gate.Clean) ([]float32, error) {
	model := e.Model()
	space := model.Fingerprint()
	key := digest.Of("query", string(space[:]), text.Embed())
	if v := s.queries.get(key); v != nil {
		s.observe(Event{Model: model.Name, Purpose: ForQuery, Reused: 1})
		s.count(e, ForQuery, 0, 1, estimate([]gate.Clean{text}))
		return v, nil
	}
	answer := s.asking.DoChan(string(key[:]), func() (any, error) {
		// The call serves everyone who asks: it does not end with the first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryFor)
		defer cancel()
		v, err := s.ask(ctx, e, model, text)
		if err == nil {
			s.queries.put(key, v)
		}
		return v, err
	})
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("embed query: %w", ctx.Err())
	case r := <-answer:
		if r.Err != nil {
			return nil, fmt.Errorf("embed query: %w", r.Err)
		}
		return r.Val.([]float32), nil
	}
}

func (s *Store) ask(ctx context.Context, e Embedder, model Model, text gate.Clean) ([]float32, error) {
	started := time.Now()
	vectors, usage, err := e.Embed(ctx, ForQuery, []gate.Clean{text})
	ev := Event{Model: model.Name, Purpose: ForQuery, Usage: usage, Took: time.Since(started)}
	defer func() { s.observe(ev) }()
	switch {
	case err != nil:
	case len(vectors) != 1:
		err = fault.New(fault.Internal, "model %q gave %d vectors for one text", model.Name, len(vectors))
	case vectors[0].Err != nil:
		err = vectors[0].Err
	default:
		err = model.Check(vectors[0].Values)
	}
	if err != nil {
		ev.Failed = 1
		return nil, err
	}
	ev.Computed = 1
	s.count(e, ForQuery, 1, 0, 0)
	return vectors[0].Values, nil
}

// queryCache keeps the most recently used vectors.
type queryCache struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *queryEntry, the latest first
	by    map[digest.Digest]*list.Element
}

type queryEntry struct {
	key    digest.Digest
	vector []float32
}

func newQueryCache(size int) *queryCache {
	return &queryCache{max: size, order: list.New(), by: map[digest.Digest]*list.Element{}}
}

func (c *queryCache) get(key digest.Digest) []float32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	el := c.by[key]
	if el == nil {
		return nil
	}
	c.order.MoveToFront(el)
	return el.Value.(*queryEntry).vector
}

func (c *queryCache) put(key digest.Digest, vector []float32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[key] != nil {
		return
	}
	c.by[key] = c.order.PushFront(&queryEntry{key, vector})
	if c.order.Len() > c.max {
		last := c.order.Back()
		delete(c.by, last.Value.(*queryEntry).key)
		c.order.Remove(last)
	}
}
