package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
)

func step(name string, after ...string) pipeline.Step {
	return pipeline.Step{Name: name, After: after, Run: func(context.Context, *pipeline.Task) error { return nil }}
}

func TestValidateNamesTheStep(t *testing.T) {
	for _, c := range []struct {
		name  string
		pipe  pipeline.Pipeline
		field string // "" if it is fine
	}{
		{"chain", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("a"), step("b", "a")}}, ""},
		{"diamond", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("d", "b", "c"), step("b", "a"), step("c", "a"), step("a")}}, ""},
		{"no name", pipeline.Pipeline{Steps: []pipeline.Step{step("a")}}, "name"},
		{"no steps", pipeline.Pipeline{Name: "p"}, "p"},
		{"step without name", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("")}}, "p"},
		{"two of a name", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("a"), step("a")}}, "p.a"},
		{"nothing to run", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{{Name: "a"}}}, "p.a"},
		{"after nobody", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("a", "z")}}, "p.a"},
		{"after itself", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("a", "a")}}, "p.a"},
		{"cycle", pipeline.Pipeline{Name: "p", Steps: []pipeline.Step{step("a"), step("b", "a", "d"), step("c", "b"), step("d", "c")}}, "p.b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.pipe.Validate()
			switch {
			case c.field == "" && err != nil:
				t.Fatal(err)
			case c.field == "":
			case fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.field+": "):
				t.Fatalf("error is %v, want one that names %s", err, c.field)
			}
		})
	}
}

func TestRetryWaitDoublesWithJitter(t *testing.T) {
	r := pipeline.Retry{First: time.Second, Max: 10 * time.Second}
	for attempt, full := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 8, 5: 10, 6: 10, 40: 10, 1000: 10} {
		full *= time.Second
		seen := map[time.Duration]bool{}
		for range 50 {
			w := r.Wait(attempt, nil)
			if w > full || w < full*3/4-1 {
				t.Fatalf("wait after attempt %d is %v, want within a quarter below %v", attempt, w, full)
			}
			seen[w] = true
		}
		if len(seen) < 2 {
			t.Errorf("waits after attempt %d do not vary", attempt)
		}
	}
}

func TestRetryWaitHonoursTheOtherSide(t *testing.T) {
	err := &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Hour}
	if w := (pipeline.Retry{}).Wait(1, err); w != time.Hour {
		t.Fatalf("wait is %v", w)
	}
}

func TestRetryDefaults(t *testing.T) {
	if n := (pipeline.Retry{}).Limit(); n != 8 {
		t.Errorf("limit is %d", n)
	}
	if w := (pipeline.Retry{}).Wait(1, nil); w > time.Second || w < 750*time.Millisecond-1 {
		t.Errorf("first wait is %v", w)
	}
	if w := (pipeline.Retry{}).Wait(20, nil); w > 5*time.Minute || w < 225*time.Second-1 {
		t.Errorf("longest wait is %v", w)
	}
}
