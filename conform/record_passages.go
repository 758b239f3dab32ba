package conform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

// passagesOf makes the passages of a record whose text is a list of words,
// each a passage; equal words have equal digests.
func passagesOf(text string) []record.Passage {
	words := strings.Fields(text)
	out := make([]record.Passage, len(words))
	at := 0
	for i, w := range words {
		out[i] = record.Passage{
			Field: "body", Ordinal: i, Start: at, End: at + len(w), Text: digest.Of("text", w), Display: digest.Of("display", w),
			Sealed: []byte(fmt.Sprintf("%s@%d", w, at)),
		}
		at += len(w) + 1
	}
	return out
}

func (b *recordBox) replace(g record.GenerationID, sets ...record.PassageSet) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Passages().Replace(ctx, g, sets) })
}

func set(ref record.Ref, version int64, text string) record.PassageSet {
	return record.PassageSet{Ref: ref, ContentVersion: version, Passages: passagesOf(text)}
}

func (b *recordBox) passages(g record.GenerationID, refs ...record.Ref) []record.Passage {
	b.Helper()
	var out []record.Passage
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		out, err = tx.Passages().Of(ctx, g, refs)
		return err
	})
	return out
}

// shown is the live passages of one record as "seal#id" in order, with a *
// if they are fresh, then the removed ones as -id.
func (b *recordBox) shown(g record.GenerationID, ref record.Ref) string {
	b.Helper()
	var live, removed []string
	for _, p := range b.passages(g, ref) {
		switch p.State {
		case record.Removed:
			removed = append(removed, fmt.Sprintf("-%d", p.ID))
		case record.Fresh:
			live = append(live, fmt.Sprintf("%s#%d*", p.Sealed, p.ID))
		case record.Indexed:
			live = append(live, fmt.Sprintf("%s#%d", p.Sealed, p.ID))
		}
	}
	return strings.Join(append(live, removed...), " ")
}

func (b *recordBox) settle(g record.GenerationID, fresh, removed []record.PassageID) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Passages().Settle(ctx, g, fresh, removed) })
}

func (b *recordBox) passageCount(g record.GenerationID) (n int64) {
	b.Helper()
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		n, err = tx.Passages().Count(ctx, g)
		return err
	})
	return n
}

func ids(passages []record.Passage) []record.PassageID {
	out := make([]record.PassageID, len(passages))
	for i, p := range passages {
		out[i] = p.ID
	}
	return out
}

