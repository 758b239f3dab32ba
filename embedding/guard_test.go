package embedding_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/openai"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// watch is a clock that only waiting and the test move.
type watch struct {
	mu  sync.Mutex
	now time.Time
}

func newWatch() *watch { return &watch{now: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)} }

func (w *watch) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *watch) Wait(_ context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
	return nil
}

// provider is an endpoint that behaves as badly as a test wants. Each text
// counts as many tokens as it has bytes.
type provider struct {
	*httptest.Server
	clock *watch

	mu       sync.Mutex
	before   func(w http.ResponseWriter, r *http.Request, texts []string) bool // may answer itself
	salt     string                                                            // another one is another model
	requests [][]string
	times    []time.Time
}

func newProvider(t *testing.T, clock *watch) *provider {
	p := &provider{clock: clock}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *provider) set(before func(w http.ResponseWriter, r *http.Request, texts []string) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = before
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Input []string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.requests = append(p.requests, in.Input)
	p.times = append(p.times, p.clock.Now())
	before, salt := p.before, p.salt
	p.mu.Unlock()
	if before != nil && before(w, r, in.Input) {
		return
	}
	type datum struct {
		Index     int       `json:"index"`
		Embedding []float32 `json:"embedding"`
	}
	var out struct {
		Data  []datum `json:"data"`
		Usage struct {
			PromptTokens int `json:"prompt_tokens"`
		} `json:"usage"`
	}
	for i, text := range in.Input {
		out.Data = append(out.Data, datum{i, hashVector(salt+text, 8)})
		out.Usage.PromptTokens += len(text)
	}
	_ = json.NewEncoder(w).Encode(out) // the client may have gone
}

func (p *provider) seen() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func status(code int, headers ...string) func(http.ResponseWriter, *http.Request, []string) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		for pair := range slices.Chunk(headers, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(code)
		return true
	}
}

// guarded is a store and a guarded model of a provider.
type guarded struct {
	*testing.T
	*provider
	clock *watch
	store *embedding.Store
	model embedding.Guarded
}

