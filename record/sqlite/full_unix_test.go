//go:build unix

package sqlite_test

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// TestLogCannotGrow refuses the log its growth in the middle of a commit, as
// a full disk does: the update fails as a whole, and the store goes on when
// there is space again. It runs in a process of its own, as the limit is one
// of processes.
func TestLogCannotGrow(t *testing.T) {
	const child = "HOLDFAST_TEST_LIMIT_FILE"
	path := os.Getenv(child)
	if path == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLogCannotGrow$", "-test.v") //nolint:gosec // this very program
		cmd.Env = append(os.Environ(), child+"="+filepath.Join(t.TempDir(), "records.db"))
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // the write fails instead
	s := openAt(t, path)
	c := tickets(t, s)
	write(t, s, c, kilobyte(0, 50))
	var whole syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &whole); err != nil {
		t.Fatal(err)
	}
	log, err := os.Stat(path + "-wal") //nolint:gosec // the path is its own
	if err != nil {
		t.Fatal(err)
	}
	limit := func(r syscall.Rlimit) {
		t.Helper()
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &r); err != nil {
			t.Fatal(err)
		}
	}
	for more := range uint64(6) {
		low := whole
		low.Cur = uint64(log.Size()) + more*20_000 //nolint:gosec // a file's size is not negative
		limit(low)
		err = s.Update(context.Background(), func(tx record.Tx) error {
			_, err := tx.Records().Write(context.Background(), c, kilobyte(50, 400))
			return err
		})
		limit(whole)
		if fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("with %d bytes to grow: %v", more*20_000, err)
		}
		t.Log(err)
		checkSound(t, s)
	}
	if out := write(t, s, c, kilobyte(50, 400)); out[399].Change != 450 {
		t.Errorf("with space again: %+v", out[399])
	}
	checkSound(t, s)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
