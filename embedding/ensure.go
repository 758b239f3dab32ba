package embedding

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

const (
	// How often a claim of another process is looked at again.
	firstLook, lastLook = 20 * time.Millisecond, time.Second
	// How long a vector that was paid for is tried to be stored.
	keepFor = 30 * time.Second
)

// EnsureText is a text that should have a vector.
type EnsureText struct {
	Text  digest.Digest // its TextDigest
	Clean gate.Clean
}

// Ensured says what became of the texts of one Ensure.
type Ensured struct {
	Computed int           // embedded by this call
	Reused   int           // had a vector, or got one from somebody else meanwhile
	Failed   map[int]error // texts that have none, by position, and why
	Usage    Usage
}

// item is a distinct address and the position of the first text that has it.
type item struct {
	address digest.Digest
	index   int
}

// job is one Ensure in progress.
type job struct {
	*Store
	embedder Embedder
	model    Model
	texts    []EnsureText
	done     []bool // by position of the first text with an address
	bought   []bool // by position: computed by this call
	out      Ensured
}

// Ensure makes sure that every text has a durable vector in e's space. Texts
// that have one cost nothing; the others are claimed, embedded outside any
// transaction, and stored, in chunks. What another worker has claimed is
// waited for, and taken over if that worker dies.
//
// The error is for the call as a whole: what was done before it is durable
// and counted, and calling again goes on from there. A text that cannot be
// embedded is no error of the call; it is in Failed.
func (s *Store) Ensure(ctx context.Context, e Embedder, texts []EnsureText) (Ensured, error) {
	j := &job{Store: s, embedder: e, model: e.Model(), texts: texts, done: make([]bool, len(texts)), bought: make([]bool, len(texts))}
	items, same := j.distinct()
	err := j.run(ctx, items)
	for i, first := range same {
		if first == i {
			continue
		}
		if failure := j.out.Failed[first]; failure != nil {
			j.fail(i, failure)
		} else if j.done[first] {
			j.out.Reused++
		}
	}
	if n := j.out.Reused; n > 0 {
		s.count(e, ForPassage, 0, n, j.saved(same))
		s.observe(Event{Model: j.model.Name, Purpose: ForPassage, Reused: n})
	}
	return j.out, err
}

// saved is about how many tokens were not bought: those of every text that
// has a vector, without those of the ones computed here.
func (j *job) saved(same []int) int {
	n := 0
	for i := range j.texts {
		if j.done[same[i]] && !j.bought[i] {
			n += estimate([]gate.Clean{j.texts[i].Clean})
		}
	}
	return n
}

// distinct returns the addresses, each once, and for each text the position
// of the first one with its address.
func (j *job) distinct() (items []item, same []int) {
	space := j.model.Fingerprint()
	items, same = make([]item, 0, len(j.texts)), make([]int, len(j.texts))
	first := make(map[digest.Digest]int, len(j.texts))
	for i := range j.texts {
		at, ok := first[j.texts[i].Text]
		if !ok {
			at = i
			first[j.texts[i].Text] = i
			items = append(items, item{Address(space, j.texts[i].Text), i})
		}
		same[i] = at
	}
	return items, same
}

// run works on items until each is durable or failed. Nothing is waited for
// while there is work to do, nor while a claim is held, so two jobs never
// wait for one another.
func (j *job) run(ctx context.Context, items []item) error {
	look := firstLook
	for len(items) > 0 {
		var waiting []blocked
		for chunk := range slices.Chunk(items, j.cfg.Chunk) {
			b, err := j.chunk(ctx, chunk)
			waiting = append(waiting, b...)
			if err != nil {
				return err
			}
		}
		if len(waiting) == len(items) {
			look = min(2*look, lastLook)
		} else {
			look = firstLook
		}
		var err error
		if items, err = j.await(ctx, waiting, look); err != nil {
			return err
		}
	}
	return nil
}

