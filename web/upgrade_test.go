package web_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// testModels reads what models there are and what they have cost.
func testModels(p *page, s *server) {
	p.open(s.base + "/models")
	p.wait(`document.querySelector('[data-model=small]')?.textContent.includes('articles')`)
	p.wait(`document.querySelector('[data-model=builtin] a[href="/collections/notes"]') !== null`)
	p.wait(`document.querySelector('[data-costs=collection]')?.textContent.includes('notes')`)
	p.wait(`document.querySelectorAll('[data-days] > span').length === 30`)
	p.click(`input[name=List][type=radio]:not(:checked)`)
	p.wait(`document.querySelector('[data-costs=model]')?.textContent.includes('builtin')`)
}

// testUpgrade changes the model of a collection and takes it back, all by
// clicks and keys. The switch is left to the person, so that its latency
// doesn't decide.
func testUpgrade(p *page, s *server) {
	p.refused = true // the browser notes the 409 on its console
	p.open(s.base + "/")
	p.click(`[data-collection=notes] a`)
	p.wait(`document.querySelector('[data-no-upgrade]')?.textContent.includes('plan it below')`)
	p.wait(`document.querySelector('[data-figure="Records"]').textContent === '3'`)
	p.wait(`document.querySelector('[data-generation=active]').textContent.includes('builtin')`)

	// The server's own words, where a plan cannot be.
	p.click(`[data-plan] button[type=submit]`)
	p.wait(`document.querySelector('[data-plan] [role=alert]')?.textContent.includes('notes is built so already')`)

	p.do("choose a model by its first letters", chromedp.Focus(chromedp.CSS(`[data-plan] [name=model]`)), chromedp.KeyEvent("sm"))
	p.wait(`document.querySelector('[data-plan] [name=model]').value === 'small'`)
	p.click(`[data-plan] [name=manual]`)
	p.click(`[data-plan] button[type=submit]`)
	p.wait(`document.querySelector('[data-upgrade=planned] [data-forecast]')?.textContent.includes('Records3')`)

	p.open(s.base + "/")
	p.wait(`document.querySelector('[data-waits=notes]')?.textContent.includes('waits for approval')`)
	p.click(`[data-waits=notes] a`)

	p.click(`[data-verb=approve]`)
	p.write(`[data-confirm] [name=reason]`, "a smaller model")
	p.key(kb.Enter)
	p.wait(`document.querySelector('[data-outcome]')?.textContent.includes('is being built beside')`)
	p.wait(`document.querySelector('[data-upgrade=held] [data-note]')?.textContent.includes('by hand')`)
	p.wait(`document.querySelectorAll('[data-evaluation] ol li').length === 11`)
	p.wait(`document.querySelector('[data-evaluation] [data-met]').textContent.includes('100% of the records')`)
	p.wait(`document.querySelector('[data-upgrade]').textContent.includes('a smaller model')`)

	// Leaving the dialog does nothing.
	p.click(`[data-verb=switch]`)
	p.wait(`document.querySelector('[data-confirm]') !== null`)
	p.key(kb.Escape)
	p.wait(`document.querySelector('[data-confirm]') === null`)
	p.wait(`document.querySelector('[data-upgrade=held]') !== null`)

	confirm := func(verb, state, outcome string) {
		p.t.Helper()
		p.click(`[data-verb=` + verb + `]`)
		p.click(`[data-confirm] [data-do]`)
		p.wait(`document.querySelector('[data-upgrade=` + state + `]') !== null`)
		p.wait(`document.querySelector('[data-outcome]')?.textContent.includes(` + quote(outcome) + `)`)
	}
	confirm("switch", "switched", "answers")
	p.wait(`document.querySelector('[data-generation=active]').textContent.includes('small')`)
	p.wait(`document.querySelector('[data-generation=standby]').textContent.includes('until')`)
	wantModel(p.t, s, "small")

	confirm("rollback", "rolled-back", "answers again")
	p.wait(`document.querySelector('[data-generation=active]').textContent.includes('builtin')`)
	wantModel(p.t, s, "builtin")

	confirm("retire", "aborted", "one generation is left")
	p.wait(`document.querySelectorAll('[data-generation]').length === 1`)
	p.wait(`document.querySelector('[data-plan]') !== null`)
}

// wantModel asks the server itself which model the notes are searched with.
func wantModel(t *testing.T, s *server, want string) {
	t.Helper()
	var status struct {
		Generation struct {
			Model string `json:"model"`
		} `json:"generation"`
	}
	s.call(t, http.MethodGet, "/v1/collections/notes/status", "", &status)
	if got := status.Generation.Model; got != want {
		t.Errorf("notes are searched with %s, want %s", got, want)
	}
}
