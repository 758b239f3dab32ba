package names_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate/names"
)

var tagger = sync.OnceValues(names.Load)

func load(t testing.TB) *names.Tagger {
	t.Helper()
	loaded, err := tagger()
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// found lists spans as "LABEL text".
func found(text string, spans []names.Span) []string {
	list := []string{}
	for _, s := range spans {
		list = append(list, s.Label.String()+" "+text[s.Start:s.End])
	}
	return list
}

// The people here are invented.
var sentences = []struct {
	text string
	want []string
}{
	{"Please call Maria Gonzalez tomorrow.", []string{"PERSON Maria Gonzalez"}},
	{"Hi Thomas,\n\nthanks for the quick reply.\n\nBest regards,\nAisha Rahman", []string{"PERSON Thomas", "PERSON Aisha Rahman"}},
	{"Dear Dr. Whitfield, your results are ready.", []string{"PERSON Whitfield"}},
	{"Sehr geehrte Frau Lindemann, Ihre Bestellung wurde versandt.", []string{"PERSON Lindemann"}},
	{"Bonjour Monsieur Lefebvre, votre commande est partie.", []string{"PERSON Lefebvre"}},
	{"Me llamo Javier Ortega y vivo en Sevilla.", []string{"PERSON Javier Ortega", "LOCATION Sevilla"}},
	{"We met Pieter van der Berg and Siobhan O'Brien in Rotterdam.", []string{"PERSON Pieter van der Berg", "PERSON Siobhan O'Brien", "LOCATION Rotterdam"}},
	{"Anna-Lena Schmidt-Bauer's card was declined in Berlin.", []string{"PERSON Anna-Lena Schmidt-Bauer", "LOCATION Berlin"}},
	{"Name: Priya Natarajan\nCity: Chennai", []string{"PERSON Priya Natarajan", "LOCATION Chennai"}},
	{"spoke to kevin about the refund", []string{"PERSON kevin"}},
	{"URGENT: JOHN MILLER MUST CALL US TODAY", []string{"PERSON JOHN MILLER"}},
	{`{"name": "Olena Kovalenko", "city": "Lviv"}`, []string{"PERSON Olena Kovalenko", "LOCATION Lviv"}},
	{"I moved from San Francisco to New York last year.", []string{"LOCATION San Francisco", "LOCATION New York"}},
	{"Deliver to 14 Baker Street, London.", []string{"LOCATION 14 Baker Street", "LOCATION London"}},
	{"[PERSON] called about [LOCATION] and [PERSON] was not there.", []string{}},
	{"Dear Customer,\n\nThank You for contacting Customer Service.\n\nBest Regards,\nThe Support Team", []string{}},
	{"Will you mark the invoice as paid in May?", []string{}},
	{"2024-03-01 10:22:01 INFO worker started in 20 ms", []string{}},
	{"Buenas tardes, le escribe Javier Ortega desde Sevilla.", []string{"PERSON Javier Ortega", "LOCATION Sevilla"}},
	{"Wir haben den Beamer getestet, der Techniker Müller bringt die Leiter zum Dach.", []string{"PERSON Müller"}},
	{"", []string{}},
	// What a single sentence does not show.
	{"Makena S.: my order is late\nTom B.: which order?\nMakena S.: the blue one", []string{"PERSON Makena S.", "PERSON Tom B.", "PERSON Makena S."}},
	{"[09:12] Anna: hello\n[09:13] Zurriq: hi\n[09:14] Anna: how are you?\n[09:15] Zurriq: fine", []string{"PERSON Anna", "PERSON Zurriq", "PERSON Anna", "PERSON Zurriq"}},
	{"Question: why?\nAnswer: because.\nQuestion: when?\nAnswer: now.", []string{}},
	{"Warm regards,\nXolqui Braevik", []string{"PERSON Xolqui Braevik"}},
	{"Dear Xolqui,\n\nYour order is late. XOLQUI'S CARD WAS DECLINED.", []string{"PERSON Xolqui", "PERSON XOLQUI"}},
	{"Dear Xolqui,\n\nsee /home/xolqui/Xolqui.png and [XOLQUI].", []string{"PERSON Xolqui"}},
	{"Guten Tag Xolqui,\n\nIhre Lieferung ist da.", []string{"PERSON Xolqui"}},
	{"Bonjour Xolqui,\nmerci.\n\nCordialement,\nYezrin Kovtaal", []string{"PERSON Xolqui", "PERSON Yezrin Kovtaal"}},
	{"Please send Ji-woo Kang the Berlin report.", []string{"PERSON Ji-woo Kang", "LOCATION Berlin"}},
	{"Product: Oscar kettle\nSerial: 4711", []string{}},
	{"Im Karton lag leider nur die Rechnung vom Freitag.", []string{}},
	{"Set up by Adamczyk, Bartosz on Monday.", []string{"PERSON Adamczyk, Bartosz"}},
	{"Write to xolqui.braevik@example.org. The parcel was left with Xolqui in error.", []string{"PERSON Xolqui"}},
}

func TestFindsNames(t *testing.T) {
	t.Parallel()
	loaded := load(t)
	for _, test := range sentences {
		if got := found(test.text, loaded.Tag(nil, test.text, names.Options{})); !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}

func TestRecallFindsNoLess(t *testing.T) {
	t.Parallel()
	loaded := load(t)
	covered := func(spans []names.Span) (n int) {
		for _, s := range spans {
			n += s.End - s.Start
		}
		return n
	}
	text := letter(rand.New(rand.NewPCG(1, 1)), 200)
	plain, eager := loaded.Tag(nil, text, names.Options{}), loaded.Tag(nil, text, names.Options{Recall: true})
	if covered(eager) < covered(plain) {
		t.Errorf("eager covers %d bytes, plain %d", covered(eager), covered(plain))
	}
}

func TestThresholdLeavesOutLowScores(t *testing.T) {
	t.Parallel()
	loaded := load(t)
	text := letter(rand.New(rand.NewPCG(2, 1)), 200)
	all := loaded.Tag(nil, text, names.Options{})
	var want []names.Span
	for _, s := range all {
		if s.Score < 0 || s.Score > 1 {
			t.Errorf("score %v is no probability", s.Score)
		}
		if s.Score >= 0.9 {
			want = append(want, s)
		}
	}
	if len(want) == 0 || len(want) == len(all) {
		t.Fatalf("%d of %d spans reach 0.9: the test shows nothing", len(want), len(all))
	}
	if got := loaded.Tag(nil, text, names.Options{Threshold: 0.9}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %d spans, want %d", len(got), len(want))
	}
}

// letter makes n sentences out of those above.
func letter(rng *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(sentences[rng.IntN(len(sentences))].text)
		b.WriteString([]string{" ", "\n", "\n\n", ", "}[rng.IntN(4)])
	}
	return b.String()
}

// Text more than 4 KiB away changes nothing.
func TestFarTextChangesNothing(t *testing.T) {
	t.Parallel()
	const far = 4096
	loaded := load(t)
	rng := rand.New(rand.NewPCG(3, 1))
	for range 60 {
		before, after := letter(rng, 120), letter(rng, 120)
		switch rng.IntN(5) { // texts that are one long run of possible names, and other extremes
		case 0:
			before = strings.Repeat("Maria Anna Peter ", 600)
		case 1:
			after = strings.Repeat("Berlin Paris Rome ", 600)
		case 2:
			before = strings.Repeat("a", 9000) + " "
			after = strings.Repeat(" ", 9000)
		case 3: // a chat whose only known name is far away
			before = "[09:12] Anna: hello\n" + strings.Repeat("[09:13] Zurriq: hi, I am waiting\n", 150)
			after = "[09:14] Zurriq: still waiting\n" + after
		}
		middle := letter(rng, 3)
		near := tail(before, far) + middle + head(after, far)
		full := before + middle + after
		within := func(text string, start int) []names.Span {
			var kept []names.Span
			for _, s := range loaded.Tag(nil, text, names.Options{}) {
				if s.Start >= start && s.End <= start+len(middle) {
					s.Start -= start
					s.End -= start
					kept = append(kept, s)
				}
			}
			return kept
		}
		got, want := within(full, len(before)), within(near, len(tail(before, far)))
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v in the whole, %v in its surroundings", middle, got, want)
		}
	}
}