// await waits for one of the others to get on, and returns what is then
// still to be done.
func (j *job) await(ctx context.Context, waiting []blocked, look time.Duration) ([]item, error) {
	if len(waiting) == 0 {
		return nil, nil
	}
	i := slices.IndexFunc(waiting, func(b blocked) bool { return b.flight != nil })
	if i < 0 {
		if err := pause(ctx, look); err != nil {
			return nil, fmt.Errorf("wait for embeddings that another worker computes: %w", err)
		}
	} else {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for embeddings that another task computes: %w", ctx.Err())
		case <-waiting[i].flight.done:
		}
	}
	left := make([]item, 0, len(waiting))
	for _, b := range waiting {
		again, err := j.adopt(b)
		if err != nil {
			return nil, err
		}
		if again {
			left = append(left, b.item)
		}
	}
	return left, nil
}

// adopt takes over the outcome of another goroutine's work on an item, and
// reports whether the item still has to be worked on.
func (j *job) adopt(b blocked) (again bool, err error) {
	if b.flight == nil {
		return true, nil
	}
	select {
	case <-b.flight.done:
	default:
		return true, nil
	}
	switch failure := b.flight.failed[b.address]; {
	case b.flight.err != nil:
		return false, b.flight.err
	case !b.flight.settled, b.flight.open[b.address]:
		return true, nil
	case failure != nil:
		j.fail(b.index, failure)
	default:
		j.done[b.index] = true
		j.out.Reused++
	}
	return false, nil
}

// chunk claims, embeds and stores what nobody else works on; the rest is
// returned.
func (j *job) chunk(ctx context.Context, items []item) ([]blocked, error) {
	fl, mine, others := j.flights.take(items)
	defer j.flights.land(fl, mine)
	if len(mine) == 0 {
		return others, nil
	}
	claimed, err := j.claim(ctx, addressesOf(mine))
	if err != nil {
		return others, err
	}
	index := make(map[digest.Digest]int, len(mine))
	for _, it := range mine {
		index[it.address] = it.index
	}
	for _, a := range claimed.Have {
		j.done[index[a]] = true
	}
	j.out.Reused += len(claimed.Have)
	if len(claimed.Busy) > 0 {
		fl.open = make(map[digest.Digest]bool, len(claimed.Busy))
		for _, a := range claimed.Busy {
			fl.open[a] = true
			others = append(others, blocked{item{a, index[a]}, nil})
		}
	}
	if len(claimed.Mine) > 0 {
		work := make([]item, len(claimed.Mine))
		for i, a := range claimed.Mine {
			work[i] = item{a, index[a]}
		}
		fl.failed, err = j.compute(ctx, work)
		if err != nil {
			// A caller who gave up is no reason for others to fail.
			if ctx.Err() == nil {
				fl.err = err
			}
			return others, err
		}
		if err := ctx.Err(); err != nil {
			return others, fmt.Errorf("embed texts: %w", err)
		}
	}
	fl.settled = true
	return others, nil
}

func (s *Store) claim(ctx context.Context, addresses []digest.Digest) (record.Claimed, error) {
	var claimed record.Claimed
	err := s.update(ctx, func(tx record.Tx) (err error) {
		now := time.Now()
		claimed, err = tx.Vectors().Claim(ctx, s.cfg.Owner, addresses, now, now.Add(s.cfg.ClaimFor))
		return err
	})
	if err != nil {
		return record.Claimed{}, fmt.Errorf("claim embeddings: %w", err)
	}
	return claimed, nil
}

