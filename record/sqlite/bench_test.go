package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

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
		c, err = tx.Collections().Put(context.Background(), d)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return &c
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
			return tx.Changes().TouchAll(b.Context(), c.ID, record.Metadata)
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
