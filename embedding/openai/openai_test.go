package openai_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/openai"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func TestConforms(t *testing.T) {
	for _, floats := range []bool{false, true} {
		t.Run(fmt.Sprintf("floats=%v", floats), func(t *testing.T) {
			s := newServer(t)
			s.floats = floats
			conform.Embedder(t, func(t *testing.T) embedding.Embedder { return s.open(t, nil) })
		})
	}
}

var keep = gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}

func clean(t testing.TB, texts ...string) []gate.Clean { return conform.CleanTexts(t, keep, texts...) }

func numbered(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("text number %d", i)
	}
	return out
}

func embed(t *testing.T, e *openai.Embedder, texts ...string) ([]embedding.Vector, embedding.Usage, error) {
	t.Helper()
	return e.Embed(t.Context(), embedding.ForPassage, clean(t, texts...))
}

// No request exceeds either limit, whatever the texts; each text is sent once.
func TestBatchesStayWithinBothLimits(t *testing.T) {
	s := newServer(t)
	s.maxTexts, s.maxTotal, s.maxTokens = 7, 500, 400
	e := s.open(t, func(c *openai.Config) { c.MaxBatch, c.MaxBatchTokens, c.MaxTokens = 7, 500, 400 })
	var texts []string
	total := 0
	for i := range 200 {
		texts = append(texts, strings.Repeat("x", 1+i*37%390))
		total += len(texts[i])
	}
	vectors, usage, err := embed(t, e, texts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		if v.Err != nil {
			t.Errorf("text %d of %d bytes: %v", i, len(texts[i]), v.Err)
		}
	}
	sent := 0
	for _, r := range s.seen() {
		sent += len(r.Input)
	}
	if sent != len(texts) {
		t.Errorf("%d texts sent, want %d: a request was rejected", sent, len(texts))
	}
	if usage.Requests != len(s.seen()) || usage.Tokens != total {
		t.Errorf("usage %+v, want %d requests and %d tokens", usage, len(s.seen()), total)
	}
}

func TestOneBadTextErrsAlone(t *testing.T) {
	s := newServer(t)
	s.maxTokens = 100
	e := s.open(t, nil) // the driver believes in 8191 tokens
	texts := numbered(256)
	bad := []int{3, 200}
	for _, i := range bad {
		texts[i] = strings.Repeat("secretword ", 20)
	}
	vectors, _, err := embed(t, e, texts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		if !slices.Contains(bad, i) {
			if v.Err != nil || len(v.Values) != s.dimensions {
				t.Errorf("text %d: %v", i, v.Err)
			}
			continue
		}
		if fault.KindOf(v.Err) != fault.Invalid || v.Err == nil {
			t.Errorf("bad text %d: %v", i, v.Err)
		} else if strings.Contains(v.Err.Error(), "secretword") {
			t.Errorf("the error quotes the text: %v", v.Err)
		}
	}
	// One request, one proof that the endpoint works, and 2·b·log2(n).
	if n, most := len(s.seen()), 2+2*len(bad)*8; n > most {
		t.Errorf("%d requests, want at most %d", n, most)
	}
}

// An endpoint with a lower limit than configured is used at its own limit
// from then on.
func TestLearnsASmallerBatchLimit(t *testing.T) {
	s := newServer(t)
	s.maxTexts = 32
	e := s.open(t, nil)
	for range 2 {
		vectors, _, err := embed(t, e, numbered(256)...)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range vectors {
			if v.Err != nil {
				t.Fatalf("text %d: %v", i, v.Err)
			}
		}
	}
	requests := s.seen()
	for _, r := range requests[len(requests)-8:] {
		if len(r.Input) != 32 {
			t.Errorf("a later request has %d texts, want 32", len(r.Input))
		}
	}
}

func TestAMisconfigurationIsNotEveryTextsFault(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, _ request) bool {
		refuse(w, http.StatusBadRequest, "unsupported_parameter", "no dimensions here")
		return true
	}
	_, usage, err := embed(t, s.open(t, func(c *openai.Config) { c.Shorten = true }), numbered(100)...)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), "unsupported_parameter") {
		t.Errorf("error = %v", err)
	}
	if usage.Requests != 2 || len(s.seen()) != 2 {
		t.Errorf("%d requests, want the batch and one proof", len(s.seen()))
	}
}

