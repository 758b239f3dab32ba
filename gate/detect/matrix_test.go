package detect_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

// plain are values of the types that people hide, with the words that usually stand before them.
var plain = []struct {
	typ   detect.Type
	label string
	value string
}{
	{detect.Email, "mail ", "jane.doe@example.com"},
	{detect.Phone, "call ", "+44 20 7946 0958"},
	{detect.Phone, "call me on ", "415-555-0132"},
	{detect.CreditCard, "card ", "4111 1111 1111 1111"},
	{detect.CreditCard, "card number ", "4111111111111111"},
	{detect.IBAN, "IBAN ", "DE89 3704 0044 0532 0130 00"},
	{detect.USSSN, "SSN ", "078-05-1120"},
	{detect.IP, "from ", "192.0.2.144"},
	{detect.UKNHS, "NHS number ", "943 476 5919"},
	{detect.UKNINO, "NINO ", "AB 12 34 56 C"},
	{detect.ESNIF, "DNI ", "12345678Z"},
	{detect.INAadhaar, "Aadhaar ", "2341 2341 2346"},
	{detect.BRCPF, "CPF ", "529.982.247-25"},
	{detect.PLPESEL, "PESEL ", "44051401359"},
	{detect.FIPersonal, "hetu ", "131052-308T"},
	{detect.USNPI, "NPI ", "1234567893"},
}

// disguise hides a value; "" where it makes no sense for it.
type disguise struct {
	name string
	hide func(value string) string
}

func eachRune(f func(r rune) string) func(string) string {
	return func(v string) string {
		var b strings.Builder
		for _, r := range v {
			b.WriteString(f(r))
		}
		return b.String()
	}
}

func every(n int, what string) func(string) string {
	return func(v string) string {
		var b strings.Builder
		for i, r := range v {
			if i > 0 && i%n == 0 {
				b.WriteString(what)
			}
			b.WriteRune(r)
		}
		return b.String()
	}
}

// onlyDigits keeps disguises of digits to values that are digits and separators.
func onlyDigits(f func(string) string) func(string) string {
	return func(v string) string {
		if strings.Trim(v, "0123456789 -.+") != "" {
			return ""
		}
		return f(v)
	}
}

var words = strings.Fields("zero one two three four five six seven eight nine")

func spoken(said map[rune]string, digits []string) func(string) string {
	return onlyDigits(func(v string) string {
		var out []string
		for _, r := range v {
			switch {
			case r >= '0' && r <= '9':
				out = append(out, digits[r-'0'])
			case said[r] != "":
				out = append(out, said[r])
			}
		}
		return strings.Join(out, " ")
	})
}

// split puts what into the middle of a value, at a separator if it has one.
func split(what string) func(string) string {
	return func(v string) string {
		k := strings.IndexAny(v[len(v)/3:], " -")
		if k < 0 {
			return ""
		}
		k += len(v) / 3
		if v[k] != ' ' {
			return ""
		}
		return v[:k] + what + v[k+1:]
	}
}

