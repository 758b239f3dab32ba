package snapshot

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Reissue issues every snapshot of a collection that holds one of the records
// anew without them, under a new digest, deletes the old objects, and says how
// many snapshots that were. It may be repeated: what a call before it has left
// is seen to.
func (s *Store) Reissue(ctx context.Context, c record.CollectionID, without []record.Ref) (int, error) {
	all, err := s.List(ctx, c, "", 0)
	if err != nil {
		return 0, wrap("issue snapshots anew", err)
	}
	n := 0
	for _, one := range all {
		did, err := s.reissue(ctx, one, without)
		if err != nil {
			return n, wrap("issue snapshots anew", err)
		}
		if did {
			n++
		}
	}
	return n, nil
}

// reissue sees to one snapshot until nobody has changed it meanwhile.
func (s *Store) reissue(ctx context.Context, one Snapshot, without []record.Ref) (bool, error) {
	did := false
	for {
		next, changed, err := s.without(ctx, one, without)
		if err == nil && (changed || len(one.Old) > 0) {
			err = s.replace(ctx, &next)
		}
		switch {
		case fault.KindOf(err) == fault.NotFound && ctx.Err() == nil:
			return did, nil // it was deleted
		case err == nil:
			return did || changed, nil
		case fault.KindOf(err) != fault.Conflict:
			return did, err
		}
		if one, err = s.Get(ctx, one.Collection, one.Name); err != nil {
			return did, err
		}
	}
}

// replace stores a snapshot's new document, then deletes its old objects, and
// then forgets them: none is lost sight of.
func (s *Store) replace(ctx context.Context, next *Snapshot) error {
	if err := s.put(ctx, next); err != nil {
		return err
	}
	if err := s.remove(ctx, next.Old...); err != nil {
		return err
	}
	next.Old = nil
	return s.put(ctx, next)
}

// put replaces the document that a snapshot was read from.
func (s *Store) put(ctx context.Context, next *Snapshot) error {
	var o record.Object
	err := s.Records.Update(ctx, func(tx record.Tx) (err error) {
		// One that was deleted must not come back.
		if _, err := tx.Objects().Get(ctx, kind, key(next.Collection, next.Name)); err != nil {
			return err
		}
		o, err = tx.Objects().Put(ctx, kind, key(next.Collection, next.Name), next, next.version)
		return err
	})
	if err == nil {
		next.version = o.Version
	}
	return err
}

// without writes the objects of a snapshot without some records. If it holds
// none of them, nothing is changed.
func (s *Store) without(ctx context.Context, one Snapshot, refs []record.Ref) (next Snapshot, changed bool, err error) {
	held := 0
	err = readRows(ctx, s.Bucket, one.RecordsObject, func(rows []refRow) error {
		for _, r := range rows {
			if slices.Contains(refs, record.Ref(r.Record)) {
				held++
			}
		}
		return nil
	})
	if err != nil || held == 0 {
		return one, false, err
	}
	next = one
	next.Records, next.Passages = 0, 0
	records, err := newUpload[recordRow](ctx, s)
	if err != nil {
		return one, false, err
	}
	defer records.abort()
	passages, err := newUpload[passageRow](ctx, s)
	if err != nil {
		return one, false, err
	}
	defer passages.abort()
	err = readRows(ctx, s.Bucket, one.RecordsObject, func(rows []recordRow) error {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r recordRow) bool { return slices.Contains(refs, record.Ref(r.Record)) })
		next.Records += int64(len(rows))
		return records.add(rows)
	})
	if err != nil {
		return one, false, err
	}
	err = readRows(ctx, s.Bucket, one.PassagesObject, func(rows []passageRow) error {
		rows = slices.DeleteFunc(slices.Clone(rows), func(r passageRow) bool { return slices.Contains(refs, record.Ref(r.Record)) })
		next.Passages += int64(len(rows))
		return passages.add(rows)
	})
	if err != nil {
		return one, false, err
	}
	if err := s.finish(ctx, &next, records, passages); err != nil {
		return one, false, err
	}
	next.Erased += int64(held)
	next.ReissuedAt = time.Now().UTC().Truncate(time.Microsecond)
	next.Old = append(slices.Clone(one.Old), one.RecordsObject.Key, one.PassagesObject.Key)
	return next, true, nil
}

// refRow is the column of records alone.
type refRow struct {
	Record int64 `parquet:"record"`
}
