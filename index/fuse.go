package index

import (
	"cmp"
	"slices"
)

// Confidence says how well the embedding model suits a query.
type Confidence struct {
	// Unfamiliar is the share, 0 to 1, of the query's words that the model does
	// not know whole: near 1 for a language that it was not made for. 0 if the
	// model does not tell.
	Unfamiliar float32
}

// bestLexical is the gap in cosine, to the last hit of the vector arm, that
// counts as much as the best lexical score. It was chosen on descriptions of
// programs in four languages and on documentation.
const bestLexical = 0.29

// Fuse joins the hits of the two arms, each best first and found with the
// same k, into one list, best first, ties by ID.
//
// Scores are added, not ranks: how far a hit stands out in its arm tells how
// much the arm knows, so an arm that hardly tells its hits apart hardly
// counts. (Reciprocal rank fusion, which we measured, gives the weak arm's
// first hit as much as the strong arm's.) What an arm did not find counts as
// its last hit. Lexical scores are taken as shares of the best, since BM25
// grows with the length of the query; cosines are comparable as they are.
// Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
// Retrieval" (2023) find the same.
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
		weight := min(max(1-c.Unfamiliar, 0), 1) / bestLexical
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
		for _, h := range lexical {
			add(h, (h.Score-last)/lexical[0].Score)
		}
	}
	slices.SortFunc(out, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.ID, b.ID))
	})
	return out
}
