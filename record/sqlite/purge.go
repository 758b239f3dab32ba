package sqlite

import (
	"context"
	"database/sql"

	"github.com/holdfast/holdfast/record"
)

// Awaiting implements record.Records.
func (s records) Awaiting(ctx context.Context, ref record.Ref) ([]record.Awaited, error) {
	return list(ctx, s.tx, "read what awaits indexing", func(r *sql.Rows, a *record.Awaited) error {
		var state int
		err := r.Scan(&a.Generation, &state, &a.Number, &a.Attempts)
		a.State = record.AwaitStates[state]
		return err
	}, `SELECT q.generation, q.state, q.number, q.attempts FROM records r CROSS JOIN generations g ON g.collection = r.collection
		CROSS JOIN changes q ON q.generation = g.id AND q.ref = r.ref WHERE r.ref = ? ORDER BY q.generation`, ref)
}

// Purge implements record.Records.
func (s records) Purge(ctx context.Context, c record.CollectionID, refs []record.Ref) (record.Purged, error) {
	const doing = "purge records"
	var out record.Purged
	asked := jsonInts(refs)
	live := 0
	own, err := list(ctx, s.tx, doing, func(r *sql.Rows, ref *record.Ref) error {
		var deleted bool
		err := r.Scan(ref, &deleted)
		if !deleted {
			live++
		}
		return err
	}, "SELECT DISTINCT r.ref, r.deleted FROM json_each(?1) j CROSS JOIN records r ON r.ref = j.value WHERE r.collection = ?2", asked, c)
	if err != nil || len(own) == 0 {
		return out, err
	}
	out.Records, asked = len(own), jsonInts(own)
	generations, err := list(ctx, s.tx, doing, func(r *sql.Rows, g *record.GenerationID) error { return r.Scan(g) },
		"SELECT id FROM generations WHERE collection = ?", c)
	if err != nil {
		return out, err
	}
	for _, g := range generations {
		if err := s.purgeFrom(ctx, g, asked, &out); err != nil {
			return out, err
		}
	}
	for _, d := range []struct {
		statement string
		count     *int
	}{
		{"DELETE FROM staged WHERE ref IN (SELECT value FROM json_each(?))", nil},
		{"DELETE FROM dead_letters WHERE ref IN (SELECT value FROM json_each(?))", &out.DeadLetters},
		{"DELETE FROM record_versions WHERE ref IN (SELECT value FROM json_each(?))", &out.Versions},
		{"DELETE FROM records WHERE ref IN (SELECT value FROM json_each(?))", nil},
	} {
		n, err := s.exec(ctx, doing, d.statement, asked)
		if err != nil {
			return out, err
		}
		if d.count != nil {
			*d.count = int(n)
		}
	}
	_, err = s.exec(ctx, doing, "UPDATE collections SET records = records - ? WHERE id = ?", live, c)
	return out, err
}

// purgeFrom takes records out of a generation and its queue.
func (s records) purgeFrom(ctx context.Context, g record.GenerationID, asked string, out *record.Purged) error {
	const doing = "purge records"
	var buried int64
	epochs, err := list(ctx, s.tx, doing, func(r *sql.Rows, epoch *int64) error {
		var state int
		err := r.Scan(epoch, &state)
		if record.AwaitStates[state] == "buried" {
			buried++
		}
		return err
	}, "SELECT coalesce(q.epoch, 0), q.state FROM json_each(?1) j CROSS JOIN changes q ON q.generation = ?2 AND q.ref = j.value", asked, g)
	if err != nil {
		return err
	}
	if _, err := s.exec(ctx, doing, "DELETE FROM changes WHERE generation = ?2 AND ref IN (SELECT value FROM json_each(?1))", asked, g); err != nil {
		return err
	}
	if err := s.morePending(ctx, g, buried-int64(len(epochs))); err != nil {
		return err
	}
	if err := changes(s).endLeases(ctx, jsonInts(epochs)); err != nil {
		return err
	}
	var removed int64
	found, err := list(ctx, s.tx, doing, func(r *sql.Rows, f *record.Reference) error {
		var state record.PassageState
		err := r.Scan(&f.ID, &f.Generation, scanDigest{&f.Space}, scanDigest{&f.Text}, &state)
		if state == record.Removed {
			removed++
		}
		return err
	}, `SELECT p.id, g.id, g.space, p.text, p.state FROM generations g CROSS JOIN json_each(?1) j
		CROSS JOIN passages p ON p.generation = g.id AND p.ref = j.value WHERE g.id = ?2 ORDER BY p.id`, asked, g)
	if err != nil || len(found) == 0 {
		return err
	}
	out.Passages = append(out.Passages, found...)
	if _, err := s.exec(ctx, doing, "DELETE FROM passages WHERE generation = ?2 AND ref IN (SELECT value FROM json_each(?1))", asked, g); err != nil {
		return err
	}
	return passages(s).count(ctx, g, removed-int64(len(found)))
}
