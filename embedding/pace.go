package embedding

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

const (
	// rateKind is the kind of the documents that the workers of all processes
	// share a model's rates by.
	rateKind = "rate"
	// longestWait is how long a call waits for its turn; what would wait longer
	// is sent back, so that the worker is free.
	longestWait = 5 * time.Second
	// lookAgain is how old what is known of a shared document may be.
	lookAgain = time.Second
	// pacedCalls is how many requests of one call are under way at once.
	pacedCalls = 4
)

// amount is of requests and of tokens.
type amount struct {
	Requests float64 `json:"requests"`
	Tokens   float64 `json:"tokens"`
}

func (a amount) plus(b amount) amount { return amount{a.Requests + b.Requests, a.Tokens + b.Tokens} }

func (a amount) less(b amount) amount { return amount{a.Requests - b.Requests, a.Tokens - b.Tokens} }

func (a amount) atMost(b amount) amount {
	return amount{min(a.Requests, b.Requests), min(a.Tokens, b.Tokens)}
}

func (a amount) atLeast(b amount) amount {
	return amount{max(a.Requests, b.Requests), max(a.Tokens, b.Tokens)}
}
func (a amount) times(f float64) amount { return amount{a.Requests * f, a.Tokens * f} }
func (a amount) covers(b amount) bool   { return a.Requests >= b.Requests && a.Tokens >= b.Tokens }

