package embedding

import (
	"context"
	"sync"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Budget caps what models may cost, in the currency of their prices; 0 is no cap.
type Budget struct {
	PerDay, PerMonth float64
}

// QueryReserve is how far over a budget queries may go, as a share of it:
// search goes on when embedding has stopped, and then does without vectors.
const QueryReserve = 0.1

// laterAtMost is the longest that what waits for a budget is sent away for,
// so that a budget that was raised is noticed.
const laterAtMost = 15 * time.Minute

// micro is a millionth of the currency, which sums are kept in.
const micro = 1e6

// Spent is how much of a budget is used.
type Spent struct {
	Model  string  // "" is all models together
	Period string  // "day" or "month", in UTC
	Budget float64 // in the currency
	Spent  float64
}

// Over reports whether there is nothing left for passages.
func (s Spent) Over() bool { return s.Spent >= s.Budget }

// budget lets nothing through that could cost more than is left. What calls
// under way could cost counts as spent, in this process: several processes
// together exceed a budget by at most what their calls under way cost.
type budget struct {
	*guard
	caps []spending

	mu      sync.Mutex
	refused error // for want of money, the last time
	since   time.Time
}

// spending is one cap.
type spending struct {
	model  string
	period string
	cap    float64
}

func newBudget(g *guard) *budget {
	b := &budget{guard: g}
	for _, of := range []struct {
		model string
		Budget
	}{{"", g.store.cfg.Budget}, {g.model.Name, g.terms.Budget}} {
		if of.PerDay > 0 {
			b.caps = append(b.caps, spending{of.model, "day", of.PerDay})
		}
		if of.PerMonth > 0 {
			b.caps = append(b.caps, spending{of.model, "month", of.PerMonth})
		}
	}
	return b
}

// layer bills each call: its price, and what it was for.
func (b *budget) layer(next layer) layer {
	return func(ctx context.Context, c *call) error {
		most := float64(b.bound(c.purpose, c.texts)) * b.terms.Price
		if err := b.reserve(ctx, c.purpose, most); err != nil {
			return err
		}
		err := next(ctx, c)
		b.store.tally.settle(b.model.Name, most, b.bill(c))
		return err
	}
}

func (c *call) ledgerPurpose() record.Purpose {
	switch {
	case c.bill.Purpose != "":
		return c.bill.Purpose
	case c.purpose == ForQuery:
		return record.ForQuery
	}
	return record.ForPassage
}

func (b *budget) bill(c *call) owed {
	return owed{
		LedgerEntry: record.LedgerEntry{
			Day: b.store.cfg.Clock.Now(), Collection: c.bill.Collection, Model: b.model.Name, Space: b.model.Fingerprint(),
			Purpose: c.ledgerPurpose(), Requests: int64(c.usage.Requests), Tokens: int64(c.usage.Tokens),
		},
		micros: float64(c.usage.Tokens) * b.terms.Price,
	}
}

// reserve holds what a call may cost at most. A free model needs nothing.
func (b *budget) reserve(ctx context.Context, purpose Purpose, most float64) error {
	if b.terms.Price <= 0 || len(b.caps) == 0 {
		b.store.tally.reserve(b.model.Name, most)
		return nil
	}
	// One at a time, or two would both find the last of it.
	b.store.tally.deciding.Lock()
	defer b.store.tally.deciding.Unlock()
	for _, c := range b.caps {
		spent, err := b.store.spent(ctx, c)
		if err != nil {
			return err
		}
		limit := c.cap * micro
		if purpose == ForQuery {
			limit *= 1 + QueryReserve
		}
		if spent+most > limit {
			err := b.exhausted(c)
			if purpose == ForPassage {
				b.mu.Lock()
				b.refused, b.since = err, b.store.cfg.Clock.Now()
				b.mu.Unlock()
			}
			return err
		}
	}
	b.store.tally.reserve(b.model.Name, most)
	return nil
}

func (b *budget) exhausted(c spending) error {
	of := "all models"
	if c.model != "" {
		of = "model " + c.model
	}
	return notNow(min(periodEnd(b.store.cfg.Clock.Now(), c.period).Sub(b.store.cfg.Clock.Now()), laterAtMost),
		"the budget of %s, %g a %s, is used up; embedding goes on in the next %s, or when the budget in the configuration is raised", of, c.cap, c.period, c.period)
}

// ready reports a budget of which nothing is left.
func (b *budget) ready(ctx context.Context) error {
	if b.terms.Price <= 0 {
		return nil
	}
	for _, c := range b.caps {
		spent, err := b.store.spent(ctx, c)
		if err != nil {
			return err
		}
		if spent >= c.cap*micro {
			return b.exhausted(c)
		}
	}
	return nil
}

// report is ready, or why something was refused of late: there may be a rest
// that is too small for what waits.
func (b *budget) report(ctx context.Context) error {
	if err := b.ready(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refused != nil && b.store.cfg.Clock.Now().Sub(b.since) < fault.RetryAfter(b.refused) {
		return b.refused
	}
	return nil
}

// spent is what a cap's period has cost so far, in millionths.
func (s *Store) spent(ctx context.Context, c spending) (float64, error) {
	// Read before the ledger: what is written in between counts twice, not never.
	open := s.tally.open(c.model)
	var e record.LedgerEntry
	err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
		e, err = tx.Ledger().Total(ctx, record.LedgerFilter{Model: c.model, From: periodStart(s.cfg.Clock.Now(), c.period)})
		return err
	})
	return open + float64(e.Micros), err
}

func periodStart(now time.Time, period string) time.Time {
	y, m, d := now.UTC().Date()
	if period == "month" {
		d = 1
	}
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

func periodEnd(now time.Time, period string) time.Time {
	if period == "month" {
		return periodStart(now, period).AddDate(0, 1, 0)
	}
	return periodStart(now, period).AddDate(0, 0, 1)
}
