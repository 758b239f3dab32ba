package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

var collectionCases = map[string]func(*recordBox){
	"put, get, find, list": func(b *recordBox) {
		for _, name := range []string{"c", "a", "b"} {
			b.declare(name)
		}
		b.view(func(ctx context.Context, tx record.Tx) error {
			c, err := tx.Collections().Get(ctx, "b")
			if err != nil {
				return err
			}
			b.equal("declaration", c.Declaration, declaration("b"))
			again, err := tx.Collections().Find(ctx, c.ID)
			if err != nil {
				return err
			}
			b.equal("found", again, c)
			page, err := tx.Collections().List(ctx, "a", 1)
			if err != nil || len(page) != 1 || page[0].Name != "b" {
				b.Errorf("page %+v, %v", page, err)
			}
			return nil
		})
	},
	"a new declaration keeps the collection": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("1", "x", 1))
		d := declaration("a")
		d.Metadata = append(d.Metadata, "tags")
		var changed record.Collection
		b.update(func(ctx context.Context, tx record.Tx) (err error) {
			changed, err = tx.Collections().Put(ctx, d)
			return err
		})
		b.equal("id", changed.ID, c.ID)
		b.equal("created", changed.CreatedAt, c.CreatedAt)
		b.equal("metadata", changed.Declaration.Metadata, d.Metadata)
		b.equal("version", b.get(&changed, "1")[0].Version, 1)
	},
	"what is missing is NotFound": func(b *recordBox) {
		for _, fn := range []func(ctx context.Context, tx record.Tx) error{
			func(ctx context.Context, tx record.Tx) error { _, err := tx.Collections().Get(ctx, "no"); return err },
			func(ctx context.Context, tx record.Tx) error { _, err := tx.Collections().Find(ctx, 99); return err },
			func(ctx context.Context, tx record.Tx) error { return tx.Collections().Drop(ctx, 99) },
			func(ctx context.Context, tx record.Tx) error {
				return tx.Collections().SetState(ctx, 99, record.Active)
			},
			func(ctx context.Context, tx record.Tx) error { _, err := tx.Changes().Pending(ctx, 99); return err },
			func(ctx context.Context, tx record.Tx) error {
				return tx.Changes().Touch(ctx, 99, nil, record.Content)
			},
			func(ctx context.Context, tx record.Tx) error {
				_, err := tx.Collections().AddGeneration(ctx, record.Generation{Collection: 99})
				return err
			},
			func(ctx context.Context, tx record.Tx) error {
				gone := record.Collection{ID: 99, Name: "gone", Declaration: declaration("gone")}
				_, err := tx.Records().Write(ctx, &gone, []record.Write{put("1", "x", 1)})
				return err
			},
		} {
			b.refused(fault.NotFound, fn)
		}
	},
	"one generation is active": func(b *recordBox) {
		c := b.declare("a")
		first, second := b.generation(c), b.another(c)
		for _, g := range []record.GenerationID{second, first, second} {
			b.setState(g, record.Active)
		}
		third := aGeneration(c, record.Building)
		b.view(func(ctx context.Context, tx record.Tx) error {
			all, err := tx.Collections().Generations(ctx, c.ID)
			if err != nil || len(all) != 2 {
				b.Fatalf("got %+v, %v", all, err)
			}
			b.equal("newest first", []record.GenerationID{all[0].ID, all[1].ID}, []record.GenerationID{second, first})
			b.equal("states", []record.GenerationState{all[0].State, all[1].State}, []record.GenerationState{record.Active, record.Standby})
			want := third
			want.ID, want.State, want.CreatedAt = second, record.Active, all[0].CreatedAt
			b.equal("generation", all[0], want)
			return nil
		})
	},
	"drop takes everything but vectors": func(b *recordBox) { dropCase(b) },
}

