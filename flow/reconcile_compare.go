package flow

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

const (
	// comparePage is how many passages make one range.
	comparePage = 4096
	// refBits: so many low bits of records' numbers make one range.
	refBits = 12
	// settlePatience is how long a comparison waits for changes to be indexed.
	settlePatience = 5 * time.Minute
)

// reconciler compares one generation's index with the records. Ranges of ids
// whose sums agree are not looked into. What differs may be on its way: it is
// looked at twice, and in between every change is indexed that was pending at
// the first look. What then differs in the same way is damage.
type reconciler struct {
	x  *Indexer
	c  record.Collection
	g  record.Generation
	ix index.Index
}

// difference is an item that index and records do not agree on.
type difference struct {
	want, have   index.Item
	wanted, held bool
	version      int64 // of the record or of its text
}

// span is a range of ids, both ends within.
type span struct{ from, to int64 }

// spans are the ranges that bounds make.
func spans(bounds []int64) []span {
	out := make([]span, len(bounds)+1)
	out[0].from, out[len(bounds)].to = math.MinInt64+1, math.MaxInt64
	for i, b := range bounds {
		out[i].to, out[i+1].from = b-1, b
	}
	return out
}

// ranges sums up what the index should hold of a part.
func (c *reconciler) ranges(ctx context.Context, part index.Part) ([]int64, []index.Sum, error) {
	if part == index.Metadata {
		return c.metadataRanges(ctx)
	}
	var bounds []int64
	sums := make([]index.Sum, 1)
	for after := record.PassageID(0); ; {
		page, err := c.passages(ctx, after, comparePage)
		if err != nil || len(page) == 0 {
			return bounds, sums, err
		}
		if after != 0 {
			bounds, sums = append(bounds, int64(page[0].ID)), append(sums, index.Sum{})
		}
		for _, p := range page {
			if p.State != record.Removed {
				sums[len(sums)-1].Add(c.entry(p))
			}
		}
		after = page[len(page)-1].ID
	}
}

