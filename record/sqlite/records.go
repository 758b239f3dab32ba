package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/holdfast/holdfast/record"
)

type records struct{ *tx }

const selectRecord = "SELECT r.ref, r.collection, r.id, r.version, r.content_version, r.change, r.updated_at, r.deleted, r.fields "

func scanRecord(rows *sql.Rows, r *record.Record) error {
	var updated int64
	var fields sql.RawBytes
	if err := rows.Scan(&r.Ref, &r.Collection, &r.ID, &r.Version, &r.ContentVersion, &r.Change, &updated, &r.Deleted, &fields); err != nil {
		return err
	}
	r.UpdatedAt = moment(updated)
	return decode(fields, &r.Fields)
}

// decode reads stored fields; a tombstone has none.
func decode(stored []byte, f *record.Fields) error {
	if len(stored) == 0 {
		return nil
	}
	parsed, err := record.ParseFields(stored)
	*f = parsed
	return err
}

// Get implements record.Records.
func (s records) Get(ctx context.Context, c record.CollectionID, ids []string) ([]record.Record, error) {
	asked, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("get records: %w", err)
	}
	found := make(map[string]record.Record, len(ids))
	err = s.each(ctx, "get records", func(rows *sql.Rows) error {
		var r record.Record
		err := scanRecord(rows, &r)
		found[r.ID] = r
		return err
	}, selectRecord+"FROM json_each(?1) j CROSS JOIN records r ON r.collection = ?2 AND r.id = j.value", string(asked), c)
	out := make([]record.Record, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, err
}

// Load implements record.Records.
func (s records) Load(ctx context.Context, refs []record.Ref) (map[record.Ref]record.Record, error) {
	out := make(map[record.Ref]record.Record, len(refs))
	err := s.each(ctx, "load records", func(rows *sql.Rows) error {
		var r record.Record
		err := scanRecord(rows, &r)
		out[r.Ref] = r
		return err
	}, selectRecord+"FROM json_each(?) j CROSS JOIN records r ON r.ref = j.value", jsonInts(refs))
	return out, err
}

// List implements record.Records.
func (s records) List(ctx context.Context, c record.CollectionID, after string, limit int) ([]record.Record, error) {
	return list(ctx, s.tx, "list records", scanRecord,
		selectRecord+"FROM records r WHERE collection = ? AND id > ? AND NOT deleted ORDER BY id LIMIT ?", c, after, unlimited(limit))
}

// History implements record.Records.
func (s records) History(ctx context.Context, ref record.Ref, limit int) ([]record.Record, error) {
	return list(ctx, s.tx, "read a record's history", scanRecord,
		selectRecord+`FROM records r WHERE ref = ?1
		UNION ALL
		SELECT v.ref, r.collection, r.id, v.version, v.content_version, v.change, v.updated_at, v.deleted, v.fields
		FROM records r JOIN record_versions v ON v.ref = r.ref WHERE r.ref = ?1
		ORDER BY 4 DESC LIMIT ?2`, ref, unlimited(limit))
}

// Count implements record.Records.
func (s records) Count(ctx context.Context, c record.CollectionID) (int64, error) {
	var n int64
	_, err := s.get(ctx, "count records", []any{&n}, "SELECT records FROM collections WHERE id = ?", c)
	return n, err
}
