package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/record"
)

type records struct{ *tx }

const selectRecord = "SELECT r.ref, r.collection, r.id, r.version, r.content_version, r.change, r.updated_at, r.deleted, r.fields "

func scanRecord(rows pgx.Rows, r *record.Record) error {
	var updated int64
	// Values that pgx would copy are taken as they lie in its buffer.
	if err := rows.Scan(&r.Ref, &r.Collection, &r.ID, &r.Version, &r.ContentVersion, &r.Change, &updated, &r.Deleted, scanFields{&r.Fields}); err != nil {
		return err
	}
	r.UpdatedAt = moment(updated)
	return nil
}

// scanFields parses stored fields; a tombstone has none.
type scanFields struct{ to *record.Fields }

// ScanBytes implements pgtype.BytesScanner.
func (s scanFields) ScanBytes(stored []byte) (err error) {
	if len(stored) > 0 {
		*s.to, err = record.ParseFields(stored)
	}
	return err
}

// storableIDs leaves out what cannot be the id of a record, and PostgreSQL
// would refuse to look for.
func storableIDs(ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if storable(id) {
			out = append(out, id)
		}
	}
	return out
}

// Get implements record.Records.
func (s records) Get(ctx context.Context, c record.CollectionID, ids []string) ([]record.Record, error) {
	found := make(map[string]record.Record, len(ids))
	err := s.each(ctx, "get records", func(rows pgx.Rows) error {
		var r record.Record
		err := scanRecord(rows, &r)
		found[r.ID] = r
		return err
	}, selectRecord+"FROM records r WHERE r.collection = $1 AND r.id = ANY ($2)", c, storableIDs(ids))
	out := make([]record.Record, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, err
}

// Load implements record.Records.
func (s records) Load(ctx context.Context, refs []record.Ref) (map[record.Ref]record.Record, error) {
	out := make(map[record.Ref]record.Record, len(refs))
	err := s.each(ctx, "load records", func(rows pgx.Rows) error {
		var r record.Record
		err := scanRecord(rows, &r)
		out[r.Ref] = r
		return err
	}, selectRecord+"FROM records r WHERE r.ref = ANY ($1)", ints(refs))
	return out, err
}

// List implements record.Records.
func (s records) List(ctx context.Context, c record.CollectionID, after string, limit int) ([]record.Record, error) {
	if !storable(after) {
		return nil, badCursor()
	}
	return list(ctx, s.tx, "list records", scanRecord,
		selectRecord+"FROM records r WHERE collection = $1 AND id > $2 AND NOT deleted ORDER BY id LIMIT $3", c, after, unlimited(limit))
}

// History implements record.Records.
func (s records) History(ctx context.Context, ref record.Ref, limit int) ([]record.Record, error) {
	return list(ctx, s.tx, "read a record's history", scanRecord,
		selectRecord+`FROM records r WHERE ref = $1
		UNION ALL
		SELECT v.ref, r.collection, r.id, v.version, v.content_version, v.change, v.updated_at, v.deleted, v.fields
		FROM records r JOIN record_versions v ON v.ref = r.ref WHERE r.ref = $1
		ORDER BY 4 DESC LIMIT $2`, ref, unlimited(limit))
}

// Count implements record.Records.
func (s records) Count(ctx context.Context, c record.CollectionID) (int64, error) {
	var n int64
	_, err := s.get(ctx, "count records", []any{&n}, "SELECT records FROM collections WHERE id = $1", c)
	return n, err
}