func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	for s != "" && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	return s
}

func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func TestConcurrentUseGivesTheSame(t *testing.T) {
	t.Parallel()
	loaded := load(t)
	rng := rand.New(rand.NewPCG(4, 1))
	texts := make([]string, 8)
	want := make([][]names.Span, len(texts))
	for i := range texts {
		texts[i] = letter(rng, 40)
		want[i] = loaded.Tag(nil, texts[i], names.Options{})
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				for i, text := range texts {
					if got := loaded.Tag(nil, text, names.Options{}); !reflect.DeepEqual(got, want[i]) {
						t.Errorf("text %d differs", i)
					}
				}
			}
		})
	}
	group.Wait()
}

func FuzzTag(f *testing.F) {
	loaded := load(f)
	for _, test := range sentences {
		f.Add(test.text)
	}
	for _, text := range []string{
		"\x00Maria\x00", "Mar\xffia \xc3", "Mari\u0301a O\u0308zil", "\u202eMaria\u202c \u2066Peter\u2069", "a\u200bb\u200dc", "Jo\u00adhn",
		strings.Repeat(".", 5000), strings.Repeat("Maria ", 500), strings.Repeat("\n", 5000), strings.Repeat("a@b.c", 300),
		"王小明 住在 北京", "Мария Иванова живёт в Москве", "’s 's O' d' l'", "-a- --a _a_ a_ -",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, opts := range []names.Options{{}, {Recall: true, Threshold: 0.3}} {
			end := 0
			for _, s := range loaded.Tag(nil, text, opts) {
				if s.Start < end || s.End <= s.Start || s.End > len(text) {
					t.Fatalf("span [%d,%d) after %d in %d bytes", s.Start, s.End, end, len(text))
				}
				if s.Score < opts.Threshold || s.Score > 1 {
					t.Fatalf("score %v", s.Score)
				}
				if utf8.ValidString(text) && !utf8.ValidString(text[s.Start:s.End]) {
					t.Fatalf("span [%d,%d) cuts a character", s.Start, s.End)
				}
				end = s.End
			}
		}
	})
}

