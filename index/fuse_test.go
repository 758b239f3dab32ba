package index_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holdfast/holdfast/index"
)

func hits(scores map[int64]float32) []index.Hit {
	var out []index.Hit
	for id, s := range scores {
		out = append(out, index.Hit{ID: id, Record: id * 10, Score: s})
	}
	slices.SortFunc(out, func(a, b index.Hit) int {
		if a.Score != b.Score {
			if a.Score > b.Score {
				return -1
			}
			return 1
		}
		return int(a.ID - b.ID)
	})
	return out
}

func ids(hits []index.Hit) []int64 {
	var out []int64
	for _, h := range hits {
		out = append(out, h.ID)
	}
	return out
}

func TestFuse(t *testing.T) {
	for _, test := range []struct {
		name            string
		vector, lexical map[int64]float32
		confidence      index.Confidence
		want            []int64
	}{
		{name: "nothing"},
		{name: "vector alone keeps its order", vector: map[int64]float32{1: .9, 2: .8, 3: .1}, want: []int64{1, 2, 3}},
		{name: "lexical alone keeps its order", lexical: map[int64]float32{1: 3, 2: 9, 3: 6}, want: []int64{2, 3, 1}},
		{name: "one lexical hit counts", lexical: map[int64]float32{2: 9}, vector: map[int64]float32{1: .5, 2: .4, 3: .3}, want: []int64{2, 1, 3}},
		{
			name: "agreement wins", want: []int64{2, 1, 3},
			vector: map[int64]float32{1: .5, 2: .48, 9: .1}, lexical: map[int64]float32{3: 10, 2: 9, 9: 1},
		},
		{
			name: "an arm that tells nothing apart does not overrule the other", want: []int64{4, 5, 1},
			vector: map[int64]float32{1: .52, 2: .51, 3: .51, 4: .50}, lexical: map[int64]float32{4: 20, 5: 8, 1: 1},
		},
		{
			name: "an arm that is sure does", want: []int64{1, 2, 3},
			vector: map[int64]float32{1: .8, 2: .31, 3: .3}, lexical: map[int64]float32{1: 7.0, 2: 7.2, 3: 7.1},
		},
		{
			name: "an unfamiliar language is left to the words", want: []int64{2, 1}, confidence: index.Confidence{Unfamiliar: .9},
			vector: map[int64]float32{1: .9, 3: .2}, lexical: map[int64]float32{2: 5, 1: 3},
		},
		{
			name: "a query in other words is left to the vectors", want: []int64{1, 3, 2}, confidence: index.Confidence{Terms: 10},
			vector: map[int64]float32{1: .6, 3: .3, 4: .2}, lexical: map[int64]float32{2: 5, 3: 4},
		},
		{
			name: "a query in the words of a text is not", want: []int64{2, 1}, confidence: index.Confidence{Terms: 10},
			vector: map[int64]float32{1: .6, 3: .3, 4: .2}, lexical: map[int64]float32{2: 50, 3: 4},
		},
		{name: "ties by ID", vector: map[int64]float32{7: .5, 3: .5, 5: .5}, want: []int64{3, 5, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ids(index.Fuse(hits(test.vector), hits(test.lexical), test.confidence))
			if !slices.Equal(got[:min(len(got), len(test.want))], test.want) {
				t.Errorf("got %v, want %v first", got, test.want)
			}
		})
	}
}

func TestFuseKeepsEveryHitOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		arm := func() []index.Hit {
			scores := map[int64]float32{}
			for range random.IntN(40) {
				scores[random.Int64N(60)] = float32(random.IntN(8)) / 4
			}
			return hits(scores)
		}
		vector, lexical := arm(), arm()
		c := index.Confidence{Unfamiliar: random.Float32()}
		got := index.Fuse(vector, lexical, c)
		all := append(ids(vector), ids(lexical)...)
		slices.Sort(all)
		all = slices.Compact(all)
		found := ids(got)
		slices.Sort(found)
		if !slices.Equal(found, all) {
			t.Fatalf("found %v, want %v", found, all)
		}
		for i, h := range got {
			if h.Record != h.ID*10 {
				t.Fatalf("hit %d lost its record", h.ID)
			}
			if i > 0 && got[i-1].Score < h.Score {
				t.Fatalf("not best first: %v", got)
			}
		}
		// The unit of lexical scores does not matter.
		scaled := slices.Clone(lexical)
		for i := range scaled {
			scaled[i].Score *= 4
		}
		if !slices.Equal(ids(index.Fuse(vector, scaled, c)), ids(got)) {
			t.Fatal("another order when lexical scores are scaled and the number of terms is unknown")
		}
	}
}
