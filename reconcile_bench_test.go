package holdfast_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

// BenchmarkReconcile compares a million records with their index when nothing
// differs; the limit is a minute. The state is built without the pipeline,
// which would take longer than what is measured.
//
//	go test -run '^$' -bench Reconcile -benchtime 1x .
func BenchmarkReconcile(b *testing.B) {
	const records, limit = 1_000_000, time.Minute
	l := &lent{}
	r := start(b, setup{
		index:       func(o index.Opener) index.Opener { l.Opener = o; return l },
		reconciling: holdfast.Reconciling{Every: flow.Never}, idle: true,
	})
	r.declare("c")
	built := time.Now()
	r.build(l, records)
	b.Logf("built %d records in %v", records, time.Since(built).Round(time.Second))
	r.run()
	worst := time.Duration(0)
	for b.Loop() {
		got := r.reconcile(flow.Reconcile{})
		if !got.Sound() || got.Entries.Held != records || got.Metadata.Held != records {
			b.Fatalf("%+v", got)
		}
		worst = max(worst, got.Took)
	}
	b.Logf("compared %d entries and the metadata of as many records in %v at worst; the limit is %v", records, worst.Round(10*time.Millisecond), limit)
	b.ReportMetric(worst.Seconds(), "s/compare")
}

// build writes records with one passage each, and their index.
func (r *rig) build(l *lent, records int) {
	r.Helper()
	const page = 5000
	ctx := context.Background()
	c, err := r.Collection(ctx, "c")
	var g record.Generation
	must := func(err error) {
		r.Helper()
		if err != nil {
			r.Fatal(err)
		}
	}
	must(err)
	must(r.store.View(ctx, func(tx record.Tx) (err error) {
		g, err = flow.ActiveGeneration(ctx, tx, c.ID)
		return err
	}))
	_, err = l.Open(ctx, flow.Spec(g))
	must(err)
	policy := gate.DefaultPolicy()
	text := r.Gate().Clean(ctx, &policy, []gate.Raw{gate.NewRaw(words(1, 40))})[0]
	must(text.Err)
	sealed := r.Gate().Seal(text.Clean, r.Gate().Recipe(&policy))
	vector := make([]float32, g.Dimensions)
	vector[0] = 1
	display := digest.Of("display", "one")
	after := record.PassageID(0)
	for n := 0; n < records; n += page {
		must(r.store.Update(ctx, func(tx record.Tx) error {
			var writes []record.Write
			for i := range page {
				writes = append(writes, put(name("r", n+i), words(1, 40), "n", n+i, "state", "open"))
			}
			written, err := tx.Records().Write(ctx, &c, writes)
			if err != nil {
				return err
			}
			sets := make([]record.PassageSet, page)
			for i, w := range written {
				sets[i] = record.PassageSet{Ref: w.Ref, ContentVersion: w.ContentVersion, Passages: []record.Passage{{
					Ref: w.Ref, ContentVersion: w.ContentVersion, Field: "body", Text: digest.Of("text", strconv.Itoa(n+i)), Display: display, Sealed: sealed,
				}}}
			}
			if err := tx.Passages().Replace(ctx, g.ID, sets); err != nil {
				return err
			}
			passages, err := tx.Passages().Scan(ctx, g.ID, after, page)
			if err != nil {
				return err
			}
			after = passages[len(passages)-1].ID
			up := index.Batch{Meta: map[int64]index.Meta{}}
			ids := make([]record.PassageID, page)
			for i, p := range passages {
				ids[i] = p.ID
				up.Upsert = append(up.Upsert, index.Entry{
					ID: int64(p.ID), Record: int64(p.Ref), Vector: vector, Text: text.Clean,
					Tag: index.TagOf(digest.Of("entry", string(g.Space[:]), string(p.Text[:]), string(p.Display[:]))),
				})
				up.Meta[int64(p.Ref)] = index.Meta{
					"n":     r.Gate().Metadata("n", n+i, nil),
					"state": r.Gate().Metadata("state", "open", c.Declaration.Enums["state"]),
				}
			}
			l.plant(r, up)
			if err := tx.Passages().Settle(ctx, g.ID, ids, nil); err != nil {
				return err
			}
			lease, err := tx.Changes().Lease(ctx, record.LeaseRequest{Limit: page, Now: time.Now(), Until: time.Now().Add(time.Minute)})
			if err != nil || len(lease.Changes) != page {
				return fmt.Errorf("leased %d: %w", len(lease.Changes), err)
			}
			_, err = tx.Changes().Complete(ctx, lease.Epoch, lease.Changes)
			return err
		}))
	}
}
