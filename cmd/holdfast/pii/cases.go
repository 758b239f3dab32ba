package pii

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Case is a text with what a policy must make of it. What is not given is not
// checked.
type Case struct {
	Name     string                      `yaml:"name"`
	Text     string                      `yaml:"text"`
	Class    string                      `yaml:"class"`
	Subject  string                      `yaml:"subject"`
	Entities *[]gate.Entity              `yaml:"entities"` // transformed values, in any order
	Actions  map[gate.Entity]gate.Action `yaml:"actions"`
	Output   *string                     `yaml:"output"` // the display form
	Embed    *string                     `yaml:"embed"`  // the form with bare types
}

// ParseCases reads a list of cases.
func ParseCases(data []byte) ([]Case, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var cases []Case
	if err := dec.Decode(&cases); err != nil && !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "%s", strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "type pii.Case", "a case"))
	}
	if len(cases) == 0 {
		return nil, fault.New(fault.Invalid, "there are no cases")
	}
	return cases, nil
}

// Check says how what a policy makes of a case differs from what it must; no
// line is none. Values are in it only if show is set.
func Check(ctx context.Context, g *gate.Gate, p *gate.Policy, c Case, show bool) ([]string, error) {
	r := g.CleanTexts(ctx, p, []gate.Text{{Raw: gate.NewRaw(c.Text), Class: c.Class, Subject: gate.NewRaw(c.Subject)}})[0]
	if r.Err != nil {
		return nil, r.Err
	}
	var diff []string
	got := map[gate.Entity]int{}
	actions := map[gate.Entity]gate.Action{}
	for _, f := range r.Findings {
		got[f.Entity]++
		actions[f.Entity] = f.Action
	}
	if c.Entities != nil {
		want := map[gate.Entity]int{}
		for _, e := range *c.Entities {
			want[e]++
		}
		diff = append(diff, compare(want, got)...)
	}
	for _, e := range slices.Sorted(maps.Keys(c.Actions)) {
		switch {
		case got[e] == 0:
			diff = append(diff, fmt.Sprintf("- %s: %s, but none was found", e, c.Actions[e]))
		case actions[e] != c.Actions[e]:
			diff = append(diff, fmt.Sprintf("- %s: %s", e, c.Actions[e]), fmt.Sprintf("+ %s: %s", e, actions[e]))
		}
	}
	if c.Embed != nil && *c.Embed != r.Clean.Embed() {
		diff = append(diff, shown("embed form", *c.Embed, r.Clean.Embed(), show)...)
	}
	if c.Output != nil && *c.Output != r.Clean.Display() {
		diff = append(diff, shown("output", *c.Output, r.Clean.Display(), show)...)
	}
	return diff, nil
}

// compare lists types of which more or fewer were found than wanted.
func compare(want, got map[gate.Entity]int) []string {
	all := maps.Clone(want)
	maps.Copy(all, got)
	var diff []string
	for _, e := range slices.Sorted(maps.Keys(all)) {
		switch w, g := want[e], got[e]; {
		case w > g:
			diff = append(diff, fmt.Sprintf("- %s ×%d", e, w-g))
		case g > w:
			diff = append(diff, fmt.Sprintf("+ %s ×%d", e, g-w))
		}
	}
	return diff
}

// shown tells two texts apart; without leave only where they part.
func shown(what, want, got string, show bool) []string {
	if show {
		return []string{"- " + what + ": " + want, "+ " + what + ": " + got}
	}
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	return []string{fmt.Sprintf("± %s differs from byte %d on (%d bytes wanted, %d given); --show-values prints both", what, at, len(want), len(got))}
}
