package conform

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

var changeCases = map[string]func(*recordBox){
	"what was not tried counts as no attempt": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "y", 2))
		b.release(b.lease(10).Epoch, time.Time{}, record.Tried, refs...)
		for range 3 {
			l := b.lease(10)
			b.equal("attempts", []int{l.Changes[0].Attempts, l.Changes[1].Attempts}, []int{1, 1})
			b.release(l.Epoch, time.Time{}, record.Untried, refs...)
		}
		l := b.lease(10)
		b.release(l.Epoch, time.Time{}, record.Alone, refs[0])
		b.release(l.Epoch, b.now.Add(time.Hour), record.Untried, refs[1])
		for range 2 {
			l = b.lease(10)
			b.equal("alone", fmt.Sprint(leasedRefs(l), l.Changes[0].Attempts), fmt.Sprint(refs[:1], 2))
			b.release(l.Epoch, time.Time{}, record.Untried, refs[0])
		}
		b.write(c, del("1"))
		l = b.lease(1)
		b.equal("still alone", leasedRefs(l), refs[:1])
		b.release(l.Epoch, b.now.Add(2*time.Hour), record.Untried, refs[0])
		b.equal("not yet", len(b.lease(10).Changes), 0)
		b.now = b.now.Add(time.Hour)
		b.equal("then", leasedRefs(b.lease(10)), refs[1:])
	},
	"what a change touched": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("new", "x", 1), put("meta", "x", 1), put("text", "x", 1), put("gone", "x", 1), put("back", "x", 1), del("back"))
		b.drain()
		b.mustWrite(c, put("meta", "x", 2), put("text", "y", 1), del("gone"), put("back", "x", 1))
		var what []record.Changed
		for _, change := range b.lease(10).Changes {
			what = append(what, change.What)
		}
		b.equal("what", what, []record.Changed{record.Metadata, record.Content, record.Gone, record.Content})
	},
	"writes that nobody has leased are one change": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("1", "x", 1))
		b.drain()
		b.mustWrite(c, put("1", "x", 2))
		last := b.write(c, put("1", "x", 3), put("1", "y", 3))[1]
		l := b.lease(10)
		b.equal("changes", l.Changes, []record.Change{{Ref: last.Ref, Number: last.Change, What: record.Content | record.Metadata}})
		b.equal("collection", l.Collection, c.ID)
		b.equal("pending while leased", b.pending(c).Count, 1)
		b.equal("held", b.complete(l.Epoch, l.Changes...), []record.Ref{last.Ref})
		b.equal("pending", b.pending(c).Count, 0)
		b.equal("again", len(b.complete(l.Epoch, l.Changes...)), 0)
	},
	"oldest first, one collection at a time": func(b *recordBox) {
		c, d := b.declare("a"), b.declare("b")
		first := b.mustWrite(d, put("1", "x", 1), put("2", "x", 1), put("3", "x", 1))
		second := b.mustWrite(c, put("1", "x", 1))
		third := b.mustWrite(d, put("4", "x", 1))
		b.mustWrite(d, put("1", "y", 1)) // keeps its place in line
		l := b.lease(2)
		b.equal("first", leasedRefs(l), first[:2])
		b.equal("collection", l.Collection, d.ID)
		b.equal("passed over", leasedRefs(b.lease(5, b.generation(d))), second)
		b.equal("the rest", leasedRefs(b.lease(5)), append(first[2:], third...))
		b.equal("empty", b.lease(5), record.Lease{})
	},
	"written again while leased": func(b *recordBox) {
		c := b.declare("a")
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		l := b.lease(1)
		again := b.write(c, put("1", "x", 2))[0]
		b.equal("not leased twice", b.lease(1), record.Lease{})
		b.equal("held as leased", b.held(l.Epoch), l.Changes)
		b.equal("still held", b.complete(l.Epoch, l.Changes...), []record.Ref{ref})
		p := b.pending(c)
		b.equal("count and latest", []int64{p.Count, p.Latest}, []int64{1, again.Change})
		if p.Applied < l.Changes[0].Number || p.Applied >= again.Change {
			b.Errorf("applied is %d after %d was indexed and %d was not", p.Applied, l.Changes[0].Number, again.Change)
		}
		b.equal("only what is new", b.lease(1).Changes, []record.Change{{Ref: ref, Number: again.Change, What: record.Metadata}})
	},
	"released work adds up": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("1", "x", 1))
		b.drain()
		ref := b.mustWrite(c, put("1", "y", 1))[0]
		l := b.lease(1)
		w := b.write(c, put("1", "y", 2))[0]
		b.release(l.Epoch, time.Time{}, record.Tried, ref)
		b.equal("both", b.lease(1).Changes, []record.Change{{Ref: ref, Number: w.Change, What: record.Content | record.Metadata, Attempts: 1}})
	},
	"release waits": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		l := b.lease(5)
		later := b.now.Add(10 * time.Second)
		b.release(l.Epoch, later, record.Tried, refs[0])
		b.equal("still held", len(b.held(l.Epoch)), 1)
		b.release(l.Epoch, time.Time{}, record.Tried, refs[1])
		b.equal("at once", leasedRefs(b.lease(5)), refs[1:])
		b.equal("pending", b.pending(c).Count, 2)
		b.now = later.Add(-time.Microsecond)
		b.equal("too early", b.lease(5), record.Lease{})
		b.now = later
		got := b.lease(5)
		b.equal("due", got.Changes, []record.Change{{Ref: refs[0], Number: got.Changes[0].Number, What: record.Content, Attempts: 1}})
	},
	"a wide lease takes few changes of content": func(b *recordBox) {
		c := b.declare("a")
		var refs []record.Ref
		for i := range 6 {
			refs = append(refs, b.mustWrite(c, put(fmt.Sprint(i), "x", 1))...)
		}
		b.drain()
		b.mustWrite(c, put("0", "x", 2), put("1", "y", 1), put("2", "x", 2), put("3", "y", 1), put("4", "x", 2), put("5", "y", 1))
		wide := func() (l record.Lease) {
			b.update(func(ctx context.Context, tx record.Tx) (err error) {
				l, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: 2, Wide: 5, Now: b.now, Until: b.now.Add(time.Minute)})
				return err
			})
			return l
		}
		b.equal("two of content end it", leasedRefs(wide()), refs[:4])
		b.equal("the rest", leasedRefs(wide()), refs[4:])
	},
	"alone": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1), put("3", "x", 1), put("4", "x", 1))
		l := b.lease(5)
		b.release(l.Epoch, time.Time{}, record.Alone, refs[0], refs[2])
		b.release(l.Epoch, time.Time{}, record.Tried, refs[1], refs[3])
		b.equal("alone", leasedRefs(b.lease(5)), refs[:1])
		together := leasedRefs(b.lease(5))
		b.equal("the others together", together, []record.Ref{refs[1], refs[3]})
		b.equal("alone", leasedRefs(b.lease(5)), refs[2:3])
	},
	"an expired lease owns nothing": func(b *recordBox) {
		c := b.declare("a")
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		old := b.lease(1)
		b.now = b.now.Add(time.Minute)
		l := b.lease(1)
		if l.Epoch <= old.Epoch || len(l.Changes) != 1 || l.Changes[0].Attempts != 1 {
			b.Fatalf("got %+v after %+v", l, old)
		}
		b.equal("complete", len(b.complete(old.Epoch, old.Changes...)), 0)
		b.release(old.Epoch, b.now.Add(time.Hour), record.Alone, ref)
		b.bury(old.Epoch, ref)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Passages().Stage(ctx, old.Epoch, []record.StagedField{{Ref: ref, Field: "body", ContentVersion: 1, Sealed: []byte("old")}})
		})
		b.view(func(ctx context.Context, tx record.Tx) error {
			staged, err := tx.Passages().Staged(ctx, old.Epoch)
			b.equal("staged", len(staged), 0)
			return err
		})
		b.refused(fault.Conflict, func(ctx context.Context, tx record.Tx) error {
			return tx.Changes().Renew(ctx, old.Epoch, b.now.Add(time.Hour))
		})
		b.equal("held", b.held(l.Epoch), l.Changes)
		b.equal("pending", b.pending(c).Count, 1)
		b.equal("completed", b.complete(l.Epoch, l.Changes...), []record.Ref{ref})
	},
	"a renewed lease lives on": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("1", "x", 1))
		l := b.lease(1)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Changes().Renew(ctx, l.Epoch, b.now.Add(2*time.Minute))
		})
		b.now = b.now.Add(90 * time.Second)
		b.equal("nothing to lease", b.lease(1), record.Lease{})
		b.equal("held", len(b.complete(l.Epoch, l.Changes...)), 1)
		b.refused(fault.Conflict, func(ctx context.Context, tx record.Tx) error {
			return tx.Changes().Renew(ctx, l.Epoch, b.now.Add(time.Hour))
		})
	},
	"what is lost again and again is suspected": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		for range 3 {
			b.equal("together", leasedRefs(b.lease(5)), refs)
			b.now = b.now.Add(time.Hour)
		}
		for _, ref := range refs {
			l := b.lease(5)
			b.equal("alone", leasedRefs(l), []record.Ref{ref})
			b.equal("attempts", l.Changes[0].Attempts, 3)
		}
	},
	"reset frees every lease": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		old := b.lease(1)
		b.lease(1)
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Reset(ctx) })
		b.equal("nothing held", len(b.held(old.Epoch))+len(b.complete(old.Epoch, old.Changes...)), 0)
		b.equal("leased", leasedRefs(b.lease(5)), refs)
	},
	"bury, revive, write again": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1), put("3", "x", 1))
		l := b.lease(5)
		b.bury(l.Epoch, refs[:2]...)
		p := b.pending(c)
		b.equal("pending", p.Count, 1)
		b.equal("applied", p.Applied, l.Changes[2].Number-1)
		b.complete(l.Epoch, l.Changes[2])
		p = b.pending(c)
		b.equal("all applied or dead", []int64{p.Count, p.Applied}, []int64{0, p.Latest})
		b.equal("nothing to lease", b.lease(5), record.Lease{})
		again := b.write(c, put("1", "y", 1))[0]
		b.equal("pending", b.pending(c).Count, 1)
		b.equal("written again", b.lease(5).Changes, []record.Change{{Ref: refs[0], Number: again.Change, What: record.Content}})
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Revive(ctx, g, refs) })
		b.equal("pending", b.pending(c).Count, 2)
		b.equal("revived", b.lease(5).Changes, []record.Change{{Ref: refs[1], Number: l.Changes[1].Number, What: record.Content}})
	},
	"pending": func(b *recordBox) {
		c := b.declare("a")
		b.equal("nothing", b.pending(c), record.Pending{})
		start := time.Now().Truncate(time.Microsecond)
		first := b.write(c, put("1", "x", 1))[0]
		written := b.get(c, "1")[0].UpdatedAt
		last := b.write(c, put("2", "x", 1), put("1", "y", 1))[1]
		p := b.pending(c)
		b.equal("numbers", []int64{p.Count, p.Applied, p.Latest}, []int64{2, first.Change - 1, last.Change})
		if !p.Oldest.Equal(written) || p.Oldest.Before(start) {
			b.Errorf("oldest is %v, want %v", p.Oldest, written)
		}
		b.drain()
		b.equal("done", b.pending(c), record.Pending{Applied: last.Change, Latest: last.Change})
	},
	"next due": func(b *recordBox) {
		c := b.declare("a")
		due := func() (at time.Time) {
			b.view(func(ctx context.Context, tx record.Tx) (err error) {
				at, err = tx.Changes().NextDue(ctx)
				return err
			})
			return at
		}
		b.equal("nothing waits", due().IsZero(), true)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.equal("at once", !due().IsZero() && !due().After(time.Now()), true)
		l := b.lease(1)
		later := b.now.Add(10 * time.Second)
		b.equal("leased", due(), b.now.Add(time.Minute))
		b.release(l.Epoch, later, record.Tried, ref)
		b.equal("released", due(), later)
		b.now = later
		b.drain()
		b.equal("nothing waits", due().IsZero(), true)
	},
	"touch": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1), put("3", "x", 1), put("gone", "x", 1))
		b.mustWrite(c, del("gone"))
		l := b.lease(5)
		b.bury(l.Epoch, refs[2])
		b.complete(l.Epoch, l.Changes[0], l.Changes[1], l.Changes[3])
		before := b.pending(c)
		b.mustWrite(c, put("2", "x", 2))
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Changes().Touch(ctx, b.generation(c), nil, record.Content)
		})
		p := b.pending(c)
		b.equal("count", p.Count, 3)
		if p.Latest <= before.Latest || p.Applied < before.Applied || p.Applied >= p.Latest {
			b.Errorf("from %+v to %+v", before, p)
		}
		got := map[record.Ref]record.Changed{}
		all := b.lease(5)
		for _, change := range all.Changes {
			got[change.Ref] = change.What
		}
		b.equal("leased", got, map[record.Ref]record.Changed{
			refs[0]: record.Content, refs[1]: record.Content | record.Metadata, refs[2]: record.Content,
		})
		b.equal("version", b.get(c, "1")[0].Version, 1)
		b.complete(all.Epoch, all.Changes...)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Changes().Touch(ctx, b.generation(c), []record.Ref{refs[1], refs[3], 9999}, record.Metadata)
		})
		b.equal("count of some", b.pending(c).Count, 1)
		b.equal("some, if they live", leasedRefs(b.lease(5)), refs[1:2])
	},
	"many": func(b *recordBox) {
		c := b.declare("a")
		const n = 3000
		writes := make([]record.Write, n)
		for i := range writes {
			writes[i] = put(fmt.Sprint(i), "x", i)
		}
		refs := b.mustWrite(c, writes...)
		var got []record.Ref
		for {
			l := b.lease(256)
			if len(l.Changes) == 0 {
				break
			}
			got = append(got, b.complete(l.Epoch, l.Changes...)...)
		}
		b.equal("all, once", len(got), n)
		seen := map[record.Ref]bool{}
		for _, ref := range got {
			seen[ref] = true
		}
		b.equal("refs", len(seen), len(refs))
		b.equal("pending", b.pending(c).Count, 0)
	},
}

// drain leases and completes until nothing is ready.
func (b *recordBox) drain() {
	b.Helper()
	for {
		l := b.lease(100)
		if len(l.Changes) == 0 {
			return
		}
		b.complete(l.Epoch, l.Changes...)
	}
}

func (b *recordBox) release(epoch int64, notBefore time.Time, how record.Released, refs ...record.Ref) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error {
		return tx.Changes().Release(ctx, epoch, refs, notBefore, how)
	})
}

func (b *recordBox) bury(epoch int64, refs ...record.Ref) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Bury(ctx, epoch, refs) })
}
