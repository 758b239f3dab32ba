package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// trainingSet is the corpora's training parts in several dresses, and generated text.
func trainingSet(corpora []Corpus, silver []Example, pools *Pools, opts trainOptions) []Example {
	rng := rand.New(rand.NewPCG(opts.Seed, 1))
	var examples []Example
	for _, c := range corpora {
		for _, s := range c.Train {
			plain, spaced := s.render(false), s.render(true)
			examples = append(examples, plain, plain) // they are worth more than what is made from them
			if rng.Float64() < 0.5 {
				examples = append(examples, spaced)
			}
			if len(plain.Spans) > 0 || rng.Float64() < 0.3 {
				examples = append(examples, renamed(rng, plain, pools))
			}
			if rng.Float64() < 0.35 {
				examples = append(examples, recased(plain, strings.ToLower))
			}
			if rng.Float64() < 0.2 {
				examples = append(examples, recased(renamed(rng, plain, pools), strings.ToUpper))
			}
		}
	}
	rng.Shuffle(len(silver), func(i, j int) { silver[i], silver[j] = silver[j], silver[i] })
	for _, e := range silver[:min(len(silver), opts.SilverTexts)] {
		examples = append(examples, e)
		if len(e.Spans) == 0 {
			continue
		}
		switch rng.IntN(4) {
		case 0:
			examples = append(examples, recased(e, strings.ToLower))
		case 1:
			examples = append(examples, renamed(rng, e, pools))
		}
	}
	return append(examples, syntheticTraining(rng, pools, opts.Synthetic)...)
}

// recased changes the case of a text; one whose byte offsets would shift stays as it is.
func recased(e Example, change func(string) string) Example {
	text := change(e.Text)
	if len(text) != len(e.Text) {
		return e
	}
	for i := range text {
		if !utf8.RuneStart(text[i]) != !utf8.RuneStart(e.Text[i]) {
			return e
		}
	}
	e.Text = text
	return e
}

// renamed replaces the persons of a text by others, consistently in form: a single
// name stays single, case stays case. Half of the places are replaced too.
func renamed(rng *rand.Rand, e Example, pools *Pools) Example {
	out := Example{}
	var b strings.Builder
	last := 0
	shift := func(pos int) int { return pos - last + b.Len() }
	type edit struct {
		at   int
		span crf.Span
		mask [2]int
		name string
	}
	var edits []edit
	for _, s := range e.Spans {
		old := e.Text[s.Start:s.End]
		name := old
		switch {
		case s.Kind == crf.Person && rng.Float64() < 0.85:
			culture := pools.culture(rng)
			switch strings.Count(old, " ") {
			case 0:
				name = culture.given(rng)
				if rng.Float64() < 0.4 {
					name = culture.surname(rng)
				}
			default:
				name = culture.person(rng)
			}
		case s.Kind == crf.Location && rng.Float64() < 0.5 && !strings.ContainsAny(old, "0123456789"):
			name = pools.place(rng)
		}
		first, _ := utf8.DecodeRuneInString(old)
		switch {
		case unicode.IsLower(first):
			name = strings.ToLower(name)
		case len(old) > 3 && old == strings.ToUpper(old):
			name = strings.ToUpper(name)
		}
		edits = append(edits, edit{at: s.Start, span: s, name: name})
	}
	for _, u := range e.Unknown {
		edits = append(edits, edit{at: u[0], mask: u, span: crf.Span{End: -1}})
	}
	slices.SortStableFunc(edits, func(a, b edit) int { return a.at - b.at })
	for _, x := range edits {
		if x.at < last {
			continue
		}
		b.WriteString(e.Text[last:x.at])
		last = x.at
		if x.span.End < 0 {
			out.Unknown = append(out.Unknown, [2]int{shift(x.mask[0]), shift(x.mask[1])})
			continue
		}
		start := b.Len()
		b.WriteString(x.name)
		out.Spans = append(out.Spans, crf.Span{Start: start, End: b.Len(), Kind: x.span.Kind})
		last = x.span.End
	}
	b.WriteString(e.Text[last:])
	out.Text = b.String()
	return out
}
