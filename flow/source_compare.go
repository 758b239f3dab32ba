package flow

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/record"
)

// A comparison that would delete more than heldShare of the records, and more
// than heldFew of them, is held until somebody accepts it: more often than
// not the source is empty or broken.
const (
	heldShare = 0.5
	heldFew   = 100
)

// comparison looks for records that have no row any more.
type comparison struct {
	after   string
	records int64
	missing []string
	counted bool
}

// compareSome goes on with a comparison, if one is asked for.
func (f *follower) compareSome(ctx context.Context) (more bool, err error) {
	var state Following
	var records []record.Record
	c := f.compare
	if c == nil {
		c = &comparison{}
	}
	err = f.records.View(ctx, func(tx record.Tx) error {
		if state, _, err = LoadFollowing(ctx, tx, f.collection.ID); err != nil || !state.Compare || c.counted {
			return err
		}
		records, err = tx.Records().List(ctx, f.collection.ID, c.after, followRows)
		return err
	})
	if err != nil || !state.Compare {
		f.compare = nil
		return false, err
	}
	if f.compare = c; !c.counted {
		return true, f.page(ctx, c, records)
	}
	return f.settle(ctx, c, state.Accepted)
}

// page compares a portion of records with their rows.
func (f *follower) page(ctx context.Context, c *comparison, records []record.Record) error {
	if len(records) == 0 {
		c.counted = true
		return nil
	}
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	found, err := f.source.Existing(ctx, ids)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(found))
	for _, id := range found {
		there[id] = true
	}
	for _, id := range ids {
		if !there[id] {
			c.missing = append(c.missing, id)
		}
	}
	c.records += int64(len(records))
	c.after = ids[len(ids)-1]
	return nil
}

// settle deletes what is missing, or holds that back.
func (f *follower) settle(ctx context.Context, c *comparison, accepted bool) (more bool, err error) {
	n := int64(len(c.missing))
	if !accepted && n > heldFew && float64(n) > heldShare*float64(c.records) {
		f.compare = nil
		f.log.WarnContext(ctx, "deletes are held: most rows are gone from the source", "collection", f.collection.Name, "missing", n, "records", c.records)
		return false, f.commit(ctx, nil, func(s *Following) {
			s.Held, s.Compare = &HeldDeletes{Missing: n, Records: c.records, At: time.Now()}, false
		})
	}
	if n > 0 {
		portion := c.missing[:min(n, followRows)]
		c.missing = c.missing[len(portion):]
		// They are looked up once more: some may have come back.
		return true, f.copyRows(ctx, portion, func(*Following) {})
	}
	f.compare = nil
	return false, f.commit(ctx, nil, func(s *Following) {
		s.Held, s.Compare, s.Accepted, s.Compared = nil, false, false, time.Now()
	})
}