var passageCases = map[string]func(*recordBox){
	"all of a passage comes back": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		want := passagesOf("one two")[1]
		want.Ref, want.ContentVersion, want.Field = ref, 1, "title"
		b.replace(g, record.PassageSet{Ref: ref, ContentVersion: 1, Passages: []record.Passage{want}})
		got := b.passages(g, ref)
		if len(got) != 1 || got[0].ID == 0 {
			b.Fatalf("got %+v", got)
		}
		want.ID = got[0].ID
		b.equal("of", got[0], want)
		b.view(func(ctx context.Context, tx record.Tx) error {
			byID, err := tx.Passages().Get(ctx, g, []record.PassageID{want.ID, 999})
			b.equal("get", byID, map[record.PassageID]record.Passage{want.ID: want})
			elsewhere, err2 := tx.Passages().Get(ctx, g+1, []record.PassageID{want.ID})
			b.equal("in another generation", len(elsewhere), 0)
			return errors.Join(err, err2)
		})
	},
	"what stays keeps its id and state": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.mustWrite(c, put("1", "y", 1))
		b.replace(g, set(ref, 2, "one two three"))
		first := ids(b.passages(g, ref))
		b.settle(g, first[:2], nil)
		b.mustWrite(c, put("1", "z", 1))
		b.replace(g, set(ref, 3, "one and two three"))
		fresh := ids(b.passages(g, ref))[1]
		b.equal("an insertion", b.shown(g, ref), fmt.Sprintf("one@0#%d and@4#%d* two@8#%d three@12#%d*", first[0], fresh, first[1], first[2]))
		b.mustWrite(c, put("1", "a", 1))
		b.replace(g, set(ref, 4, "three one"))
		b.equal("moved and removed", b.shown(g, ref), fmt.Sprintf("three@0#%d* one@6#%d -%d -%d", first[2], first[0], fresh, first[1]))
		b.equal("count", b.passageCount(g), 2)
		for _, p := range b.passages(g, ref) {
			if p.State != record.Removed && p.ContentVersion != 4 {
				b.Errorf("%+v has an old version", p)
			}
		}
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Passages().Get(ctx, g, []record.PassageID{first[1], first[0]})
			b.equal("removed ones are not got", len(got), 1)
			return err
		})
	},
	"equal passages are kept one by one, in order": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.replace(g, set(ref, 1, "a a b a"))
		was := ids(b.passages(g, ref))
		b.settle(g, was, nil)
		b.replace(g, set(ref, 2, "a b a"))
		b.equal("fewer", b.shown(g, ref), fmt.Sprintf("a@0#%d b@2#%d a@4#%d -%d", was[0], was[2], was[1], was[3]))
		b.replace(g, set(ref, 3, "a a a a b"))
		now := b.shown(g, ref)
		if !strings.HasPrefix(now, fmt.Sprintf("a@0#%d a@2#%d a@4#", was[0], was[1])) || b.passageCount(g) != 5 {
			b.Errorf("more: got %s", now)
		}
	},
	"the same set again changes nothing": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.replace(g, set(ref, 1, "a b"))
		was := b.shown(g, ref)
		b.replace(g, set(ref, 1, "a b"))
		b.equal("same", b.shown(g, ref), was)
	},
	"a superseded set changes nothing": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.mustWrite(c, put("1", "y", 1))
		b.replace(g, set(ref, 2, "new"))
		was := b.shown(g, ref)
		b.replace(g, set(ref, 1, "old"))
		b.equal("an older set", b.shown(g, ref), was)
		b.replace(g, set(ref, 2, ""))
		b.settle(g, nil, ids(b.passages(g, ref)))
		b.replace(g, set(ref, 1, "old"))
		b.equal("older than an empty set", b.shown(g, ref), "")
		b.mustWrite(c, del("1"))
		b.replace(g, set(ref, 3, "text"))
		b.equal("of a deleted record", b.shown(g, ref), "")
		b.replace(g, set(999, 1, "text"))
		b.equal("of no record", len(b.passages(g, 999)), 0)
		b.equal("count", b.passageCount(g), 0)
	},
	"generations are apart": func(b *recordBox) {
		c := b.declare("a")
		g, h := b.generation(c), b.another(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.replace(g, set(ref, 1, "a b"))
		b.replace(h, set(ref, 1, "a"))
		b.equal("counts", []int64{b.passageCount(g), b.passageCount(h)}, []int64{2, 1})
		b.settle(h, ids(b.passages(g, ref)), nil)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Passages().RemoveAll(ctx, h, []record.Ref{ref})
		})
		b.equal("counts", []int64{b.passageCount(g), b.passageCount(h)}, []int64{2, 0})
		b.equal("state", b.passages(g, ref)[0].State, record.Fresh)
	},
	"settle believes the state of now": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.replace(g, set(ref, 1, "a b"))
		was := ids(b.passages(g, ref))
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Passages().RemoveAll(ctx, g, []record.Ref{ref})
		})
		b.settle(g, was[:1], nil) // the index got it, after it was removed
		b.equal("still to be removed", b.shown(g, ref), fmt.Sprintf("-%d -%d", was[0], was[1]))
		b.replace(g, set(ref, 1, "a"))
		b.settle(g, nil, ids(b.passages(g, ref)))
		live := b.shown(g, ref)
		if !strings.HasPrefix(live, "a@0#") || len(b.passages(g, ref)) != 1 || strings.Contains(live, fmt.Sprintf("#%d", was[0])) {
			b.Errorf("what was removed came back as itself: %s", live)
		}
		b.equal("count", b.passageCount(g), 1)
	},
	"scan": func(b *recordBox) {
		c := b.declare("a")
		g, other := b.generation(c), b.another(c)
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		b.replace(g, set(refs[0], 1, "a b c"))
		b.replace(other, set(refs[0], 1, "a b c"))
		b.replace(g, set(refs[1], 1, "d e"))
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Passages().RemoveAll(ctx, g, refs[1:])
		})
		var got []string
		var after record.PassageID
		for range 3 {
			b.view(func(ctx context.Context, tx record.Tx) error {
				page, err := tx.Passages().Scan(ctx, g, after, 2)
				for _, p := range page {
					got, after = append(got, string(p.Sealed)), p.ID
				}
				return err
			})
		}
		b.equal("in order, every state", got, []string{"a@0", "b@2", "c@4", "d@0", "e@2"})
	},
	"staging": func(b *recordBox) { stagingCase(b) },
}

func stagingCase(b *recordBox) {
	c := b.declare("a")
	refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1), put("3", "x", 1))
	l := b.lease(2)
	other := b.lease(1)
	field := func(ref record.Ref, name, text string) record.StagedField {
		return record.StagedField{Ref: ref, ContentVersion: 1, Field: name, Sealed: []byte(text)}
	}
	stage := func(epoch int64, fields ...record.StagedField) {
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Passages().Stage(ctx, epoch, fields) })
	}
	staged := func(epoch int64) []record.StagedField {
		var out []record.StagedField
		b.view(func(ctx context.Context, tx record.Tx) (err error) {
			out, err = tx.Passages().Staged(ctx, epoch)
			return err
		})
		return out
	}
	stage(l.Epoch, field(refs[1], "body", "b2"), field(refs[0], "title", "t1"), field(refs[0], "body", "b1"), field(refs[2], "body", "not ours"))
	b.equal("by ref and field", staged(l.Epoch), []record.StagedField{field(refs[0], "body", "b1"), field(refs[0], "title", "t1"), field(refs[1], "body", "b2")})
	stage(l.Epoch, field(refs[0], "body", "again"))
	b.equal("replaced", staged(l.Epoch), []record.StagedField{field(refs[0], "body", "again"), field(refs[1], "body", "b2")})
	stage(other.Epoch, field(refs[2], "body", "b3"))
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Passages().Unstage(ctx, l.Epoch) })
	b.equal("unstaged", len(staged(l.Epoch)), 0)
	b.equal("the other's", len(staged(other.Epoch)), 1)
	// The next lease of a record stages anew.
	b.now = b.now.Add(2 * time.Minute)
	next := b.lease(5)
	stage(next.Epoch, field(refs[2], "body", "b4"))
	b.equal("of the lost lease", len(staged(other.Epoch)), 0)
	b.equal("of the next lease", staged(next.Epoch), []record.StagedField{field(refs[2], "body", "b4")})
}
