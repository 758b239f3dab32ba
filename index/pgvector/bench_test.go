package pgvector_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/index/pgvector"
	"github.com/holdfast/holdfast/internal/testpg"
)

// BenchmarkIndex fills an index of 256 dimensions with passages of 150 words
// as frequent as in language, then searches it.
func BenchmarkIndex(b *testing.B) {
	const n, width, size = 5_000, 256, 256
	cfg := pgvector.Config{URL: testpg.Vector(b), Schema: schema(b)}
	ix := openIndex(b, open(b, cfg), index.Spec{Name: "bench", Dimensions: width})
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.07, 4, 200_000)
	texts := make([]gate.Clean, 500)
	for i := range texts {
		var words []string
		for range 150 {
			words = append(words, fmt.Sprintf("w%dq", zipf.Uint64()))
		}
		texts[i] = clean(b, strings.Join(words, " "))
	}
	next := 1
	batch := func() index.Batch {
		out := points(b, r, next, size, width)
		for i := range out.Upsert {
			out.Upsert[i].Text = texts[(next+i)%len(texts)]
		}
		next += size
		return out
	}
	filled := false
	b.Run("apply", func(b *testing.B) {
		for range b.N {
			apply(b, ix, batch())
		}
		b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "entries/s")
		for !filled && next < n {
			apply(b, ix, batch())
		}
		filled = true
	})
	exec(b, "VACUUM ANALYZE "+cfg.Schema+".entries_1, "+cfg.Schema+".postings_1, "+cfg.Schema+".meta_1")
	b.Logf("graph: %v, entries: %d", graph(b, cfg.Schema), next)
	b.Run("metadata", func(b *testing.B) {
		for i := range b.N {
			m := map[int64]index.Meta{}
			for id := range int64(size) {
				m[id+1] = index.Meta{"n": values(b, "n", float64(i))}
			}
			apply(b, ix, index.Batch{Meta: m})
		}
		b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "records/s")
	})
	half := &index.Filter{Op: index.Range, Field: "n", Max: &index.Bound{Value: values(b, "n", float64(n/2))[0]}}
	one := &index.Filter{Op: index.In, Field: "n", Values: values(b, "n", float64(n/2))}
	query := clean(b, "w0q w1q w3q w20q w500q w3000q")
	for name, f := range map[string]*index.Filter{"all": nil, "half": half, "one": one} {
		b.Run("vector/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := ix.Vector(b.Context(), points(b, r, 1, 1, width).Upsert[0].Vector, 50, f); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("lexical/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := ix.Lexical(b.Context(), query, 50, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("ranges", func(b *testing.B) {
		for b.Loop() {
			if _, err := ix.Ranges(b.Context(), index.Passages, []int64{1, n / 2, n}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(next)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	})
}
