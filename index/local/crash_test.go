//go:build unix

package local

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"github.com/holdfast/holdfast/fault"
)

// TestMain also serves as the child processes of the tests below.
func TestMain(m *testing.M) {
	if os.Getenv("HOLDFAST_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	// A file size limit is met with an error, not with a signal.
	signal.Ignore(syscall.SIGXFSZ)
	os.Exit(m.Run())
}

// child runs one test of this binary in a process of its own.
func child(t *testing.T, test, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$") //nolint:gosec // ourselves
	cmd.Env = append(os.Environ(), "HOLDFAST_TEST_CHILD="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// TestKilled kills a process that applies batches and rewrites its files all
// the time. What it was told is durable must be there.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("HOLDFAST_TEST_CHILD"); dir != "" {
		applyForever(t, dir)
		return
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	done, plain := 0, newState(testDims)
	for range 8 {
		acknowledged := done + runAndKill(t, dir, done, 1+r.IntN(40))
		x := open(t, openIn(t, dir))
		for ; done < acknowledged; done++ {
			plain.apply(prepared(t, done))
		}
		got := dump(x.state)
		if got != dump(plain) { // then it must hold the batch that was under way
			plain.apply(prepared(t, done))
			done++
		}
		if got != dump(plain) {
			t.Fatalf("after %d acknowledged batches the index holds\n%s\nwant\n%s", acknowledged, got, dump(plain))
		}
		x.abandon()
	}
}

func prepared(tb testing.TB, n int) *batch {
	tb.Helper()
	b, err := prepare(numbered(tb, n), testDims)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func applyForever(t *testing.T, dir string) {
	o := openIn(t, dir)
	o.limits = restless
	x := open(t, o)
	from, err := strconv.Atoi(os.Getenv("HOLDFAST_TEST_FROM"))
	if err != nil {
		t.Fatal(err)
	}
	for n := from; ; n++ {
		if err := x.Apply(t.Context(), numbered(t, n)); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(os.Stdout, "applied", n); err != nil {
			t.Fatal(err)
		}
	}
}

// runAndKill lets a child apply batches from a number on, kills it when it
// has acknowledged some, and returns how many it acknowledged in the end.
func runAndKill(t *testing.T, dir string, from, some int) int {
	t.Helper()
	cmd := child(t, "TestKilled", dir)
	cmd.Env = append(cmd.Env, "HOLDFAST_TEST_FROM="+strconv.Itoa(from))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, seen := bufio.NewScanner(out), 0
	for lines.Scan() {
		if lines.Text() != fmt.Sprint("applied ", from+seen) {
			t.Fatalf("the child says %q", lines.Text())
		}
		if seen++; seen == some {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); seen < some || cmd.ProcessState.Exited() {
		t.Fatalf("the child ended by itself after %d batches: %v", seen, err)
	}
	return seen
}

// TestFullDisk gives a process less and less room for its files.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv("HOLDFAST_TEST_CHILD")
	if dir == "" {
		cmd := child(t, "TestFullDisk", t.TempDir())
		if out, err := cmd.Output(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	o := openIn(t, dir)
	x := open(t, o)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		held := dump(x.state)
		room := before
		room.Cur = uint64(x.disk.size) + uint64(7*n) //nolint:gosec // not negative
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &room); err != nil {
			t.Fatal(err)
		}
		err := x.Apply(t.Context(), numbered(t, n))
		if n < 20 && fault.KindOf(err) != fault.Unavailable {
			t.Fatalf("batch %d with too little room: %v", n, err)
		}
		if err != nil && dump(x.state) != held {
			t.Fatalf("batch %d was refused and applied", n)
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			if err := x.Apply(t.Context(), numbered(t, n)); err != nil {
				t.Fatalf("batch %d with room again: %v", n, err)
			}
		}
	}
	held := dump(x.state)
	x.abandon()
	if x, err := openIn(t, dir).load(testSpec); err != nil || dump(x.state) != held {
		t.Fatalf("opened again it differs: %v", err)
	}
}
