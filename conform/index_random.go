package conform

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// plainIndex is the contract written down in the plainest way: the oracle.
type plainIndex struct {
	entries map[int64]index.Entry
	meta    map[int64]index.Meta
}

func (p *plainIndex) apply(b index.Batch) {
	for _, record := range b.Forget {
		delete(p.meta, record)
		maps.DeleteFunc(p.entries, func(_ int64, e index.Entry) bool { return e.Record == record })
	}
	for _, id := range b.Delete {
		delete(p.entries, id)
	}
	maps.Copy(p.meta, b.Meta)
	for _, e := range b.Upsert {
		p.entries[e.ID] = e
	}
}

type plainHit struct {
	id, record int64
	score      float64
}

// rank returns all matching entries that score gives a score, best first.
func (p *plainIndex) rank(f *index.Filter, score func(index.Entry) (float64, bool)) []plainHit {
	var out []plainHit
	for _, e := range p.entries {
		if s, ok := score(e); ok && f.Match(p.meta[e.Record]) {
			out = append(out, plainHit{e.ID, e.Record, s})
		}
	}
	slices.SortFunc(out, func(a, b plainHit) int { return cmp.Compare(b.score, a.score) })
	return out
}

func (p *plainIndex) vector(q []float32, f *index.Filter) []plainHit {
	return p.rank(f, func(e index.Entry) (float64, bool) { return cosine(q, e.Vector), true })
}

func (p *plainIndex) lexical(query gate.Clean, f *index.Filter) []plainHit {
	counts, total := map[int64]map[string]float64{}, 0.0
	df, lengths := map[string]float64{}, map[int64]float64{}
	for id, e := range p.entries {
		counts[id] = map[string]float64{}
		index.Tokenize(e.Text, func(term []byte) {
			counts[id][string(term)]++
			lengths[id]++
			total++
		})
		for term := range counts[id] {
			df[term]++
		}
	}
	n := float64(len(p.entries))
	return p.rank(f, func(e index.Entry) (sum float64, found bool) {
		for _, term := range index.QueryTerms(query) {
			tf := counts[e.ID][term]
			if tf == 0 {
				continue
			}
			found = true
			idf := math.Log(1 + (n-df[term]+0.5)/(df[term]+0.5))
			sum += idf * tf * 2.2 / (tf + 1.2*(0.25+0.75*lengths[e.ID]*n/total))
		}
		return sum, found
	})
}

// wantHits compares hits with the oracle's, allowing for rounding: scores
// that differ by less than near may come in either order.
func (r *indexRig) wantHits(what string, got []index.Hit, k int, all []plainHit) {
	r.Helper()
	const near = 1e-4
	if len(got) != min(k, len(all)) {
		r.Fatalf("%s: %d hits, want %d", what, len(got), min(k, len(all)))
	}
	right := map[int64]plainHit{}
	for _, h := range all {
		right[h.id] = h
	}
	for i, h := range got {
		want, ok := right[h.ID]
		if !ok || h.Record != want.record || math.Abs(float64(h.Score)-want.score) > near {
			r.Fatalf("%s: hit %+v, want %+v", what, h, want)
		}
		delete(right, h.ID) // each once
		if math.Abs(want.score-all[i].score) > near {
			r.Fatalf("%s: place %d has score %v, want %v", what, i, want.score, all[i].score)
		}
		if i > 0 && (got[i-1].Score < h.Score || got[i-1].Score == h.Score && got[i-1].ID > h.ID) {
			r.Fatalf("%s: %+v stands before %+v", what, got[i-1], h)
		}
	}
}

// indexChance makes random batches, queries and filters from few ids, words
// and values, so that they meet.
type indexChance struct {
	*rand.Rand
	r     *indexRig
	texts []gate.Clean
}

func newIndexChance(r *indexRig, seed uint64) *indexChance {
	c := &indexChance{Rand: rand.New(rand.NewPCG(seed, 1)), r: r}
	for range 60 {
		var words []string
		for range c.IntN(30) {
			// A few words are everywhere, most are rare.
			words = append(words, fmt.Sprintf("w%c", 'a'+min(c.IntN(26), c.IntN(26), c.IntN(26))))
		}
		c.texts = append(c.texts, r.clean(strings.Join(words, " ")))
	}
	return c
}

func (c *indexChance) text() gate.Clean { return c.texts[c.IntN(len(c.texts))] }

func (c *indexChance) vector() []float32 {
	v := make([]float32, indexDims)
	for i := range v {
		v[i] = float32(c.IntN(5) - 2)
	}
	v[c.IntN(indexDims)] = 1
	return v
}

func (c *indexChance) ids(n int, most int64) []int64 {
	out := make([]int64, c.IntN(n))
	for i := range out {
		out[i] = 1 + c.Int64N(most)
	}
	return out
}

func (c *indexChance) meta() index.Meta {
	m := index.Meta{}
	for _, field := range []string{"a", "b", "c"} {
		if c.IntN(3) > 0 {
			list := make([]any, c.IntN(4))
			for i := range list {
				list[i] = c.value()
			}
			m[field] = c.r.values(field, list)
		}
	}
	return m
}

