package local

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

const benchDims = 256

// benchEntries makes passages of about 150 words with the frequencies of
// natural language, two to a record.
func benchEntries(b *testing.B, n int) []index.Entry {
	b.Helper()
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.07, 4, 200_000)
	raw := make([]gate.Raw, min(n, 1000))
	for i := range raw {
		var words []string
		for range 150 {
			words = append(words, fmt.Sprintf("w%dq", zipf.Uint64()))
		}
		raw[i] = gate.NewRaw(strings.Join(words, " "))
	}
	keep := gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
	texts := g.Clean(b.Context(), &keep, raw)
	out := make([]index.Entry, n)
	for i := range out {
		v := make([]float32, benchDims)
		for j := range v {
			v[j] = float32(r.NormFloat64())
		}
		out[i] = index.Entry{ID: int64(i + 1), Record: int64(i/2 + 1), Vector: v, Text: texts[i%len(texts)].Clean}
	}
	return out
}

func benchIndex(b *testing.B, n int) (*Opener, index.Index, []index.Entry) {
	b.Helper()
	o, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	ix, err := o.Open(b.Context(), index.Spec{Name: "bench", Dimensions: benchDims})
	if err != nil {
		b.Fatal(err)
	}
	entries := benchEntries(b, n)
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		b.Fatal(err)
	}
	for from := 0; from < n; from += 1000 {
		batch := index.Batch{Upsert: entries[from:min(n, from+1000)], Meta: map[int64]index.Meta{}}
		for _, e := range batch.Upsert {
			batch.Meta[e.Record] = index.Meta{
				"status": g.Metadata("status", []string{"open", "closed", "new", "old"}[e.Record%4], nil),
				"n":      g.Metadata("n", float64(e.Record), nil),
			}
		}
		if err := ix.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.Cleanup(func() { _ = ix.Close() })
	return o, ix, entries
}

func BenchmarkSearch(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		_, ix, entries := benchIndex(b, n)
		g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
		if err != nil {
			b.Fatal(err)
		}
		quarter := &index.Filter{Op: index.In, Field: "status", Values: g.Metadata("status", "open", nil)}
		one := &index.Filter{Op: index.In, Field: "n", Values: g.Metadata("n", 77.0, nil)}
		keep := gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
		query := g.Clean(b.Context(), &keep, []gate.Raw{gate.NewRaw("w0q w1q w3q w20q w500q w3000q")})[0].Clean
		for _, c := range []struct {
			name string
			f    *index.Filter
		}{{"all", nil}, {"quarter", quarter}, {"one", one}} {
			b.Run(fmt.Sprintf("vector/%d/%s", n, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if _, err := ix.Vector(b.Context(), entries[i%n].Vector, 50, c.f); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("lexical/%d/%s", n, c.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := ix.Lexical(b.Context(), query, 50, c.f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkApply(b *testing.B) {
	entries := benchEntries(b, 2000)
	for _, size := range []int{1, 256} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			_, ix, _ := benchIndex(b, 0)
			id := int64(0)
			for b.Loop() {
				batch := make([]index.Entry, size)
				for i := range batch {
					id++
					batch[i] = entries[id%2000]
					batch[i].ID, batch[i].Record = id, id/2
				}
				if err := ix.Apply(b.Context(), index.Batch{Upsert: batch}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(id)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{20_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o, ix, _ := benchIndex(b, n)
			if err := ix.Close(); err != nil {
				b.Fatal(err)
			}
			size := int64(0)
			files, err := filepath.Glob(filepath.Join(o.dir, "bench", "*"))
			if err != nil {
				b.Fatal(err)
			}
			for _, f := range files {
				if info, err := os.Stat(f); err == nil {
					size += info.Size()
				}
			}
			var x *local
			for b.Loop() {
				if x, err = o.load(index.Spec{Name: "bench", Dimensions: benchDims}); err != nil {
					b.Fatal(err)
				}
			}
			with := heap()
			runtime.KeepAlive(x)
			without := heap() // x is not used any more
			b.ReportMetric(float64(with-without)/float64(n), "heap-B/entry")
			b.ReportMetric(float64(size)/float64(n), "disk-B/entry")
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkTokenize(b *testing.B) {
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("Dear team, the invoice INV-2041 from last week's order still shows the wrong total; please check v2.3.1. ", 10)
	keep := gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
	clean := g.Clean(b.Context(), &keep, []gate.Raw{gate.NewRaw(text)})[0].Clean
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		index.Tokenize(clean, func([]byte) {})
	}
}
