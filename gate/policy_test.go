package gate_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate"
)

const wholePolicy = `name: support
version: 3
domain: crm
otherwise: {action: replace, min_score: 0.4}
rules:
  PERSON: {action: pseudonym, restore: true}
  EMAIL_ADDRESS: {action: encrypt}
  PHONE_NUMBER: {action: surrogate}
  CREDIT_CARD: {action: mask, keep: 4}
  DATE_TIME: {action: shift, days: 90, month_first: true}
  DATE_OF_BIRTH: {action: generalise, to: year}
  LOCATION/place: {action: keep}
  EMPLOYEE: {action: fpe, min_score: 0.7}
classification:
  restricted: {otherwise: {action: redact}, rules: {PERSON: {action: hash}}}
  public: {rules: {PERSON: {action: keep}}}
allow:
  - {values: [Acme Support, "info@example.com"]}
deny:
  - {entity: PROJECT, values: [Blue Heron]}
detectors:
  - {name: staff, entity: EMPLOYEE, pattern: 'E-\d{6}', context: [employee, Mitarbeiter]}
  - {name: loyalty, entity: LOYALTY, pattern: '\b\d{10}\b', checksum: luhn, score: 0.5}
`

func parse(t *testing.T, text, dir string) gate.Policy {
	t.Helper()
	all, err := gate.ParsePolicies([]byte(text), dir)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d policies, %v", len(all), err)
	}
	return all[0]
}

func TestPoliciesDecide(t *testing.T) {
	g := newGate(t, 1)
	p := parse(t, wholePolicy, "")
	at := func(class, text string) string {
		t.Helper()
		r := g.CleanTexts(t.Context(), &p, []gate.Text{{Raw: gate.NewRaw(text), Class: class}})[0]
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		return r.Clean.Display()
	}
	for _, c := range []struct{ class, text, want string }{
		{"", "Write to info@example.com now", "Write to info@example.com now"},
		{"", "about project blue heron, and", "about project [PROJECT], and"},
		{"restricted", "mail to jane.doe@example.com now", "mail to  now"},
		{"", "id 4539578763621486 and E-123456", "id ************1486 and E-123456"},
		{"", "loyalty 1234567897 or 1234567898 x", "loyalty [LOYALTY] or 1234567898 x"},
	} {
		if got := at(c.class, c.text); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.class, c.text, got, c.want)
		}
	}
	if got := at("", "employee E-123456 left"); strings.Contains(got, "123456") || !strings.HasPrefix(got, "employee ") {
		t.Errorf("context did not raise the score: %q", got)
	}
	if got := at("restricted", "Dear Margaret Okonkwo, hello"); !strings.Contains(got, "PERSON_") || strings.Contains(got, " PERSON_ ") {
		t.Errorf("rules of the class do not count: %q", got)
	}
	if got := at("public", "Dear Margaret Okonkwo, hello"); !strings.Contains(got, "Okonkwo") {
		t.Errorf("rules of the class do not count: %q", got)
	}
}

func TestPoliciesGoThroughJSONUnchanged(t *testing.T) {
	g := newGate(t, 1)
	p := parse(t, wholePolicy, "")
	clean(t, g, p, "use it once, so that it is compiled")
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back gate.Policy
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(back)
	if err != nil || string(again) != string(data) {
		t.Errorf("it comes back as %s, %v", again, err)
	}
	if err := back.Validate(); err != nil || g.Recipe(&back) != g.Recipe(&p) {
		t.Errorf("another recipe, or not valid: %v", err)
	}
	const text = "Dear Margaret Okonkwo, about Blue Heron, employee E-123456"
	if clean(t, g, back, text).Display() != clean(t, g, p, text).Display() {
		t.Error("it does something else")
	}
}

func TestAChangedPolicyIsAnotherRecipe(t *testing.T) {
	g := newGate(t, 1)
	seen := map[string]string{}
	for _, change := range [][2]string{
		{"", ""},
		{"version: 3", "version: 4"},
		{"domain: crm", "domain: erp"},
		{"days: 90", "days: 91"},
		{"keep: 4", "keep: 3"},
		{"restore: true", "restore: false"},
		{"Blue Heron", "Grey Heron"},
		{"E-\\d{6}", "E-\\d{7}"},
		{"luhn", "damm"},
		{"to: year", "to: month"},
		{"{action: redact}", "{action: replace}"},
		{"Acme Support", "Acme"},
	} {
		p := parse(t, strings.ReplaceAll(wholePolicy, change[0]+"", change[1]), "")
		if change[0] == "" {
			p = parse(t, wholePolicy, "")
		}
		r := g.Recipe(&p).String()
		if other, dup := seen[r]; dup {
			t.Errorf("%q and %q have one recipe", change[0], other)
		}
		seen[r] = change[0]
	}
}

