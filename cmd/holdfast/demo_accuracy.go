package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast/cmd/holdfast/sample"
	"github.com/holdfast/holdfast/gate"
)

// accuracy compares what the gate transforms in the sample under the default
// policy with the labels beside it.
//
// A labelled value counts as found if every letter and digit of it is
// transformed, as whatever type; a finding counts as right if it touches a
// labelled value. Organisations and towns are labelled too, but the default
// policy keeps them: they are no values to be found, and a finding that
// touches nothing else is wrong.
type accuracy struct {
	score
	Characters float64          `json:"characters"` // share of labelled letters and digits transformed
	Types      map[string]score `json:"types"`
	LeftOut    map[string]int   `json:"left_out"` // labelled values that the policy keeps
}

// score is of one type: labelled values found, and findings that are right.
type score struct {
	Labelled  int     `json:"labelled"`
	Found     int     `json:"found"`
	Findings  int     `json:"findings"`
	Right     int     `json:"right"`
	Recall    float64 `json:"recall"`    // found of labelled
	Precision float64 `json:"precision"` // right of findings
	F1        float64 `json:"f1"`        // their harmonic mean
}

func (s score) plus(o score) score {
	s.Labelled, s.Found, s.Findings, s.Right = s.Labelled+o.Labelled, s.Found+o.Found, s.Findings+o.Findings, s.Right+o.Right
	s.Recall, s.Precision, s.F1 = 0, 0, 0
	if s.Labelled > 0 {
		s.Recall = float64(s.Found) / float64(s.Labelled)
	}
	if s.Findings > 0 {
		s.Precision = float64(s.Right) / float64(s.Findings)
	}
	if s.Recall+s.Precision > 0 {
		s.F1 = 2 * s.Recall * s.Precision / (s.Recall + s.Precision)
	}
	return s
}

// measureGate takes every ticket through the gate once more, for the places
// of the findings: the pipeline keeps none.
func (d *demo) measureGate(ctx context.Context, progress func(done, total int64)) (accuracy, error) {
	labels, err := sample.Labels()
	if err != nil {
		return accuracy{}, err
	}
	if len(labels) != len(d.tickets) {
		return accuracy{}, fmt.Errorf("the sample has %d records and labels of %d", len(d.tickets), len(labels))
	}
	app := d.client.owner.app
	policy, err := app.Policy("default")
	if err != nil {
		return accuracy{}, err
	}
	tallies := make([]tallied, len(labels))
	var done atomic.Int64
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range labels {
		g.Go(func() (err error) {
			f := d.tickets[i].Fields
			tallies[i], err = tallyTicket(ctx, app.Gate(), &policy, map[string]string{"subject": f.Subject, "body": f.Body}, l.Spans)
			progress(done.Add(1), int64(len(labels)))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return accuracy{}, err
	}
	return sum(tallies), nil
}

// tallied is what was counted in some tickets.
type tallied struct {
	types           map[string]score
	leftOut         map[string]int
	hidden, letters int
}

func tallyTicket(ctx context.Context, g *gate.Gate, p *gate.Policy, fields map[string]string, spans []sample.Span) (tallied, error) {
	t := tallied{types: map[string]score{}, leftOut: map[string]int{}}
	for name, text := range fields {
		r := g.Clean(ctx, p, []gate.Raw{gate.NewRaw(text)})[0]
		if r.Err != nil {
			return t, r.Err
		}
		gone, labelled := make([]bool, len(text)), make([]bool, len(text))
		for _, f := range r.Findings {
			mark(gone, f.Start, f.End)
		}
		for _, s := range spans {
			if s.Field != name {
				continue
			}
			if s.Start < 0 || s.End > len(text) || s.End <= s.Start {
				return t, errors.New("a label of the sample lies outside its field")
			}
			if kept := keptByDefault(s.Type, text[s.Start:s.End]); kept != "" {
				t.leftOut[kept]++
				continue
			}
			mark(labelled, s.Start, s.End)
			t.span(s, text, gone)
		}
		for _, f := range r.Findings {
			one := score{Findings: 1}
			if slices.Contains(labelled[f.Start:f.End], true) {
				one.Right = 1
			}
			t.add(string(f.Entity), one)
		}
	}
	return t, nil
}

func (t *tallied) add(entity string, s score) { t.types[entity] = t.types[entity].plus(s) }

// span counts one labelled value.
func (t *tallied) span(s sample.Span, text string, gone []bool) {
	hidden, letters := 0, 0
	for i, r := range text[s.Start:s.End] {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters++
			if gone[s.Start+i] {
				hidden++
			}
		}
	}
	one := score{Labelled: 1}
	if hidden == letters {
		one.Found = 1
	}
	t.add(s.Type, one)
	t.hidden, t.letters = t.hidden+hidden, t.letters+letters
}

func mark(where []bool, start, end int) {
	for i := start; i < end; i++ {
		where[i] = true
	}
}

// keptByDefault names what the default policy keeps of the labelled types. An
// address has a number in it; the sample labels bare towns by the same type.
func keptByDefault(entity, value string) string {
	switch {
	case entity == "ORGANIZATION":
		return "organisations"
	case entity == "LOCATION" && !strings.ContainsFunc(value, unicode.IsDigit):
		return "towns"
	}
	return ""
}

func sum(tallies []tallied) accuracy {
	out := accuracy{Types: map[string]score{}, LeftOut: map[string]int{}}
	hidden, letters := 0, 0
	for _, t := range tallies {
		for entity, s := range t.types {
			out.Types[entity] = out.Types[entity].plus(s)
			out.score = out.plus(s)
		}
		for what, n := range t.leftOut {
			out.LeftOut[what] += n
		}
		hidden, letters = hidden+t.hidden, letters+t.letters
	}
	out.Characters = float64(hidden) / float64(max(letters, 1))
	return out
}

// common are the types that get a line of their own; the rest are numbers
// that a state or a bank gives out.
var common = []string{
	"PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "LOCATION", "IP_ADDRESS", "SECRET", "DATE_OF_BIRTH", "CREDIT_CARD", "IBAN_CODE",
}

// printGate prints what was found, what became of it, and how right that was.
func (d *demo) printGate(entities []entityFigure, a accuracy) {
	type line struct {
		found  int
		action string
		score  score
		kinds  map[string]bool
	}
	lines := map[string]*line{}
	at := func(entity string) *line {
		name := entity
		if !slices.Contains(common, entity) {
			name = ""
		}
		if lines[name] == nil {
			lines[name] = &line{kinds: map[string]bool{}}
		}
		lines[name].kinds[entity] = true
		return lines[name]
	}
	total := 0
	for _, e := range entities {
		l := at(e.Entity)
		l.found, l.action = l.found+e.Count, e.Action
		total += e.Count
	}
	for entity, s := range a.Types {
		l := at(entity)
		l.score = l.score.plus(s)
	}
	var rows [][]string
	for _, entity := range append(slices.Clone(common), "") {
		l := at(entity)
		name := entity
		if entity == "" {
			name = fmt.Sprintf("%d kinds of ids", len(l.kinds)-1)
		}
		rows = append(rows, append([]string{name, comma(l.found), l.action}, l.score.cells()...))
	}
	rows = append(rows, append([]string{"all", comma(total), ""}, a.cells()...))
	d.columns([]string{"<personal data", "found", "<action", "labelled", "recall", "precision", "F1"}, rows)
}

func (s score) cells() []string {
	return []string{comma(s.Labelled), percent(s.Recall), percent(s.Precision), percent(s.F1)}
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }
