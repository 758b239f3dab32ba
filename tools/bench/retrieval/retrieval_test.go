// Package retrieval measures how well search finds: lexical alone, vector alone, both fused, and the teacher that the
// built-in model was distilled from. A benchmark's metrics are nDCG@10 and recall@10; its time is that of one query.
package retrieval

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/index/local"
)

const (
	cutoff     = 10 // of the measures
	candidates = 50 // of each arm, as search asks for when k is 10
)

// task is a corpus and questions, each with the one paragraph that answers it.
type task struct {
	name       string
	paragraphs []string
	questions  []question
	language   string // whose paragraphs these are
}

type question struct {
	id        string
	text      string
	paragraph int64
}

func shared() string {
	if dir := os.Getenv("HOLDFAST_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "..", "shared")
}

func readXQuAD(b *testing.B, language string) task {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(shared(), "data", "retrieval", "xquad."+language+".json")) //nolint:gosec // the person who runs the benchmark names the folder
	if err != nil {
		b.Fatalf("set HOLDFAST_SHARED to the folder that holds data/retrieval: %v", err)
	}
	var file struct {
		Data []struct {
			Paragraphs []struct {
				Context string
				QAs     []struct{ ID, Question string }
			}
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		b.Fatalf("read XQuAD: %v", err)
	}
	t := task{name: language, language: language}
	for _, article := range file.Data {
		for _, p := range article.Paragraphs {
			for _, q := range p.QAs {
				t.questions = append(t.questions, question{q.ID, q.Question, int64(len(t.paragraphs))})
			}
			t.paragraphs = append(t.paragraphs, p.Context)
		}
	}
	return t
}

// reworded asks for the same paragraphs in the words of a file in testdata.
func reworded(b *testing.B, t task, name string) task {
	b.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name+".tsv")) //nolint:gosec // a file of this package
	if err != nil {
		b.Fatal(err)
	}
	out := task{name: t.name + "-" + name, paragraphs: t.paragraphs, language: t.language}
	for lines := bufio.NewScanner(bytes.NewReader(file)); lines.Scan(); {
		id, text, ok := strings.Cut(lines.Text(), "\t")
		if !ok || strings.HasPrefix(id, "#") {
			continue
		}
		i := slices.IndexFunc(t.questions, func(q question) bool { return q.id == id })
		if i < 0 {
			b.Fatalf("no question %s", id)
		}
		out.questions = append(out.questions, question{id, text, t.questions[i].paragraph})
	}
	return out
}

func BenchmarkRetrieval(b *testing.B) {
	english := readXQuAD(b, "en")
	for _, t := range []task{
		english, readXQuAD(b, "de"), readXQuAD(b, "es"), reworded(b, english, "paraphrases"), reworded(b, english, "disguised"),
	} {
		b.Run(t.name, func(b *testing.B) { measure(b, t) })
	}
}

func measure(b *testing.B, t task) {
	embedder, err := builtin.New()
	if err != nil {
		b.Fatal(err)
	}
	texts := make([]string, len(t.questions))
	for i, q := range t.questions {
		texts[i] = q.text
	}
	queries := clean(b, texts)
	ix := build(b, embedder, clean(b, t.paragraphs))
	lexical := func(i int) []index.Hit {
		hits, err := ix.Lexical(b.Context(), queries[i], candidates, nil)
		if err != nil {
			b.Fatal(err)
		}
		return hits
	}
	vector := func(i int) []index.Hit {
		v, _, err := embedder.Embed(b.Context(), embedding.ForQuery, queries[i:i+1])
		if err != nil {
			b.Fatal(err)
		}
		hits, err := ix.Vector(b.Context(), v[0].Values, candidates, nil)
		if err != nil {
			b.Fatal(err)
		}
		return hits
	}
	run(b, t, "lexical", lexical)
	run(b, t, "vector", vector)
	run(b, t, "fused", func(i int) []index.Hit {
		return index.Fuse(vector(i), lexical(i), index.Confidence{
			Unfamiliar: embedder.Unfamiliar(queries[i]),
			Terms:      len(index.QueryTerms(queries[i])),
		})
	})
	if search := teacher(b, t); search != nil {
		run(b, t, "teacher", search)
	}
}

func clean(b *testing.B, texts []string) []gate.Clean {
	b.Helper()
	return conform.CleanTexts(b, gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}, texts...)
}

func build(b *testing.B, e embedding.Embedder, paragraphs []gate.Clean) index.Index {
	b.Helper()
	vectors, _, err := e.Embed(b.Context(), embedding.ForPassage, paragraphs)
	if err != nil {
		b.Fatal(err)
	}
	opener, err := local.Open(local.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	ix, err := opener.Open(b.Context(), index.Spec{Name: "retrieval", Dimensions: e.Model().Dimensions})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := ix.Close(); err != nil {
			b.Error(err)
		}
	})
	var batch index.Batch
	for i, p := range paragraphs {
		batch.Upsert = append(batch.Upsert, index.Entry{ID: int64(i), Record: int64(i), Vector: vectors[i].Values, Text: p})
	}
	if err := ix.Apply(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	return ix
}

// run reports the measures of an arm. There is one relevant paragraph, so nDCG is 1/log2(1+rank).
func run(b *testing.B, t task, arm string, search func(question int) []index.Hit) {
	b.Run(arm, func(b *testing.B) {
		var gain, found float64
		for b.Loop() {
			gain, found = 0, 0
			for i, q := range t.questions {
				hits := search(i)
				rank := slices.IndexFunc(hits[:min(len(hits), cutoff)], func(h index.Hit) bool { return h.ID == q.paragraph })
				if rank >= 0 {
					gain += 1 / math.Log2(float64(rank+2))
					found++
				}
			}
		}
		n := float64(len(t.questions))
		b.ReportMetric(gain/n, "ndcg@10")
		b.ReportMetric(found/n, "recall@10")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/query")
		b.ReportMetric(0, "ns/op")
	})
}

// teacher searches by the vectors that teacher.py wrote into the folder HOLDFAST_TEACHER, or is nil if it is not set.
func teacher(b *testing.B, t task) func(int) []index.Hit {
	b.Helper()
	dir := os.Getenv("HOLDFAST_TEACHER")
	if dir == "" {
		return nil
	}
	paragraphs := readVectors(b, filepath.Join(dir, t.language+".paragraphs.f32"), len(t.paragraphs))
	queries := readVectors(b, filepath.Join(dir, t.name+".questions.f32"), len(t.questions))
	return func(i int) []index.Hit {
		hits := make([]index.Hit, len(paragraphs))
		for j, p := range paragraphs {
			hits[j].ID = int64(j)
			for d, v := range queries[i] {
				hits[j].Score += v * p[d]
			}
		}
		slices.SortFunc(hits, func(a, b index.Hit) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return 0
		})
		return hits
	}
}

// readVectors reads n little-endian float32 vectors of equal length.
func readVectors(b *testing.B, file string, n int) [][]float32 {
	b.Helper()
	data, err := os.ReadFile(file) //nolint:gosec // the person who runs the benchmark names the folder
	if errors.Is(err, fs.ErrNotExist) {
		b.Fatalf("%v; run teacher.py first", err)
	}
	if err != nil {
		b.Fatal(err)
	}
	if len(data) == 0 || len(data)%(4*n) != 0 {
		b.Fatal(fmt.Errorf("%s: %d bytes are not %d vectors", file, len(data), n))
	}
	values := make([]float32, len(data)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return slices.Collect(slices.Chunk(values, len(values)/n))
}
