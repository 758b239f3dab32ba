package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// upgradeTimeout bounds the wait for a generation to be built.
const upgradeTimeout = 30 * 24 * time.Hour

type upgradeInput struct {
	Upgrade string `json:"upgrade"`
}

// Pipelines declares the graph.
func (x *Upgrader) Pipelines() []pipeline.Pipeline {
	step := func(name string, timeout time.Duration, run func(context.Context, *pipeline.Task, Upgrade) error, after ...string) pipeline.Step {
		return pipeline.Step{Name: name, After: after, Retry: x.Retry, Timeout: timeout, Run: func(ctx context.Context, t *pipeline.Task) error {
			var in upgradeInput
			if err := json.Unmarshal(t.Input, &in); err != nil {
				return fmt.Errorf("read run's input: %w", err)
			}
			u, err := x.Upgrade(ctx, in.Upgrade)
			if err != nil || u.State != Building {
				return err // it was aborted meanwhile
			}
			return run(ctx, t, u)
		}}
	}
	return []pipeline.Pipeline{{
		Name: UpgradePipeline,
		Steps: []pipeline.Step{
			step("build", upgradeTimeout, x.build),
			step("evaluate", time.Hour, x.evaluate, "build"),
			step("switch", 0, x.decide, "evaluate"),
		},
		Failed: func(ctx context.Context, tx record.Tx, f pipeline.Failure) error {
			var in upgradeInput
			if err := json.Unmarshal(f.Input, &in); err != nil {
				return fmt.Errorf("read run's input: %w", err)
			}
			u, err := findUpgrade(ctx, tx, in.Upgrade)
			if err != nil || u.State != Building {
				return err
			}
			u.State, u.Note = Held, "step "+f.Step+" failed; see the run"
			return u.put(ctx, tx)
		},
	}}
}

// built is how far a generation has got.
type built struct {
	Pending  int64   `json:"pending"`
	Dead     int64   `json:"dead_letters"`
	Coverage float64 `json:"coverage"`
}

// build waits until the queue of the new generation has taken up every record
// that there was when the upgrade was approved. Changes go on meanwhile.
func (x *Upgrader) build(ctx context.Context, t *pipeline.Task, u Upgrade) error {
	look := time.NewTicker(refillLook)
	defer look.Stop()
	for {
		at, caught, err := x.progressOf(ctx, u)
		if err != nil {
			return err
		}
		if report, ok := x.progress.Load(t.Run); ok {
			total := u.Forecast.Records
			report.(func(done, total int64))(max(0, total-at.Pending), total)
		}
		if caught {
			return x.Records.Update(ctx, func(tx record.Tx) error { return t.Complete(ctx, tx, at) })
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if now, err := x.Upgrade(ctx, u.ID); err != nil || now.State != Building {
			return err // aborted
		}
	}
}

// progressOf measures the new generation of an upgrade.
func (x *Upgrader) progressOf(ctx context.Context, u Upgrade) (at built, caught bool, err error) {
	err = x.Records.View(ctx, func(tx record.Tx) error {
		pending, err := tx.Changes().Pending(ctx, u.To)
		if err != nil {
			return err
		}
		c, err := tx.Collections().Get(ctx, u.Collection)
		if err != nil {
			return err
		}
		records, err := tx.Records().Count(ctx, c.ID)
		if err != nil {
			return err
		}
		dead, err := tx.DeadLetters().List(ctx, record.DeadLetterFilter{Collection: c.ID, Generation: u.To})
		if err != nil {
			return err
		}
		lost := map[record.Ref]bool{}
		for _, l := range dead {
			lost[l.Ref] = true
		}
		at = built{Pending: pending.Count, Dead: int64(len(dead)), Coverage: 1}
		if records > 0 {
			at.Coverage = max(0, 1-float64(len(lost))/float64(records))
		}
		caught = pending.Applied >= u.Number
		return nil
	})
	return at, caught, err
}

// evaluate compares the generations and stores what it finds.
func (x *Upgrader) evaluate(ctx context.Context, t *pipeline.Task, u Upgrade) error {
	var old, next record.Generation
	err := x.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, u.Collection)
		if err != nil {
			return err
		}
		if old, err = FindGeneration(ctx, tx, c.ID, u.From); err != nil {
			return err
		}
		next, err = FindGeneration(ctx, tx, c.ID, u.To)
		return err
	})
	if err != nil {
		return err
	}
	found, err := x.Compare(ctx, u, old, next)
	if err != nil {
		return err
	}
	at, _, err := x.progressOf(ctx, u)
	if err != nil {
		return err
	}
	found.Coverage = at.Coverage
	return x.Records.Update(ctx, func(tx record.Tx) error {
		now, err := findUpgrade(ctx, tx, u.ID)
		if err != nil || now.State != Building {
			return err
		}
		now.Evaluation = &found
		if err := now.put(ctx, tx); err != nil {
			return err
		}
		return t.Complete(ctx, tx, found)
	})
}

