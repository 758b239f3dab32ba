package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/holdfast/holdfast/record"
)

type objects struct{ *tx }

const selectObject = "SELECT kind, key, version, updated_at, data FROM objects "

func scanObject(rows *sql.Rows, o *record.Object) error {
	var at int64
	err := rows.Scan(&o.Kind, &o.Key, &o.Version, &at, (*[]byte)(&o.Data))
	o.UpdatedAt = moment(at)
	return err
}

// Get implements record.Objects.
func (s objects) Get(ctx context.Context, kind, key string) (record.Object, error) {
	all, err := list(ctx, s.tx, "read a document", scanObject, selectObject+"WHERE kind = ? AND key = ?", kind, key)
	if err != nil || len(all) == 0 {
		return record.Object{}, orMissing(err, "there is no %s %q", kind, key)
	}
	return all[0], nil
}

// Put implements record.Objects.
func (s objects) Put(ctx context.Context, kind, key string, data any, ifVersion int64) (record.Object, error) {
	encoded, err := record.EncodeObject(kind, key, data)
	if err != nil {
		return record.Object{}, err
	}
	o := record.Object{Kind: kind, Key: key, Data: encoded, UpdatedAt: moment(micros(time.Now()))}
	found, err := s.get(ctx, "store a document", []any{&o.Version}, `
		INSERT INTO objects (kind, key, version, updated_at, data)
		SELECT ?1, ?2, coalesce((SELECT version FROM objects WHERE kind = ?1 AND key = ?2), 0) + 1, ?3, ?4
		WHERE ?5 < 0 OR ?5 = coalesce((SELECT version FROM objects WHERE kind = ?1 AND key = ?2), 0)
		ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, data = excluded.data
		RETURNING version`, kind, key, micros(o.UpdatedAt), string(encoded), ifVersion)
	if err == nil && !found {
		err = record.ObjectMoved(kind, key)
	}
	if err != nil {
		return record.Object{}, err
	}
	return o, nil
}

// Delete implements record.Objects.
func (s objects) Delete(ctx context.Context, kind, key string) error {
	n, err := s.exec(ctx, "delete a document", "DELETE FROM objects WHERE kind = ? AND key = ?", kind, key)
	if err != nil || n == 0 {
		return orMissing(err, "there is no %s %q", kind, key)
	}
	return nil
}

// List implements record.Objects.
func (s objects) List(ctx context.Context, kind, prefix, after string, limit int) ([]record.Object, error) {
	return list(ctx, s.tx, "list documents", scanObject, selectObject+`
		WHERE kind = ?1 AND key >= ?2 AND key > ?3 AND substr(key, 1, length(?2)) = ?2
		ORDER BY key LIMIT ?4`, kind, prefix, after, unlimited(limit))
}
