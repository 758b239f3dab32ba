package embedding_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/gate"
)

const (
	crashEnv   = "HOLDFAST_TEST_CRASH_DIR"
	crashTexts = 2000
	crashChunk = 20
	crashTasks = 2 // goroutines that embed
)

func crashOptions(c *embedding.StoreConfig) {
	c.Owner, c.Chunk, c.PackSize = "worker", crashChunk, 3*crashChunk
}

// TestCrashChild is the process that TestKillAnyTime kills; by itself it
// checks that the work can be done at all.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashEnv)
	if dir == "" {
		dir = t.TempDir()
	}
	f := openFixture(t, dir)
	s := f.open(t, crashOptions)
	log, err := os.OpenFile(filepath.Join(dir, "calls.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // written with one call a line
	e := &counting{before: func(_ context.Context, texts []gate.Clean) error {
		var b bytes.Buffer
		for _, c := range texts {
			fmt.Fprintln(&b, c.Embed())
		}
		_, err := log.Write(b.Bytes())
		return err
	}}
	texts := ensureTexts(t, named("crash", crashTexts)...)
	var wg sync.WaitGroup
	for range crashTasks {
		wg.Go(func() {
			if out, err := s.Ensure(t.Context(), e, texts); err != nil || out.Computed+out.Reused != crashTexts {
				t.Errorf("%+v, %v", out, err)
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		if _, err := s.Pack(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Invariants 4 and 8: killed at any instruction, the store loses no vector,
// keeps none that is wrong, and computes again at most what was in flight.
func TestKillAnyTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	logged := filepath.Join(dir, "calls.log")
	kills := 0
	for finished := false; !finished; {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashChild$", "-test.count=1") //nolint:gosec // this test binary
		child.Env = append(os.Environ(), crashEnv+"="+dir)
		var out bytes.Buffer
		child.Stdout, child.Stderr = &out, &out
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		var kill <-chan time.Time
		if kills < 8 {
			kill = afterProgress(t, logged, ended)
		}
		select {
		case <-kill:
			if err := child.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				finished = true // before it could be killed
			}
			kills++
		case err := <-ended:
			if err != nil {
				t.Fatalf("child: %v\n%s", err, &out)
			}
			finished = true
		}
	}
	f := openFixture(t, dir)
	texts := ensureTexts(t, named("crash", crashTexts)...)
	wantStored(t, f.open(t, crashOptions), &counting{}, texts, always)
	b, err := os.ReadFile(logged) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	computed := strings.Count(string(b), "\n")
	if most := crashTexts + kills*crashTasks*crashChunk; computed < crashTexts || computed > most {
		t.Errorf("%d texts computed in %d lives, want %d to %d", computed, kills+1, crashTexts, most)
	}
	t.Logf("%d kills, %d texts computed again", kills, computed-crashTexts)
}

// afterProgress fires a random moment after the child has called the model,
// so that each life gets some work done before it ends.
func afterProgress(t *testing.T, path string, ended chan error) <-chan time.Time {
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	before := size()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for size() == before {
		select {
		case err := <-ended:
			ended <- err
			return nil
		case <-t.Context().Done():
			return nil
		case <-tick.C:
		}
	}
	return time.After(time.Duration(rand.IntN(60_000)) * time.Microsecond)
}
