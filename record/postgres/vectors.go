package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

type vectors struct{ *tx }

// Claim implements record.Vectors. Claims are taken first, and vectors looked
// for after that: whoever stored one in the meantime did so under the claim
// that we waited for, and whoever deleted one did so under the mark.
func (s vectors) Claim(ctx context.Context, owner string, addresses []digest.Digest, now, until time.Time) (record.Claimed, error) {
	if len(addresses) == 0 {
		return record.Claimed{}, nil
	}
	asked := sortedBlobs(addresses)
	mine, have := map[digest.Digest]bool{}, map[digest.Digest]bool{}
	into := func(set map[digest.Digest]bool) func(pgx.Rows) error {
		return func(r pgx.Rows) error {
			var d digest.Digest
			err := r.Scan(scanDigest{&d})
			set[d] = true
			return err
		}
	}
	var p pipeline
	p.do(unmark, asked)
	p.read(into(mine), `INSERT INTO claims AS c (address, owner, until)
		SELECT a, $2, $4 FROM unnest($1::bytea[]) a WHERE NOT EXISTS (SELECT FROM vectors v WHERE v.address = a)
		ON CONFLICT (address) DO UPDATE SET owner = excluded.owner, until = excluded.until
		WHERE c.owner = excluded.owner OR c.until <= $3
		RETURNING address`, asked, owner, micros(now), micros(until))
	p.read(into(have), "SELECT address FROM vectors WHERE address = ANY ($1)", asked)
	if err := s.send(ctx, "claim vectors", &p); err != nil {
		return record.Claimed{}, err
	}
	var out record.Claimed
	var needless []digest.Digest
	seen := make(map[digest.Digest]bool, len(addresses))
	for _, a := range addresses {
		if seen[a] {
			continue
		}
		seen[a] = true
		switch {
		case have[a]:
			out.Have = append(out.Have, a)
			if mine[a] {
				needless = append(needless, a)
			}
		case mine[a]:
			out.Mine = append(out.Mine, a)
		default:
			out.Busy = append(out.Busy, a)
		}
	}
	if len(needless) == 0 {
		return out, nil
	}
	return out, s.Unclaim(ctx, owner, needless)
}

// sortedBlobs is digests without repetitions, in the order in which locks are taken.
func sortedBlobs(list []digest.Digest) [][]byte {
	out := blobs(list)
	slices.SortFunc(out, bytes.Compare)
	return slices.CompactFunc(out, bytes.Equal)
}

// Put implements record.Vectors.
func (s vectors) Put(ctx context.Context, list []record.Vector) error {
	if len(list) == 0 {
		return nil
	}
	// Of two with one address the first one counts.
	byAddress := make([]*record.Vector, len(list))
	for i := range list {
		byAddress[i] = &list[i]
	}
	slices.SortStableFunc(byAddress, func(a, b *record.Vector) int { return bytes.Compare(a.Address[:], b.Address[:]) })
	byAddress = slices.CompactFunc(byAddress, func(a, b *record.Vector) bool { return a.Address == b.Address })
	addresses, data := make([][]byte, len(byAddress)), make([][]byte, len(byAddress))
	for i, v := range byAddress {
		addresses[i], data[i] = v.Address[:], blob(v.Data)
	}
	var p pipeline
	p.do(unmark, addresses)
	p.do(`WITH given AS (SELECT address, data FROM unnest($1::bytea[], $2::bytea[]) u (address, data)),
		fresh AS (
			INSERT INTO vectors (address, inlined, start, length)
			SELECT address, nextval('inlined_ids'), 0, length(data) FROM given
			ON CONFLICT (address) DO NOTHING RETURNING address, inlined),
		kept AS (
			INSERT INTO inlined_vectors (id, address, data)
			SELECT f.inlined, f.address, g.data FROM fresh f JOIN given g ON g.address = f.address RETURNING 1)
		INSERT INTO counts SELECT k, 0, n FROM (SELECT count(*) AS n FROM kept) c, (VALUES (3), (4)) kinds (k) WHERE n > 0`,
		addresses, data)
	p.do("DELETE FROM claims WHERE address = ANY ($1)", addresses)
	s.deltas += 2
	return s.send(ctx, "store vectors", &p)
}

