package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

// SweepHistory implements record.Records.
func (s records) SweepHistory(ctx context.Context, before time.Time, pins []record.Pin, limit int) (int, error) {
	collections, changes := make([]int64, len(pins)), make([]int64, len(pins))
	for i, p := range pins {
		collections[i], changes[i] = int64(p.Collection), p.Change
	}
	// A version was replaced when the next one was written.
	n, err := s.exec(ctx, "sweep old versions", `DELETE FROM record_versions d USING (
		SELECT v.ref, v.version FROM record_versions v JOIN records r ON r.ref = v.ref
		WHERE v.updated_at < $1
		AND coalesce((SELECT n.updated_at FROM record_versions n WHERE n.ref = v.ref AND n.version > v.version
			ORDER BY n.version LIMIT 1), r.updated_at) < $1
		AND NOT EXISTS (SELECT FROM unnest($2::bigint[], $3::bigint[]) p (collection, change)
			WHERE r.collection = p.collection AND v.change <= p.change AND r.change > p.change
			AND NOT EXISTS (SELECT FROM record_versions n
				WHERE n.ref = v.ref AND n.version > v.version AND n.change <= p.change))
		LIMIT $4) old WHERE d.ref = old.ref AND d.version = old.version`, micros(before), collections, changes, unlimited(limit))
	return int(n), err
}

// Sweep implements record.DeadLetters.
func (s deadLetters) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := s.exec(ctx, "sweep dead letters", `DELETE FROM dead_letters WHERE id = ANY (ARRAY(
		SELECT id FROM dead_letters WHERE resolved_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))`, micros(before), unlimited(limit))
	return int(n), err
}

// Strip implements record.Collections.
func (s collections) Strip(ctx context.Context, id record.GenerationID, limit int) (int, error) {
	var n int
	s.deltas++
	_, err := s.get(ctx, "strip a generation", []any{&n}, `WITH gone AS (
			DELETE FROM passages WHERE id = ANY (ARRAY(
				SELECT p.id FROM passages p JOIN generations g ON g.id = p.generation
				WHERE g.id = $1 AND g.state = 'retired' LIMIT $2 FOR UPDATE OF p SKIP LOCKED))
			RETURNING state),
		counted AS (
			INSERT INTO counts SELECT $3, $1, -n FROM (SELECT count(*) AS n FROM gone WHERE state <> 2) c WHERE n > 0)
		SELECT count(*) FROM gone`, id, unlimited(limit), livePassages)
	return n, err
}

// References implements record.Passages.
func (s passages) References(ctx context.Context, after record.PassageID, limit int) ([]record.Reference, error) {
	return list(ctx, s.tx, "read references", func(r pgx.Rows, f *record.Reference) error {
		return r.Scan(&f.ID, &f.Generation, scanDigest{&f.Space}, scanDigest{&f.Text})
	}, `SELECT p.id, g.id, g.space, p.text FROM passages p JOIN generations g ON g.id = p.generation
		WHERE p.id > $1 AND g.state <> 'retired' ORDER BY p.id LIMIT $2`, after, unlimited(limit))
}

// Scan implements record.Vectors.
func (s vectors) Scan(ctx context.Context, after digest.Digest, limit int) ([]record.Marked, error) {
	return list(ctx, s.tx, "scan vectors", func(r pgx.Rows, m *record.Marked) error {
		var since int64
		err := r.Scan(scanDigest{&m.Address}, &since)
		m.Since = moment(since)
		return err
	}, `SELECT v.address, coalesce(m.at, 0) FROM vectors v LEFT JOIN marks m ON m.address = v.address
		WHERE v.address > $1 ORDER BY v.address LIMIT $2`, after[:], unlimited(limit))
}

// Mark implements record.Vectors.
func (s vectors) Mark(ctx context.Context, addresses []digest.Digest, now time.Time) error {
	_, err := s.exec(ctx, "mark vectors", `INSERT INTO marks (address, at)
		SELECT address, $2 FROM vectors WHERE address = ANY ($1) ORDER BY address ON CONFLICT DO NOTHING`, sortedBlobs(addresses), micros(now))
	return err
}

// unmark clears marks. It waits for whoever deletes the vectors under them,
// and so must come before the vectors are looked for.
const unmark = `DELETE FROM marks WHERE address = ANY (ARRAY(
	SELECT address FROM marks WHERE address = ANY ($1) ORDER BY address FOR UPDATE))`

// Delete implements record.Vectors. Whoever holds a mark decides about its vector.
func (s vectors) Delete(ctx context.Context, addresses []digest.Digest, marked time.Time) ([]record.Vector, error) {
	const doing = "delete vectors"
	held, err := list(ctx, s.tx, doing, func(r pgx.Rows, a *[]byte) error { return r.Scan(a) },
		"SELECT address FROM marks WHERE address = ANY ($1) AND at <= $2 ORDER BY address FOR UPDATE", sortedBlobs(addresses), micros(marked))
	if err != nil || len(held) == 0 {
		return nil, err
	}
	// Locked before they are read: a vector may be on its way into a segment.
	if _, err := s.exec(ctx, doing, "SELECT FROM vectors WHERE address = ANY ($1) ORDER BY address FOR UPDATE", held); err != nil {
		return nil, err
	}
	inline := 0
	gone, err := list(ctx, s.tx, doing, func(r pgx.Rows, v *record.Vector) error {
		err := r.Scan(scanDigest{&v.Address}, &v.Segment, &v.Offset, &v.Length)
		if v.Segment == "" {
			inline++
		}
		return err
	}, `SELECT v.address, coalesce(s.name, ''), v.start, v.length FROM vectors v LEFT JOIN segments s ON s.id = v.segment
		WHERE v.address = ANY ($1) ORDER BY v.address`, held)
	if err != nil {
		return nil, err
	}
	var p pipeline
	p.do("DELETE FROM inlined_vectors i USING vectors v WHERE v.address = ANY ($1) AND i.id = v.inlined", held)
	p.do("DELETE FROM vectors WHERE address = ANY ($1)", held)
	p.do("DELETE FROM marks WHERE address = ANY ($1)", held)
	p.do("INSERT INTO counts SELECT * FROM (VALUES ($1::smallint, 0, $2::bigint), ($3::smallint, 0, $4::bigint)) c (kind, of, delta) WHERE delta <> 0",
		durableVectors, -len(gone), inlineVectors, -inline)
	s.deltas += 2
	return gone, s.send(ctx, doing, &p)
}

// Segments implements record.Vectors.
func (s vectors) Segments(ctx context.Context) ([]record.SegmentUse, error) {
	return list(ctx, s.tx, "list segments", func(r pgx.Rows, u *record.SegmentUse) error {
		return r.Scan(&u.Name, &u.Vectors, &u.Bytes)
	}, `SELECT s.name, coalesce(u.n, 0), coalesce(u.bytes, 0)::bigint FROM segments s
		LEFT JOIN (SELECT segment, count(*) AS n, sum(length) AS bytes FROM vectors WHERE segment IS NOT NULL GROUP BY segment) u
		ON u.segment = s.id ORDER BY s.name`)
}

// Forget implements record.Vectors. A segment gets its vectors in the
// transaction that names it, so one that has none will have none.
func (s vectors) Forget(ctx context.Context, segments []string) ([]string, error) {
	return list(ctx, s.tx, "forget segments", func(r pgx.Rows, name *string) error { return r.Scan(name) },
		`DELETE FROM segments s WHERE name = ANY ($1)
		AND NOT EXISTS (SELECT FROM vectors v WHERE v.segment = s.id) RETURNING name`, segments)
}
