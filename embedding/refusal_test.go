package embedding_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
)

// TestARefusalOfEverythingIsNoTextsFault has a provider take nothing, for
// good: what was to be embedded waits, and no text is blamed.
func TestARefusalOfEverythingIsNoTextsFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		misbehave func(http.ResponseWriter, *http.Request, []string) bool
		why       string
	}{
		"wrong key":     {status(401), "refuses the key"},
		"unknown model": {status(404), "knows no model"},
		"not taken":     {status(400), "rejects"},
		"unpaid":        {status(402), "does not take"},
		"other dimensions": {func(w http.ResponseWriter, _ *http.Request, texts []string) bool {
			var data []string
			for i := range texts {
				data = append(data, fmt.Sprintf(`{"index":%d,"embedding":[1,0]}`, i))
			}
			_, _ = fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(data, ",")) // the client may have gone
			return true
		}, "gives 2 dimensions"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, embedding.Terms{}, nil)
			if _, err := g.ensure(1, "well"); err != nil {
				t.Fatal(err)
			}
			g.set(c.misbehave)
			// An endpoint that turns texts down is asked for each of them, in
			// case one is at fault.
			out, err := g.ensure(1, "first", "second")
			for _, failed := range out.Failed {
				err = failed
			}
			g.wantBlocked(err, 2*time.Second, c.why)
			if n := len(out.Failed); n != 0 && n != 2 {
				t.Errorf("%d of two texts failed", n)
			}
			asked := g.seen()
			_, err = g.ensure(1, "third")
			g.wantBlocked(err, 2*time.Second, c.why)
			if st := g.state(); st.State != "down" || !strings.Contains(st.Why, c.why) || g.seen() != asked {
				t.Errorf("state %q: %s; %d requests more", st.State, st.Why, g.seen()-asked)
			}
			g.set(nil)
			_ = g.clock.Wait(t.Context(), 2*time.Second)
			if out, err := g.ensure(1, "first", "second"); err != nil || out.Computed != 2 {
				t.Errorf("well again: %+v, %v", out, err)
			}
		})
	}
}

// TestARefusedTextIsAlone has a provider refuse one text, which is tried
// beside a neutral one: nobody else has to wait.
func TestARefusedTextIsAlone(t *testing.T) {
	t.Parallel()
	g := guard(t, embedding.Terms{}, nil)
	g.set(func(w http.ResponseWriter, _ *http.Request, texts []string) bool {
		if strings.Contains(fmt.Sprint(texts), "poison") {
			w.WriteHeader(400)
			return true
		}
		return false
	})
	for range 3 {
		out, err := g.ensure(1, "poison")
		if failed := out.Failed[0]; err != nil || fault.KindOf(failed) != fault.Invalid || embedding.Blocked(failed) {
			t.Fatalf("got %+v: %v", out, err)
		}
	}
	if out, err := g.ensure(1, "poison", "harmless"); err != nil || out.Computed != 1 || g.state().State != "ok" {
		t.Errorf("another text: %+v, %v, state %q", out, err, g.state().State)
	}
}
