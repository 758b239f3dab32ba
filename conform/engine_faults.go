package conform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

var errDown = fault.New(fault.Unavailable, "the other side is down")

// single is a pipeline of one step, with another after it.
func single(step pipeline.Step) pipeline.Pipeline {
	step.Name = "a"
	return pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step, {Name: "b", After: []string{"a"}, Run: nothing}}}
}

// A transient fault is tried again, and nothing of a failed attempt stays.
func engineRetry(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	observed := make(chan record.State, 10)
	r.start(open, EngineSetup{Observe: func(_, step string, state record.State, _ time.Duration) {
		if step == "a" {
			observed <- state
		}
	}}, single(pipeline.Step{Retry: quick(5), Run: func(ctx context.Context, task *pipeline.Task) error {
		return r.store.Update(ctx, func(tx record.Tx) error {
			if err := errors.Join(effect(ctx, tx, task), task.Complete(ctx, tx, nil)); err != nil {
				return err
			}
			if task.Attempt < 3 {
				return errDown
			}
			return nil
		})
	}}))
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	run := r.await(id, record.Succeeded)
	attempts := r.wantAttempts(run, "a", record.Failed, record.Failed, record.Succeeded)
	if a := attempts[0]; a.Kind != fault.Unavailable || a.Error != errDown.Error() {
		t.Errorf("first attempt is %+v", a)
	}
	for _, want := range []record.State{record.Retrying, record.Retrying, record.Succeeded} {
		if got := recv(r, "an observation", observed); got != want {
			t.Errorf("observed %s, want %s", got, want)
		}
	}
	r.wantEffects(map[string]int{id + " a": 1})
}

// A fault that does not pass is a failure when the attempts are used up.
func engineGivesUp(t *testing.T, open OpenEngine) {
	failures := make(chan pipeline.Failure, 1)
	p := single(pipeline.Step{Retry: quick(3), Run: func(context.Context, *pipeline.Task) error { return errDown }})
	p.Failed = func(_ context.Context, _ record.Tx, f pipeline.Failure) error {
		failures <- f
		return nil
	}
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, p)
	id := r.enqueue(pipeline.Start{Pipeline: "p", Input: 7})
	run := r.await(id, record.Failed)
	r.wantAttempts(run, "a", record.Failed, record.Failed, record.Failed)
	r.wantStates(run, map[string]record.State{"a": record.Failed, "b": record.Skipped})
	if run.FinishedAt.IsZero() {
		t.Error("a failed run has not finished")
	}
	f := recv(r, "the failure", failures)
	if f.Run != id || f.Pipeline != "p" || f.Step != "a" || f.Attempts != 3 || f.Worker == "" ||
		string(f.Input) != "7" || !errors.Is(f.Err, errDown) {
		t.Errorf("failure is %+v", f)
	}
}

// Other faults and panics fail the step at once, and what is stored of them
// says no more than it may.
func engineFatal(t *testing.T, open OpenEngine) {
	const secret = "jane@example.org"
	for _, c := range []struct {
		name    string
		run     func(context.Context, *pipeline.Task) error
		kind    fault.Kind
		message string
	}{
		{"invalid", func(context.Context, *pipeline.Task) error {
			return fault.Field("chunking.max", "is too small")
		}, fault.Invalid, "chunking.max: is too small"},
		{"internal", func(context.Context, *pipeline.Task) error {
			return errors.New("cannot parse " + secret)
		}, fault.Internal, "internal error"},
		{"panic", func(context.Context, *pipeline.Task) error {
			panic("cannot parse " + secret)
		}, fault.Internal, "panic of type string at "},
		{"nil pointer", func(_ context.Context, task *pipeline.Task) error {
			var p *pipeline.Pipeline
			task.Run = p.Name
			return nil
		}, fault.Internal, "panic of type runtime."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &rig{TB: t}
			r.start(open, EngineSetup{}, single(pipeline.Step{Run: c.run}))
			run := r.await(r.enqueue(pipeline.Start{Pipeline: "p"}), record.Failed)
			a := r.wantAttempts(run, "a", record.Failed)[0]
			if a.Kind != c.kind || !strings.HasPrefix(a.Error, c.message) || strings.Contains(a.Error, secret) {
				t.Errorf("attempt is %+v", a)
			}
			if strings.Contains(c.message, "panic") && !strings.Contains(a.Error, "conform.engineFatal") {
				t.Errorf("%q does not say where", a.Error)
			}
			r.wantStates(run, map[string]record.State{"a": record.Failed, "b": record.Skipped})
		})
	}
}

