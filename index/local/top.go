package local

import (
	"slices"

	"github.com/holdfast/holdfast/index"
)

// scored is a row with its score.
type scored struct {
	row   uint32
	id    int64
	score float32
}

// before orders by score, best first, ties by id.
func (a scored) before(b scored) bool {
	return a.score > b.score || a.score == b.score && a.id < b.id
}

// top keeps the k best of what it is offered, in a heap with the worst first.
type top struct {
	k    int
	heap []scored
}

func (t *top) offer(s scored) {
	h := t.heap
	if len(h) < t.k {
		h = append(h, s)
		t.heap = h
		for i := len(h) - 1; i > 0 && h[(i-1)/2].before(h[i]); i = (i - 1) / 2 {
			h[i], h[(i-1)/2] = h[(i-1)/2], h[i]
		}
		return
	}
	if !s.before(h[0]) {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h) {
			break
		}
		if child+1 < len(h) && h[child].before(h[child+1]) {
			child++
		}
		if !s.before(h[child]) { // s is the worst here
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = s
}

// hits are the kept, best first.
func (t *top) hits(r *rows, records []record) []index.Hit {
	slices.SortFunc(t.heap, func(a, b scored) int {
		if a.before(b) {
			return -1
		}
		return 1
	})
	out := make([]index.Hit, len(t.heap))
	for i, s := range t.heap {
		out[i] = index.Hit{ID: s.id, Record: records[r.record[s.row]].id, Score: s.score}
	}
	return out
}
