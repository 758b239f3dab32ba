package embedding

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// Terms are the conditions that a model is called under.
type Terms struct {
	// Price is for a million tokens, in the currency that budgets are in.
	Price  float64
	Limits Limits
	Budget Budget
	// Canary compares the model with what it was when it was first used. One
	// whose weights are at hand needs none.
	Canary bool
}

// Limits are what a provider takes; 0 is no limit of that kind.
type Limits struct {
	RequestsPerMinute, TokensPerMinute int
	// InputsPerRequest and TokensPerRequest bound one request. Tokens are not
	// counted but bounded by the text's length in bytes.
	InputsPerRequest, TokensPerRequest int
}

// TermsOf returns what a model is called under; a model without a guard has none.
func TermsOf(e Embedder) Terms {
	if g, ok := e.(Guarded); ok {
		return g.terms
	}
	return Terms{}
}

// Clock tells the time and waits; nil is the machine's.
type Clock interface {
	Now() time.Time
	// Wait returns after d, or when ctx ends.
	Wait(ctx context.Context, d time.Duration) error
}

type machineClock struct{}

func (machineClock) Now() time.Time                                  { return time.Now() }
func (machineClock) Wait(ctx context.Context, d time.Duration) error { return pause(ctx, d) }

// blockedMark marks an error of a model that is not to be called now,
// whatever the text. It prints as nothing.
type blockedMark struct{}

func (blockedMark) Error() string { return "" }

var errBlocked error = blockedMark{}

// Blocked reports whether err says that a model is not to be called for now:
// the provider asks for patience or is down, the budget is used up, or the
// model is held. It is no failure of what was to be embedded, which waits for
// the error's RetryAfter without having used up an attempt.
func Blocked(err error) bool { return errors.Is(err, errBlocked) }

func notNow(after time.Duration, format string, args ...any) error {
	return &fault.Error{
		Kind: fault.Unavailable, Msg: fmt.Sprintf(format, args...), RetryAfter: max(after, time.Second), Err: errBlocked,
	}
}

// Ready reports why a model would refuse a call at this moment, as an error
// that is Blocked, or nil. A model without a guard is always ready.
func Ready(ctx context.Context, e Embedder) error {
	if g, ok := e.(Guarded); ok {
		return g.ready(ctx)
	}
	return nil
}

// Bill says what calls are for, in the ledger.
type Bill struct {
	Collection record.CollectionID
	Purpose    record.Purpose // "" is what Embed is called for
}

// For returns e with its calls billed to b.
func For(e Embedder, b Bill) Embedder {
	if g, ok := e.(Guarded); ok {
		g.bill = b
		return g
	}
	return e
}

// Guarded is a model with what keeps a provider's bad day from becoming ours.
type Guarded struct {
	*guard
	bill Bill
}

var _ Embedder = Guarded{}

// guard is what all who call one model share.
type guard struct {
	store *Store
	model Model
	terms Terms
	inner Embedder

	hold   *hold
	broken *breaker
	budget *budget
	pace   *pace
	stack  layer
}

// layer is one guard: next is what it lets through to.
type layer func(ctx context.Context, c *call) error

// call is one Embed on its way through the layers.
type call struct {
	purpose Purpose
	bill    Bill
	texts   []gate.Clean
	out     []Vector
	usage   Usage
}

// Guard puts guards around a model; a model has one guard in a process.
func (s *Store) Guard(e Embedder, t Terms) Guarded {
	g := &guard{store: s, model: e.Model(), terms: t, inner: e}
	g.hold = &hold{guard: g}
	g.broken = &breaker{guard: g}
	g.budget = newBudget(g)
	g.pace = newPace(g)
	// From the outside in: nothing is asked of a provider that has changed its
	// model, then of one that is down, then what cannot be paid, then more
	// than it takes in a minute.
	g.stack = g.hold.layer(g.broken.layer(g.budget.layer(g.pace.layer(g.ask))))
	return Guarded{guard: g}
}

