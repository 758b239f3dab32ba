package conform

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// sameVector is how near, as a cosine, two embeddings of one text must be:
// batched half-precision arithmetic stays above it.
const sameVector = 0.999

// Embedder checks that an embedder keeps the contract of embedding.Embedder.
// open returns one whose model is ready for use.
func Embedder(t *testing.T, open func(t *testing.T) embedding.Embedder) {
	t.Run("Model", func(t *testing.T) { embedderModel(t, open(t)) })
	t.Run("Shape", func(t *testing.T) { embedderShape(t, open(t)) })
	t.Run("Deterministic", func(t *testing.T) { embedderDeterministic(t, open) })
	t.Run("Order", func(t *testing.T) { embedderOrder(t, open(t)) })
	t.Run("Meaning", func(t *testing.T) { embedderMeaning(t, open(t)) })
	t.Run("EmbedFormOnly", func(t *testing.T) { embedderEmbedForm(t, open(t)) })
	t.Run("NoTexts", func(t *testing.T) { embedderNoTexts(t, open(t)) })
	t.Run("OddTexts", func(t *testing.T) { embedderOddTexts(t, open(t)) })
	t.Run("Concurrent", func(t *testing.T) { embedderConcurrent(t, open(t)) })
	t.Run("Cancelled", func(t *testing.T) { embedderCancelled(t, open(t)) })
}

// keepAll leaves texts as they are, so that a test says what is embedded.
var keepAll = gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}

// testGate is made once: loading its dictionaries takes longer than most tests.
var testGate = sync.OnceValues(func() (*gate.Gate, error) {
	return gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
})

// CleanTexts passes texts through a gate under a policy, for tests.
func CleanTexts(tb testing.TB, p gate.Policy, texts ...string) []gate.Clean {
	tb.Helper()
	g, err := testGate()
	if err != nil {
		tb.Fatalf("make a gate: %v", err)
	}
	raw := make([]gate.Raw, len(texts))
	for i, s := range texts {
		raw[i] = gate.NewRaw(s)
	}
	out := make([]gate.Clean, len(texts))
	for i, r := range g.Clean(tb.Context(), &p, raw) {
		if r.Err != nil {
			tb.Fatalf("clean text %d: %v", i, r.Err)
		}
		out[i] = r.Clean
	}
	return out
}