func dropCase(b *recordBox) {
	c, other := b.declare("a"), b.declare("b")
	g := b.generation(c)
	ref := b.mustWrite(c, put("1", "x", 1))[0]
	b.mustWrite(c, put("1", "y", 1))
	kept := b.mustWrite(other, put("1", "x", 1))[0]
	l := b.lease(10)
	b.update(func(ctx context.Context, tx record.Tx) error {
		return errors.Join(
			tx.Passages().Stage(ctx, l.Epoch, []record.StagedField{{Ref: ref, ContentVersion: 2, Field: "body", Sealed: []byte("s")}}),
			tx.Passages().Replace(ctx, g, []record.PassageSet{{Ref: ref, ContentVersion: 2, Passages: passagesOf("p")}}),
			tx.Vectors().Put(ctx, []record.Vector{{Address: address(1), Data: []byte("v")}}),
			tx.DeadLetters().Put(ctx, record.DeadLetter{Collection: c.ID, Ref: ref, Step: "gate"}),
			tx.Runs().Create(ctx, record.Run{
				ID: "r1", Pipeline: "index", Collection: c.ID, State: record.Running,
				Steps: []record.Step{{Name: "gate", State: record.Running, Attempts: []record.Attempt{{Number: 1}}}},
			}),
		)
	})
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Collections().Drop(ctx, c.ID) })
	b.refused(fault.NotFound, func(ctx context.Context, tx record.Tx) error {
		_, err := tx.Collections().Get(ctx, "a")
		return err
	})
	b.refused(fault.NotFound, func(ctx context.Context, tx record.Tx) error { _, err := tx.Runs().Get(ctx, "r1"); return err })
	b.equal("held", len(b.complete(l.Epoch, l.Changes...)), 0)
	b.view(func(ctx context.Context, tx record.Tx) error {
		loaded, err := tx.Records().Load(ctx, []record.Ref{ref, kept})
		b.equal("records", len(loaded), 1)
		history, err2 := tx.Records().History(ctx, ref, 10)
		b.equal("history", len(history), 0)
		pieces, err3 := tx.Passages().Scan(ctx, g, 0, 10)
		b.equal("passages", len(pieces), 0)
		staged, err4 := tx.Passages().Staged(ctx, l.Epoch)
		b.equal("staged", len(staged), 0)
		letters, err5 := tx.DeadLetters().Count(ctx, 0)
		b.equal("dead letters", letters, 0)
		total, _, err6 := tx.Vectors().Count(ctx)
		b.equal("vectors", total, 1)
		return errors.Join(err, err2, err3, err4, err5, err6)
	})
	b.equal("the other's change is next", leasedRefs(b.lease(10)), []record.Ref{kept})
	// A new collection of the name shares nothing with the old one.
	again := b.declare("a")
	if again.ID == c.ID {
		b.Error("the number was given twice")
	}
	if r := b.mustWrite(again, put("1", "x", 1))[0]; r == ref {
		b.Error("the ref was given twice")
	}
}