// When a step has failed for good, what runs beside it is stopped.
func engineFailureStopsBranches(t *testing.T, open OpenEngine) {
	begun, stopped := make(chan struct{}), make(chan error, 1)
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
		{Name: "bad", Run: func(context.Context, *pipeline.Task) error {
			<-begun
			return fault.New(fault.Invalid, "no good")
		}},
		{Name: "long", Run: func(ctx context.Context, task *pipeline.Task) error {
			close(begun)
			<-ctx.Done()
			stopped <- r.insist(ctx, task)
			return ctx.Err()
		}},
		{Name: "end", After: []string{"bad", "long"}, Run: nothing},
	}})
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	run := r.await(id, record.Failed)
	wantKind(t, recv(r, "the long step's end", stopped), fault.Conflict)
	r.wantStates(run, map[string]record.State{"bad": record.Failed, "end": record.Skipped})
	if s := states(run)["long"]; s != record.Skipped && s != record.Cancelled {
		t.Errorf("the step beside is %s", s)
	}
	r.wantEffects(map[string]int{})
}

// Pipeline.Failed shares the transaction that fails the run.
func engineFailedHook(t *testing.T, open OpenEngine) {
	for _, c := range []struct {
		name  string
		first func() error
	}{
		{"error", func() error { return errDown }},
		{"panic", func() error { panic("the hook") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var calls atomic.Int32
			p := single(pipeline.Step{Run: func(context.Context, *pipeline.Task) error { return fault.New(fault.Invalid, "no good") }})
			p.Failed = func(ctx context.Context, tx record.Tx, f pipeline.Failure) error {
				if run, err := tx.Runs().Get(ctx, f.Run); err != nil || run.State != record.Failed {
					return errors.Join(err, errors.New("the run is not marked as failed"))
				}
				if err := mark(ctx, tx, f.Run, "buried"); err != nil {
					return err
				}
				if calls.Add(1) == 1 {
					return c.first()
				}
				return nil
			}
			r := &rig{TB: t}
			r.start(open, EngineSetup{}, p)
			id := r.enqueue(pipeline.Start{Pipeline: "p"})
			r.await(id, record.Failed)
			r.wantEffects(map[string]int{id + " buried": 1})
			if n := calls.Load(); n != 2 {
				t.Errorf("the hook was called %d times", n)
			}
		})
	}
}

// An attempt that takes too long is cancelled, and tried again.
func engineTimeout(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, single(pipeline.Step{
		Timeout: 20 * time.Millisecond, Retry: quick(3),
		Run: func(ctx context.Context, task *pipeline.Task) error {
			if task.Attempt > 1 {
				return nil
			}
			<-ctx.Done()
			return errors.New("whatever the step makes of it")
		},
	}))
	run := r.await(r.enqueue(pipeline.Start{Pipeline: "p"}), record.Succeeded)
	a := r.wantAttempts(run, "a", record.Failed, record.Succeeded)[0]
	if a.Kind != fault.Unavailable || !strings.Contains(a.Error, "20ms") {
		t.Errorf("attempt is %+v", a)
	}
}

// An attempt that does not return is left behind: its step is done by
// another, and what it does later changes nothing.
func engineHang(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	release, late := make(chan struct{}), make(chan error, 1)
	r.start(open, EngineSetup{Workers: 1, Grace: 20 * time.Millisecond}, single(pipeline.Step{
		Timeout: 20 * time.Millisecond, Retry: quick(3),
		Run: func(ctx context.Context, task *pipeline.Task) error {
			if task.Attempt == 1 {
				<-release
			}
			err := r.insist(ctx, task)
			if task.Attempt == 1 {
				late <- err
			}
			return err
		},
	}))
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	run := r.await(id, record.Succeeded)
	close(release)
	wantKind(t, recv(r, "the late attempt", late), fault.Conflict)
	r.wantAttempts(run, "a", record.Failed, record.Succeeded)
	r.wantEffects(map[string]int{id + " a": 1})
}

// insist tries to complete a step whose context may have ended.
func (r *rig) insist(ctx context.Context, task *pipeline.Task) error {
	return r.once(context.WithoutCancel(ctx), task)
}