func TestErrorsInPoliciesNameTheLine(t *testing.T) {
	for _, c := range []struct{ old, new, line, says string }{
		{"domain: crm", "domian: crm", "line 3", "domian"},
		{"keep: 4", "kep: 4", "line 9", "kep"},
		{"action: mask", "action: masks", "line 9", "masks"},
		{"keep: 4", "keep: 5", "line 9", "0 to 4"},
		{"days: 90", "days: many", "line 10", ""},
		{"CREDIT_CARD", "CREDIT_CRAD", "line 9", "CREDIT_CRAD"},
		{"version: 3", "version: 0", "line 2", "version"},
		{"restricted:", "secret:", "line 15", "secret"},
		{"action: hash", "action: hush", "line 15", "hush"},
		{"{entity: PROJECT, values: [Blue Heron]}", "{entity: project, values: [Blue Heron]}", "line 20", "project"},
		{"E-\\d{6}", "E-(", "line 22", "RE2"},
		{"luhn", "lune", "line 23", "lune"},
		{"action: encrypt}", "action: encrypt, restore: true}", "line 7", "restore"},
	} {
		_, err := gate.ParsePolicies([]byte(strings.Replace(wholePolicy, c.old, c.new, 1)), "")
		if err == nil || !strings.Contains(err.Error(), c.line+":") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %s and %q", c.new, err, c.line, c.says)
		}
	}
}

func TestListsInFiles(t *testing.T) {
	g := newGate(t, 1)
	dir := t.TempDir()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "staff.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("Zebulon Quartermain\n\nÅsa Öberg\n田中\nOne Two Three Four\nTwo Three\n")
	text := "name: p\nversion: 1\notherwise: {action: keep}\nrules: {STAFF: {action: replace}}\ndeny: [{entity: STAFF, file: staff.txt}]\n"
	p := parse(t, text, dir)
	for in, want := range map[string]string{
		"with zebulon  QUARTERMAIN and":    "with [STAFF] and",
		"asa oberg, Asa; Oberg":            "[STAFF], Asa; Oberg",
		"田中さん":                             "[STAFF]さん",
		"one two three five":               "one [STAFF] five",
		"one two three four five":          "[STAFF] five",
		"Zebulon. Quartermain's brother":   "[STAFF]'s brother",
		"Zebulon\n\n\n\n\nQuartermain":     "Zebulon\n\n\n\n\nQuartermain",
		"XZebulon Quartermain, zebulon":    "XZebulon Quartermain, zebulon",
		"Zebulon Zebulon Quartermain here": "Zebulon [STAFF] here",
	} {
		if got := clean(t, g, p, in).Display(); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	// A list that has changed is another policy: nothing is cleaned by it.
	write("Nobody Atall\n")
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	write(strings.Repeat("somebody else\n", 3))
	fresh := parse(t, text, dir)
	if g.Recipe(&fresh) == g.Recipe(&p) {
		t.Error("another list has the same recipe")
	}
	write("changed again\n")
	if r := g.Clean(t.Context(), &fresh, []gate.Raw{gate.NewRaw("text")})[0]; r.Err == nil {
		t.Error("a list that was changed is used")
	}
	var stored gate.Policy
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	if got := clean(t, g, stored, "asa oberg").Display(); got != "[STAFF]" {
		t.Errorf("a list that was read before is lost: %q", got)
	}
}

func BenchmarkDenyList(b *testing.B) {
	const entries = 1_000_000
	path := filepath.Join(b.TempDir(), "list.txt")
	f, err := os.Create(path) //nolint:gosec // the test's own
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range entries {
		if _, err := fmt.Fprintf(f, "given%d surname%d\n", rng.IntN(1e6), rng.IntN(1e9)); err != nil {
			b.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	g := newGate(b, 1)
	d := &gate.Detector{Name: "list", List: gate.List{Entity: "STAFF", File: path}}
	p := gate.Policy{Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}, Detectors: []*gate.Detector{d}}
	if err := p.Resolve(""); err != nil {
		b.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	clean(b, g, p, "warm")
	runtime.GC()
	runtime.ReadMemStats(&after)
	text := strings.Repeat("The router in the hall lost its connection again last night, and the engineer could not find out why. ", 100)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if err := gate.FindListed(d, text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/entries, "B/entry")
}