// mustEmbed embeds texts, all of which must have a sound vector.
func mustEmbed(t *testing.T, e embedding.Embedder, purpose embedding.Purpose, texts []gate.Clean) [][]float32 {
	t.Helper()
	vectors, _, err := e.Embed(t.Context(), purpose, texts)
	if err != nil {
		t.Fatalf("embed %d texts: %v", len(texts), err)
	}
	if len(vectors) != len(texts) {
		t.Fatalf("%d vectors for %d texts", len(vectors), len(texts))
	}
	out := make([][]float32, len(vectors))
	for i, v := range vectors {
		if v.Err != nil {
			t.Fatalf("text %d: %v", i, v.Err)
		}
		if err := e.Model().Check(v.Values); err != nil {
			t.Fatalf("text %d: %v", i, err)
		}
		out[i] = v.Values
	}
	return out
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// plainTexts are distinct sentences, a few words each.
func plainTexts(n int) []string {
	things := []string{"printer", "invoice", "router", "parcel", "mattress", "violin", "boiler", "tent", "passport", "orchard"}
	states := []string{"is broken", "arrived late", "was never ordered", "makes a strange noise", "looks splendid", "has gone missing", "needs new parts"}
	places := []string{
		"in the cellar", "on the third floor", "behind the harbour", "next to the bakery", "under the bridge",
		"at the old mill", "near the station", "by the lake", "in the attic", "on the roof", "across the street",
	}
	out := make([]string, n)
	for i := range out {
		out[i] = "The " + things[i%len(things)] + " " + states[i/len(things)%len(states)] + " " + places[i/len(things)/len(states)%len(places)]
	}
	return out
}

// maxPlain is how many distinct texts plainTexts has.
const maxPlain = 10 * 7 * 11

func embedderModel(t *testing.T, e embedding.Embedder) {
	m := e.Model()
	switch {
	case m.Name == "" || m.Provider == "" || m.Identity == "":
		t.Errorf("model is not named: %+v", m)
	case m.Dimensions <= 0:
		t.Errorf("model has %d dimensions", m.Dimensions)
	case m.MaxTokens < 0:
		t.Errorf("model takes %d tokens", m.MaxTokens)
	}
	if m.Fingerprint() != e.Model().Fingerprint() {
		t.Error("the fingerprint changes from call to call")
	}
}

func embedderShape(t *testing.T, e embedding.Embedder) {
	texts := CleanTexts(t, keepAll, plainTexts(20)...)
	for _, purpose := range []embedding.Purpose{embedding.ForPassage, embedding.ForQuery} {
		vectors := mustEmbed(t, e, purpose, texts)
		for i := range vectors {
			for j := range i {
				if cosine(vectors[i], vectors[j]) > 1-1e-7 {
					t.Errorf("texts %d and %d have one vector", i, j)
				}
			}
		}
	}
}

func embedderDeterministic(t *testing.T, open func(t *testing.T) embedding.Embedder) {
	texts := CleanTexts(t, keepAll, plainTexts(10)...)
	e, other := open(t), open(t)
	if e.Model().Dimensions != other.Model().Dimensions {
		t.Fatal("two embedders of one model have different dimensions")
	}
	first := mustEmbed(t, e, embedding.ForPassage, texts)
	for name, again := range map[string][][]float32{
		"again": mustEmbed(t, e, embedding.ForPassage, texts), "by another embedder": mustEmbed(t, other, embedding.ForPassage, texts),
	} {
		for i := range first {
			if c := cosine(first[i], again[i]); c < sameVector {
				t.Errorf("text %d %s: cosine %.6f", i, name, c)
			}
		}
	}
}

func embedderOrder(t *testing.T, e embedding.Embedder) {
	texts := CleanTexts(t, keepAll, plainTexts(maxPlain)...)
	vectors := mustEmbed(t, e, embedding.ForPassage, texts)
	for i := 0; i < len(texts); i += 61 {
		alone := mustEmbed(t, e, embedding.ForPassage, texts[i:i+1])[0]
		if c := cosine(vectors[i], alone); c < sameVector {
			t.Errorf("text %d of %d has another vector than alone: cosine %.6f", i, len(texts), c)
		}
	}
}

func embedderMeaning(t *testing.T, e embedding.Embedder) {
	passages := []string{
		"The refund for the cancelled hotel booking has not arrived",
		"A violin needs new strings before the concert",
		"The kernel panics when the network driver is loaded",
	}
	queries := []string{"hotel booking refund", "strings for a violin", "network driver kernel panics"}
	pv := mustEmbed(t, e, embedding.ForPassage, CleanTexts(t, keepAll, passages...))
	qv := mustEmbed(t, e, embedding.ForQuery, CleanTexts(t, keepAll, queries...))
	for i := range qv {
		for j := range pv {
			if i != j && cosine(qv[i], pv[i]) <= cosine(qv[i], pv[j]) {
				t.Errorf("query %d is nearer to passage %d than to its own", i, j)
			}
		}
	}
}

// Neither values nor pseudonyms are embedded: texts that differ only in the
// values that the gate took out have one vector.
func embedderEmbedForm(t *testing.T, e embedding.Embedder) {
	texts := CleanTexts(t, gate.DefaultPolicy(),
		"Please send the papers to ann.lee@example.com today", "Please send the papers to postmaster@example.org today")
	if texts[0].Display() == texts[1].Display() || texts[0].Embed() != texts[1].Embed() {
		t.Fatal("the texts should differ in their display form alone")
	}
	v := mustEmbed(t, e, embedding.ForPassage, texts)
	if c := cosine(v[0], v[1]); c < sameVector {
		t.Errorf("a value that the gate took out changes the vector: cosine %.6f", c)
	}
}

func embedderNoTexts(t *testing.T, e embedding.Embedder) {
	vectors, usage, err := e.Embed(t.Context(), embedding.ForPassage, nil)
	if err != nil || len(vectors) != 0 || usage != (embedding.Usage{}) {
		t.Errorf("no texts: %d vectors, %+v, %v", len(vectors), usage, err)
	}
}

func embedderOddTexts(t *testing.T, e embedding.Embedder) {
	odd := map[string]string{
		"empty": "", "blank": " \n\t ", "one letter": "x", "punctuation": "?!...", "control characters": "a\x00b\x01c",
		"invalid UTF-8": "caf\xe9 \xff\xfe", "emoji": "👩‍👩‍👧‍👦 🇩🇪 🤷🏽‍♀️", "combining": strings.Repeat("e\u0301\u0327", 50), "Arabic": "مرحبا بالعالم",
		"Chinese": "你好，世界。这是一个测试。", "ligatures": "\ufdfa ﬃ Ⅷ", "private use": "\ue000\U000f0000",
		"one long word": strings.Repeat("ab", 5000), "long": strings.Repeat("All work and no play. ", 5000), "dots": strings.Repeat(".", 20000),
	}
	good := CleanTexts(t, keepAll, plainTexts(2)...)
	want := mustEmbed(t, e, embedding.ForPassage, good)
	for name, text := range odd {
		t.Run(name, func(t *testing.T) {
			batch := []gate.Clean{good[0], CleanTexts(t, keepAll, text)[0], good[1]}
			vectors, _, err := e.Embed(t.Context(), embedding.ForPassage, batch)
			if err != nil || len(vectors) != 3 {
				t.Fatalf("%d vectors, %v", len(vectors), err)
			}
			v := vectors[1]
			switch {
			case v.Err != nil && v.Values != nil:
				t.Error("both a vector and an error")
			case v.Err != nil && fault.KindOf(v.Err) != fault.Invalid:
				t.Errorf("an error of kind %s: %v", fault.KindOf(v.Err), v.Err)
			case v.Err == nil:
				if err := e.Model().Check(v.Values); err != nil {
					t.Error(err)
				}
			}
			for i, at := range []int{0, 2} {
				if vectors[at].Err != nil {
					t.Errorf("its neighbour has no vector: %v", vectors[at].Err)
				} else if c := cosine(vectors[at].Values, want[i]); c < sameVector {
					t.Errorf("its neighbour has another vector than alone: cosine %.6f", c)
				}
			}
		})
	}
}

func embedderConcurrent(t *testing.T, e embedding.Embedder) {
	texts := CleanTexts(t, keepAll, plainTexts(40)...)
	want := mustEmbed(t, e, embedding.ForPassage, texts)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			part := texts[g*5 : g*5+5]
			for range 5 {
				vectors, _, err := e.Embed(t.Context(), embedding.ForPassage, part)
				if err == nil && len(vectors) != len(part) {
					err = fmt.Errorf("%d vectors for %d texts", len(vectors), len(part))
				}
				if err != nil {
					t.Error(err)
					return
				}
				for i, v := range vectors {
					if v.Err != nil || len(v.Values) == 0 || cosine(v.Values, want[g*5+i]) < sameVector {
						t.Errorf("text %d got another vector, or %v", g*5+i, v.Err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func embedderCancelled(t *testing.T, e embedding.Embedder) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	vectors, _, err := e.Embed(ctx, embedding.ForPassage, CleanTexts(t, keepAll, plainTexts(5)...))
	if !errors.Is(err, context.Canceled) || vectors != nil {
		t.Errorf("a cancelled call gives %d vectors, %v", len(vectors), err)
	}
}
