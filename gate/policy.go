package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// Action says what becomes of a value in the display form. In the embed form
// every transformed value is its bare type.
type Action string

// The actions.
const (
	Keep       Action = "keep"       // leave the value as it stands: it is not personal here
	Replace    Action = "replace"    // a typed label: [EMAIL_ADDRESS]
	Redact     Action = "redact"     // nothing
	Mask       Action = "mask"       // stars, but for the last Keep letters or digits
	Hash       Action = "hash"       // a keyed hash: equal values stay equal, within a tenant
	Encrypt    Action = "encrypt"    // AES-SIV, bound to tenant, domain and type; restored with the key alone
	Pseudonym  Action = "pseudonym"  // a keyed token for each value; names get one for each word
	Surrogate  Action = "surrogate"  // an invented value of the same kind, chosen by key
	Format     Action = "fpe"        // format-preserving encryption (FF1) of numbers and codes
	Shift      Action = "shift"      // dates: moved by a number of days that is one for a subject
	Generalise Action = "generalise" // ages to bands, postcodes to a prefix, dates to month or year
)

var actions = []Action{Keep, Replace, Redact, Mask, Hash, Encrypt, Pseudonym, Surrogate, Format, Shift, Generalise}

// Rule is what a policy does with one type of value. What an action cannot be
// done to (a date that is none, a number too short to encrypt) is replaced.
type Rule struct {
	Action Action `json:"action" yaml:"action"`
	// Keep is how many trailing letters or digits Mask leaves; 0 to 4.
	Keep int `json:"keep,omitempty" yaml:"keep,omitempty"`
	// MinScore is the confidence, 0 to 1, below which a finding is ignored.
	MinScore float32 `json:"min_score,omitempty" yaml:"min_score,omitempty"`
	// Restore keeps what a pseudonym stands for in the vault.
	Restore bool `json:"restore,omitempty" yaml:"restore,omitempty"`
	// Days bounds how far Shift moves a date, either way. Default 365.
	Days int `json:"days,omitempty" yaml:"days,omitempty"`
	// MonthFirst reads 03/04/2026 as the 4th of March.
	MonthFirst bool `json:"month_first,omitempty" yaml:"month_first,omitempty"`
	// Band is the width of Generalise's bands of ages and numbers. Default 10.
	Band int `json:"band,omitempty" yaml:"band,omitempty"`
	// Prefix is how many letters and digits of a postcode Generalise leaves. Default 2.
	Prefix int `json:"prefix,omitempty" yaml:"prefix,omitempty"`
	// To is what Generalise leaves of a date: month or year. Default month.
	To string `json:"to,omitempty" yaml:"to,omitempty"`
}

// Rules decide by type of value. A key is an entity ("LOCATION") or, more
// exactly, an entity and the detector that found it ("LOCATION/place").
type Rules map[string]Rule

// ClassRules are the rules for fields of one classification. What they do not
// name follows their Otherwise, or without one the policy's own rules.
type ClassRules struct {
	Otherwise *Rule `json:"otherwise,omitempty" yaml:"otherwise,omitempty"`
	Rules     Rules `json:"rules,omitempty" yaml:"rules,omitempty"`
}

// Policy decides, by type, what becomes of the values found. What no rule
// names follows Otherwise: deny by default. A policy goes through JSON and
// back unchanged, so that what was built under it can keep it.
type Policy struct {
	Name    string `json:"name" yaml:"name"`
	Version int    `json:"version" yaml:"version"`
	// Domain separates pseudonyms: one value gets different ones in different
	// domains. Empty is a domain too.
	Domain    string `json:"domain,omitempty" yaml:"domain,omitempty"`
	Otherwise Rule   `json:"otherwise" yaml:"otherwise"`
	Rules     Rules  `json:"rules,omitempty" yaml:"rules,omitempty"`
	// Classification has rules for fields by how they are classified.
	Classification map[string]ClassRules `json:"classification,omitempty" yaml:"classification,omitempty"`
	// Allow lists values that are not personal whatever a detector takes them for.
	Allow []*List `json:"allow,omitempty" yaml:"allow,omitempty"`
	// Deny lists values that are of a type wherever they stand.
	Deny []*List `json:"deny,omitempty" yaml:"deny,omitempty"`
	// Detectors find what only the policy's owner knows.
	Detectors []*Detector `json:"detectors,omitempty" yaml:"detectors,omitempty"`
}

// The detectors' scale: patterns from 0.4 on are found with their context or
// checksum; of names only those the tagger itself doubts are left.

