package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

type passages struct{ *tx }

// Stage implements record.Passages. Fields of records that are not held
// under epoch are left out: their work is not this lease's any more.
func (s passages) Stage(ctx context.Context, epoch int64, fields []record.StagedField) error {
	// Of two fields of one name the last one counts.
	type key struct {
		ref   record.Ref
		field string
	}
	last := make(map[key]*record.StagedField, len(fields))
	for i := range fields {
		last[key{fields[i].Ref, fields[i].Field}] = &fields[i]
	}
	n := len(last)
	refs, versions, names, sealed := make([]int64, 0, n), make([]int64, 0, n), make([]string, 0, n), make([][]byte, 0, n)
	for _, f := range last {
		refs = append(refs, int64(f.Ref))
		versions = append(versions, f.ContentVersion)
		names = append(names, f.Field)
		sealed = append(sealed, blob(f.Sealed))
	}
	var p pipeline
	lockLease(&p, epoch)
	p.do("DELETE FROM staged WHERE epoch = $2 AND ref = ANY ($1)", refs, epoch)
	p.do(`INSERT INTO staged (ref, epoch, content_version, field, sealed)
		SELECT u.ref, $1, u.version, u.field, u.sealed FROM unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) u (ref, version, field, sealed)
		JOIN changes c ON c.ref = u.ref AND c.epoch = $1`, epoch, refs, versions, names, sealed)
	return s.send(ctx, "stage fields", &p)
}

// Staged implements record.Passages.
func (s passages) Staged(ctx context.Context, epoch int64) ([]record.StagedField, error) {
	return list(ctx, s.tx, "read staged fields", func(r pgx.Rows, f *record.StagedField) error {
		return r.Scan(&f.Ref, &f.Field, &f.ContentVersion, (*[]byte)(&f.Sealed))
	}, "SELECT ref, field, content_version, sealed FROM staged WHERE epoch = $1 ORDER BY ref, field", epoch)
}

