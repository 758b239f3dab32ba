package builtin_test

import (
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/embedding/builtin"
)

func load(t testing.TB) *builtin.Model {
	t.Helper()
	m, err := builtin.Load()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func cosine(a, b []float32) float64 {
	var dot float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
	}
	return dot
}

func TestLengthIsOne(t *testing.T) {
	m := load(t)
	for _, text := range []string{"hello", "", " \n", "\x00\xff", "ᏣᎳᎩ", "[PERSON]", strings.Repeat("a", 1000), strings.Repeat("the cat sat. ", 5000)} {
		v := m.Encode(nil, text)
		if len(v) != m.Dimensions() {
			t.Fatalf("%.20q: %d dimensions, want %d", text, len(v), m.Dimensions())
		}
		if got := cosine(v, v); math.Abs(got-1) > 1e-5 {
			t.Errorf("%.20q: squared length %v, want 1", text, got)
		}
	}
}

func TestEncodeAppends(t *testing.T) {
	m := load(t)
	both := m.Encode(m.Encode(nil, "first text"), "second text")
	for i, text := range []string{"first text", "second text"} {
		want := m.Encode(nil, text)
		for j, v := range both[i*m.Dimensions() : (i+1)*m.Dimensions()] {
			if v != want[j] {
				t.Fatalf("%q: value %d is %v, alone it is %v", text, j, v, want[j])
			}
		}
	}
}

// The meaning of a text decides, not its words: each question shares no word of content with the text it belongs to.
func TestRelatedTextsAreNearest(t *testing.T) {
	m := load(t)
	pairs := [][2]string{
		{"refund my purchase", "Reimbursement of the money that a buyer spent"},
		{"the car won't start", "Engine trouble: vehicle fails to ignite"},
		{"physician", "a licensed medical practitioner, a doctor"},
		{"forgot my login", "Resetting a lost password for your account"},
		{"When will the parcel arrive?", "Shipping and delivery times for packages"},
		{"capital of France", "Paris is the seat of the French government"},
	}
	for i, pair := range pairs {
		question := m.Encode(nil, pair[0])
		best, at := -2.0, -1
		for j, other := range pairs {
			if c := cosine(question, m.Encode(nil, other[1])); c > best {
				best, at = c, j
			}
		}
		if at != i {
			t.Errorf("%q is nearest to %q, want %q", pair[0], pairs[at][1], pair[1])
		}
	}
}

func TestCaseAndAccentsDoNotMatter(t *testing.T) {
	m := load(t)
	if a, b := m.Encode(nil, "Crème BRÛLÉE"), m.Encode(nil, "creme brulee"); cosine(a, b) < 0.999999 {
		t.Errorf("cosine %v, want 1", cosine(a, b))
	}
}

func TestPlaceholderWeighsLittle(t *testing.T) {
	m := load(t)
	plain := m.Encode(nil, "the washing machine leaks after the repair")
	masked := m.Encode(nil, "[PERSON] the washing machine leaks [PHONE_NUMBER] after the repair [EMAIL]")
	words := m.Encode(nil, "person the washing machine leaks phone number after the repair email")
	if a, b := cosine(plain, masked), cosine(plain, words); a < 0.97 || a <= b {
		t.Errorf("cosine with placeholders %.4f, with their words %.4f, want almost 1 and less", a, b)
	}
	person, email := m.Encode(nil, "[PERSON]"), m.Encode(nil, "[EMAIL]")
	if c := cosine(person, email); c > 0.9 {
		t.Errorf("[PERSON] and [EMAIL] alone have cosine %.3f, want them apart", c)
	}
	if n := m.Tokens("call [PERSON] at [PHONE_NUMBER]"); n != 4 {
		t.Errorf("%d tokens, want 4", n)
	}
	if n := m.Tokens("call [person] [x"); n != 6 {
		t.Errorf("%d tokens, want 6: that is no placeholder", n)
	}
}

// A vector's address holds the revision, so the same revision must mean the same bits, on every processor and for ever.
func TestVectorsNeverChange(t *testing.T) {
	m := load(t)
	if got, want := m.Revision(), goldenRevision; got != want {
		t.Fatalf("the table changed: revision %s. Change goldenRevision and goldenBits", got)
	}
	v := m.Encode(nil, "A vector's address holds the revision; 東京, Ångström, [PERSON] and all.")
	h := uint64(14695981039346656037)
	for _, f := range v {
		h = (h ^ uint64(math.Float32bits(f))) * 1099511628211
	}
	if h != goldenBits {
		t.Errorf("bits of the vector hash to %#x, want %#x", h, uint64(goldenBits))
	}
}

func TestConcurrentUse(t *testing.T) {
	m := load(t)
	texts := []string{"one", "two words", strings.Repeat("many words here ", 200)}
	want := make([][]float32, len(texts))
	for i, text := range texts {
		want[i] = m.Encode(nil, text)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 300 {
				if got := m.Encode(nil, texts[i%len(texts)]); cosine(got, want[i%len(texts)]) < 0.999999 {
					t.Errorf("another vector than alone for %.20q", texts[i%len(texts)])
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzEncode(f *testing.F) {
	for _, s := range []string{"", "hello world", "[PERSON]", "[[A]]", "\xff\xfe", "e\u0301", "한글", "汉字", strings.Repeat("x", 120), "≠`", "[AB"} {
		f.Add(s)
	}
	m := load(f)
	f.Fuzz(func(t *testing.T, text string) {
		v := m.Encode(nil, text)
		if c := cosine(v, v); math.Abs(c-1) > 1e-5 {
			t.Errorf("squared length %v", c)
		}
		n := m.Tokens(text)
		if n < 0 || n > len(text) {
			t.Errorf("%d tokens in %d bytes", n, len(text))
		}
		// A line break ends a word, so counts add up.
		if got := m.Tokens(text + "\n" + text); got != 2*n {
			t.Errorf("%d tokens in the text twice, want %d", got, 2*n)
		}
		if c := cosine(v, m.Encode(nil, text+"\n"+text)); c < 0.9999 {
			t.Errorf("cosine %v with the text twice", c)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	m := load(b)
	for _, bench := range []struct{ name, text string }{
		{"plain", "The customer wrote that the washing machine leaks after the repair and asked for a refund, because the new pump had failed again. "},
		{"technical", "panic: runtime error at worker.go:117 (retry=3, err=\"dial tcp 10.0.0.7:5432: i/o timeout\"), see https://wiki.example/runbook#42. "},
		{"accented", "Die Kühlschranktür schließt nicht; könnten Sie bitte größere Dichtungen für die Geräte nach Österreich schicken? "},
	} {
		text := bench.text
		for m.Tokens(text) < 128 {
			text += bench.text
		}
		words := strings.Fields(text)
		for m.Tokens(strings.Join(words, " ")) > 128 {
			words = words[:len(words)-1]
		}
		text = strings.Join(words, " ")
		b.Run(bench.name, func(b *testing.B) {
			dst := make([]float32, 0, m.Dimensions())
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				dst = m.Encode(dst[:0], text)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "passages/s")
		})
	}
}

func BenchmarkTokens(b *testing.B) {
	m := load(b)
	text := strings.Repeat("The customer wrote that the washing machine leaks after the repair. ", 10)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		m.Tokens(text)
	}
}
