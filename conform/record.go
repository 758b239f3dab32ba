package conform

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// Record is the suite for drivers of the system of record. open returns an
// empty store, which it closes when the test ends.
func Record(t *testing.T, open func(t *testing.T) record.Store) {
	for _, group := range []struct {
		name  string
		cases map[string]func(*recordBox)
	}{
		{"transactions", transactionCases},
		{"collections", collectionCases},
		{"writes", writeCases},
		{"reads", readCases},
		{"changes", changeCases},
		{"generations", generationCases},
		{"passages", passageCases},
		{"vectors", vectorCases},
		{"sweep", sweepCases},
		{"runs", runCases},
		{"dead letters", deadLetterCases},
		{"audit", auditCases},
		{"objects", objectCases},
		{"ledger", ledgerCases},
		{"vault", vaultCases},
		{"properties", propertyCases},
		{"concurrency", concurrencyCases},
	} {
		t.Run(group.name, func(t *testing.T) {
			for name, run := range group.cases {
				t.Run(name, func(t *testing.T) { run(newRecordBox(t, open(t))) })
			}
		})
	}
}

// recordBox is a store under test with what most cases need.
type recordBox struct {
	*testing.T
	store record.Store
	now   time.Time // a clock that only the cases move
}

func newRecordBox(t *testing.T, s record.Store) *recordBox {
	return &recordBox{T: t, store: s, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
}

// update runs fn in a transaction that must commit.
func (b *recordBox) update(fn func(ctx context.Context, tx record.Tx) error) {
	b.Helper()
	if err := b.store.Update(b.Context(), func(tx record.Tx) error { return fn(b.Context(), tx) }); err != nil {
		b.Fatalf("update: %v", err)
	}
}

// view runs fn in a read-only transaction that must succeed.
func (b *recordBox) view(fn func(ctx context.Context, tx record.Tx) error) {
	b.Helper()
	if err := b.store.View(b.Context(), func(tx record.Tx) error { return fn(b.Context(), tx) }); err != nil {
		b.Fatalf("view: %v", err)
	}
}

// refused runs fn in a transaction that must fail with an error of a kind.
func (b *recordBox) refused(kind fault.Kind, fn func(ctx context.Context, tx record.Tx) error) {
	b.Helper()
	err := b.store.Update(b.Context(), func(tx record.Tx) error { return fn(b.Context(), tx) })
	if err == nil || fault.KindOf(err) != kind {
		b.Errorf("got error %v of kind %v, want kind %v", err, fault.KindOf(err), kind)
	}
}

// equal reports a difference between two values as they print.
func (b *recordBox) equal(what string, got, want any) {
	b.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		b.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func declaration(name string) record.Declaration {
	d := record.Declaration{Collection: name, Content: []string{"title", "body"}, Metadata: []string{"status", "n"}}
	if err := d.Complete(); err != nil {
		panic(err) // the declaration above is a constant
	}
	return d
}

// declare makes a collection with an active generation.
func (b *recordBox) declare(name string) *record.Collection {
	b.Helper()
	var c record.Collection
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		if c, err = tx.Collections().Put(ctx, declaration(name)); err != nil {
			return err
		}
		if _, err = tx.Collections().AddGeneration(ctx, aGeneration(&c, record.Active)); err != nil {
			return err
		}
		c, err = tx.Collections().Get(ctx, name)
		return err
	})
	return &c
}

// generation is the active one.
func (b *recordBox) generation(c *record.Collection) (id record.GenerationID) {
	b.Helper()
	b.view(func(ctx context.Context, tx record.Tx) error {
		all, err := tx.Collections().Generations(ctx, c.ID)
		for _, g := range all {
			if g.State == record.Active {
				id = g.ID
			}
		}
		return err
	})
	return id
}

// another adds a generation that is building.
func (b *recordBox) another(c *record.Collection) record.GenerationID {
	b.Helper()
	var g record.Generation
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		g, err = tx.Collections().AddGeneration(ctx, aGeneration(c, record.Building))
		return err
	})
	return g.ID
}

func aGeneration(c *record.Collection, state record.GenerationState) record.Generation {
	return record.Generation{
		Collection: c.ID, State: state, Content: c.Declaration.Content, Model: "builtin", Space: digest.Of("test", "space"),
		Dimensions: 256, Recipe: digest.Of("test", "recipe"), Policy: gate.DefaultPolicy(), Chunking: c.Declaration.Chunking,
	}
}

// body makes fields with a content and a metadata value.
func body(text string, n int) record.Fields {
	return record.Fields{"body": text, "n": n}
}

func put(id, text string, n int) record.Write { return record.Write{ID: id, Fields: body(text, n)} }

func patch(id string, f record.Fields) record.Write {
	return record.Write{ID: id, Op: record.Patch, Fields: f}
}

func del(id string) record.Write { return record.Write{ID: id, Op: record.Delete} }

// write applies writes in one transaction.
func (b *recordBox) write(c *record.Collection, writes ...record.Write) []record.Written {
	b.Helper()
	var out []record.Written
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		out, err = tx.Records().Write(ctx, c, writes)
		return err
	})
	if len(out) != len(writes) {
		b.Fatalf("%d writes gave %d results", len(writes), len(out))
	}
	return out
}