func TestAppendsToDst(t *testing.T) {
	t.Parallel()
	first := names.Span{Start: 1, End: 2}
	got := load(t).Tag([]names.Span{first}, "Please call Maria Gonzalez.", names.Options{})
	if len(got) != 2 || got[0] != first {
		t.Errorf("got %v", got)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := names.Load(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTag shows the speed on ordinary text and that extreme inputs take linear time.
func BenchmarkTag(b *testing.B) {
	loaded := load(b)
	rng := rand.New(rand.NewPCG(5, 1))
	for _, c := range []struct{ name, text string }{
		{"letters", letter(rng, 4000)},
		{"short", sentences[1].text},
		{"1MBWithoutSpaces", strings.Repeat("a", 1<<20)},
		{"16MBWithoutSpaces", strings.Repeat("a", 1<<24)},
		{"1MBOfDots", strings.Repeat(".", 1<<20)},
		{"1MBOfNewlines", strings.Repeat("\n", 1<<20)},
		{"1MBOfNewlinesAndLetters", strings.Repeat("a\n", 1<<19)},
		{"1MBOfNames", strings.Repeat("Maria ", 1<<20/6)},
		{"1MBOfAddressParts", strings.Repeat("a@", 1<<19)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			var spans []names.Span
			for b.Loop() {
				spans = loaded.Tag(spans[:0], c.text, names.Options{})
			}
		})
	}
}
