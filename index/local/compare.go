package local

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"

	"github.com/holdfast/holdfast/index"
)

// items yields what a part holds at this moment, in no order.
func (x *local) items(part index.Part) iter.Seq[index.Item] {
	x.lock.RLock()
	defer x.lock.RUnlock()
	if part == index.Metadata {
		var out []index.Item // records change in place, so they are copied
		for i := range x.state.records {
			if r := &x.state.records[i]; len(r.values) > 0 {
				out = append(out, index.Item{ID: r.id, Record: r.id, Tag: r.tag})
			}
		}
		return slices.Values(out)
	}
	r, records := x.state.view(), x.state.records
	return func(yield func(index.Item) bool) {
		for row := range r.alive.all() {
			if !yield(index.Item{ID: r.ids[row], Record: records[r.record[row]].id, Tag: r.tags[row]}) {
				return
			}
		}
	}
}

// Scan implements index.Index.
func (x *local) Scan(ctx context.Context, part index.Part, after int64, limit int) ([]index.Item, error) {
	if err := x.open(ctx); err != nil || limit < 1 {
		return nil, err
	}
	var out []index.Item
	// Whenever out has twice what is asked for, it is sorted and cut.
	cut := func() {
		slices.SortFunc(out, func(a, b index.Item) int { return cmp.Compare(a.ID, b.ID) })
		out = out[:min(limit, len(out))]
	}
	last := int64(math.MaxInt64)
	for item := range x.items(part) {
		if item.ID <= after || item.ID > last {
			continue
		}
		if out = append(out, item); len(out)/2 >= limit {
			cut()
			last = out[limit-1].ID
		}
	}
	cut()
	return out, nil
}

// Ranges implements index.Index.
func (x *local) Ranges(ctx context.Context, part index.Part, bounds []int64) ([]index.Sum, error) {
	if err := x.open(ctx); err != nil {
		return nil, err
	}
	if err := index.CheckBounds(bounds); err != nil {
		return nil, err
	}
	out, n := make([]index.Sum, len(bounds)+1), 0
	for item := range x.items(part) {
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out[index.RangeOf(bounds, item.ID)].Add(item)
	}
	return out, nil
}
