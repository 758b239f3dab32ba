// Package pipeline is the contract of durable work: a pipeline is a graph of
// steps, a run is one execution of it, and an engine sees to it that every
// step of every run is done, whatever dies in between.
//
// The engine moves ids and digests only, never text. Runs, steps and attempts
// are rows in the record store, so every engine shows the same console. A
// step's results and its completion commit in one transaction: a step calls
// Task.Complete inside the record.Tx in which it writes.
//
// An engine is done when the suite conform.Engine passes on it.
package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Pipeline is a graph of steps.
type Pipeline struct {
	Name  string
	Steps []Step
	// Failed, if set, is called when a step of a run has failed for good, in
	// the transaction that marks the run failed. It may be called again if
	// that transaction does not commit.
	Failed func(ctx context.Context, tx record.Tx, f Failure) error
}

// Step is one piece of work. It may run more than once: after a crash, after
// a lost worker, after a transient fault. Only one execution completes.
type Step struct {
	Name  string
	After []string // steps that must be done before
	Run   func(ctx context.Context, t *Task) error
	Retry Retry
	// Timeout bounds one attempt. Default 5 minutes.
	Timeout time.Duration
}

// Retry says how often and when a step is tried again after a fault that
// fault.Retryable accepts. Other faults, and panics, fail the step at once.
type Retry struct {
	Attempts int           // in all; default 8
	First    time.Duration // wait before the second attempt; default 1 s
	Max      time.Duration // longest wait; default 5 minutes
}

// DefaultTimeout bounds an attempt whose step names no timeout.
const DefaultTimeout = 5 * time.Minute

// Limit is the number of attempts in all.
func (r Retry) Limit() int {
	if r.Attempts <= 0 {
		return 8
	}
	return r.Attempts
}

// Wait is how long to wait after a failed attempt (counted from 1): doubling
// from First to Max, with up to a quarter of jitter taken off so that what
// failed together does not come back together; never less than what the
// other side asked for.
func (r Retry) Wait(attempt int, err error) time.Duration {
	first, most := r.First, r.Max
	if first <= 0 {
		first = time.Second
	}
	if most <= 0 {
		most = 5 * time.Minute
	}
	wait := most
	if shift := attempt - 1; shift < 32 && first<<shift > 0 && first<<shift < most {
		wait = first << shift
	}
	wait -= rand.N(wait/4 + 1) //nolint:gosec // jitter needs no secrecy
	return max(wait, fault.RetryAfter(err))
}

// Task is one attempt at one step.
type Task struct {
	Run      string
	Pipeline string
	Step     string
	Attempt  int // from 1
	Worker   string
	Input    json.RawMessage            // of the run
	Outputs  map[string]json.RawMessage // of the steps done before, by name
	// Complete ends the step in tx with an output (JSON, ids and counts only;
	// nil for none) and starts what comes after it. It fails with
	// fault.Conflict if this attempt no longer owns the step. A step that
	// returns nil without it is completed by the engine, without an output.
	Complete func(ctx context.Context, tx record.Tx, output any) error
}

// Failure is a step that failed for good.
type Failure struct {
	Run      string
	Pipeline string
	Step     string
	Input    json.RawMessage
	Attempts int
	Worker   string
	Err      error
}

// Start asks for a run.
type Start struct {
	Pipeline   string
	Collection record.CollectionID // whose run it is; 0 for none
	Input      any                 // JSON; ids and digests only
	// From starts at these steps and skips what does not come after them;
	// empty starts at the beginning.
	From []string
}

// Observe is told of each attempt that has ended, after its result is
// durable: Succeeded, Retrying, Failed, or Cancelled if it was lost or
// stopped. It is called by the worker, and must not block.
type Observe func(pipeline, step string, state record.State, took time.Duration)

// Engine runs pipelines.
type Engine interface {
	// Register makes a pipeline known. All are registered before Start.
	Register(p Pipeline) error
	// Start begins to work. Work that a dead owner left running is taken up again.
	Start(ctx context.Context) error
	// Enqueue starts a run in the caller's transaction and returns its id: if
	// the transaction does not commit there is no run.
	Enqueue(ctx context.Context, tx record.Tx, s Start) (string, error)
	// Wake tells the engine that a transaction with an Enqueue or a Complete
	// has committed. It never blocks; without it work starts within a second.
	Wake()
	// Cancel ends a run: steps that wait never start, a running one has its
	// context cancelled. A finished run is left as it is. Of a run whose rows
	// are gone, as with its collection, what is left ends quietly; without
	// Cancel it does so when its step returns.
	Cancel(ctx context.Context, run string) error
	// Stop takes no new work, gives running attempts until ctx ends, then
	// cancels them; what did not finish is taken up at the next Start.
	Stop(ctx context.Context) error
}

// Validate checks a graph: names, references, cycles. Errors name the step.
func (p Pipeline) Validate() error {
	if p.Name == "" {
		return fault.Field("name", "a pipeline needs a name")
	}
	if len(p.Steps) == 0 {
		return fault.Field(p.Name, "a pipeline needs a step")
	}
	steps := map[string]Step{}
	for _, s := range p.Steps {
		at := p.Name + "." + s.Name
		switch _, dup := steps[s.Name]; {
		case s.Name == "":
			return fault.Field(p.Name, "a step needs a name")
		case dup:
			return fault.Field(at, "there are two steps of this name")
		case s.Run == nil:
			return fault.Field(at, "does nothing: Run is missing")
		}
		steps[s.Name] = s
	}
	for _, s := range p.Steps {
		for _, a := range s.After {
			if _, ok := steps[a]; !ok {
				return fault.Field(p.Name+"."+s.Name, "comes after %q, which is no step", a)
			}
		}
	}
	return p.acyclic(steps)
}

func (p Pipeline) acyclic(steps map[string]Step) error {
	const visiting, done = 1, 2
	mark := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		switch mark[name] {
		case visiting:
			return fault.Field(p.Name+"."+name, "comes after itself")
		case done:
			return nil
		}
		mark[name] = visiting
		for _, a := range steps[name].After {
			if err := visit(a); err != nil {
				return err
			}
		}
		mark[name] = done
		return nil
	}
	for _, s := range p.Steps {
		if err := visit(s.Name); err != nil {
			return fmt.Errorf("check graph: %w", err)
		}
	}
	return nil
}
