package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience bounds one step in the browser; nothing waits this long unless it
// fails.
const patience = 30 * time.Second

// TestConsole drives the console of the real binary in a real browser.
func TestConsole(t *testing.T) {
	browser := startBrowser(t)
	model := startModel(t)
	s := serve(t, model.URL)

	t.Run("nothing yet", func(t *testing.T) {
		p := browser.page(t)
		p.open(s.base + "/")
		p.wait(`document.querySelector('[data-empty]')?.textContent.includes('holdfast init FILE')`)
		p.open(s.base + "/dead-letters")
		p.wait(`document.querySelector('[data-no-letters]') !== null`)
		p.wait(`document.title === 'Dead letters · Holdfast'`)
	})
	load(t, s)
	t.Run("overview", func(t *testing.T) {
		p := browser.page(t)
		p.open(s.base + "/")
		p.wait(`document.querySelector('[data-figure="Records"]')?.textContent === '5'`)
		p.wait(`document.querySelector('[data-figure="Dead letters"]')?.textContent === '2'`)
		p.wait(`document.querySelector('[data-collection=notes] [data-cell=records]')?.textContent === '3'`)
		p.wait(`document.body.innerText.includes('EMAIL_ADDRESS')`) // the chart of what the gate found
		p.wait(`document.body.innerText.includes('articles has 2 dead letters')`)
		p.wait(`document.querySelectorAll('[data-runs] tbody tr').length > 0`)
	})
	t.Run("search", func(t *testing.T) { testSearch(browser.page(t), s) })
	t.Run("a filter that is wrong", func(t *testing.T) {
		p := browser.page(t)
		p.refused = true // the browser notes the 422 on its console
		p.open(s.base + "/search?c=notes&q=refund&filter=" + url.QueryEscape(`{"nope":1}`))
		p.wait(`document.querySelector('#filter-note')?.textContent.includes('is not a metadata field')`)
		p.write(`input[name=filter]`, "x")
		p.wait(`document.querySelector('#filter-note').textContent.includes('not JSON')`)
	})
	t.Run("runs", func(t *testing.T) {
		p := browser.page(t)
		p.open(s.base + "/runs?state=succeeded")
		p.click(`[data-runs] tbody a`)
		p.wait(`document.querySelectorAll('[data-attempt]').length === 4`)
		p.wait(`document.body.innerText.includes('Timeline')`)
	})
	t.Run("models", func(t *testing.T) { testModels(browser.page(t), s) })
	t.Run("upgrade", func(t *testing.T) { testUpgrade(browser.page(t), s) })
	t.Run("dark mode", func(t *testing.T) { testTheme(browser.page(t), s) })
	t.Run("phone", func(t *testing.T) { testPhone(browser.page(t), s) })
	t.Run("dead letters", func(t *testing.T) { testDeadLetters(browser.page(t), s, model) })
	t.Run("a server that is gone", func(t *testing.T) {
		p := browser.page(t)
		p.refused = true
		p.open(s.base + "/")
		p.wait(`document.querySelector('[data-figure="Records"]') !== null`)
		s.kill()
		p.wait(`document.querySelector('[data-gone]') !== null`)
		p.wait(`document.querySelector('[data-figure="Records"]').textContent === '5'`) // what was read stays
	})
}

func testSearch(p *page, s *server) {
	p.open(s.base + "/search?c=notes")
	p.key("/")
	p.wait(`document.activeElement.name === 'q'`)
	p.write(`input[name=q]`, "the refund, señor")
	p.key(kb.Enter)
	p.wait(`document.querySelector('[data-hit="n-1"]') !== null`)
	p.wait(`[...document.querySelectorAll('[data-hit="n-1"] mark')].some((m) => m.textContent === 'refund')`)
	p.wait(`document.querySelector('[data-hit="n-1"] [data-token=EMAIL_ADDRESS]') !== null`)
	p.wait(`new URLSearchParams(location.search).get('q') === 'the refund, señor'`)

	p.key(kb.ArrowDown)
	p.wait(`document.activeElement.dataset.hit !== undefined`)
	first := p.text(`document.activeElement.dataset.hit`)
	p.key(kb.Enter)
	p.wait(`document.querySelector('[data-panel] [data-record]')?.dataset.record === ` + quote(first))

	// The span is in bytes of the field; the text before it is not ASCII.
	p.open(s.base + "/search?c=notes&mode=lexical&q=escalation&open=n-1")
	p.wait(`document.querySelector('[data-panel] [data-span]') !== null`)
	passage := p.text(`document.querySelector('[data-hit="n-1"] p:nth-of-type(2)').textContent`)
	span := p.text(`document.querySelector('[data-span]').textContent`)
	if !strings.HasSuffix(longNote, span) {
		p.t.Errorf("the span %.60q… is not the end of the note", span)
	}
	const start = "Write to "
	if !strings.HasPrefix(span, start) || !strings.HasPrefix(passage, start) {
		p.t.Errorf("the span begins %.20q, the passage %.20q, want %q", span, passage, start)
	}
	p.key(kb.Escape)
	p.wait(`document.querySelector('[data-panel]') === null`)
}

