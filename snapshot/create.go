package snapshot

import (
	"context"
	"encoding/json"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// page is how many records are read at a time.
const page = 500

// Create pins a collection as it is now, under a name that is free. It is
// ErrBusy while changes await indexing.
//
// The objects come first, then the document that names them, and then the
// marks on their vectors are cleared: from its name on a snapshot is a
// reference (see record.Vectors). A vector that went before that is noticed.
func (s *Store) Create(ctx context.Context, collection, name string) (Snapshot, error) {
	if err := CheckName(name); err != nil {
		return Snapshot{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, createFor)
	defer cancel()
	var one Snapshot
	err := s.Records.View(ctx, func(tx record.Tx) (err error) {
		one, err = s.take(ctx, tx, collection, name)
		return err
	})
	if err != nil {
		return Snapshot{}, wrap("create snapshot", err)
	}
	var o record.Object
	err = s.Records.Update(ctx, func(tx record.Tx) (err error) {
		// It must not be dropped with its snapshots before this one is named.
		if _, err := tx.Collections().Find(ctx, one.Collection); err != nil {
			return err
		}
		o, err = tx.Objects().Put(ctx, kind, key(one.Collection, name), one, 0)
		return err
	})
	one.version = o.Version
	if err != nil {
		_ = s.remove(ctx, one.RecordsObject.Key, one.PassagesObject.Key) // else they are orphans
		if fault.KindOf(err) == fault.Conflict {
			return Snapshot{}, fault.New(fault.Conflict, "there is a snapshot of this name")
		}
		return Snapshot{}, wrap("create snapshot", err)
	}
	if err := s.pin(ctx, one); err != nil {
		return Snapshot{}, wrap("create snapshot", err)
	}
	return one, nil
}

// pin clears the marks on a snapshot's vectors, and takes the snapshot back
// if one is not there any more.
func (s *Store) pin(ctx context.Context, one Snapshot) error {
	missing := 0
	err := readRows(ctx, s.Bucket, one.PassagesObject, func(rows []addressRow) error {
		addresses := make([]digest.Digest, len(rows))
		for i, r := range rows {
			addresses[i] = r.Address
		}
		n, err := s.Embeddings.Pin(ctx, addresses)
		missing += n
		return err
	})
	if err == nil && missing > 0 {
		err = fault.New(fault.Unavailable, "%d embeddings were swept or never made while the snapshot was taken; try again, and see the dead letters", missing)
	}
	if err == nil {
		return nil
	}
	if undo := s.Delete(context.WithoutCancel(ctx), one.Collection, one.Name); undo != nil {
		s.Log.WarnContext(ctx, "a snapshot that could not be pinned stays; delete it", "name", one.Name, "error", undo)
	}
	return err
}

// take writes the objects of a snapshot, from one state of the store.
func (s *Store) take(ctx context.Context, tx record.Tx, collection, name string) (one Snapshot, err error) {
	c, err := tx.Collections().Get(ctx, collection)
	if err != nil {
		return one, err
	}
	if _, err := tx.Objects().Get(ctx, kind, key(c.ID, name)); fault.KindOf(err) != fault.NotFound {
		if err == nil {
			err = fault.New(fault.Conflict, "there is a snapshot of this name")
		}
		return one, err
	}
	g, err := active(ctx, tx, c.ID)
	if err != nil {
		return one, err
	}
	pending, err := tx.Changes().Pending(ctx, g.ID)
	if err != nil {
		return one, err
	}
	if pending.Count > 0 {
		return one, ErrBusy
	}
	one = Snapshot{
		Name: name, Collection: c.ID, Change: pending.Latest, Generation: g.ID, Model: g.Model, Space: g.Space,
		Dimensions: g.Dimensions, Recipe: g.Recipe, Fields: publicFields(&c.Declaration), CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	records, err := newUpload[recordRow](ctx, s)
	if err != nil {
		return one, err
	}
	defer records.abort()
	passages, err := newUpload[passageRow](ctx, s)
	if err != nil {
		return one, err
	}
	defer passages.abort()
	if err := s.fill(ctx, tx, &one, records, passages); err != nil {
		return one, err
	}
	return one, s.finish(ctx, &one, records, passages)
}

// finish makes the objects of a snapshot durable, and computes its digest.
func (s *Store) finish(ctx context.Context, one *Snapshot, records *upload[recordRow], passages *upload[passageRow]) (err error) {
	if one.RecordsObject, err = records.close(ctx, s); err != nil {
		return err
	}
	if one.PassagesObject, err = passages.close(ctx, s); err != nil {
		return err
	}
	return one.seal()
}

func active(ctx context.Context, tx record.Tx, c record.CollectionID) (record.Generation, error) {
	all, err := tx.Collections().Generations(ctx, c)
	if err != nil {
		return record.Generation{}, err
	}
	for _, g := range all {
		if g.State == record.Active {
			return g, nil
		}
	}
	return record.Generation{}, fault.New(fault.Unavailable, "the collection has no active generation")
}

// fill writes all records and their passages, page by page.
func (s *Store) fill(ctx context.Context, tx record.Tx, one *Snapshot, records *upload[recordRow], passages *upload[passageRow]) error {
	for after := ""; ; {
		found, err := tx.Records().List(ctx, one.Collection, after, page)
		if err != nil || len(found) == 0 {
			return err
		}
		refs := make([]record.Ref, len(found))
		rows := make([]recordRow, len(found))
		for i, r := range found {
			refs[i] = r.Ref
			if rows[i], err = rowOf(r, one.Fields); err != nil {
				return err
			}
		}
		if err := records.add(rows); err != nil {
			return err
		}
		one.Records += int64(len(rows))
		of, err := tx.Passages().Of(ctx, one.Generation, refs)
		if err != nil {
			return err
		}
		pieces := make([]passageRow, 0, len(of))
		for _, p := range of {
			if p.State == record.Removed {
				continue
			}
			pieces = append(pieces, passageRow{
				Record: int64(p.Ref), ContentVersion: p.ContentVersion, Field: p.Field, Ordinal: int32(p.Ordinal), //nolint:gosec // far below 2^31
				Start: int64(p.Start), End: int64(p.End), Text: p.Text, Display: p.Display,
				Address: embedding.Address(one.Space, p.Text), Sealed: p.Sealed,
			})
		}
		if err := passages.add(pieces); err != nil {
			return err
		}
		one.Passages += int64(len(pieces))
		after = found[len(found)-1].ID
	}
}

func rowOf(r record.Record, public []string) (recordRow, error) {
	fields := record.Fields{}
	for _, name := range public {
		if v, ok := r.Fields[name]; ok {
			fields[name] = v
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return recordRow{}, fault.New(fault.Internal, "write the public fields of record %d: %w", r.Ref, err)
	}
	return recordRow{Record: int64(r.Ref), Version: r.Version, ContentVersion: r.ContentVersion, Change: r.Change, Fields: string(text)}, nil
}
