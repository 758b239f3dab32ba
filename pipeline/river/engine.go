// Package river is the pipeline engine on River over SQLite: many runs at
// once in one process, in the database of the records.
//
// River delivers: it keeps jobs, fetches them and bounds how many are worked
// on. The engine decides: it settles each attempt itself, in the transaction
// of the step's own results, so that a step that writes to the record store
// takes effect exactly once. A River job stands for one branch of a run and
// moves along it; the run, its steps and attempts are rows of the record store.
//
// All writes go through the store's one writer connection. A transaction
// that waits for the engine, or an engine that opened a second one while it
// holds the first, would wait for itself: inside a transaction only methods
// that take it are called.
//
// Not used of River: leader election with scheduler, rescuer, cleaners and
// reindexer (one process owns the database; a waiting job is fetched when its
// time has come, an abandoned one is taken up by the engine, which knows what
// it runs, and finished ones are deleted), retry policy and timeouts (ours are
// settled in the transaction of the attempt), notifier and completer (see
// driver), unique jobs, periodic jobs and subscriptions.
package river

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// Store is a record store on SQLite whose only writer connection River shares.
type Store interface {
	record.Store
	Writer() *sql.DB
}

// Config sets an engine up. The zero value works.
type Config struct {
	// Workers is how many attempts run at once. Default: twice GOMAXPROCS.
	Workers int
	// Worker is the name that attempts are recorded under, up to 100 bytes.
	// Default: host name and process id.
	Worker string
	// Logger gets internal errors in full. Default: none.
	Logger *slog.Logger
	// Observe, if set, is told of each attempt that has ended.
	Observe pipeline.Observe
	// Grace is how long the engine waits before it gives something up for
	// lost: an attempt that doesn't return after its context ended, a job that
	// no worker has. Default: 10 s.
	Grace time.Duration
}

const (
	cooldown = time.Millisecond       // between fetches: the least that River takes
	poll     = 800 * time.Millisecond // fetch at least this often, should no wake-up come
)

// Engine is a pipeline.Engine.
type Engine struct {
	store  Store
	config Config
	log    *slog.Logger
	driver *driver
	client *river.Client[*sql.Tx]
	graphs map[string]*graph
	ids    ids
	wakeUp []*rivertype.JobInsertResult // what River is told at a wake-up

	life     sync.RWMutex // guards running against wake-ups
	running  bool
	stopping atomic.Bool
	unwatch  func() // ends watch and waits for it

	mu       sync.Mutex
	attempts map[int64]*attempt // by job
}

var _ pipeline.Engine = (*Engine)(nil)

// New prepares an engine and River's tables in the store's database. The
// store must outlive the engine, and belong to this process alone.
func New(ctx context.Context, store Store, config Config) (*Engine, error) {
	config.Workers = cmp.Or(config.Workers, 2*runtime.GOMAXPROCS(0))
	config.Grace = cmp.Or(config.Grace, 10*time.Second)
	if config.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("name worker: %w", err)
		}
		config.Worker = fmt.Sprintf("%.80s:%d", host, os.Getpid())
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{
		store:    store,
		config:   config,
		log:      config.Logger,
		driver:   newDriver(store.Writer()),
		graphs:   map[string]*graph{},
		attempts: map[int64]*attempt{},
		wakeUp:   []*rivertype.JobInsertResult{{Job: &rivertype.JobRow{Queue: queue}}},
	}
	logger := slog.New(quiet{config.Logger.Handler()})
	migrator, err := rivermigrate.New(e.driver, &rivermigrate.Config{Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("read River's migrations: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, fmt.Errorf("migrate River's tables: %w", err)
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, river.WorkFunc(e.work)); err != nil {
		return nil, fmt.Errorf("set up River: %w", err)
	}
	e.client, err = river.NewClient(e.driver, &river.Config{
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

// Start begins to work. The store has one owner, so whatever is marked as
// running belongs to a dead one.
func (e *Engine) Start(ctx context.Context) error {
	e.life.Lock()
	defer e.life.Unlock()
	if e.running {
		return fault.New(fault.Conflict, "the engine is running already")
	}
	abandoned, err := e.taken(ctx)
	if err != nil {
		return err
	}
	if err := e.takeUp(ctx, abandoned); err != nil {
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
	return nil
}

// Wake makes River fetch at once.
func (e *Engine) Wake() {
	// TryRLock: while the engine starts or stops nothing needs to be woken.
	if !e.life.TryRLock() {
		return
	}
	defer e.life.RUnlock()
	if e.running {
		e.driver.pilot.notify(context.Background(), e.wakeUp)
	}
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
	raw, err := sqlTx(tx)
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
	return run.ID, e.insert(ctx, raw, jobs)
}

// Cancel ends a run.
func (e *Engine) Cancel(ctx context.Context, run string) error {
	err := e.store.Update(ctx, func(tx record.Tx) error {
		r, err := tx.Runs().Get(ctx, run)
		if fault.KindOf(err) == fault.NotFound {
			if n, failure := forget(ctx, tx, run); failure != nil || n > 0 {
				return failure
			}
		}
		if err != nil || r.State.Done() {
			return err
		}
		return end(ctx, tx, r, record.Cancelled, record.Cancelled)
	})
	if err != nil {
		return fmt.Errorf("cancel run: %w", err)
	}
	e.interrupt(run)
	return nil
}

// end brings a run to a final state, and to others the steps that are not done.
func end(ctx context.Context, tx record.Tx, r record.Run, state, waiting record.State) error {
	raw, err := sqlTx(tx)
	if err != nil {
		return err
	}
	now := time.Now()
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
			if err := tx.Runs().PutAttempt(ctx, r.ID, s.Name, a); err != nil {
				return err
			}
		}
		if err := tx.Runs().SetStep(ctx, r.ID, s.Name, to, nil); err != nil {
			return err
		}
	}
	if _, err := drop(ctx, raw, r.ID); err != nil {
		return err
	}
	return tx.Runs().SetRun(ctx, r.ID, state, now)
}

// forget drops what is left of a run whose rows are gone with their collection.
func forget(ctx context.Context, tx record.Tx, run string) (jobs int64, err error) {
	raw, err := sqlTx(tx)
	if err != nil {
		return 0, err
	}
	return drop(ctx, raw, run)
}

// forgotten drops the jobs of a run if its rows are gone, and says whether.
func (e *Engine) forgotten(ctx context.Context, run string) bool {
	gone := false
	err := e.store.Update(ctx, func(tx record.Tx) error {
		_, err := tx.Runs().Get(ctx, run)
		if gone = fault.KindOf(err) == fault.NotFound; gone {
			_, err = forget(ctx, tx, run)
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
