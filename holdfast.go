// Package holdfast joins the parts: it keeps vectors anchored to the records
// they came from. Build the drivers, hand them to [New], and [App.Run] works
// until its context ends.
package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"gocloud.dev/blob"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/internal/telemetry"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
	"github.com/holdfast/holdfast/snapshot"
)

// Config is what an App is made of. The App closes Records, Bucket, and Index
// if that is an io.Closer.
type Config struct {
	Records record.Store
	// Bucket holds the segments of packed embeddings; Sync makes an object in
	// it survive a power failure, where the bucket does not by itself.
	Bucket *blob.Bucket
	Sync   func(ctx context.Context, key string) error
	// Listen, if set, calls wake when another process may have written changes,
	// until ctx ends; without it they are seen within a second.
	Listen func(ctx context.Context, wake func())
	Index  index.Opener
	// Engine builds the engine; observe is to be called after every attempt.
	Engine func(observe pipeline.Observe) (pipeline.Engine, error)
	// Key is the gate's master secret, gate.KeySize bytes.
	Key    []byte
	Tenant string
	// Vault holds the keys of what policies let be restored; nil if none does.
	Vault *gate.Keyring
	// Policies by name; "default" is there if it is not given.
	Policies map[string]gate.Policy
	// Recognisers are asked about every text beside the gate's own detectors;
	// they see it raw.
	Recognisers []gate.Recogniser
	// Sources opens what a declaration attaches a collection to; nil if none
	// can be attached.
	Sources func(record.Declaration) (record.Source, error)
	// Embedders by the name that declarations use.
	Embedders map[string]embedding.Embedder
	// Models are how the embedders are called.
	Models ModelSettings
	// Retry is how often and when the steps of the pipelines, and single items
	// in them, are tried again after a transient fault.
	Retry pipeline.Retry
	// Retention is how long what is no longer in use is kept.
	Retention flow.Retention
	// Reconciling is when indexes are compared with the records.
	Reconciling Reconciling
	// Access decides who may do what. Default: the loopback admin only.
	Access access.Decider
	// Owner names this process in claims; a name that stays the same over a
	// restart lets it go on at once.
	Owner string
	Log   *slog.Logger
}

// App is a running Holdfast.
type App struct {
	parts      flow.Parts
	indexer    *flow.Indexer
	sweeper    *flow.Sweeper
	upgrader   *flow.Upgrader
	snapshots  *snapshot.Store
	dispatcher *flow.Dispatcher
	searcher   *search.Searcher
	follower   *flow.Follower
	access     access.Decider
	bucket     *blob.Bucket
	opener     index.Opener
	listen     func(ctx context.Context, wake func())
	reconciles time.Duration // how often
	log        *slog.Logger
	auditing   *auditor
	settings   ModelSettings

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when a step has ended
}

// A segment is written when it is full, when a few vectors have waited a
// minute, or any an hour: objects stay few on a quiet system too.
const (
	packLook = 5 * time.Second
	packFull = 1024
	packFew  = 64
	packSoon = time.Minute
	packLate = time.Hour
)

// claimShared is how long others wait for vectors that a process which has
// died was about to compute.
const claimShared = 15 * time.Second