// mustWrite is write where no single write may fail; it returns the refs.
func (b *recordBox) mustWrite(c *record.Collection, writes ...record.Write) []record.Ref {
	b.Helper()
	refs := make([]record.Ref, len(writes))
	for i, w := range b.write(c, writes...) {
		if w.Err != nil {
			b.Fatalf("write %d: %v", i, w.Err)
		}
		refs[i] = w.Ref
	}
	return refs
}

func (b *recordBox) get(c *record.Collection, ids ...string) []record.Record {
	b.Helper()
	var out []record.Record
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		out, err = tx.Records().Get(ctx, c.ID, ids)
		return err
	})
	if len(out) != len(ids) {
		b.Fatalf("asked for %d records, got %d", len(ids), len(out))
	}
	return out
}

func (b *recordBox) pending(c *record.Collection) record.Pending {
	b.Helper()
	return b.pendingIn(b.generation(c))
}

func (b *recordBox) pendingIn(g record.GenerationID) record.Pending {
	b.Helper()
	var p record.Pending
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		p, err = tx.Changes().Pending(ctx, g)
		return err
	})
	return p
}

// lease leases at the box's time, for a minute.
func (b *recordBox) lease(limit int, except ...record.GenerationID) record.Lease {
	b.Helper()
	var l record.Lease
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		l, err = tx.Changes().Lease(ctx, record.LeaseRequest{Limit: limit, Now: b.now, Until: b.now.Add(time.Minute), Except: except})
		return err
	})
	return l
}

func (b *recordBox) complete(epoch int64, changes ...record.Change) []record.Ref {
	b.Helper()
	var held []record.Ref
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		held, err = tx.Changes().Complete(ctx, epoch, changes)
		return err
	})
	return held
}

func (b *recordBox) held(epoch int64) []record.Change {
	b.Helper()
	var l record.Lease
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		l, err = tx.Changes().Held(ctx, epoch)
		return err
	})
	return l.Changes
}

func leasedRefs(l record.Lease) []record.Ref {
	refs := make([]record.Ref, len(l.Changes))
	for i, c := range l.Changes {
		refs[i] = c.Ref
	}
	return refs
}

var errAbandon = errors.New("abandon the transaction")

var transactionCases = map[string]func(*recordBox){
	"an error undoes everything": func(b *recordBox) {
		c := b.declare("a")
		err := b.store.Update(b.Context(), func(tx record.Tx) error {
			if _, err := tx.Records().Write(b.Context(), c, []record.Write{put("1", "x", 1)}); err != nil {
				return err
			}
			return errAbandon
		})
		if !errors.Is(err, errAbandon) {
			b.Errorf("the cause is lost: %v", err)
		}
		b.equal("record", b.get(c, "1")[0].Ref, 0)
		b.equal("pending", b.pending(c).Count, 0)
		// Numbers that were not committed are not given twice in the log either.
		b.mustWrite(c, put("1", "x", 1))
		b.equal("latest", b.pending(c).Latest, b.get(c, "1")[0].Change)
	},
	"a panic undoes everything": func(b *recordBox) {
		c := b.declare("a")
		func() {
			defer func() {
				if recover() == nil {
					b.Error("the panic is lost")
				}
			}()
			_ = b.store.Update(b.Context(), func(tx record.Tx) error {
				if _, err := tx.Records().Write(b.Context(), c, []record.Write{put("1", "x", 1)}); err != nil {
					return err
				}
				panic("in the middle")
			})
		}()
		b.equal("record", b.get(c, "1")[0].Ref, 0)
		b.mustWrite(c, put("1", "x", 1))
	},
	"an update reads what it has written": func(b *recordBox) {
		c := b.declare("a")
		b.update(func(ctx context.Context, tx record.Tx) error {
			if _, err := tx.Records().Write(ctx, c, []record.Write{put("1", "x", 1)}); err != nil {
				return err
			}
			got, err := tx.Records().Get(ctx, c.ID, []string{"1"})
			if err == nil && got[0].Version != 1 {
				b.Errorf("got %+v", got)
			}
			return err
		})
	},
	"a view is one snapshot": func(b *recordBox) {
		c := b.declare("a")
		b.mustWrite(c, put("1", "x", 1))
		b.view(func(ctx context.Context, tx record.Tx) error {
			before, err := tx.Records().Count(ctx, c.ID)
			if err != nil {
				return err
			}
			b.mustWrite(c, put("2", "x", 1), put("1", "y", 1))
			after, err := tx.Records().Count(ctx, c.ID)
			if err != nil {
				return err
			}
			b.equal("count", after, before)
			got, err := tx.Records().Get(ctx, c.ID, []string{"1", "2"})
			if err == nil {
				b.equal("versions", []int64{got[0].Version, got[1].Version}, []int64{1, 0})
			}
			return err
		})
	},
	"a view cannot write": func(b *recordBox) {
		c := b.declare("a")
		if err := b.store.View(b.Context(), func(tx record.Tx) error {
			_, err := tx.Records().Write(b.Context(), c, []record.Write{put("1", "x", 1)})
			return err
		}); err == nil {
			b.Error("a view has written")
		}
	},
	"a cancelled context ends a transaction": func(b *recordBox) {
		c := b.declare("a")
		ctx, cancel := context.WithCancel(b.Context())
		err := b.store.Update(ctx, func(tx record.Tx) error {
			cancel()
			_, err := tx.Records().Write(ctx, c, []record.Write{put("1", "x", 1)})
			return err
		})
		if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Unavailable {
			b.Errorf("got %v", err)
		}
		b.equal("record", b.get(c, "1")[0].Ref, 0)
	},
}
