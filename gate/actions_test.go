package gate_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/gate"
)

// under cleans a text under one rule for everything.
func under(t *testing.T, g *gate.Gate, r gate.Rule, text string, subject ...string) gate.Clean {
	t.Helper()
	p := gate.Policy{Name: "p", Version: 1, Otherwise: r}
	in := gate.Text{Raw: gate.NewRaw(text)}
	if len(subject) > 0 {
		in.Subject = gate.NewRaw(subject[0])
	}
	out := g.CleanTexts(t.Context(), &p, []gate.Text{in})[0]
	if out.Err != nil {
		t.Fatal(out.Err)
	}
	return out.Clean
}

func TestEveryActionLeavesBareTypesForModels(t *testing.T) {
	g := newGate(t, 1)
	const text = "Pay card 4111 1111 1111 1111 or write to jane.doe@example.com before 12/03/2026, signed Margaret Okonkwo"
	want := under(t, g, gate.Rule{Action: gate.Replace}, text).Embed()
	for _, action := range []gate.Action{
		gate.Redact, gate.Mask, gate.Hash, gate.Encrypt, gate.Pseudonym, gate.Surrogate, gate.Format, gate.Shift, gate.Generalise,
	} {
		c := under(t, g, gate.Rule{Action: action}, text)
		if c.Embed() != want {
			t.Errorf("%s: the embed form is %q, want %q", action, c.Embed(), want)
		}
		for _, value := range []string{"4111 1111 1111 1111", "jane.doe@example.com", "Okonkwo"} {
			if strings.Contains(c.Display(), value) {
				t.Errorf("%s leaves a value: %q", action, c.Display())
			}
		}
		p := gate.DefaultPolicy()
		back, _, err := g.Open(g.Seal(c, g.Recipe(&p)))
		if err != nil || back.Display() != c.Display() || back.Embed() != c.Embed() {
			t.Errorf("%s does not come back from its seal: %v", action, err)
		}
	}
	if got := under(t, g, gate.Rule{Action: gate.Redact}, "card 4111 1111 1111 1111 now").Display(); got != "card  now" {
		t.Errorf("redacted to %q", got)
	}
}

func TestPseudonymsSurviveTransport(t *testing.T) {
	g := newGate(t, 1)
	rng := rand.New(rand.NewPCG(5, 6))
	var tokens []string
	seen := map[string]bool{}
	for range 300 {
		mail := fmt.Sprintf("user%d@example.com", rng.IntN(1_000_000))
		for _, action := range []gate.Action{gate.Pseudonym, gate.Encrypt} {
			token := under(t, g, gate.Rule{Action: action}, mail).Display()
			if !seen[token] {
				seen[token] = true
				tokens = append(tokens, token)
			}
		}
	}
	slices.Sort(tokens)
	for i, token := range tokens {
		encoded, err := json.Marshal(token)
		if err != nil || string(encoded) != `"`+token+`"` || url.QueryEscape(token) != token || url.PathEscape(token) != token {
			t.Errorf("%s changes in JSON or in a URL", token)
		}
		// Sorted, what a token is the beginning of comes right behind it.
		if i > 0 && strings.HasPrefix(token, tokens[i-1]) {
			t.Errorf("%s begins with another token", token)
		}
	}
	text := "Dear _" + tokens[0] + "_, see (" + tokens[1] + "), \"" + tokens[2] + "\"; " + tokens[3] + "'s and xEMAIL_ADDRESS_k7q2m9x4ab"
	found := gate.FindTokens(text)
	if len(found) != 4 {
		t.Fatalf("found %d tokens of 4 in free text", len(found))
	}
	for i, f := range found {
		if text[f.Start:f.End] != tokens[i] || f.Entity != "EMAIL_ADDRESS" {
			t.Errorf("token %d is found as %s", i, text[f.Start:f.End])
		}
	}
	for _, text := range []string{"SNAKE_CASE_name", "MAX_RETRIES_10", "PERSON_k7q2m9x4abc", "PERSON_", "_", "EMAIL_ADDRESS_0ffffabc", "EMAIL_ADDRESS_0"} {
		if found := gate.FindTokens(text); len(found) > 0 {
			t.Errorf("%q holds no token", text)
		}
	}
}

