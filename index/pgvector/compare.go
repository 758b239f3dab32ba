package pgvector

import (
	"context"
	"fmt"
	"math/big"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// columns of a part: id, record and tag.
func columns(part index.Part) string {
	if part == index.Metadata {
		return "(SELECT record AS id, record, tag FROM {meta}) i"
	}
	return "(SELECT id, record, tag FROM {entries}) i"
}

// Scan implements index.Index.
func (x *vectors) Scan(ctx context.Context, part index.Part, after int64, limit int) (out []index.Item, err error) {
	err = x.with(ctx, "scan the index", func(t tables) error {
		if limit < 1 {
			return nil
		}
		out, err = list(ctx, x.opener.pool, func(r pgx.Rows, i *index.Item) error {
			var tag int64
			err := r.Scan(&i.ID, &i.Record, &tag)
			i.Tag = uint64(tag) //nolint:gosec // its bits
			return err
		}, t.sql("SELECT id, record, tag FROM "+columns(part)+" WHERE id > $1 ORDER BY id LIMIT $2"), after, limit)
		return err
	})
	return out, err
}

// sumRanges is index.Sum in SQL: items' digests are added as signed numbers,
// which modulo 2^64 is the same.
const sumRanges = `SELECT width_bucket(id, $1::bigint[]), count(*), sum(('x' || encode(substr(sha256(
	int8send(id) || int8send(record) || int8send(tag)), 1, 8), 'hex'))::bit(64)::bigint)::text FROM `

// Ranges implements index.Index.
func (x *vectors) Ranges(ctx context.Context, part index.Part, bounds []int64) ([]index.Sum, error) {
	if err := index.CheckBounds(bounds); err != nil {
		return nil, err
	}
	if bounds == nil {
		bounds = []int64{}
	}
	out := make([]index.Sum, len(bounds)+1)
	err := x.with(ctx, "sum up the index", func(t tables) error {
		clear(out)
		var at int
		var count int64
		var total string
		rows, err := x.opener.pool.Query(ctx, t.sql(sumRanges+columns(part)+" GROUP BY 1"), bounds)
		if err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&at, &count, &total}, func() error {
			digest, err := modulo(total)
			out[at] = index.Sum{Count: count, Digest: digest}
			return err
		})
		return err
	})
	return out, err
}

// modulo takes a decimal number modulo 2^64.
func modulo(text string) (uint64, error) {
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return 0, fault.New(fault.Internal, "the database's sum is no number: %w", fmt.Errorf("%d characters", len(text)))
	}
	return n.Mod(n, new(big.Int).Lsh(big.NewInt(1), 64)).Uint64(), nil
}
