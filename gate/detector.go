package gate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast/holdfast/fault"
)

// Detector finds values of one type by a pattern or a list of its own.
type Detector struct {
	// Name is shown as the rule that found something.
	Name string `json:"name" yaml:"name"`
	// Pattern is a regular expression in RE2's syntax: its time is linear in
	// the text, whatever the text. A group that is named "value" is the value.
	Pattern string `json:"pattern,omitempty" yaml:"pattern,omitempty"`
	List    `yaml:",inline"`
	// Checksum, if named, drops what does not pass it: luhn, verhoeff, damm,
	// mod97 or mod11.
	Checksum string `json:"checksum,omitempty" yaml:"checksum,omitempty"`
	// Score is the confidence without context. Default 0.6.
	Score float32 `json:"score,omitempty" yaml:"score,omitempty"`
	// Context are words of which one, shortly before a value, raises its score
	// by 0.35.
	Context []string `json:"context,omitempty" yaml:"context,omitempty"`

	compile sync.Once
	regex   *regexp.Regexp
	group   int
	context *wordSet
	err     error
}

const (
	maxPattern    = 4 << 10
	defaultScore  = 0.6
	contextRaises = 0.35
	contextBytes  = 64 // how far before a value context counts
)

func (d *Detector) validate(field string) error {
	switch {
	case d == nil:
		return fault.Field(field, "is empty")
	case d.Name == "" || slices.Contains([]string{"name", "place"}, d.Name):
		return fault.Field(field+".name", "%q is not a name for a detector", d.Name)
	case !entityName.MatchString(string(d.Entity)):
		return fault.Field(field+".entity", "%q is not the name of a type: capital letters, digits and _", d.Entity)
	case !(d.Score >= 0 && d.Score <= 1):
		return fault.Field(field+".score", "must be 0 to 1")
	case d.Checksum != "" && checksums[d.Checksum] == nil:
		return fault.Field(field+".checksum", "%q is not a checksum; use luhn, verhoeff, damm, mod97 or mod11", d.Checksum)
	case d.Pattern == "":
		return d.List.validate(field, true)
	case len(d.Values) > 0 || d.File != "":
		return fault.Field(field, "has a pattern and a list; give one of them")
	case len(d.Pattern) > maxPattern:
		return fault.Field(field+".pattern", "is longer than %d bytes", maxPattern)
	}
	if _, err := regexp.Compile(d.Pattern); err != nil {
		return fault.Field(field+".pattern", "is not a regular expression that RE2 takes (it has no look-around and no back references)")
	}
	return nil
}

func (d *Detector) ready() error {
	d.compile.Do(func() {
		d.context = newWordSet(len(d.Context))
		for _, w := range d.Context {
			d.context.add(w)
		}
		if d.Pattern == "" {
			_, d.err = d.load()
			return
		}
		if d.regex, d.err = regexp.Compile(d.Pattern); d.err == nil {
			d.group = max(d.regex.SubexpIndex("value"), 0)
		}
	})
	return d.err
}

func (d *Detector) find(found []Finding, text string) ([]Finding, error) {
	if err := d.ready(); err != nil {
		return nil, fmt.Errorf("detector %s: %w", d.Name, err)
	}
	add := func(start, end int) {
		if start < 0 || end <= start {
			return
		}
		if d.Checksum != "" && !checksums[d.Checksum](text[start:end]) {
			return
		}
		f := Finding{Entity: d.Entity, Start: start, End: end, Score: d.Score, Rule: d.Name}
		if f.Score == 0 {
			f.Score = defaultScore
		}
		if d.Checksum != "" {
			f.Score = max(f.Score, 0.85)
		}
		if len(d.Context) > 0 {
			raised := min(f.Score+contextRaises, 1)
			d.context.find(text[max(0, start-contextBytes):start], func(int, int) { f.Score = raised })
		}
		found = append(found, f)
	}
	if d.regex == nil {
		d.words.find(text, add)
		return found, nil
	}
	for _, m := range d.regex.FindAllStringSubmatchIndex(text, -1) {
		add(m[2*d.group], m[2*d.group+1])
	}
	return found, nil
}

