package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
)

// TestServerKilled stops the server as a crash does, again and again, in the
// middle of what several processes write and lease, and starts it again. They
// keep their stores all the while. Whatever was acknowledged is there, every
// error is one that is worth a retry, and the database is sound.
func TestServerKilled(t *testing.T) {
	server := testpg.Start(t)
	cfg := postgres.Config{URL: server.URL(), Schema: "holdfast", MaxConns: 8}
	const writers, rounds = 3, 5
	stores := make([]*postgres.Store, writers)
	for i := range stores {
		stores[i] = openAt(t, cfg)
		defer func() {
			if err := stores[i].Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	c := tickets(t, stores[0])
	ctx, stop := context.WithCancel(t.Context())
	acked := make(chan int, 10_000) // writer, for each batch
	var all sync.WaitGroup
	var last [writers]int // batches that each writer has acknowledged
	for w := range writers {
		all.Go(func() { last[w] = writeThrough(ctx, t, stores[w], c, w, acked) })
	}
	for round := range rounds {
		seen := map[int]bool{}
		for n := 0; n < 10*(round+1) || len(seen) < writers; n++ { // each of them works, after every restart
			seen[<-acked] = true
		}
		server.Kill(t)
		if err := stores[0].View(t.Context(), func(tx record.Tx) error {
			_, err := tx.Collections().Find(t.Context(), c.ID)
			return err
		}); fault.KindOf(err) != fault.Unavailable || err == nil {
			t.Errorf("while it is down: %v", err)
		}
		server.Restart(t)
	}
	for seen := map[int]bool{}; len(seen) < writers; {
		seen[<-acked] = true
	}
	stop()
	all.Wait()
	checkSound(t, stores[0])
	for w, n := range last {
		if n == 0 {
			t.Errorf("writer %d has written nothing", w)
		}
		checkWriter(t, stores[0], c, w, n)
	}
	t.Logf("batches acknowledged: %v", last)
}

const crashBatch = 7

func crashID(writer, batch, i int) string { return fmt.Sprintf("%d-%06d-%d", writer, batch, i) }

// writeThrough writes batch after batch, each once more until it is
// acknowledged, and works on the queue in between. It returns how many
// batches were acknowledged.
func writeThrough(ctx context.Context, t *testing.T, s *postgres.Store, c *record.Collection, writer int, acked chan<- int) int {
	for batch := 0; ; {
		err := s.Update(ctx, func(tx record.Tx) error {
			writes := make([]record.Write, crashBatch)
			for i := range writes {
				writes[i] = record.Write{ID: crashID(writer, batch, i), Fields: record.Fields{"body": fmt.Sprint(batch)}}
			}
			_, err := tx.Records().Write(ctx, c, writes)
			return err
		})
		if err == nil {
			batch++
			select {
			case acked <- writer:
			default: // nobody needs so many
			}
			err = leaseSome(ctx, s, batch%3 != 0)
		}
		if ctx.Err() != nil {
			return batch
		}
		if err != nil && !fault.Retryable(err) {
			t.Errorf("writer %d: %v", writer, err)
			return batch
		}
	}
}

func leaseSome(ctx context.Context, s *postgres.Store, complete bool) error {
	return s.Update(ctx, func(tx record.Tx) error {
		now := time.Now()
		l, err := tx.Changes().Lease(ctx, record.LeaseRequest{Limit: 10, Now: now, Until: now.Add(time.Second)})
		if err != nil || !complete {
			return err
		}
		done, err := tx.Changes().Complete(ctx, l.Epoch, l.Changes)
		if err == nil && len(done) != len(l.Changes) {
			return errors.New("a lease was lost in its own transaction")
		}
		return err
	})
}

// checkWriter checks that the acknowledged batches are whole, and the one
// after them whole or not there.
func checkWriter(t *testing.T, s *postgres.Store, c *record.Collection, writer, batches int) {
	t.Helper()
	if err := s.View(t.Context(), func(tx record.Tx) error {
		for batch := range batches + 1 {
			ids := make([]string, crashBatch)
			for i := range ids {
				ids[i] = crashID(writer, batch, i)
			}
			got, err := tx.Records().Get(t.Context(), c.ID, ids)
			if err != nil {
				return err
			}
			there := 0
			for _, r := range got {
				if r.Ref != 0 && r.Fields["body"] == fmt.Sprint(batch) {
					there++
				}
			}
			if there != crashBatch && (there != 0 || batch < batches) {
				t.Errorf("writer %d, batch %d of %d: %d of %d records", writer, batch, batches, there, crashBatch)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