// Unstage implements record.Passages.
func (s passages) Unstage(ctx context.Context, epoch int64) error {
	_, err := s.exec(ctx, "drop staged fields", "DELETE FROM staged WHERE epoch = $1", epoch)
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

// Replace implements record.Passages. The records are held to the end of the
// transaction, so that two replacements of one record come one after another.
func (s passages) Replace(ctx context.Context, g record.GenerationID, sets []record.PassageSet) error {
	r := replacement{generation: g, newest: make(map[record.Ref]*record.PassageSet, len(sets)), stored: map[piece][]kept{}}
	refs := make([]int64, 0, len(sets))
	for i := range sets {
		set := &sets[i]
		if other := r.newest[set.Ref]; other == nil {
			refs = append(refs, int64(set.Ref))
		} else if other.ContentVersion > set.ContentVersion {
			continue
		}
		r.newest[set.Ref] = set
	}
	slices.Sort(refs)
	var p pipeline
	p.do("SELECT FROM records WHERE ref = ANY ($1) ORDER BY ref FOR NO KEY UPDATE", refs)
	p.read(r.readCurrent, `SELECT r.ref, r.content_version, r.deleted, coalesce(max(p.content_version), 0)
		FROM records r LEFT JOIN passages p ON p.generation = $2 AND p.ref = r.ref
		WHERE r.ref = ANY ($1) GROUP BY r.ref ORDER BY r.ref`, refs, g)
	p.read(r.readStored, `SELECT ref, field, text, display, id, content_version, ordinal, span_start, span_end FROM passages
		WHERE generation = $2 AND ref = ANY ($1) AND state <> 2 ORDER BY ref, ordinal`, refs, g)
	if err := s.send(ctx, "replace passages", &p); err != nil || len(r.current) == 0 {
		return err
	}
	return r.store(ctx, s.tx)
}

// replacement is one call of Replace.
type replacement struct {
	generation record.GenerationID
	newest     map[record.Ref]*record.PassageSet
	current    []*record.PassageSet // those of newest that are not superseded
	stored     map[piece][]kept     // of the current sets, in order
}

// readCurrent picks the sets that are not superseded: by the record, by its
// deletion, or by passages that are stored.
func (r *replacement) readCurrent(rows pgx.Rows) error {
	var ref record.Ref
	var version, stored int64
	var deleted bool
	if err := rows.Scan(&ref, &version, &deleted, &stored); err != nil {
		return err
	}
	if set := r.newest[ref]; set.ContentVersion >= max(version, stored) && (!deleted || len(set.Passages) == 0) {
		r.current = append(r.current, set)
	} else {
		delete(r.newest, ref)
	}
	return nil
}

func (r *replacement) readStored(rows pgx.Rows) error {
	var p piece
	var k kept
	if err := rows.Scan(&p.ref, &p.field, scanDigest{&p.text}, scanDigest{&p.display},
		&k.id, &k.version, &k.ordinal, &k.start, &k.end); err != nil {
		return err
	}
	if r.newest[p.ref] != nil {
		r.stored[p] = append(r.stored[p], k)
	}
	return nil
}

// placed is passages by column, as unnest takes them.
type placed struct {
	ids, refs, versions []int64 // ids of moved ones
	ordinals            []int32
	starts, ends        []int32
	fields              []string
	texts, displays     [][]byte
	sealed              [][]byte
	runs                []string
}

func (c *placed) add(id record.PassageID, set *record.PassageSet, p *record.Passage) {
	c.ids = append(c.ids, int64(id))
	c.refs = append(c.refs, int64(set.Ref))
	c.versions = append(c.versions, set.ContentVersion)
	c.ordinals = append(c.ordinals, int32(p.Ordinal)) //nolint:gosec // a text has not so many
	c.starts = append(c.starts, int32(p.Start))       //nolint:gosec // nor is it so long
	c.ends = append(c.ends, int32(p.End))             //nolint:gosec // nor is it so long
	c.fields = append(c.fields, p.Field)
	c.texts = append(c.texts, p.Text[:])
	c.displays = append(c.displays, p.Display[:])
	c.sealed = append(c.sealed, blob(p.Sealed))
	c.runs = append(c.runs, set.Run)
}

// store gives stored passages their place in the new version, adds new ones,
// and marks what is left over. A seal is replaced too: it holds the place and
// the recipe.
func (r *replacement) store(ctx context.Context, t *tx) error {
	var fresh, moved placed
	for _, set := range r.current {
		for i := range set.Passages {
			p := &set.Passages[i]
			key := piece{set.Ref, p.Field, p.Text, p.Display}
			same := r.stored[key]
			if len(same) == 0 {
				fresh.add(0, set, p)
				continue
			}
			r.stored[key] = same[1:]
			if k := same[0]; k.version != set.ContentVersion || k.ordinal != p.Ordinal || k.start != p.Start || k.end != p.End {
				moved.add(k.id, set, p)
			}
		}
	}
	var left []int64
	for _, same := range r.stored {
		for _, k := range same {
			left = append(left, int64(k.id))
		}
	}
	slices.Sort(left)
	var p pipeline
	if len(moved.ids) > 0 {
		p.do(`UPDATE passages p SET content_version = u.version, ordinal = u.ordinal, span_start = u.s, span_end = u.e, sealed = u.sealed, run = u.run
			FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::bytea[], $7::text[]) u (id, version, ordinal, s, e, sealed, run)
			WHERE p.id = u.id`, moved.ids, moved.versions, moved.ordinals, moved.starts, moved.ends, moved.sealed, moved.runs)
	}
	if n := len(fresh.ids); n > 0 {
		p.do(`INSERT INTO passages (generation, state, ref, content_version, ordinal, span_start, span_end, field, text, display, sealed, run)
			SELECT $1, 0, * FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[], $7::text[], $8::bytea[], $9::bytea[], $10::bytea[],
			$11::text[])`, r.generation, fresh.refs, fresh.versions, fresh.ordinals, fresh.starts, fresh.ends, fresh.fields, fresh.texts,
			fresh.displays, fresh.sealed, fresh.runs)
		p.do("INSERT INTO counts VALUES (2, $1, $2)", r.generation, n)
		t.deltas++
	}
	if len(left) > 0 {
		p.do(removePassages+"WHERE id = ANY ($2) AND state <> 2"+countRemoved, r.generation, left)
		t.deltas++
	}
	return t.send(ctx, "replace passages", &p)
}

//nolint:gosec // "passages" is no password
const (
	removePassages = "WITH gone AS (UPDATE passages SET state = 2 "
	countRemoved   = ` RETURNING 1)
		INSERT INTO counts SELECT 2, $1, -n FROM (SELECT count(*) AS n FROM gone) c WHERE n > 0`
)

//nolint:gosec // "passages" is no password
const selectPassage = `SELECT p.id, p.ref, p.content_version, p.field, p.ordinal, p.span_start, p.span_end,
	p.text, p.display, p.sealed, p.state, p.run FROM passages p `

func scanPassage(r pgx.Rows, p *record.Passage) error {
	return r.Scan(&p.ID, &p.Ref, &p.ContentVersion, &p.Field, &p.Ordinal, &p.Start, &p.End,
		scanDigest{&p.Text}, scanDigest{&p.Display}, (*[]byte)(&p.Sealed), &p.State, &p.Run)
}

// Of implements record.Passages.
func (s passages) Of(ctx context.Context, g record.GenerationID, refs []record.Ref) ([]record.Passage, error) {
	return list(ctx, s.tx, "read passages", scanPassage,
		selectPassage+"WHERE p.generation = $1 AND p.ref = ANY ($2) ORDER BY p.ref, p.ordinal, p.id", g, ints(refs))
}

// Get implements record.Passages.
func (s passages) Get(ctx context.Context, g record.GenerationID, ids []record.PassageID) (map[record.PassageID]record.Passage, error) {
	out := make(map[record.PassageID]record.Passage, len(ids))
	err := s.each(ctx, "read passages", func(r pgx.Rows) error {
		var p record.Passage
		err := scanPassage(r, &p)
		out[p.ID] = p
		return err
	}, selectPassage+"WHERE p.id = ANY ($2) AND p.generation = $1 AND p.state <> 2", g, ints(ids))
	return out, err
}

// Settle implements record.Passages.
func (s passages) Settle(ctx context.Context, g record.GenerationID, fresh, removed []record.PassageID) error {
	var p pipeline
	if len(fresh) > 0 {
		p.do("UPDATE passages SET state = 1 WHERE id = ANY ($2) AND generation = $1 AND state = 0", g, ints(fresh))
	}
	if len(removed) > 0 {
		p.do("DELETE FROM passages WHERE id = ANY ($2) AND generation = $1 AND state = 2", g, ints(removed))
	}
	return s.send(ctx, "settle passages", &p)
}

// Unsettle implements record.Passages.
func (s passages) Unsettle(ctx context.Context, g record.GenerationID, ids []record.PassageID) error {
	query, args := "UPDATE passages SET state = 0 WHERE generation = $1 AND state = 1", []any{g}
	if len(ids) > 0 {
		query += " AND id = ANY ($2)"
		args = append(args, ints(ids))
	}
	_, err := s.exec(ctx, "unsettle passages", query, args...)
	return err
}

// RemoveAll implements record.Passages.
func (s passages) RemoveAll(ctx context.Context, g record.GenerationID, refs []record.Ref) error {
	asked := ints(refs)
	slices.Sort(asked)
	var p pipeline
	p.do("SELECT FROM records WHERE ref = ANY ($1) ORDER BY ref FOR NO KEY UPDATE", asked)
	p.do(removePassages+"WHERE generation = $1 AND ref = ANY ($2) AND state <> 2"+countRemoved, g, asked)
	s.deltas++
	return s.send(ctx, "remove passages", &p)
}

// Scan implements record.Passages.
func (s passages) Scan(ctx context.Context, g record.GenerationID, after record.PassageID, limit int) ([]record.Passage, error) {
	return list(ctx, s.tx, "scan passages", scanPassage,
		selectPassage+"WHERE p.generation = $1 AND p.id > $2 ORDER BY p.generation, p.id LIMIT $3", g, after, unlimited(limit))
}

// Count implements record.Passages.
func (s passages) Count(ctx context.Context, g record.GenerationID) (int64, error) {
	return s.total(ctx, livePassages, int64(g))
}