func guardedBy(t *testing.T, f *fixture, p *provider, terms embedding.Terms, change func(*embedding.StoreConfig)) *guarded {
	t.Helper()
	s := f.open(t, func(cfg *embedding.StoreConfig) {
		cfg.Clock = p.clock
		cfg.Probe = conform.CleanTexts(t, keep, "ok")[0]
		if change != nil {
			change(cfg)
		}
	})
	e, err := openai.New(openai.Config{Name: "m", URL: p.URL + "/v1", Model: "m", Dimensions: 8, Identity: "m", Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return &guarded{T: t, provider: p, clock: p.clock, store: s, model: s.Guard(e, terms)}
}

func guard(t *testing.T, terms embedding.Terms, change func(*embedding.StoreConfig)) *guarded {
	t.Helper()
	return guardedBy(t, newFixture(t), newProvider(t, newWatch()), terms, change)
}

func (g *guarded) ensure(c record.CollectionID, texts ...string) (embedding.Ensured, error) {
	g.Helper()
	return g.store.Ensure(g.Context(), embedding.For(g.model, embedding.Bill{Collection: c}), ensureTexts(g.T, texts...))
}

func (g *guarded) state() embedding.ModelState {
	g.Helper()
	st, err := g.model.State(g.Context())
	if err != nil {
		g.Fatal(err)
	}
	return st
}

// wantBlocked checks that a call was sent back, for how long and why.
func (g *guarded) wantBlocked(err error, after time.Duration, why string) {
	g.Helper()
	if !embedding.Blocked(err) || fault.KindOf(err) != fault.Unavailable || fault.RetryAfter(err) != after || !strings.Contains(err.Error(), why) {
		g.Errorf("got %v, after %s; want one that is blocked for %s and says %q", err, fault.RetryAfter(err), after, why)
	}
}

func TestADownModelIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, misbehave := range map[string]func(http.ResponseWriter, *http.Request, []string) bool{
		"500":   status(500),
		"hangs": func(_ http.ResponseWriter, r *http.Request, _ []string) bool { <-r.Context().Done(); return true },
		"wrong count": func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
			_, _ = w.Write([]byte(`{"data":[]}`)) // the client may have gone
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, embedding.Terms{}, nil)
			g.set(misbehave)
			for i := range 3 {
				if _, err := g.ensure(1, fmt.Sprint("text ", i)); err == nil || embedding.Blocked(err) {
					t.Fatalf("call %d: %v", i, err)
				}
			}
			asked := g.seen()
			if asked != 4 {
				t.Errorf("%d requests, want three and a neutral one", asked)
			}
			_, err := g.ensure(1, "text")
			g.wantBlocked(err, 2*time.Second, "does not answer")
			g.wantBlocked(embedding.Ready(t.Context(), g.model), 2*time.Second, "does not answer")
			if st := g.state(); st.State != "down" || g.seen() != asked {
				t.Errorf("state %q, %d requests more", st.State, g.seen()-asked)
			}
			// Tried with a neutral text when the time has come, and left alone for longer.
			_ = g.clock.Wait(t.Context(), 2*time.Second)
			if err := embedding.Ready(t.Context(), g.model); err != nil {
				t.Errorf("the time has come: %v", err)
			}
			_, err = g.ensure(1, "text")
			g.wantBlocked(err, 4*time.Second, "does not answer")
			if n := g.seen(); n != asked+1 || g.requests[n-1][0] != "ok" {
				t.Errorf("%d requests more", n-asked)
			}
			g.set(nil)
			_ = g.clock.Wait(t.Context(), 4*time.Second)
			if out, err := g.ensure(1, "text"); err != nil || out.Computed != 1 {
				t.Errorf("well again: %+v, %v", out, err)
			}
			if st := g.state(); st.State != "ok" {
				t.Errorf("state %q", st.State)
			}
		})
	}
}

// TestABadTextOpensNothing has one text make the model fail, over and over.
func TestABadTextOpensNothing(t *testing.T) {
	t.Parallel()
	g := guard(t, embedding.Terms{}, nil)
	g.set(func(w http.ResponseWriter, _ *http.Request, texts []string) bool {
		if strings.Contains(fmt.Sprint(texts), "poison") {
			w.WriteHeader(500)
			return true
		}
		return false
	})
	for range 10 {
		if _, err := g.ensure(1, "poison"); err == nil || embedding.Blocked(err) {
			t.Fatalf("got %v", err)
		}
	}
	if out, err := g.ensure(1, "harmless"); err != nil || out.Computed != 1 {
		t.Errorf("another text: %+v, %v", out, err)
	}
}

// TestRetryAfterIsForAll has one process be asked for patience, and looks at another.
func TestRetryAfterIsForAll(t *testing.T) {
	t.Parallel()
	f, p := newFixture(t), newProvider(t, newWatch())
	a, b := guardedBy(t, f, p, embedding.Terms{}, nil), guardedBy(t, f, p, embedding.Terms{}, nil)
	p.set(status(429, "Retry-After", "30"))
	_, err := a.ensure(1, "one")
	a.wantBlocked(err, 30*time.Second, "429")
	p.set(nil)
	for _, g := range []*guarded{a, b} {
		_, err := g.ensure(1, "two")
		g.wantBlocked(err, 30*time.Second, "asks to wait")
		if st := g.state(); st.State != "waiting" {
			t.Errorf("state %q", st.State)
		}
	}
	if p.seen() != 1 {
		t.Errorf("%d requests", p.seen())
	}
	_ = p.clock.Wait(t.Context(), 30*time.Second)
	if out, err := b.ensure(1, "one", "two"); err != nil || out.Computed != 2 {
		t.Errorf("after the wait: %+v, %v", out, err)
	}
}

