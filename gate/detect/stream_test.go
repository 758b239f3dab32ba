package detect_test

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/holdfast/holdfast/gate/detect"
)

// mixture draws a text of about size bytes from what the tests of this package hold: prose, tables, values, hostile
// runs of up to a few kilobytes.
func mixture(rng *rand.Rand, size int) string {
	units := []string{prose, german, logs, dense, "name,date_of_birth,phone\nA,1984-03-12,020 7946 0958\n", "\n", "x "}
	for _, list := range [][]testCase{cases, contextCases} {
		for _, c := range list {
			text, _ := c.marked()
			units = append(units, text+"\n", text+" ")
		}
	}
	runs := slices.Sorted(maps.Keys(adversarial))
	var b strings.Builder
	for b.Len() < size {
		if rng.IntN(40) == 0 {
			unit := adversarial[runs[rng.IntN(len(runs))]]
			b.WriteString(repeat(unit, 1+rng.IntN(6<<10)))
			b.WriteString(" .\n\n")
			continue
		}
		b.WriteString(units[rng.IntN(len(units))])
	}
	return b.String()
}

// TestStreamFindsWhatTheWholeTextHolds is the property that makes Stream safe to use.
func TestStreamFindsWhatTheWholeTextHolds(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 1))
		text := mixture(rng, 700<<10+rng.IntN(300<<10))
		var got []detect.Finding
		var pieces strings.Builder
		for p, err := range detect.Stream(iotest.HalfReader(strings.NewReader(text)), s.Scan) {
			if err != nil {
				t.Fatal(err)
			}
			if p.Offset != pieces.Len() {
				t.Fatalf("piece at %d, want %d", p.Offset, pieces.Len())
			}
			pieces.WriteString(p.Text)
			for _, f := range p.Findings {
				if f.Start < p.Offset || f.End > p.Offset+len(p.Text) {
					t.Fatalf("seed %d: %+v crosses the piece [%d, %d)", seed, f, p.Offset, p.Offset+len(p.Text))
				}
			}
			got = append(got, p.Findings...)
		}
		if pieces.String() != text {
			t.Fatalf("seed %d: the pieces are not the stream", seed)
		}
		want := s.Scan(nil, text)
		for i := range max(len(got), len(want)) {
			if i >= len(got) || i >= len(want) || got[i] != want[i] {
				t.Errorf("seed %d: finding %d differs: got %+v, want %+v", seed, i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
				break
			}
		}
	}
}

// endless gives one unit again and again.
type endless struct {
	unit string
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = e.unit[e.at%len(e.unit)]
		e.at++
	}
	return len(p), nil
}

// TestStreamMemoryIsBounded compares the heap after two and after six megabytes, for a text full of values and for
// one that is a single run.
func TestStreamMemoryIsBounded(t *testing.T) {
	s := scanner(t)
	for _, unit := range []string{dense, "7", "é1"} {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		var early, most uint64
		for p, err := range detect.Stream(io.LimitReader(&endless{unit: unit}, 6<<20), s.Scan) {
			if err != nil {
				t.Fatal(err)
			}
			if now := heap(); early == 0 && p.Offset > 2<<20 {
				early = now
			} else {
				most = max(most, now)
			}
		}
		if most > early+16<<20 {
			t.Errorf("%q: the heap grows from %d to %d bytes", unit, early, most)
		}
	}
}

func TestStreamReportsAReaderThatFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the line is dead")
	r := io.MultiReader(strings.NewReader("call 020 7946 0958"), iotest.ErrReader(broken))
	for p, err := range detect.Stream(r, scanner(t).Scan) {
		if !errors.Is(err, broken) || len(p.Findings) > 0 {
			t.Errorf("got %+v, %v", p, err)
		}
	}
}