// compute embeds claimed items and makes the results durable. It returns the
// items that have no vector; none of them, and on error no item at all, stays
// claimed.
func (j *job) compute(ctx context.Context, items []item) (failed map[digest.Digest]error, err error) {
	started := time.Now()
	vectors, usage, err := j.call(ctx, items)
	took := time.Since(started)
	j.out.Usage.Requests += usage.Requests
	j.out.Usage.Tokens += usage.Tokens
	ev := Event{Model: j.model.Name, Purpose: ForPassage, Usage: usage, Took: took}
	defer func() { j.observe(ev) }()

	if err == nil && len(vectors) != len(items) {
		err = fault.New(fault.Internal, "model %q gave %d vectors for %d texts", j.model.Name, len(vectors), len(items))
	}
	if err != nil {
		ev.Failed = len(items)
		j.giveUp(ctx, addressesOf(items))
		return nil, fmt.Errorf("embed %d texts: %w", len(items), err)
	}
	failed = map[digest.Digest]error{}
	var rest []digest.Digest
	rows := make([]record.Vector, 0, len(items))
	data := make([]byte, 0, len(items)*j.model.Dimensions*valueSize)
	for i, it := range items {
		failure := vectors[i].Err
		if failure == nil {
			failure = j.model.Check(vectors[i].Values)
		}
		if failure != nil {
			failed[it.address] = failure
			rest = append(rest, it.address)
			continue
		}
		from := len(data)
		data = appendVector(data, vectors[i].Values)
		rows = append(rows, record.Vector{Address: it.address, Data: data[from:len(data):len(data)]})
	}
	j.count(j.embedder, ForPassage, len(rows), 0, 0)
	if err := j.keep(ctx, rows, rest); err != nil {
		ev.Failed = len(items)
		j.count(j.embedder, ForPassage, -len(rows), 0, 0)
		j.giveUp(ctx, addressesOf(items))
		return nil, err
	}
	for _, it := range items {
		if failure := failed[it.address]; failure != nil {
			j.fail(it.index, failure)
		} else {
			j.done[it.index], j.bought[it.index] = true, true
		}
	}
	j.out.Computed += len(rows)
	ev.Computed, ev.Failed = len(rows), len(rest)
	return failed, nil
}

// call asks the model, and renews the claims while it works.
func (j *job) call(ctx context.Context, items []item) ([]Vector, Usage, error) {
	clean := make([]gate.Clean, len(items))
	for i, it := range items {
		clean[i] = j.texts[it.index].Clean
	}
	working, stop := context.WithCancel(ctx)
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		for pause(working, j.cfg.ClaimFor/3) == nil {
			if _, err := j.claim(working, addressesOf(items)); err != nil && working.Err() == nil {
				j.cfg.Logger.WarnContext(ctx, "claims on embeddings were not renewed; another worker may compute them too", "error", err)
			}
		}
	}()
	// The renewal has ended before anything is stored or given up: a claim
	// renewed after that would block others until it expired.
	defer func() { stop(); <-renewing }()
	return j.embedder.Embed(ctx, ForPassage, clean)
}

// keep stores vectors and gives up the claims on the rest. The vectors are
// paid for: they are stored even if the caller has gone, and a store that is
// unavailable is tried again for a while.
func (s *Store) keep(ctx context.Context, rows []record.Vector, rest []digest.Digest) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer cancel()
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		err := s.update(ctx, func(tx record.Tx) error {
			if err := tx.Vectors().Put(ctx, rows); err != nil {
				return err
			}
			if len(rest) == 0 {
				return nil
			}
			return tx.Vectors().Unclaim(ctx, s.cfg.Owner, rest)
		})
		if err == nil {
			return nil
		}
		if !fault.Retryable(err) || pause(ctx, wait) != nil {
			return fmt.Errorf("store %d embeddings: %w", len(rows), err)
		}
	}
}

// giveUp ends claims, so that nobody has to wait until they expire.
func (s *Store) giveUp(ctx context.Context, addresses []digest.Digest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepFor)
	defer cancel()
	err := s.update(ctx, func(tx record.Tx) error {
		return tx.Vectors().Unclaim(ctx, s.cfg.Owner, addresses)
	})
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "claims on embeddings stay until they expire", "error", err, "count", len(addresses))
	}
}

func (j *job) fail(i int, err error) {
	if j.out.Failed == nil {
		j.out.Failed = map[int]error{}
	}
	j.out.Failed[i] = err
}

func addressesOf(items []item) []digest.Digest {
	out := make([]digest.Digest, len(items))
	for i, it := range items {
		out[i] = it.address
	}
	return out
}