// DefaultPolicy transforms what identifies a person or opens a door, and
// keeps what only describes the world: towns, organisations, dates, links.
func DefaultPolicy() Policy {
	return Policy{
		Name: "default", Version: 1,
		Otherwise: Rule{Action: Replace, MinScore: 0.4},
		Rules: Rules{
			"PERSON":         {Action: Pseudonym, MinScore: 0.3},
			"EMAIL_ADDRESS":  {Action: Pseudonym, MinScore: 0.4},
			"PHONE_NUMBER":   {Action: Pseudonym, MinScore: 0.4},
			"CREDIT_CARD":    {Action: Mask, Keep: 4, MinScore: 0.4},
			"IBAN_CODE":      {Action: Mask, Keep: 4, MinScore: 0.4},
			"LOCATION/place": {Action: Keep},
			"ORGANIZATION":   {Action: Keep},
			"DATE_TIME":      {Action: Keep},
			"URL":            {Action: Keep},
		},
	}
}

var (
	entityName = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
	classes    = []string{"public", "internal", "confidential", "restricted"}
)

// Validate checks a policy; errors name the rule.
func (p Policy) Validate() error {
	if p.Name == "" {
		return fault.Field("name", "a policy needs a name")
	}
	if err := p.Otherwise.validate("otherwise"); err != nil {
		return err
	}
	if err := p.Rules.validate("rules"); err != nil {
		return err
	}
	for _, class := range slices.Sorted(maps.Keys(p.Classification)) {
		at := "classification." + class
		if !slices.Contains(classes, class) {
			return fault.Field(at, "%q is not a classification; use public, internal, confidential or restricted", class)
		}
		rules := p.Classification[class]
		if rules.Otherwise != nil {
			if err := rules.Otherwise.validate(at + ".otherwise"); err != nil {
				return err
			}
		}
		if err := rules.Rules.validate(at + ".rules"); err != nil {
			return err
		}
	}
	for i, l := range p.Allow {
		if err := l.validate(fmt.Sprintf("allow[%d]", i), false); err != nil {
			return err
		}
	}
	for i, l := range p.Deny {
		if err := l.validate(fmt.Sprintf("deny[%d]", i), true); err != nil {
			return err
		}
	}
	for i, d := range p.Detectors {
		if err := d.validate(fmt.Sprintf("detectors[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func (rules Rules) validate(field string) error {
	for _, key := range slices.Sorted(maps.Keys(rules)) {
		if err := rules[key].validate(field + "." + key); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) validate(field string) error {
	names := make([]string, len(actions))
	for i, a := range actions {
		names[i] = string(a)
	}
	last := len(names) - 1
	switch {
	case !slices.Contains(actions, r.Action):
		return fault.Field(field+".action", "%q is not an action; use %s or %s", r.Action, strings.Join(names[:last], ", "), names[last])
	case r.Keep < 0 || r.Keep > 4:
		return fault.Field(field+".keep", "must be 0 to 4")
	case !(r.MinScore >= 0 && r.MinScore <= 1):
		return fault.Field(field+".min_score", "must be 0 to 1")
	case r.Restore && r.Action != Pseudonym:
		return fault.Field(field+".restore", "is for pseudonyms; what is encrypted is restored with the key alone")
	case r.Days < 0 || r.Days > 36500:
		return fault.Field(field+".days", "must be 1 to 36500")
	case r.Band < 0 || r.Band == 1 || r.Band > 1_000_000:
		return fault.Field(field+".band", "must be 2 to 1000000")
	case r.Prefix < 0 || r.Prefix > 4:
		return fault.Field(field+".prefix", "must be 1 to 4")
	case r.To != "" && r.To != "month" && r.To != "year":
		return fault.Field(field+".to", "must be month or year")
	}
	return nil
}

// Restores reports whether any rule keeps values in the vault.
func (p Policy) Restores() bool {
	restores := func(rules Rules, otherwise *Rule) bool {
		for _, r := range rules {
			if r.Restore {
				return true
			}
		}
		return otherwise != nil && otherwise.Restore
	}
	for _, c := range p.Classification {
		if restores(c.Rules, c.Otherwise) {
			return true
		}
	}
	return restores(p.Rules, &p.Otherwise)
}

// find looks a finding up by its detector, then by its type.
func (rules Rules) find(f Finding) (Rule, bool) {
	if f.Rule != "" {
		if r, ok := rules[string(f.Entity)+"/"+f.Rule]; ok {
			return r, true
		}
	}
	r, ok := rules[string(f.Entity)]
	return r, ok
}

// rule finds what applies to a finding in a field of a classification.
func (p *Policy) rule(class string, f Finding) Rule {
	if c, ok := p.Classification[class]; ok {
		if r, ok := c.Rules.find(f); ok {
			return r
		}
		if c.Otherwise != nil {
			return *c.Otherwise
		}
	}
	if r, ok := p.Rules.find(f); ok {
		return r
	}
	return p.Otherwise
}

// digest addresses the policy's content, so that an edit without a new
// version number is noticed all the same. A list in a file counts by the
// digest of what it held.
func (p *Policy) digest() digest.Digest {
	data, err := json.Marshal(p)
	if err != nil {
		// Only a number that is none cannot be encoded, and Validate refuses it.
		return digest.Of("policy", "invalid")
	}
	return digest.Of("policy", string(data))
}
