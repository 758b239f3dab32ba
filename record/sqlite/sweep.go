package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

// SweepHistory implements record.Records.
func (s records) SweepHistory(ctx context.Context, before time.Time, pins []record.Pin, limit int) (int, error) {
	const doing = "sweep old versions"
	list := make([][2]int64, len(pins))
	for i, p := range pins {
		list[i] = [2]int64{int64(p.Collection), p.Change}
	}
	asked, err := json.Marshal(list)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	// A version was replaced when the next one was written.
	n, err := s.exec(ctx, doing, `DELETE FROM record_versions WHERE rowid IN (
		SELECT v.rowid FROM record_versions v JOIN records r ON r.ref = v.ref
		WHERE v.updated_at < ?1
		AND coalesce((SELECT n.updated_at FROM record_versions n WHERE n.ref = v.ref AND n.version > v.version
			ORDER BY n.version LIMIT 1), r.updated_at) < ?1
		AND NOT EXISTS (SELECT 1 FROM json_each(?2) p
			WHERE r.collection = p.value ->> 0 AND v.change <= p.value ->> 1 AND r.change > p.value ->> 1
			AND NOT EXISTS (SELECT 1 FROM record_versions n
				WHERE n.ref = v.ref AND n.version > v.version AND n.change <= p.value ->> 1))
		LIMIT ?3)`, micros(before), string(asked), unlimited(limit))
	return int(n), err
}

// Sweep implements record.DeadLetters.
func (s deadLetters) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := s.exec(ctx, "sweep dead letters",
		"DELETE FROM dead_letters WHERE id IN (SELECT id FROM dead_letters WHERE resolved_at < ? LIMIT ?)", micros(before), unlimited(limit))
	return int(n), err
}

// Strip implements record.Collections.
func (s collections) Strip(ctx context.Context, id record.GenerationID, limit int) (int, error) {
	const doing = "strip a generation"
	n, err := s.exec(ctx, doing, `DELETE FROM passages WHERE id IN (
		SELECT p.id FROM generations g CROSS JOIN passages p ON p.generation = g.id
		WHERE g.id = ? AND g.state = 'retired' LIMIT ?)`, id, unlimited(limit))
	if err != nil || n == 0 {
		return 0, err
	}
	_, err = s.exec(ctx, doing, `UPDATE generations SET passages =
		(SELECT count(*) FROM passages WHERE generation = ?1 AND state <> 2) WHERE id = ?1`, id)
	return int(n), err
}

// References implements record.Passages.
func (s passages) References(ctx context.Context, after record.PassageID, limit int) ([]record.Reference, error) {
	return list(ctx, s.tx, "read references", func(r *sql.Rows, f *record.Reference) error {
		return r.Scan(&f.ID, &f.Generation, scanDigest{&f.Space}, scanDigest{&f.Text})
	}, `SELECT p.id, g.id, g.space, p.text FROM passages p CROSS JOIN generations g ON g.id = p.generation
		WHERE p.id > ? AND g.state <> 'retired' ORDER BY p.id LIMIT ?`, after, unlimited(limit))
}

// Scan implements record.Vectors.
func (s vectors) Scan(ctx context.Context, after digest.Digest, limit int) ([]record.Marked, error) {
	return list(ctx, s.tx, "scan vectors", func(r *sql.Rows, m *record.Marked) error {
		var since int64
		err := r.Scan(scanDigest{&m.Address}, &since)
		m.Since = moment(since)
		return err
	}, `SELECT v.address, coalesce(m.at, 0) FROM vectors v LEFT JOIN marks m ON m.address = v.address
		WHERE v.address > ? ORDER BY v.address LIMIT ?`, after[:], unlimited(limit))
}

// Mark implements record.Vectors.
func (s vectors) Mark(ctx context.Context, addresses []digest.Digest, now time.Time) error {
	_, err := s.exec(ctx, "mark vectors", `INSERT OR IGNORE INTO marks (address, at)
		SELECT v.address, ?2 FROM json_each(?1) j CROSS JOIN vectors v ON v.address = unhex(j.value)`, jsonDigests(addresses), micros(now))
	return err
}

// unmark clears the marks on addresses.
func (s vectors) unmark(ctx context.Context, addresses []digest.Digest) error {
	if len(addresses) == 0 {
		return nil
	}
	_, err := s.exec(ctx, "clear marks", "DELETE FROM marks WHERE address IN (SELECT unhex(value) FROM json_each(?))", jsonDigests(addresses))
	return err
}

// Delete implements record.Vectors.
func (s vectors) Delete(ctx context.Context, addresses []digest.Digest, marked time.Time) ([]record.Vector, error) {
	const doing = "delete vectors"
	inline := 0
	gone, err := list(ctx, s.tx, doing, func(r *sql.Rows, v *record.Vector) error {
		err := r.Scan(scanDigest{&v.Address}, &v.Segment, &v.Offset, &v.Length)
		if v.Segment == "" {
			inline++
		}
		return err
	}, `SELECT DISTINCT v.address, coalesce(s.name, ''), v.start, v.length FROM json_each(?1) j
		CROSS JOIN marks m ON m.address = unhex(j.value) AND m.at <= ?2
		CROSS JOIN vectors v ON v.address = m.address
		LEFT JOIN segments s ON s.id = v.segment ORDER BY v.address`, jsonDigests(addresses), micros(marked))
	if err != nil || len(gone) == 0 {
		return nil, err
	}
	list := make([]digest.Digest, len(gone))
	for i := range gone {
		list[i] = gone[i].Address
	}
	asked := jsonDigests(list)
	for _, statement := range []string{
		`DELETE FROM inlined_vectors WHERE id IN
			(SELECT v.inlined FROM json_each(?) j CROSS JOIN vectors v ON v.address = unhex(j.value))`,
		"DELETE FROM vectors WHERE address IN (SELECT unhex(value) FROM json_each(?))",
		"DELETE FROM marks WHERE address IN (SELECT unhex(value) FROM json_each(?))",
	} {
		if _, err := s.exec(ctx, doing, statement, asked); err != nil {
			return nil, err
		}
	}
	return gone, s.count(ctx, -len(gone), -inline)
}

// Segments implements record.Vectors.
func (s vectors) Segments(ctx context.Context) ([]record.SegmentUse, error) {
	return list(ctx, s.tx, "list segments", func(r *sql.Rows, u *record.SegmentUse) error {
		return r.Scan(&u.Name, &u.Vectors, &u.Bytes)
	}, `SELECT s.name, coalesce(u.n, 0), coalesce(u.bytes, 0) FROM segments s
		LEFT JOIN (SELECT segment, count(*) AS n, sum(length) AS bytes FROM vectors WHERE segment IS NOT NULL GROUP BY segment) u
		ON u.segment = s.id ORDER BY s.name`)
}

// Forget implements record.Vectors.
func (s vectors) Forget(ctx context.Context, segments []string) ([]string, error) {
	asked, err := json.Marshal(segments)
	if err != nil {
		return nil, fmt.Errorf("forget segments: %w", err)
	}
	return list(ctx, s.tx, "forget segments", func(r *sql.Rows, name *string) error { return r.Scan(name) },
		`DELETE FROM segments WHERE name IN (SELECT value FROM json_each(?))
		AND id NOT IN (SELECT segment FROM vectors WHERE segment IS NOT NULL) RETURNING name`, string(asked))
}
