// Package river is the pipeline engine on River, in the database of the
// records: on SQLite in one process, on PostgreSQL in as many as there are.
//
// River delivers: it keeps jobs, fetches them and bounds how many are worked
// on. The engine decides: it settles each attempt itself, in the transaction
// of the step's own results, so that a step that writes to the record store
// takes effect exactly once. A River job stands for one branch of a run and
// moves along it; the run, its steps and attempts are rows of the record store.
//
// What differs between the databases is in one place (base). On SQLite all
// writes go through the store's one writer connection: a transaction that
// waits for the engine, or an engine that opened a second one while it holds
// the first, would wait for itself. Inside a transaction only methods that
// take it are called.
//
// Many engines may work on one PostgreSQL. Whoever fetched a job owns it
// until it is settled, and shows that it lives by renewing it. A job that two
// looks, a grace apart, find taken by somebody who has not renewed it in
// between is taken up by whoever looked: this needs no clock. What its old
// owner still does comes to nothing, as its claim no longer holds; it learns
// so within a second, and in the same way of a run that another process has
// cancelled. Notifications make others look for work only when this process
// has its hands full; beside them everybody polls.
//
// Locks are taken in one order: first the run's, by who ends it or joins its
// branches, then jobs, then rows of the record store.
//
// Not used of River: leader election with scheduler, rescuer, cleaners and
// reindexer (a waiting job is fetched when its time has come, an abandoned one
// is taken up by the engine, which knows what it runs, and finished ones are
// deleted), retry policy and timeouts (ours are settled in the transaction of
// the attempt), notifier and completer (see driver), inserts (by the clock of
// the process, where jobs are fetched by the database's), unique jobs,
// periodic jobs and subscriptions.
package river

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// Config sets an engine up. The zero value works.
type Config struct {
	// Workers is how many attempts run at once. Default: twice GOMAXPROCS.
	Workers int
	// Worker is the name that attempts are recorded under, up to 80 bytes; on
	// PostgreSQL something random is added. Default: host name and process id.
	Worker string
	// Logger gets internal errors in full. Default: none.
	Logger *slog.Logger
	// Observe, if set, is told of each attempt that has ended.
	Observe pipeline.Observe
	// Grace is how long the engine waits before it gives something up for
	// lost: an attempt that doesn't return after its context ended, a job whose
	// owner shows no life. Default: 10 s.
	Grace time.Duration
}

const (
	cooldown = time.Millisecond       // between fetches: the least that River takes
	poll     = 800 * time.Millisecond // fetch at least this often, should no wake-up come
)

// Engine is a pipeline.Engine.
type Engine struct {
	store  record.Store
	base   *base
	config Config
	log    *slog.Logger
	client client
	graphs map[string]*graph
	ids    ids

	life     sync.RWMutex // guards running against wake-ups
	running  bool
	stopping atomic.Bool
	unwatch  func() // ends watch and waits for it

	mu       sync.Mutex
	attempts map[claim]*attempt
}

var _ pipeline.Engine = (*Engine)(nil)

// New prepares an engine and River's tables in the store's database, which is
// SQLite (record/sqlite) or PostgreSQL (record/postgres). The store must
// outlive the engine; one on SQLite must belong to this process alone.
func New(ctx context.Context, store record.Store, config Config) (*Engine, error) {
	base, err := baseOf(store)
	if err != nil {
		return nil, err
	}
	config.Workers = cmp.Or(config.Workers, 2*runtime.GOMAXPROCS(0))
	config.Grace = cmp.Or(config.Grace, 10*time.Second)
	if config.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("name worker: %w", err)
		}
		config.Worker = fmt.Sprintf("%.60s:%d", host, os.Getpid())
	}
	if base.shared != nil {
		// Two containers may have the same host name and process id.
		config.Worker += ":" + strings.ToLower(rand.Text()[:8])
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		store:    store,
		base:     base,
		config:   config,
		log:      config.Logger,
		graphs:   map[string]*graph{},
		attempts: map[claim]*attempt{},
	}
	logger := slog.New(quiet{config.Logger.Handler()})
	if err := base.migrate(ctx, &rivermigrate.Config{Logger: logger}); err != nil {
		return nil, fmt.Errorf("migrate River's tables: %w", err)
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, river.WorkFunc(e.work)); err != nil {
		return nil, fmt.Errorf("set up River: %w", err)
	}
	e.client, err = base.client(&river.Config{
		ID:                     config.Worker,
		Logger:                 logger,
		Queues:                 map[string]river.QueueConfig{queue: {MaxWorkers: config.Workers}},
		Workers:                workers,
		FetchCooldown:          cooldown,
		FetchPollInterval:      poll,
		JobTimeout:             -1,
		LeaderElectionDisabled: true,
		PollOnly:               true,
	})
	if err != nil {
		return nil, fmt.Errorf("set up River: %w", err)
	}
	return e, nil
}

// Register makes a pipeline known.
func (e *Engine) Register(p pipeline.Pipeline) error {
	if err := p.Validate(); err != nil {
		return err
	}
	if e.graphs[p.Name] != nil {
		return fault.Field(p.Name, "there are two pipelines of this name")
	}
	e.graphs[p.Name] = newGraph(p)
	return nil
}

// Start begins to work.
func (e *Engine) Start(ctx context.Context) error {
	e.life.Lock()
	defer e.life.Unlock()
	if e.running {
		return fault.New(fault.Conflict, "the engine is running already")
	}
	if err := e.takeUpOwn(ctx); err != nil {
		return fmt.Errorf("take up work: %w", err)
	}
	// The engine ends with Stop, not with the context of whoever started it.
	life := context.WithoutCancel(ctx)
	if err := e.client.Start(life); err != nil {
		return fmt.Errorf("start River: %w", err)
	}
	e.stopping.Store(false)
	watching, cancel := context.WithCancel(life)
	var done sync.WaitGroup
	done.Go(func() { e.watch(watching) })
	if e.base.shared != nil {
		done.Go(func() { e.base.shared.Listen(watching, topic, func() { e.fetch() }) })
	}
	e.unwatch = func() { cancel(); done.Wait() }
	e.running = true
	return nil
}