func (c *reconciler) metadataRanges(ctx context.Context) ([]int64, []index.Sum, error) {
	buckets := map[int64]*index.Sum{}
	for after := ""; ; {
		var page []record.Record
		err := c.x.Records.View(ctx, func(tx record.Tx) (err error) {
			page, err = tx.Records().List(ctx, c.c.ID, after, comparePage)
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			item, held := c.metadata(r)
			if !held {
				continue
			}
			b := int64(r.Ref) >> refBits
			if buckets[b] == nil {
				buckets[b] = &index.Sum{}
			}
			buckets[b].Add(item)
		}
		after = page[len(page)-1].ID
	}
	var bounds []int64
	for b := range buckets {
		bounds = append(bounds, b<<refBits, (b+1)<<refBits)
	}
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	sums := make([]index.Sum, len(bounds)+1)
	for b, sum := range buckets {
		sums[index.RangeOf(bounds, b<<refBits)] = *sum
	}
	return bounds, sums, nil
}

func (c *reconciler) passages(ctx context.Context, after record.PassageID, limit int) (page []record.Passage, err error) {
	err = c.x.Records.View(ctx, func(tx record.Tx) (err error) {
		page, err = tx.Passages().Scan(ctx, c.g.ID, after, limit)
		return err
	})
	return page, err
}

// entry is what the index should hold of a passage.
func (c *reconciler) entry(p record.Passage) index.Item {
	return index.Item{ID: int64(p.ID), Record: int64(p.Ref), Tag: entryTag(c.g, p)}
}

// metadata is what the index should hold of a record.
func (c *reconciler) metadata(r record.Record) (item index.Item, held bool) {
	m := c.x.meta(&c.c.Declaration, r.Fields)
	return index.Item{ID: int64(r.Ref), Record: int64(r.Ref), Tag: m.Tag()}, len(m) > 0 && !r.Deleted
}

// differing finds the ranges whose sums do not agree, and counts what the
// index holds.
func (c *reconciler) differing(ctx context.Context, part index.Part) (out []span, held int64, err error) {
	bounds, want, err := c.ranges(ctx, part)
	if err != nil {
		return nil, 0, err
	}
	have, err := c.ix.Ranges(ctx, part, bounds)
	if err != nil {
		return nil, 0, err
	}
	for i, s := range spans(bounds) {
		held += have[i].Count
		if have[i] != want[i] {
			out = append(out, s)
		}
	}
	return out, held, nil
}

// look compares a range item by item.
func (c *reconciler) look(ctx context.Context, part index.Part, s span) (map[int64]difference, error) {
	out := map[int64]difference{}
	for after := s.from - 1; ; {
		page, err := c.ix.Scan(ctx, part, after, comparePage)
		if err != nil {
			return nil, err
		}
		for _, item := range page {
			if item.ID <= s.to {
				out[item.ID] = difference{have: item, held: true}
			}
		}
		if len(page) < comparePage || page[len(page)-1].ID >= s.to {
			break
		}
		after = page[len(page)-1].ID
	}
	want := c.wantPassages
	if part == index.Metadata {
		want = c.wantMetadata
	}
	if err := want(ctx, s, out); err != nil {
		return nil, err
	}
	for id, d := range out {
		if d.wanted == d.held && d.want == d.have {
			delete(out, id)
		}
	}
	return out, nil
}

// wantPassages adds the passages that should be in the index.
func (c *reconciler) wantPassages(ctx context.Context, s span, out map[int64]difference) error {
	for after := record.PassageID(max(s.from-1, 0)); ; {
		page, err := c.passages(ctx, after, comparePage)
		if err != nil {
			return err
		}
		for _, p := range page {
			if int64(p.ID) > s.to {
				return nil
			}
			if p.State == record.Removed {
				continue
			}
			d := out[int64(p.ID)]
			d.want, d.wanted, d.version = c.entry(p), true, p.ContentVersion
			out[int64(p.ID)] = d
		}
		if len(page) < comparePage {
			return nil
		}
		after = page[len(page)-1].ID
	}
}

// wantMetadata adds the records whose metadata should be in the index. A
// range that is no record's holds only what the index has.
func (c *reconciler) wantMetadata(ctx context.Context, s span, out map[int64]difference) error {
	refs := make([]record.Ref, 0, 1<<refBits)
	if s.to-s.from == 1<<refBits-1 {
		for ref := s.from; ref <= s.to; ref++ {
			refs = append(refs, record.Ref(ref))
		}
	} else {
		for id := range out {
			refs = append(refs, record.Ref(id))
		}
	}
	for part := range slices.Chunk(refs, comparePage) {
		records, err := c.load(ctx, part)
		if err != nil {
			return err
		}
		for ref, r := range records {
			d := out[int64(ref)]
			d.want, d.wanted = c.metadata(r)
			if !d.wanted {
				d.want = index.Item{}
			}
			if d.version = r.Version; d.wanted || d.held {
				out[int64(ref)] = d
			}
		}
	}
	return nil
}

// load finds the collection's records.
func (c *reconciler) load(ctx context.Context, refs []record.Ref) (out map[record.Ref]record.Record, err error) {
	err = c.x.Records.View(ctx, func(tx record.Tx) (err error) {
		if out, err = tx.Records().Load(ctx, refs); err != nil {
			return err
		}
		for ref, r := range out {
			if r.Collection != c.c.ID {
				delete(out, ref)
			}
		}
		return nil
	})
	return out, err
}

// settle waits until every change is indexed that is pending now; false if
// they take too long.
func (c *reconciler) settle(ctx context.Context) (bool, error) {
	patience := time.NewTimer(settlePatience)
	defer patience.Stop()
	look := time.NewTicker(refillLook)
	defer look.Stop()
	for until := int64(-1); ; {
		var p record.Pending
		err := c.x.Records.View(ctx, func(tx record.Tx) (err error) {
			p, err = tx.Changes().Pending(ctx, c.g.ID)
			return err
		})
		if err != nil {
			return false, err
		}
		if until < 0 {
			until = p.Latest
		}
		if p.Count == 0 || p.Applied >= until {
			return true, nil
		}
		select {
		case <-look.C:
		case <-patience.C:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// damage looks at ranges twice. It yields what is wrong, some at a time by id,
// and counts what else differs, as it is changing or dead-lettered.
func (c *reconciler) damage(ctx context.Context, part index.Part, ranges []span, yield func([]difference) error) (unsettled int64, err error) {
	const together = 64 // ranges, which bounds what is held in memory
	for some := range slices.Chunk(ranges, together) {
		first, err := c.lookAt(ctx, part, some)
		if err != nil {
			return 0, err
		}
		if len(first) == 0 {
			continue
		}
		settled, err := c.settle(ctx)
		if err != nil {
			return 0, err
		}
		waiting, err := c.deadLetters(ctx)
		if err != nil {
			return 0, err
		}
		second, err := c.lookAt(ctx, part, some)
		if err != nil {
			return 0, err
		}
		var wrong []difference
		for id, d := range second {
			if settled && first[id] == d && !waiting[record.Ref(d.record())] {
				wrong = append(wrong, d)
			} else {
				unsettled++
			}
		}
		slices.SortFunc(wrong, func(a, b difference) int { return cmp.Compare(a.id(), b.id()) })
		if err := yield(wrong); err != nil {
			return 0, err
		}
	}
	return unsettled, nil
}

func (c *reconciler) lookAt(ctx context.Context, part index.Part, ranges []span) (map[int64]difference, error) {
	out := map[int64]difference{}
	for _, s := range ranges {
		found, err := c.look(ctx, part, s)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, found)
	}
	return out, nil
}

func (d difference) id() int64 {
	if d.wanted {
		return d.want.ID
	}
	return d.have.ID
}

func (d difference) record() int64 {
	if d.wanted {
		return d.want.Record
	}
	return d.have.Record
}

// deadLetters are the records whose index entries wait for a replay.
func (c *reconciler) deadLetters(ctx context.Context) (map[record.Ref]bool, error) {
	out := map[record.Ref]bool{}
	for after := int64(0); ; {
		var page []record.DeadLetter
		err := c.x.Records.View(ctx, func(tx record.Tx) (err error) {
			page, err = tx.DeadLetters().List(ctx, record.DeadLetterFilter{Collection: c.c.ID, After: after, Limit: comparePage})
			return err
		})
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, l := range page {
			if l.Generation == c.g.ID {
				out[l.Ref] = true
			}
		}
		after = page[len(page)-1].ID
	}
}

// entryTag stands for what a passage's entry is made from: vector and words.
func entryTag(g record.Generation, p record.Passage) uint64 {
	return index.TagOf(digest.Of("entry", string(g.Space[:]), string(p.Text[:]), string(p.Display[:])))
}

func (x *Indexer) meta(d *record.Declaration, fields record.Fields) index.Meta {
	m := make(index.Meta, len(d.Metadata))
	for _, name := range d.Metadata {
		if v := x.Gate.Metadata(name, fields[name], d.Enums[name]); len(v) > 0 {
			m[name] = v
		}
	}
	return m
}
