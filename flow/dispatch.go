package flow

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

const (
	// batchSize is the most changes in a run: enough to share the cost of a
	// transaction and of a call to a model, few enough to finish in seconds.
	batchSize = 256
	// leaseFor is how long a lease outlives its owner's last sign of life.
	leaseFor = 45 * time.Second
	// perCollection bounds the runs of one collection under way, so that one
	// whose model is down does not take all the room.
	perCollection = 2
	// idlePoll is how often the queue is looked at when nobody reports a write.
	idlePoll = time.Second
)

// Dispatcher leases changes and starts index runs for them: one change when
// it is quiet, up to batchSize when it is busy. It renews the leases of runs
// under way for as long as this process lives.
type Dispatcher struct {
	records record.Store
	engine  pipeline.Engine
	log     *slog.Logger
	wake    chan struct{}

	mu       sync.Mutex
	underway map[int64]underway // by epoch
}

type underway struct {
	run        string
	collection record.CollectionID
}

// NewDispatcher makes a dispatcher; Run starts it.
func NewDispatcher(records record.Store, engine pipeline.Engine, log *slog.Logger) *Dispatcher {
	return &Dispatcher{
		records: records, engine: engine, log: log,
		wake: make(chan struct{}, 1), underway: map[int64]underway{},
	}
}

// Wake tells that changes were written or a run has ended. It never blocks.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run dispatches until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	renew := time.NewTicker(leaseFor / 3)
	defer renew.Stop()
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			d.renew(ctx)
			continue
		case <-d.wake:
		case <-poll.C:
		}
		d.reap(ctx)
		for ctx.Err() == nil && d.dispatch(ctx) {
		}
		poll.Reset(d.untilDue(ctx))
	}
}

// dispatch starts one run and reports whether there may be more to do.
func (d *Dispatcher) dispatch(ctx context.Context) bool {
	full := d.full()
	var lease record.Lease
	var run string
	err := d.records.Update(ctx, func(tx record.Tx) (err error) {
		now := time.Now()
		lease, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: batchSize, Now: now, Until: now.Add(leaseFor), Except: full})
		if err != nil || len(lease.Changes) == 0 {
			return err
		}
		run, err = d.engine.Enqueue(ctx, tx, pipeline.Start{
			Pipeline: IndexPipeline, Collection: lease.Collection,
			Input: indexInput{Epoch: lease.Epoch}, From: startOf(lease),
		})
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			d.log.ErrorContext(ctx, "dispatch changes", "error", err)
		}
		return false
	}
	if len(lease.Changes) == 0 {
		return false
	}
	d.mu.Lock()
	d.underway[lease.Epoch] = underway{run, lease.Collection}
	d.mu.Unlock()
	d.engine.Wake()
	return true
}

// startOf skips to the index step when no content has changed.
func startOf(lease record.Lease) []string {
	for _, c := range lease.Changes {
		if c.What&record.Content != 0 {
			return nil
		}
	}
	return []string{"index"}
}

// full lists the collections that have as many runs as they may.
func (d *Dispatcher) full() []record.CollectionID {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := map[record.CollectionID]int{}
	var out []record.CollectionID
	for _, u := range d.underway {
		if n[u.collection]++; n[u.collection] == perCollection {
			out = append(out, u.collection)
		}
	}
	return out
}

// reap forgets runs that hold nothing any more.
func (d *Dispatcher) reap(ctx context.Context) {
	for _, epoch := range d.epochs() {
		var held record.Lease
		err := d.records.View(ctx, func(tx record.Tx) (err error) {
			held, err = tx.Changes().Held(ctx, epoch)
			return err
		})
		if err == nil && len(held.Changes) == 0 {
			d.mu.Lock()
			delete(d.underway, epoch)
			d.mu.Unlock()
		}
	}
}

func (d *Dispatcher) epochs() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]int64, 0, len(d.underway))
	for epoch := range d.underway {
		out = append(out, epoch)
	}
	return out
}

// renew keeps the leases of runs under way, those waiting to retry included.
func (d *Dispatcher) renew(ctx context.Context) {
	for _, epoch := range d.epochs() {
		err := d.records.Update(ctx, func(tx record.Tx) error {
			return tx.Changes().Renew(ctx, epoch, time.Now().Add(leaseFor))
		})
		if err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "renew lease", "epoch", epoch, "error", err)
		}
	}
}

// untilDue is the time until a change that waits for its retry may be leased.
func (d *Dispatcher) untilDue(ctx context.Context) time.Duration {
	var due time.Time
	err := d.records.View(ctx, func(tx record.Tx) (err error) {
		due, err = tx.Changes().NextDue(ctx)
		return err
	})
	if err != nil || due.IsZero() {
		return idlePoll
	}
	// What is due already waits for a run to end, which wakes us.
	return min(max(time.Until(due), 50*time.Millisecond), idlePoll)
}
