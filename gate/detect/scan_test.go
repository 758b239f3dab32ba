package detect_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate/detect"
)

// boundaries marks the offsets of text at which a rune begins, and its end.
func boundaries(text string) []bool {
	b := make([]bool, len(text)+1)
	for i := 0; i < len(text); {
		b[i] = true
		_, w := utf8.DecodeRuneInString(text[i:])
		i += w
	}
	b[len(text)] = true
	return b
}

// checkSpans fails unless the findings are valid spans of text, sorted and apart.
func checkSpans(t *testing.T, text string, found []detect.Finding) {
	t.Helper()
	b := boundaries(text)
	end := 0
	for _, f := range found {
		if f.Start < end || f.End <= f.Start || f.End > len(text) {
			t.Fatalf("span [%d, %d) after one that ended at %d, in %d bytes", f.Start, f.End, end, len(text))
		}
		if !b[f.Start] || !b[f.End] {
			t.Fatalf("span [%d, %d) of %s splits a character", f.Start, f.End, f.Rule)
		}
		if f.Score <= 0 || f.Score > 1 || f.Type == "" || f.Rule == "" {
			t.Fatalf("finding without type, rule or score in (0, 1]: %+v", f)
		}
		end = f.End
	}
}

// neutral is text longer than any look around, without anything to find.
var neutral = strings.Repeat("the quick brown fox jumps over the lazy dog; ", 200) + "\n\n\n"

// FuzzScan checks what must hold for any text: no panic, valid spans, the same answer twice, and that text far away
// changes nothing.
func FuzzScan(f *testing.F) {
	for name, unit := range adversarial {
		f.Add(repeat(unit, 300))
		f.Add(unit + name)
	}
	for _, c := range cases {
		f.Add(c.text)
	}
	f.Add("")
	s, err := detect.New(detect.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := s.Scan(nil, text)
		checkSpans(t, text, found)
		if again := s.Scan(nil, text); !slices.Equal(found, again) {
			t.Fatalf("two scans of one text differ: %v and %v", found, again)
		}
		// A line break on each side keeps the neutral text from touching the value itself.
		alone := s.Scan(nil, "\n\n"+text+"\n\n")
		amid := s.Scan(nil, neutral+text+"\n\n"+neutral)
		for i := range alone {
			alone[i].Start += len(neutral) - 2
			alone[i].End += len(neutral) - 2
		}
		if !slices.Equal(alone, amid) {
			t.Fatalf("far text changes the findings:\n%v\n%v", alone, amid)
		}
	})
}

func TestNeutralTextHoldsNothing(t *testing.T) {
	t.Parallel()
	if found := scanner(t).Scan(nil, neutral); len(found) != 0 {
		t.Fatalf("found %v", found)
	}
}

// TestCopiesGiveTheSameFindings: the findings in n copies of a text, kept apart, are n times those in one.
func TestCopiesGiveTheSameFindings(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	one := s.Scan(nil, prose+neutral)
	many := s.Scan(nil, strings.Repeat(prose+neutral, 50))
	if len(many) != 50*len(one) {
		t.Fatalf("%d findings in 50 copies of a text with %d", len(many), len(one))
	}
	for i, f := range many {
		want := one[i%len(one)]
		want.Start += i / len(one) * len(prose+neutral)
		want.End += i / len(one) * len(prose+neutral)
		if f != want {
			t.Fatalf("copy %d: %+v, want %+v", i/len(one), f, want)
		}
	}
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for _, unit := range adversarial {
		for _, n := range []int{1, 7, 4000, 1 << 16} {
			text := repeat(unit, n)
			checkSpans(t, text, s.Scan(nil, text))
		}
	}
}

func TestHugeText(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("\x00\xff e\u0301 \u202e"+prose, 50<<20/len(prose))
	found := scanner(t).Scan(nil, text)
	if len(found) == 0 {
		t.Fatal("found nothing in 50 MB")
	}
}

func TestScanAppends(t *testing.T) {
	t.Parallel()
	first := detect.Finding{Start: 1, End: 2, Type: detect.URL, Rule: "kept", Score: 1}
	got := scanner(t).Scan([]detect.Finding{first}, "write to jane@example.com")
	if len(got) != 2 || got[0] != first || got[1].Type != detect.Email {
		t.Fatalf("got %+v", got)
	}
}

func TestConcurrentScans(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	want := s.Scan(nil, dense)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := s.Scan(nil, dense); !slices.Equal(got, want) {
					t.Errorf("concurrent scan differs: %v", got)
				}
			}
		})
	}
	wg.Wait()
}

func TestOptions(t *testing.T) {
	t.Parallel()
	s, err := detect.New(detect.Options{Types: []detect.Type{detect.Email}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range s.Scan(nil, dense) {
		if f.Type != detect.Email {
			t.Fatalf("found %s, asked for mail addresses only", f.Type)
		}
	}
	for _, o := range []detect.Options{{Types: []detect.Type{"NO_SUCH"}}, {Regions: []string{"XX"}}} {
		if _, err := detect.New(o); fault.KindOf(err) != fault.Invalid {
			t.Fatalf("%+v: error %v, want kind invalid", o, err)
		}
	}
}

func TestVersionIsNotEmpty(t *testing.T) {
	t.Parallel()
	if scanner(t).Version() == "" {
		t.Fatal("no version: texts could not be gated again after a change of rules")
	}
}
