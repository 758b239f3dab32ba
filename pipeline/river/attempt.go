package river

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/riverqueue/river"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// maxLost is how often a step may be lost with its process before it is
// failed for good: a restart is no fault of the step, but an item that kills
// the process must not kill it for ever.
const maxLost = 50

// patience bounds how long a worker tries to record a failure.
const patience = 20 * time.Second

// attempt is one try at one step, by the owner of a claim.
type attempt struct {
	engine  *Engine
	graph   *graph
	plan    *plan
	node    *node
	claim   claim
	job     job
	number  int // from 1
	started time.Time
	refused error // why the step can't even be tried
	cancel  context.CancelCauseFunc
	shown   bool // the store says that it runs; only watch uses it

	mu        sync.Mutex
	left      bool // behind: the step didn't return in time, and must not complete any more
	completed bool // in a transaction that may or may not have committed
	next      *job // where the job moves to, if this worker goes on with it
	nextClaim claim
	more      bool // other jobs were made available
}

// work follows a job along its branch.
func (e *Engine) work(ctx context.Context, rj *river.Job[job]) error {
	for a := e.begin(claim{rj.ID, rj.Attempt}, rj.Args); a != nil; {
		a = a.follow(ctx)
	}
	return nil
}

// follow makes the attempt and returns the next one that this worker owns, if any.
func (a *attempt) follow(ctx context.Context) *attempt {
	if a.refused != nil {
		a.engine.settle(ctx, a, a.refused)
		return nil
	}
	if !a.execute(ctx) || a.next == nil || ctx.Err() != nil {
		return nil
	}
	return a.engine.begin(a.nextClaim, *a.next)
}

// begin looks up what to do.
func (e *Engine) begin(c claim, j job) *attempt {
	a := &attempt{engine: e, claim: c, job: j, number: c.number - j.Base, started: time.Now()}
	if a.graph = e.graphs[j.Pipeline]; a.graph == nil {
		a.refused = fault.New(fault.Invalid, "there is no pipeline %q any more", j.Pipeline)
		return a
	}
	a.node = a.graph.steps[j.Step]
	a.plan, a.refused = a.graph.plan(j.From)
	switch {
	case a.refused != nil:
	case a.node == nil:
		a.refused = fault.New(fault.Invalid, "pipeline %s has no step %q any more", j.Pipeline, j.Step)
	case a.number > a.node.step.Retry.Limit()+maxLost:
		a.refused = fault.New(fault.Invalid, "the worker was lost at this step %d times", maxLost)
	}
	return a
}