func TestStatusesHaveTheirKind(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		header http.Header
		body   string
		kind   fault.Kind
		wait   time.Duration
		advice string
	}{
		{name: "rate limit with seconds", status: 429, header: http.Header{"Retry-After": {"7"}}, kind: fault.Unavailable, wait: 7 * time.Second},
		{name: "rate limit with fractions", status: 429, header: http.Header{"Retry-After": {"0.5"}}, kind: fault.Unavailable, wait: time.Second / 2},
		{name: "rate limit with milliseconds", status: 429, header: http.Header{"Retry-After-Ms": {"250"}, "Retry-After": {"1"}}, kind: fault.Unavailable, wait: time.Second / 4},
		{name: "absurd wait", status: 429, header: http.Header{"Retry-After": {"1e300"}}, kind: fault.Unavailable, wait: time.Hour},
		{name: "date in the past", status: 429, header: http.Header{"Retry-After": {"Wed, 21 Oct 2015 07:28:00 GMT"}}, kind: fault.Unavailable, wait: 10 * time.Second},
		{name: "nonsense wait", status: 429, header: http.Header{"Retry-After": {"soon"}}, kind: fault.Unavailable, wait: 10 * time.Second},
		{name: "proxy error page", status: 502, body: "<html>secretword</html>", kind: fault.Unavailable},
		{name: "overloaded", status: 503, header: http.Header{"Retry-After": {"2"}}, kind: fault.Unavailable, wait: 2 * time.Second},
		{name: "wrong key", status: 401, body: `{"error":{"message":"secretword","code":"invalid_api_key"}}`, kind: fault.Denied, advice: "BAG_KEY"},
		{name: "forbidden", status: 403, kind: fault.Denied, advice: "BAG_KEY"},
		{name: "no such model", status: 404, body: `{"error":{"message":"secretword","code":"model_not_found"}}`, kind: fault.NotFound, advice: "check model"},
		{name: "not the method", status: 405, kind: fault.Invalid, advice: "check url"},
		{name: "code that quotes", status: 401, body: `{"error":{"message":"x","code":"secretword is wrong","type":["secretword"]}}`, kind: fault.Denied},
		{name: "error that is a string", status: 500, body: `{"error":"secretword","error_type":"backend"}`, kind: fault.Unavailable, advice: "backend"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newServer(t)
			s.before = func(w http.ResponseWriter, _ *http.Request, _ request) bool {
				maps.Copy(w.Header(), tc.header)
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
				return true
			}
			vectors, usage, err := embed(t, s.open(t, nil), "a secretword", "b")
			if err == nil || vectors != nil {
				t.Fatalf("%d vectors, %v", len(vectors), err)
			}
			if got := fault.KindOf(err); got != tc.kind {
				t.Errorf("kind %s, want %s: %v", got, tc.kind, err)
			}
			if got := fault.RetryAfter(err); got != tc.wait {
				t.Errorf("retry after %s, want %s", got, tc.wait)
			}
			if !strings.Contains(err.Error(), tc.advice) {
				t.Errorf("%q lacks %q", err, tc.advice)
			}
			if strings.Contains(err.Error(), "secretword") || strings.Contains(err.Error(), testKey) {
				t.Errorf("the error leaks: %v", err)
			}
			if usage.Requests != 1 || len(s.seen()) != 1 {
				t.Errorf("%d requests: retries are the pipeline's affair", len(s.seen()))
			}
		})
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, _ request) bool {
		w.Header().Set("Retry-After", time.Now().Add(30*time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	_, _, err := embed(t, s.open(t, nil), "a")
	if got := fault.RetryAfter(err); got < 25*time.Minute || got > 30*time.Minute {
		t.Errorf("retry after %s, want about 30m", got)
	}
}

// What was paid for is kept when a later request fails, and no further
// request is made.
func TestLaterFailureKeepsEarlierVectors(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, in request) bool {
		if in.Input[0] == "text number 0" {
			return false
		}
		w.Header().Set("Retry-After", "3")
		refuse(w, http.StatusTooManyRequests, "rate_limit_exceeded", "slow down")
		return true
	}
	vectors, _, err := embed(t, s.open(t, func(c *openai.Config) { c.MaxBatch, c.Concurrency = 10, 1 }), numbered(100)...)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		if (i < 10) != (v.Err == nil) || (i >= 10 && fault.RetryAfter(v.Err) != 3*time.Second) {
			t.Errorf("text %d: %v", i, v.Err)
		}
	}
	if n := len(s.seen()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

func TestAnswersAreChecked(t *testing.T) {
	for name, after := range map[string]func(a *answer){
		"one too few":           func(a *answer) { a.Data = a.Data[1:] },
		"one too many":          func(a *answer) { a.Data = append(a.Data, a.Data[0]) },
		"none":                  func(a *answer) { a.Data = nil },
		"an index twice":        func(a *answer) { a.Data[1].Index = 0 },
		"an index out of range": func(a *answer) { a.Data[2].Index = 3 },
		"a negative index":      func(a *answer) { a.Data[2].Index = -1 },
		"no index":              func(a *answer) { a.Data[0].Index = nil },
		"a null value":          func(a *answer) { a.Data[0].Embedding = make([]*float32, 64) },
		"a word for a value":    func(a *answer) { a.Data[0].Embedding = slices.Repeat([]string{"1"}, 64) },
		"nested values":         func(a *answer) { a.Data[0].Embedding = [][]float32{make([]float32, 64)} },
		"a value too large":     func(a *answer) { a.Data[0].Embedding = slices.Repeat([]float64{1e300}, 64) },
		"broken base64":         func(a *answer) { a.Data[0].Embedding = "!!!" },
		"half a value":          func(a *answer) { a.Data[0].Embedding = "AAAA" },
		"an object":             func(a *answer) { a.Data[0].Embedding = map[string]int{} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.after = after
			vectors, usage, err := embed(t, s.open(t, nil), "a", "b", "c")
			if fault.KindOf(err) != fault.Unavailable || err == nil || vectors != nil {
				t.Errorf("%d vectors, %v", len(vectors), err)
			}
			if usage.Requests != 1 {
				t.Errorf("usage %+v", usage)
			}
		})
	}
}

func TestShuffledAnswersAreSorted(t *testing.T) {
	s := newServer(t)
	s.after = func(a *answer) { slices.Reverse(a.Data) }
	got, _, err := embed(t, s.open(t, nil), "a", "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	s.after = nil
	want, _, err := embed(t, s.open(t, nil), "a", "b", "c")
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if !slices.Equal(got[i].Values, want[i].Values) {
			t.Errorf("text %d has another's vector", i)
		}
	}
}

func TestUnusableVectorsErrAlone(t *testing.T) {
	nan := make([]float32, 64)
	nan[5] = float32(math.NaN())
	for name, tc := range map[string]struct {
		vector []float32
		kind   fault.Kind
	}{"zero": {make([]float32, 64), fault.Invalid}, "NaN": {nan, fault.Internal}} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.after = func(a *answer) { a.Data[1].Embedding = encode(tc.vector) }
			v, _, err := embed(t, s.open(t, nil), "a", "b", "c")
			if err != nil || v[0].Err != nil || v[2].Err != nil {
				t.Fatalf("%v, %v, %v", err, v[0].Err, v[2].Err)
			}
			if v[1].Err == nil || fault.KindOf(v[1].Err) != tc.kind || v[1].Values != nil {
				t.Errorf("%v", v[1])
			}
		})
	}
}

