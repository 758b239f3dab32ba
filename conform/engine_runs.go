package conform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// chain is a pipeline of steps one after the other.
func chain(name string, run func(context.Context, *pipeline.Task) error, steps ...string) pipeline.Pipeline {
	p := pipeline.Pipeline{Name: name}
	var after []string
	for _, s := range steps {
		p.Steps = append(p.Steps, pipeline.Step{Name: s, After: after, Run: run, Retry: quick(3)})
		after = []string{s}
	}
	return p
}

// Steps run in order, see their input and what was done before, and the
// store tells the whole story.
func engineChain(t *testing.T, open OpenEngine) {
	tasks := make(chan pipeline.Task, 3)
	r := &rig{TB: t}
	observed := make(chan string, 3)
	r.start(open, EngineSetup{Observe: func(_, step string, state record.State, _ time.Duration) {
		observed <- step + " " + string(state)
	}}, chain("p", func(ctx context.Context, task *pipeline.Task) error {
		tasks <- *task
		if task.Step == "b" {
			return nil // completed by the engine
		}
		return r.store.Update(ctx, func(tx record.Tx) error {
			return task.Complete(ctx, tx, map[string]string{"from": task.Step})
		})
	}, "a", "b", "c"))
	id := r.enqueue(pipeline.Start{Pipeline: "p", Input: map[string]int{"n": 7}})
	run := r.await(id, record.Succeeded)
	for i, want := range []string{"a", "b", "c"} {
		task := recv(r, "a task", tasks)
		if task.Step != want || task.Run != id || task.Pipeline != "p" || task.Attempt != 1 || task.Worker == "" {
			t.Fatalf("task %d is %+v", i, task)
		}
		wantJSON(t, "input", task.Input, `{"n":7}`)
		if want == "c" {
			wantJSON(t, "output of a", task.Outputs["a"], `{"from":"a"}`)
		}
		if got := recv(r, "an observation", observed); got != want+" succeeded" {
			t.Errorf("observed %q", got)
		}
		r.wantAttempts(run, want, record.Succeeded)
	}
	if run.Pipeline != "p" || run.StartedAt.IsZero() || run.FinishedAt.Before(run.StartedAt) {
		t.Errorf("run is %+v", run)
	}
	wantJSON(t, "input of the run", run.Input, `{"n":7}`)
	wantJSON(t, "output of c", run.Steps[2].Output, `{"from":"c"}`)
}

// Whatever the graph, a step begins after all that it comes after, with
// their outputs, and each runs once.
func engineGraphs(t *testing.T, open OpenEngine) {
	graphs := []pipeline.Pipeline{
		{Name: "diamond", Steps: []pipeline.Step{
			{Name: "a"},
			{Name: "b", After: []string{"a"}},
			{Name: "c", After: []string{"a"}},
			{Name: "d", After: []string{"b", "c"}},
		}},
		{Name: "two ends", Steps: []pipeline.Step{
			{Name: "a"}, {Name: "b", After: []string{"a"}}, {Name: "c", After: []string{"a"}},
		}},
		{Name: "two beginnings", Steps: []pipeline.Step{{Name: "a"}, {Name: "b"}, {Name: "c", After: []string{"a", "b"}}}},
		{Name: "apart", Steps: []pipeline.Step{{Name: "a"}, {Name: "b"}}},
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 20 {
		p := pipeline.Pipeline{Name: fmt.Sprintf("random %d", i)}
		for j := range 1 + rng.IntN(8) {
			s := pipeline.Step{Name: fmt.Sprintf("s%d", j)}
			for k := range j {
				if rng.IntN(3) == 0 {
					s.After = append(s.After, fmt.Sprintf("s%d", k))
				}
			}
			p.Steps = append(p.Steps, s)
		}
		graphs = append(graphs, p)
	}
	r := &rig{TB: t}
	for _, p := range graphs {
		for i := range p.Steps {
			after := p.Steps[i].After
			p.Steps[i].Retry = quick(1)
			p.Steps[i].Run = func(ctx context.Context, task *pipeline.Task) error {
				for _, a := range after {
					if task.Outputs[a] == nil {
						return fault.New(fault.Invalid, "%s began before %s was done", task.Step, a)
					}
				}
				return r.once(ctx, task)
			}
		}
	}
	r.start(open, EngineSetup{}, graphs...)
	var runs []record.Run
	for range 3 {
		for _, p := range graphs {
			runs = append(runs, record.Run{Pipeline: p.Name, ID: r.enqueue(pipeline.Start{Pipeline: p.Name})})
		}
	}
	want := map[string]int{}
	for _, run := range runs {
		for name := range states(r.await(run.ID, record.Succeeded)) {
			want[run.ID+" "+name] = 1
		}
	}
	r.wantEffects(want)
}

func (r *rig) wantEffects(want map[string]int) {
	r.Helper()
	got := r.effects()
	for key, n := range want {
		if got[key] != n {
			r.Errorf("effect %s happened %d times, want %d", key, got[key], n)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			r.Errorf("effect %s was not to happen", key)
		}
	}
}

// A run may start in the middle of its graph.
func engineFrom(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
		{Name: "a", Run: r.once},
		{Name: "b", Run: r.once, After: []string{"a"}},
		{Name: "c", Run: r.once, After: []string{"a"}},
		{Name: "d", Run: r.once, After: []string{"b", "c"}},
		{Name: "e", Run: r.once, After: []string{"d"}},
	}})
	one := r.enqueue(pipeline.Start{Pipeline: "p", From: []string{"c"}})
	two := r.enqueue(pipeline.Start{Pipeline: "p", From: []string{"d", "b"}})
	r.wantStates(r.await(one, record.Succeeded), map[string]record.State{
		"a": record.Skipped, "b": record.Skipped, "c": record.Succeeded, "d": record.Succeeded, "e": record.Succeeded,
	})
	r.wantStates(r.await(two, record.Succeeded), map[string]record.State{
		"a": record.Skipped, "b": record.Succeeded, "c": record.Skipped, "d": record.Succeeded, "e": record.Succeeded,
	})
	r.wantEffects(map[string]int{
		one + " c": 1, one + " d": 1, one + " e": 1,
		two + " b": 1, two + " d": 1, two + " e": 1,
	})
}