// Stop takes no new work and gives running attempts until ctx ends.
func (e *Engine) Stop(ctx context.Context) error {
	e.life.Lock()
	defer e.life.Unlock()
	if !e.running {
		return nil
	}
	e.running = false
	e.stopping.Store(true)
	defer e.unwatch()
	err := e.client.Stop(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	// An attempt returns, or is given up, within the grace.
	hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*e.config.Grace)
	defer cancel()
	if err := e.client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stop River: %w", err)
	}
	if e.base.shared == nil {
		return nil // the next Start takes up what was cancelled
	}
	if err := e.takeUpOwn(hard); err != nil {
		return fmt.Errorf("give back what was cancelled: %w", err)
	}
	e.base.shared.Notify(topic)
	return nil
}

// Wake makes River fetch at once; others look too if this process has its hands full.
func (e *Engine) Wake() {
	if free := e.fetch(); !free && e.base.shared != nil {
		e.base.shared.Notify(topic)
	}
}

// fetch looks for jobs, and reports whether this engine has room for one.
func (e *Engine) fetch() (free bool) {
	// TryRLock: while the engine starts or stops nothing needs to be woken.
	if !e.life.TryRLock() {
		return false
	}
	defer e.life.RUnlock()
	if !e.running {
		return false
	}
	e.base.pilot.fetch()
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.attempts) < e.config.Workers
}

// Enqueue starts a run in the caller's transaction.
func (e *Engine) Enqueue(ctx context.Context, tx record.Tx, s pipeline.Start) (string, error) {
	g := e.graphs[s.Pipeline]
	if g == nil {
		return "", fault.Field("pipeline", "there is no pipeline %q", s.Pipeline)
	}
	p, err := g.plan(s.From)
	if err != nil {
		return "", err
	}
	input, err := encode(s.Input)
	if err != nil {
		return "", fmt.Errorf("encode input of %s: %w", s.Pipeline, err)
	}
	on, err := e.base.on(tx)
	if err != nil {
		return "", err
	}
	now := time.Now()
	run := record.Run{
		ID: e.ids.next(now), Pipeline: s.Pipeline, Collection: s.Collection,
		State: record.Running, Input: input, StartedAt: now,
	}
	for _, step := range g.pipe.Steps {
		state := record.Waiting
		if !p.active[step.Name] {
			state = record.Skipped
		}
		run.Steps = append(run.Steps, record.Step{Name: step.Name, State: state})
	}
	if err := tx.Runs().Create(ctx, run); err != nil {
		return "", fmt.Errorf("create run: %w", err)
	}
	jobs := make([]job, len(p.first))
	for i, name := range p.first {
		jobs[i] = job{Run: run.ID, Pipeline: s.Pipeline, From: s.From, Step: name, Input: input}
	}
	return run.ID, e.base.insert(ctx, on, jobs)
}

// Cancel ends a run.
func (e *Engine) Cancel(ctx context.Context, run string) error {
	err := e.store.Update(ctx, func(tx record.Tx) error {
		dropped, err := e.end(ctx, tx, run, record.Cancelled, record.Cancelled)
		if fault.KindOf(err) == fault.NotFound && dropped > 0 {
			return nil // what was left of a run whose rows are gone
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cancel run: %w", err)
	}
	e.interrupt(run)
	return nil
}

// end drops what is left of a run and, if it is not over, brings it to a
// final state, and to others the steps that are not done. Nobody changes the
// run meanwhile: who works on it needs one of the jobs that are dropped first.
func (e *Engine) end(ctx context.Context, tx record.Tx, id string, state, waiting record.State) (dropped int64, err error) {
	on, err := e.base.on(tx)
	if err != nil {
		return 0, err
	}
	if err := e.base.lock(ctx, on, id); err != nil {
		return 0, err
	}
	if dropped, err = e.base.drop(ctx, on, id); err != nil {
		return 0, err
	}
	runs, now := tx.Runs(), time.Now()
	r, err := runs.Get(ctx, id)
	if err != nil || r.State.Done() {
		return dropped, err
	}
	for _, s := range r.Steps {
		if s.State.Done() {
			continue
		}
		to := waiting
		for _, a := range s.Attempts {
			if a.State != record.Running {
				continue
			}
			to = record.Cancelled
			a.State, a.FinishedAt = record.Cancelled, now
			if err := runs.PutAttempt(ctx, id, s.Name, a); err != nil {
				return dropped, err
			}
		}
		if err := runs.SetStep(ctx, id, s.Name, to, nil); err != nil {
			return dropped, err
		}
	}
	return dropped, runs.SetRun(ctx, id, state, now)
}

// forgotten drops the jobs of a run if its rows are gone, and says whether.
func (e *Engine) forgotten(ctx context.Context, run string) bool {
	gone := false
	err := e.store.Update(ctx, func(tx record.Tx) error {
		_, err := tx.Runs().Get(ctx, run)
		if gone = fault.KindOf(err) == fault.NotFound; !gone {
			return err
		}
		on, err := e.base.on(tx)
		if err == nil {
			_, err = e.base.drop(ctx, on, run)
		}
		return err
	})
	return gone && err == nil
}

// interrupt cancels the attempts of a run that has ended.
func (e *Engine) interrupt(run string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, a := range e.attempts {
		if a.job.Run == run {
			a.cancel(errLost)
		}
	}
}