var writeCases = map[string]func(*recordBox){
	"put creates, replaces, and keeps": func(b *recordBox) {
		c := b.declare("a")
		one := b.write(c, put("1", "x", 1))[0]
		b.equal("created", []int64{one.Version, one.ContentVersion}, []int64{1, 1})
		two := b.write(c, put("1", "x", 2))[0]
		b.equal("metadata changed", []int64{two.Version, two.ContentVersion}, []int64{2, 1})
		three := b.write(c, put("1", "y", 2))[0]
		b.equal("content changed", []int64{three.Version, three.ContentVersion}, []int64{3, 3})
		if one.Ref != two.Ref || two.Ref != three.Ref || one.Change >= two.Change || two.Change >= three.Change {
			b.Errorf("got %+v, %+v, %+v", one, two, three)
		}
		same := b.write(c, put("1", "y", 2))[0]
		b.equal("no change", same, record.Written{Ref: one.Ref, Version: 3, ContentVersion: 3})
		got := b.get(c, "1")[0]
		b.equal("stored change", got.Change, three.Change)
		b.equal("fields", values(got.Fields), `{"body":"y","n":2}`)
	},
	"put replaces all fields": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, record.Write{ID: "1", Fields: record.Fields{"title": "t", "body": "x", "extra": true}})
		w := b.write(c, record.Write{ID: "1", Fields: record.Fields{"title": "t", "body": "x"}})[0]
		b.equal("an undeclared field is no content", []int64{w.Version, w.ContentVersion}, []int64{2, 1})
		w = b.write(c, record.Write{ID: "1", Fields: record.Fields{"title": "t"}})[0]
		b.equal("a content field went", []int64{w.Version, w.ContentVersion}, []int64{3, 3})
		w = b.write(c, record.Write{ID: "1"})[0]
		b.equal("no fields at all", values(b.get(c, "1")[0].Fields), `{}`)
		b.equal("version", w.Version, 4)
	},
	"patch merges": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, record.Write{ID: "1", Fields: record.Fields{"body": "x", "n": 1, "status": map[string]any{"a": 1, "b": 2}}})
		w := b.write(c, patch("1", record.Fields{"n": nil, "status": map[string]any{"b": nil, "c": "<&>"}}))[0]
		b.equal("versions", []int64{w.Version, w.ContentVersion}, []int64{2, 1})
		b.equal("fields", values(b.get(c, "1")[0].Fields), `{"body":"x","status":{"a":1,"c":"<&>"}}`)
		b.equal("an empty patch", b.write(c, patch("1", record.Fields{}))[0].Change, 0)
		b.equal("a null for what is missing", b.write(c, patch("1", record.Fields{"n": nil}))[0].Change, 0)
	},
	"delete leaves a tombstone, put revives": func(b *recordBox) {
		c := b.declare("a")
		one := b.write(c, put("1", "x", 1))[0]
		two := b.write(c, del("1"))[0]
		b.equal("deleted", []any{two.Ref, two.Version, two.ContentVersion}, []any{one.Ref, 2, 2})
		got := b.get(c, "1")[0]
		if !got.Deleted || got.Fields != nil || got.Version != 2 {
			b.Errorf("tombstone: %+v with %d fields", got, len(got.Fields))
		}
		b.equal("again", b.write(c, del("1"))[0], record.Written{Ref: one.Ref, Version: 2, ContentVersion: 2})
		three := b.write(c, put("1", "x", 1))[0]
		b.equal("revived", []any{three.Ref, three.Version, three.ContentVersion}, []any{one.Ref, 3, 3})
	},
	"what is not there": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("gone", "x", 1), del("gone"))
		for i, w := range b.write(c, patch("1", record.Fields{"n": 1}), del("1"), patch("gone", record.Fields{"n": 1})) {
			if fault.KindOf(w.Err) != fault.NotFound || w.Ref != 0 || w.Change != 0 {
				b.Errorf("write %d: %+v", i, w)
			}
		}
	},
	"expected versions": func(b *recordBox) {
		c := b.declare("a")
		at := func(w record.Write, version int64) record.Write { w.IfVersion = &version; return w }
		for i, step := range []struct {
			write record.Write
			kind  fault.Kind
			want  int64 // version, if no error
		}{
			{at(put("1", "x", 1), 1), fault.Conflict, 0},
			{at(put("1", "x", 1), 0), 0, 1},
			{at(put("1", "x", 1), 0), fault.Conflict, 0},
			{at(put("1", "y", 1), 2), fault.Conflict, 0},
			{at(put("1", "y", 1), 1), 0, 2},
			{at(patch("1", record.Fields{"n": 5}), 1), fault.Conflict, 0},
			{at(patch("1", record.Fields{"n": 5}), 2), 0, 3},
			{at(put("1", "y", 5), 2), fault.Conflict, 0}, // although it would change nothing
			{at(del("1"), 2), fault.Conflict, 0},
			{at(del("1"), 3), 0, 4},
			{at(put("1", "x", 1), 3), fault.Conflict, 0},
			{at(put("1", "x", 1), 0), 0, 5}, // a tombstone does not exist
		} {
			w := b.write(c, step.write)[0]
			if step.want == 0 && fault.KindOf(w.Err) == step.kind && w.Err != nil {
				continue
			}
			if w.Err != nil || w.Version != step.want {
				b.Errorf("step %d: %+v", i, w)
			}
		}
	},
	"a batch is applied in order": func(b *recordBox) {
		c := b.declare("a")
		out := b.write(c, put("1", "x", 1), put("2", "x", 1), put("1", "y", 1), del("2"), put("1", "y", 1), patch("1", record.Fields{"n": 7}), put("2", "z", 1))
		versions := make([]int64, len(out))
		for i, w := range out {
			versions[i] = w.Version
			if i > 0 && w.Change != 0 && w.Change <= out[0].Change {
				b.Errorf("change numbers are out of order: %+v", out)
			}
		}
		b.equal("versions", versions, []int64{1, 1, 2, 2, 2, 3, 3})
		b.equal("no-op", out[4].Change, 0)
		b.equal("history of 1", b.history(out[0].Ref), []int64{3, 2, 1})
		b.equal("history of 2", b.history(out[1].Ref), []int64{3, 2, 1})
		b.equal("pending", b.pending(c).Count, 2)
		b.equal("latest", b.pending(c).Latest, out[6].Change)
	},
	"one bad write harms no other": func(b *recordBox) {
		c := b.declare("a")
		out := b.write(c, put("1", "x", 1), put("", "x", 1), put(strings.Repeat("x", record.MaxID+1), "x", 1),
			put("a\xff", "x", 1), put("a\x00", "x", 1), record.Write{ID: "nan", Fields: record.Fields{"n": math.NaN()}}, put("2", "x", 1))
		for i, w := range out {
			if bad := i > 0 && i < 6; bad != (fault.KindOf(w.Err) == fault.Invalid) || bad && w.Ref != 0 {
				b.Errorf("write %d: %+v", i, w)
			}
		}
		b.equal("stored", b.count(c), 2)
	},
	"any text survives": func(b *recordBox) {
		c := b.declare("a")
		for i, text := range []string{"", " ", "\x00", "a\x00b", "\u2028\u202e<&>\"'\\/", "ß漢字🜁e\u0301", "[]", "null", strings.Repeat("long ", 300_000)} {
			id := fmt.Sprintf("%d – ü \"quoted\" 漢", i)
			b.mustWrite(c, record.Write{ID: id, Fields: record.Fields{"body": text, text: 1, "list": []any{text, nil, map[string]any{text: text}}}})
			got := b.get(c, id)[0]
			if got.ID != id || got.Fields["body"] != text || fmt.Sprint(got.Fields[text]) != "1" && text != "" {
				b.Errorf("text %d came back otherwise", i)
			}
			b.equal("nothing to change", b.write(c, record.Write{ID: id, Fields: got.Fields})[0].Change, 0)
		}
	},
	"numbers stay exact": func(b *recordBox) {
		c := b.declare("a")
		for i, n := range []string{"0", "-1", "12345678901234567890123", "0.1000", "1e400", "9007199254740993"} {
			id := fmt.Sprint(i)
			b.mustWrite(c, record.Write{ID: id, Fields: record.Fields{"n": json.Number(n)}})
			b.equal("number", b.get(c, id)[0].Fields["n"], n)
		}
	},
	"times and counts": func(b *recordBox) {
		c := b.declare("a")
		start := time.Now().Truncate(time.Microsecond)
		b.mustWrite(c, put("1", "x", 1), put("2", "x", 1))
		at := b.get(c, "1")[0].UpdatedAt
		if at.Before(start) || at.After(time.Now()) {
			b.Errorf("updated at %v, not between %v and now", at, start)
		}
		b.equal("count", b.count(c), 2)
		b.mustWrite(c, del("1"))
		b.equal("count", b.count(c), 1)
		b.mustWrite(c, put("1", "x", 1), put("2", "z", 1))
		b.equal("count", b.count(c), 2)
		b.write(c, put("1", "a", 1), del("1"), put("1", "b", 1), del("1"), del("1"))
		b.equal("count", b.count(c), 1)
	},
}

