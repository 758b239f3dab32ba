package gate

import (
	"fmt"
	"maps"
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
	Keep      Action = "keep"      // leave the value as it stands: it is not personal here
	Replace   Action = "replace"   // a typed label: [EMAIL_ADDRESS]
	Mask      Action = "mask"      // stars, but for the last Keep letters or digits
	Hash      Action = "hash"      // a keyed hash: equal values stay equal, within a tenant
	Pseudonym Action = "pseudonym" // a keyed token for each value; names get one for each word
)

// Rule is what a policy does with one type of value.
type Rule struct {
	Action Action `json:"action" yaml:"action"`
	// Keep is how many trailing letters or digits Mask leaves; 0 to 4.
	Keep int `json:"keep,omitempty" yaml:"keep,omitempty"`
	// MinScore is the confidence, 0 to 1, below which a finding is ignored.
	MinScore float32 `json:"min_score,omitempty" yaml:"min_score,omitempty"`
}

// Policy decides, by type, what becomes of the values found. A rule's key is
// an entity ("LOCATION") or, more exactly, an entity and the detector that
// found it ("LOCATION/place"). What no key names follows Otherwise: deny by
// default.
type Policy struct {
	Name      string          `json:"name" yaml:"name"`
	Version   int             `json:"version" yaml:"version"`
	Otherwise Rule            `json:"otherwise" yaml:"otherwise"`
	Rules     map[string]Rule `json:"rules" yaml:"rules"`
}

// The detectors' scale: patterns from 0.4 on are found with their context or
// checksum; of names only those the tagger itself doubts are left.

// DefaultPolicy transforms what identifies a person or opens a door, and
// keeps what only describes the world: towns, organisations, dates, links.
func DefaultPolicy() Policy {
	return Policy{
		Name: "default", Version: 1,
		Otherwise: Rule{Action: Replace, MinScore: 0.4},
		Rules: map[string]Rule{
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

// Validate checks a policy; errors name the rule.
func (p Policy) Validate() error {
	if p.Name == "" {
		return fault.Field("name", "a policy needs a name")
	}
	if err := p.Otherwise.validate("otherwise"); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(p.Rules)) {
		if err := p.Rules[key].validate("rules." + key); err != nil {
			return err
		}
	}
	return nil
}

func (r Rule) validate(field string) error {
	switch r.Action {
	case Keep, Replace, Mask, Hash, Pseudonym:
	default:
		return fault.Field(field+".action", "%q is not an action; use keep, replace, mask, hash or pseudonym", r.Action)
	}
	if r.Keep < 0 || r.Keep > 4 {
		return fault.Field(field+".keep", "must be 0 to 4")
	}
	if r.MinScore < 0 || r.MinScore > 1 {
		return fault.Field(field+".min_score", "must be 0 to 1")
	}
	return nil
}

// rule finds what applies to a finding.
func (p *Policy) rule(f Finding) Rule {
	if f.Rule != "" {
		if r, ok := p.Rules[string(f.Entity)+"/"+f.Rule]; ok {
			return r
		}
	}
	if r, ok := p.Rules[string(f.Entity)]; ok {
		return r
	}
	return p.Otherwise
}

// digest addresses the policy's content, so that an edit without a new
// version number is noticed all the same.
func (p *Policy) digest() digest.Digest {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %v", p.Name, p.Version, p.Otherwise)
	for _, key := range slices.Sorted(maps.Keys(p.Rules)) {
		fmt.Fprintf(&b, " %s=%v", key, p.Rules[key])
	}
	return digest.Of("policy", b.String())
}