// New joins the parts.
func New(cfg Config) (*App, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Access == nil {
		cfg.Access = access.Loopback{}
	}
	policies := map[string]gate.Policy{"default": gate.DefaultPolicy()}
	for name, p := range cfg.Policies {
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
		if p.Restores() && cfg.Vault == nil {
			return nil, fault.New(fault.Invalid, "policy %s has pseudonyms that may be restored, which needs a vault", name)
		}
		policies[name] = p
	}
	a := &App{
		access: cfg.Access, bucket: cfg.Bucket, opener: cfg.Index, listen: cfg.Listen, reconciles: cfg.Reconciling.Every,
		settings: cfg.Models, log: cfg.Log, changed: make(chan struct{}),
	}
	g, err := gate.New(gate.Config{Key: cfg.Key, Tenant: cfg.Tenant, Recognisers: cfg.Recognisers})
	if err != nil {
		return nil, fmt.Errorf("build gate: %w", err)
	}
	if cfg.Vault != nil {
		a.parts.Vault = gate.NewVault(g, cfg.Vault)
	}
	canary, err := neutral(cfg, append([]string{Probe}, canaries...)...)
	if err != nil {
		return nil, err
	}
	metrics := telemetry.New(a.levels, a.modelLevels)
	claimFor := time.Duration(0) // the default: where there is one process, its own name frees its claims
	if cfg.Records.Shared() {
		claimFor = claimShared
	}
	vectors, err := embedding.NewStore(embedding.StoreConfig{
		ClaimFor: claimFor,
		Records:  cfg.Records, Bucket: cfg.Bucket, Sync: cfg.Sync, Owner: cfg.Owner, Logger: cfg.Log, PackSize: packFull,
		Budget: cfg.Models.Budget, Probe: canary[0], Canary: canary[1:],
		Observe: func(e embedding.Event) {
			if e.Purpose == embedding.ForPassage {
				metrics.Embedded(e.Model, e.Usage.Requests, e.Computed, e.Reused)
				return
			}
			metrics.Embedded(e.Model, e.Usage.Requests, 0, 0)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("build embedding store: %w", err)
	}
	engine, err := cfg.Engine(func(pipeline, step string, _ record.State, took time.Duration) {
		metrics.StepTook(pipeline, step, took)
		a.notify()
	})
	if err != nil {
		return nil, fmt.Errorf("build engine: %w", err)
	}
	a.parts = flow.Parts{
		Records: cfg.Records, Gate: g, Vault: a.parts.Vault, Policies: policies, Embedders: guard(vectors, cfg.Embedders, cfg.Models), Vectors: vectors,
		Indexes: index.NewPool(cfg.Index), Sources: flow.NewSources(cfg.Sources), Engine: engine, Metrics: metrics, Tenant: cfg.Tenant, Log: cfg.Log,
	}
	a.indexer = &flow.Indexer{Parts: a.parts, Retry: cfg.Retry, MaxDelete: cfg.Reconciling.MaxDelete}
	a.snapshots = snapshot.New(snapshot.Config{
		Records: cfg.Records, Bucket: cfg.Bucket, Sync: cfg.Sync, Embeddings: vectors, Gate: g, Log: cfg.Log,
	})
	a.sweeper = &flow.Sweeper{Indexer: a.indexer, Snapshots: a.snapshots, Retention: cfg.Retention}
	a.upgrader = &flow.Upgrader{Indexer: a.indexer, Compare: func(ctx context.Context, u flow.Upgrade, old, next record.Generation) (flow.Evaluation, error) {
		return a.searcher.Compare(ctx, u, old, next)
	}}
	for _, p := range slices.Concat(a.indexer.Pipelines(), a.sweeper.Pipelines(), a.upgrader.Pipelines()) {
		if err := engine.Register(p); err != nil {
			return nil, fmt.Errorf("register pipeline: %w", err)
		}
	}
	a.dispatcher = flow.NewDispatcher(cfg.Records, engine, cfg.Log)
	a.follower = flow.NewFollower(cfg.Records, a.parts.Sources, a.dispatcher.Wake, cfg.Log)
	a.searcher = &search.Searcher{Parts: a.parts, Access: cfg.Access, Changed: a.awaited}
	a.auditing = newAuditor(cfg.Records, cfg.Log)
	return a, nil
}

// Run indexes changes until ctx ends, then lets what is under way finish.
// What could not finish goes on at the next Run.
func (a *App) Run(ctx context.Context) error {
	if err := a.prepare(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := a.parts.Engine.Start(work); err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { a.dispatcher.Run(ctx) })
	wg.Go(func() { a.pack(ctx) })
	wg.Go(func() { a.watchModels(ctx, a.settings.CanaryEvery) })
	wg.Go(func() { a.rewrapLeft(ctx) })
	wg.Go(func() { a.sweepDaily(ctx) })
	wg.Go(func() { a.tend(ctx) })
	wg.Go(func() { a.follower.Run(ctx) })
	wg.Go(func() { a.reconcileRegularly(ctx, a.reconciles) })
	if a.listen != nil {
		wg.Go(func() { a.listen(ctx, a.dispatcher.Wake) })
	}
	wg.Wait()
	stop, done := context.WithTimeout(work, 10*time.Second)
	defer done()
	if err := a.searcher.StoreSamples(stop); err != nil {
		a.log.WarnContext(stop, "store sampled queries", "error", err)
	}
	if err := a.parts.Engine.Stop(stop); err != nil {
		return fmt.Errorf("stop engine: %w", err)
	}
	return nil
}

// prepare takes over from whoever ran before. Where others may be running,
// what the dead have left becomes free by time.
func (a *App) prepare(ctx context.Context) error {
	if !a.parts.Records.Shared() {
		err := a.parts.Records.Update(ctx, func(tx record.Tx) error { return tx.Changes().Reset(ctx) })
		if err != nil {
			return fmt.Errorf("free old leases: %w", err)
		}
	}
	if err := a.register(ctx); err != nil {
		return err
	}
	return a.mend(ctx)
}

// Close releases everything that was handed to New.
func (a *App) Close() error {
	a.auditing.close()
	a.parts.Sources.Close()
	errs := []error{a.writeCosts(), a.parts.Indexes.Close()}
	if c, ok := a.opener.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(append(errs, a.bucket.Close(), a.parts.Records.Close())...)
}

// mend starts to rebuild indexes that lost their data.
func (a *App) mend(ctx context.Context) error {
	collections, err := a.Collections(ctx, "", 0)
	if err != nil {
		return err
	}
	for _, c := range collections {
		if err := a.mendOne(ctx, c); err != nil {
			return fmt.Errorf("open index of %s: %w", c.Name, err)
		}
	}
	return nil
}

func (a *App) mendOne(ctx context.Context, c record.Collection) error {
	var g record.Generation
	var passages int64
	indexed := false
	err := a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		if g, err = flow.ActiveGeneration(ctx, tx, c.ID); err != nil {
			return err
		}
		if passages, err = tx.Passages().Count(ctx, g.ID); err != nil {
			return err
		}
		indexed, err = anyIndexed(ctx, tx, g.ID)
		return err
	})
	switch {
	case fault.KindOf(err) == fault.Unavailable && ctx.Err() == nil:
		return nil // nothing is built yet
	case err != nil, passages == 0:
		return err
	}
	ix, err := a.parts.Indexes.Get(ctx, flow.Spec(g))
	damaged := errors.Is(err, index.ErrDamaged)
	var entries int64
	if err == nil {
		entries, err = ix.Count(ctx)
	}
	switch {
	case err != nil && !damaged:
		return err
	case !damaged && (entries > 0 || !indexed):
		return nil // what is not indexed yet is on its way
	}
	a.log.WarnContext(ctx, "index is lost; it is rebuilt from the records", "collection", c.Name, "damaged", damaged)
	if _, err := a.indexer.StartRebuild(ctx, c); err != nil {
		return err
	}
	if a.parts.Records.Shared() {
		return nil // another process may be at it already
	}
	// Now, lest a step finds it damaged before the rebuild begins.
	return a.indexer.DropIndex(ctx, g)
}

