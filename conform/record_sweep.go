package conform

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

// scan returns the durable vectors in order, and which of them are marked.
func (b *recordBox) scan() (all, marked []digest.Digest) {
	b.Helper()
	b.view(func(ctx context.Context, tx record.Tx) error {
		all, marked = nil, nil
		for after := (digest.Digest{}); ; {
			page, err := tx.Vectors().Scan(ctx, after, 3)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, m := range page {
				all = append(all, m.Address)
				if !m.Since.IsZero() {
					marked = append(marked, m.Address)
				}
			}
			after = page[len(page)-1].Address
		}
	})
	return all, marked
}

func (b *recordBox) mark(n ...int) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vectors().Mark(ctx, addresses(n...), b.now) })
}

// deleteMarked deletes what was marked by a time, and returns the addresses.
func (b *recordBox) deleteMarked(by time.Time, n ...int) (gone []digest.Digest) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error {
		gone = nil
		rows, err := tx.Vectors().Delete(ctx, addresses(n...), by)
		for _, v := range rows {
			gone = append(gone, v.Address)
		}
		return err
	})
	return gone
}

func sorted(n ...int) []digest.Digest {
	out := addresses(n...)
	slices.SortFunc(out, func(a, b digest.Digest) int { return slices.Compare(a[:], b[:]) })
	return out
}

