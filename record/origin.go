package record

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast/holdfast/fault"
)

// Origin says where a collection's records live, if not in the record store.
// The collection is attached to it: the origin stays the truth, the record
// store keeps a copy that follows.
type Origin struct {
	Postgres *Table `json:"postgres,omitempty" yaml:"postgres,omitempty"`
}

// Table is a table or view in a PostgreSQL database of the user's own.
type Table struct {
	// URLEnv names the environment variable that holds the database's URL.
	URLEnv string `json:"url_env" yaml:"url_env"`
	// Table is a name such as public.tickets; the schema is public if it has none.
	Table string `json:"table" yaml:"table"`
	// ID names the columns that identify a row: one, or several.
	ID Columns `json:"id" yaml:"id"`
	// Fields maps a declared field to a column, or to a path into a JSON
	// column such as address.city. A field that is not listed has its own name
	// as its path. A name that holds a dot itself stands in double quotes.
	Fields map[string]string `json:"fields,omitempty" yaml:"fields,omitempty"`
	// Poll names a column that grows with every change of a row (a time or a
	// number), for what can have no triggers: a view.
	Poll string `json:"poll,omitempty" yaml:"poll,omitempty"`
	// Replica asks for triggers that also fire for rows which replication
	// writes. A subscription of PostgreSQL's own is noticed without it.
	Replica bool `json:"replica,omitempty" yaml:"replica,omitempty"`
}

// Columns is a list of columns, which YAML may give as a single name.
type Columns []string

// UnmarshalYAML takes a name or a list of names.
func (c *Columns) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		var one string
		if err := n.Decode(&one); err != nil {
			return err
		}
		*c = Columns{one}
		return nil
	}
	var all []string
	if err := n.Decode(&all); err != nil {
		return err
	}
	*c = all
	return nil
}

// Attached reports whether the records live in an origin of their own.
func (d *Declaration) Attached() bool { return d.Source != nil && d.Source.Postgres != nil }

// Path is where a field is found in a row: a column, then keys into the JSON
// that it holds.
func (t *Table) Path(field string) ([]string, error) {
	text, mapped := t.Fields[field]
	if !mapped {
		text = field
	}
	return SplitName(text)
}

// SplitName cuts a dotted name into its parts. A part in double quotes may
// hold dots; two double quotes in it stand for one.
func SplitName(text string) ([]string, error) {
	var parts []string
	for rest := text; ; {
		part, after, err := cutPart(rest)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if after == "" {
			return parts, nil
		}
		if rest = after[1:]; after[0] != '.' || rest == "" {
			return nil, fault.New(fault.Invalid, "a name is parts with a dot between them, such as address.city; a part that holds a dot stands in double quotes")
		}
	}
}

func cutPart(text string) (part, after string, err error) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexByte(text, '.')
		if end < 0 {
			end = len(text)
		}
		part, after = text[:end], text[end:]
		if part == "" || strings.ContainsAny(part, "\"\x00") {
			return "", "", fault.New(fault.Invalid, "a part of a name is empty or holds a double quote")
		}
		return part, after, nil
	}
	var b strings.Builder
	for rest := text[1:]; ; {
		before, tail, closed := strings.Cut(rest, `"`)
		b.WriteString(before)
		switch {
		case !closed:
			return "", "", fault.New(fault.Invalid, "a double quote is not closed")
		case strings.HasPrefix(tail, `"`):
			b.WriteByte('"')
			rest = tail[1:]
			continue
		case b.Len() == 0 || strings.Contains(b.String(), "\x00"):
			return "", "", fault.New(fault.Invalid, "a part of a name is empty")
		}
		return b.String(), tail, nil
	}
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// maxColumns bounds the columns that identify a row.
const maxColumns = 16

func (d *Declaration) validateSource() error {
	if d.Source == nil {
		return nil
	}
	t := d.Source.Postgres
	if t == nil {
		return fault.Field("source", "names no kind of source; write source: {postgres: {url_env: …, table: …, id: …}}")
	}
	const at = "source.postgres."
	if !variableName.MatchString(t.URLEnv) {
		return fault.Field(at+"url_env", "must name the environment variable that holds the database's URL, such as APP_DB")
	}
	if parts, err := SplitName(t.Table); err != nil || len(parts) > 2 {
		return fault.Field(at+"table", "must be a name such as public.tickets")
	}
	if len(t.ID) == 0 || len(t.ID) > maxColumns || slices.Contains(t.ID, "") {
		return fault.Field(at+"id", "must name the column that identifies a row, or up to %d of them", maxColumns)
	}
	for i, c := range t.ID {
		if slices.Contains(t.ID[:i], c) {
			return fault.Field(at+"id", "names %q twice", c)
		}
	}
	for _, f := range slices.Concat(d.Content, d.Metadata) {
		if _, err := t.Path(f); err != nil {
			return fault.Field(at+"fields."+f, "%s", fault.Public(err))
		}
	}
	for f := range t.Fields {
		if !slices.Contains(d.Content, f) && !slices.Contains(d.Metadata, f) {
			return fault.Field(at+"fields."+f, "is neither content nor metadata")
		}
	}
	return nil
}
