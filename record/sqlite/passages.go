package sqlite

import (
	"context"
	"database/sql"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

type passages struct{ *tx }

// Stage implements record.Passages. Fields of records that are not held
// under epoch are left out: their work is not this lease's any more.
func (s passages) Stage(ctx context.Context, epoch int64, fields []record.StagedField) error {
	const doing = "stage fields"
	var refs []record.Ref
	seen := map[record.Ref]bool{}
	for _, f := range fields {
		if !seen[f.Ref] {
			seen[f.Ref] = true
			refs = append(refs, f.Ref)
		}
	}
	held := make(map[record.Ref]bool, len(refs))
	if err := s.each(ctx, doing, func(r *sql.Rows) error {
		var ref record.Ref
		err := r.Scan(&ref)
		held[ref] = true
		return err
	}, `SELECT c.ref FROM json_each(?1) j CROSS JOIN changes c
		ON c.generation = (SELECT generation FROM leases WHERE epoch = ?2) AND c.ref = j.value AND c.epoch = ?2`, jsonInts(refs), epoch); err != nil {
		return err
	}
	if _, err := s.exec(ctx, doing, "DELETE FROM staged WHERE epoch = ?2 AND ref IN (SELECT value FROM json_each(?1))", jsonInts(refs), epoch); err != nil {
		return err
	}
	for i := range fields {
		f := &fields[i]
		if !held[f.Ref] {
			continue
		}
		if _, err := s.exec(ctx, doing, `INSERT OR REPLACE INTO staged (ref, field, epoch, content_version, sealed)
			VALUES (?, ?, ?, ?, ?)`, f.Ref, f.Field, epoch, f.ContentVersion, blob(f.Sealed)); err != nil {
			return err
		}
	}
	return nil
}

// blob is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// Staged implements record.Passages.
func (s passages) Staged(ctx context.Context, epoch int64) ([]record.StagedField, error) {
	return list(ctx, s.tx, "read staged fields", func(r *sql.Rows, f *record.StagedField) error {
		return r.Scan(&f.Ref, &f.Field, &f.ContentVersion, &f.Sealed)
	}, "SELECT ref, field, content_version, sealed FROM staged WHERE epoch = ? ORDER BY ref, field", epoch)
}

// Unstage implements record.Passages.
func (s passages) Unstage(ctx context.Context, epoch int64) error {
	_, err := s.exec(ctx, "drop staged fields", "DELETE FROM staged WHERE epoch = ?", epoch)
	return err
}

// piece is what makes two passages of a record the same.
type piece struct {
	ref           record.Ref
	field         string
	text, display digest.Digest
}

// kept is a stored passage that a new one may take over.
type kept struct {
	id         record.PassageID
	version    int64
	ordinal    int
	start, end int
}

// arrival is a passage on its way in.
type arrival struct {
	set *record.PassageSet
	*record.Passage
}

// Replace implements record.Passages.
func (s passages) Replace(ctx context.Context, g record.GenerationID, sets []record.PassageSet) error {
	current, err := s.current(ctx, g, sets)
	if err != nil || len(current) == 0 {
		return err
	}
	stored, err := s.stored(ctx, g, current)
	if err != nil {
		return err
	}
	var fresh []arrival
	for _, set := range current {
		for i := range set.Passages {
			a := arrival{set, &set.Passages[i]}
			key := piece{set.Ref, a.Field, a.Text, a.Display}
			same := stored[key]
			if len(same) == 0 {
				fresh = append(fresh, a)
				continue
			}
			stored[key] = same[1:]
			if err := s.move(ctx, same[0], a); err != nil {
				return err
			}
		}
	}
	if err := s.insert(ctx, g, fresh); err != nil {
		return err
	}
	var left []record.PassageID
	for _, same := range stored {
		for _, k := range same {
			left = append(left, k.id)
		}
	}
	removed, err := s.exec(ctx, "replace passages",
		"UPDATE passages SET state = 2 WHERE id IN (SELECT value FROM json_each(?)) AND state <> 2", jsonInts(left))
	if err != nil {
		return err
	}
	return s.count(ctx, g, int64(len(fresh))-removed)
}

// count keeps the number of a generation's passages.
func (s passages) count(ctx context.Context, g record.GenerationID, more int64) error {
	if more == 0 {
		return nil
	}
	_, err := s.exec(ctx, "count passages", "UPDATE generations SET passages = passages + ? WHERE id = ?", more, g)
	return err
}

// current picks the sets that are not superseded: by the record, by its
// deletion, or by passages that are stored.
func (s passages) current(ctx context.Context, g record.GenerationID, sets []record.PassageSet) ([]*record.PassageSet, error) {
	newest := make(map[record.Ref]*record.PassageSet, len(sets))
	refs := make([]record.Ref, 0, len(sets))
	for i := range sets {
		set := &sets[i]
		if other := newest[set.Ref]; other == nil {
			refs = append(refs, set.Ref)
		} else if other.ContentVersion > set.ContentVersion {
			continue
		}
		newest[set.Ref] = set
	}
	var out []*record.PassageSet
	err := s.each(ctx, "replace passages", func(r *sql.Rows) error {
		var ref record.Ref
		var version int64
		var deleted bool
		var stored sql.NullInt64
		if err := r.Scan(&ref, &version, &deleted, &stored); err != nil {
			return err
		}
		set := newest[ref]
		if set.ContentVersion >= max(version, stored.Int64) && (!deleted || len(set.Passages) == 0) {
			out = append(out, set)
		}
		return nil
	}, `SELECT r.ref, r.content_version, r.deleted,
		(SELECT max(p.content_version) FROM passages p WHERE p.generation = ?2 AND p.ref = r.ref)
		FROM json_each(?1) j CROSS JOIN records r ON r.ref = j.value`, jsonInts(refs), g)
	return out, err
}

// stored reads the passages that the sets may take over, in order.
func (s passages) stored(ctx context.Context, g record.GenerationID, sets []*record.PassageSet) (map[piece][]kept, error) {
	refs := make([]record.Ref, len(sets))
	for i, set := range sets {
		refs[i] = set.Ref
	}
	out := map[piece][]kept{}
	err := s.each(ctx, "replace passages", func(r *sql.Rows) error {
		var p piece
		var k kept
		if err := r.Scan(&p.ref, &p.field, scanDigest{&p.text}, scanDigest{&p.display},
			&k.id, &k.version, &k.ordinal, &k.start, &k.end); err != nil {
			return err
		}
		out[p] = append(out[p], k)
		return nil
	}, `SELECT p.ref, p.field, p.text, p.display, p.id, p.content_version, p.ordinal, p.span_start, p.span_end
		FROM json_each(?1) j CROSS JOIN passages p ON p.generation = ?2 AND p.ref = j.value
		WHERE p.state <> 2 ORDER BY p.ref, p.ordinal`, jsonInts(refs), g)
	return out, err
}

// move gives a stored passage its place in the new version. The seal is
// replaced too: it holds the place and the recipe.
func (s passages) move(ctx context.Context, k kept, a arrival) error {
	if k.version == a.set.ContentVersion && k.ordinal == a.Ordinal && k.start == a.Start && k.end == a.End {
		return nil
	}
	_, err := s.exec(ctx, "replace passages",
		"UPDATE passages SET content_version = ?2, ordinal = ?3, span_start = ?4, span_end = ?5, sealed = ?6, run = ?7 WHERE id = ?1",
		int64(k.id), a.set.ContentVersion, a.Ordinal, a.Start, a.End, blob(a.Sealed), a.set.Run)
	return err
}

func (s passages) insert(ctx context.Context, g record.GenerationID, fresh []arrival) error {
	if len(fresh) == 0 {
		return nil
	}
	id, err := s.next(ctx, passageNumbers, len(fresh))
	if err != nil {
		return err
	}
	for _, a := range fresh {
		if _, err := s.exec(ctx, "replace passages",
			`INSERT INTO passages (id, generation, ref, state, content_version, ordinal, span_start, span_end, field, text, display, sealed, run)
			VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			id, int64(g), int64(a.set.Ref), a.set.ContentVersion, a.Ordinal, a.Start, a.End, a.Field,
			a.Text[:], a.Display[:], blob(a.Sealed), a.set.Run); err != nil {
			return err
		}
		id++
	}
	return nil
}

//nolint:gosec // "passages" is no password
const selectPassage = `SELECT p.id, p.ref, p.content_version, p.field, p.ordinal, p.span_start, p.span_end,
	p.text, p.display, p.sealed, p.state, p.run `

func scanPassage(r *sql.Rows, p *record.Passage) error {
	return r.Scan(&p.ID, &p.Ref, &p.ContentVersion, &p.Field, &p.Ordinal, &p.Start, &p.End,
		scanDigest{&p.Text}, scanDigest{&p.Display}, (*[]byte)(&p.Sealed), &p.State, &p.Run)
}

// Of implements record.Passages.
func (s passages) Of(ctx context.Context, g record.GenerationID, refs []record.Ref) ([]record.Passage, error) {
	return list(ctx, s.tx, "read passages", scanPassage, selectPassage+`
		FROM json_each(?1) j CROSS JOIN passages p ON p.generation = ?2 AND p.ref = j.value
		ORDER BY p.ref, p.ordinal, p.id`, jsonInts(refs), g)
}

// Get implements record.Passages.
func (s passages) Get(ctx context.Context, g record.GenerationID, ids []record.PassageID) (map[record.PassageID]record.Passage, error) {
	out := make(map[record.PassageID]record.Passage, len(ids))
	err := s.each(ctx, "read passages", func(r *sql.Rows) error {
		var p record.Passage
		err := scanPassage(r, &p)
		out[p.ID] = p
		return err
	}, selectPassage+`FROM json_each(?1) j CROSS JOIN passages p ON p.id = j.value
		WHERE p.generation = ?2 AND p.state <> 2`, jsonInts(ids), g)
	return out, err
}

// Settle implements record.Passages.
func (s passages) Settle(ctx context.Context, g record.GenerationID, fresh, removed []record.PassageID) error {
	if _, err := s.exec(ctx, "settle passages", `UPDATE passages SET state = 1
		WHERE id IN (SELECT value FROM json_each(?1)) AND generation = ?2 AND state = 0`, jsonInts(fresh), g); err != nil {
		return err
	}
	_, err := s.exec(ctx, "settle passages", `DELETE FROM passages
		WHERE id IN (SELECT value FROM json_each(?1)) AND generation = ?2 AND state = 2`, jsonInts(removed), g)
	return err
}

// Unsettle implements record.Passages.
func (s passages) Unsettle(ctx context.Context, g record.GenerationID, ids []record.PassageID) error {
	query, args := "UPDATE passages SET state = 0 WHERE generation = ? AND state = 1", []any{g}
	if len(ids) > 0 {
		query += " AND id IN (SELECT value FROM json_each(?))"
		args = append(args, jsonInts(ids))
	}
	_, err := s.exec(ctx, "unsettle passages", query, args...)
	return err
}

// RemoveAll implements record.Passages.
func (s passages) RemoveAll(ctx context.Context, g record.GenerationID, refs []record.Ref) error {
	n, err := s.exec(ctx, "remove passages", `UPDATE passages SET state = 2 WHERE id IN (
		SELECT p.id FROM json_each(?1) j CROSS JOIN passages p ON p.generation = ?2 AND p.ref = j.value WHERE p.state <> 2)`,
		jsonInts(refs), g)
	if err != nil {
		return err
	}
	return s.count(ctx, g, -n)
}

// Scan implements record.Passages.
func (s passages) Scan(ctx context.Context, g record.GenerationID, after record.PassageID, limit int) ([]record.Passage, error) {
	return list(ctx, s.tx, "scan passages", scanPassage,
		selectPassage+"FROM passages p INDEXED BY passages_in_order WHERE generation = ? AND id > ? ORDER BY id LIMIT ?",
		g, after, unlimited(limit))
}

// Count implements record.Passages.
func (s passages) Count(ctx context.Context, g record.GenerationID) (int64, error) {
	var n int64
	_, err := s.get(ctx, "count passages", []any{&n}, "SELECT passages FROM generations WHERE id = ?", g)
	return n, err
}