func testTheme(p *page, s *server) {
	const background = `getComputedStyle(document.body).backgroundColor`
	p.media("dark")
	p.open(s.base + "/")
	p.wait(`document.querySelector('[data-theme-button]') !== null`)
	dark := p.text(background)
	p.media("light")
	p.wait(background + ` !== ` + quote(dark))
	light := p.text(background)
	p.click(`[data-theme-button]`) // system → light
	p.media("dark")
	if now := p.text(background); now != light {
		p.t.Errorf("with the light theme chosen the background is %s, want %s", now, light)
	}
	p.click(`[data-theme-button]`) // light → dark
	p.wait(background + ` === ` + quote(dark))
	p.open(s.base + "/runs")
	if now := p.text(background); now != dark {
		p.t.Errorf("after a load the chosen theme is gone: the background is %s, want %s", now, dark)
	}
	p.click(`[data-theme-button]`) // dark → system
}

func testPhone(p *page, s *server) {
	const width = 375
	p.screen(width, 700)
	for path, ready := range map[string]string{
		"/":                                  `[data-runs]`,
		"/search?c=notes&q=refund":           `[data-hit]`,
		"/search?c=notes&q=refund&open=n-1":  `[data-panel] [data-record]`,
		"/collections/notes":                 `[data-evaluation]`,
		"/models":                            `[data-costs]`,
		"/runs":                              `[data-runs]`,
		"/dead-letters":                      `[data-cause]`,
		"/dead-letters?view=flat":            `[data-letter]`,
		"/collections/articles/records/a-1":  `[data-record]`,
		"/no/such/page":                      `main a`,
		"/search?c=notes&q=n&filter=%7Bnope": `#filter-note`,
	} {
		p.open(s.base + path)
		p.wait(`document.querySelector(` + quote(ready) + `) !== null`)
		if wide := p.text(`String(document.documentElement.scrollWidth)`); wide != fmt.Sprint(width) {
			p.t.Errorf("%s is %s px wide on a screen of %d", path, wide, width)
		}
	}
}

func testDeadLetters(p *page, s *server, model *model) {
	p.open(s.base + "/dead-letters")
	p.wait(`document.querySelectorAll('[data-cause]').length === 1`)
	p.wait(`document.querySelectorAll('[data-letter]').length === 2`)

	// One that still can't be embedded fails again and stays.
	p.click(`[data-letter="a-1"] input`)
	p.click(`[role=toolbar] .button-primary`)
	p.wait(`document.querySelector('[data-confirm] h2')?.textContent.includes('1 chosen dead letter')`)
	p.click(`[data-confirm] .button-primary`)
	p.wait(`document.querySelector('[data-outcome]')?.textContent.includes('1 failed again')`)

	// Once the cause is mended, all go through.
	model.lenient.Store(true)
	p.click(`[data-replay-all]`)
	p.wait(`document.querySelector('[data-confirm] h2')?.textContent.includes('all 2 dead letters')`)
	p.click(`[data-confirm] .button-primary`)
	p.wait(`document.querySelector('[data-outcome]')?.textContent.includes('2 indexed')`)
	p.wait(`document.querySelector('[data-no-letters]') !== null`)
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	s.call(p.t, http.MethodGet, "/v1/dead-letters", "", &list)
	if len(list.Items) != 0 {
		p.t.Errorf("%d dead letters are open after the replay", len(list.Items))
	}
}

