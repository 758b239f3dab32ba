package conform

import (
	"context"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// SharedEngine is the suite of engines of which several work on one store at
// the same time; opening a folder twice opens the same state twice.
func SharedEngine(t *testing.T, open OpenEngine) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, OpenEngine)
	}{
		{"two share", engineTwoShare},
		{"cancel elsewhere", engineCancelElsewhere},
		{"stop hands over", engineStopHandsOver},
		{"dead owner", engineDeadOwner},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// Two engines share the work: neither can do it alone, and where branches
// end at once in both, what comes after them begins once.
func engineTwoShare(t *testing.T, open OpenEngine) {
	const runs = 200
	dir := t.TempDir()
	var both sync.WaitGroup // two steps that wait for each other, of engines with one worker each
	both.Add(2)
	var engines [2]*rig
	for i := range engines {
		r := &rig{TB: t}
		engines[i] = r
		r.start(open, EngineSetup{Dir: dir, Workers: 1}, pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
			{Name: "a", Run: r.once},
			{Name: "b", Run: r.once, After: []string{"a"}},
			{Name: "c", Run: r.once, After: []string{"a"}},
			{Name: "d", Run: r.once, After: []string{"b", "c"}},
		}}, chain("meet", func(context.Context, *pipeline.Task) error {
			both.Done()
			both.Wait()
			return nil
		}, "a"))
	}
	r := engines[0]
	meetings := []string{r.enqueue(pipeline.Start{Pipeline: "meet"}), r.enqueue(pipeline.Start{Pipeline: "meet"})}
	workers := map[string]bool{}
	for _, id := range meetings {
		workers[r.wantAttempts(r.await(id, record.Succeeded), "a", record.Succeeded)[0].Worker] = true
	}
	if len(workers) != 2 {
		t.Errorf("the workers were %v", workers)
	}
	want := map[string]int{}
	var ids []string
	for range runs {
		id := r.enqueueQuietly(pipeline.Start{Pipeline: "p"})
		ids = append(ids, id)
		for _, e := range engines {
			e.engine.Wake()
		}
	}
	for _, id := range ids {
		for name := range states(r.await(id, record.Succeeded)) {
			want[id+" "+name] = 1
		}
	}
	r.wantEffects(want)
}

// A run is cancelled by another engine than the one that works on it.
func engineCancelElsewhere(t *testing.T, open OpenEngine) {
	dir := t.TempDir()
	worker := &rig{TB: t}
	begun, ended := make(chan string, 1), make(chan error, 1)
	p := single(pipeline.Step{Run: func(ctx context.Context, task *pipeline.Task) error {
		begun <- task.Run
		<-ctx.Done()
		ended <- worker.insist(ctx, task)
		return ctx.Err()
	}})
	worker.start(open, EngineSetup{Dir: dir}, p)
	id := worker.enqueue(pipeline.Start{Pipeline: "p"})
	recv(worker, "the step", begun)

	store, other, closeStore := open(t, EngineSetup{Dir: dir})
	defer func() {
		if err := closeStore(); err != nil {
			t.Error(err)
		}
	}()
	if err := other.Register(p); err != nil {
		t.Fatal(err)
	}
	if err := other.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	wantKind(t, recv(worker, "the cancelled attempt", ended), fault.Conflict)
	var run record.Run
	if err := store.View(t.Context(), func(tx record.Tx) (err error) {
		run, err = tx.Runs().Get(t.Context(), id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if run.State != record.Cancelled {
		t.Errorf("run is %s", run.State)
	}
	worker.wantStates(run, map[string]record.State{"a": record.Cancelled, "b": record.Cancelled})
	worker.wantEffects(map[string]int{})
}

// What an engine does not finish before it is stopped, another takes up.
func engineStopHandsOver(t *testing.T, open OpenEngine) {
	dir := t.TempDir()
	begun := make(chan struct{}, 9)
	first := &rig{TB: t}
	first.start(open, EngineSetup{Dir: dir}, chain("p", func(ctx context.Context, _ *pipeline.Task) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}, "a"))
	id := first.enqueue(pipeline.Start{Pipeline: "p"})
	recv(first, "the step", begun)
	second := &rig{TB: t}
	second.start(open, EngineSetup{Dir: dir}, chain("p", second.once, "a"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := first.engine.Stop(ended); err != nil {
		t.Fatal(err)
	}
	second.wantAttempts(second.await(id, record.Succeeded), "a", record.Cancelled, record.Succeeded)
	second.wantEffects(map[string]int{id + " a": 1})
}

// takeover is how soon the work of a process that has died is taken up.
const takeover = 30 * time.Second

// What a process that is killed had in hand is taken up by one that lives,
// while it works on what is new; each step has its effect once.
func engineDeadOwner(t *testing.T, open OpenEngine) {
	const runs = 4
	r := &rig{TB: t}
	dir := os.Getenv(childDir)
	child := dir != ""
	p := chain("p", func(ctx context.Context, task *pipeline.Task) error {
		if child && task.Step == "b" {
			_, _ = io.WriteString(os.Stdout, "step b\n")
			<-ctx.Done() // in the middle of the step until killed
			return ctx.Err()
		}
		return r.once(ctx, task)
	}, "a", "b", "c")
	if child {
		r.start(open, EngineSetup{Dir: dir, Workers: runs}, p)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}

	dir = t.TempDir()
	store, engine, closeStore := open(t, EngineSetup{Dir: dir})
	if err := engine.Register(p); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	var ids []string
	if err := store.Update(t.Context(), func(tx record.Tx) error {
		for range runs {
			id, err := engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := closeStore(); err != nil {
		t.Fatal(err)
	}
	killAfter(t, dir, runs) // every one of them is in the middle of b
	r.start(open, EngineSetup{Dir: dir}, p)
	ids = append(ids, r.enqueue(pipeline.Start{Pipeline: "p"}))
	in, cancel := context.WithTimeout(t.Context(), takeover)
	defer cancel()
	for i, id := range ids {
		run := r.await(id, record.Succeeded)
		if in.Err() != nil {
			t.Fatalf("the work of the dead was not taken up within %s", takeover)
		}
		for _, s := range []string{"a", "b", "c"} {
			want[id+" "+s] = 1
		}
		if i < runs {
			r.wantAttempts(run, "b", record.Cancelled, record.Succeeded)
		}
	}
	r.wantEffects(want)
}
