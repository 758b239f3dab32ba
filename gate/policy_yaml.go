package gate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast/holdfast/fault"
)

// ParsePolicies reads one or more policies from YAML documents. Errors name
// the line. Files that lists name are looked for in dir and read.
func ParsePolicies(data []byte, dir string) ([]Policy, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var all []Policy
	for {
		var p Policy
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if err := p.Resolve(dir); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Invalid, "there is no policy")
	}
	return all, nil
}

// Resolve finds the files that the policy's lists name, relative to dir, and
// notes what they hold: a list that changes later is another policy.
func (p *Policy) Resolve(dir string) error {
	for i, l := range p.Allow {
		if err := l.resolve(fmt.Sprintf("allow[%d]", i), dir); err != nil {
			return err
		}
	}
	for i, l := range p.Deny {
		if err := l.resolve(fmt.Sprintf("deny[%d]", i), dir); err != nil {
			return err
		}
	}
	for i, d := range p.Detectors {
		if err := d.resolve(fmt.Sprintf("detectors[%d]", i), dir); err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalYAML reads a policy and checks it; errors name the line.
func (p *Policy) UnmarshalYAML(n *yaml.Node) error {
	if err := knownKeys(n, reflect.TypeFor[Policy](), "policy"); err != nil {
		return err
	}
	type plain Policy // has no UnmarshalYAML
	if err := n.Decode((*plain)(p)); err != nil {
		return fault.New(fault.Invalid, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	err := p.Validate()
	if err == nil && p.Version < 1 {
		err = fault.Field("version", "a policy needs a version, 1 or more; raise it with every change")
	}
	if err == nil {
		err = p.knownTypes()
	}
	if own, ok := errors.AsType[*fault.Error](err); ok {
		return fault.New(fault.Invalid, "line %d: %w", lineOf(n, own.Field), err)
	}
	return err
}

// knownTypes finds rules for types that are misspelt. Others that nothing here
// finds may be those of a recogniser elsewhere.
func (p *Policy) knownTypes() error {
	known := Entities()
	for _, l := range p.Deny {
		known = append(known, l.Entity)
	}
	for _, d := range p.Detectors {
		known = append(known, d.Entity)
	}
	check := func(field string, rules Rules) error {
		for key := range rules {
			name, _, _ := strings.Cut(key, "/")
			if slices.Contains(known, Entity(name)) {
				continue
			}
			for _, e := range known {
				if misspelt(name, string(e)) {
					return fault.Field(field+"."+key, "nothing finds the type %q; is it %s?", name, e)
				}
			}
		}
		return nil
	}
	for class, rules := range p.Classification {
		if err := check("classification."+class+".rules", rules.Rules); err != nil {
			return err
		}
	}
	return check("rules", p.Rules)
}

// misspelt reports whether one name becomes the other by at most two changes
// of a letter (Levenshtein).
func misspelt(a, b string) bool {
	const most = 2
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return false
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)] <= most
}

// knownKeys refuses keys that a type has no field for.
func knownKeys(n *yaml.Node, t reflect.Type, what string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return knownKeys(n.Alias, t, what)
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			if err := knownKeys(item, t.Elem(), what); err != nil {
				return err
			}
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		for i := 1; i < len(n.Content); i += 2 {
			if err := knownKeys(n.Content[i], t.Elem(), n.Content[i-1].Value); err != nil {
				return err
			}
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		fields := yamlFields(t)
		for i := 1; i < len(n.Content); i += 2 {
			key := n.Content[i-1]
			of, ok := fields[key.Value]
			if !ok {
				return fault.New(fault.Invalid, "line %d: %s has no key %q", key.Line, what, key.Value)
			}
			if err := knownKeys(n.Content[i], of, key.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func yamlFields(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			maps.Copy(out, yamlFields(f.Type))
		case f.IsExported() && name != "":
			out[name] = f.Type
		}
	}
	return out
}

var pathStep = regexp.MustCompile(`\[(\d+)\]`)

// lineOf finds the line of a field by its path ("rules.PERSON.action"), or of
// what it would stand in.
func lineOf(n *yaml.Node, path string) int {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	path = strings.TrimPrefix(pathStep.ReplaceAllString(path, ".$1"), ".")
	if path == "" {
		return n.Line
	}
	step, rest, _ := strings.Cut(path, ".")
	switch n.Kind {
	case yaml.MappingNode:
		for i := 1; i < len(n.Content); i += 2 {
			if n.Content[i-1].Value != step {
				continue
			}
			if rest == "" {
				return n.Content[i-1].Line
			}
			return lineOf(n.Content[i], rest)
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i < len(n.Content) {
			return lineOf(n.Content[i], rest)
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode:
	}
	return n.Line
}
