package conform

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

func (b *recordBox) putObject(kind, key string, data any, ifVersion int64) record.Object {
	b.Helper()
	var o record.Object
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		o, err = tx.Objects().Put(ctx, kind, key, data, ifVersion)
		return err
	})
	return o
}

func (b *recordBox) getObject(kind, key string) record.Object {
	b.Helper()
	var o record.Object
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		o, err = tx.Objects().Get(ctx, kind, key)
		return err
	})
	return o
}

func (b *recordBox) refusedObject(kind fault.Kind, of, key string, data any, ifVersion int64) {
	b.Helper()
	b.refused(kind, func(ctx context.Context, tx record.Tx) error {
		_, err := tx.Objects().Put(ctx, of, key, data, ifVersion)
		return err
	})
}

var objectCases = map[string]func(*recordBox){
	"a document is replaced at its version": func(b *recordBox) {
		first := b.putObject("plan", "a", map[string]int{"n": 1}, 0)
		b.equal("stored", b.getObject("plan", "a"), first)
		b.equal("version and data", fmt.Sprintf("%d %s", first.Version, first.Data), `1 {"n":1}`)
		b.refusedObject(fault.Conflict, "plan", "a", 2, 0)
		b.refusedObject(fault.Conflict, "plan", "a", 2, 2)
		b.refusedObject(fault.Conflict, "plan", "b", 2, 1)
		second := b.putObject("plan", "a", json.RawMessage(`{"text":"\u0000 é"}`), 1)
		b.equal("version", second.Version, 2)
		var got struct{ Text string }
		stored := b.getObject("plan", "a")
		if err := stored.Decode(&got); err != nil || got.Text != "\x00 é" {
			b.Errorf("got %q, %v", got.Text, err)
		}
		b.equal("whatever is there", b.putObject("plan", "a", 3, record.AnyVersion).Version, 3)
		b.equal("or is not", b.putObject("plan", "c", 3, record.AnyVersion).Version, 1)
	},
	"a refused put leaves the transaction usable": func(b *recordBox) {
		b.putObject("plan", "a", 1, 0)
		b.update(func(ctx context.Context, tx record.Tx) error {
			if _, err := tx.Objects().Put(ctx, "plan", "a", 2, 0); fault.KindOf(err) != fault.Conflict {
				b.Errorf("got %v", err)
			}
			_, err := tx.Objects().Put(ctx, "plan", "b", 2, 0)
			return err
		})
		b.equal("kept", string(b.getObject("plan", "a").Data)+string(b.getObject("plan", "b").Data), "12")
	},
	"what is missing": func(b *recordBox) {
		b.putObject("plan", "a", 1, 0)
		for _, name := range [][2]string{{"plan", "b"}, {"cursor", "a"}, {"plan", "x\x00\xff"}} {
			b.refused(fault.NotFound, func(ctx context.Context, tx record.Tx) error {
				_, err := tx.Objects().Get(ctx, name[0], name[1])
				return err
			})
			b.refused(fault.NotFound, func(ctx context.Context, tx record.Tx) error {
				return tx.Objects().Delete(ctx, name[0], name[1])
			})
		}
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Objects().Delete(ctx, "plan", "a") })
		b.equal("counted anew", b.putObject("plan", "a", 1, 0).Version, 1)
	},
	"what cannot be a document": func(b *recordBox) {
		b.refusedObject(fault.Invalid, "", "a", 1, 0)
		b.refusedObject(fault.Invalid, "plan", "", 1, 0)
		b.refusedObject(fault.Invalid, "plan", "a\x00", 1, 0)
		b.refusedObject(fault.Invalid, "plan", "\xff", 1, 0)
		b.refusedObject(fault.Invalid, "plan", "a", json.RawMessage("{"), 0)
		b.refusedObject(fault.Invalid, "plan", "a", json.RawMessage("\"\xff\""), 0)
		b.refusedObject(fault.Invalid, "plan", "a", strings.Repeat("x", record.MaxObject), 0)
		large := strings.Repeat("x", record.MaxObject-2)
		b.putObject("plan", "a", large, 0)
		b.equal("large", len(b.getObject("plan", "a").Data), record.MaxObject)
	},
	"pages by key": func(b *recordBox) {
		for _, key := range []string{"a/2", "a%", "a/1", "b/1", "a/é", "a/10", "A/1", "a/3"} {
			b.putObject("plan", key, key, 0)
		}
		b.putObject("cursor", "a/4", 1, 0)
		keys := func(prefix, after string, limit int) string {
			var names []string
			b.view(func(ctx context.Context, tx record.Tx) error {
				page, err := tx.Objects().List(ctx, "plan", prefix, after, limit)
				for _, o := range page {
					names = append(names, o.Key)
				}
				return err
			})
			return strings.Join(names, " ")
		}
		b.equal("a page", keys("a/", "", 3), "a/1 a/10 a/2")
		b.equal("the rest", keys("a/", "a/2", 0), "a/3 a/é")
		b.equal("of a literal prefix", keys("a%", "", 0), "a%")
		b.equal("all", keys("", "", 0), "A/1 a% a/1 a/10 a/2 a/3 a/é b/1")
		b.equal("none", keys("c", "", 0), "")
	},
	"read, decide and put is safe": func(b *recordBox) {
		b.putObject("bucket", "m", 0, 0)
		const workers, each = 4, 25
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for range each {
					if err := b.store.Update(b.Context(), func(tx record.Tx) error {
						o, err := tx.Objects().Get(b.Context(), "bucket", "m")
						if err != nil {
							return err
						}
						var n int
						if err := o.Decode(&n); err != nil {
							return err
						}
						_, err = tx.Objects().Put(b.Context(), "bucket", "m", n+1, o.Version)
						return err
					}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		b.equal("counted", string(b.getObject("bucket", "m").Data), fmt.Sprint(workers*each))
	},
}

var ledgerCases = map[string]func(*recordBox){
	"costs add up": func(b *recordBox) {
		c := b.declare("a")
		entry := func(day int, of record.CollectionID, model string, tokens int64) record.LedgerEntry {
			return record.LedgerEntry{
				Day: b.now.AddDate(0, 0, day), Collection: of, Model: model, Space: digest.Of("test", model), Purpose: record.ForPassage,
				Requests: 1, Tokens: tokens, Computed: 2, Reused: 3, SavedTokens: 2 * tokens, Micros: 10 * tokens,
			}
		}
		query := entry(0, c.ID, "m", 4)
		query.Purpose = record.ForQuery
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Ledger().Add(ctx, []record.LedgerEntry{
				entry(0, c.ID, "m", 1), entry(0, c.ID, "m", 2), entry(1, c.ID, "m", 8), entry(0, 0, "n", 16), query,
			})
		})
		b.now = b.now.Add(11 * time.Hour) // the same day
		b.update(func(ctx context.Context, tx record.Tx) error {
			if err := tx.Ledger().Add(ctx, nil); err != nil {
				return err
			}
			return tx.Ledger().Add(ctx, []record.LedgerEntry{entry(0, c.ID, "m", 32)})
		})
		check := func(what string, f record.LedgerFilter, want ...int64) {
			b.Helper()
			b.view(func(ctx context.Context, tx record.Tx) error {
				rows, err := tx.Ledger().List(ctx, f)
				if err != nil {
					return err
				}
				tokens, sum := []int64{}, int64(0)
				for _, e := range rows {
					tokens, sum = append(tokens, e.Tokens), sum+e.Tokens
				}
				b.equal(what, tokens, want)
				total, err := tx.Ledger().Total(ctx, f)
				b.equal(what+", total", []int64{total.Tokens, total.SavedTokens, total.Micros}, []int64{sum, 2 * sum, 10 * sum})
				return err
			})
		}
		all := []int64{16, 35, 4, 8}
		check("all", record.LedgerFilter{}, all...)
		check("of a model", record.LedgerFilter{Model: "n"}, 16)
		check("of a collection", record.LedgerFilter{Collection: c.ID}, 35, 4, 8)
		check("from a day", record.LedgerFilter{From: b.now.AddDate(0, 0, 1)}, 8)
		check("before a day", record.LedgerFilter{To: b.now.AddDate(0, 0, 1)}, 16, 35, 4)
		b.view(func(ctx context.Context, tx record.Tx) error {
			rows, err := tx.Ledger().List(ctx, record.LedgerFilter{Collection: c.ID})
			want := entry(0, c.ID, "m", 35)
			want.Day = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
			want.Requests, want.Computed, want.Reused = 3, 6, 9
			b.equal("a sum", rows[0], want)
			return err
		})
		b.update(func(ctx context.Context, tx record.Tx) error {
			n, err := tx.Ledger().Sweep(ctx, b.now.AddDate(0, 0, 1))
			b.equal("swept", n, 3)
			return err
		})
		check("after a sweep", record.LedgerFilter{}, 8)
	},
	"many add at once": func(b *recordBox) {
		const workers, each = 4, 100
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for range each {
					if err := b.store.Update(b.Context(), func(tx record.Tx) error {
						return tx.Ledger().Add(b.Context(), []record.LedgerEntry{{Day: b.now, Model: "m", Purpose: record.ForPassage, Tokens: 1}})
					}); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		b.view(func(ctx context.Context, tx record.Tx) error {
			rows, err := tx.Ledger().List(ctx, record.LedgerFilter{})
			if err == nil && (len(rows) != 1 || rows[0].Tokens != workers*each) {
				b.Errorf("got %+v", rows)
			}
			return err
		})
	},
	"days before 1970": func(b *recordBox) {
		at := time.Date(1969, 12, 31, 23, 0, 0, 0, time.UTC)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Ledger().Add(ctx, []record.LedgerEntry{{Day: at, Tokens: 1}})
		})
		b.view(func(ctx context.Context, tx record.Tx) error {
			rows, err := tx.Ledger().List(ctx, record.LedgerFilter{From: at, To: at.Add(time.Hour)})
			if err == nil && (len(rows) != 1 || !rows[0].Day.Equal(at.Truncate(24*time.Hour))) {
				b.Errorf("got %+v", rows)
			}
			return err
		})
	},
}
