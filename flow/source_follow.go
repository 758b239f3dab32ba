package flow

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	// followLook is how often collections are looked for that are attached.
	followLook = 2 * time.Second
	// quietLog and quietPoll are how often a source without news is asked.
	quietLog  = 250 * time.Millisecond
	quietPoll = time.Second
	// inspectEvery is how often the shape of a source is compared with its
	// declaration.
	inspectEvery = 5 * time.Second
	// followFor is how long one process follows a source after its last sign
	// of life.
	followFor = 30 * time.Second
	// releaseWithin is how long it may take to say that we follow no more.
	releaseWithin = 5 * time.Second
	// slowest is the longest wait after failures.
	slowest = 30 * time.Second
	// compareEvery is how often all of a source is read and compared that has
	// no log; heldEvery, how often held deletes are counted again.
	compareEvery = 10 * time.Minute
	heldEvery    = 5 * time.Minute
)

// Follower copies what changes at the sources of collections. Many processes
// may run one on the same records: one of them follows a source at a time.
type Follower struct {
	records record.Store
	sources *Sources
	written func() // tells that records were written
	log     *slog.Logger
	owner   string
	look    chan struct{}

	mu    sync.Mutex
	going map[record.CollectionID]*follower
}

// NewFollower makes a follower; Run starts it. It calls written after it has
// written records.
func NewFollower(records record.Store, sources *Sources, written func(), log *slog.Logger) *Follower {
	return &Follower{
		records: records, sources: sources, written: written, log: log, owner: rand.Text(),
		look: make(chan struct{}, 1), going: map[record.CollectionID]*follower{},
	}
}

// Wake makes it look at once at which collections are attached, and how.
func (f *Follower) Wake() {
	select {
	case f.look <- struct{}{}:
	default:
	}
}

// Run follows until ctx ends.
func (f *Follower) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(followLook)
	defer tick.Stop()
	for woken := true; ; {
		if err := f.start(ctx, &wg, woken); err != nil && ctx.Err() == nil {
			f.log.WarnContext(ctx, "look for attached collections", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			woken = false
		case <-f.look:
			woken = true
		}
	}
}

