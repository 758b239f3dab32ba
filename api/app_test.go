package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index/local"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record/sqlite"
)

const token = "a-token-of-the-owner"

var model = sync.OnceValues(builtin.New)

// refusing is the built-in model, but for texts that hold a word.
type refusing struct {
	embedding.Embedder
	word atomic.Value // string
}

func (r *refusing) Embed(ctx context.Context, p embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	out, usage, err := r.Embedder.Embed(ctx, p, texts)
	word, _ := r.word.Load().(string)
	for i := range out {
		if p == embedding.ForPassage && word != "" && strings.Contains(texts[i].Embed(), word) {
			out[i] = embedding.Vector{Err: fault.New(fault.Invalid, "the model refuses this text")}
		}
	}
	return out, usage, err
}

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a running app behind a real server.
type world struct {
	t     testing.TB
	app   *holdfast.App
	url   string
	model *refusing
	log   *lines
	end   func() // what ends with the test, earlier
}

// from lets a test say where a request comes from.
const from = "X-Test-Peer"

func newWorld(t testing.TB, change ...func(*holdfast.Config)) *world {
	t.Helper()
	w := &world{t: t, log: &lines{}}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	own, err := model()
	must(t, err)
	w.model = &refusing{Embedder: own}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "holdfast.db"), Logger: log})
	must(t, err)
	bucket, durable, err := embedding.OpenFolder(filepath.Join(dir, "embeddings"))
	must(t, err)
	indexes, err := local.Open(local.Config{Dir: filepath.Join(dir, "index"), Logger: log})
	must(t, err)
	cfg := holdfast.Config{
		Records: store, Bucket: bucket, Sync: durable, Index: indexes, Key: bytes.Repeat([]byte{7}, gate.KeySize),
		Policies:  map[string]gate.Policy{"other": {Name: "other", Version: 1, Otherwise: gate.Rule{Action: gate.Mask}}},
		Embedders: map[string]embedding.Embedder{"builtin": w.model, "second": w.model}, Owner: "test", Log: log,
		Engine: func(observe pipeline.Observe) (pipeline.Engine, error) {
			return river.New(ctx, store, river.Config{Logger: log, Observe: observe})
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	w.app, err = holdfast.New(cfg)
	must(t, err)
	console := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/panic" {
			panic("canary7 of a panic")
		}
		_, _ = io.WriteString(rw, "<html>console</html>")
	})
	handler := api.New(api.Config{App: w.app, Console: console, Version: "test", Log: log, Token: token})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if peer := r.Header.Get(from); peer != "" {
			r.RemoteAddr = peer
		}
		handler.ServeHTTP(rw, r)
	}))
	server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelError)
	w.url = server.URL
	ended := make(chan error, 1)
	go func() { ended <- w.app.Run(ctx) }()
	w.end = sync.OnceFunc(func() {
		server.CloseClientConnections()
		server.Close()
		stop()
		if err := errors.Join(<-ended, w.app.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.end)
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any // if it is a JSON object
}

// send makes a request; headers are pairs.
func (w *world) send(method, path, body string, headers ...string) reply {
	w.t.Helper()
	r, err := w.try(method, path, strings.NewReader(body), headers...)
	must(w.t, err)
	return r
}

func (w *world) try(method, path string, body io.Reader, headers ...string) (reply, error) {
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, body)
	if err != nil {
		return reply{}, err
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	r := reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	if json.Unmarshal(text, &r.body) != nil {
		r.body = nil
	}
	return r, err
}

// ok is send that must answer with a status.
func (w *world) ok(status int, method, path, body string, headers ...string) reply {
	w.t.Helper()
	r := w.send(method, path, body, headers...)
	if r.status != status {
		w.t.Fatalf("%s %s answered %d, want %d: %s", method, path, r.status, status, r.text)
	}
	if status >= 400 {
		w.problem(r)
	}
	return r
}

// problem checks that an answer is a problem document.
func (w *world) problem(r reply) {
	w.t.Helper()
	if got := r.header.Get("Content-Type"); got != "application/problem+json" {
		w.t.Errorf("status %d came as %q: %s", r.status, got, r.text)
	}
	if r.body["status"] != float64(r.status) || r.body["title"] != http.StatusText(r.status) {
		w.t.Errorf("no problem document of status %d: %s", r.status, r.text)
	}
}

const tickets = "/v1/collections/tickets"

// declare makes the collection that most tests use.
func (w *world) declare() {
	w.t.Helper()
	w.ok(http.StatusOK, "PUT", tickets, `{"content":["subject","body"],"metadata":["status","priority","tags"]}`)
}

// put writes a record and returns its change number.
func (w *world) put(id, fields string) float64 {
	w.t.Helper()
	r := w.ok(http.StatusOK, "PUT", tickets+"/records/"+id, `{"fields":`+fields+`}`)
	n, _ := r.body["change"].(float64)
	return n
}

// settled waits until nothing is pending.
func (w *world) settled() {
	w.t.Helper()
	must(w.t, w.app.WaitIndexed(w.t.Context(), "tickets", nil))
}

func items(r reply) []map[string]any {
	list, _ := r.body["items"].([]any)
	return objects(list)
}

func results(r reply) []map[string]any {
	list, _ := r.body["results"].([]any)
	return objects(list)
}

func objects(list []any) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, v := range list {
		out[i], _ = v.(map[string]any)
	}
	return out
}
