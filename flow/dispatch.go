package flow

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

const (
	// batchSize is the most changes in a run: enough to share the cost of a
	// transaction and of a call to a model, few enough to finish in seconds.
	batchSize = 256
	// wideBatch is the most changes where few of them are of content: a change
	// of metadata costs so little that what a batch costs would be most of it.
	wideBatch = 2048
	// leaseFor is how long a lease outlives its owner's last sign of life.
	leaseFor = 45 * time.Second
	// perGeneration bounds the runs of one generation under way, so that one
	// whose model is down, or that is built anew, does not take all the room.
	perGeneration = 2
	// perModel bounds the runs under way that need one model, so that one that
	// hangs does not take all the room with many generations either.
	perModel = 8
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

	// What follows belongs to Run.
	underway map[int64]underway // by epoch
	renewed  time.Time          // on the wall clock, as the leases are
}

type underway struct {
	run        string
	generation record.GenerationID
	space      digest.Digest // of the model that the run needs; zero if it needs none
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
	poll := time.NewTimer(0)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-poll.C:
		}
		// Before anything is leased, which would free what has expired: the
		// database may have kept us waiting for long.
		if now := time.Now().Round(0); now.Sub(d.renewed) >= leaseFor/3 {
			d.renew(ctx)
			d.renewed = now
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
	crowded := d.crowded()
	var lease record.Lease
	var run string
	var space digest.Digest
	err := d.records.Update(ctx, func(tx record.Tx) (err error) {
		now, full := time.Now(), full
		if len(crowded) > 0 {
			more, err := builtWith(ctx, tx, crowded)
			if err != nil {
				return err
			}
			full = slices.Concat(full, more)
		}
		lease, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: batchSize, Wide: wideBatch, Now: now, Until: now.Add(leaseFor), Except: full})
		if err != nil || len(lease.Changes) == 0 {
			return err
		}
		start := pipeline.Start{
			Pipeline: IndexPipeline, Collection: lease.Collection,
			Input: indexInput{Epoch: lease.Epoch}, From: startOf(lease),
		}
		space = digest.Digest{}
		if start.From == nil {
			g, err := FindGeneration(ctx, tx, lease.Collection, lease.Generation)
			if err != nil {
				return err
			}
			space = g.Space
		}
		run, err = d.engine.Enqueue(ctx, tx, start)
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
	d.underway[lease.Epoch] = underway{run, lease.Generation, space}
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

// full lists the generations that have as many runs as they may.
func (d *Dispatcher) full() []record.GenerationID {
	n := map[record.GenerationID]int{}
	var out []record.GenerationID
	for _, u := range d.underway {
		if n[u.generation]++; n[u.generation] == perGeneration {
			out = append(out, u.generation)
		}
	}
	return out
}

// crowded lists the models that as many runs need as may.
func (d *Dispatcher) crowded() (out []digest.Digest) {
	n := map[digest.Digest]int{}
	for _, u := range d.underway {
		if u.space != (digest.Digest{}) {
			if n[u.space]++; n[u.space] == perModel {
				out = append(out, u.space)
			}
		}
	}
	return out
}

// builtWith lists the generations that are fed and were built with one of the models.
func builtWith(ctx context.Context, tx record.Tx, spaces []digest.Digest) (out []record.GenerationID, err error) {
	collections, err := tx.Collections().List(ctx, "", 0)
	if err != nil {
		return nil, err
	}
	for _, c := range collections {
		generations, err := tx.Collections().Generations(ctx, c.ID)
		if err != nil {
			return nil, err
		}
		for _, g := range generations {
			if g.State.Fed() && slices.Contains(spaces, g.Space) {
				out = append(out, g.ID)
			}
		}
	}
	return out, nil
}

// reap forgets runs that have ended. What one of them still holds, as a
// cancelled one does, goes back into the queue.
func (d *Dispatcher) reap(ctx context.Context) {
	for epoch, u := range d.underway {
		over, err := d.over(ctx, u.run, epoch)
		if err != nil && ctx.Err() == nil {
			d.log.WarnContext(ctx, "look after a run", "run", u.run, "error", err)
		}
		if over && err == nil {
			delete(d.underway, epoch)
		}
	}
}

// over reports whether a run has ended, and sees to it that it holds nothing then.
func (d *Dispatcher) over(ctx context.Context, run string, epoch int64) (over bool, err error) {
	var held []record.Ref
	err = d.records.View(ctx, func(tx record.Tx) error {
		r, err := tx.Runs().Get(ctx, run)
		// A run that is gone went with its collection.
		if over = r.State.Done() || fault.KindOf(err) == fault.NotFound; !over {
			return err
		}
		lease, err := tx.Changes().Held(ctx, epoch)
		for _, c := range lease.Changes {
			held = append(held, c.Ref)
		}
		return err
	})
	if err != nil || len(held) == 0 {
		return over, err
	}
	return over, d.records.Update(ctx, func(tx record.Tx) error {
		return tx.Changes().Release(ctx, epoch, held, time.Now(), record.Tried)
	})
}

// renew keeps the leases of runs under way, those waiting to retry included.
func (d *Dispatcher) renew(ctx context.Context) {
	for epoch, u := range d.underway {
		err := d.records.Update(ctx, func(tx record.Tx) error {
			return tx.Changes().Renew(ctx, epoch, time.Now().Add(leaseFor))
		})
		// A run that holds nothing any more has nothing to renew.
		if err != nil && fault.KindOf(err) != fault.Conflict && ctx.Err() == nil {
			d.log.WarnContext(ctx, "renew lease", "run", u.run, "error", err)
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
	if wait := time.Until(due); wait > 0 {
		return min(wait, idlePoll)
	}
	return idlePoll
}