var sweepCases = map[string]func(*recordBox){
	"only marked vectors are deleted": func(b *recordBox) {
		b.putVectors(0, 1, 2, 3, 4, 5, 6)
		b.mark(1, 2, 3, 99)
		first := b.now
		b.now = b.now.Add(time.Hour)
		b.mark(2, 4)
		all, marked := b.scan()
		b.equal("all", all, sorted(0, 1, 2, 3, 4, 5, 6))
		b.equal("marked", marked, sorted(1, 2, 3, 4))
		b.equal("too early", b.deleteMarked(first.Add(-time.Second), 1, 2, 3), []digest.Digest(nil))
		b.equal("in time", b.deleteMarked(first, 0, 1, 1, 2, 4, 99), sorted(1, 2))
		b.equal("again", b.deleteMarked(b.now, 1, 2), []digest.Digest(nil))
		b.equal("counts", b.vectorCounts(), [2]int64{5, 5})
		b.equal("gone", b.claim("x", 1, 3), record.Claimed{Have: addresses(3), Mine: addresses(1)})
		all, marked = b.scan()
		b.equal("left", all, sorted(0, 3, 4, 5, 6))
		b.equal("a claim clears the mark", marked, sorted(4))
		b.putVectors(1, 4)
		_, marked = b.scan()
		b.equal("so does storing it again", len(marked), 0)
		b.equal("counts after", b.vectorCounts(), [2]int64{6, 6})
	},
	"segments are known until they are forgotten": func(b *recordBox) {
		b.putVectors(1, 2, 3)
		pack := func(segment string, n ...int) {
			rows := make([]record.Vector, len(n))
			for i := range n {
				rows[i] = record.Vector{Address: address(n[i]), Segment: segment, Offset: int64(10 * i), Length: 10}
			}
			b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vectors().Pack(ctx, rows) })
		}
		pack("first", 1, 2)
		pack("second", 3)
		b.mark(2, 3)
		var gone []record.Vector
		b.update(func(ctx context.Context, tx record.Tx) (err error) {
			gone, err = tx.Vectors().Delete(ctx, addresses(2), b.now)
			return err
		})
		b.equal("where it was", gone, []record.Vector{{Address: address(2), Segment: "first", Offset: 10, Length: 10}})
		b.equal("deleted", b.deleteMarked(b.now, 3), addresses(3))
		segments := func() (out []record.SegmentUse) {
			b.view(func(ctx context.Context, tx record.Tx) (err error) {
				out, err = tx.Vectors().Segments(ctx)
				return err
			})
			return out
		}
		b.equal("use", segments(), []record.SegmentUse{{Name: "first", Vectors: 1, Bytes: 10}, {Name: "second"}})
		b.update(func(ctx context.Context, tx record.Tx) error {
			names, err := tx.Vectors().Forget(ctx, []string{"first", "second", "third"})
			b.equal("forgotten", names, []string{"second"})
			return err
		})
		b.equal("left", segments(), []record.SegmentUse{{Name: "first", Vectors: 1, Bytes: 10}})
		b.equal("counts", b.vectorCounts(), [2]int64{1, 0})
	},
	"nothing referred to is deleted": func(b *recordBox) {
		const n = 40
		var mu sync.Mutex
		refers := map[int]int{} // how many refer to a vector
		refer := func(k, more int) int {
			mu.Lock()
			defer mu.Unlock()
			refers[k] += more
			return refers[k]
		}
		var wg sync.WaitGroup
		for w := range 3 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(w), 1))
				var mine []int
				for range 3 * n {
					if len(mine) > n/4 {
						refer(mine[0], -1)
						mine = mine[1:]
					}
					k := r.IntN(n)
					refer(k, 1)
					mine = append(mine, k)
					if len(b.claim(fmt.Sprint(w), k).Have) == 0 {
						b.putVectors(k)
					}
				}
			})
		}
		deleted := 0
		r := rand.New(rand.NewPCG(9, 1))
		for range 6 * n {
			k := r.IntN(n)
			b.mark(k)
			if refer(k, 0) == 0 {
				deleted += len(b.deleteMarked(b.now, k))
			}
		}
		wg.Wait()
		all, _ := b.scan()
		for k, count := range refers {
			if count > 0 && !slices.Contains(all, address(k)) {
				b.Errorf("vector %d was deleted while %d referred to it", k, count)
			}
		}
		b.equal("count", b.vectorCounts(), [2]int64{int64(len(all)), int64(len(all))})
		if deleted == 0 {
			b.Error("nothing was deleted: the case tests nothing")
		}
	},
	"old versions": func(b *recordBox) {
		c := b.declare("tickets")
		other := b.declare("other")
		for v := range 4 {
			b.write(c, record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": fmt.Sprint("v", v)}})
		}
		at := b.write(c, record.Write{ID: "b", Op: record.Put, Fields: record.Fields{"title": "once"}})[0].Change
		b.write(c, record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "v4"}}, record.Write{ID: "a", Op: record.Delete})
		ref := b.write(other, record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "x"}},
			record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "y"}})[0].Ref
		sweep := func(before time.Time, limit int, pins ...record.Pin) (n int) {
			b.update(func(ctx context.Context, tx record.Tx) (err error) {
				n, err = tx.Records().SweepHistory(ctx, before, pins, limit)
				return err
			})
			return n
		}
		soon := time.Now().Add(time.Hour)
		pins := []record.Pin{{Collection: c.ID, Change: at}, {Collection: other.ID, Change: 1 << 40}, {Collection: 999, Change: at}}
		b.equal("too young", sweep(time.Now().Add(-time.Hour), 0), 0)
		b.equal("a limit", sweep(soon, 2, pins...), 2)
		b.equal("the rest", sweep(soon, 0, pins...), 3)
		b.equal("pinned", b.versions(c, "a"), []int64{4, 6})
		b.equal("the current", b.versions(c, "b"), []int64{1})
		b.equal("another collection", b.versions(other, "a"), []int64{2})
		b.equal("unpinned", sweep(soon, 0), 1)
		b.equal("the last", b.versions(c, "a"), []int64{6})
		if ref == 0 {
			b.Error("no ref")
		}
	},
	"resolved dead letters": func(b *recordBox) {
		c := b.declare("tickets")
		b.update(func(ctx context.Context, tx record.Tx) error {
			for ref := range record.Ref(5) {
				d := record.DeadLetter{Collection: c.ID, Ref: ref + 1, Pipeline: "index", Step: "embed", Attempts: 1, FirstAt: b.now, LastAt: b.now}
				if err := tx.DeadLetters().Put(ctx, d); err != nil {
					return err
				}
			}
			return tx.DeadLetters().Resolve(ctx, 0, []record.Ref{1, 2, 3}, b.now)
		})
		sweep := func(before time.Time, limit int) (n int) {
			b.update(func(ctx context.Context, tx record.Tx) (err error) {
				n, err = tx.DeadLetters().Sweep(ctx, before, limit)
				return err
			})
			return n
		}
		b.equal("too young", sweep(b.now, 0), 0)
		b.equal("a limit", sweep(b.now.Add(time.Hour), 2), 2)
		b.equal("the rest", sweep(b.now.Add(time.Hour), 0), 1)
		b.view(func(ctx context.Context, tx record.Tx) error {
			n, err := tx.DeadLetters().Count(ctx, c.ID)
			b.equal("open", n, int64(2))
			return err
		})
	},
	"references and retired generations": func(b *recordBox) {
		c := b.declare("tickets")
		ref := b.write(c, record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "x"}})[0].Ref
		one, two := b.generation(c), b.another(c)
		b.update(func(ctx context.Context, tx record.Tx) error {
			for _, g := range []record.GenerationID{one, two} {
				set := record.PassageSet{Ref: ref, ContentVersion: 1}
				for i := range 4 {
					set.Passages = append(set.Passages, record.Passage{
						Field: "title", Ordinal: i, Text: digest.Of("text", fmt.Sprint(g, i)), Sealed: []byte("s"),
					})
				}
				if err := tx.Passages().Replace(ctx, g, []record.PassageSet{set}); err != nil {
					return err
				}
			}
			return tx.Passages().Replace(ctx, one, []record.PassageSet{{Ref: ref, ContentVersion: 1}}) // all four are Removed
		})
		refers := func() (texts []digest.Digest) {
			b.view(func(ctx context.Context, tx record.Tx) error {
				texts = nil
				for after := record.PassageID(0); ; {
					page, err := tx.Passages().References(ctx, after, 3)
					if err != nil || len(page) == 0 {
						return err
					}
					for _, f := range page {
						b.equal("space", f.Space, digest.Of("test", "space"))
						texts = append(texts, f.Text)
					}
					after = page[len(page)-1].ID
				}
			})
			return texts
		}
		b.equal("of all", len(refers()), 8)
		strip := func(g record.GenerationID, limit int) (n int) {
			b.update(func(ctx context.Context, tx record.Tx) (err error) {
				n, err = tx.Collections().Strip(ctx, g, limit)
				return err
			})
			return n
		}
		b.equal("not retired", strip(two, 0), 0)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Collections().SetState(ctx, two, record.Retired)
		})
		b.equal("of the other", len(refers()), 4)
		b.equal("stripped", []int{strip(two, 3), strip(two, 3), strip(two, 3)}, []int{3, 1, 0})
		b.view(func(ctx context.Context, tx record.Tx) error {
			n, err := tx.Passages().Count(ctx, two)
			b.equal("count", n, int64(0))
			return err
		})
		b.equal("still", len(refers()), 4)
	},
	"what awaits indexing, and a purge": func(b *recordBox) {
		c := b.declare("tickets")
		g := b.generation(c)
		written := b.write(c, record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "x"}},
			record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "y"}},
			record.Write{ID: "b", Op: record.Put, Fields: record.Fields{"title": "z"}})
		a, other := written[0].Ref, written[2].Ref
		awaits := func(ref record.Ref) (out []record.Awaited) {
			b.view(func(ctx context.Context, tx record.Tx) (err error) {
				out, err = tx.Records().Awaiting(ctx, ref)
				return err
			})
			return out
		}
		b.equal("ready", awaits(a), []record.Awaited{{Generation: g, State: "ready", Number: written[1].Change}})
		var lease record.Lease
		b.update(func(ctx context.Context, tx record.Tx) (err error) {
			lease, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: 10, Now: b.now, Until: b.now.Add(time.Hour)})
			return err
		})
		b.equal("leased", awaits(a), []record.Awaited{{Generation: g, State: "leased", Number: written[1].Change, Attempts: 1}})
		text := digest.Of("text", "of a")
		b.update(func(ctx context.Context, tx record.Tx) error {
			if err := tx.Passages().Stage(ctx, lease.Epoch, []record.StagedField{{Ref: a, Field: "title", ContentVersion: 2, Sealed: []byte("s")}}); err != nil {
				return err
			}
			if err := tx.DeadLetters().Put(ctx, record.DeadLetter{Collection: c.ID, Generation: g, Ref: a, Pipeline: "index", Step: "embed"}); err != nil {
				return err
			}
			return tx.Passages().Replace(ctx, g, []record.PassageSet{
				{Ref: a, ContentVersion: 2, Run: "run 1", Passages: []record.Passage{{Field: "title", Text: text, Sealed: []byte("s")}}},
				{Ref: other, ContentVersion: 1, Run: "run 1", Passages: []record.Passage{{Field: "title", Text: text, Sealed: []byte("s")}}},
			})
		})
		var id record.PassageID
		b.view(func(ctx context.Context, tx record.Tx) error {
			all, err := tx.Passages().Of(ctx, g, []record.Ref{a})
			if err == nil {
				b.equal("run", all[0].Run, "run 1")
				id = all[0].ID
			}
			return err
		})
		purge := func(c record.CollectionID, refs ...record.Ref) (out record.Purged) {
			b.update(func(ctx context.Context, tx record.Tx) (err error) {
				out, err = tx.Records().Purge(ctx, c, refs)
				return err
			})
			return out
		}
		b.equal("of another collection", purge(c.ID+1, a), record.Purged{})
		b.equal("purged", purge(c.ID, a, a, 999), record.Purged{Records: 1, Versions: 1, DeadLetters: 1, Passages: []record.Reference{
			{ID: id, Generation: g, Space: digest.Of("test", "space"), Text: text},
		}})
		b.equal("again", purge(c.ID, a), record.Purged{})
		b.equal("awaits nothing", awaits(a), []record.Awaited(nil))
		b.view(func(ctx context.Context, tx record.Tx) error {
			left, err := tx.Changes().Held(ctx, lease.Epoch)
			b.equal("held", len(left.Changes), 1)
			if err != nil {
				return err
			}
			staged, err := tx.Passages().Staged(ctx, lease.Epoch)
			b.equal("staged", len(staged), 0)
			if err != nil {
				return err
			}
			pending, err := tx.Changes().Pending(ctx, g)
			b.equal("pending", pending.Count, int64(1))
			if err != nil {
				return err
			}
			n, err := tx.Records().Count(ctx, c.ID)
			b.equal("records", n, int64(1))
			if err != nil {
				return err
			}
			passages, err := tx.Passages().Count(ctx, g)
			b.equal("passages", passages, int64(1))
			return err
		})
		b.update(func(ctx context.Context, tx record.Tx) error {
			done, err := tx.Changes().Complete(ctx, lease.Epoch, lease.Changes)
			b.equal("completed", done, []record.Ref{other})
			return err
		})
		again := b.write(c, record.Write{ID: "a", Op: record.Put, Fields: record.Fields{"title": "new"}})[0]
		if again.Version != 1 || again.Ref == a {
			b.Errorf("the id's next record is %+v, and the purged one was %d", again, a)
		}
	},
}

// versions lists the versions that are kept of a record.
func (b *recordBox) versions(c *record.Collection, id string) (out []int64) {
	b.Helper()
	b.view(func(ctx context.Context, tx record.Tx) error {
		out = nil
		found, err := tx.Records().Get(ctx, c.ID, []string{id})
		if err != nil {
			return err
		}
		all, err := tx.Records().History(ctx, found[0].Ref, 0)
		for _, r := range slices.Backward(all) {
			out = append(out, r.Version)
		}
		return err
	})
	return out
}
