package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/snapshot"
)

// SweepPipeline is the name of the pipeline that deletes what retention no
// longer keeps.
const SweepPipeline = "sweep"

const (
	day = 24 * time.Hour
	// Never keeps something for good.
	Never time.Duration = math.MaxInt64
	// sweepBatch is how many rows are deleted in one transaction.
	sweepBatch = 1000
	// sweepRehearsal is the most of a kind that a dry run counts.
	sweepRehearsal = 100_000
)

// Retention is how long what is no longer in use is kept; 0 means the
// default. The audit trail is kept for good.
type Retention struct {
	Versions    time.Duration // of records, from when they were replaced; default 90 days
	Runs        time.Duration // from their end; default 30 days
	DeadLetters time.Duration // from when they were resolved; default 30 days
	Ledger      time.Duration // of costs, by day; default 400 days
	// Embeddings is how long one must have been without a reference; default 7 days.
	Embeddings time.Duration
}

// WithDefaults fills in what is 0.
func (r Retention) WithDefaults() Retention {
	for at, age := range map[*time.Duration]time.Duration{
		&r.Versions: 90 * day, &r.Runs: 30 * day, &r.DeadLetters: 30 * day, &r.Ledger: 400 * day, &r.Embeddings: 7 * day,
	} {
		if *at == 0 {
			*at = age
		}
	}
	return r
}

// SweepReport is what a sweep deleted, or would delete. A dry run counts up to
// 100,000 versions, runs and dead letters.
type SweepReport struct {
	DryRun      bool                `json:"dry_run"`
	Versions    int                 `json:"versions"`
	Runs        int                 `json:"runs"`
	DeadLetters int                 `json:"dead_letters"`
	Ledger      int                 `json:"ledger"`   // sums of a day
	Passages    int64               `json:"passages"` // of retired generations
	Embeddings  embedding.Swept     `json:"embeddings"`
	Segments    embedding.Compacted `json:"segments"`
	// SnapshotObjects are those that no snapshot names any more.
	SnapshotObjects int `json:"snapshot_objects"`
}

type sweepInput struct {
	DryRun bool `json:"dry_run,omitempty"`
}

// Sweeper deletes what retention no longer keeps.
type Sweeper struct {
	*Indexer
	Snapshots *snapshot.Store
	Retention Retention
}

// Pipelines declares the graph.
func (s *Sweeper) Pipelines() []pipeline.Pipeline {
	step := func(name string, run func(context.Context, bool) (any, error), after ...string) pipeline.Step {
		return pipeline.Step{Name: name, After: after, Retry: s.Retry, Timeout: rebuildTimeout, Run: func(ctx context.Context, t *pipeline.Task) error {
			var in sweepInput
			if err := json.Unmarshal(t.Input, &in); err != nil {
				return fmt.Errorf("read run's input: %w", err)
			}
			out, err := run(ctx, in.DryRun)
			if err != nil {
				return err
			}
			return s.Records.Update(ctx, func(tx record.Tx) error { return t.Complete(ctx, tx, out) })
		}}
	}
	return []pipeline.Pipeline{{Name: SweepPipeline, Steps: []pipeline.Step{
		step("rows", s.rows),
		step("generations", s.generations),
		step("embeddings", s.embeddings, "generations"),
		step("segments", s.segments, "embeddings"),
		step("snapshots", s.snapshots),
	}}, s.erasePipeline()}
}

// StartSweep starts a sweep; one that is under way already is joined.
func (s *Sweeper) StartSweep(ctx context.Context, dryRun bool) (run string, err error) {
	err = s.Records.Update(ctx, func(tx record.Tx) error {
		run = ""
		going, err := tx.Runs().List(ctx, record.RunFilter{Pipeline: SweepPipeline, State: record.Running})
		if err != nil {
			return err
		}
		in := sweepInput{dryRun}
		for _, r := range going {
			var other sweepInput
			if json.Unmarshal(r.Input, &other) == nil && other == in {
				run = r.ID
				return nil
			}
		}
		run, err = s.Engine.Enqueue(ctx, tx, pipeline.Start{Pipeline: SweepPipeline, Input: in})
		return err
	})
	if err != nil {
		return "", fmt.Errorf("start sweep: %w", err)
	}
	s.Engine.Wake()
	return run, nil
}

// Sweep starts a sweep and waits for its end; when ctx ends before that, the
// sweep goes on. changed returns a channel that is closed when a step has ended.
func (s *Sweeper) Sweep(ctx context.Context, dryRun bool, changed func() <-chan struct{}) (SweepReport, error) {
	done := SweepReport{DryRun: dryRun}
	id, err := s.StartSweep(ctx, dryRun)
	if err != nil {
		return done, err
	}
	run, err := s.follow(ctx, id, changed)
	if err != nil {
		return done, err
	}
	for _, step := range run.Steps {
		into := map[string]any{"rows": &done, "generations": &done, "embeddings": &done.Embeddings, "segments": &done.Segments, "snapshots": &done}[step.Name]
		if err := json.Unmarshal(step.Output, into); err != nil {
			return done, fmt.Errorf("read result of step %s: %w", step.Name, err)
		}
	}
	return done, nil
}

