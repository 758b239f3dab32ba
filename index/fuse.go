package index

import (
	"cmp"
	"slices"
)

// Confidence says what is known of a query beside its hits. The zero value is
// right if nothing is.
type Confidence struct {
	// Unfamiliar is the share, 0 to 1, of the query's words that the embedding
	// model does not know whole: near 1 for a language that it was not made for.
	Unfamiliar float32
	// Terms is how many terms the query has (QueryTerms). A best hit with little
	// BM25 for each of them shows that the query is put in other words than the
	// texts.
	Terms int
}

// Two gaps that count as one, chosen on descriptions of programs in four
// languages and on documentation, as they are and with words replaced.
const (
	cosineUnit = 0.1
	bm25Unit   = 0.7 // for each term of the query
	// shareUnit is a share of the best lexical score, where the number of terms
	// is not known.
	shareUnit = 0.35
)

// Fuse joins the hits of the two arms, each best first and found with the
// same k, into one list, best first, ties by ID.
//
// Scores are added, not ranks: how far a hit stands out in its arm tells how
// much the arm knows, so an arm that hardly tells its hits apart hardly
// counts. (Reciprocal rank fusion, which we measured, gives the weak arm's
// first hit as much as the strong arm's.) What an arm did not find counts as
// its last hit. Bruch, Gai and Ingber, "An Analysis of Fusion Functions for
// Hybrid Retrieval" (2023) find the same.
func Fuse(vector, lexical []Hit, c Confidence) []Hit {
	out := make([]Hit, 0, len(vector)+len(lexical))
	at := make(map[int64]int, len(vector)+len(lexical))
	add := func(h Hit, score float32) {
		i, ok := at[h.ID]
		if !ok {
			i = len(out)
			at[h.ID] = i
			out = append(out, Hit{ID: h.ID, Record: h.Record})
		}
		out[i].Score += score
	}
	if n := len(vector); n > 0 {
		weight := min(max(1-c.Unfamiliar, 0), 1) / cosineUnit
		for _, h := range vector {
			add(h, weight*(h.Score-vector[n-1].Score))
		}
	}
	if n := len(lexical); n > 0 && lexical[0].Score > 0 {
		// Fewer hits than the vector arm has are all that share a word with the
		// query: the rest have 0.
		var last float32
		if n >= len(vector) && n > 1 {
			last = lexical[n-1].Score
		}
		unit := bm25Unit * float32(c.Terms)
		if c.Terms <= 0 {
			unit = shareUnit * lexical[0].Score
		}
		for _, h := range lexical {
			add(h, (h.Score-last)/unit)
		}
	}
	slices.SortFunc(out, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return out
}
