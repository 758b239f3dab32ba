package detect_test

import (
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

// checkLinear fails where the steps for a text grow faster than the text: those for four copies may be four times
// those for one, and those for sixteen four times again, and a little for what begins and ends.
func checkLinear(t *testing.T, s *detect.Scanner, unit string) {
	t.Helper()
	const slack = 2000
	n := 6 << 10
	one, four, sixteen := s.Steps(repeat(unit, n)), s.Steps(repeat(unit, 4*n)), s.Steps(repeat(unit, 16*n))
	if four > 4*one+one/2+slack || sixteen > 4*four+four/2+slack {
		t.Errorf("%q: %d steps for a text, %d for four times as much, %d for sixteen times", unit, one, four, sixteen)
	}
	if most := 300 * n; one > most {
		t.Errorf("%q: %d steps for %d bytes", unit, one, n)
	}
}

func TestWorkIsLinear(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for _, unit := range adversarial {
		checkLinear(t, s, unit)
	}
	for _, list := range [][]testCase{cases, contextCases} {
		for _, c := range list {
			text, _ := c.marked()
			checkLinear(t, s, text)
			checkLinear(t, s, text+"\n")
		}
	}
}

// FuzzWork looks for a text whose repetition costs more than its length.
func FuzzWork(f *testing.F) {
	for _, unit := range adversarial {
		f.Add(unit)
	}
	s, err := detect.New(detect.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, unit string) {
		if unit != "" && len(unit) < 4<<10 {
			checkLinear(t, s, unit)
		}
	})
}