// start follows the collections that are attached and ends those that are so
// no more, or otherwise.
func (f *Follower) start(ctx context.Context, wg *sync.WaitGroup, woken bool) error {
	var attached []record.Collection
	err := f.records.View(ctx, func(tx record.Tx) error {
		attached = nil
		all, err := tx.Collections().List(ctx, "", 0)
		for _, c := range all {
			if c.Declaration.Attached() {
				attached = append(attached, c)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	wanted := map[record.CollectionID]digest.Digest{}
	for _, c := range attached {
		wanted[c.ID] = declaredAs(&c.Declaration)
	}
	for id, g := range f.going {
		if declared, ok := wanted[id]; !ok || declared != g.declared {
			g.stop()
			delete(f.going, id)
			if !ok {
				f.sources.Forget(id)
			}
		}
	}
	for _, c := range attached {
		if g, ok := f.going[c.ID]; ok {
			if woken {
				g.poke()
			}
			continue
		}
		work, stop := context.WithCancel(ctx)
		g := &follower{Follower: f, collection: c, declared: wanted[c.ID], stop: stop, wake: make(chan struct{}, 1)}
		f.going[c.ID] = g
		wg.Go(func() { g.run(work) })
	}
	return nil
}

// follower follows one source.
type follower struct {
	*Follower
	collection record.Collection
	declared   digest.Digest
	stop       context.CancelFunc
	wake       chan struct{}

	source    record.Source
	epoch     int64     // under which we follow; 0 if we do not
	renewed   time.Time // when the lease was last extended
	inspected time.Time
	shape     record.Shape
	compare   *comparison
}

func (f *follower) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// errOthers says that it is not for us to follow now.
var errOthers = errors.New("another process follows the source")

func (f *follower) run(ctx context.Context) {
	defer f.release(ctx)
	failures := 0
	for ctx.Err() == nil {
		busy, err := f.step(ctx)
		wait := quietLog
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errOthers):
			f.epoch, f.compare, wait = 0, nil, followLook
		case err != nil:
			f.failed(ctx, err)
			f.inspected, f.compare = time.Time{}, nil
			wait = min(quietLog<<min(failures, 10), slowest)
			failures++
		case busy:
			failures = 0
			continue
		default:
			if failures = 0; f.shape.Polled {
				wait = quietPoll
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-f.wake:
			f.inspected = time.Time{}
		}
		timer.Stop()
	}
}

// step does a bounded amount of work; busy says that there is more.
func (f *follower) step(ctx context.Context) (busy bool, err error) {
	if f.source, err = f.sources.Of(&f.collection); err != nil {
		return false, err
	}
	state, err := f.lease(ctx)
	if err != nil {
		return false, err
	}
	if state, err = f.inspect(ctx, state); err != nil {
		return false, err
	}
	more, err := f.news(ctx, state)
	if err != nil {
		return false, err
	}
	loading, err := f.load(ctx)
	if err != nil {
		return false, err
	}
	comparing := false
	if !loading {
		comparing, err = f.compareSome(ctx)
	}
	return more || loading || comparing, err
}

// lease makes us the one who follows, or extends that.
func (f *follower) lease(ctx context.Context) (state Following, err error) {
	now := time.Now()
	if f.epoch != 0 && now.Sub(f.renewed) < followFor/3 {
		err = f.records.View(ctx, func(tx record.Tx) error {
			state, _, err = LoadFollowing(ctx, tx, f.collection.ID)
			return err
		})
		if err == nil && state.Epoch == f.epoch && state.Token != "" {
			return state, nil
		}
	}
	err = AlterFollowing(ctx, f.records, f.collection.ID, func(s *Following) error {
		if s.Token == "" || s.Declared == "" {
			return errOthers // nothing is installed
		}
		if mine := s.Owner == f.owner && s.Epoch == f.epoch; !mine {
			if s.Owner != "" && s.Owner != f.owner && now.Before(s.Until) {
				return errOthers
			}
			s.Epoch++
			s.Owner = f.owner
		}
		s.Until = now.Add(followFor)
		state = *s
		return nil
	})
	if err == nil {
		if f.epoch != state.Epoch {
			f.compare = nil
		}
		f.epoch, f.renewed = state.Epoch, now
	}
	return state, err
}

// release ends our lease, so that whoever comes next need not wait it out.
func (f *follower) release(ctx context.Context) {
	if f.epoch == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	err := AlterFollowing(ctx, f.records, f.collection.ID, func(s *Following) error {
		if s.Owner != f.owner || s.Epoch != f.epoch {
			return errOthers
		}
		s.Owner, s.Until = "", time.Time{}
		return nil
	})
	// What is dropped or follows no more has nothing to end.
	if err != nil && !errors.Is(err, errOthers) && fault.KindOf(err) != fault.NotFound {
		f.log.WarnContext(ctx, "others follow the source only when this lease has run out", "collection", f.collection.Name, "error", err)
	}
}

// commit changes what is known, and the records with it, if we still follow.
func (f *follower) commit(ctx context.Context, writes []record.Write, change func(*Following)) error {
	changed := false
	err := f.records.Update(ctx, func(tx record.Tx) error {
		changed = false
		s, version, err := LoadFollowing(ctx, tx, f.collection.ID)
		if err != nil {
			return err
		}
		if s.Owner != f.owner || s.Epoch != f.epoch {
			return errOthers
		}
		c, err := tx.Collections().Find(ctx, f.collection.ID)
		if err != nil {
			return err
		}
		if declaredAs(&c.Declaration) != f.declared {
			return errOthers // whoever follows the new declaration
		}
		written, err := tx.Records().Write(ctx, &c, writes)
		if err != nil {
			return err
		}
		for i, w := range written {
			changed = changed || w.Change > 0
			// To delete what was never copied is no error.
			if w.Err != nil && fault.KindOf(w.Err) != fault.NotFound {
				s.reject(writes[i].ID, fault.Public(w.Err))
			}
		}
		if change(&s); s.Problem != "" {
			s.Problem, s.Kind, s.Since = "", "", time.Now()
		}
		s.Until = time.Now().Add(followFor)
		return storeFollowing(ctx, tx, f.collection.ID, s, version)
	})
	if err == nil {
		f.renewed = time.Now()
		if changed {
			f.written()
		}
	}
	return err
}

// failed makes a problem known, once.
func (f *follower) failed(ctx context.Context, cause error) {
	problem, kind := fault.Public(cause), fault.KindOf(cause).String()
	news := false
	err := AlterFollowing(ctx, f.records, f.collection.ID, func(s *Following) error {
		news = s.Problem != problem
		if other := s.Owner != "" && s.Owner != f.owner && time.Now().Before(s.Until); other || !news {
			news = false
			return errOthers // nothing to change
		}
		s.Problem, s.Kind, s.Since = problem, kind, time.Now()
		return nil
	})
	if err != nil && !errors.Is(err, errOthers) && ctx.Err() == nil {
		f.log.WarnContext(ctx, "keep the state of a source", "collection", f.collection.Name, "error", err)
	}
	if news {
		f.log.WarnContext(ctx, "a source cannot be followed", "collection", f.collection.Name, "error", cause)
	}
}
