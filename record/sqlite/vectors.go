package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

type vectors struct{ *tx }

// Claim implements record.Vectors.
func (s vectors) Claim(ctx context.Context, owner string, addresses []digest.Digest, now, until time.Time) (record.Claimed, error) {
	const doing = "claim vectors"
	type claim struct{ durable, busy, marked bool }
	asked := jsonDigests(addresses)
	known := map[digest.Digest]claim{}
	err := s.each(ctx, doing, func(r *sql.Rows) error {
		var d digest.Digest
		var c claim
		err := r.Scan(scanDigest{&d}, &c.durable, &c.busy, &c.marked)
		known[d] = c
		return err
	}, `SELECT unhex(j.value), v.address IS NOT NULL, c.owner IS NOT NULL AND c.owner <> ?2 AND c.until > ?3, m.address IS NOT NULL
		FROM json_each(?1) j
		LEFT JOIN vectors v ON v.address = unhex(j.value)
		LEFT JOIN marks m ON m.address = unhex(j.value)
		LEFT JOIN claims c ON c.address = unhex(j.value)`, asked, owner, micros(now))
	if err != nil {
		return record.Claimed{}, err
	}
	var out record.Claimed
	var marked []digest.Digest
	seen := make(map[digest.Digest]bool, len(addresses))
	for _, a := range addresses {
		if seen[a] {
			continue
		}
		seen[a] = true
		if known[a].marked {
			marked = append(marked, a)
		}
		switch c := known[a]; {
		case c.durable:
			out.Have = append(out.Have, a)
		case c.busy:
			out.Busy = append(out.Busy, a)
		default:
			out.Mine = append(out.Mine, a)
		}
	}
	if err := s.unmark(ctx, marked); err != nil {
		return record.Claimed{}, err
	}
	if len(out.Mine) == 0 {
		return out, nil
	}
	_, err = s.exec(ctx, doing, `INSERT OR REPLACE INTO claims (address, owner, until)
		SELECT unhex(value), ?2, ?3 FROM json_each(?1)`, jsonDigests(out.Mine), owner, micros(until))
	return out, err
}

// Put implements record.Vectors.
func (s vectors) Put(ctx context.Context, list []record.Vector) error {
	const doing = "store vectors"
	addresses := make([]digest.Digest, len(list))
	for i := range list {
		addresses[i] = list[i].Address
	}
	asked := jsonDigests(addresses)
	durable := map[digest.Digest]bool{}
	var again []digest.Digest
	if err := s.each(ctx, doing, func(r *sql.Rows) error {
		var d digest.Digest
		err := r.Scan(scanDigest{&d})
		durable[d] = true
		again = append(again, d)
		return err
	}, "SELECT v.address FROM json_each(?) j CROSS JOIN vectors v ON v.address = unhex(j.value)", asked); err != nil {
		return err
	}
	if err := s.unmark(ctx, again); err != nil {
		return err
	}
	stored := 0
	for i := range list {
		v := &list[i]
		if durable[v.Address] {
			continue
		}
		durable[v.Address] = true
		stored++
		var id int64
		if _, err := s.get(ctx, doing, []any{&id}, "INSERT INTO inlined_vectors (address, data) VALUES (?, ?) RETURNING id",
			v.Address[:], blob(v.Data)); err != nil {
			return err
		}
		if _, err := s.exec(ctx, doing, "INSERT INTO vectors (address, inlined, start, length) VALUES (?, ?, 0, ?)",
			v.Address[:], id, len(v.Data)); err != nil {
			return err
		}
	}
	if _, err := s.exec(ctx, doing, "DELETE FROM claims WHERE address IN (SELECT unhex(value) FROM json_each(?))", asked); err != nil {
		return err
	}
	return s.count(ctx, stored, stored)
}

// count keeps the numbers of durable and of inline vectors.
func (s vectors) count(ctx context.Context, total, inline int) error {
	if total == 0 && inline == 0 {
		return nil
	}
	_, err := s.exec(ctx, "count vectors", "UPDATE sequence SET vectors = vectors + ?, inlined = inlined + ?", total, inline)
	return err
}

// Unclaim implements record.Vectors.
func (s vectors) Unclaim(ctx context.Context, owner string, addresses []digest.Digest) error {
	_, err := s.exec(ctx, "give up claims",
		"DELETE FROM claims WHERE address IN (SELECT unhex(value) FROM json_each(?1)) AND owner = ?2", jsonDigests(addresses), owner)
	return err
}

const selectVector = "SELECT v.address, i.data, coalesce(s.name, ''), v.start, v.length "

func scanVector(r *sql.Rows, v *record.Vector) error {
	return r.Scan(scanDigest{&v.Address}, &v.Data, &v.Segment, &v.Offset, &v.Length)
}

// Load implements record.Vectors.
func (s vectors) Load(ctx context.Context, addresses []digest.Digest) (map[digest.Digest]record.Vector, error) {
	out := make(map[digest.Digest]record.Vector, len(addresses))
	err := s.each(ctx, "load vectors", func(r *sql.Rows) error {
		var v record.Vector
		err := scanVector(r, &v)
		out[v.Address] = v
		return err
	}, selectVector+`FROM json_each(?) j CROSS JOIN vectors v ON v.address = unhex(j.value)
		LEFT JOIN inlined_vectors i ON i.id = v.inlined
		LEFT JOIN segments s ON s.id = v.segment`, jsonDigests(addresses))
	return out, err
}

// Inline implements record.Vectors.
func (s vectors) Inline(ctx context.Context, limit int) ([]record.Vector, error) {
	return list(ctx, s.tx, "list inline vectors", func(r *sql.Rows, v *record.Vector) error {
		err := r.Scan(scanDigest{&v.Address}, &v.Data)
		v.Length = int64(len(v.Data))
		return err
	}, "SELECT address, data FROM inlined_vectors ORDER BY id LIMIT ?", unlimited(limit))
}

// Pack implements record.Vectors.
func (s vectors) Pack(ctx context.Context, list []record.Vector) error {
	const doing = "pack vectors"
	segments := map[string]int64{}
	addresses := make([]digest.Digest, len(list))
	for i := range list {
		v := &list[i]
		addresses[i] = v.Address
		segment, ok := segments[v.Segment]
		if !ok {
			if _, err := s.get(ctx, doing, []any{&segment},
				"INSERT INTO segments (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = name RETURNING id", v.Segment); err != nil {
				return err
			}
			segments[v.Segment] = segment
		}
		if _, err := s.exec(ctx, doing, "UPDATE vectors SET segment = ?2, start = ?3, length = ?4 WHERE address = ?1",
			v.Address[:], segment, v.Offset, v.Length); err != nil {
			return err
		}
	}
	asked := jsonDigests(addresses)
	dropped, err := s.exec(ctx, doing, `DELETE FROM inlined_vectors WHERE id IN (
		SELECT v.inlined FROM json_each(?) j CROSS JOIN vectors v ON v.address = unhex(j.value) WHERE v.inlined IS NOT NULL)`, asked)
	if err != nil {
		return err
	}
	if _, err := s.exec(ctx, doing, `UPDATE vectors SET inlined = NULL
		WHERE address IN (SELECT unhex(value) FROM json_each(?)) AND inlined IS NOT NULL`, asked); err != nil {
		return err
	}
	return s.count(ctx, 0, -int(dropped))
}

// Count implements record.Vectors.
func (s vectors) Count(ctx context.Context) (total, inline int64, err error) {
	_, err = s.get(ctx, "count vectors", []any{&total, &inline}, "SELECT vectors, inlined FROM sequence")
	return total, inline, err
}
