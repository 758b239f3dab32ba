package embedding

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	// canaryKind and holdKind are the kinds of the documents that a space's
	// canary vectors and its hold are kept in, under the space.
	canaryKind = "canary"
	holdKind   = "hold"

	// CanaryTolerance is the largest cosine distance between two embeddings of
	// one text that is still the same model: what half-precision arithmetic and
	// the batches of a busy server make is below 1e-4, another model is far above.
	CanaryTolerance = 1e-3

	// holdWait is how long what waits for a held model is sent away for.
	holdWait = 5 * time.Minute
)

// CanaryState is what the canary of a space has shown.
type CanaryState struct {
	Since     time.Time `json:"since"`      // when the vectors that others are compared with were made
	CheckedAt time.Time `json:"checked_at"` // zero if never
	Distance  float64   `json:"distance"`   // the largest of the last check
}

// canary is the document.
type canary struct {
	CanaryState
	Vectors [][]byte `json:"vectors"`
}

// held is the document of a model that must not be called.
type held struct {
	Since    time.Time `json:"since"`
	Distance float64   `json:"distance"`
}

// hold keeps callers away from a model that no longer makes the vectors that
// its fingerprint stands for. Fixed sentences, embedded when a model is first
// used and again from time to time, tell.
type hold struct {
	*guard
	below layer

	mu     sync.Mutex
	looked time.Time
	why    *held
	begun  bool // the canary has its first vectors
}

func (h *hold) layer(next layer) layer {
	h.below = next
	return func(ctx context.Context, c *call) error {
		if err := h.ready(ctx); err != nil {
			return err
		}
		err := next(ctx, c)
		if err == nil && c.purpose == ForPassage {
			h.begin(ctx)
		}
		return err
	}
}

// key is what the documents of a space are kept under.
func (h *hold) key() string {
	space := h.model.Fingerprint()
	return space.String()
}

// canaryKey also names the sentences: others are compared with nothing.
func (h *hold) canaryKey() string {
	texts := make([]string, len(h.store.cfg.Canary))
	for i, t := range h.store.cfg.Canary {
		texts[i] = t.Embed()
	}
	sentences := digest.Of("canary", texts...)
	return h.key() + "/" + sentences.Short()
}

func (h *hold) ready(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := h.store.cfg.Clock.Now(); now.Sub(h.looked) >= lookAgain {
		doc, err := h.store.object(ctx, holdKind, h.key())
		if err != nil {
			return err
		}
		h.looked, h.why = now, nil
		if doc.Version > 0 {
			h.why = new(held)
			if err := doc.Decode(h.why); err != nil {
				return err
			}
		}
	}
	if h.why == nil {
		return nil
	}
	return notNow(holdWait, "model %q is held since %s: its provider embeds the same sentences differently now (cosine distance %.2g), so it is another model under the same name; "+
		"declare the new one under another name or with a revision, and upgrade to it, or take it as it is with `holdfast models accept %s`",
		h.model.Name, h.why.Since.UTC().Format(time.RFC3339), h.why.Distance, h.model.Name)
}

// begin makes the canary's first vectors after the first call that succeeded.
// Without them nothing is wrong but that nothing can be compared yet.
func (h *hold) begin(ctx context.Context) {
	h.mu.Lock()
	begun := h.begun || !h.terms.Canary
	h.begun = true
	h.mu.Unlock()
	if begun {
		return
	}
	doc, err := h.store.object(ctx, canaryKind, h.canaryKey())
	if err == nil && doc.Version == 0 {
		var vectors [][]float32
		if vectors, err = h.embed(ctx); err == nil {
			err = h.keep(ctx, canary{CanaryState{Since: h.store.cfg.Clock.Now()}, encodeVectors(vectors)}, 0)
		}
		if fault.KindOf(err) == fault.Conflict && err != nil {
			return // another process was first
		}
	}
	if err != nil {
		h.mu.Lock()
		h.begun = false
		h.mu.Unlock()
		h.store.cfg.Logger.WarnContext(ctx, "the canary of a model has no vectors yet", "model", h.model.Name, "error", err)
	}
}

func (h *hold) keep(ctx context.Context, doc canary, version int64) error {
	return h.store.update(ctx, func(tx record.Tx) error {
		_, err := tx.Objects().Put(ctx, canaryKind, h.canaryKey(), doc, version)
		return err
	})
}

