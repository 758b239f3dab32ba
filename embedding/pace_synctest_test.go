package embedding_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// timed counts as many tokens as bytes, and knows when it was called.
type timed struct {
	*counting
	mu    sync.Mutex
	texts []int
	bytes []int
	at    []time.Time
}

func (e *timed) Embed(ctx context.Context, purpose embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	out, usage, err := e.counting.Embed(ctx, purpose, texts)
	usage.Tokens = 0
	for _, t := range texts {
		usage.Tokens += len(t.Embed())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts, e.bytes, e.at = append(e.texts, len(texts)), append(e.bytes, usage.Tokens), append(e.at, time.Now())
	return out, usage, err
}

// TestRatesAreKept embeds from two processes as fast as they may, and looks
// at every minute that the provider saw.
func TestRatesAreKept(t *testing.T) {
	t.Parallel()
	texts := ensureTexts(t, named("a text of some length that is to be embedded", 600)...)
	limits := embedding.Limits{RequestsPerMinute: 120, TokensPerMinute: 6000, InputsPerRequest: 7}
	model := &timed{counting: &counting{}}
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		var all sync.WaitGroup
		for i := range 2 {
			s := f.open(t, nil)
			g := s.Guard(model, embedding.Terms{Limits: limits})
			all.Go(func() {
				for chunk := range slices.Chunk(texts[i*300:(i+1)*300], 20) {
					for failed := errors.New("not yet"); failed != nil; {
						out, err := s.Ensure(t.Context(), g, chunk)
						failed = err
						for _, e := range out.Failed {
							failed = e
						}
						if failed != nil && !embedding.Blocked(failed) {
							t.Error(failed)
							return
						}
						<-time.After(fault.RetryAfter(failed)) // in the bubble, where no time passes
					}
				}
			})
		}
		all.Wait()
	})
	for i, from := range model.at {
		requests, tokens := 0, 0
		for k := i; k < len(model.at) && model.at[k].Sub(from) < time.Minute; k++ {
			requests++
			tokens += model.bytes[k]
		}
		if requests > limits.RequestsPerMinute || tokens > limits.TokensPerMinute || model.texts[i] > limits.InputsPerRequest {
			t.Fatalf("%d requests and %d tokens in a minute, %d texts in one", requests, tokens, model.texts[i])
		}
	}
	took := model.at[len(model.at)-1].Sub(model.at[0])
	if total, _ := model.embedded(); total != 600 || took > 8*time.Minute {
		t.Errorf("%d texts took %s; at the limit it is 5m18s", total, took)
	}
}