// values shows the content of fields, which print themselves as redacted.
func values(f record.Fields) string {
	b, err := json.Marshal(map[string]any(f))
	if err != nil {
		return err.Error()
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b))
}

func (b *recordBox) count(c *record.Collection) (n int64) {
	b.Helper()
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		n, err = tx.Records().Count(ctx, c.ID)
		return err
	})
	return n
}

// history returns a record's versions as History lists them.
func (b *recordBox) history(ref record.Ref) []int64 {
	b.Helper()
	var versions []int64
	b.view(func(ctx context.Context, tx record.Tx) error {
		all, err := tx.Records().History(ctx, ref, 100)
		for _, r := range all {
			versions = append(versions, r.Version)
		}
		return err
	})
	return versions
}

var readCases = map[string]func(*recordBox){
	"get answers in the order asked": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("1", "x", 1), put("2", "x", 1), put("3", "x", 1), del("3"))
		got := b.get(c, "2", "none", "1", "3", "2")
		ids := make([]string, len(got))
		for i, r := range got {
			ids[i] = r.ID
		}
		b.equal("ids", ids, []string{"2", "", "1", "3", "2"})
		b.equal("missing", got[1].Ref, 0)
		b.equal("deleted", got[3].Deleted, true)
		b.equal("none asked", len(b.get(c)), 0)
	},
	"collections are apart": func(b *recordBox) {
		c, d := b.declare("a"), b.declare("b")
		x := b.mustWrite(c, put("1", "x", 1))[0]
		y := b.mustWrite(d, put("1", "y", 1))[0]
		if x == y {
			b.Error("two records share a ref")
		}
		b.equal("fields", b.get(d, "1")[0].Fields["body"], "y")
		b.equal("count", b.count(c), 1)
	},
	"load by ref": func(b *recordBox) {
		c := b.declare("a")
		refs := b.mustWrite(c, put("1", "x", 1), put("2", "x", 1), del("2"))
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Records().Load(ctx, []record.Ref{refs[0], refs[1], 999, refs[0]})
			b.equal("found", len(got), 2)
			b.equal("tombstone", got[refs[1]].Deleted, true)
			b.equal("collection", got[refs[0]].Collection, c.ID)
			return err
		})
	},
	"list pages through live records by id": func(b *recordBox) {
		c := b.declare("a")
		var writes []record.Write
		for i := range 25 {
			writes = append(writes, put(fmt.Sprintf("%02d", (i*7)%25), "x", i))
		}
		b.mustWrite(c, append(writes, del("03"), del("24"))...)
		var ids []string
		for after := ""; ; {
			var page []record.Record
			b.view(func(ctx context.Context, tx record.Tx) (err error) {
				page, err = tx.Records().List(ctx, c.ID, after, 4)
				return err
			})
			for _, r := range page {
				ids = append(ids, r.ID)
			}
			if len(page) < 4 {
				break
			}
			after = page[3].ID
		}
		var want []string
		for i := range 24 {
			if i != 3 {
				want = append(want, fmt.Sprintf("%02d", i))
			}
		}
		b.equal("ids", ids, want)
	},
	"history": func(b *recordBox) {
		c := b.declare("a")
		ref := b.mustWrite(c, put("1", "x", 1))[0]
		b.mustWrite(c, put("1", "y", 1))
		b.mustWrite(c, del("1"))
		b.mustWrite(c, put("1", "z", 2))
		b.view(func(ctx context.Context, tx record.Tx) error {
			all, err := tx.Records().History(ctx, ref, 10)
			if len(all) != 4 {
				b.Fatalf("got %d versions, %v", len(all), err)
			}
			var change int64 = math.MaxInt64
			for i, want := range []string{`{"body":"z","n":2}`, `null`, `{"body":"y","n":1}`, `{"body":"x","n":1}`} {
				r := all[i]
				b.equal("version", r.Version, 4-i)
				b.equal("fields", values(r.Fields), want)
				if r.Change >= change || r.ID != "1" || r.Deleted != (i == 1) {
					b.Errorf("version %d: %+v", r.Version, r)
				}
				change = r.Change
			}
			two, err := tx.Records().History(ctx, ref, 2)
			b.equal("limit", len(two), 2)
			return err
		})
	},
}
