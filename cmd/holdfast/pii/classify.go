package pii

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
)

// Row is one record of structured data: values by field.
type Row map[string]string

// Proposal is how a field should be classified, and why.
type Proposal struct {
	Field          string              `json:"field"`
	Classification string              `json:"classification"`
	Why            string              `json:"why"`
	Values         int                 `json:"values"` // rows that have one
	Distinct       int                 `json:"distinct"`
	Found          map[gate.Entity]int `json:"found,omitempty"` // rows with a value of the type
}

// Profile collects what fields hold.
type Profile struct {
	Gate *gate.Gate

	order  []string
	fields map[string]*profiled
}

type profiled struct {
	values   int
	distinct map[digest.Digest]bool
	found    map[gate.Entity]int
}

// most bounds the distinct values that are counted.
const most = 10_000

// Add looks at a row.
func (p *Profile) Add(_ context.Context, row Row) error {
	if p.fields == nil {
		p.fields = map[string]*profiled{}
	}
	for _, name := range slices.Sorted(maps.Keys(row)) {
		value := row[name]
		f := p.fields[name]
		if f == nil {
			f = &profiled{distinct: map[digest.Digest]bool{}, found: map[gate.Entity]int{}}
			p.fields[name], p.order = f, append(p.order, name)
		}
		if strings.TrimSpace(value) == "" {
			continue
		}
		f.values++
		if len(f.distinct) < most {
			f.distinct[digest.Of("value", value)] = true
		}
		prefix := contextOf(name)
		found, err := p.Gate.Analyze(gate.NewRaw(prefix + value))
		if err != nil {
			return err
		}
		seen := map[gate.Entity]bool{}
		for _, one := range found {
			if one.Start >= len(prefix) && one.Score >= 0.4 && !seen[one.Entity] && !harmless[one.Entity] {
				seen[one.Entity] = true
				f.found[one.Entity]++
			}
		}
	}
	return nil
}

// harmless types say nothing about a person by themselves.
var harmless = map[gate.Entity]bool{"DATE_TIME": true, "URL": true, "ORGANIZATION": true}

// personal types identify somebody; all others but these and the harmless ones
// open doors or follow somebody for life.
var personal = map[gate.Entity]bool{
	"PERSON": true, "EMAIL_ADDRESS": true, "PHONE_NUMBER": true, "LOCATION": true, "IP_ADDRESS": true, "MAC_ADDRESS": true, "DATE_OF_BIRTH": true, "AGE": true,
}

// hints are words in fields' names, by classification.
var hints = []struct{ class, words string }{
	{"restricted", `password passwd pwd secret token apikey credential ssn sin passport iban account card cvv pin tax taxid nino nhs bsn cpf aadhaar
		salary income diagnosis icd health medical disease medication religion ethnicity race union political orientation biometric gehalt passwort`},
	{"confidential", `name firstname lastname surname fullname email mail phone mobile tel telephone fax address street city zip postcode plz birth birthday dob
		gender sex age ip contact customer client patient user username employee person owner author sender recipient signature nachname vorname strasse ort
		telefon kunde nombre apellido correo telefono direccion nom prenom adresse
		body text message comment notes note description subject remark content summary transcript`},
}

// share is the part of a field's values that must hold a type for the field to
// count as holding it.
const share = 0.05

// Proposals lists the fields in the order in which they were seen. No field is
// proposed as public: that is for a person to say.
func (p *Profile) Proposals() []Proposal {
	out := make([]Proposal, 0, len(p.order))
	for _, name := range p.order {
		f := p.fields[name]
		one := Proposal{Field: name, Values: f.values, Distinct: len(f.distinct), Found: f.found}
		one.Classification, one.Why = classify(name, f)
		out = append(out, one)
	}
	return out
}

func classify(name string, f *profiled) (class, why string) {
	rank := map[string]int{"internal": 0, "confidential": 1, "restricted": 2}
	class, why = "internal", "nothing personal in its name or values"
	raise := func(to, because string) {
		if rank[to] > rank[class] {
			class, why = to, because
		}
	}
	types := slices.SortedFunc(maps.Keys(f.found), func(a, b gate.Entity) int {
		return cmp.Or(f.found[b]-f.found[a], strings.Compare(string(a), string(b)))
	})
	for _, e := range types {
		part := float64(f.found[e]) / float64(max(f.values, 1))
		because := fmt.Sprintf("%s in %.0f %% of its values", e, 100*part)
		switch {
		case part < share:
			raise("confidential", because)
		case personal[e]:
			raise("confidential", because)
		default:
			raise("restricted", because)
		}
	}
	words := wordsOf(name)
	for _, h := range hints {
		for w := range strings.FieldsSeq(h.words) {
			if slices.Contains(words, w) {
				raise(h.class, fmt.Sprintf("its name says %q", w))
			}
		}
	}
	return class, why
}

// wordsOf are the words of a field's name: "customerEmail" says customer and
// email.
func wordsOf(name string) []string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		if unicode.IsUpper(r) && lower {
			b.WriteByte(' ')
		}
		lower = unicode.IsLower(r)
		if unicode.IsLetter(r) {
			b.WriteRune(unicode.ToLower(r))
		} else {
			b.WriteByte(' ')
		}
	}
	words := strings.Fields(b.String())
	return append(words, strings.Join(words, ""))
}

// Risk measures how well rows hide among those that are alike.
type Risk struct {
	Quasi     []string
	Sensitive []string

	groups map[digest.Digest]*group
	rows   int
}

type group struct {
	rows   int
	values []map[digest.Digest]bool // by sensitive field
}

// Add counts a row.
func (r *Risk) Add(row Row) {
	if r.groups == nil {
		r.groups = map[digest.Digest]*group{}
	}
	key := make([]string, len(r.Quasi))
	for i, name := range r.Quasi {
		key[i] = row[name]
	}
	id := digest.Of("group", key...)
	g := r.groups[id]
	if g == nil {
		g = &group{values: make([]map[digest.Digest]bool, len(r.Sensitive))}
		for i := range g.values {
			g.values[i] = map[digest.Digest]bool{}
		}
		r.groups[id] = g
	}
	r.rows++
	g.rows++
	for i, name := range r.Sensitive {
		g.values[i][digest.Of("value", row[name])] = true
	}
}

// Measured is the risk of finding somebody again by the quasi-identifying fields.
type Measured struct {
	Rows   int            `json:"rows"`
	Groups int            `json:"groups"`
	K      int            `json:"k"`      // rows of the smallest group
	Unique int            `json:"unique"` // rows that are alone in their group
	Below5 int            `json:"below_5"`
	L      map[string]int `json:"l,omitempty"` // by sensitive field: least number of distinct values in a group
}

// Measure is k-anonymity (Sweeney, 2002) and distinct l-diversity
// (Machanavajjhala and others, 2007).
func (r *Risk) Measure() Measured {
	m := Measured{Rows: r.rows, Groups: len(r.groups), L: map[string]int{}}
	for _, g := range r.groups {
		if m.K == 0 || g.rows < m.K {
			m.K = g.rows
		}
		if g.rows == 1 {
			m.Unique++
		}
		if g.rows < 5 {
			m.Below5 += g.rows
		}
		for i, name := range r.Sensitive {
			if l, ok := m.L[name]; !ok || len(g.values[i]) < l {
				m.L[name] = len(g.values[i])
			}
		}
	}
	return m
}
