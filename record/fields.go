package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Fields are a record's values as decoded from JSON, numbers as json.Number.
// Formatted or logged they show only gate.Redacted; encoding them as JSON
// gives the values, for the store and for callers who may read them.
type Fields map[string]any

// MaxID is the longest id of a record, in bytes.
const MaxID = 512

// CheckID says whether an id may name a record: 1 to MaxID bytes of UTF-8
// without control characters.
func CheckID(id string) error {
	switch {
	case id == "":
		return fault.Field("id", "is missing")
	case len(id) > MaxID:
		return fault.Field("id", "has %d bytes; at most %d are allowed", len(id), MaxID)
	case !utf8.ValidString(id):
		return fault.Field("id", "is not valid UTF-8")
	case strings.ContainsFunc(id, unicode.IsControl):
		return fault.Field("id", "holds a control character")
	}
	return nil
}

// ParseFields decodes one JSON object. A name that stands twice in an object
// and text that is not UTF-8 are errors: either would lose data silently.
// Errors say where, and never quote the input.
func ParseFields(data []byte) (Fields, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	f, err := decodeFields(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "there is more after the JSON object, at byte %d", dec.InputOffset())
	}
	return f, nil
}

func decodeFields(dec *jsontext.Decoder) (Fields, error) {
	if kind := dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return nil, fault.New(fault.Invalid, "fields must be a JSON object")
	}
	v, err := decodeValue(dec)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s", describe(err, dec))
	}
	return Fields(v.(map[string]any)), nil
}

// decodeValue reads one JSON value, numbers as json.Number.
func decodeValue(dec *jsontext.Decoder) (any, error) {
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch tok.Kind() {
	case jsontext.KindNull:
		return nil, nil
	case jsontext.KindTrue, jsontext.KindFalse:
		return tok.Bool(), nil
	case jsontext.KindString:
		return tok.String(), nil
	case jsontext.KindNumber:
		return json.Number(tok.String()), nil
	case jsontext.KindBeginArray:
		return decodeList(dec)
	case jsontext.KindBeginObject:
		return decodeObject(dec)
	case jsontext.KindEndArray, jsontext.KindEndObject, jsontext.KindInvalid:
	}
	return nil, errors.New("a value was expected")
}

func decodeList(dec *jsontext.Decoder) (any, error) {
	list := []any{}
	for dec.PeekKind() != jsontext.KindEndArray {
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.ReadToken()
	return list, err
}

func decodeObject(dec *jsontext.Decoder) (any, error) {
	object := map[string]any{}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		v, err := decodeValue(dec)
		if err != nil {
			return nil, err
		}
		object[key] = v
	}
	_, err := dec.ReadToken()
	return object, err
}

// describe says what is wrong with JSON without quoting it.
func describe(err error, dec *jsontext.Decoder) string {
	at := dec.InputOffset()
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Sprintf("a name stands twice in one object, at byte %d", at)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Sprintf("the JSON ends too early, at byte %d", at)
	case !utf8.ValidString(err.Error()), strings.Contains(err.Error(), "UTF-8"):
		return fmt.Sprintf("the text is not valid UTF-8, at byte %d", at)
	}
	return fmt.Sprintf("the JSON is malformed, at byte %d", at)
}

// UnmarshalJSON is ParseFields.
func (f *Fields) UnmarshalJSON(data []byte) error {
	got, err := ParseFields(data)
	*f = got
	return err
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

// CheckText says whether a field can be read as text: an object cannot, nor
// a list that holds anything but strings and nulls. What Text would leave out
// of such a value must not be lost silently.
func (f Fields) CheckText(name string) error {
	switch v := f[name].(type) {
	case map[string]any:
		return fault.Field(name, "must be text, not an object")
	case []any:
		for i, e := range v {
			if _, ok := e.(string); !ok && e != nil {
				return fault.Field(fmt.Sprintf("%s[%d]", name, i), "must be text")
			}
		}
	}
	return nil
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

// compare says which parts of a record differ between two versions. Fields
// that are neither content nor metadata count as metadata: they are stored
// and shown, and cost nothing.
func (d *Declaration) compare(before, after Fields, embedded []string) Changed {
	kind := func(field string) Changed {
		if slices.Contains(d.Content, field) || slices.Contains(embedded, field) {
			return Content
		}
		return Metadata
	}
	var what Changed
	for name, v := range after {
		if old, had := before[name]; !had || !equal(old, v) {
			what |= kind(name)
		}
	}
	for name := range before {
		if _, has := after[name]; !has {
			what |= kind(name)
		}
	}
	return what
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
