package index_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

var theGate = sync.OnceValues(func() (*gate.Gate, error) {
	return gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
})

func cleanWith(tb testing.TB, p gate.Policy, text string) gate.Clean {
	tb.Helper()
	g, err := theGate()
	if err != nil {
		tb.Fatal(err)
	}
	res := g.Clean(tb.Context(), &p, []gate.Raw{gate.NewRaw(text)})[0]
	if res.Err != nil {
		tb.Fatal(res.Err)
	}
	return res.Clean
}

var keep = gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}

func terms(c gate.Clean) []string {
	var out []string
	index.Tokenize(c, func(term []byte) { out = append(out, string(term)) })
	return out
}

func TestTerms(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		" \n?!-./":                         "",
		"Printers PRINTER printer's":       "printer printer printer",
		"companies ties class bus fees as": "company tie class bus fee as",
		"It’s O'Brien":                     "it o brien",
		"état Straße Łódź ĳ":               "etat strasse lodz ij",
		"e\u0301tat co\u00adoperate":       "etat cooperate",
		"ΟΔΟΣ οδός":                        "οδοσ οδοσ",
		"ёлка май Киев":                    "елка май киев",
		"हिन्दी की":                        "हिन्दी की",
		"ＡＢＣ ﬁne ①":                        "abc fine",
		"ERR-1042":                         "err 1042 err-1042",
		"err_1042":                         "err_1042 err 1042",
		"ERR1042":                          "err1042 err 1042",
		"v2.3.1,":                          "v2 3 1 v2-3-1",
		"well-known a.b":                   "well known a b",
		"10.0.0.1 2024-01-05":              "10 0 0 1 10-0-0-1 2024 01 05 2024-01-05",
		"MAX_RETRIES":                      "max_retries max retry",
		"__init__":                         "__init__ init",
		"[INFO] ready":                     "info ready",
		"東京":                               "東 東京 京",
		"ｶﾞス":                              "ガ ガス ス",
		"PDFを開く":                           "pdf を を開 開 開く く",
		"한국어":                              "한 한국 국 국어 어",
		"กำ":                               "กํ กํา า",
		strings.Repeat("x", 100):           strings.Repeat("x", 64),
		strings.Repeat("é", 500):           strings.Repeat("e", 64),
	} {
		if got := strings.Join(terms(cleanWith(t, keep, text)), " "); got != want {
			t.Errorf("%q gives %q, want %q", text, got, want)
		}
	}
}

func TestPseudonymsAreOneTermAndLabelsNone(t *testing.T) {
	p := gate.Policy{Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Replace}, Rules: map[string]gate.Rule{
		"EMAIL_ADDRESS": {Action: gate.Pseudonym}, "IBAN_CODE": {Action: gate.Hash},
	}}
	c := cleanWith(t, p, "Write to ann@example.com or 203.0.113.7, IBAN DE89 3704 0044 0532 0130 00; see [PERSON] and [TODO].")
	var email, iban string
	for _, term := range terms(c) {
		switch {
		case strings.HasPrefix(term, "email_address_"):
			email = term
		case strings.HasPrefix(term, "iban_code_"):
			iban = term
		case strings.Contains(term, "ip_address"):
			t.Errorf("the label of a value is the term %q", term)
		}
	}
	if len(email) != len("email_address_")+10 || len(iban) != len("iban_code_")+16 {
		t.Errorf("terms %q of %q", terms(c), c.Display())
	}
	for _, want := range []string{"person", "todo"} { // the text's own brackets
		if !slices.Contains(terms(c), want) {
			t.Errorf("%q is missing in %q", want, terms(c))
		}
	}
	if slices.Contains(terms(c), "email") {
		t.Errorf("a pseudonym has parts: %q", terms(c))
	}
}

func TestQueryTerms(t *testing.T) {
	for text, want := range map[string]string{
		"paper Paper PAPERS": "paper",
		"東京都 a":              "東京 京都 a",
		"猫":                  "猫",
	} {
		if got := strings.Join(index.QueryTerms(cleanWith(t, keep, text)), " "); got != want {
			t.Errorf("%q asks for %q, want %q", text, got, want)
		}
	}
	g, err := theGate()
	if err != nil {
		t.Fatal(err)
	}
	p := gate.DefaultPolicy()
	query, err := g.Query(t.Context(), &p, gate.NewRaw("atkinson invoices"))
	if err != nil {
		t.Fatal(err)
	}
	got := index.QueryTerms(query)
	for _, token := range query.Terms() {
		if !slices.Contains(got, strings.ToLower(token)) {
			t.Errorf("the pseudonym %s is missing in %q", token, got)
		}
	}
	if !slices.Contains(got, "invoice") || slices.Contains(got, "person") {
		t.Errorf("terms are %q", got)
	}
}

// FuzzTokenize: terms are short valid text, a text's words are found by
// asking for them, and letter case changes nothing.
func FuzzTokenize(f *testing.F) {
	for _, seed := range []string{"ERR-1042 v2.3.1", "état 東京 한국어", "a_b__c's [X] PERSON_k7q2m9x4ab", "\xff\u0301e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := cleanWith(t, keep, text)
		all := terms(c)
		for _, term := range all {
			if term == "" || len(term) > 64+8 || !utf8.ValidString(term) {
				t.Fatalf("%q gives the term %q", text, term)
			}
		}
		for _, term := range index.QueryTerms(c) {
			if !slices.Contains(all, term) {
				t.Fatalf("%q asks for %q, which it does not have: %q", text, term, all)
			}
		}
	})
}