func (c *indexChance) value() any {
	switch c.IntN(5) {
	case 0:
		return []any{"open", "closed", "text", "2024-05-01", "2024-06-01T10:00:00Z"}[c.IntN(5)]
	case 1:
		return c.IntN(2) == 0
	case 2:
		return math.Copysign(0, float64(c.IntN(2)*2-1)) // both zeros are one number
	}
	return float64(c.IntN(6) - 3)
}

func (c *indexChance) batch() index.Batch {
	const passages, records = 120, 40
	b := index.Batch{Forget: c.ids(2, records), Delete: c.ids(4, passages), Meta: map[int64]index.Meta{}}
	for range c.IntN(4) {
		b.Meta[1+c.Int64N(records)] = c.meta()
	}
	for _, id := range c.ids(20, passages) {
		e := indexEntry(id, 1+c.Int64N(records), c.vector(), c.text())
		e.Tag = c.Uint64()
		b.Upsert = append(b.Upsert, e)
	}
	return b
}

func (c *indexChance) filter(depth int) *index.Filter {
	f := index.Filter{Op: index.FilterOp(c.IntN(6)), Field: []string{"a", "b", "c", "d"}[c.IntN(4)]} //nolint:gosec // small
	bound := func() *index.Bound {
		if v := c.r.values(f.Field, c.value()); c.IntN(3) > 0 {
			return &index.Bound{Value: v[0], Open: c.IntN(2) == 0}
		}
		return nil
	}
	switch f.Op {
	case index.All, index.Any, index.Not:
		for range c.IntN(4) {
			if depth > 0 {
				f.Sub = append(f.Sub, *c.filter(depth - 1))
			}
		}
	case index.In:
		for range c.IntN(4) * c.IntN(6) {
			f.Values = append(f.Values, c.r.values(f.Field, c.value())...)
		}
	case index.Range:
		f.Min, f.Max = bound(), bound()
	case index.Exists:
	}
	return &f
}

// indexRandom compares an index with the oracle after random batches, some
// applied twice, with the index closed and opened in between.
func indexRandom(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	c := newIndexChance(r, 42)
	plain := &plainIndex{entries: map[int64]index.Entry{}, meta: map[int64]index.Meta{}}
	for round := range 150 {
		b := c.batch()
		plain.apply(b)
		r.apply(b)
		if c.IntN(4) == 0 {
			r.apply(b)
		}
		if c.IntN(15) == 0 {
			r.reopen()
		}
		r.wantSame(fmt.Sprintf("round %d", round), plain, c)
	}
}

// wantSame searches an index and the oracle for the same.
func (r *indexRig) wantSame(what string, plain *plainIndex, c *indexChance) {
	r.Helper()
	if n, err := r.ix.Count(r.Context()); err != nil || n != int64(len(plain.entries)) {
		r.Fatalf("%s: counts %d, want %d, %v", what, n, len(plain.entries), err)
	}
	bounds := c.ids(6, 120)
	slices.Sort(bounds)
	r.wantItems(what, plain, slices.Compact(bounds))
	for i := range 4 {
		f, k, v, text := c.filter(3), 1+c.IntN(30), c.vector(), c.text()
		if i == 0 {
			f = nil
		}
		r.wantHits(what+", vector", r.vector(v, k, f), k, plain.vector(v, f))
		r.wantHits(what+", lexical", r.lexical(text, k, f), k, plain.lexical(text, f))
	}
}

func indexReopen(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	c := newIndexChance(r, 7)
	plain := &plainIndex{entries: map[int64]index.Entry{}, meta: map[int64]index.Meta{}}
	for range 3 {
		r.reopen() // with nothing new
		for range 5 {
			b := c.batch()
			plain.apply(b)
			r.apply(b)
		}
		r.reopen()
		r.wantSame("opened again", plain, c)
	}
}

// indexWholeBatches lets searches run beside batches that replace all
// entries: every search must see one batch.
func indexWholeBatches(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	const entries, batches = 50, 60
	texts := []gate.Clean{r.clean("both even"), r.clean("both odd")}
	batch := func(n int) (b index.Batch) {
		for id := range int64(entries) {
			b.Upsert = append(b.Upsert, indexEntry(id+1, id+1, indexAxis(n%2, 0), texts[n%2]))
		}
		return b
	}
	r.apply(batch(0))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				near, err := r.ix.Vector(t.Context(), indexAxis(0, 0), entries, nil)
				if err != nil || len(near) != entries || near[0].Score != near[entries-1].Score {
					t.Errorf("a vector search saw %d hits of parts of two batches, %v", len(near), err)
					return
				}
				words, err := r.ix.Lexical(t.Context(), texts[0], entries, nil)
				if err != nil || len(words) != entries || words[0].Score != words[entries-1].Score {
					t.Errorf("a lexical search saw %d hits of parts of two batches, %v", len(words), err)
					return
				}
			}
		})
	}
	for n := range batches {
		r.apply(batch(n))
	}
	close(done)
	wg.Wait()
}
