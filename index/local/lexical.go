package local

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// BM25's parameters as S. Robertson and H. Zaragoza recommend, "The
// Probabilistic Relevance Framework: BM25 and Beyond", 2009.
const (
	saturation = 1.2  // k1
	lengthPart = 0.75 // b
)

// term is a word of the query as the index holds it.
type term struct {
	text string
	word uint32
	list posting
	idf  float32
}

// Lexical implements index.Index, one term after the other, rarest first.
func (x *local) Lexical(ctx context.Context, query gate.Clean, k int, f *index.Filter) ([]index.Hit, error) {
	if err := x.open(ctx); err != nil || k < 1 {
		return nil, err
	}
	words := index.QueryTerms(query)
	x.lock.RLock()
	terms := x.state.find(words)
	if len(terms) == 0 {
		x.lock.RUnlock()
		return nil, nil
	}
	q := ranking{rows: x.state.look(f), terms: terms, k: k}
	q.average = float32(float64(x.state.total) / float64(len(x.state.row)))
	records := x.state.records
	x.lock.RUnlock()

	q.scores = getScores(len(q.rows.ids))
	defer q.release()
	if err := q.run(ctx); err != nil {
		return nil, err
	}
	best := q.best()
	return best.hits(&q.rows, records), nil
}

// find looks up the words that living passages hold, rarest first.
func (s *state) find(words []string) []term {
	var out []term
	n := float64(len(s.row))
	for _, w := range words {
		number, known := s.word[w]
		if !known || s.lists[number].live == 0 {
			continue
		}
		df := float64(s.lists[number].live)
		idf := float32(math.Log1p((n - df + 0.5) / (df + 0.5)))
		out = append(out, term{w, number, s.lists[number], idf})
	}
	slices.SortFunc(out, func(a, b term) int {
		return cmp.Or(cmp.Compare(a.list.live, b.list.live), cmp.Compare(a.text, b.text))
	})
	return out
}

// ranking is one lexical search.
type ranking struct {
	rows    rows
	terms   []term
	k       int
	average float32   // length
	scores  []float32 // by row; 0 if not touched
	touched []uint32
}

// weight is what count occurrences of a term in a row add to its score.
func (q *ranking) weight(t *term, row, count uint32) float32 {
	n := float32(count)
	length := float32(q.rows.length[row]) / q.average
	return t.idf * n * (saturation + 1) / (n + saturation*(1-lengthPart+lengthPart*length))
}

func (q *ranking) run(ctx context.Context) error {
	for i := range q.terms {
		if err := ctx.Err(); err != nil {
			return err
		}
		if q.settled(i) {
			return nil
		}
		t := &q.terms[i]
		next := uint32(0)
		for data := t.list.data; len(data) > 0; {
			gap, count, size := pair(data)
			data = data[size:]
			row := next + gap
			next = row + 1
			if !q.rows.alive.has(row) {
				continue
			}
			if q.scores[row] == 0 {
				q.touched = append(q.touched, row)
			}
			q.scores[row] += q.weight(t, row, count)
		}
	}
	return nil
}

// settled finishes the search from term i on without reading its list, where
// that is exact and cheaper: if all terms left together cannot lift a row that
// has none of the terms before among the k best, only the rows in sight need
// them, and rows know their own terms. (The idea is MaxScore's: H. Turtle and
// J. Flood, "Query evaluation: strategies and optimizations", 1995.)
func (q *ranking) settled(i int) bool {
	const walk = 64 // postings that can be read in the time of looking up a row's terms
	left, most := 0, float32(0)
	for _, t := range q.terms[i:] {
		left += len(t.list.data)
		most += t.idf * (saturation + 1)
	}
	if len(q.touched) < q.k || left < walk*q.k {
		return false
	}
	most *= 1 + 1e-5 // more than rounding can add
	kth := q.best().heap[0].score
	if kth <= most {
		return false
	}
	var near []uint32
	for _, row := range q.touched {
		if q.scores[row]+most >= kth {
			near = append(near, row)
		}
	}
	if len(near)*walk > left {
		return false
	}
	counts := make([]uint32, len(q.terms)-i)
	for _, row := range near {
		clear(counts)
		for word, count := range q.rows.termsOf(row) {
			for j := range counts {
				if q.terms[i+j].word == word {
					counts[j] = count
				}
			}
		}
		for j, count := range counts {
			if count > 0 {
				q.scores[row] += q.weight(&q.terms[i+j], row, count)
			}
		}
	}
	return true
}

// best ranks the rows in sight.
func (q *ranking) best() top {
	t := top{k: q.k}
	for _, row := range q.touched {
		if s := q.scores[row]; len(t.heap) < t.k || s >= t.heap[0].score {
			t.offer(scored{row, q.rows.ids[row], s})
		}
	}
	return t
}

// scorePool keeps scores, all 0, between searches.
var scorePool sync.Pool

func getScores(n int) []float32 {
	if p, _ := scorePool.Get().(*[]float32); p != nil && cap(*p) >= n {
		return (*p)[:n]
	}
	return make([]float32, n, n+n/4)
}

func (q *ranking) release() {
	for _, row := range q.touched {
		q.scores[row] = 0
	}
	scorePool.Put(&q.scores)
}
