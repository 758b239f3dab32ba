package main

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/holdfast/holdfast/cmd/holdfast/source"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// profile is what a sample of rows tells about their fields. It holds values
// only to count them and, of enumerations, to declare them.
type profile struct {
	rows    int
	refused int
	wrapped bool     // rows are {"id","fields"}
	order   []string // fields as they first appear
	fields  map[string]*fieldProfile
}

// fieldProfile is what one field's values look like.
type fieldProfile struct {
	name      string
	present   int // rows that have a value
	strings   int // values by type; a list's elements count each
	numbers   int
	booleans  int
	objects   int
	lists     int // rows that have a list
	dates     int // strings that the index takes as a time
	days      int // strings that look like a date in another form
	links     int
	spaced    int // strings with white space inside
	bytes     int
	words     int
	distinct  map[string]int // values, up to maxDistinct
	examples  []string       // up to maxExamples, for the gate
	found     map[gate.Entity]int
	inspected int // examples that the gate has seen
	personal  int // examples in which something personal was found
	mostly    int // examples that are hardly more than something personal
}

const (
	sampleRows  = 2000
	maxDistinct = 2000
	maxExamples = 300
	// maxExampleBytes is enough of a value to tell whether there is something
	// personal in values of its kind.
	maxExampleBytes = 8 << 10
	maxEnum         = 20
)

// profileOf looks at the first rows.
func profileOf(ctx context.Context, s *source.Source) (*profile, error) {
	p := &profile{fields: map[string]*fieldProfile{}}
	for row := range s.Rows(source.Mark{}) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if row.Err != nil {
			p.refused++
			continue
		}
		if row.Fields == nil {
			continue
		}
		fields, err := record.ParseFields(row.Fields)
		if err != nil {
			p.refused++
			continue
		}
		p.wrapped = p.wrapped || row.ID != "" && s.Kind == source.JSONL
		p.rows++
		for _, name := range memberNames(row.Fields) {
			f := p.fields[name]
			if f == nil {
				f = &fieldProfile{name: name, distinct: map[string]int{}, found: map[gate.Entity]int{}}
				p.fields[name] = f
				p.order = append(p.order, name)
			}
			f.add(fields[name])
		}
		if p.rows == sampleRows {
			break
		}
	}
	return p, nil
}

// memberNames lists an object's names in their order.
func memberNames(object []byte) []string {
	var out []string
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return out
		}
		out = append(out, name.String())
		if dec.SkipValue() != nil {
			return out
		}
	}
	return out
}

func (f *fieldProfile) add(v any) {
	list, isList := v.([]any)
	if !isList {
		if f.value(v) {
			f.present++
		}
		return
	}
	f.lists++
	some := false
	for _, e := range list {
		some = f.value(e) || some
	}
	if some {
		f.present++
	}
}

// value counts one value, and reports whether it is one.
func (f *fieldProfile) value(v any) bool {
	text := ""
	switch v := v.(type) {
	case string:
		if text = strings.TrimSpace(v); text == "" {
			return false
		}
		f.strings++
		f.text(text)
	case json.Number:
		f.numbers++
		text = v.String()
	case bool:
		f.booleans++
		return true
	case nil:
		return false
	default:
		f.objects++
		return true
	}
	if len(f.distinct) < maxDistinct || f.distinct[text] > 0 {
		f.distinct[text]++
	}
	if len(f.examples) < maxExamples {
		f.examples = append(f.examples, cutText(text, maxExampleBytes))
	}
	return true
}

var otherDate = regexp.MustCompile(`^(\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2})([ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?$`)

func (f *fieldProfile) text(s string) {
	f.bytes += len(s)
	n := len(strings.Fields(s))
	f.words += n
	if n > 1 {
		f.spaced++
	}
	_, isTime := gate.ParseTime(s)
	switch {
	case isTime:
		f.dates++
	case otherDate.MatchString(s):
		f.days++
	case strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://"):
		f.links++
	}
}

func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// inspect runs the gate on the examples. A short value is read after its
// field's name, which tells as much as the words around it would.
func (f *fieldProfile) inspect(ctx context.Context, g *gate.Gate, p *gate.Policy) {
	prefix := strings.NewReplacer("_", " ", "-", " ", ".", " ").Replace(f.name) + ": "
	texts := make([]gate.Raw, 0, 2*len(f.examples))
	for _, v := range f.examples {
		texts = append(texts, gate.NewRaw(v), gate.NewRaw(named(prefix, v)))
	}
	results := g.Clean(ctx, p, texts)
	for i, v := range f.examples {
		alone, named := results[2*i], results[2*i+1]
		covered, found := cover(alone.Findings, 0), alone.Findings
		if c := cover(named.Findings, len(prefix)); c > covered {
			covered, found = c, named.Findings
		}
		if covered == 0 && alone.Err == nil {
			continue
		}
		f.personal++
		if 10*covered >= 6*len(v) {
			f.mostly++
		}
		for _, x := range found {
			f.found[x.Entity]++
		}
	}
	f.inspected = len(f.examples)
	f.examples = nil
}

// named puts a field's name before a value that has few words of its own.
func named(prefix, value string) string {
	const short = 64
	if len(value) >= short {
		return ""
	}
	return prefix + value
}

// cover counts the bytes of findings from an offset on.
func cover(found []gate.Finding, from int) int {
	n := 0
	for _, x := range found {
		n += max(0, x.End-max(x.Start, from))
	}
	return n
}

// entities lists what was found, the most frequent first.
func (f *fieldProfile) entities() string {
	names := slices.Sorted(maps.Keys(f.found))
	slices.SortStableFunc(names, func(a, b gate.Entity) int { return f.found[b] - f.found[a] })
	var out []string
	for _, n := range names[:min(3, len(names))] {
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}
