package local

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// words makes texts whose words are as unequally frequent as in language.
func words(tb testing.TB, r *rand.Rand, n int) []gate.Clean {
	tb.Helper()
	zipf := rand.NewZipf(r, 1.2, 1, 200)
	out := make([]gate.Clean, n)
	for i := range out {
		text := ""
		for range r.IntN(25) {
			text += fmt.Sprintf("w%dq ", zipf.Uint64())
		}
		out[i] = clean(tb, text)
	}
	return out
}

func randomBatch(r *rand.Rand, texts []gate.Clean, n int, most int64) index.Batch {
	b := index.Batch{}
	for range n {
		b.Upsert = append(b.Upsert, index.Entry{
			ID: 1 + r.Int64N(most), Record: 1 + r.Int64N(most/3), Text: texts[r.IntN(len(texts))],
			Vector: []float32{1, r.Float32(), r.Float32(), r.Float32()},
		})
	}
	b.Delete = []int64{r.Int64N(most), r.Int64N(most)}
	b.Forget = []int64{r.Int64N(most)}
	return b
}

// TestCountsAreExact compares what BM25 counts with a recount of the living,
// and the rebuilt state with the one it was made from.
func TestCountsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	texts := words(t, r, 50)
	s := newState(testDims)
	for round := range 60 {
		b, err := prepare(randomBatch(r, texts, r.IntN(30), 100), testDims)
		if err != nil {
			t.Fatal(err)
		}
		s.apply(b)
		total, dead := uint64(0), len(s.rows.ids)
		counts := map[uint32]uint32{}
		for row := range s.rows.alive.all() {
			dead--
			total += uint64(s.rows.length[row])
			length := uint32(0)
			for word, n := range s.rows.termsOf(row) {
				counts[word]++
				length += n
			}
			if length != s.rows.length[row] {
				t.Fatalf("row %d has %d terms and length %d", row, length, s.rows.length[row])
			}
		}
		if total != s.total || dead != s.dead || len(s.rows.ids)-dead != len(s.row) {
			t.Fatalf("total %d, dead %d of %d; recounted %d, %d", s.total, s.dead, len(s.row), total, dead)
		}
		for word := range s.lists {
			if got := s.lists[word].live; got != counts[uint32(word)] {
				t.Fatalf("word %d is in %d passages, recounted %d", word, got, counts[uint32(word)])
			}
		}
		if round%10 == 0 {
			again := newState(testDims)
			if err := s.freeze().batches(func(b *batch) error { again.apply(b); return nil }); err != nil {
				t.Fatal(err)
			}
			if dump(again) != dump(s) || again.dead != 0 {
				t.Fatal("the rebuilt state is another")
			}
			s = again
		}
	}
}

// TestShortCutsAreExact scores every passage on its own and wants the same
// order and the same scores, to the bit, from searches that read few lists.
func TestShortCutsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	texts := words(t, r, 400)
	s := newState(testDims)
	for range 10 {
		b, err := prepare(randomBatch(r, texts, 600, 4000), testDims)
		if err != nil {
			t.Fatal(err)
		}
		s.apply(b)
	}
	short := 0
	for range 100 {
		query := index.QueryTerms(texts[r.IntN(len(texts))])
		query = query[:min(len(query), 1+r.IntN(6))]
		k := 1 + r.IntN(5)
		q := ranking{rows: s.look(nil), terms: s.find(query), k: k, scores: make([]float32, len(s.rows.ids))}
		q.average = float32(float64(s.total) / float64(len(s.row)))
		if err := q.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		best := q.best()
		got := best.hits(&q.rows, s.records)

		all := top{k: k}
		found := 0
		for row := range s.rows.alive.all() {
			score := float32(0)
			for i := range q.terms {
				for word, count := range s.rows.termsOf(row) {
					if word == q.terms[i].word {
						score += q.weight(&q.terms[i], row, count)
					}
				}
			}
			if score > 0 {
				found++
				all.offer(scored{row, s.rows.ids[row], score})
			}
		}
		if want := all.hits(&q.rows, s.records); !slices.Equal(got, want) {
			t.Fatalf("query %v: %v, want %v", query, got, want)
		}
		if len(q.touched) < found {
			short++
		}
	}
	if short == 0 {
		t.Error("no search took the short cut")
	}
}

func FuzzDecodeBatch(f *testing.F) {
	for n := range 4 {
		f.Add(prepared(f, n).encode(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, ok := decodeBatch(data, testDims, 0)
		if !ok {
			return
		}
		again, ok := decodeBatch(b.encode(nil), testDims, 0)
		if !ok || fmt.Sprint(again) != fmt.Sprint(b) {
			t.Fatalf("%v became %v", b, again)
		}
	})
}

func BenchmarkDot(b *testing.B) {
	x, y := make([]float32, benchDims), make([]float32, benchDims)
	sum := float32(0)
	for b.Loop() {
		sum += dot(x, y)
	}
	b.ReportMetric(float64(sum), "sum")
}
