package local

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// limits say when background work is due; tests make it constant.
type limits struct {
	// A snapshot is written when the logs exceed log bytes and half of the
	// snapshot, so that both what is written and what is replayed stay within
	// a small multiple of what the index holds.
	log int64
	// The state is rebuilt when more than dead rows, and a quarter of all, are dead.
	dead int
}

var defaultLimits = limits{log: 8 << 20, dead: 1024}

// closeShare is the part of the snapshot's size that closing leaves in the
// logs, to be replayed.
const closeShare = 8

// local is one open index.
type local struct {
	name    string
	dims    int
	limits  limits
	logger  *slog.Logger
	handles int // guarded by the opener

	// writer is held while a batch is taken up: it guards disk and what
	// follows, and whoever holds it may read state.
	writer sync.Mutex
	disk   *disk
	busy   bool     // background work goes on
	since  []*batch // taken up since a rebuild began; nil if none goes on
	later  int64    // bytes of log before which no snapshot is tried again
	work   sync.WaitGroup

	// lock is held to read state, and by the writer to change it.
	lock  sync.RWMutex
	state *state

	closed atomic.Bool
}

func (x *local) open(ctx context.Context) error {
	if x.closed.Load() {
		return fault.New(fault.Unavailable, "index %s is closed", x.name)
	}
	return ctx.Err()
}

// Apply implements index.Index.
func (x *local) Apply(ctx context.Context, b index.Batch) error {
	if err := x.open(ctx); err != nil {
		return err
	}
	p, err := prepare(b, x.dims)
	if err != nil {
		return err
	}
	if len(p.forget)+len(p.remove)+len(p.meta)+len(p.entries) == 0 {
		return nil
	}
	frame := p.encode(frameSpace())
	x.writer.Lock()
	defer x.writer.Unlock()
	if err := x.open(ctx); err != nil {
		return err
	}
	if err := x.disk.append(frame); err != nil {
		return err
	}
	x.lock.Lock()
	x.state.apply(p)
	x.lock.Unlock()
	if x.since != nil {
		x.since = append(x.since, p)
	}
	x.maintain()
	return nil
}

// maintain starts the background work that is due. The caller holds writer.
func (x *local) maintain() {
	if x.busy || x.closed.Load() {
		return
	}
	switch {
	case x.state.dead > x.limits.dead && x.state.dead > len(x.state.row)/3:
		x.since = []*batch{}
		frozen := x.state.freeze()
		x.background(func() { x.rebuild(frozen) })
	case x.disk.logged > max(x.limits.log, x.disk.snapshot/2, x.later):
		if err := x.disk.rotate(); err != nil {
			x.postpone(err)
			return
		}
		frozen, number, logged := x.state.freeze(), x.disk.number, x.disk.logged
		x.background(func() { x.snapshot(frozen, number, logged) })
	}
}

// postpone says why there is no snapshot. The logs hold everything, so all
// goes on; another try is made when they have grown as much again.
func (x *local) postpone(err error) {
	x.later = x.disk.logged + max(x.limits.log, x.disk.snapshot/2)
	x.logger.Warn("index snapshot put off", "error", err)
}

func (x *local) background(job func()) {
	x.busy = true
	x.work.Go(func() {
		job()
		x.writer.Lock()
		defer x.writer.Unlock()
		x.busy = false
		x.maintain()
	})
}

// rebuild makes a state without the dead, catches up, and puts it in place.
func (x *local) rebuild(f *frozen) {
	s := newState(x.dims)
	_ = f.batches(func(b *batch) error { s.apply(b); return nil }) // fails only if the callback does
	x.writer.Lock()
	defer x.writer.Unlock()
	for _, b := range x.since {
		s.apply(b)
	}
	x.since = nil
	x.lock.Lock()
	x.state = s
	x.lock.Unlock()
}

// snapshot writes what was frozen; logged is how much of the logs it replaces.
func (x *local) snapshot(f *frozen, number uint64, logged int64) {
	size, err := x.disk.writeSnapshot(f, number)
	x.writer.Lock()
	defer x.writer.Unlock()
	if err != nil {
		x.postpone(err)
		return
	}
	x.disk.snapshot = size
	x.disk.logged -= logged
	x.later = 0
	x.disk.sweep(number)
}

// close writes a snapshot if replaying the log would take long.
func (x *local) close() error {
	x.abandonWork()
	var err error
	if x.disk.logged*closeShare > x.disk.snapshot && x.disk.logged > 2*int64(headerSize) {
		if err = x.disk.rotate(); err == nil {
			if _, err = x.disk.writeSnapshot(x.state.freeze(), x.disk.number); err == nil {
				x.disk.sweep(x.disk.number)
			}
		}
	}
	x.release()
	return err
}

// abandon closes the files as they are.
func (x *local) abandon() {
	x.abandonWork()
	x.release()
}

// abandonWork refuses further calls and waits for those under way.
func (x *local) abandonWork() {
	x.writer.Lock()
	x.closed.Store(true)
	x.writer.Unlock()
	x.work.Wait()
}

func (x *local) release() {
	_ = x.disk.log.Close() // what was acknowledged is synced
	_ = x.disk.root.Close()
}

// Count implements index.Index.
func (x *local) Count(ctx context.Context) (int64, error) {
	if err := x.open(ctx); err != nil {
		return 0, err
	}
	x.lock.RLock()
	defer x.lock.RUnlock()
	return int64(len(x.state.row)), nil
}
