package builtin_test

import (
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
	"github.com/holdfast/holdfast/gate"
)

func TestEmbedder(t *testing.T) {
	conform.Embedder(t, func(t *testing.T) embedding.Embedder {
		t.Helper()
		e, err := builtin.New()
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}

func TestUnfamiliar(t *testing.T) {
	e, err := builtin.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text     string
		min, max float32
	}{
		{"", 0, 0},
		{"?! ...", 0, 0},
		{"When was the house built, and by whom?", 0, 0},
		{"Wann wurde die Rechnung beglichen, und von wem?", 0.3, 0.9},
		{"ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", 1, 1},
	} {
		clean := conform.CleanTexts(t, gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}, test.text)
		if got := e.Unfamiliar(clean[0]); got < test.min || got > test.max {
			t.Errorf("%q: %v, want between %v and %v", test.text, got, test.min, test.max)
		}
	}
}
