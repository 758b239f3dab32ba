package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/gate/remote"
)

// service answers what answer makes of the request's body.
func service(t *testing.T, path string, answer func(body map[string]any) (int, string)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Method != http.MethodPost {
			t.Errorf("asked for %s %s, want POST %s", r.Method, r.URL.Path, path)
		}
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("request: %v", err)
		}
		status, text := answer(body)
		w.WriteHeader(status)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Logf("answer: %v", err)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func recogniser(t *testing.T, cfg remote.Config) *remote.Recogniser {
	t.Helper()
	cfg.Name = "other"
	r, err := remote.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var labels = map[string]gate.Entity{"person": "PERSON", "drug": "MEDICATION"}

const text = "Größe passt, Zoë nimmt Aspirin; Zoë dankt."

// quoted is what each finding covers.
func quoted(found []gate.Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, string(f.Entity)+":"+text[f.Start:f.End]+"/"+f.Rule)
	}
	return strings.Join(out, " ")
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   remote.Kind
		path   string
		answer string
		want   string
	}{
		{remote.Presidio, "/analyze", `[{"start":13,"end":16,"entity_type":"person","score":0.9},{"start":23,"end":30,"entity_type":"drug","score":0.2}]`, "PERSON:Zoë/other"},
		{remote.GLiNER, "/", `{"entities":[{"start":23,"end":30,"label":"drug","score":0.8,"text":"Aspirin"},{"start":0,"end":5,"label":"size","score":0.9}]}`, "MEDICATION:Aspirin/other"},
		{remote.GLiNER, "/", `[{"start_position":13,"end_position":16,"suggested_label":"person"}]`, "PERSON:Zoë/other"},
		{
			remote.Chat, "/chat/completions",
			`{"choices":[{"message":{"role":"assistant","content":"{\"entities\":[{\"type\":\"person\",\"text\":\"Zoë\"},{\"type\":\"drug\",\"text\":\"Ibuprofen\"}]}"}}]}`,
			"PERSON:Zoë/other PERSON:Zoë/other",
		},
	} {
		url := service(t, c.path, func(body map[string]any) (int, string) {
			if c.kind != remote.Chat && body["text"] != text {
				t.Errorf("%s: asked about another text", c.kind)
			}
			return http.StatusOK, c.answer
		})
		r := recogniser(t, remote.Config{Kind: c.kind, URL: url, Labels: labels, Model: "m"})
		found, err := r.Recognise(t.Context(), gate.NewRaw(text))
		if err != nil || quoted(found) != c.want {
			t.Errorf("%s: found %q, %v, want %q", c.kind, quoted(found), err, c.want)
		}
	}
}

// TestLongTextsAreAskedInPieces also shows that offsets are those of the whole text.
func TestLongTextsAreAskedInPieces(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Ünter den Füßen. ", 3000) + "Zoë"
	asked := 0
	url := service(t, "/analyze", func(body map[string]any) (int, string) {
		asked++
		piece, _ := body["text"].(string)
		before, _, ok := strings.Cut(piece, "Zoë")
		if !ok {
			return http.StatusOK, "[]"
		}
		n := len([]rune(before))
		answer, err := json.Marshal([]map[string]any{{"start": n, "end": n + 3, "entity_type": "PERSON", "score": 1}})
		if err != nil {
			t.Error(err)
		}
		return http.StatusOK, string(answer)
	})
	found, err := recogniser(t, remote.Config{Kind: remote.Presidio, URL: url}).Recognise(t.Context(), gate.NewRaw(long))
	if err != nil || len(found) != 1 || long[found[0].Start:found[0].End] != "Zoë" || asked < 3 {
		t.Errorf("found %+v, %v in %d requests", found, err, asked)
	}
}