// bucket is the document: what may be used now, and when the provider wants
// to be left alone.
type bucket struct {
	Left  amount    `json:"left"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// pace keeps a model's requests and tokens per minute within its limits, over
// the workers of all processes, and gives all of them a provider's Retry-After.
//
// A process takes more from the shared bucket than it needs at once, so that
// most requests touch no database.
type pace struct {
	*guard
	limited     bool
	size, speed amount // of the bucket, and what runs into it in a second

	mu     sync.Mutex
	own    amount  // taken and not used
	share  float64 // tokens that a bound stands for, as the provider has counted so far
	until  time.Time
	looked time.Time // at the document
}

// keptShare is how much of the bucket a process takes at a time, and keeps.
const keptShare = 0.1

// most is what a limit of 0 is to arithmetic.
const most = 1e12

func newPace(g *guard) *pace {
	l := g.terms.Limits
	p := &pace{guard: g, limited: l.RequestsPerMinute > 0 || l.TokensPerMinute > 0, share: 1}
	p.size.Requests, p.speed.Requests = rate(l.RequestsPerMinute)
	p.size.Tokens, p.speed.Tokens = rate(l.TokensPerMinute)
	return p
}

// rate sizes a bucket so that no minute, wherever it begins, holds more than
// limit: what the bucket holds, what runs into it, and what processes keep.
func rate(limit int) (size, speed float64) {
	if limit <= 0 {
		return most, most
	}
	n := float64(limit)
	size = max(n/10, 1)
	return size, max(n-1.5*size, n/2) / 60
}

func (p *pace) layer(next layer) layer {
	return func(ctx context.Context, c *call) error {
		if !p.limited {
			return p.heed(ctx, c, next)
		}
		return p.inParts(ctx, c, next)
	}
}

// inParts makes calls that are one request each, and waits for the turn of each.
func (p *pace) inParts(ctx context.Context, c *call, next layer) error {
	parts := p.split(c.texts)
	calls := make([]*call, len(parts))
	errs := make([]error, len(parts))
	var all errgroup.Group
	all.SetLimit(pacedCalls)
	for i, texts := range parts {
		calls[i] = &call{purpose: c.purpose, bill: c.bill, texts: texts}
		all.Go(func() error {
			errs[i] = p.paced(ctx, calls[i], next)
			return nil
		})
	}
	_ = all.Wait() // each part has its own error
	return c.join(calls, errs)
}

// join puts the parts of a call together. Where some have failed, their texts
// have the error and the others their vectors.
func (c *call) join(parts []*call, errs []error) error {
	some := false
	for i, part := range parts {
		c.usage.Requests += part.usage.Requests
		c.usage.Tokens += part.usage.Tokens
		some = some || errs[i] == nil
		for k := range part.texts {
			if errs[i] != nil {
				c.out = append(c.out, Vector{Err: errs[i]})
			} else {
				c.out = append(c.out, part.out[k])
			}
		}
	}
	if !some {
		c.out = nil
		return errs[0]
	}
	return nil
}

func (p *pace) paced(ctx context.Context, c *call, next layer) error {
	bound := float64(p.bound(c.purpose, c.texts))
	// A text of more than the bucket holds has to do with that.
	p.mu.Lock()
	need := amount{1, min(1.1*p.share, 1) * bound}.atMost(p.size)
	p.mu.Unlock()
	if err := p.take(ctx, need); err != nil {
		return err
	}
	err := p.heed(ctx, c, next)
	used := amount{float64(max(c.usage.Requests, 1)), float64(c.usage.Tokens)}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err == nil && used.Tokens > 0:
		p.share += (used.Tokens/bound - p.share) / 4
	case used.Tokens == 0:
		used.Tokens = need.Tokens // who knows what was counted
	}
	// What was too much is kept for the next request, but not heaped up; what
	// was too little, as of a batch that was halved, is owed.
	p.own = p.own.plus(need).less(used).atMost(p.size.times(keptShare))
	return err
}

// split groups texts that may stand in one request, in order.
func (p *pace) split(texts []gate.Clean) (parts [][]gate.Clean) {
	inputs, tokens := p.terms.Limits.InputsPerRequest, p.terms.Limits.TokensPerRequest
	if inputs <= 0 {
		inputs = len(texts)
	}
	if tokens <= 0 {
		tokens = most
	}
	tokens = min(tokens, int(p.size.Tokens))
	from, sum := 0, 0
	for i, t := range texts {
		n := tokenBound(t) + len(p.model.PassagePrefix)
		if i > from && (i-from == inputs || sum+n > tokens) {
			parts = append(parts, texts[from:i])
			from, sum = i, 0
		}
		sum += n
	}
	return append(parts, texts[from:])
}

// take waits for the turn of a request, for a while.
func (p *pace) take(ctx context.Context, need amount) error {
	for waited := time.Duration(0); ; {
		wait, err := p.try(ctx, need)
		if err != nil || wait == 0 {
			return err
		}
		if waited += wait; waited > longestWait {
			return notNow(wait, "model %q has had as many requests or tokens as it takes in a minute", p.model.Name)
		}
		if err := p.store.cfg.Clock.Wait(ctx, wait); err != nil {
			return fault.New(fault.Unavailable, "wait for the turn at model %q: %w", p.model.Name, err)
		}
	}
}

// try takes what is needed, or says how long to wait.
func (p *pace) try(ctx context.Context, need amount) (wait time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.store.cfg.Clock.Now()
	if wait = p.until.Sub(now); wait > 0 {
		return wait, nil
	}
	if p.own.covers(need) {
		p.own = p.own.less(need)
		return 0, nil
	}
	lack := need.less(p.own).atLeast(amount{})
	var got amount
	err = p.update(ctx, func(b *bucket) {
		p.fill(b, now)
		got, wait = amount{}, b.Until.Sub(now)
		if wait > 0 {
			return
		}
		wait = 0
		if !b.Left.covers(lack.atMost(p.size)) {
			missing := lack.atMost(p.size).less(b.Left)
			wait = time.Duration(max(missing.Requests/p.speed.Requests, missing.Tokens/p.speed.Tokens)*float64(time.Second)) + time.Millisecond
			return
		}
		got = lack.atMost(p.size).atLeast(p.size.times(keptShare)).atMost(b.Left)
		b.Left = b.Left.less(got)
	})
	if err != nil {
		return 0, err
	}
	if wait == 0 {
		p.own = p.own.plus(got).less(need)
	}
	return wait, nil
}

func (p *pace) fill(b *bucket, now time.Time) {
	if b.At.IsZero() {
		b.Left = p.size
	}
	// A clock that was set back adds nothing.
	passed := max(now.Sub(b.At), 0).Seconds()
	b.Left = b.Left.plus(p.speed.times(passed)).atMost(p.size)
	b.At = now
}

// update changes the shared document.
func (p *pace) update(ctx context.Context, change func(*bucket)) error {
	for range 3 {
		err := p.store.cfg.Records.Update(ctx, func(tx record.Tx) error {
			var b bucket
			doc, err := tx.Objects().Get(ctx, rateKind, p.model.Name)
			if err == nil {
				err = doc.Decode(&b)
			}
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return err
			}
			change(&b)
			_, err = tx.Objects().Put(ctx, rateKind, p.model.Name, b, doc.Version)
			return err
		})
		if fault.KindOf(err) != fault.Conflict { // two made the document at once
			return err
		}
	}
	return fault.New(fault.Unavailable, "the rates of model %q are changed by too many at once; try again", p.model.Name)
}

// heed passes a call on, and has everybody wait who calls the model if the
// provider says so.
func (p *pace) heed(ctx context.Context, c *call, next layer) error {
	if err := p.ready(ctx); err != nil {
		return err
	}
	err := next(ctx, c)
	fail, _ := c.unavailable(err)
	after := fault.RetryAfter(fail)
	if after == 0 {
		return err
	}
	p.block(ctx, after)
	if err != nil {
		return asBlocked(err)
	}
	for i := range c.out {
		if fault.RetryAfter(c.out[i].Err) > 0 {
			c.out[i].Err = asBlocked(c.out[i].Err)
		}
	}
	return nil
}

// asBlocked keeps an error's words and wait.
func asBlocked(err error) error {
	return &fault.Error{Kind: fault.Unavailable, Msg: err.Error(), RetryAfter: fault.RetryAfter(err), Err: errBlocked}
}

func (p *pace) block(ctx context.Context, d time.Duration) {
	until := p.store.cfg.Clock.Now().Add(d)
	p.mu.Lock()
	if until.After(p.until) {
		p.until = until
	}
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer cancel()
	if err := p.update(ctx, func(b *bucket) {
		if until.After(b.Until) {
			b.Until = until
		}
	}); err != nil {
		p.store.cfg.Logger.WarnContext(ctx, "other processes are not told to wait for a provider", "model", p.model.Name, "error", err)
	}
}

// ready looks whether the provider has asked anybody to wait.
func (p *pace) ready(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.store.cfg.Clock.Now()
	if now.Sub(p.looked) >= lookAgain {
		p.looked = now
		doc, err := p.store.object(ctx, rateKind, p.model.Name)
		if err != nil {
			return err
		}
		var b bucket
		if doc.Version > 0 {
			if err := doc.Decode(&b); err != nil {
				return err
			}
		}
		p.until = slices.MaxFunc([]time.Time{p.until, b.Until}, time.Time.Compare)
	}
	if wait := p.until.Sub(now); wait > 0 {
		return notNow(wait, "the provider of model %q asks to wait until %s", p.model.Name, p.until.UTC().Format(time.RFC3339))
	}
	return nil
}
