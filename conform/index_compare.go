package conform

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// scan reads a whole part, page by page.
func (r *indexRig) scan(part index.Part, limit int) (out []index.Item) {
	r.Helper()
	for after := int64(math.MinInt64); ; after = out[len(out)-1].ID {
		page, err := r.ix.Scan(r.Context(), part, after, limit)
		r.must(err)
		if len(page) > limit {
			r.Fatalf("a page of %d, limit %d", len(page), limit)
		}
		if len(page) == 0 {
			return out
		}
		out = append(out, page...)
	}
}

func (r *indexRig) ranges(part index.Part, bounds ...int64) []index.Sum {
	r.Helper()
	sums, err := r.ix.Ranges(r.Context(), part, bounds)
	r.must(err)
	return sums
}

// sums adds up items range by range, as the contract says.
func sums(items []index.Item, bounds []int64) []index.Sum {
	out := make([]index.Sum, len(bounds)+1)
	for _, item := range items {
		at := 0
		for at < len(bounds) && item.ID >= bounds[at] {
			at++
		}
		out[at].Add(item)
	}
	return out
}

// items lists what an index must hold of a part.
func (p *plainIndex) items(part index.Part) (out []index.Item) {
	if part == index.Passages {
		for id, e := range p.entries {
			out = append(out, index.Item{ID: id, Record: e.Record, Tag: e.Tag})
		}
	} else {
		for record, m := range p.meta {
			if tag := m.Tag(); tag != (index.Meta{}).Tag() {
				out = append(out, index.Item{ID: record, Record: record, Tag: tag})
			}
		}
	}
	slices.SortFunc(out, func(a, b index.Item) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// wantItems compares what an index says it holds with what it must hold.
func (r *indexRig) wantItems(what string, plain *plainIndex, bounds []int64) {
	r.Helper()
	for _, part := range []index.Part{index.Passages, index.Metadata} {
		want := plain.items(part)
		if got := r.scan(part, 37); !slices.Equal(got, want) {
			r.Fatalf("%s: part %d holds %v, want %v", what, part, got, want)
		}
		if got := r.ranges(part, bounds...); !slices.Equal(got, sums(want, bounds)) {
			r.Fatalf("%s: part %d has the sums %v, want %v of %v", what, part, got, sums(want, bounds), bounds)
		}
	}
}

func indexScan(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	ids := []int64{7, 3, 1 << 40, 12, 5, 90, 4, math.MaxInt64, math.MinInt64 + 1, -3, 0}
	b := index.Batch{Meta: map[int64]index.Meta{}}
	plain := &plainIndex{entries: map[int64]index.Entry{}, meta: map[int64]index.Meta{}}
	for _, id := range ids {
		e := indexEntry(id, id/2, indexAxis(0, 0), r.clean(""))
		e.Tag = uint64(id) * 0x9e3779b97f4a7c15 //nolint:gosec // any number will do
		b.Upsert = append(b.Upsert, e)
		b.Meta[id] = index.Meta{"n": r.values("n", float64(id))}
	}
	r.apply(b)
	plain.apply(b)
	for _, part := range []index.Part{index.Passages, index.Metadata} {
		for limit := 1; limit <= len(ids)+1; limit++ {
			if got, want := r.scan(part, limit), plain.items(part); !slices.Equal(got, want) {
				t.Errorf("pages of %d of part %d: %v, want %v", limit, part, got, want)
			}
		}
		if page, err := r.ix.Scan(t.Context(), part, 0, 0); len(page) != 0 || err != nil {
			t.Errorf("no items: %v, %v", page, err)
		}
	}
	for _, bounds := range [][]int64{nil, {5}, {4, 5, 6, 100}, {math.MinInt64, math.MaxInt64}, {-3, 0, 8, 1 << 40}} {
		r.wantItems("ranges", plain, bounds)
	}
	for _, bounds := range [][]int64{{2, 1}, {1, 1}} {
		if _, err := r.ix.Ranges(t.Context(), index.Passages, bounds); fault.KindOf(err) != fault.Invalid {
			t.Errorf("bounds %v: %v", bounds, err)
		}
	}
}

// indexCompare changes one thing after another: the sums of its range, and
// of no other, must change with each.
func indexCompare(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	word := r.clean("word")
	entry := func(id, record int64, tag uint64) index.Entry {
		e := indexEntry(id, record, indexAxis(0, 0), word)
		e.Tag = tag
		return e
	}
	status := func(s ...any) index.Meta { return index.Meta{"status": r.values("status", s)} }
	r.apply(index.Batch{
		Upsert: []index.Entry{entry(1, 1, 11), entry(2, 1, math.MaxUint64), entry(11, 2, 13), entry(12, 2, 14)},
		Meta:   map[int64]index.Meta{1: status("open"), 2: status("open"), 11: status("open", "closed")},
	})
	bounds := []int64{0, 10}
	for _, c := range []struct {
		name string
		b    index.Batch
		part index.Part
	}{
		{"another tag", index.Batch{Upsert: []index.Entry{entry(11, 2, 15)}}, index.Passages},
		{"another record", index.Batch{Upsert: []index.Entry{entry(11, 3, 15)}}, index.Passages},
		{"tags swapped", index.Batch{Upsert: []index.Entry{entry(11, 3, 14), entry(12, 2, 15)}}, index.Passages},
		{"one more", index.Batch{Upsert: []index.Entry{entry(13, 2, 14)}}, index.Passages},
		{"one less", index.Batch{Delete: []int64{13}}, index.Passages},
		{"other metadata", index.Batch{Meta: map[int64]index.Meta{11: status("closed")}}, index.Metadata},
		{"a list's order", index.Batch{Meta: map[int64]index.Meta{11: status("closed", "open")}}, index.Metadata},
		{"another field", index.Batch{Meta: map[int64]index.Meta{11: {"state": r.values("status", "closed")}}}, index.Metadata},
		{"no metadata", index.Batch{Meta: map[int64]index.Meta{11: {"status": nil}}}, index.Metadata},
		{"metadata without a passage", index.Batch{Meta: map[int64]index.Meta{99: status("open")}}, index.Metadata},
		{"a record forgotten", index.Batch{Forget: []int64{99}}, index.Metadata},
	} {
		before, other := r.ranges(c.part, bounds...), r.ranges(1-c.part, bounds...)
		r.apply(c.b)
		after := r.ranges(c.part, bounds...)
		if before[2] == after[2] || !slices.Equal(before[:2], after[:2]) || !slices.Equal(other, r.ranges(1-c.part, bounds...)) {
			t.Errorf("%s: the sums were %v and are %v", c.name, before, after)
		}
	}
	before := r.ranges(index.Metadata)
	r.apply(index.Batch{Meta: map[int64]index.Meta{50: {}, 51: {"status": nil}}})
	if after := r.ranges(index.Metadata); !slices.Equal(before, after) {
		t.Errorf("empty metadata is counted: %v, then %v", before, after)
	}
}