// What can't be run is refused by name.
func engineRefuses(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, chain("p", nothing, "a"))
	wantKind(t, r.engine.Register(chain("p", nothing, "a")), fault.Invalid)
	wantKind(t, r.engine.Register(pipeline.Pipeline{Name: "empty"}), fault.Invalid)
	for _, s := range []pipeline.Start{{Pipeline: "unknown"}, {Pipeline: "p", From: []string{"z"}}} {
		err := r.store.Update(t.Context(), func(tx record.Tx) error {
			_, err := r.engine.Enqueue(t.Context(), tx, s)
			return err
		})
		wantKind(t, err, fault.Invalid)
	}
	wantKind(t, r.engine.Cancel(t.Context(), "unknown"), fault.NotFound)
}

// An Enqueue whose transaction does not commit leaves nothing.
func engineRollback(t *testing.T, open OpenEngine) {
	var mu sync.Mutex
	ran := map[string]bool{}
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, chain("p", func(_ context.Context, task *pipeline.Task) error {
		mu.Lock()
		defer mu.Unlock()
		ran[task.Run] = true
		return nil
	}, "a"))
	regret := errors.New("regret")
	var undone string
	err := r.store.Update(t.Context(), func(tx record.Tx) (err error) {
		if undone, err = r.engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"}); err != nil {
			return err
		}
		return regret
	})
	if !errors.Is(err, regret) {
		t.Fatal(err)
	}
	r.engine.Wake()
	var last string
	for range 20 {
		last = r.enqueue(pipeline.Start{Pipeline: "p"})
	}
	r.await(last, record.Succeeded)
	err = r.store.View(t.Context(), func(tx record.Tx) error {
		_, err := tx.Runs().Get(t.Context(), undone)
		return err
	})
	wantKind(t, err, fault.NotFound)
	mu.Lock()
	defer mu.Unlock()
	if ran[undone] {
		t.Error("a run that was rolled back has run")
	}
}

// Work begins without a wake-up too.
func engineNoWake(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, chain("p", nothing, "a", "b"))
	r.await(r.enqueue(pipeline.Start{Pipeline: "p"}), record.Succeeded)
	r.await(r.enqueueQuietly(pipeline.Start{Pipeline: "p"}), record.Succeeded)
}

// A step that takes its time is seen running.
func engineShowsRunning(t *testing.T, open OpenEngine) {
	release := make(chan struct{})
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, chain("p", func(ctx context.Context, _ *pipeline.Task) error {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return ctx.Err()
	}, "a"))
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	r.until("the step is shown", func() bool { return states(r.get(id))["a"] == record.Running })
	r.wantAttempts(r.get(id), "a", record.Running)
	close(release)
	r.wantAttempts(r.await(id, record.Succeeded), "a", record.Succeeded)
}

// A thousand runs are all done, each step once.
func engineDrain(t *testing.T, open OpenEngine) {
	const runs = 1000
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
		{Name: "a", Run: r.once}, {Name: "b", Run: r.once, After: []string{"a"}}, {Name: "c", Run: r.once, After: []string{"b"}},
	}})
	want := map[string]int{}
	var ids []string
	for len(ids) < runs {
		err := r.store.Update(t.Context(), func(tx record.Tx) error {
			for range 50 {
				id, err := r.engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"})
				if err != nil {
					return err
				}
				ids = append(ids, id)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		r.engine.Wake()
	}
	for i, id := range ids {
		if i > 0 && id <= ids[i-1] {
			t.Fatalf("run id %s does not sort after %s", id, ids[i-1])
		}
		r.await(id, record.Succeeded)
		for _, s := range []string{"a", "b", "c"} {
			want[id+" "+s] = 1
		}
	}
	r.wantEffects(want)
}