// embed asks the model for the canary's vectors, whatever is stored.
func (h *hold) embed(ctx context.Context) ([][]float32, error) {
	if len(h.store.cfg.Canary) == 0 {
		return nil, fault.New(fault.Invalid, "there are no sentences for a canary")
	}
	c := &call{purpose: ForPassage, bill: Bill{Purpose: record.ForCanary}, texts: h.store.cfg.Canary}
	err := h.below(ctx, c)
	h.store.observe(Event{Model: h.model.Name, Purpose: ForPassage, Usage: c.usage})
	if err != nil {
		return nil, err
	}
	out := make([][]float32, len(c.out))
	for i, v := range c.out {
		if v.Err == nil {
			v.Err = h.model.Check(v.Values)
		}
		if v.Err != nil {
			return nil, v.Err
		}
		out[i] = v.Values
	}
	return out, nil
}

// Checked is the outcome of a canary.
type Checked struct {
	First    bool    // there was nothing to compare with
	Distance float64 // the largest between then and now
	Held     bool
}

// Check embeds the canary's sentences again and compares. A model that has
// changed is held from then on.
func (g Guarded) Check(ctx context.Context) (Checked, error) {
	now, err := g.hold.embed(ctx)
	if err != nil {
		return Checked{}, err
	}
	var out Checked
	at := g.store.cfg.Clock.Now()
	err = g.store.update(ctx, func(tx record.Tx) error {
		out = Checked{}
		doc, err := tx.Objects().Get(ctx, canaryKind, g.hold.canaryKey())
		if fault.KindOf(err) == fault.NotFound && err != nil {
			out.First = true
			_, err = tx.Objects().Put(ctx, canaryKind, g.hold.canaryKey(), canary{CanaryState{Since: at, CheckedAt: at}, encodeVectors(now)}, 0)
			return err
		}
		if err != nil {
			return err
		}
		var then canary
		if err := doc.Decode(&then); err != nil {
			return err
		}
		out.Distance = furthest(then.Vectors, now)
		then.CheckedAt, then.Distance = at, out.Distance
		if _, err := tx.Objects().Put(ctx, canaryKind, g.hold.canaryKey(), then, doc.Version); err != nil {
			return err
		}
		return g.hold.put(ctx, tx, at, &out)
	})
	if err != nil {
		return Checked{}, err
	}
	g.hold.forget()
	if out.Distance > CanaryTolerance {
		g.store.cfg.Logger.ErrorContext(ctx, "the provider has changed a model under the same name; it is held", "model", g.model.Name, "distance", out.Distance)
	}
	return out, nil
}

// put stores a hold if it is due; one that is there stays, even if the model
// is back: what was embedded in between is not known to be right.
func (h *hold) put(ctx context.Context, tx record.Tx, at time.Time, out *Checked) error {
	_, err := tx.Objects().Get(ctx, holdKind, h.key())
	switch missing := fault.KindOf(err) == fault.NotFound; {
	case err == nil:
		out.Held = true
		return nil
	case !missing:
		return err
	case out.Distance <= CanaryTolerance:
		return nil
	}
	out.Held = true
	_, err = tx.Objects().Put(ctx, holdKind, h.key(), held{at, out.Distance}, 0)
	return err
}

// Accept takes a model as it is now: what it makes of the canary's sentences
// is what it is compared with from here on, and it is no longer held.
func (g Guarded) Accept(ctx context.Context) error {
	now, err := g.hold.embed(ctx)
	if err != nil {
		return err
	}
	at := g.store.cfg.Clock.Now()
	err = g.store.update(ctx, func(tx record.Tx) error {
		if _, err := tx.Objects().Put(ctx, canaryKind, g.hold.canaryKey(),
			canary{CanaryState{Since: at, CheckedAt: at}, encodeVectors(now)}, record.AnyVersion); err != nil {
			return err
		}
		err := tx.Objects().Delete(ctx, holdKind, g.hold.key())
		if err != nil && fault.KindOf(err) == fault.NotFound {
			return nil
		}
		return err
	})
	g.hold.forget()
	return err
}

// forget has the next call look again.
func (h *hold) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looked = time.Time{}
}

func encodeVectors(vectors [][]float32) [][]byte {
	out := make([][]byte, len(vectors))
	for i, v := range vectors {
		out[i] = appendVector(nil, v)
	}
	return out
}

// furthest is the largest cosine distance between vectors of the same text.
func furthest(then [][]byte, now [][]float32) float64 {
	if len(then) != len(now) {
		return 2 // the sentences are others: nothing is alike
	}
	worst := 0.0
	for i, b := range then {
		worst = max(worst, cosineDistance(decodeVector(nil, b), now[i]))
	}
	return worst
}

func cosineDistance(a, b []float32) float64 {
	if len(a) != len(b) {
		return 2
	}
	var dot, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	return max(1-dot/math.Sqrt(aa*bb), 0)
}
