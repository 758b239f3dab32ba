package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast/holdfast/gate/names"
	"github.com/holdfast/holdfast/gate/names/crf"
)

// Set is a held-out test set.
type Set struct {
	Name     string
	Examples []Example
}

// testSets are the held-out parts as people write them, the same with the corpora's
// spaces between all tokens, and generated text of another seed.
func testSets(corpora []Corpus, pools *Pools) []Set {
	var sets []Set
	for _, spaced := range []bool{false, true} {
		for _, c := range corpora {
			if len(c.Test) == 0 {
				continue
			}
			set := Set{Name: c.Name}
			if spaced {
				set.Name += " (spaced)"
			}
			for _, s := range c.Test {
				set.Examples = append(set.Examples, s.render(spaced))
			}
			sets = append(sets, set)
		}
	}
	return append(sets, syntheticTest(pools)...)
}

type tally struct{ found, right, gold int }

func (t tally) prf() (p, r, f float64) {
	p, r = float64(t.right)/math.Max(1, float64(t.found)), float64(t.right)/math.Max(1, float64(t.gold))
	return p, r, 2 * p * r / math.Max(1e-9, p+r)
}

func blurred(e *Example, s crf.Span) bool {
	return slices.ContainsFunc(e.Unknown, func(u [2]int) bool { return s.Start < u[1] && s.End > u[0] })
}

// tagFunc appends the spans of text to dst.
type tagFunc func(dst []crf.Span, text string) []crf.Span

// product tags as package names does.
func product(t *names.Tagger, recall bool) tagFunc {
	var found []names.Span
	return func(dst []crf.Span, text string) []crf.Span {
		found = t.Tag(found[:0], text, names.Options{Recall: recall})
		for _, s := range found {
			dst = append(dst, crf.Span{Start: s.Start, End: s.End, Kind: crf.Kind(s.Label), Score: s.Score})
		}
		return dst
	}
}

// measure counts exact matches of kind and bounds.
func measure(tag tagFunc, set Set, wrong func(e *Example, s crf.Span, missed bool)) (kinds [3]tally, bytes int, elapsed time.Duration) {
	var spans []crf.Span
	for i := range set.Examples {
		e := &set.Examples[i]
		bytes += len(e.Text)
		began := time.Now()
		spans = tag(spans[:0], e.Text)
		elapsed += time.Since(began)
		same := func(a, b crf.Span) bool { return a.Start == b.Start && a.End == b.End && a.Kind == b.Kind }
		for _, s := range spans {
			if blurred(e, s) {
				continue
			}
			kinds[s.Kind].found++
			if slices.ContainsFunc(e.Spans, func(g crf.Span) bool { return same(g, s) }) {
				kinds[s.Kind].right++
			} else if wrong != nil {
				wrong(e, s, false)
			}
		}
		for _, g := range e.Spans {
			if blurred(e, g) {
				continue
			}
			kinds[g.Kind].gold++
			if wrong != nil && !slices.ContainsFunc(spans, func(s crf.Span) bool { return same(g, s) }) {
				wrong(e, g, true)
			}
		}
	}
	return kinds, bytes, elapsed
}

// report writes precision, recall and F1 of each kind and set, and so many errors of
// each set, which quote the corpora.
func report(w io.Writer, tag tagFunc, sets []Set, errors int) error {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%-26s  %-17s  %-17s  %-17s\n", "", "person", "location", "organisation")
	fmt.Fprintf(&out, "%-26s %s micro  MB/s\n", "exact spans", strings.Repeat("     P     R    F1 ", 3))
	for _, set := range sets {
		kinds, size, elapsed := measure(tag, set, nil)
		fmt.Fprintf(&out, "%-26s", set.Name)
		var all tally
		for _, k := range kinds {
			p, r, f := k.prf()
			fmt.Fprintf(&out, " %5.3f %5.3f %5.3f ", p, r, f)
			all = tally{all.found + k.found, all.right + k.right, all.gold + k.gold}
		}
		_, _, f := all.prf()
		fmt.Fprintf(&out, " %5.3f %5.1f\n", f, float64(size)/1e6/elapsed.Seconds())
	}
	for _, set := range sets {
		left := errors
		measure(tag, set, func(e *Example, s crf.Span, missed bool) {
			if left--; left < 0 {
				return
			}
			what := "wrong "
			if missed {
				what = "missed"
			}
			fmt.Fprintf(&out, "%s %s %d %q in %q\n", set.Name, what, s.Kind, e.Text[s.Start:s.End], e.Text[max(0, s.Start-60):min(len(e.Text), s.End+60)])
		})
	}
	fmt.Fprintf(&out, "calibration error %.3f\n", calibrationError(tag, sets))
	_, err := w.Write(out.Bytes())
	return err
}

// judged gives the score of every span found in the sets, and whether it is right.
func judged(tag tagFunc, sets []Set) (scores []float64, right []bool) {
	for _, set := range sets {
		for i := range set.Examples {
			e := &set.Examples[i]
			for _, s := range tag(nil, e.Text) {
				if blurred(e, s) {
					continue
				}
				scores = append(scores, float64(s.Score))
				right = append(right, slices.ContainsFunc(e.Spans, func(g crf.Span) bool {
					return g.Start == s.Start && g.End == s.End && g.Kind == s.Kind
				}))
			}
		}
	}
	return scores, right
}

// calibrationError is the mean distance between score and precision, over ten bins of scores.
func calibrationError(tag tagFunc, sets []Set) float64 {
	scores, right := judged(tag, sets)
	var gap [10]float64
	for i, p := range scores {
		bin := min(int(p*10), 9)
		gap[bin] += p
		if right[i] {
			gap[bin]--
		}
	}
	sum := 0.0
	for _, g := range gap {
		sum += math.Abs(g)
	}
	return sum / math.Max(1, float64(len(scores)))
}

// calibrate fits the two parameters of a logistic curve that maps the model's
// probabilities to how often its spans are right (Platt 1999), on the held-out sets.
func calibrate(model *crf.Model, sets []Set) [2]float32 {
	scratch := model.NewScratch()
	x, right := judged(func(dst []crf.Span, text string) []crf.Span { return scratch.Tag(dst, text, 1.5, 0) }, sets)
	for i, p := range x {
		p = math.Min(math.Max(p, 1e-6), 1-1e-6)
		x[i] = math.Log(p / (1 - p))
	}
	a, b := 0.0, 1.0
	for range 2000 {
		var ga, gb float64
		for i := range x {
			d := 1 / (1 + math.Exp(-a-b*x[i]))
			if right[i] {
				d--
			}
			ga += d
			gb += d * x[i]
		}
		a -= 0.5 * ga / float64(len(x))
		b -= 0.05 * gb / float64(len(x))
	}
	return [2]float32{float32(a), float32(b)}
}