// Model implements Embedder.
func (g Guarded) Model() Model { return g.model }

// Embed implements Embedder.
func (g Guarded) Embed(ctx context.Context, purpose Purpose, texts []gate.Clean) ([]Vector, Usage, error) {
	c := &call{purpose: purpose, bill: g.bill, texts: texts}
	err := g.stack(ctx, c)
	return c.out, c.usage, err
}

// Unfamiliar is the model's own, where it has one.
func (g Guarded) Unfamiliar(text gate.Clean) float32 {
	if own, ok := g.inner.(interface{ Unfamiliar(text gate.Clean) float32 }); ok {
		return own.Unfamiliar(text)
	}
	return 0
}

// ask is the innermost layer: the model itself.
func (g *guard) ask(ctx context.Context, c *call) error {
	var u Usage
	var err error
	c.out, u, err = g.inner.Embed(ctx, c.purpose, c.texts)
	if err == nil && len(c.out) != len(c.texts) {
		err = fault.New(fault.Internal, "model %q gave %d vectors for %d texts", g.model.Name, len(c.out), len(c.texts))
	}
	if u.Tokens == 0 && err == nil {
		u.Tokens = estimate(c.texts) // a provider that does not tell is paid all the same
	}
	c.usage.Requests += u.Requests
	c.usage.Tokens += u.Tokens
	return err
}

func (g *guard) ready(ctx context.Context) error {
	for _, check := range []func(context.Context) error{g.hold.ready, g.broken.ready, g.budget.ready, g.pace.ready} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// bytesPerToken is what a token stands for in texts of every day; estimates
// rest on it, limits on a bound (tokenBound).
const bytesPerToken = 4

// estimate is about how many tokens texts have.
func estimate(texts []gate.Clean) int {
	n := 0
	for _, t := range texts {
		n += (len(t.Embed()) + bytesPerToken - 1) / bytesPerToken
	}
	return n
}

// tokenBound is an upper bound of a text's tokens that needs no tokenizer: a
// token stands for at least one byte, and a few may mark begin and end.
func tokenBound(t gate.Clean) int { return len(t.Embed()) + 4 }

// bound is an upper bound of the tokens of a call, prefixes included.
func (g *guard) bound(purpose Purpose, texts []gate.Clean) int {
	n := len(texts) * len(g.model.PassagePrefix)
	if purpose == ForQuery {
		n = len(texts) * len(g.model.QueryPrefix)
	}
	for _, t := range texts {
		n += tokenBound(t)
	}
	return n
}

// unavailable is the transient fault of a call: of the whole, or of a part of
// it. served says that other texts have their vectors.
func (c *call) unavailable(err error) (fail error, served bool) {
	if err != nil {
		if fault.Retryable(err) {
			return err, false
		}
		return nil, false
	}
	for i := range c.out {
		switch failed := c.out[i].Err; {
		case failed == nil:
			served = true
		case fault.Retryable(failed) && fail == nil:
			fail = failed
		}
	}
	return fail, served
}

// refused reports whether the provider was asked and took nothing, for good:
// a wrong key, an unknown model, other dimensions. That may lie with the
// texts, which only another text can tell. A key that is refused half-way
// never lies with them.
func (c *call) refused(err error) bool {
	if err != nil {
		return !fault.Retryable(err) && !isCancelled(err)
	}
	denied, all := false, c.usage.Requests > 0
	for i := range c.out {
		kind := fault.KindOf(c.out[i].Err)
		switch failed := c.out[i].Err; {
		case failed == nil, fault.Retryable(failed):
			all = false
		case kind == fault.Denied, kind == fault.NotFound:
			denied = true
		}
	}
	return denied || all && len(c.out) > 0
}

// cause is the error of a call, or of its first text.
func (c *call) cause(err error) error {
	if err == nil && len(c.out) > 0 {
		return c.out[0].Err
	}
	return err
}