// decide switches, or leaves the switch to a person.
func (x *Upgrader) decide(ctx context.Context, t *pipeline.Task, u Upgrade) error {
	return x.Records.Update(ctx, func(tx record.Tx) error {
		now, err := findUpgrade(ctx, tx, u.ID)
		if err != nil || now.State != Building {
			return err
		}
		failed := now.Evaluation.fails(now.Terms)
		switch {
		case len(failed) > 0:
			now.State, now.Note = Held, strings.Join(failed, "; ")
		case now.Terms.Manual:
			now.State, now.Note = Held, "built and evaluated; it was to be switched by hand"
		default:
			if err := x.turn(ctx, tx, &now, now.To, now.Declaration, Switched); err != nil {
				return err
			}
		}
		if err := now.put(ctx, tx); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]any{"state": now.State})
	})
}

const (
	// forecastSample is how many passages or records a forecast looks at.
	forecastSample = 1000
	// bytesPerToken is a rough mean over European languages and models.
	bytesPerToken = 4
)

// forecast estimates what an upgrade takes from a sample of what there is.
func (x *Upgrader) forecast(ctx context.Context, c record.Collection, old record.Generation, u *Upgrade, next record.Generation, e embedding.Embedder) (Forecast, error) {
	var f Forecast
	var passages []record.Passage
	var records []record.Record
	var week record.LedgerEntry
	err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		if f.Records, err = tx.Records().Count(ctx, c.ID); err != nil {
			return err
		}
		if f.Passages, err = tx.Passages().Count(ctx, old.ID); err != nil {
			return err
		}
		if passages, err = tx.Passages().Scan(ctx, old.ID, 0, forecastSample); err != nil {
			return err
		}
		if records, err = tx.Records().List(ctx, c.ID, "", forecastSample); err != nil {
			return err
		}
		week, err = tx.Ledger().Total(ctx, record.LedgerFilter{Collection: c.ID, Model: old.Model, From: time.Now().AddDate(0, 0, -7)})
		return err
	})
	if err != nil {
		return f, err
	}
	sameTexts := len(u.Reasons) == 1 && u.Reasons[0] == "model"
	if sameTexts {
		err = x.forecastSameTexts(ctx, &f, passages, next)
	} else {
		forecastOtherTexts(&f, records, next)
	}
	terms := embedding.TermsOf(e)
	f.Price = float64(f.Tokens) / 1e6 * terms.Price
	if l := terms.Limits; l.TokensPerMinute > 0 {
		f.Seconds = 60 * float64(f.Tokens) / float64(l.TokensPerMinute)
	}
	if l := terms.Limits; l.RequestsPerMinute > 0 {
		perRequest := float64(max(l.InputsPerRequest, 1))
		f.Seconds = max(f.Seconds, 60*float64(f.Passages-f.Reused)/perRequest/float64(l.RequestsPerMinute))
	}
	f.StandbyPrice = float64(week.Micros) / 1e6 / 7
	return f, err
}

// forecastSameTexts knows the passages: only their vectors are to be made.
func (x *Upgrader) forecastSameTexts(ctx context.Context, f *Forecast, sample []record.Passage, next record.Generation) error {
	if len(sample) == 0 {
		return nil
	}
	list, bytes := make([]digest.Digest, len(sample)), 0
	for i := range sample {
		clean, _, err := x.Gate.Open(sample[i].Sealed)
		if err != nil {
			return err
		}
		bytes += len(clean.Embed())
		list[i] = embedding.Address(next.Space, sample[i].Text)
	}
	have := 0
	err := x.Records.View(ctx, func(tx record.Tx) error {
		found, err := tx.Vectors().Load(ctx, list)
		have = len(found)
		return err
	})
	share := float64(have) / float64(len(sample))
	f.Reused = int64(share * float64(f.Passages))
	f.Tokens = int64(math.Ceil(float64(f.Passages-f.Reused) * float64(bytes) / float64(len(sample)) / bytesPerToken))
	return err
}

// forecastOtherTexts guesses the passages from the records' content.
func forecastOtherTexts(f *Forecast, sample []record.Record, next record.Generation) {
	if len(sample) == 0 {
		return
	}
	bytes, pieces, size := 0, 0, bytesPerToken*max(next.Chunking.Target, 1)
	for i := range sample {
		for _, name := range next.Content {
			if text, ok := sample[i].Fields.Text(name); ok && text.Len() > 0 {
				bytes += text.Len()
				pieces += (text.Len() + size - 1) / size
			}
		}
	}
	all := float64(f.Records) / float64(len(sample))
	f.Tokens = int64(math.Ceil(all * float64(bytes) / bytesPerToken))
	f.Passages = int64(math.Ceil(all * float64(pieces)))
}
