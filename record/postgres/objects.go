package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

type objects struct{ *tx }

const selectObject = "SELECT kind, key, version, updated_at, data FROM objects "

func scanObject(rows pgx.Rows, o *record.Object) error {
	var at int64
	err := rows.Scan(&o.Kind, &o.Key, &o.Version, &at, (*[]byte)(&o.Data))
	o.UpdatedAt = moment(at)
	return err
}

// Get implements record.Objects. In an Update it takes the row's lock.
func (s objects) Get(ctx context.Context, kind, key string) (record.Object, error) {
	if !storable(kind + key) {
		return record.Object{}, orMissing(nil, "there is no %s %q", shown(kind), shown(key))
	}
	query := selectObject + "WHERE kind = $1 AND key = $2"
	if s.update {
		query += " FOR UPDATE"
	}
	all, err := list(ctx, s.tx, "read a document", scanObject, query, kind, key)
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
	query := `INSERT INTO objects AS o VALUES ($1, $2, 1, $3, $4)
		ON CONFLICT (kind, key) DO UPDATE SET version = o.version + 1, updated_at = $3, data = $4 WHERE $5::bigint < 0
		RETURNING version`
	if ifVersion > 0 {
		query = `UPDATE objects SET version = version + 1, updated_at = $3, data = $4
			WHERE kind = $1 AND key = $2 AND version = $5 RETURNING version`
	}
	found, err := s.get(ctx, "store a document", []any{&o.Version}, query, kind, key, micros(o.UpdatedAt), string(encoded), ifVersion)
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
	if !storable(kind + key) {
		return orMissing(nil, "there is no %s %q", shown(kind), shown(key))
	}
	n, err := s.exec(ctx, "delete a document", "DELETE FROM objects WHERE kind = $1 AND key = $2", kind, key)
	if err != nil || n == 0 {
		return orMissing(err, "there is no %s %q", kind, key)
	}
	return nil
}

// List implements record.Objects.
func (s objects) List(ctx context.Context, kind, prefix, after string, limit int) ([]record.Object, error) {
	if !storable(kind + prefix + after) {
		return nil, fault.New(fault.Invalid, "list documents: a name is not UTF-8")
	}
	return list(ctx, s.tx, "list documents", scanObject, selectObject+`
		WHERE kind = $1 AND key >= $2 AND key > $3 AND starts_with(key, $2)
		ORDER BY key LIMIT $4`, kind, prefix, after, unlimited(limit))
}