// findOwn finds what the policy's own detectors and deny lists know.
func (p *Policy) findOwn(found []Finding, text string) ([]Finding, error) {
	for _, d := range p.Detectors {
		var err error
		if found, err = d.find(found, text); err != nil {
			return nil, err
		}
	}
	for _, l := range p.Deny {
		set, err := l.load()
		if err != nil {
			return nil, err
		}
		set.find(text, func(start, end int) {
			found = append(found, Finding{Entity: l.Entity, Start: start, End: end, Score: 1, Rule: "deny"})
		})
	}
	return found, nil
}

// allowed drops what stands on an allow list as it is.
func (p *Policy) allowed(text string, found []Finding) ([]Finding, error) {
	for _, l := range p.Allow {
		set, err := l.load()
		if err != nil {
			return nil, err
		}
		found = slices.DeleteFunc(found, func(f Finding) bool {
			return (l.Entity == "" || l.Entity == f.Entity) && set.has(text[f.Start:f.End])
		})
	}
	return found, nil
}

// checksums are the check digits that a detector may name.
var checksums = map[string]func(string) bool{
	"luhn": luhn, "verhoeff": verhoeff, "damm": damm, "mod97": mod97, "mod11": mod11,
}

// digitsOf are the digits of a value without what separates them.
func digitsOf(s string) []int {
	var out []int
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			out = append(out, int(s[i]-'0'))
		}
	}
	return out
}

// luhn is ISO/IEC 7812-1, Annex B.
func luhn(s string) bool {
	d := digitsOf(s)
	sum := 0
	for i := range d {
		x := d[len(d)-1-i]
		if i%2 == 1 {
			if x *= 2; x > 9 {
				x -= 9
			}
		}
		sum += x
	}
	return len(d) > 1 && sum%10 == 0
}

// verhoeff multiplies in the dihedral group of order 10 (J. Verhoeff, 1969).
func verhoeff(s string) bool {
	d := digitsOf(s)
	c := 0
	for i := range d {
		x := d[len(d)-1-i]
		for range i % 8 {
			x = [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}[x]
		}
		switch {
		case c < 5 && x < 5:
			c = (c + x) % 5
		case c < 5:
			c = 5 + (c+x)%5
		case x < 5:
			c = 5 + (c-x)%5
		default:
			c = (c - x + 5) % 5
		}
	}
	return len(d) > 1 && c == 0
}

// damm is the totally anti-symmetric quasigroup of order 10 (H. M. Damm, 2004).
func damm(s string) bool {
	table := [10]string{
		"0317598642", "7092154863", "4206871359", "1750983426", "6123045978", "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
	}
	d := digitsOf(s)
	c := 0
	for _, x := range d {
		c = int(table[c][x] - '0')
	}
	return len(d) > 1 && c == 0
}

// mod97 is ISO/IEC 7064 MOD 97-10: letters count as 10 to 35, check digits last.
func mod97(s string) bool {
	r, n := 0, 0
	for _, c := range strings.ToUpper(s) {
		switch {
		case c >= '0' && c <= '9':
			r = (r*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			r = (r*100 + int(c-'A') + 10) % 97
		default:
			continue
		}
		n++
	}
	return n > 2 && r == 1
}

// mod11 weights digits 2, 3, 4, … from the right; the check digit, which may
// be X for 10, comes last (as in ISBN-10).
func mod11(s string) bool {
	s = strings.ToUpper(s)
	d := digitsOf(strings.TrimSuffix(s, "X"))
	if strings.HasSuffix(s, "X") {
		d = append(d, 10)
	}
	sum := 0
	for i := range d {
		sum += (i + 1) * d[len(d)-1-i]
	}
	return len(d) > 2 && sum%11 == 0
}
