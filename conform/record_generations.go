package conform

import (
	"context"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

func (b *recordBox) setState(g record.GenerationID, state record.GenerationState) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Collections().SetState(ctx, g, state) })
}

var generationCases = map[string]func(*recordBox){
	"each that is fed has a queue of its own": func(b *recordBox) {
		c := b.declare("a")
		active, building := b.generation(c), b.another(c)
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		b.equal("pending", []int64{b.pendingIn(active).Count, b.pendingIn(building).Count}, []int64{2, 2})
		one := b.lease(5, building)
		b.equal("generation", one.Generation, active)
		other := b.lease(5, active)
		b.equal("generation", other.Generation, building)
		b.equal("the same records", [][]record.Ref{leasedRefs(one), leasedRefs(other)}, [][]record.Ref{refs, refs})
		b.complete(one.Epoch, one.Changes...)
		b.equal("still held", len(b.held(other.Epoch)), 2)
		b.bury(other.Epoch, refs[0])
		b.equal("pending", []int64{b.pendingIn(active).Count, b.pendingIn(building).Count}, []int64{0, 1})
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Revive(ctx, active, refs) })
		b.equal("revived in another", b.pendingIn(building).Count, 1)
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Revive(ctx, building, refs) })
		b.equal("revived", leasedRefs(b.lease(5)), refs[:1])
	},
	"what is staged for one is not the other's": func(b *recordBox) {
		c := b.declare("a")
		b.another(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		one, other := b.lease(5), b.lease(5)
		for _, l := range []record.Lease{one, other} {
			b.update(func(ctx context.Context, tx record.Tx) error {
				return tx.Passages().Stage(ctx, l.Epoch, []record.StagedField{{Ref: ref, ContentVersion: 1, Field: "body", Sealed: []byte{byte(l.Epoch)}}})
			})
		}
		b.complete(one.Epoch, one.Changes...)
		b.view(func(ctx context.Context, tx record.Tx) error {
			ended, err := tx.Passages().Staged(ctx, one.Epoch)
			if err != nil {
				return err
			}
			b.equal("ended with its lease", len(ended), 0)
			kept, err := tx.Passages().Staged(ctx, other.Epoch)
			b.equal("kept", kept, []record.StagedField{{Ref: ref, ContentVersion: 1, Field: "body", Sealed: []byte{byte(other.Epoch)}}})
			return err
		})
	},
	"standby goes on being fed, retired does not": func(b *recordBox) {
		c := b.declare("a")
		old, next := b.generation(c), b.another(c)
		b.setState(next, record.Active)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.equal("pending", []int64{b.pendingIn(old).Count, b.pendingIn(next).Count}, []int64{1, 1})
		l := b.lease(5, next)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.DeadLetters().Put(ctx, record.DeadLetter{Collection: c.ID, Generation: old, Ref: ref, Step: "embed"})
		})
		b.setState(old, record.Retired)
		b.equal("nothing held", len(b.held(l.Epoch))+len(b.complete(l.Epoch, l.Changes...)), 0)
		b.equal("its dead letters", len(b.letters(record.DeadLetterFilter{})), 0)
		b.equal("its queue", b.pendingIn(old).Count, 0)
		b.mustWrite(c, put("1", "y", 1))
		b.equal("is not fed", b.pendingIn(old).Count, 0)
		b.equal("the active one is", b.lease(5).Generation, next)
		b.equal("nothing else", b.lease(5), record.Lease{})
		b.refused(fault.NotFound, func(ctx context.Context, tx record.Tx) error {
			return tx.Changes().Touch(ctx, old, nil, record.Content)
		})
	},
	"a field that any of them embeds is content": func(b *recordBox) {
		c := b.declare("a")
		g := aGeneration(c, record.Building)
		g.Content = []string{"body", "status"}
		b.update(func(ctx context.Context, tx record.Tx) (err error) {
			if g, err = tx.Collections().AddGeneration(ctx, g); err != nil {
				return err
			}
			*c, err = tx.Collections().Find(ctx, c.ID)
			return err
		})
		b.equal("embedded", c.Embedded, []string{"body", "status", "title"})
		b.mustWrite(c, put("1", "x", 1))
		w := b.write(c, patch("1", record.Fields{"status": "open"}), patch("1", record.Fields{"n": 2}))
		b.equal("content versions", []int64{w[0].ContentVersion, w[1].ContentVersion}, []int64{2, 2})
		b.setState(g.ID, record.Retired)
		b.view(func(ctx context.Context, tx record.Tx) (err error) {
			*c, err = tx.Collections().Get(ctx, "a")
			return err
		})
		b.equal("embedded", c.Embedded, []string{"body", "title"})
		b.equal("content version", b.write(c, patch("1", record.Fields{"status": "shut"}))[0].ContentVersion, 2)
	},
	"dead letters are kept for each": func(b *recordBox) {
		c := b.declare("a")
		one, other := b.generation(c), b.another(c)
		for _, g := range []record.GenerationID{one, other, other} {
			b.update(func(ctx context.Context, tx record.Tx) error {
				return tx.DeadLetters().Put(ctx, record.DeadLetter{Collection: c.ID, Generation: g, Ref: 1, Step: "embed", Attempts: 1})
			})
		}
		b.equal("open", len(b.letters(record.DeadLetterFilter{})), 2)
		b.equal("of one", b.letters(record.DeadLetterFilter{Generation: other})[0].Attempts, 2)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.DeadLetters().Resolve(ctx, other, []record.Ref{1}, b.now)
		})
		b.equal("the other's", b.letters(record.DeadLetterFilter{})[0].Generation, one)
	},
	"recall": func(b *recordBox) {
		c := b.declare("a")
		active, building := b.generation(c), b.another(c)
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		one, other := b.lease(5, building), b.lease(5, active)
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Recall(ctx, active) })
		b.equal("nothing held", len(b.held(one.Epoch))+len(b.complete(one.Epoch, one.Changes...)), 0)
		b.equal("the other's", len(b.held(other.Epoch)), 2)
		again := b.lease(5)
		b.equal("leased again", leasedRefs(again), refs)
		b.equal("together and counted", again.Changes[0].Attempts, 1)
	},
	"unsettle": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.replace(g, record.PassageSet{Ref: ref, ContentVersion: 1, Passages: passagesOf("p q r")})
		all := b.passages(g, ref)
		b.settle(g, []record.PassageID{all[0].ID, all[1].ID, all[2].ID}, nil)
		states := func() (out []record.PassageState) {
			for _, p := range b.passages(g, ref) {
				out = append(out, p.State)
			}
			return out
		}
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Passages().Unsettle(ctx, g, []record.PassageID{all[1].ID})
		})
		b.equal("one", states(), []record.PassageState{record.Indexed, record.Fresh, record.Indexed})
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Passages().Unsettle(ctx, g, nil) })
		b.equal("all", states(), []record.PassageState{record.Fresh, record.Fresh, record.Fresh})
		b.equal("count", b.passageCount(g), 3)
	},
}
