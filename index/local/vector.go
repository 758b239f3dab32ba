package local

import (
	"context"
	"runtime"
	"sync"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// shareFloats is how many vector components make a goroutine worth its start.
const shareFloats = 1 << 19

// Vector implements index.Index by comparing with every row.
func (x *local) Vector(ctx context.Context, vector []float32, k int, f *index.Filter) ([]index.Hit, error) {
	if err := x.open(ctx); err != nil {
		return nil, err
	}
	q := make([]float32, x.dims)
	if reason := index.Unit(q, vector); reason != "" {
		return nil, fault.New(fault.Invalid, "the query's vector %s", reason)
	}
	if k < 1 {
		return nil, nil
	}
	x.lock.RLock()
	r, records := x.state.look(f), x.state.records
	x.lock.RUnlock()

	workers := max(1, min(runtime.GOMAXPROCS(0), len(r.ids)*x.dims/shareFloats))
	tops := make([]top, workers)
	share := (len(r.alive) + workers - 1) / workers
	var wg sync.WaitGroup
	for i := range tops {
		tops[i].k = k
		from, to := min(i*share, len(r.alive)), min((i+1)*share, len(r.alive))
		if i == workers-1 {
			r.nearest(ctx, &tops[i], q, from, to)
			continue
		}
		wg.Go(func() { r.nearest(ctx, &tops[i], q, from, to) })
	}
	wg.Wait()
	for _, t := range tops[1:] {
		for _, h := range t.heap {
			tops[0].offer(h)
		}
	}
	return tops[0].hits(&r, records), ctx.Err()
}

// nearest offers the rows in words from to to of r.alive.
func (r *rows) nearest(ctx context.Context, t *top, q []float32, from, to int) {
	dims := len(q)
	for w := from; w < to; w++ {
		if w%64 == 0 && ctx.Err() != nil {
			return
		}
		// A word of the bitset is a part of one slab.
		first := uint32(w) * 64 //nolint:gosec // a row
		slab := r.vectors[first/slabRows][int(first%slabRows)*dims:]
		part := r.alive[w : w+1]
		for i := range part.all() {
			score := dot(q, slab[int(i)*dims:int(i+1)*dims])
			if len(t.heap) < t.k || score >= t.heap[0].score {
				t.offer(scored{first + i, r.ids[first+i], score})
			}
		}
	}
}

// dot is the inner product. Its order of additions is fixed, so that equal
// vectors have equal scores.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 8 && len(b) >= 8 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		s0 += a[4] * b[4]
		s1 += a[5] * b[5]
		s2 += a[6] * b[6]
		s3 += a[7] * b[7]
		a, b = a[8:], b[8:]
	}
	for i := range min(len(a), len(b)) {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}