// execute runs the step and settles what became of it. It reports whether
// the step is done.
func (a *attempt) execute(ctx context.Context) bool {
	e := a.engine
	limit := a.node.step.Timeout
	if limit <= 0 {
		limit = pipeline.DefaultTimeout
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	running, stop := context.WithTimeout(running, limit)
	defer stop()
	a.cancel = cancel
	e.mu.Lock()
	e.attempts[a.claim] = a
	e.mu.Unlock()
	defer func() {
		e.mu.Lock()
		delete(e.attempts, a.claim)
		e.mu.Unlock()
	}()

	err := a.run(running)
	if err == nil && !a.completed {
		err = e.store.Update(context.WithoutCancel(ctx), func(tx record.Tx) error {
			return a.complete(context.WithoutCancel(ctx), tx, nil)
		})
	}
	if err == nil {
		a.done()
		return true
	}
	lost := true
	switch {
	case ctx.Err() != nil: // the engine stops: the next Start takes the step up
	case errors.Is(context.Cause(running), errLost):
	case errors.Is(context.Cause(running), context.DeadlineExceeded):
		// Whatever the step made of it, this is what happened.
		lost = e.settle(ctx, a, fault.New(fault.Unavailable, "took longer than %s", limit))
	default:
		lost = e.settle(ctx, a, err)
	}
	switch {
	case lost && a.completed && a.succeeded(ctx):
		a.warn(ctx, "step failed after its completion was committed", err)
		a.done()
		return true
	case lost:
		a.observe(record.Cancelled)
	}
	return false
}

// run calls the step, and leaves it behind if it doesn't return in time
// after its context has ended.
func (a *attempt) run(ctx context.Context) error {
	task := &pipeline.Task{
		Run: a.job.Run, Pipeline: a.job.Pipeline, Step: a.job.Step,
		Attempt: a.number, Worker: a.engine.config.Worker,
		Input: a.job.Input, Outputs: a.job.Outputs,
		Complete: a.complete,
	}
	result := make(chan error, 1)
	go func() {
		result <- guard(func() error { return a.node.step.Run(ctx, task) })
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(a.engine.config.Grace)
	defer grace.Stop()
	select {
	case err := <-result:
		return err
	case <-grace.C:
		a.mu.Lock()
		a.left = true
		a.mu.Unlock()
		err := fault.New(fault.Unavailable, "did not return within %s of its end", a.engine.config.Grace)
		a.warn(ctx, "step left behind", err)
		return err
	}
}

// complete ends the step in tx and starts what comes after it.
func (a *attempt) complete(ctx context.Context, tx record.Tx, output any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left {
		return errLost
	}
	out, err := encode(output)
	if err != nil {
		return fmt.Errorf("encode output of %s: %w", a.job.Step, err)
	}
	last, err := a.move(ctx, tx, out)
	if err != nil {
		return err
	}
	runs, now := tx.Runs(), time.Now()
	if err := runs.SetStep(ctx, a.job.Run, a.job.Step, record.Succeeded, out); err != nil {
		return err
	}
	if err := runs.PutAttempt(ctx, a.job.Run, a.job.Step, a.row(record.Succeeded, now)); err != nil {
		return err
	}
	if last {
		if err := runs.SetRun(ctx, a.job.Run, record.Succeeded, now); err != nil {
			return err
		}
	}
	a.completed = true
	return nil
}

// move ends this job or moves it to the first step that becomes ready, and
// adds jobs for the others. It reports whether the step is the last of the run.
func (a *attempt) move(ctx context.Context, tx record.Tx, out []byte) (last bool, err error) {
	base := a.engine.base
	on, err := base.on(tx)
	if err != nil {
		return false, err
	}
	// Two branches that end at once must see each other, and no branch may
	// begin unseen while the run is cancelled.
	meets := a.meets()
	if meets || len(a.node.after) > 1 {
		if err := base.lock(ctx, on, a.job.Run); err != nil {
			return false, err
		}
	}
	ready, last, err := a.following(ctx, tx, out, meets)
	if err != nil {
		return false, err
	}
	a.next, a.more = nil, len(ready) > 1
	switch {
	case len(ready) == 0:
		err = base.finish(ctx, on, a.claim)
	case a.engine.stopping.Load():
		err = base.hand(ctx, on, a.claim, ready[0])
	default:
		a.next = &ready[0]
		a.nextClaim, err = base.advance(ctx, on, a.claim, ready[0])
	}
	if err == nil && a.more {
		err = base.insert(ctx, on, ready[1:])
	}
	return last, err
}

// meets reports whether other branches of the run end where this step does.
func (a *attempt) meets() bool {
	meets := len(a.node.after) == 0 && a.plan.ends > 1
	for _, name := range a.node.after {
		meets = meets || len(a.plan.before(a.graph.steps[name])) > 1
	}
	return meets
}

// following returns the jobs of the steps that become ready when this one is
// done, and whether it is the last of the run. Only where branches meet does
// it take a look at the others.
func (a *attempt) following(ctx context.Context, tx record.Tx, out []byte, meets bool) (ready []job, last bool, err error) {
	outputs := maps.Clone(a.job.Outputs)
	done := func(string) bool { return true }
	last = len(a.node.after) == 0
	if meets {
		run, err := tx.Runs().Get(ctx, a.job.Run)
		if err != nil {
			return nil, false, err
		}
		states := map[string]record.State{}
		outputs = nil
		for _, s := range run.Steps {
			states[s.Name] = s.State
			if s.State == record.Succeeded && s.Output != nil {
				outputs = with(outputs, s.Name, s.Output)
			}
			last = last && (s.Name == a.job.Step || s.State.Done())
		}
		done = func(name string) bool { return name == a.job.Step || states[name].Done() }
	}
	if out != nil {
		outputs = with(outputs, a.job.Step, out)
	}
	for _, name := range a.node.after {
		waits := false
		for _, b := range a.plan.before(a.graph.steps[name]) {
			waits = waits || b != a.job.Step && !done(b)
		}
		if !waits {
			ready = append(ready, job{
				Run: a.job.Run, Pipeline: a.job.Pipeline, From: a.job.From,
				Step: name, Input: a.job.Input, Outputs: outputs,
			})
		}
	}
	if len(ready) > 0 {
		ready[0].Base = a.claim.number // it takes over this job
	}
	return ready, last, nil
}

// settle records a failure and decides how to go on. It keeps trying until
// that is durable, for only then may anybody else take the step; after
// patience it leaves the step to rescue, so that others get the worker. It
// reports whether the attempt no longer owned the step.
func (e *Engine) settle(ctx context.Context, a *attempt, cause error) (lost bool) {
	if fault.KindOf(cause) == fault.Internal {
		a.warn(ctx, "step failed", cause)
	}
	durable := context.WithoutCancel(ctx)
	for pause := 50 * time.Millisecond; pause < patience; pause *= 2 {
		var (
			state record.State
			wait  time.Duration
		)
		err := e.store.Update(durable, func(tx record.Tx) (err error) {
			state, wait, err = a.fail(durable, tx, cause)
			return err
		})
		switch {
		case err == nil && state == record.Retrying:
			// A little late rather than a little early: the database counts
			// in milliseconds.
			time.AfterFunc(wait+2*time.Millisecond, e.Wake)
			a.observe(state)
			return false
		case err == nil:
			e.interrupt(a.job.Run)
			a.observe(state)
			return false
		case errors.Is(err, errLost):
			return true
		case fault.KindOf(err) == fault.NotFound && e.forgotten(durable, a.job.Run):
			return true
		}
		a.warn(ctx, "failure of a step could not be recorded", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done(): // the next Start takes the step up
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
	return false
}

// fail records that the attempt failed with cause: the step is tried again
// after a wait, or it has failed for good and with it the run.
func (a *attempt) fail(ctx context.Context, tx record.Tx, cause error) (record.State, time.Duration, error) {
	e, runs := a.engine, tx.Runs()
	on, err := e.base.on(tx)
	if err != nil {
		return "", 0, err
	}
	row := a.row(record.Failed, time.Now())
	row.Kind, row.Error = fault.KindOf(cause), message(cause)
	again, err := a.again(ctx, tx, cause)
	if err != nil {
		return "", 0, err
	}
	if again {
		wait := a.node.step.Retry.Wait(a.number, cause)
		if err := e.base.delay(ctx, on, a.claim, wait); err != nil {
			return "", 0, err
		}
		if err := runs.PutAttempt(ctx, a.job.Run, a.job.Step, row); err != nil {
			return "", 0, err
		}
		return record.Retrying, wait, runs.SetStep(ctx, a.job.Run, a.job.Step, record.Retrying, nil)
	}

	if err := e.base.lock(ctx, on, a.job.Run); err != nil {
		return "", 0, err
	}
	if err := e.base.finish(ctx, on, a.claim); err != nil {
		return "", 0, err
	}
	if err := runs.PutAttempt(ctx, a.job.Run, a.job.Step, row); err != nil {
		return "", 0, err
	}
	if err := runs.SetStep(ctx, a.job.Run, a.job.Step, record.Failed, nil); err != nil {
		return "", 0, err
	}
	if _, err := e.end(ctx, tx, a.job.Run, record.Failed, record.Skipped); err != nil {
		return "", 0, err
	}
	if a.graph == nil || a.graph.pipe.Failed == nil {
		return record.Failed, 0, nil
	}
	return record.Failed, 0, guard(func() error {
		return a.graph.pipe.Failed(ctx, tx, pipeline.Failure{
			Run: a.job.Run, Pipeline: a.job.Pipeline, Step: a.job.Step, Input: a.job.Input,
			Attempts: a.number, Worker: e.config.Worker, Err: cause,
		})
	})
}

// again reports whether the step is to be tried again. Attempts that were
// lost with their process don't count.
func (a *attempt) again(ctx context.Context, tx record.Tx, cause error) (bool, error) {
	if a.node == nil || !fault.Retryable(cause) {
		return false, nil
	}
	limit := a.node.step.Retry.Limit()
	if a.number < limit {
		return true, nil
	}
	run, err := tx.Runs().Get(ctx, a.job.Run)
	if err != nil {
		return false, err
	}
	failures := 1
	for _, s := range run.Steps {
		for _, t := range s.Attempts {
			if s.Name == a.job.Step && t.State == record.Failed {
				failures++
			}
		}
	}
	return failures < limit, nil
}

// succeeded reports whether the store has the step as done.
func (a *attempt) succeeded(ctx context.Context) bool {
	done := false
	err := a.engine.store.View(context.WithoutCancel(ctx), func(tx record.Tx) error {
		run, err := tx.Runs().Get(ctx, a.job.Run)
		for _, s := range run.Steps {
			done = done || s.Name == a.job.Step && s.State == record.Succeeded
		}
		return err
	})
	return err == nil && done
}

func (a *attempt) done() {
	if a.more {
		a.engine.Wake()
	}
	a.observe(record.Succeeded)
}

func (a *attempt) observe(state record.State) {
	if a.engine.config.Observe != nil {
		a.engine.config.Observe(a.job.Pipeline, a.job.Step, state, time.Since(a.started))
	}
}

func (a *attempt) row(state record.State, at time.Time) record.Attempt {
	return record.Attempt{
		Number: a.number, State: state, Worker: a.engine.config.Worker,
		StartedAt: a.started, FinishedAt: at,
	}
}

func (a *attempt) warn(ctx context.Context, msg string, err error) {
	a.engine.log.WarnContext(ctx, msg, "run", a.job.Run, "pipeline", a.job.Pipeline,
		"step", a.job.Step, "attempt", a.number, "error", err)
}

func with[V any](m map[string]V, key string, v V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = v
	return m
}
