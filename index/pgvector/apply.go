package pgvector

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// change is an index.Batch by column, checked and with words counted.
type change struct {
	forget []int64 // records
	remove []int64 // entries to delete, those that are put included

	records  []int64 // that have metadata
	metaTags []int64
	facts    []string
	bare     []int64 // records without metadata from now on

	ids, owners, tags []int64
	lengths           []int32
	vectors           []string
	postings          [][]any // term, id, count, length
}

func (x *vectors) change(b index.Batch) (*change, error) {
	c := &change{forget: b.Forget, bare: slices.Clone(b.Forget)}
	for _, record := range slices.Sorted(maps.Keys(b.Meta)) {
		m := b.Meta[record]
		facts := factsOf(m)
		if facts == "{}" {
			c.bare = append(c.bare, record)
			continue
		}
		c.records = append(c.records, record)
		c.metaTags = append(c.metaTags, int64(m.Tag())) //nolint:gosec // its bits
		c.facts = append(c.facts, facts)
	}
	last := map[int64]int{}
	for i, e := range b.Upsert {
		last[e.ID] = i
	}
	unit := make([]float32, x.dims)
	for i, e := range b.Upsert {
		if reason := index.Unit(unit, e.Vector); reason != "" {
			return nil, fault.New(fault.Invalid, "entry %d: its vector %s", e.ID, reason)
		}
		if last[e.ID] == i {
			c.add(&e, unit)
		}
	}
	// In the order of their key they are put in faster.
	slices.SortFunc(c.postings, func(a, b []any) int {
		return cmp.Or(cmp.Compare(a[0].(string), b[0].(string)), cmp.Compare(a[1].(int64), b[1].(int64)))
	})
	c.remove = append(slices.Clone(b.Delete), c.ids...)
	return c, nil
}

func (c *change) add(e *index.Entry, unit []float32) {
	counts, length := map[string]int32{}, int32(0)
	index.Tokenize(e.Text, func(term []byte) {
		counts[string(term)]++
		length++
	})
	for term, n := range counts {
		c.postings = append(c.postings, []any{term, e.ID, n, length})
	}
	c.ids = append(c.ids, e.ID)
	c.owners = append(c.owners, e.Record)
	c.tags = append(c.tags, int64(e.Tag)) //nolint:gosec // its bits
	c.lengths = append(c.lengths, length)
	c.vectors = append(c.vectors, literal(unit))
}

// literal writes a vector as pgvector reads it, to the bit.
func literal(v []float32) string {
	var b strings.Builder
	b.Grow(12 * len(v))
	var digits [24]byte
	for i, x := range v {
		if i == 0 {
			b.WriteByte('[')
		} else {
			b.WriteByte(',')
		}
		b.Write(strconv.AppendFloat(digits[:0], float64(x), 'g', -1, 32))
	}
	b.WriteByte(']')
	return b.String()
}

// The statements of a batch. What goes and what comes is counted in the row
// that is locked.
const (
	lockIndex = "SELECT graph FROM indexes WHERE number = $1 FOR NO KEY UPDATE"

	removeEntries = `WITH gone AS (DELETE FROM {entries} WHERE record = ANY ($1) OR id = ANY ($2) RETURNING id, length),
		words AS (DELETE FROM {postings} p USING gone g WHERE p.id = g.id)
		UPDATE indexes SET entries = entries - g.n, length = indexes.length - g.length
		FROM (SELECT count(*) AS n, coalesce(sum(length), 0) AS length FROM gone) g WHERE number = $3 AND g.n > 0`

	removeMeta = "DELETE FROM {meta} WHERE record = ANY ($1)"

	putMeta = `INSERT INTO {meta} AS m SELECT r, t, f::bytea[] FROM unnest($1::bigint[], $2::bigint[], $3::text[]) u (r, t, f)
		ON CONFLICT (record) DO UPDATE SET tag = excluded.tag, facts = excluded.facts
		WHERE (m.tag, m.facts) IS DISTINCT FROM (excluded.tag, excluded.facts)`

	putEntries = `WITH new AS (INSERT INTO {entries} (id, record, tag, length, vector)
			SELECT i, r, t, l, v::vector FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::text[]) u (i, r, t, l, v)
			ORDER BY i RETURNING length)
		UPDATE indexes SET entries = entries + n.n, length = indexes.length + n.length
		FROM (SELECT count(*) AS n, coalesce(sum(length), 0) AS length FROM new) n WHERE number = $6
		RETURNING entries`
)

// Apply implements index.Index.
func (x *vectors) Apply(ctx context.Context, b index.Batch) error {
	c, err := x.change(b)
	if err != nil {
		return err
	}
	if len(c.remove)+len(c.bare)+len(c.records) == 0 {
		return nil
	}
	return x.with(ctx, "apply a batch", func(t tables) error {
		var graph bool
		var entries int64
		err := pgx.BeginFunc(ctx, x.opener.pool, func(tx pgx.Tx) error {
			q := &pgx.Batch{}
			q.Queue(lockIndex, t.number).QueryRow(func(r pgx.Row) error { return gone(r.Scan(&graph)) })
			if len(c.forget)+len(c.remove) > 0 {
				q.Queue(t.sql(removeEntries), c.forget, c.remove, t.number)
			}
			if len(c.bare) > 0 {
				q.Queue(t.sql(removeMeta), c.bare)
			}
			if len(c.records) > 0 {
				q.Queue(t.sql(putMeta), c.records, c.metaTags, c.facts)
			}
			if len(c.ids) > 0 {
				q.Queue(t.sql(putEntries), c.ids, c.owners, c.tags, c.lengths, c.vectors, t.number).QueryRow(func(r pgx.Row) error {
					return r.Scan(&entries)
				})
			}
			if err := tx.SendBatch(ctx, q).Close(); err != nil || len(c.postings) == 0 {
				return err
			}
			_, err := tx.CopyFrom(ctx, pgx.Identifier{t.sql("{postings}")}, []string{"term", "id", "count", "length"}, pgx.CopyFromRows(c.postings))
			return err
		})
		if err == nil && !graph && entries >= x.opener.graphFrom {
			x.grow(t)
		}
		return err
	})
}
