package main

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/names/crf"
)

func generate(t *testing.T, seed uint64, n int) []Example {
	t.Helper()
	_, _, pools, err := readLexicon()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	examples := syntheticTraining(rng, pools, n)
	for _, e := range examples[:n/2] {
		examples = append(examples, renamed(rng, e, pools), recased(e, strings.ToUpper))
	}
	return examples
}

func TestOneSeedGivesOneText(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual(generate(t, 1, 200), generate(t, 1, 200)) {
		t.Error("two runs with one seed differ")
	}
	if reflect.DeepEqual(generate(t, 1, 200), generate(t, 2, 200)) {
		t.Error("two seeds give the same")
	}
}

func TestGeneratedSpansAreExact(t *testing.T) {
	t.Parallel()
	for _, e := range generate(t, 3, 2000) {
		end := 0
		for _, s := range e.Spans {
			if s.Start < end || s.End <= s.Start || s.End > len(e.Text) {
				t.Fatalf("span %v after %d in %q", s, end, e.Text)
			}
			if name := e.Text[s.Start:s.End]; strings.TrimSpace(name) != name {
				t.Errorf("%q has white space around it", name)
			}
			end = s.End
		}
		if strings.Contains(e.Text, "{P}") || strings.Contains(e.Text, "{G}") {
			t.Errorf("unfilled slot in %q", e.Text)
		}
	}
}

func TestRenderJoinsTokens(t *testing.T) {
	t.Parallel()
	s := tokens{
		words: strings.Fields("Anna Berg 's trip to Oslo ."),
		kinds: []int{0, 0, outside, outside, outside, 1, outside},
		begin: []bool{true, false, false, false, false, true, false},
	}
	got := s.render(false)
	want := Example{
		Text:  "Anna Berg's trip to Oslo.",
		Spans: []crf.Span{{Start: 0, End: 9, Kind: crf.Person}, {Start: 20, End: 24, Kind: crf.Location}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
