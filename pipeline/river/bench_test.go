package river_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// noop is a pipeline of so many steps that do nothing.
func noop(steps int) pipeline.Pipeline {
	p := pipeline.Pipeline{Name: "noop"}
	for i := range steps {
		s := pipeline.Step{Name: fmt.Sprintf("s%d", i), Run: func(context.Context, *pipeline.Task) error { return nil }}
		if i > 0 {
			s.After = []string{fmt.Sprintf("s%d", i-1)}
		}
		p.Steps = append(p.Steps, s)
	}
	return p
}

// onBoth runs a benchmark on each database.
func onBoth(b *testing.B, run func(*testing.B, conform.OpenEngine)) {
	b.Run("sqlite", func(b *testing.B) { run(b, open) })
	b.Run("postgres", func(b *testing.B) { run(b, openPostgres) })
}

func started(b *testing.B, open conform.OpenEngine, p pipeline.Pipeline, observe pipeline.Observe) (record.Store, pipeline.Engine) {
	b.Helper()
	store, engine, closeStore := open(b, conform.EngineSetup{Dir: b.TempDir(), Workers: 16, Observe: observe})
	if err := engine.Register(p); err != nil {
		b.Fatal(err)
	}
	if err := engine.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := engine.Stop(context.Background()); err != nil {
			b.Error(err)
		}
		if err := closeStore(); err != nil {
			b.Error(err)
		}
	})
	return store, engine
}

// BenchmarkSteps is how many steps are done in a second when there is
// plenty to do: runs of three steps, enqueued fifty at a time.
func BenchmarkSteps(b *testing.B) { onBoth(b, benchmarkSteps) }

func benchmarkSteps(b *testing.B, open conform.OpenEngine) {
	const steps = 3
	var done atomic.Int64
	all := make(chan struct{})
	runs := max(1, b.N/steps)
	store, engine := started(b, open, noop(steps), func(string, string, record.State, time.Duration) {
		if done.Add(1) == int64(runs*steps) {
			close(all)
		}
	})
	b.ResetTimer()
	for left := runs; left > 0; left -= 50 {
		err := store.Update(b.Context(), func(tx record.Tx) error {
			for range min(left, 50) {
				if _, err := engine.Enqueue(b.Context(), tx, pipeline.Start{Pipeline: "noop", Input: 1}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		engine.Wake()
	}
	<-all
	b.ReportMetric(float64(runs*steps)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkRun is how long one run of three steps takes on a quiet engine,
// from the enqueueing transaction to the commit of the last step.
func BenchmarkRun(b *testing.B) { onBoth(b, benchmarkRun) }

func benchmarkRun(b *testing.B, open conform.OpenEngine) {
	done := make(chan struct{}, 1)
	store, engine := started(b, open, noop(3), func(_, step string, _ record.State, _ time.Duration) {
		if step == "s2" {
			done <- struct{}{}
		}
	})
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begin := time.Now()
		err := store.Update(b.Context(), func(tx record.Tx) error {
			_, err := engine.Enqueue(b.Context(), tx, pipeline.Start{Pipeline: "noop", Input: 1})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		engine.Wake()
		<-done
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
}