// TestTooLargeIsHalved has the provider take fewer texts and bytes than it is said to.
func TestTooLargeIsHalved(t *testing.T) {
	t.Parallel()
	g := guard(t, embedding.Terms{}, nil)
	g.set(func(w http.ResponseWriter, _ *http.Request, texts []string) bool {
		if len(texts) > 10 || strings.Contains(fmt.Sprint(texts), "refuse me") {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return true
		}
		return false
	})
	texts := append(named("text", 99), "refuse me")
	out, err := g.ensure(1, texts...)
	if err != nil || out.Computed != 99 || len(out.Failed) != 1 || fault.KindOf(out.Failed[99]) != fault.Invalid {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestABudgetIsKept(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]struct {
		all, own embedding.Budget
		next     time.Duration
	}{
		"of a day, of all models":   {all: embedding.Budget{PerDay: 1}, next: 12 * time.Hour},
		"of a month, of this model": {own: embedding.Budget{PerMonth: 1}, next: 18*24*time.Hour - 12*time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A token costs a hundredth: a budget of 1 is 100 bytes.
			g := guard(t, embedding.Terms{Price: 10_000, Budget: of.own}, func(cfg *embedding.StoreConfig) { cfg.Budget = of.all })
			text := func(c string) string { return strings.Repeat(c, 40) }
			for _, c := range []string{"a", "b"} {
				if _, err := g.ensure(1, text(c)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := g.ensure(1, text("c"))
			g.wantBlocked(err, 15*time.Minute, "budget")
			if g.seen() != 2 {
				t.Errorf("%d requests", g.seen())
			}
			if st := g.state(); len(st.Spent) != 1 || st.Spent[0].Spent != .8 {
				t.Errorf("spent %+v", st.Spent)
			}
			if out, err := g.ensure(2, text("a")); err != nil || out.Reused != 1 {
				t.Errorf("what is there costs nothing: %+v, %v", out, err)
			}
			// Queries have a reserve: 26 bytes and 4 are within it, what follows is not.
			ask := func(text string) error {
				_, err := g.store.Query(t.Context(), g.model, conform.CleanTexts(t, keep, text)[0])
				return err
			}
			if err := ask(strings.Repeat("q", 26)); err != nil {
				t.Errorf("a query: %v", err)
			}
			if st := g.state(); st.State != "over budget" && st.Spent[0].Spent < 1 {
				t.Errorf("state %q, %+v", st.State, st.Spent)
			}
			g.wantBlocked(ask("another"), 15*time.Minute, "budget")
			_ = g.clock.Wait(t.Context(), of.next)
			if _, err := g.ensure(1, text("c")); err != nil {
				t.Errorf("in the next period: %v", err)
			}
		})
	}
}

func TestTheLedgerAddsUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	p := newProvider(t, newWatch())
	g := guardedBy(t, f, p, embedding.Terms{Price: 0.02}, nil)
	if _, err := g.ensure(1, "twelve bytes", "one more text", "twelve bytes"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.ensure(2, "twelve bytes"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := g.store.Query(t.Context(), embedding.For(g.model, embedding.Bill{Collection: 2}), conform.CleanTexts(t, keep, "a question")[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var rows []record.LedgerEntry
	if err := f.records.View(t.Context(), func(tx record.Tx) (err error) {
		rows, err = tx.Ledger().List(t.Context(), record.LedgerFilter{})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	space := g.model.Model().Fingerprint()
	day := record.DayOf(record.DayNumber(p.clock.Now()))
	want := []record.LedgerEntry{
		{Day: day, Collection: 1, Model: "m", Space: space, Purpose: record.ForPassage, Requests: 1, Tokens: 25, Computed: 2, Reused: 1, SavedTokens: 3},
		{Day: day, Collection: 2, Model: "m", Space: space, Purpose: record.ForPassage, Reused: 1, SavedTokens: 3},
		{Day: day, Collection: 2, Model: "m", Space: space, Purpose: record.ForQuery, Requests: 1, Tokens: 10, Computed: 1, Reused: 1, SavedTokens: 3},
	}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("got %+v\nwant %+v", rows, want)
	}
	// Prices below a millionth are not lost: 200 queries of 10 tokens at 0.2 a token.
	for i := range 200 {
		if _, err := g.store.Query(t.Context(), g.model, conform.CleanTexts(t, keep, "question"+letters(i + 1000)[:2])[0]); err != nil {
			t.Fatal(err)
		}
		if err := g.store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.records.View(t.Context(), func(tx record.Tx) error {
		sum, err := tx.Ledger().Total(t.Context(), record.LedgerFilter{})
		if exact := float64(sum.Tokens) * .02; float64(sum.Micros) < exact-3 || float64(sum.Micros) > exact {
			t.Errorf("%d tokens cost %d millionths", sum.Tokens, sum.Micros)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestAChangedModelIsHeld(t *testing.T) {
	t.Parallel()
	sentences := conform.CleanTexts(t, keep, "the harbour at night", "a list of spare parts")
	f, p := newFixture(t), newProvider(t, newWatch())
	g := guardedBy(t, f, p, embedding.Terms{Canary: true}, func(cfg *embedding.StoreConfig) { cfg.Canary = sentences })
	if _, err := g.ensure(1, "one"); err != nil {
		t.Fatal(err)
	}
	if st := g.state(); st.Canary == nil || p.seen() != 2 {
		t.Fatalf("after the first use: %+v, %d requests", st.Canary, p.seen())
	}
	check := func(want embedding.Checked) {
		t.Helper()
		got, err := g.model.Check(t.Context())
		if err != nil || got.Held != want.Held || got.First != want.First || (got.Distance > embedding.CanaryTolerance) != (want.Distance > 0) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	check(embedding.Checked{})
	p.salt = "another model"
	if _, err := g.ensure(1, "two"); err != nil {
		t.Errorf("nobody knows yet: %v", err)
	}
	check(embedding.Checked{Held: true, Distance: 1})
	_, err := g.ensure(1, "three")
	g.wantBlocked(err, 5*time.Minute, "holdfast models accept m")
	_, err = g.store.Query(t.Context(), g.model, sentences[0])
	if !embedding.Blocked(err) {
		t.Errorf("a query: %v", err)
	}
	if out, err := g.ensure(1, "one"); err != nil || out.Reused != 1 {
		t.Errorf("what is there stays: %+v, %v", out, err)
	}
	// Another process sees it, and that the provider is back changes nothing.
	other := guardedBy(t, f, p, embedding.Terms{}, nil)
	if st := other.state(); st.State != "held" {
		t.Errorf("state elsewhere is %q", st.State)
	}
	p.salt = ""
	check(embedding.Checked{Held: true})
	p.salt = "another model"
	if err := g.model.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := g.ensure(1, "three"); err != nil {
		t.Errorf("once it is accepted: %v", err)
	}
	check(embedding.Checked{})
}

func TestNamesAreRegistered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	clock := newWatch()
	store := f.open(t, func(cfg *embedding.StoreConfig) { cfg.Clock = clock })
	register := func(dimensions int) embedding.ModelState {
		t.Helper()
		g := store.Guard(&counting{dimensions: dimensions}, embedding.Terms{})
		if err := g.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := g.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	first := register(8)
	_ = clock.Wait(t.Context(), time.Hour)
	if again := register(8); !again.Since.Equal(first.Since) || len(again.Former) != 0 {
		t.Errorf("again: %+v", again)
	}
	other := register(16)
	if other.Dimensions != 16 || other.Fingerprint == first.Fingerprint || len(other.Former) != 1 || other.Former[0].Fingerprint != first.Fingerprint {
		t.Errorf("got %+v", other)
	}
}