func TestWrongDimensionsAreAConfigurationError(t *testing.T) {
	s := newServer(t)
	for _, shorten := range []bool{false, true} {
		_, _, err := embed(t, s.open(t, func(c *openai.Config) { c.Dimensions, c.Shorten = 32, shorten }), "a")
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid || f.Field != "dimensions" || !strings.Contains(err.Error(), "64") {
			t.Errorf("shorten %v: %v", shorten, err)
		}
		asked := s.seen()[len(s.seen())-1].Dimensions
		if (asked != nil) != shorten || (asked != nil && *asked != 32) {
			t.Errorf("shorten %v: asked for %v dimensions", shorten, asked)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	for name, write := range map[string]func(w http.ResponseWriter){
		"truncated": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"data":[`))
		},
		"not JSON":     func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>secretword")) },
		"NaN literals": func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"data":[{"index":0,"embedding":[NaN]}]}`)) },
		"empty":        func(http.ResponseWriter) {},
		"endless": func(w http.ResponseWriter) {
			chunk := bytes.Repeat([]byte(" "), 1<<20)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"aborted": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.before = func(w http.ResponseWriter, _ *http.Request, _ request) bool {
				w.Header().Set("Content-Type", "application/json")
				write(w)
				return true
			}
			_, _, err := embed(t, s.open(t, func(c *openai.Config) { c.MaxBatch = 8 }), "a")
			if err == nil || fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "secretword") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestSlowEndpoint(t *testing.T) {
	s := newServer(t)
	s.before = func(_ http.ResponseWriter, r *http.Request, _ request) bool {
		<-r.Context().Done() // until the client gives up
		return true
	}
	_, _, err := embed(t, s.open(t, func(c *openai.Config) { c.Timeout = 20 * time.Millisecond }), "a")
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(fmt.Sprint(err), "20ms") {
		t.Errorf("error = %v", err)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(_ http.ResponseWriter, r *http.Request, _ request) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	if _, _, err := s.open(t, nil).Embed(ctx, embedding.ForPassage, clean(t, "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

func TestUnreachableEndpoint(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := openai.New(openai.Config{URL: "http://user:secretword@" + address + "/v1?key=secretword", Model: "m", Dimensions: 4})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = embed(t, e, "a")
	if fault.KindOf(err) != fault.Unavailable || strings.Contains(fmt.Sprint(err), "secretword") || !strings.Contains(fmt.Sprint(err), "refused") {
		t.Errorf("error = %v", err)
	}
}

func TestPrefixesAreSent(t *testing.T) {
	s := newServer(t)
	e := s.open(t, func(c *openai.Config) { c.QueryPrefix, c.PassagePrefix = "query: ", "passage: " })
	for purpose, want := range map[embedding.Purpose]string{embedding.ForQuery: "query: a", embedding.ForPassage: "passage: a"} {
		if _, _, err := e.Embed(t.Context(), purpose, clean(t, "a")); err != nil {
			t.Fatal(err)
		}
		if got := s.seen()[len(s.seen())-1].Input[0]; got != want {
			t.Errorf("sent %q, want %q", got, want)
		}
	}
}

func TestKeyIsNeverShown(t *testing.T) {
	cfg := openai.Config{Key: testKey}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x", cfg, cfg, cfg, cfg.Key, cfg.Key, cfg.Key)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "config", cfg, "key", cfg.Key)
	if err := json.NewEncoder(&out).Encode(map[string]any{"key": cfg.Key}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), testKey) || strings.Contains(out.String(), fmt.Sprintf("%x", testKey)) {
		t.Errorf("the key shows: %s", &out)
	}
}

func TestConfigIsChecked(t *testing.T) {
	good := openai.Config{URL: "https://api.example.com/v1", Model: "m", Dimensions: 3}
	for field, change := range map[string]func(*openai.Config){
		"url": func(c *openai.Config) { c.URL = "api.example.com" }, "model": func(c *openai.Config) { c.Model = "" },
		"dimensions": func(c *openai.Config) { c.Dimensions = 0 },
	} {
		cfg := good
		change(&cfg)
		_, err := openai.New(cfg)
		var f *fault.Error
		if !errors.As(err, &f) || f.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Two names for one model share their vectors; another host, length or
// prefix does not.
func TestFingerprint(t *testing.T) {
	base := openai.Config{URL: "https://a.example.com/v1", Model: "m", Dimensions: 3}
	fingerprint := func(change func(*openai.Config)) string {
		cfg := base
		change(&cfg)
		e, err := openai.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return e.Model().Fingerprint().String()
	}
	same := fingerprint(func(*openai.Config) {})
	if fingerprint(func(c *openai.Config) { c.Name, c.Key, c.MaxBatch = "other", "k", 3 }) != same {
		t.Error("name, key or batch size change the space")
	}
	for name, change := range map[string]func(*openai.Config){
		"host": func(c *openai.Config) { c.URL = "https://b.example.com/v1" }, "dimensions": func(c *openai.Config) { c.Dimensions = 4 },
		"prefix": func(c *openai.Config) { c.PassagePrefix = "p" }, "revision": func(c *openai.Config) { c.Revision = "2" },
	} {
		if fingerprint(change) == same {
			t.Errorf("another %s has the same space", name)
		}
	}
}

func BenchmarkEmbed(b *testing.B) {
	s := newServer(b)
	s.dimensions = 1536
	e := s.open(b, nil)
	texts := clean(b, numbered(256)...)
	for b.Loop() {
		if _, _, err := e.Embed(b.Context(), embedding.ForPassage, texts); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(texts))/b.Elapsed().Seconds(), "texts/s")
}
