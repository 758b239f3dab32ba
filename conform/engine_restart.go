package conform

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// A stop lets running attempts end, if they do so in time; the next start
// goes on exactly where the last one stopped.
func engineStop(t *testing.T, open OpenEngine) {
	for _, soft := range []bool{true, false} {
		t.Run(fmt.Sprintf("soft=%v", soft), func(t *testing.T) {
			dir := t.TempDir()
			begun, release := make(chan struct{}), make(chan struct{})
			var stopped atomic.Bool
			r := &rig{TB: t}
			p := chain("p", func(ctx context.Context, task *pipeline.Task) error {
				if task.Step == "b" && !stopped.Load() {
					close(begun)
					select {
					case <-release:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				return r.once(ctx, task)
			}, "a", "b", "c")
			r.start(open, EngineSetup{Dir: dir}, p)
			id := r.enqueue(pipeline.Start{Pipeline: "p"})
			recv(r, "the second step", begun)
			stopped.Store(true)

			ctx, cancel := context.WithCancel(t.Context())
			if soft {
				// Stop is under way when the attempt ends, or it is not: either must do.
				go close(release)
			} else {
				cancel()
			}
			if err := r.engine.Stop(ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			r.close()

			r.start(open, EngineSetup{Dir: dir}, p)
			run := r.await(id, record.Succeeded)
			r.wantAttempts(run, "a", record.Succeeded)
			if soft {
				r.wantAttempts(run, "b", record.Succeeded)
			} else {
				r.wantAttempts(run, "b", record.Cancelled, record.Succeeded)
			}
			r.wantEffects(map[string]int{id + " a": 1, id + " b": 1, id + " c": 1})
		})
	}
}

// The wait before another attempt outlives the process.
func engineWaitSurvives(t *testing.T, open OpenEngine) {
	dir := t.TempDir()
	retrying := make(chan struct{}, 1)
	p := single(pipeline.Step{
		Retry: pipeline.Retry{First: 50 * time.Millisecond},
		Run: func(_ context.Context, task *pipeline.Task) error {
			if task.Attempt == 1 {
				return errDown
			}
			return nil
		},
	})
	r := &rig{TB: t}
	r.start(open, EngineSetup{Dir: dir, Observe: func(_, _ string, state record.State, _ time.Duration) {
		if state == record.Retrying {
			retrying <- struct{}{}
		}
	}}, p)
	id := r.enqueue(pipeline.Start{Pipeline: "p"})
	recv(r, "the first attempt", retrying)
	r.close()
	r.start(open, EngineSetup{Dir: dir}, p)
	r.wantAttempts(r.await(id, record.Succeeded), "a", record.Failed, record.Succeeded)
}

// A run whose pipeline or step is not there any more, as after an upgrade,
// fails and says so.
func engineGone(t *testing.T, open OpenEngine) {
	dir := t.TempDir()
	store, engine, closeStore := open(t, EngineSetup{Dir: dir, Workers: 1})
	for _, name := range []string{"gone", "changed"} {
		if err := engine.Register(chain(name, nothing, "a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	ids := map[string]string{}
	err := store.Update(t.Context(), func(tx record.Tx) (err error) {
		for _, name := range []string{"gone", "changed"} {
			if ids[name], err = engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: name}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := closeStore(); err != nil {
		t.Fatal(err)
	}
	r := &rig{TB: t}
	r.start(open, EngineSetup{Dir: dir}, chain("changed", nothing, "b", "c"))
	for name, want := range map[string]string{"gone": `"gone"`, "changed": `"a"`} {
		run := r.await(ids[name], record.Failed)
		a := r.wantAttempts(run, "a", record.Failed)[0]
		if a.Kind != fault.Invalid || !strings.Contains(a.Error, want) {
			t.Errorf("attempt is %+v", a)
		}
		r.wantStates(run, map[string]record.State{"b": record.Skipped})
	}
}

// childDir tells a process that it is the one to be killed.
const childDir = "HOLDFAST_CONFORM_ENGINE_DIR"

// A process that is killed at any moment loses nothing: every run ends, and
// each of its steps has had its effect exactly once.
func engineKilled(t *testing.T, open OpenEngine) {
	const (
		runs  = 100
		kills = 6
	)
	r := &rig{TB: t}
	dir := os.Getenv(childDir)
	child := dir != ""
	told := func(ctx context.Context, task *pipeline.Task) error {
		if child {
			_, _ = io.WriteString(os.Stdout, "step "+task.Step+"\n") // the parent counts
		}
		return r.once(ctx, task)
	}
	p := pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{
		{Name: "a", Run: told},
		{Name: "b", Run: told, After: []string{"a"}},
		{Name: "c", Run: told, After: []string{"a"}},
		{Name: "d", Run: told, After: []string{"b", "c"}},
	}}
	if child {
		r.start(open, EngineSetup{Dir: dir}, p)
		_, _ = io.Copy(io.Discard, os.Stdin) // until killed, or the parent is gone
		return
	}

	dir = t.TempDir()
	store, engine, closeStore := open(t, EngineSetup{Dir: dir, Workers: 1})
	if err := engine.Register(p); err != nil {
		t.Fatal(err)
	}
	var ids []string
	err := store.Update(t.Context(), func(tx record.Tx) error {
		for range runs {
			id, err := engine.Enqueue(t.Context(), tx, pipeline.Start{Pipeline: "p"})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := closeStore(); err != nil {
		t.Fatal(err)
	}
	for range kills {
		killAfter(t, dir, 1+rand.IntN(4*runs/(2*kills)))
	}

	r.start(open, EngineSetup{Dir: dir}, p)
	want := map[string]int{}
	for _, id := range ids {
		run := r.await(id, record.Succeeded)
		for _, s := range run.Steps {
			want[id+" "+s.Name] = 1
			if n := len(s.Attempts); n == 0 || s.Attempts[n-1].State != record.Succeeded {
				t.Errorf("step %s of %s ends with attempts %+v", s.Name, id, s.Attempts)
			}
		}
	}
	r.wantEffects(want)
}

// killAfter runs this very test in a process of its own, and kills it when
// it has begun so many steps.
func killAfter(t *testing.T, dir string, steps int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), self, "-test.run="+name, "-test.count=1") //nolint:gosec // this binary
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	seen := 0
	for seen < steps && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "step ") {
			seen++
		} else {
			t.Logf("child: %s", lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil && seen == steps {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if seen < steps {
		t.Fatalf("the process ended after %d steps, before it was killed", seen)
	}
}
