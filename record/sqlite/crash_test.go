package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast/holdfast/record"
)

// crashFile, when set, makes the test binary the program that is killed.
const crashFile = "HOLDFAST_TEST_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		writeUntilKilled(path)
		return
	}
	os.Exit(m.Run())
}

// batch n writes crashBatch new records and changes those of the batch before.
const crashBatch = 7

func crashWrites(n int) []record.Write {
	writes := kilobyte(n*crashBatch, crashBatch)
	if n > 0 {
		for _, before := range kilobyte((n-1)*crashBatch, crashBatch) {
			writes = append(writes, record.Write{ID: before.ID, Op: record.Patch, Fields: record.Fields{"status": fmt.Sprint("changed in ", n)}})
		}
	}
	return writes
}

// writeUntilKilled acknowledges each batch on standard output after it has
// committed, and works through the queue as it goes.
func writeUntilKilled(path string) {
	say := func(what ...any) {
		if _, err := fmt.Fprintln(os.Stdout, what...); err != nil {
			os.Exit(1) // nobody listens
		}
	}
	fail := func(err error) {
		say("error", err)
		os.Exit(1)
	}
	t := &testing.T{} // only its failures would need a runner
	s := openAt(t, path)
	c := tickets(t, s)
	ctx := context.Background()
	var n int64
	if err := s.View(ctx, func(tx record.Tx) (err error) {
		n, err = tx.Records().Count(ctx, c.ID)
		return err
	}); err != nil {
		fail(err)
	}
	for batch := int(n) / crashBatch; ; batch++ {
		if err := s.Update(ctx, func(tx record.Tx) error {
			_, err := tx.Records().Write(ctx, c, crashWrites(batch))
			return err
		}); err != nil {
			fail(err)
		}
		say("ack", batch)
		if err := s.Update(ctx, func(tx record.Tx) error {
			l, err := tx.Changes().Lease(ctx, record.LeaseRequest{Limit: 10, Now: time.Now(), Until: time.Now().Add(time.Minute)})
			if err != nil || batch%3 == 0 {
				return err
			}
			_, err = tx.Changes().Complete(ctx, l.Epoch, l.Changes)
			return err
		}); err != nil {
			fail(err)
		}
	}
}

// TestKilled kills a writing process again and again. Whatever it had
// acknowledged is there, and the database is sound.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 8 {
		acked := killAfter(t, self, path, 1+rand.IntN(60))
		s := openAt(t, path)
		checkSound(t, s)
		checkAcked(t, s, acked)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("round %d: killed after batch %d", round, acked)
	}
}

// killAfter runs the writer, kills it when it has acknowledged n batches, and
// returns the last batch that it had acknowledged by then.
func killAfter(t *testing.T, self, path string, n int) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, err := fmt.Sscanf(lines.Text(), "ack %d", &last); err != nil {
			t.Fatalf("the writer said %q", lines.Text())
		}
		if n--; n == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || n > 0 {
		t.Fatalf("the writer ended by itself: %v", err)
	}
	return last
}

// checkAcked checks every record of the batches up to the last acknowledged
// one. The one after it may be there too, as a whole or not at all.
func checkAcked(t *testing.T, s record.Store, last int) {
	t.Helper()
	ctx := t.Context()
	if err := s.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, "tickets")
		if err != nil {
			return err
		}
		n, err := tx.Records().Count(ctx, c.ID)
		if err != nil {
			return err
		}
		if batches := int(n) / crashBatch; int(n)%crashBatch != 0 || batches < last+1 || batches > last+2 {
			t.Errorf("%d records after %d batches were acknowledged", n, last+1)
		}
		for batch := 0; batch <= last; batch++ {
			writes := kilobyte(batch*crashBatch, crashBatch)
			ids := make([]string, len(writes))
			for i := range writes {
				ids[i] = writes[i].ID
			}
			got, err := tx.Records().Get(ctx, c.ID, ids)
			if err != nil {
				return err
			}
			for i, r := range got {
				if r.Ref == 0 || r.Fields["body"] != writes[i].Fields["body"] || batch < last && r.Version != 2 {
					t.Errorf("batch %d of %d: record %d is at version %d", batch, last, r.Ref, r.Version)
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