// Unclaim implements record.Vectors.
func (s vectors) Unclaim(ctx context.Context, owner string, addresses []digest.Digest) error {
	_, err := s.exec(ctx, "give up claims", "DELETE FROM claims WHERE address = ANY ($1) AND owner = $2", sortedBlobs(addresses), owner)
	return err
}

// Load implements record.Vectors.
func (s vectors) Load(ctx context.Context, addresses []digest.Digest) (map[digest.Digest]record.Vector, error) {
	out := make(map[digest.Digest]record.Vector, len(addresses))
	err := s.each(ctx, "load vectors", func(r pgx.Rows) error {
		var v record.Vector
		err := r.Scan(scanDigest{&v.Address}, &v.Data, &v.Segment, &v.Offset, &v.Length)
		out[v.Address] = v
		return err
	}, `SELECT v.address, i.data, coalesce(s.name, ''), v.start, v.length FROM vectors v
		LEFT JOIN inlined_vectors i ON i.id = v.inlined
		LEFT JOIN segments s ON s.id = v.segment WHERE v.address = ANY ($1)`, blobs(addresses))
	return out, err
}

// Inline implements record.Vectors.
func (s vectors) Inline(ctx context.Context, limit int) ([]record.Vector, error) {
	return list(ctx, s.tx, "list inline vectors", func(r pgx.Rows, v *record.Vector) error {
		err := r.Scan(scanDigest{&v.Address}, &v.Data)
		v.Length = int64(len(v.Data))
		return err
	}, "SELECT address, data FROM inlined_vectors ORDER BY id LIMIT $1", unlimited(limit))
}

// Pack implements record.Vectors.
func (s vectors) Pack(ctx context.Context, list []record.Vector) error {
	// Of two with one address the last one counts.
	last := make(map[digest.Digest]*record.Vector, len(list))
	addresses := make([]digest.Digest, len(list))
	for i := range list {
		addresses[i] = list[i].Address
		last[list[i].Address] = &list[i]
	}
	asked := sortedBlobs(addresses)
	names, starts, lengths := make([]string, len(asked)), make([]int64, len(asked)), make([]int64, len(asked))
	for i, a := range asked {
		v := last[digest.Digest(a)]
		names[i], starts[i], lengths[i] = v.Segment, v.Offset, v.Length
	}
	var p pipeline
	p.do("SELECT FROM vectors WHERE address = ANY ($1) ORDER BY address FOR NO KEY UPDATE", asked)
	p.do("INSERT INTO segments (name) SELECT DISTINCT n FROM unnest($1::text[]) n ORDER BY n ON CONFLICT (name) DO NOTHING", names)
	p.do(`WITH dropped AS (
			DELETE FROM inlined_vectors i USING vectors v WHERE v.address = ANY ($1) AND i.id = v.inlined RETURNING 1)
		INSERT INTO counts SELECT 4, 0, -n FROM (SELECT count(*) AS n FROM dropped) c WHERE n > 0`, asked)
	p.do(`UPDATE vectors v SET inlined = NULL, segment = s.id, start = u.start, length = u.length
		FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bigint[]) u (address, name, start, length) JOIN segments s ON s.name = u.name
		WHERE v.address = u.address`, asked, names, starts, lengths)
	s.deltas++
	return s.send(ctx, "pack vectors", &p)
}

// Count implements record.Vectors.
func (s vectors) Count(ctx context.Context) (total, inline int64, err error) {
	_, err = s.get(ctx, "count vectors", []any{&total, &inline},
		`SELECT coalesce(sum(delta) FILTER (WHERE kind = 3), 0)::bigint, coalesce(sum(delta) FILTER (WHERE kind = 4), 0)::bigint
		FROM counts WHERE kind IN (3, 4) AND of = 0`)
	return total, inline, err
}
