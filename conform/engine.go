package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// EngineSetup is how a case wants its engine.
type EngineSetup struct {
	Dir     string // the same folder is the same state
	Workers int
	Grace   time.Duration // given to an attempt to return when its context has ended
	Observe pipeline.Observe
}

// OpenEngine opens a record store and an engine on it that has not started,
// and returns how to close the store.
type OpenEngine func(tb testing.TB, s EngineSetup) (record.Store, pipeline.Engine, func() error)

// Engine is the suite of pipeline engines.
func Engine(t *testing.T, open OpenEngine) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, OpenEngine)
	}{
		{"chain", engineChain},
		{"graphs", engineGraphs},
		{"from", engineFrom},
		{"refuses", engineRefuses},
		{"rollback", engineRollback},
		{"no wake-up", engineNoWake},
		{"shows running", engineShowsRunning},
		{"drain", engineDrain},
		{"retry", engineRetry},
		{"gives up", engineGivesUp},
		{"fatal faults", engineFatal},
		{"failure stops branches", engineFailureStopsBranches},
		{"failed hook", engineFailedHook},
		{"timeout", engineTimeout},
		{"hang", engineHang},
		{"cancel", engineCancel},
		{"forgotten", engineForgotten},
		{"exactly once", engineExactlyOnce},
		{"late error", engineLateError},
		{"stop", engineStop},
		{"wait survives", engineWaitSurvives},
		{"gone", engineGone},
		{"killed", engineKilled},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// patience bounds how long a case waits for what must happen.
const patience = 60 * time.Second

// rig is an engine under test, and what its steps write to.
type rig struct {
	testing.TB
	store  record.Store
	engine pipeline.Engine
	close  func()
}

// start opens an engine in a folder of its own, or in s.Dir. A rig may be
// started again when it is closed.
func (r *rig) start(open OpenEngine, s EngineSetup, pipelines ...pipeline.Pipeline) {
	r.Helper()
	if s.Dir == "" {
		s.Dir = r.TempDir()
	}
	if s.Workers == 0 {
		s.Workers = 4
	}
	store, engine, closeStore := open(r, s)
	r.store, r.engine = store, engine
	r.close = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(engine.Stop(ctx), closeStore()); err != nil {
			r.Errorf("close: %v", err)
		}
	})
	r.Cleanup(r.close)
	for _, p := range pipelines {
		if err := engine.Register(p); err != nil {
			r.Fatalf("register %s: %v", p.Name, err)
		}
	}
	if err := engine.Start(r.Context()); err != nil {
		r.Fatalf("start: %v", err)
	}
}

func (r *rig) enqueue(s pipeline.Start) string {
	r.Helper()
	id := r.enqueueQuietly(s)
	r.engine.Wake()
	return id
}

func (r *rig) enqueueQuietly(s pipeline.Start) (id string) {
	r.Helper()
	err := r.store.Update(r.Context(), func(tx record.Tx) (err error) {
		id, err = r.engine.Enqueue(r.Context(), tx, s)
		return err
	})
	if err != nil {
		r.Fatalf("enqueue: %v", err)
	}
	return id
}

func (r *rig) get(id string) (run record.Run) {
	r.Helper()
	err := r.store.View(r.Context(), func(tx record.Tx) (err error) {
		run, err = tx.Runs().Get(r.Context(), id)
		return err
	})
	if err != nil {
		r.Fatalf("get run: %v", err)
	}
	return run
}

// await waits for a run to reach a state, and fails on another final one.
func (r *rig) await(id string, want record.State) (run record.Run) {
	r.Helper()
	r.until("run "+id+" is "+string(want), func() bool {
		run = r.get(id)
		if run.State.Done() && run.State != want {
			r.Fatalf("run is %s, want %s: %+v", run.State, want, run.Steps)
		}
		return run.State == want
	})
	return run
}

// until waits for a condition.
func (r *rig) until(what string, met func() bool) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-ctx.Done():
			r.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

// recv waits for an event.
func recv[T any](r *rig, what string, c <-chan T) T {
	r.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		r.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// effect is something that a step does to the store: a line in the audit trail.
func effect(ctx context.Context, tx record.Tx, t *pipeline.Task) error {
	return mark(ctx, tx, t.Run, t.Step)
}

func mark(ctx context.Context, tx record.Tx, run, what string) error {
	return tx.Audit().Append(ctx, []record.AuditEntry{{
		At: time.Now(), Principal: "conform", Action: what, Resource: run, Allowed: true,
	}})
}

// effects counts them by run and step.
func (r *rig) effects() map[string]int {
	r.Helper()
	count := map[string]int{}
	err := r.store.View(r.Context(), func(tx record.Tx) error {
		for before := int64(0); ; {
			entries, next, err := tx.Audit().List(r.Context(), before, 500)
			if err != nil {
				return err
			}
			for _, e := range entries {
				count[e.Resource+" "+e.Action]++
			}
			if len(entries) == 0 || next == 0 {
				return nil
			}
			before = next
		}
	})
	if err != nil {
		r.Fatalf("list effects: %v", err)
	}
	return count
}

// once is a step that has its effect in the transaction that completes it.
func (r *rig) once(ctx context.Context, t *pipeline.Task) error {
	return r.store.Update(ctx, func(tx record.Tx) error {
		if err := effect(ctx, tx, t); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{t.Step: t.Attempt})
	})
}

func nothing(context.Context, *pipeline.Task) error { return nil }

// quick retries without much ado.
func quick(attempts int) pipeline.Retry {
	return pipeline.Retry{Attempts: attempts, First: time.Millisecond, Max: 2 * time.Millisecond}
}

func states(run record.Run) map[string]record.State {
	m := map[string]record.State{}
	for _, s := range run.Steps {
		m[s.Name] = s.State
	}
	return m
}

func (r *rig) wantStates(run record.Run, want map[string]record.State) {
	r.Helper()
	got := states(run)
	for name, state := range want {
		if got[name] != state {
			r.Errorf("step %s is %s, want %s", name, got[name], state)
		}
	}
}

// wantAttempts checks the states of a step's attempts, and that each is told whole.
func (r *rig) wantAttempts(run record.Run, step string, want ...record.State) []record.Attempt {
	r.Helper()
	for _, s := range run.Steps {
		if s.Name != step {
			continue
		}
		got := make([]record.State, len(s.Attempts))
		for i, a := range s.Attempts {
			got[i] = a.State
			switch {
			case a.Number != i+1:
				r.Errorf("attempt %d of %s has number %d", i+1, step, a.Number)
			case a.Worker == "":
				r.Errorf("attempt %d of %s names no worker", i+1, step)
			case a.StartedAt.IsZero(), a.State.Done() && a.FinishedAt.Before(a.StartedAt):
				r.Errorf("attempt %d of %s went from %v to %v", i+1, step, a.StartedAt, a.FinishedAt)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			r.Fatalf("attempts of %s are %v, want %v", step, got, want)
		}
		return s.Attempts
	}
	r.Fatalf("run has no step %s", step)
	return nil
}

func wantKind(tb testing.TB, err error, want fault.Kind) {
	tb.Helper()
	if err == nil || fault.KindOf(err) != want {
		tb.Errorf("error is %v, want kind %v", err, want)
	}
}

func wantJSON(tb testing.TB, what string, got json.RawMessage, want string) {
	tb.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		tb.Errorf("%s is %q: %v", what, got, err)
		return
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		tb.Fatal(err)
	}
	if fmt.Sprint(a) != fmt.Sprint(b) {
		tb.Errorf("%s is %s, want %s", what, got, want)
	}
}
