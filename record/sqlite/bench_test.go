package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

func tickets(t testing.TB, s record.Store) *record.Collection {
	t.Helper()
	d := record.Declaration{Collection: "tickets", Content: []string{"subject", "body"}, Metadata: []string{"status", "priority"}}
	if err := d.Complete(); err != nil {
		t.Fatal(err)
	}
	var c record.Collection
	if err := s.Update(context.Background(), func(tx record.Tx) (err error) {
		if c, err = tx.Collections().Put(context.Background(), d); err != nil {
			return err
		}
		_, err = tx.Collections().AddGeneration(context.Background(), record.Generation{
			Collection: c.ID, State: record.Active, Content: d.Content,
		})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return &c
}

// active is the collection's generation.
func active(t testing.TB, tx record.Tx, c *record.Collection) record.GenerationID {
	t.Helper()
	all, err := tx.Collections().Generations(context.Background(), c.ID)
	if err != nil || len(all) == 0 {
		t.Fatalf("%d generations, %v", len(all), err)
	}
	return all[0].ID
}

// kilobyte makes writes of records of about 1 kB.
func kilobyte(from, n int) []record.Write {
	body := strings.Repeat("The pump in hall three stops after an hour, and \"reset\" does not help. ", 13)
	writes := make([]record.Write, n)
	for i := range writes {
		writes[i] = record.Write{ID: fmt.Sprintf("T-%08d", from+i), Fields: record.Fields{
			"subject": fmt.Sprintf("Pump %d stops", from+i), "body": body, "status": "open", "priority": 3,
		}}
	}
	return writes
}

// BenchmarkWrite1kB writes new records in one stream, 500 a commit, each
// commit on disk before the next begins.
func BenchmarkWrite1kB(b *testing.B) {
	s := openStore(b)
	c := tickets(b, s)
	const batch = 500
	n := 0
	b.ResetTimer()
	for b.Loop() {
		writes := kilobyte(n, batch)
		if err := s.Update(b.Context(), func(tx record.Tx) error {
			_, err := tx.Records().Write(b.Context(), c, writes)
			return err
		}); err != nil {
			b.Fatal(err)
		}
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkUpdate1kB changes the metadata of records that exist.
func BenchmarkUpdate1kB(b *testing.B) {
	s := openStore(b)
	c := tickets(b, s)
	const batch, all = 500, 10_000
	write := func(writes []record.Write) {
		if err := s.Update(b.Context(), func(tx record.Tx) error {
			_, err := tx.Records().Write(b.Context(), c, writes)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	for from := 0; from < all; from += batch {
		write(kilobyte(from, batch))
	}
	n := 0
	b.ResetTimer()
	for b.Loop() {
		writes := kilobyte(n%all, batch)
		for i := range writes {
			writes[i].Fields["priority"] = n
		}
		write(writes)
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkLeaseComplete takes changes out of the queue as a dispatcher does.
func BenchmarkLeaseComplete(b *testing.B) {
	s := openStore(b)
	c := tickets(b, s)
	const batch, all = 256, 25_600
	n := 0
	fill := func() {
		if err := s.Update(b.Context(), func(tx record.Tx) error {
			if n == 0 {
				_, err := tx.Records().Write(b.Context(), c, kilobyte(0, all))
				return err
			}
			return tx.Changes().Touch(b.Context(), active(b, tx, c), nil, record.Metadata)
		}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if n%all == 0 {
			b.StopTimer()
			fill()
			b.StartTimer()
		}
		var l record.Lease
		now := time.Now()
		for _, step := range []func(tx record.Tx) error{
			func(tx record.Tx) (err error) {
				l, err = tx.Changes().Lease(b.Context(), record.LeaseRequest{Limit: batch, Now: now, Until: now.Add(time.Minute)})
				return err
			},
			func(tx record.Tx) error {
				_, err := tx.Changes().Complete(b.Context(), l.Epoch, l.Changes)
				return err
			},
		} {
			if err := s.Update(b.Context(), step); err != nil {
				b.Fatal(err)
			}
		}
		n += len(l.Changes)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "changes/s")
}

// BenchmarkIndexRows does what the pipeline writes for a batch of 256 records
// of two passages: passages, claims and vectors of 256 bytes, settled.
func BenchmarkIndexRows(b *testing.B) {
	s := openStore(b)
	c := tickets(b, s)
	const batch = 256
	sealed, data := make([]byte, 600), make([]byte, 256)
	n := 0
	var g record.Generation
	update := func(fn func(tx record.Tx) error) {
		if err := s.Update(b.Context(), fn); err != nil {
			b.Fatal(err)
		}
	}
	update(func(tx record.Tx) (err error) {
		g, err = tx.Collections().AddGeneration(b.Context(), record.Generation{Collection: c.ID, State: record.Building})
		return err
	})
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		out := write(b, s, c, kilobyte(n, batch))
		b.StartTimer()
		sets := make([]record.PassageSet, batch)
		vectors := make([]record.Vector, 0, 2*batch)
		addresses := make([]digest.Digest, 0, 2*batch)
		refs := make([]record.Ref, batch)
		for i := range sets {
			sets[i] = record.PassageSet{Ref: out[i].Ref, ContentVersion: 1, Passages: make([]record.Passage, 2)}
			refs[i] = out[i].Ref
			for j := range sets[i].Passages {
				d := digest.Of("bench", fmt.Sprint(out[i].Ref, j))
				sets[i].Passages[j] = record.Passage{Field: "body", Ordinal: j, Text: d, Display: d, Sealed: sealed}
				vectors = append(vectors, record.Vector{Address: d, Data: data})
				addresses = append(addresses, d)
			}
		}
		update(func(tx record.Tx) error { return tx.Passages().Replace(b.Context(), g.ID, sets) })
		update(func(tx record.Tx) error {
			_, err := tx.Vectors().Claim(b.Context(), "bench", addresses, time.Now(), time.Now().Add(time.Minute))
			return err
		})
		update(func(tx record.Tx) error { return tx.Vectors().Put(b.Context(), vectors) })
		update(func(tx record.Tx) error {
			all, err := tx.Passages().Of(b.Context(), g.ID, refs)
			if err != nil {
				return err
			}
			ids := make([]record.PassageID, len(all))
			for i := range all {
				ids[i] = all[i].ID
			}
			return tx.Passages().Settle(b.Context(), g.ID, ids, nil)
		})
		n += batch
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkPending asks for the state of a queue of 200,000 changes.
func BenchmarkPending(b *testing.B) {
	s := openStore(b)
	c := tickets(b, s)
	const all, batch = 200_000, 5_000
	for from := 0; from < all; from += batch {
		writes := make([]record.Write, batch)
		for i := range writes {
			writes[i] = record.Write{ID: fmt.Sprint(from + i), Fields: record.Fields{"body": "short"}}
		}
		write(b, s, c, writes)
	}
	b.ResetTimer()
	for b.Loop() {
		if err := s.View(b.Context(), func(tx record.Tx) error {
			p, err := tx.Changes().Pending(b.Context(), active(b, tx, c))
			if err == nil && p.Count != all {
				err = fmt.Errorf("%d are pending", p.Count)
			}
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
