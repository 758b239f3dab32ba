package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Fields are a record's values as decoded from JSON, numbers as json.Number.
// Formatted or logged they show only gate.Redacted; encoding them as JSON
// gives the values, for the store and for callers who may read them.
type Fields map[string]any

// ParseFields decodes one JSON object.
func ParseFields(data []byte) (Fields, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var f Fields
	if err := dec.Decode(&f); err != nil {
		return nil, fault.New(fault.Invalid, "fields must be a JSON object: %s", shape(err))
	}
	if f == nil {
		return nil, fault.New(fault.Invalid, "fields must be a JSON object, not null")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fault.New(fault.Invalid, "there is more after the JSON object")
	}
	return f, nil
}

// shape describes a JSON error without quoting the input.
func shape(err error) string {
	switch e := err.(type) { //nolint:errorlint // the decoder returns these types bare
	case *json.SyntaxError:
		return fmt.Sprintf("syntax error at byte %d", e.Offset)
	case *json.UnmarshalTypeError:
		return fmt.Sprintf("unexpected %s at byte %d", e.Value, e.Offset)
	}
	return "incomplete JSON"
}

// UnmarshalJSON keeps numbers exact.
func (f *Fields) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode((*map[string]any)(f))
}

// String returns gate.Redacted.
func (Fields) String() string { return gate.Redacted }

// GoString returns gate.Redacted.
func (Fields) GoString() string { return gate.Redacted }

// Format writes gate.Redacted for every verb.
func (Fields) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, gate.Redacted) }

// LogValue logs gate.Redacted.
func (Fields) LogValue() slog.Value { return slog.StringValue(gate.Redacted) }

// Text returns a field as raw text: a string as it is, a list of strings
// joined by blank lines, numbers and booleans as they are written. Missing,
// null and structured values have none.
func (f Fields) Text(name string) (gate.Raw, bool) {
	switch v := f[name].(type) {
	case string:
		return gate.NewRaw(v), v != ""
	case json.Number:
		return gate.NewRaw(v.String()), true
	case bool:
		return gate.NewRaw(fmt.Sprint(v)), true
	case []any:
		var b bytes.Buffer
		for _, e := range v {
			if s, ok := e.(string); ok {
				if b.Len() > 0 {
					b.WriteString("\n\n")
				}
				b.WriteString(s)
			}
		}
		return gate.NewRaw(b.String()), b.Len() > 0
	}
	return gate.Raw{}, false
}

// Merge applies a merge patch (RFC 7396) and returns the result; f is unchanged.
func (f Fields) Merge(patch Fields) Fields {
	return Fields(merge(map[string]any(f), map[string]any(patch)))
}

func merge(into, patch map[string]any) map[string]any {
	out := maps.Clone(into)
	if out == nil {
		out = map[string]any{}
	}
	for k, v := range patch {
		switch sub := v.(type) {
		case nil:
			delete(out, k)
		case map[string]any:
			old, _ := out[k].(map[string]any)
			out[k] = merge(old, sub)
		default:
			out[k] = v
		}
	}
	return out
}

// Compare says which parts of a record differ between two versions. Fields
// that are neither content nor metadata count as metadata: they are stored
// and shown, and cost nothing.
func (d *Declaration) Compare(before, after Fields) Changed {
	var what Changed
	for name, v := range after {
		if old, had := before[name]; !had || !equal(old, v) {
			what |= d.kind(name)
		}
	}
	for name := range before {
		if _, has := after[name]; !has {
			what |= d.kind(name)
		}
	}
	return what
}

func (d *Declaration) kind(field string) Changed {
	if slices.Contains(d.Content, field) {
		return Content
	}
	return Metadata
}

func equal(a, b any) bool {
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && x == y
	case json.Number:
		y, ok := b.(json.Number)
		return ok && x == y
	}
	return reflect.DeepEqual(a, b)
}