// A cancelled run ends: its running attempt is told, and changes nothing any more.
func engineCancel(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	begun, ended := make(chan string, 1), make(chan error, 1)
	r.start(open, EngineSetup{Workers: 1}, single(pipeline.Step{Run: func(ctx context.Context, task *pipeline.Task) error {
		begun <- task.Run
		<-ctx.Done()
		ended <- r.insist(ctx, task)
		return ctx.Err()
	}}), chain("quick", nothing, "a"))
	one := r.enqueue(pipeline.Start{Pipeline: "p"})
	recv(r, "the step", begun)
	two := r.enqueue(pipeline.Start{Pipeline: "p"}) // waits for the one worker
	for _, id := range []string{two, one} {
		if err := r.engine.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		run := r.get(id)
		if run.State != record.Cancelled || run.FinishedAt.IsZero() {
			t.Errorf("run is %+v", run)
		}
		r.wantStates(run, map[string]record.State{"a": record.Cancelled, "b": record.Cancelled})
	}
	wantKind(t, recv(r, "the cancelled attempt", ended), fault.Conflict)
	three := r.enqueue(pipeline.Start{Pipeline: "quick"})
	r.await(three, record.Succeeded)
	if err := r.engine.Cancel(t.Context(), three); err != nil || r.get(three).State != record.Succeeded {
		t.Errorf("cancelling a finished run: %v, now %s", err, r.get(three).State)
	}
	if len(begun) > 0 {
		t.Error("a cancelled run has begun")
	}
	r.wantEffects(map[string]int{})
}

// What goes on for a collection that is dropped ends quietly, whatever the
// step makes of it, and gives its worker back.
func engineForgotten(t *testing.T, open OpenEngine) {
	for name, outcome := range map[string]error{
		"done": nil, "transient": fault.New(fault.Unavailable, "later"), "fatal": fault.New(fault.Invalid, "never"),
	} {
		for _, cancelled := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cancelled=%v", name, cancelled), func(t *testing.T) {
				r := &rig{TB: t}
				begun, goOn, ended := make(chan string, 9), make(chan struct{}), make(chan record.State, 9)
				r.start(open, EngineSetup{Workers: 1, Observe: func(pipeline, _ string, state record.State, _ time.Duration) {
					if pipeline == "p" {
						ended <- state
					}
				}}, single(pipeline.Step{Run: func(ctx context.Context, task *pipeline.Task) error {
					begun <- task.Run
					select {
					case <-goOn:
					case <-ctx.Done():
					}
					return outcome
				}}), chain("quick", nothing, "a"))
				var c record.Collection
				err := r.store.Update(t.Context(), func(tx record.Tx) (err error) {
					c, err = tx.Collections().Put(t.Context(), record.Declaration{Collection: "dropped", Content: []string{"body"}})
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				id := r.enqueue(pipeline.Start{Pipeline: "p", Collection: c.ID})
				recv(r, "the step", begun)
				if err := r.store.Update(t.Context(), func(tx record.Tx) error { return tx.Collections().Drop(t.Context(), c.ID) }); err != nil {
					t.Fatal(err)
				}
				if cancelled {
					if err := r.engine.Cancel(t.Context(), id); err != nil {
						t.Fatalf("cancel: %v", err)
					}
				} else {
					close(goOn)
				}
				if state := recv(r, "the end of the attempt", ended); state != record.Cancelled {
					t.Errorf("the attempt was %s", state)
				}
				r.await(r.enqueue(pipeline.Start{Pipeline: "quick"}), record.Succeeded)
				if len(begun) > 0 {
					t.Error("the step was tried again")
				}
			})
		}
	}
}

// A step completes once, however often it tries.
func engineExactlyOnce(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	second := make(chan error, 2)
	r.start(open, EngineSetup{}, single(pipeline.Step{Run: func(ctx context.Context, task *pipeline.Task) error {
		err := r.store.Update(ctx, func(tx record.Tx) error {
			if err := errors.Join(effect(ctx, tx, task), task.Complete(ctx, tx, nil)); err != nil {
				return err
			}
			second <- task.Complete(ctx, tx, nil)
			return nil
		})
		second <- r.store.Update(ctx, func(tx record.Tx) error {
			return errors.Join(effect(ctx, tx, task), task.Complete(ctx, tx, nil))
		})
		return err
	}}))
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	r.await(id, record.Succeeded)
	wantKind(t, recv(r, "the second completion", second), fault.Conflict)
	wantKind(t, recv(r, "the third completion", second), fault.Conflict)
	r.wantEffects(map[string]int{id + " a": 1})
}

// An error after a completion that has committed comes too late.
func engineLateError(t *testing.T, open OpenEngine) {
	r := &rig{TB: t}
	r.start(open, EngineSetup{}, single(pipeline.Step{Retry: quick(3), Run: func(ctx context.Context, task *pipeline.Task) error {
		return errors.Join(r.once(ctx, task), errDown)
	}}))
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	run := r.await(id, record.Succeeded)
	r.wantAttempts(run, "a", record.Succeeded)
	r.wantEffects(map[string]int{id + " a": 1})
}
