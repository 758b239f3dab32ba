package pii

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate"
)

// Place is a value that was found: where, what, how sure.
type Place struct {
	File   string      `json:"file,omitempty"`
	Line   int64       `json:"line"`
	Column int         `json:"column"` // in characters, from 1; in a row from the value's first
	End    int         `json:"-"`      // the column behind it, where it ends in the same line
	Field  string      `json:"field,omitempty"`
	Entity gate.Entity `json:"entity"`
	Score  float32     `json:"score"`
	Rule   string      `json:"rule"`
	Action gate.Action `json:"action,omitempty"`
	Value  string      `json:"value,omitempty"`
}

// Examiner looks at units.
type Examiner struct {
	Gate   *gate.Gate
	Policy *gate.Policy
	// All reports what the policy keeps, too, and findings that overlap.
	All    bool
	Values bool    // fill in the values
	Min    float32 // least score
}

// Examine finds what stands in a unit.
func (x *Examiner) Examine(ctx context.Context, u Unit) ([]Place, error) {
	prefix := contextOf(u.Field)
	found, err := x.find(ctx, prefix+u.Text)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b gate.Finding) int { return a.Start - b.Start })
	var out []Place
	line, at, start := u.Line, 0, 0 // of the text up to at; where the line starts
	for _, f := range found {
		from, to := f.Start-len(prefix), f.End-len(prefix)
		if from < 0 || f.Score < x.Min {
			continue
		}
		for i := at; i < from; i++ {
			if u.Text[i] == '\n' {
				line, start = line+1, i+1
			}
		}
		at = max(at, from)
		p := Place{
			File: u.File, Line: line, Field: u.Field, Entity: f.Entity, Score: f.Score, Rule: f.Rule, Action: f.Action,
			Column: 1 + utf8.RuneCountInString(u.Text[start:from]),
		}
		if !strings.Contains(u.Text[from:to], "\n") {
			p.End = p.Column + utf8.RuneCountInString(u.Text[from:to])
		}
		if x.Values {
			p.Value = u.Text[from:to]
		}
		out = append(out, p)
	}
	return out, nil
}

func (x *Examiner) find(ctx context.Context, text string) ([]gate.Finding, error) {
	raw := gate.NewRaw(text)
	if x.All {
		return x.Gate.AnalyzeUnder(x.Policy, raw)
	}
	r := x.Gate.Clean(ctx, x.Policy, []gate.Raw{raw})[0]
	return r.Findings, r.Err
}

// contextOf lets the detectors see the name of the field that a value is in.
func contextOf(field string) string {
	if field == "" {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return ' '
		}
		return r
	}, field) + ": "
}

// Sum counts places by type.
type Sum struct {
	Entity gate.Entity `json:"entity"`
	Found  int         `json:"found"`
	Files  int         `json:"files"`
	Lowest float32     `json:"lowest_score"`

	last string
}

// Summary counts what was found.
type Summary struct {
	by map[gate.Entity]*Sum
}

// Add counts a place; those of one file come together.
func (s *Summary) Add(p Place) {
	if s.by == nil {
		s.by = map[gate.Entity]*Sum{}
	}
	one := s.by[p.Entity]
	if one == nil {
		one = &Sum{Entity: p.Entity, Lowest: 1}
		s.by[p.Entity] = one
	}
	one.Found++
	one.Lowest = min(one.Lowest, p.Score)
	if file := "f" + p.File; one.last != file {
		one.last = file
		one.Files++
	}
}

// List is what was counted, the most frequent first.
func (s *Summary) List() []Sum {
	out := make([]Sum, 0, len(s.by))
	for _, one := range s.by {
		out = append(out, *one)
	}
	slices.SortFunc(out, func(a, b Sum) int {
		if a.Found != b.Found {
			return b.Found - a.Found
		}
		return strings.Compare(string(a.Entity), string(b.Entity))
	})
	return out
}