func TestDomainsHavePseudonymsOfTheirOwn(t *testing.T) {
	g := newGate(t, 1)
	got := map[string]bool{}
	for _, domain := range []string{"", "crm", "billing"} {
		p := gate.Policy{Name: "p", Version: 1, Domain: domain, Otherwise: gate.Rule{Action: gate.Pseudonym}}
		got[clean(t, g, p, "jane.doe@example.com").Display()] = true
	}
	if len(got) != 3 {
		t.Errorf("three domains have %d pseudonyms", len(got))
	}
}

func TestFormatPreservingEncryption(t *testing.T) {
	g := newGate(t, 1)
	for _, c := range []struct{ text, form string }{
		{"4111 1111 1111 1111", `^\d{4} \d{4} \d{4} \d{4}$`},
		{"GB82 WEST 1234 5698 7654 32", `^[A-Z0-9]{4} [A-Z0-9]{4} [A-Z0-9]{4} [A-Z0-9]{4} [A-Z0-9]{4} [A-Z0-9]{2}$`},
	} {
		f, err := g.Analyze(gate.NewRaw(c.text))
		if err != nil || len(f) == 0 {
			t.Fatalf("%s is not found: %v", c.form, err)
		}
		got := under(t, g, gate.Rule{Action: gate.Format}, c.text).Display()
		if got == c.text || !regexp.MustCompile(c.form).MatchString(got) {
			t.Errorf("encrypted to %q", got)
		}
		if back, ok := g.DecryptFormat("", f[0].Entity, got); !ok || back != c.text {
			t.Errorf("decrypted to %q", back)
		}
	}
	// A domain of fewer than a million values is not encrypted but replaced.
	d := &gate.Detector{Name: "short", Pattern: `N-\d{5}`, List: gate.List{Entity: "SHORT"}}
	p := gate.Policy{Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Format}, Detectors: []*gate.Detector{d}}
	if got := clean(t, g, p, "number N-12 345").Display(); strings.Contains(got, "[SHORT]") {
		t.Errorf("what does not match was replaced: %q", got)
	}
	short := &gate.Detector{Name: "pin", Pattern: `\b\d{5}\b`, List: gate.List{Entity: "PIN"}}
	p.Detectors = []*gate.Detector{short}
	if got := clean(t, g, p, "the code xx 48213 xx").Display(); !strings.Contains(got, "[PIN]") {
		t.Errorf("five digits became %q", got)
	}
}