// browser is one running Chromium.
type browser struct {
	ctx context.Context //nolint:containedctx // the browser lives in it
}

// findBrowser names the browser to drive, or "".
func findBrowser() string {
	if path := os.Getenv("HOLDFAST_TEST_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "google-chrome", "chromium-browser", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func startBrowser(t *testing.T) *browser {
	t.Helper()
	path := findBrowser()
	if path == "" {
		const advice = "no browser was found: install Chromium (web/chromium.sh) or name one in HOLDFAST_TEST_CHROMIUM"
		if os.Getenv("CI") == "true" {
			t.Fatal(advice)
		}
		t.Skip(advice)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.WindowSize(1280, 860))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &browser{ctx}
}

// page is a tab of its own, which fails its test when the page writes an
// error on its console: uncaught exceptions and what the content security
// policy refuses are such.
type page struct {
	t       *testing.T
	ctx     context.Context //nolint:containedctx // the tab lives in it
	refused bool            // answers that are errors are expected
}

func (b *browser) page(t *testing.T) *page {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	p := &page{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	var errors []chromedp.ConsoleMessage
	var wg sync.WaitGroup
	wg.Go(func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type != chromedp.ConsoleLog {
				errors = append(errors, m)
			}
		}
	})
	t.Cleanup(func() {
		stop()
		wg.Wait()
		for _, m := range errors {
			if text := fmt.Sprint(m); !p.refused || !strings.Contains(text, "Failed to load resource") {
				t.Errorf("the page's console: %s", text)
			}
		}
	})
	return p
}

func (p *page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	if err := chromedp.Do(ctx, steps...); err != nil {
		body, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		p.t.Fatalf("%s: %v\nthe page shows:\n%s", what, err, body)
	}
}

func (p *page) open(address string) {
	p.t.Helper()
	p.do("open "+address, chromedp.Navigate(address))
}

// wait waits until a condition holds in the page.
func (p *page) wait(condition string) {
	p.t.Helper()
	p.do(condition, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Poll[bool]("Boolean("+condition+")", chromedp.WithPollingInterval(20*time.Millisecond))(ctx, t)
		return err
	}))
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// write puts text into a field in place of what is there.
func (p *page) write(selector, text string) {
	p.t.Helper()
	p.do("write into "+selector, chromedp.WaitVisible(chromedp.CSS(selector)), chromedp.Focus(chromedp.CSS(selector)),
		chromedp.Evaluate[chromedp.Void](`document.querySelector(`+quote(selector)+`).select()`), chromedp.KeyEvent(text))
}

func (p *page) key(keys string) {
	p.t.Helper()
	p.do("press a key", chromedp.KeyEvent(keys))
}

func (p *page) text(expression string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// media sets the colour scheme that the system asks for.
func (p *page) media(scheme string) {
	p.t.Helper()
	p.do("set the colour scheme", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

func (p *page) screen(width, height int64) {
	p.t.Helper()
	p.do("set the screen", chromedp.EmulateViewport(width, height, chromedp.EmulateMobile))
}

func quote(s string) string {
	data, _ := json.Marshal(s) // a string always can be
	return string(data)
}

// model is an endpoint like OpenAI's, which refuses some texts.
type model struct {
	*httptest.Server
	lenient atomic.Bool // refuses none
}

func startModel(t *testing.T) *model {
	t.Helper()
	m := &model{}
	m.Server = httptest.NewServer(http.HandlerFunc(m.embed))
	t.Cleanup(m.Close)
	return m
}

func (m *model) embed(w http.ResponseWriter, r *http.Request) {
	type datum struct {
		Object    string    `json:"object"`
		Index     int       `json:"index"`
		Embedding []float64 `json:"embedding"`
	}
	var in struct {
		Input []string `json:"input"`
		Model string   `json:"model"`
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	data := make([]datum, len(in.Input))
	for i, text := range in.Input {
		if strings.Contains(text, "forbidden") && !m.lenient.Load() {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":{"message":"refused","type":"invalid_request_error"}}`))
			return
		}
		data[i] = datum{"embedding", i, []float64{1, float64(len(text)), 3, 4, 5, 6, 7, 8}}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": data, "model": in.Model, "usage": map[string]int{"prompt_tokens": 1, "total_tokens": 1}})
}