// anyIndexed reports whether the index should hold something.
func anyIndexed(ctx context.Context, tx record.Tx, g record.GenerationID) (bool, error) {
	const page = 1000
	for after := record.PassageID(0); ; {
		list, err := tx.Passages().Scan(ctx, g, after, page)
		if err != nil || len(list) == 0 {
			return false, err
		}
		for _, p := range list {
			if p.State == record.Indexed {
				return true, nil
			}
		}
		after = list[len(list)-1].ID
	}
}

// pack moves vectors out of the record store when enough have gathered or
// they have waited long enough.
func (a *App) pack(ctx context.Context) {
	tick := time.NewTicker(packLook)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		stats, err := a.parts.Vectors.Stats(ctx)
		waited := time.Since(last)
		due := stats.Inline >= packFull || stats.Inline >= packFew && waited >= packSoon || stats.Inline > 0 && waited >= packLate
		for err == nil && due {
			var n int
			n, err = a.parts.Vectors.Pack(ctx)
			last = time.Now()
			due = n >= packFull // there may be another segment's worth
		}
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "pack embeddings", "error", err)
		}
	}
}

// notify wakes whoever waits for progress.
func (a *App) notify() {
	a.announce(a.progress())
	if a.dispatcher != nil {
		a.dispatcher.Wake()
	}
}

// announce closes what progress has returned, unless that is done already.
func (a *App) announce(seen <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if seen == a.changed {
		close(a.changed)
		a.changed = make(chan struct{})
	}
}

// progress returns a channel that is closed when a step has ended here.
func (a *App) progress() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.changed
}

// lookAgain is how often whoever waits looks for what other processes have done.
const lookAgain = 100 * time.Millisecond

// awaited is progress for whoever waits: it is closed soon where steps may
// end in other processes.
func (a *App) awaited() <-chan struct{} {
	changed := a.progress()
	if a.parts.Records.Shared() {
		time.AfterFunc(lookAgain, func() { a.announce(changed) })
	}
	return changed
}

// levels reads the gauges for a scrape.
func (a *App) levels() []telemetry.Level {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	collections, err := a.Collections(ctx, "", 1000)
	if err != nil {
		a.log.WarnContext(ctx, "read gauges", "error", err)
		return nil
	}
	out := make([]telemetry.Level, 0, len(collections))
	for _, c := range collections {
		st, err := a.Status(ctx, c.Name)
		if err != nil {
			a.log.WarnContext(ctx, "read gauges", "collection", c.Name, "error", err)
			continue
		}
		out = append(out, telemetry.Level{
			Collection: c.Name, Pending: float64(st.PendingChanges), LagSeconds: st.LagSeconds, Dead: float64(st.DeadLetters),
		})
	}
	return out
}

// Metrics serves the Prometheus series.
func (a *App) Metrics() *telemetry.Metrics { return a.parts.Metrics }

// Gate is the privacy gate, for text that callers bring.
func (a *App) Gate() *gate.Gate { return a.parts.Gate }

// Policy finds a privacy policy by name.
func (a *App) Policy(name string) (gate.Policy, error) {
	p, ok := a.parts.Policies[name]
	if !ok {
		return gate.Policy{}, fault.New(fault.NotFound, "there is no policy %q", name)
	}
	return p, nil
}

// Search answers a query on behalf of a principal.
func (a *App) Search(ctx context.Context, who access.Principal, collection string, q search.Query) ([]search.Result, error) {
	return a.searcher.Search(ctx, who, collection, q)
}