// TestAFailureIsAsConfigured: it holds the text back, or the gate goes on without; it quotes nothing either way.
func TestAFailureIsAsConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		kind   fault.Kind
	}{
		"down":           {http.StatusBadGateway, "Zoë", fault.Unavailable},
		"busy":           {http.StatusTooManyRequests, "Zoë", fault.Unavailable},
		"refuses":        {http.StatusUnauthorized, "Zoë", fault.Invalid},
		"redirects":      {http.StatusFound, "Zoë", fault.Invalid},
		"talks nonsense": {http.StatusOK, "Zoë", fault.Unavailable},
		"off the end":    {http.StatusOK, `[{"start":5,"end":99,"entity_type":"person","score":1}]`, fault.Unavailable},
	} {
		url := service(t, "/analyze", func(map[string]any) (int, string) { return c.status, c.answer })
		for _, choice := range []remote.Failure{"", remote.HoldBack, remote.Continue} {
			told := 0
			r := recogniser(t, remote.Config{Kind: remote.Presidio, URL: url, Labels: labels, OnFailure: choice, Failed: func(err error) {
				told++
				if strings.Contains(err.Error(), "Zoë") {
					t.Errorf("%s: the error quotes the answer", name)
				}
			}})
			found, err := r.Recognise(t.Context(), gate.NewRaw(text))
			if choice == remote.Continue {
				if err != nil || len(found) > 0 {
					t.Errorf("%s: continue: %v, %v", name, found, err)
				}
			} else if fault.KindOf(err) != c.kind {
				t.Errorf("%s: %v, want kind %s", name, err, c.kind)
			}
			if told != 1 {
				t.Errorf("%s: told %d times", name, told)
			}
		}
	}
}

// TestTimeout: a service that hangs is given up; a caller that gives up is not a failure of the service.
func TestTimeout(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(hung); s.Close() })
	r := recogniser(t, remote.Config{Kind: remote.GLiNER, URL: s.URL, Labels: labels, Timeout: time.Millisecond})
	if _, err := r.Recognise(t.Context(), gate.NewRaw(text)); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("got %v, want unavailable", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r = recogniser(t, remote.Config{Kind: remote.GLiNER, URL: s.URL, Labels: labels, OnFailure: remote.Continue})
	if _, err := r.Recognise(gone, gate.NewRaw(text)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := remote.Config{Name: "x", Kind: remote.Chat, URL: "http://localhost:1", Model: "m", Labels: labels}
	if _, err := remote.New(good); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*remote.Config){
		"name":       func(c *remote.Config) { c.Name = "" },
		"kind":       func(c *remote.Config) { c.Kind = "grpc" },
		"url":        func(c *remote.Config) { c.URL = "ftp://x" },
		"model":      func(c *remote.Config) { c.Model = "" },
		"labels":     func(c *remote.Config) { c.Labels = nil },
		"on_failure": func(c *remote.Config) { c.OnFailure = "shrug" },
		"score":      func(c *remote.Config) { c.Score = 2 },
	} {
		c := good
		spoil(&c)
		if _, err := remote.New(c); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestTheGateAsksItsRecognisers shows the whole way: what only the service knows is transformed, and a service that
// fails holds the text back.
func TestTheGateAsksItsRecognisers(t *testing.T) {
	t.Parallel()
	url := service(t, "/", func(map[string]any) (int, string) {
		return http.StatusOK, `{"entities":[{"start":8,"end":18,"label":"drug","score":0.9}]}`
	})
	up := recogniser(t, remote.Config{Kind: remote.GLiNER, URL: url, Labels: labels})
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize), Recognisers: []gate.Recogniser{up}})
	if err != nil {
		t.Fatal(err)
	}
	policy := gate.DefaultPolicy()
	out := g.Clean(t.Context(), &policy, []gate.Raw{gate.NewRaw("she has xylozafine in the morning")})[0]
	if out.Err != nil || !strings.Contains(out.Clean.Display(), "she has [MEDICATION] in") {
		t.Errorf("got %v, %v", out.Clean, out.Err)
	}
	plain, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	if plain.Version() == g.Version() {
		t.Error("the gate's version does not tell of its recogniser")
	}
	down := recogniser(t, remote.Config{Kind: remote.GLiNER, URL: "http://127.0.0.1:1", Labels: labels})
	if g, err = gate.New(gate.Config{Key: make([]byte, gate.KeySize), Recognisers: []gate.Recogniser{down}}); err != nil {
		t.Fatal(err)
	}
	if out := g.Clean(t.Context(), &policy, []gate.Raw{gate.NewRaw("she has it")})[0]; fault.KindOf(out.Err) != fault.Unavailable {
		t.Errorf("got %v, want the text held back", out.Err)
	}
}