// LastSweep is when the newest sweep began that was no dry run; if there was
// none, when the first collection was made; zero if there is none either.
func (s *Sweeper) LastSweep(ctx context.Context) (last time.Time, err error) {
	err = s.Records.View(ctx, func(tx record.Tx) error {
		last = time.Time{}
		runs, err := tx.Runs().List(ctx, record.RunFilter{Pipeline: SweepPipeline, Limit: 100})
		if err != nil {
			return err
		}
		for _, r := range runs {
			var in sweepInput
			if json.Unmarshal(r.Input, &in) == nil && !in.DryRun {
				last = r.StartedAt
				return nil
			}
		}
		all, err := tx.Collections().List(ctx, "", 0)
		for _, c := range all {
			if last.IsZero() || c.CreatedAt.Before(last) {
				last = c.CreatedAt
			}
		}
		return err
	})
	return last, err
}

// errRehearsed rolls a dry run back.
var errRehearsed = errors.New("rehearsed")

// batches deletes until there is nothing left to delete; a dry run deletes
// once, and takes it back.
func (s *Sweeper) batches(ctx context.Context, keep time.Duration, dryRun bool, sweep func(tx record.Tx, before time.Time, limit int) (int, error)) (total int, err error) {
	if keep == Never {
		return 0, nil
	}
	before, limit := time.Now().Add(-keep), sweepBatch
	if dryRun {
		limit = sweepRehearsal
	}
	for {
		n := 0
		err := s.Records.Update(ctx, func(tx record.Tx) (err error) {
			if n, err = sweep(tx, before, limit); err == nil && dryRun {
				err = errRehearsed
			}
			return err
		})
		switch {
		case dryRun && errors.Is(err, errRehearsed):
			return n, nil
		case err != nil:
			return total, err
		}
		if total += n; n != limit {
			return total, nil
		}
	}
}

// rows sweeps old versions, runs, dead letters and costs.
func (s *Sweeper) rows(ctx context.Context, dryRun bool) (any, error) {
	var out struct {
		Versions    int `json:"versions"`
		Runs        int `json:"runs"`
		DeadLetters int `json:"dead_letters"`
		Ledger      int `json:"ledger"`
	}
	keep := s.Retention.WithDefaults()
	pins, err := s.Snapshots.Versions(ctx)
	if err != nil {
		return nil, err
	}
	for _, kind := range []struct {
		count *int
		keep  time.Duration
		sweep func(tx record.Tx, before time.Time, limit int) (int, error)
	}{
		{&out.Versions, keep.Versions, func(tx record.Tx, before time.Time, limit int) (int, error) {
			return tx.Records().SweepHistory(ctx, before, pins, limit)
		}},
		{&out.Runs, keep.Runs, func(tx record.Tx, before time.Time, limit int) (int, error) {
			return tx.Runs().Sweep(ctx, before, limit)
		}},
		{&out.DeadLetters, keep.DeadLetters, func(tx record.Tx, before time.Time, limit int) (int, error) {
			return tx.DeadLetters().Sweep(ctx, before, limit)
		}},
		{&out.Ledger, keep.Ledger, func(tx record.Tx, before time.Time, _ int) (int, error) {
			return tx.Ledger().Sweep(ctx, before)
		}},
	} {
		if *kind.count, err = s.batches(ctx, kind.keep, dryRun, kind.sweep); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// generations drops the passages and the indexes of retired generations.
func (s *Sweeper) generations(ctx context.Context, dryRun bool) (any, error) {
	var out struct {
		Passages int64 `json:"passages"`
	}
	retired, err := s.retired(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range retired {
		out.Passages += r.passages
		if dryRun {
			continue
		}
		if err := s.DropIndex(ctx, r.generation); err != nil {
			return nil, err
		}
		for n := sweepBatch; n == sweepBatch; {
			err := s.Records.Update(ctx, func(tx record.Tx) (err error) {
				n, err = tx.Collections().Strip(ctx, r.generation.ID, sweepBatch)
				return err
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

type retired struct {
	generation record.Generation
	passages   int64
}

// retired lists retired generations and how many passages they have.
func (s *Sweeper) retired(ctx context.Context) (out []retired, err error) {
	err = s.Records.View(ctx, func(tx record.Tx) error {
		out = nil
		all, err := tx.Collections().List(ctx, "", 0)
		if err != nil {
			return err
		}
		for _, c := range all {
			generations, err := tx.Collections().Generations(ctx, c.ID)
			if err != nil {
				return err
			}
			for _, g := range generations {
				if g.State != record.Retired {
					continue
				}
				n, err := tx.Passages().Count(ctx, g.ID)
				if err != nil {
					return err
				}
				out = append(out, retired{g, n})
			}
		}
		return nil
	})
	return out, err
}

func (s *Sweeper) embeddings(ctx context.Context, dryRun bool) (any, error) {
	keep := s.Retention.WithDefaults().Embeddings
	if keep == Never {
		return embedding.Swept{}, nil
	}
	return s.Vectors.Sweep(ctx, embedding.Sweep{Now: time.Now(), Grace: keep, Pins: s.Snapshots.Addresses, DryRun: dryRun})
}

func (s *Sweeper) segments(ctx context.Context, dryRun bool) (any, error) {
	return s.Vectors.Compact(ctx, embedding.Compaction{Now: time.Now(), DryRun: dryRun})
}

func (s *Sweeper) snapshots(ctx context.Context, dryRun bool) (any, error) {
	n, err := s.Snapshots.Orphans(ctx, time.Now(), dryRun)
	return map[string]int{"snapshot_objects": n}, err
}