var disguises = []disguise{
	{"as it is", func(v string) string { return v }},
	{"capitals", strings.ToUpper},
	{"small letters", strings.ToLower},
	{"zero width", every(3, "\u200b")},
	{"joiners", every(2, "\u200d")},
	{"soft hyphens", every(4, "\u00ad")},
	{"byte order marks", every(5, "\ufeff")},
	{"full width", eachRune(func(r rune) string {
		if r > ' ' && r < 0x7f {
			r += 0xfee0
		}
		return string(r)
	})},
	{"Arabic digits", eachRune(func(r rune) string {
		if r >= '0' && r <= '9' {
			r += 0x660 - '0'
		}
		return string(r)
	})},
	{"mathematical digits", eachRune(func(r rune) string {
		if r >= '0' && r <= '9' {
			r += 0x1d7ce - '0'
		}
		return string(r)
	})},
	{"homoglyphs", func(v string) string {
		return strings.NewReplacer("a", "а", "e", "е", "o", "о", "A", "А", "B", "В", "E", "Е", "T", "Т").Replace(v)
	}},
	{"combining marks", func(v string) string { return strings.NewReplacer("a", "a\u0301", "e", "e\u0308").Replace(v) }},
	{"no-break spaces", func(v string) string { return strings.ReplaceAll(v, " ", "\u00a0") }},
	{"thin spaces", func(v string) string { return strings.ReplaceAll(v, " ", "\u2009") }},
	{"other hyphens", func(v string) string { return strings.ReplaceAll(v, "-", "\u2011") }},
	{"percent", func(v string) string { return strings.ReplaceAll(url.QueryEscape(v), "+", "%20") }},
	{"percent, all", eachRune(func(r rune) string { return fmt.Sprintf("%%%02X", r) })},
	{"entities", eachRune(func(r rune) string { return fmt.Sprintf("&#%d;", r) })},
	{"hexadecimal entities", eachRune(func(r rune) string { return fmt.Sprintf("&#x%x;", r) })},
	{"JSON escapes", eachRune(func(r rune) string { return fmt.Sprintf(`\u%04x`, r) })},
	{"base64", func(v string) string { return base64.StdEncoding.EncodeToString([]byte(v)) }},
	{"base64 for URLs", func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }},
	{"base64 in a sentence", func(v string) string { return base64.StdEncoding.EncodeToString([]byte("it is " + v + ", thanks")) }},
	{"bold inside", split(" <b>")},
	{"strong around a part", func(v string) string {
		a, b, ok := strings.Cut(v, " ")
		if !ok {
			return ""
		}
		return a + " <strong>" + strings.Replace(b, " ", "</strong> ", 1)
	}},
	{"Markdown inside", func(v string) string {
		a, b, ok := strings.Cut(v, " ")
		if !ok || !strings.Contains(b, " ") {
			return ""
		}
		return a + " **" + strings.Replace(b, " ", "** ", 1)
	}},
	{"word break", func(v string) string {
		return strings.Replace(strings.Replace(v, "@", "<wbr>@", 1), ".com", "<wbr>.com", 1)
	}},
	{"line break", func(v string) string {
		if strings.Count(v, " ") < 3 { // telephone numbers of few groups end with their line
			return ""
		}
		return split("\n")(v)
	}},
	{"spelt", spoken(map[rune]string{'-': "dash", '.': "dot", '+': "plus"}, words)},
	{"spelt in German", spoken(map[rune]string{'-': "Strich", '.': "Punkt", '+': "plus"}, strings.Fields("null eins zwei drei vier fünf sechs sieben acht neun"))},
	{"spelt in Spanish", spoken(map[rune]string{'-': "guion", '.': "punto", '+': "plus"}, strings.Fields("cero uno dos tres cuatro cinco seis siete ocho nueve"))},
	{"at and dot", func(v string) string {
		if !strings.Contains(v, "@") {
			return ""
		}
		return strings.NewReplacer("@", " at ", ".", " dot ").Replace(v)
	}},
	{"[at] and (dot)", func(v string) string {
		if !strings.Contains(v, "@") {
			return ""
		}
		return strings.NewReplacer("@", " [at] ", ".", "(dot)").Replace(v)
	}},
}

// frames are what a value stands in; %s is label and value, %l the label, %v the value.
var frames = []struct{ name, text string }{
	{"sentence", "Please note: %l%v."},
	{"alone on its line", "%l\n%v\nnext"},
	{"JSON", `{"a":1,"note":"%l%v","z":null}`},
	{"JSON in JSON", `{"a":"{\"note\":\"%l%v\"}"}`},
	{"CSV", "x,%l%v,y\n"},
	{"quoted CSV", "\"x\",\"%l%v\",\"y\"\n"},
	{"HTML", "<p>%l<b>%v</b></p>"},
	{"table cell", "<tr><td>%l</td><td>%v</td></tr>"},
	{"Markdown", "- **%l** `%v` and so on"},
	{"bold", "%l **%v**."},
	{"Markdown table", "| a | %l%v | b |"},
	{"brackets", "(%l%v)"},
	{"twice", "%l%v, %l%v"},
}

func TestDisguises(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for _, p := range plain {
		for _, d := range disguises {
			hidden := d.hide(p.value)
			if hidden == "" {
				continue
			}
			t.Run(string(p.typ)+" "+d.name, func(t *testing.T) {
				t.Parallel()
				text := "Please note: " + p.label + hidden + " is it."
				if !covered(s, text, p.typ, hidden) {
					t.Errorf("not found in %q: %+v", text, s.Scan(nil, text))
				}
			})
		}
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for _, p := range plain {
		for _, f := range frames {
			t.Run(string(p.typ)+" "+f.name, func(t *testing.T) {
				t.Parallel()
				text := strings.NewReplacer("%l", p.label, "%v", p.value).Replace(f.text)
				if !covered(s, text, p.typ, p.value) {
					t.Errorf("not found in %q: %+v", text, s.Scan(nil, text))
				}
			})
		}
	}
}

// TestNeighbours puts every value beside every other.
func TestNeighbours(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for _, a := range plain {
		for _, b := range plain {
			for _, between := range []string{", ", "; ", " / ", "\n", " | ", " and "} {
				text := a.label + a.value + between + b.label + b.value
				if !covered(s, text, a.typ, a.value) || !covered(s, text, b.typ, b.value) {
					t.Errorf("one is not found in %q: %+v", text, s.Scan(nil, text))
				}
			}
		}
	}
}

// covered tells whether findings of the type cover every place where value stands.
func covered(s *detect.Scanner, text string, typ detect.Type, value string) bool {
	found := s.Scan(nil, text)
	for from := 0; ; {
		k := strings.Index(text[from:], value)
		if k < 0 {
			return true
		}
		k += from
		ok := false
		for _, f := range found {
			ok = ok || f.Type == typ && f.Score >= minScore && f.Start <= k && f.End >= k+len(value)
		}
		if !ok {
			return false
		}
		from = k + len(value)
	}
}
