package flow_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

var size = record.Chunking{Target: 200, Max: 320}

func newGate(t testing.TB) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Key: bytes.Repeat([]byte{7}, gate.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func split(t testing.TB, g *gate.Gate, text string, size record.Chunking) []gate.Clean {
	t.Helper()
	p := gate.Policy{Name: "p", Otherwise: gate.Rule{Action: gate.Pseudonym}, Rules: map[string]gate.Rule{"PERSON": {Action: gate.Keep}}}
	r := g.Clean(t.Context(), &p, []gate.Raw{gate.NewRaw(text)})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	pieces, err := flow.Split(r.Clean, size)
	if err != nil {
		t.Fatal(err)
	}
	return pieces
}

// prose writes sentences of 4 to 24 words in paragraphs of 2 to 9 sentences.
func prose(rng *rand.Rand, sentences int) []string {
	out := make([]string, 0, sentences)
	for left := 0; len(out) < sentences; left-- {
		var b strings.Builder
		if left <= 0 {
			left = 2 + rng.IntN(8)
			if len(out) > 0 {
				b.WriteString("\n\n")
			}
		}
		for i := range 4 + rng.IntN(21) {
			w := fmt.Sprintf("w%x", rng.IntN(4000))
			if i == 0 {
				w = "W" + w[1:]
			}
			b.WriteString(w)
			b.WriteByte(' ')
		}
		out = append(out, strings.TrimSuffix(b.String(), " ")+". ")
	}
	return out
}

// An insertion, deletion or edit in the middle of a long document makes at
// most three new passages in 95% of positions.
func TestAnEditTouchesOnlyPassagesNearIt(t *testing.T) {
	g := newGate(t)
	rng := rand.New(rand.NewPCG(3, 4))
	doc := prose(rng, 15000)
	before := map[string]bool{}
	pieces := split(t, g, strings.Join(doc, ""), size)
	for _, p := range pieces {
		before[p.Embed()] = true
	}
	if len(pieces) < 900 {
		t.Fatalf("only %d passages", len(pieces))
	}
	const tries = 40
	within, worst := 0, 0
	for i := range tries {
		at := 1 + rng.IntN(len(doc)-2)
		edited := append([]string{}, doc[:at]...)
		switch i % 3 {
		case 0:
			edited = append(edited, "Quite another sentence was put in here by somebody. ")
			edited = append(edited, doc[at:]...)
		case 1:
			edited = append(edited, doc[at+1:]...)
		case 2:
			edited = append(edited, doc[at][:len(doc[at])-2]+" indeed. ")
			edited = append(edited, doc[at+1:]...)
		}
		fresh := 0
		for _, p := range split(t, g, strings.Join(edited, ""), size) {
			if !before[p.Embed()] {
				fresh++
			}
		}
		worst = max(worst, fresh)
		if fresh <= 3 {
			within++
		}
	}
	t.Logf("%d passages; at most 3 new in %d of %d edits, %d at worst", len(pieces), within, tries, worst)
	if within*100 < tries*95 {
		t.Errorf("at most 3 new passages in only %d of %d edits", within, tries)
	}
}

// Pieces cover the text in order, never cut a word or a value, and keep to
// the maximum.
func TestSplitProperties(t *testing.T) {
	g := newGate(t)
	rng := rand.New(rand.NewPCG(5, 6))
	alphabet := []string{"word", "Sentence.", "Jane.Doe@example.com", "\n", "\n\n", "日本語の文章です。", "x", "4111 1111 1111 1111", "- item", "| a | b |", "über!", "\t"}
	for range 100 {
		var b strings.Builder
		for range rng.IntN(600) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
			b.WriteByte(' ')
		}
		checkPieces(t, b.String(), split(t, g, b.String(), record.Chunking{Target: 20, Max: 40}))
	}
}

func checkPieces(t *testing.T, text string, pieces []gate.Clean) {
	t.Helper()
	var joined strings.Builder
	last := 0
	for i, p := range pieces {
		if p.Empty() || strings.TrimSpace(p.Display()) != p.Display() {
			t.Fatalf("piece %d is not trimmed: %q", i, p.Display())
		}
		start, end := p.Source()
		if start < last || end <= start || end > len(text) {
			t.Fatalf("piece %d spans %d:%d of %d", i, start, end, len(text))
		}
		if start > 0 && !boundary(text[:start], text[start:]) {
			t.Fatalf("piece %d begins inside a word: …%q", i, text[max(0, start-10):start+3])
		}
		last = end
		joined.WriteString(strings.Join(strings.Fields(p.Embed()), ""))
	}
	if strings.Contains(joined.String(), "example.com") {
		t.Fatal("a value stands in the embed form")
	}
}

func boundary(before, after string) bool {
	b, a := before[len(before)-1], after[0]
	space := func(c byte) bool { return c == ' ' || c == '\n' || c == '\t' }
	return space(b) || space(a) || b >= 0x80 || a >= 0x80
}

func TestSplitHandlesAnyText(t *testing.T) {
	g := newGate(t)
	for name, text := range map[string]string{
		"empty": "", "blank": " \n\t ", "one word": "x", "one long word": strings.Repeat("abcdefgh", 1<<17),
		"one line of many words": strings.Repeat("same words again ", 1<<15), "only marks": strings.Repeat("=", 1<<16),
		"wide": strings.Repeat("日本語", 1<<14), "newlines": strings.Repeat("\n", 1<<16), "log": strings.Repeat("GET /x 200\n", 1<<14),
	} {
		pieces := split(t, g, text, size)
		if strings.TrimSpace(text) == "" && len(pieces) > 0 {
			t.Errorf("%s: %d pieces of nothing", name, len(pieces))
		}
		for _, p := range pieces {
			if len(p.Embed()) > 16*size.Max {
				t.Errorf("%s: a piece of %d bytes", name, len(p.Embed()))
				break
			}
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	g := newGate(b)
	doc := strings.Join(prose(rand.New(rand.NewPCG(1, 1)), 2000), "")
	p := gate.Policy{Name: "p", Otherwise: gate.Rule{Action: gate.Keep}}
	c := g.Clean(b.Context(), &p, []gate.Raw{gate.NewRaw(doc)})[0].Clean
	b.SetBytes(int64(len(doc)))
	for b.Loop() {
		if _, err := flow.Split(c, size); err != nil {
			b.Fatal(err)
		}
	}
}
