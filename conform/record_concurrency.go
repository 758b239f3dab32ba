package conform

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

var concurrencyCases = map[string]func(*recordBox){
	"no record under two leases, nothing lost": leaseRace,
	"numbers in the order of commits":          numberRace,
	"one claimant computes a vector":           claimRace,
}

// racers runs n goroutines and waits for them; the first error of each is reported.
func (b *recordBox) racers(n int, run func(ctx context.Context, racer int) error) {
	b.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := run(b.Context(), i); err != nil {
				b.Errorf("racer %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// leaseRace has writers change records while workers lease, index, complete,
// give back or lose them. In the end the index must have every record's last
// version.
func leaseRace(b *recordBox) {
	const writers, workers, keys, rounds = 3, 6, 40, 60
	c := b.declare("a")
	var holder, indexed [keys * 2]atomic.Int64 // by ref
	var writing atomic.Int32
	writing.Store(writers)
	b.racers(writers+workers, func(ctx context.Context, racer int) error {
		rnd := seeded(uint64(racer)) //nolint:gosec // it is small and not negative
		if racer < writers {
			defer writing.Add(-1)
			for i := range rounds {
				writes := make([]record.Write, 1+rnd.IntN(5))
				for j := range writes {
					writes[j] = put(fmt.Sprint(rnd.IntN(keys)), fmt.Sprint(racer, i, j), i)
				}
				if err := b.store.Update(ctx, func(tx record.Tx) error {
					_, err := tx.Records().Write(ctx, c, writes)
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		}
		for {
			last := writing.Load() == 0
			l, versions, err := b.leaseAndRead(ctx, 1+rnd.IntN(8))
			if err != nil {
				return err
			}
			if len(l.Changes) == 0 {
				if last {
					return nil
				}
				continue
			}
			for _, change := range l.Changes {
				if other := holder[change.Ref].Swap(l.Epoch); other != 0 {
					return fmt.Errorf("record %d is under leases %d and %d", change.Ref, other, l.Epoch)
				}
			}
			if err := b.endLease(ctx, l, versions, rnd.IntN(4) == 0, holder[:], indexed[:]); err != nil {
				return err
			}
		}
	})
	b.equal("pending", b.pending(c).Count, 0)
	for i := range keys {
		r := b.get(c, fmt.Sprint(i))[0]
		if r.Ref != 0 && indexed[r.Ref].Load() != r.Version {
			b.Errorf("record %d is at version %d, the index at %d", r.Ref, r.Version, indexed[r.Ref].Load())
		}
	}
}

func (b *recordBox) leaseAndRead(ctx context.Context, limit int) (l record.Lease, versions map[record.Ref]int64, err error) {
	err = b.store.Update(ctx, func(tx record.Tx) (err error) {
		l, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: limit, Now: b.now, Until: b.now.Add(time.Hour)})
		return err
	})
	if err != nil || len(l.Changes) == 0 {
		return l, nil, err
	}
	versions = map[record.Ref]int64{}
	err = b.store.View(ctx, func(tx record.Tx) error {
		all, err := tx.Records().Load(ctx, leasedRefs(l))
		for ref, r := range all {
			versions[ref] = r.Version
		}
		return err
	})
	return l, versions, err
}

// endLease gives a lease back, or completes it and takes what it read for indexed.
func (b *recordBox) endLease(ctx context.Context, l record.Lease, versions map[record.Ref]int64, back bool, holder, indexed []atomic.Int64) error {
	for _, change := range l.Changes {
		holder[change.Ref].Store(0)
		if !back {
			indexed[change.Ref].Store(versions[change.Ref])
		}
	}
	return b.store.Update(ctx, func(tx record.Tx) error {
		if back {
			return tx.Changes().Release(ctx, l.Epoch, leasedRefs(l), time.Time{}, record.Tried)
		}
		held, err := tx.Changes().Complete(ctx, l.Epoch, l.Changes)
		if err == nil && len(held) != len(l.Changes) {
			return fmt.Errorf("of %d leased changes %d were still held", len(l.Changes), len(held))
		}
		return err
	})
}

// numberRace reads while others write: nothing may appear below a change
// number that a reader has seen, or whoever follows the numbers misses it.
func numberRace(b *recordBox) {
	const writers, each = 4, 30
	c := b.declare("a")
	g := b.generation(c)
	var done atomic.Int32
	b.racers(writers+2, func(ctx context.Context, racer int) error {
		if racer < writers {
			defer done.Add(1)
			for i := range each {
				if err := b.store.Update(ctx, func(tx record.Tx) error {
					_, err := tx.Records().Write(ctx, c, []record.Write{put(fmt.Sprintf("%d-%d", racer, i), "x", i)})
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		}
		var latest, below int64 // of the snapshot before
		for {
			last := done.Load() == writers
			if err := b.store.View(ctx, func(tx record.Tx) error {
				p, err := tx.Changes().Pending(ctx, g)
				if err != nil {
					return err
				}
				all, err := tx.Records().List(ctx, c.ID, "", 1000)
				if err != nil {
					return err
				}
				var seen int64
				for _, r := range all {
					if r.Change <= latest {
						seen++
					}
				}
				if seen != below || p.Count != int64(len(all)) {
					return fmt.Errorf("up to change %d there were %d records and are %d; %d are pending of %d", latest, below, seen, p.Count, len(all))
				}
				latest, below = p.Latest, p.Count
				return nil
			}); err != nil || last {
				return err
			}
		}
	})
}

func claimRace(b *recordBox) {
	const workers, vectors = 6, 60
	all := make([]digest.Digest, vectors)
	for i := range all {
		all[i] = address(i)
	}
	var computed [vectors]atomic.Int32
	index := map[digest.Digest]int{}
	for i, a := range all {
		index[a] = i
	}
	b.racers(workers, func(ctx context.Context, racer int) error {
		rnd := seeded(uint64(racer)) //nolint:gosec // it is small and not negative
		for have := 0; have < vectors; {
			order := rnd.Perm(vectors)[:20]
			if have >= vectors/2 {
				order = rnd.Perm(vectors)
			}
			asked := make([]digest.Digest, len(order))
			for i, n := range order {
				asked[i] = all[n]
			}
			var got record.Claimed
			if err := b.store.Update(ctx, func(tx record.Tx) (err error) {
				got, err = tx.Vectors().Claim(ctx, fmt.Sprint("worker ", racer), asked, b.now, b.now.Add(time.Hour))
				return err
			}); err != nil {
				return err
			}
			list := make([]record.Vector, len(got.Mine))
			for i, a := range got.Mine {
				if computed[index[a]].Add(1) > 1 {
					return fmt.Errorf("vector %d is computed twice", index[a])
				}
				list[i] = record.Vector{Address: a, Data: a[:]}
			}
			if err := b.store.Update(ctx, func(tx record.Tx) error {
				if err := tx.Vectors().Put(ctx, list); err != nil {
					return err
				}
				total, _, err := tx.Vectors().Count(ctx)
				have = int(total)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	b.equal("counts", b.vectorCounts(), [2]int64{vectors, vectors})
}