func TestShiftKeepsIntervalsOfASubject(t *testing.T) {
	g := newGate(t, 1)
	rule := gate.Rule{Action: gate.Shift, Days: 200}
	read := func(text, subject, layout string) time.Time {
		t.Helper()
		got, err := time.Parse(layout, under(t, g, rule, text, subject).Display())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	moved := map[time.Duration]bool{}
	for _, subject := range []string{"a", "b", "c", "d", "e"} {
		first := read("2026-03-12", subject, "2006-01-02")
		if second := read("2026-04-01", subject, "2006-01-02"); second.Sub(first) != 20*24*time.Hour {
			t.Errorf("20 days became %v", second.Sub(first))
		}
		if other := read("12 March 2026", subject, "2 January 2006"); other != first {
			t.Errorf("another way to write a date moves it elsewhere: %v, %v", other, first)
		}
		if other := read("12/03/2026", subject, "02/01/2006"); other != first {
			t.Errorf("figures move elsewhere: %v, %v", other, first)
		}
		if other := read("March 12, 2026", subject, "January 2, 2006"); other != first {
			t.Errorf("the American way moves elsewhere: %v, %v", other, first)
		}
		by := first.Sub(time.Date(2026, 3, 12, 0, 0, 0, 0, time.UTC))
		if by == 0 || by.Abs() > 200*24*time.Hour {
			t.Errorf("moved by %v", by)
		}
		moved[by] = true
	}
	if len(moved) < 4 {
		t.Errorf("five subjects share %d shifts", len(moved))
	}
	if got := under(t, g, rule, "on 2026-03-12T10:30:00Z it").Display(); !strings.Contains(got, "T10:30:00Z") || strings.Contains(got, "2026-03-12") {
		t.Errorf("a time of day became %q", got)
	}
}

func TestGeneralise(t *testing.T) {
	g := newGate(t, 1)
	p := gate.Policy{
		Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Generalise},
		Rules:     gate.Rules{"AGE": {Action: gate.Generalise, Band: 5}, "DATE_OF_BIRTH": {Action: gate.Generalise, To: "year"}, "LOCATION": {Action: gate.Generalise, Prefix: 3}},
		Detectors: []*gate.Detector{{Name: "age", Pattern: `\bage (?P<value>\d{1,3})\b`, List: gate.List{Entity: "AGE"}}, {Name: "zip", Pattern: `\bzip (?P<value>\d{5})\b`, List: gate.List{Entity: "LOCATION"}}},
	}
	for text, want := range map[string]string{
		"the patient, age 47, came":      "the patient, age 45-49, came",
		"they met on 12 March 2026 here": "they met on March 2026 here",
		"they met on 2026-03-12 here":    "they met on 2026-03 here",
		"date of birth: 12/03/1985":      "date of birth: 1985",
		"the code is zip 90210 there":    "the code is zip 902** there",
	} {
		if got := clean(t, g, p, text).Display(); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestSurrogates(t *testing.T) {
	g := newGate(t, 1)
	p := gate.Policy{
		Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Surrogate},
		Deny: []*gate.List{{Entity: "PERSON", Values: []string{"Ingrid Bergström", "KARL MÜLLER", "maria garcía", "Jean-Pierre Dubois"}}},
	}
	name := func(text string) string {
		t.Helper()
		return strings.TrimSuffix(strings.TrimPrefix(clean(t, g, p, "then "+text+" left").Display(), "then "), " left")
	}
	for text, form := range map[string]string{
		"Ingrid Bergström": `^\p{Lu}\p{Ll}+ \p{Lu}\p{Ll}+$`, "KARL MÜLLER": `^\p{Lu}+ \p{Lu}+$`, "maria garcía": `^\p{Ll}+ \p{Ll}+$`,
		"Jean-Pierre Dubois": `^\p{Lu}\p{Ll}+-\p{Lu}\p{Ll}+ \p{Lu}\p{Ll}+$`,
	} {
		got := name(text)
		if got == text || !regexp.MustCompile(form).MatchString(got) || got != name(text) {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"4111 1111 1111 1111", "GB82 WEST 1234 5698 7654 32", "jane.doe@example.com", "+44 20 7946 0958"} {
		before, err := g.Analyze(gate.NewRaw(text))
		if err != nil || len(before) == 0 {
			t.Fatalf("nothing is found: %v", err)
		}
		got := clean(t, g, p, text).Display()
		after, err := g.Analyze(gate.NewRaw(got))
		if err != nil || got == text || !slices.ContainsFunc(after, func(f gate.Finding) bool { return f.Entity == before[0].Entity }) {
			t.Errorf("a %s became %q", before[0].Entity, got)
		}
	}
}

func TestQueriesFindNamesWhateverTheirSpelling(t *testing.T) {
	g := newGate(t, 1)
	for _, action := range []gate.Action{gate.Pseudonym, gate.Surrogate} {
		p := gate.Policy{
			Name: "p", Version: 1, Otherwise: gate.Rule{Action: action},
			Deny: []*gate.List{{Entity: "PERSON", Values: []string{"Jürgen Müller-Åkesson"}}},
		}
		stored := clean(t, g, p, "a parcel for Jürgen Müller-Åkesson came").Display()
		for _, query := range []string{"müller", "MULLER", "Jurgen", "akesson parcel", "mu\u0308ller"} {
			q, err := g.Query(t.Context(), &p, gate.NewRaw(query))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(append(q.Terms(), q.Display()), func(term string) bool { return strings.Contains(strings.ToLower(stored), strings.ToLower(term)) }) {
				t.Errorf("%s: %q does not find %q: %q", action, query, stored, q.Terms())
			}
		}
	}
}
