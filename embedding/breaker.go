package embedding

import (
	"context"
	"sync"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

const (
	// failuresInARow, or one refusal, open the breaker, unless a neutral text
	// shows that the texts and not the model are at fault.
	failuresInARow = 3
	// firstOpen doubles up to lastOpen while the model stays away.
	firstOpen, lastOpen = 2 * time.Second, 5 * time.Minute
)

// breaker keeps callers away from a model that is down: they are sent back at
// once, and their workers serve others. A neutral text is tried first when
// the time has come, so that no caller's text decides.
type breaker struct {
	*guard

	mu       sync.Mutex
	failures int // in a row
	open     bool
	until    time.Time     // the next try
	wait     time.Duration // how long it is open
	probing  bool
	why      error
}

func (b *breaker) layer(next layer) layer {
	return func(ctx context.Context, c *call) error {
		if err := b.enter(ctx, c, next); err != nil {
			return err
		}
		err := next(ctx, c)
		refused := c.refused(err)
		if b.leave(c, err, refused) {
			b.try(ctx, c, next)
		}
		if refused {
			return b.postpone(c, err)
		}
		return err
	}
}

// postpone turns a refusal of the provider's into a wait, unless a neutral
// text has been taken: then the refusal was for these texts.
func (b *breaker) postpone(c *call, err error) error {
	b.mu.Lock()
	why := b.refuse()
	if why == nil && b.probing {
		why = notNow(0, "model %q is being tried with a neutral text", b.model.Name)
	}
	b.mu.Unlock()
	if why == nil {
		return err
	}
	if err != nil {
		return why
	}
	for i := range c.out {
		if c.out[i].Err != nil && !fault.Retryable(c.out[i].Err) {
			c.out[i].Err = why
		}
	}
	return nil
}

// ready implements the check of a guard: an open breaker whose time has come is ready.
func (b *breaker) ready(context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refuse()
}

// refuse is called with mu held.
func (b *breaker) refuse() error {
	if !b.open {
		return nil
	}
	wait := b.until.Sub(b.store.cfg.Clock.Now())
	if wait <= 0 && !b.probing {
		return nil
	}
	return notNow(wait, "model %q is not called for now, as it %s (%s)", b.model.Name, symptom(b.why), b.why)
}

// enter lets a call through if the model is up, or comes up when tried.
func (b *breaker) enter(ctx context.Context, c *call, next layer) error {
	b.mu.Lock()
	if !b.open {
		b.mu.Unlock()
		return nil
	}
	if err := b.refuse(); err != nil {
		b.mu.Unlock()
		return err
	}
	b.probing = true
	b.mu.Unlock()
	b.try(ctx, c, next)
	return b.ready(ctx)
}

// symptom tells a model that is away from one whose provider takes nothing.
func symptom(why error) string {
	if fault.Retryable(why) {
		return "does not answer"
	}
	return "refuses every text"
}

// leave counts a failure, and reports whether there are enough to look closer.
func (b *breaker) leave(c *call, err error, refused bool) (look bool) {
	fail, served := c.unavailable(err)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case refused:
		b.failures = failuresInARow
	case served, fail == nil && err == nil:
		b.failures = 0
	// Who was asked to wait was answered; what is cut off by its caller says nothing.
	case fail == nil, fault.RetryAfter(fail) > 0, isCancelled(fail):
	default:
		b.failures++
		b.why = fail
	}
	if b.failures < failuresInARow || b.probing || b.open {
		return false
	}
	b.probing = true
	return true
}

// try asks with a neutral text and opens or closes the breaker. Whoever calls
// it has set probing.
func (b *breaker) try(ctx context.Context, c *call, next layer) {
	probe := &call{purpose: ForPassage, bill: Bill{Purpose: c.ledgerPurpose(), Collection: c.bill.Collection}, texts: []gate.Clean{b.store.cfg.Probe}}
	err := next(ctx, probe)
	c.usage.Requests += probe.usage.Requests
	c.usage.Tokens += probe.usage.Tokens
	fail, _ := probe.unavailable(err)
	if fail == nil && probe.refused(err) {
		fail = probe.cause(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	switch {
	case isCancelled(fail): // the caller went away: the next one tries
	case fail == nil, fault.RetryAfter(fail) > 0:
		if b.open {
			b.store.cfg.Logger.InfoContext(ctx, "model answers again", "model", b.model.Name)
		}
		b.open, b.failures, b.wait = false, 0, 0
	default:
		b.open, b.why = true, fail
		b.wait = min(max(2*b.wait, firstOpen), lastOpen)
		b.until = b.store.cfg.Clock.Now().Add(b.wait)
		b.store.cfg.Logger.WarnContext(ctx, "model is not called for now; what it should embed waits", "model", b.model.Name, "until", b.until, "error", fail)
	}
}
