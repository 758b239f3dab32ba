package gate_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate"
)

// What the gate decides at a place depends on at most 4 KiB of text around
// it, so that an edit far away changes no passage here.
func TestAFarEditChangesNothingHere(t *testing.T) {
	const reach = 4 << 10
	g := newGate(t, 1)
	rng := rand.New(rand.NewPCG(11, 12))
	parts := []string{
		"Dear Margaret Okonkwo, ", "call +44 20 7946 0958 ", "card 4111 1111 1111 1111 ", "IBAN DE89 3704 0044 0532 0130 00 ",
		"from 12 Baker Street, London NW1 6XE ", "password: correct-Horse7 ", "the router lost its connection again. ",
		"Margaret wrote back\n", "jane (at) example dot com ", "\n\n", "| name | Tobias Lindqvist |\n", "order 4711 of 2 March 2025, ", "MR OKONKWO ",
	}
	random := func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		return b.String()
	}
	for range 20 {
		before, here, after := random(2*reach), random(reach), random(2*reach)
		want := within(t, g, before+here+after, len(before), len(here))
		edited := random(300) + before
		if got := within(t, g, edited+here+after+random(300), len(edited), len(here)); got != want {
			t.Fatalf("far edits changed what is found here:\n%s\n%s", got, want)
		}
	}
}

// within describes the findings inside a part of a text, by their place in it.
func within(t *testing.T, g *gate.Gate, text string, start, length int) string {
	t.Helper()
	found, err := g.Analyze(gate.NewRaw(text))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range found {
		if f.Start >= start && f.End <= start+length {
			f.Start, f.End = f.Start-start, f.End-start
			b.WriteString(string(f.Entity) + " " + text[start+f.Start:start+f.End] + "; ")
		}
	}
	return b.String()
}
