package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Declaration says what a collection is: which fields are embedded, which
// are only filtered on, and how text becomes passages and vectors.
type Declaration struct {
	Collection string   `json:"collection" yaml:"collection"`
	Content    []string `json:"content" yaml:"content"`                       // embedded, after the gate
	Metadata   []string `json:"metadata,omitempty" yaml:"metadata,omitempty"` // filtered on, never embedded
	// Enums lists the values of metadata fields that may stand in an index as
	// they are; all other text is indexed as a keyed hash.
	Enums map[string][]string `json:"enums,omitempty" yaml:"enums,omitempty"`
	Title string              `json:"title,omitempty" yaml:"title,omitempty"`
	// Subject is the field that names the person a record is about: dates of
	// one subject are shifted together, and in the vault each has a key of its own.
	Subject        string                    `json:"subject,omitempty" yaml:"subject,omitempty"`
	Classification map[string]Classification `json:"classification,omitempty" yaml:"classification,omitempty"`
	Policy         string                    `json:"policy,omitempty" yaml:"policy,omitempty"`
	Chunking       Chunking                  `json:"chunking,omitzero" yaml:"chunking,omitempty"`
	Model          string                    `json:"model,omitempty" yaml:"model,omitempty"`
	// Source attaches the collection to a table of the user's own; nil if the
	// records live in the record store.
	Source *Origin `json:"source,omitempty" yaml:"source,omitempty"`
}

// Chunking bounds the size of passages, in tokens.
type Chunking struct {
	Target int `json:"target" yaml:"target"` // the size aimed at; default 200
	Max    int `json:"max" yaml:"max"`       // never exceeded; default 320
}

// Classification says how far a field's values may travel.
type Classification string

// Classifications, from the most open to the most closed.
const (
	Public       Classification = "public"
	Internal     Classification = "internal"
	Confidential Classification = "confidential"
	Restricted   Classification = "restricted"
)

var (
	collectionName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	fieldName      = regexp.MustCompile(`^[\pL_][\pL\pN_.-]{0,127}$`)
)

// CheckCollection says whether a collection may have a name. The error does
// not quote it.
func CheckCollection(name string) error {
	if !collectionName.MatchString(name) {
		return fault.Field("collection", "is not a name: a lower-case letter, then up to 62 lower-case letters, digits, _ or -")
	}
	return nil
}

// ParseDeclarations reads one or more YAML (or JSON) documents. Unknown keys
// are errors that name the line.
func ParseDeclarations(data []byte) ([]Declaration, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var all []Declaration
	for {
		var d Declaration
		err := dec.Decode(&d)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, yamlFault(err)
		}
		if err := d.Complete(); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "there is no declaration; see `holdfast init`")
	}
	return all, nil
}

// ParseDeclaration reads one document as it stands: without defaults, not
// validated. Unknown keys are errors that name the line.
func ParseDeclaration(data []byte) (Declaration, error) {
	var d Declaration
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil && !errors.Is(err, io.EOF) {
		return d, yamlFault(err)
	}
	return d, nil
}

func yamlFault(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	return fault.New(fault.Invalid, "%s", strings.ReplaceAll(text, "type record.", "a "))
}

// Complete fills in defaults and validates; errors name the field.
func (d *Declaration) Complete() error {
	if d.Policy == "" {
		d.Policy = "default"
	}
	if d.Model == "" {
		d.Model = "builtin"
	}
	if d.Chunking.Target == 0 {
		d.Chunking.Target = 200
	}
	if d.Chunking.Max == 0 {
		d.Chunking.Max = d.Chunking.Target * 8 / 5
	}
	return d.validate()
}

func (d *Declaration) validate() error {
	if err := CheckCollection(d.Collection); err != nil {
		return err
	}
	if len(d.Content) == 0 {
		return fault.Field("content", "name at least one field to embed")
	}
	seen := map[string]string{}
	for _, role := range []struct {
		name   string
		fields []string
	}{{"content", d.Content}, {"metadata", d.Metadata}} {
		for i, f := range role.fields {
			at := fmt.Sprintf("%s[%d]", role.name, i)
			if !fieldName.MatchString(f) {
				return fault.Field(at, "%q is not a field name: a letter, then letters, digits, _, . or -", f)
			}
			if other, dup := seen[f]; dup {
				return fault.Field(at, "%q stands in %s already", f, other)
			}
			seen[f] = role.name
		}
	}
	if d.Title != "" && seen[d.Title] == "" {
		return fault.Field("title", "%q is neither content nor metadata", d.Title)
	}
	if d.Subject != "" && !fieldName.MatchString(d.Subject) {
		return fault.Field("subject", "%q is not a field name: a letter, then letters, digits, _, . or -", d.Subject)
	}
	for f, members := range d.Enums {
		if seen[f] != "metadata" {
			return fault.Field("enums."+f, "is not a metadata field")
		}
		if len(members) == 0 || len(members) > 1000 {
			return fault.Field("enums."+f, "has %d values; 1 to 1000 are allowed", len(members))
		}
	}
	for f, class := range d.Classification {
		if seen[f] == "" {
			return fault.Field("classification."+f, "is neither content nor metadata")
		}
		if !slices.Contains([]Classification{Public, Internal, Confidential, Restricted}, class) {
			return fault.Field("classification."+f, "%q is not a classification; use public, internal, confidential or restricted", class)
		}
	}
	if err := d.validateSource(); err != nil {
		return err
	}
	return d.Chunking.validate()
}

// SubjectOf is the person that a record is about; empty if none is declared.
func (d *Declaration) SubjectOf(fields Fields) gate.Raw {
	if d.Subject == "" {
		return gate.Raw{}
	}
	subject, _ := fields.Text(d.Subject)
	return subject
}

func (c Chunking) validate() error {
	if c.Target < 16 || c.Target > 4096 {
		return fault.Field("chunking.target", "must be 16 to 4096 tokens")
	}
	if c.Max < c.Target || c.Max > 8192 {
		return fault.Field("chunking.max", "must be from chunking.target (%d) to 8192 tokens", c.Target)
	}
	return nil
}
