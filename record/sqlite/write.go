package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/record"
)

// Write implements record.Records. The batch is read with one query, applied
// in memory, and written back: a record that is written twice in a batch is
// stored once, with both versions in its history.
func (s records) Write(ctx context.Context, c *record.Collection, writes []record.Write) ([]record.Written, error) {
	w := writing{tx: s.tx, c: c, queued: make(map[queued]int64, len(writes))}
	w.batch = record.Batch{
		Collection: c, Now: moment(time.Now().UnixMicro()), Rows: make(map[string]*record.Row, len(writes)),
		NextChange: func() int64 { w.change++; return w.change },
		NextRef:    func(string) record.Ref { w.ref++; return w.ref },
	}
	if err := w.read(ctx, writes); err != nil {
		return nil, err
	}
	out := w.batch.Apply(writes)
	if len(w.batch.Dirty) == 0 {
		return out, nil
	}
	return out, w.store(ctx)
}

// writing is one call of Write.
type writing struct {
	*tx
	c      *record.Collection
	batch  record.Batch
	change int64      // last number given
	ref    record.Ref // last one given
	fed    []record.GenerationID
	queued map[queued]int64 // state of entries in changes
}

// queued names an entry in changes.
type queued struct {
	generation record.GenerationID
	ref        record.Ref
}

func (w *writing) read(ctx context.Context, writes []record.Write) error {
	ids := make([]string, len(writes))
	for i := range writes {
		ids[i] = writes[i].ID
	}
	asked, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	if _, err := w.get(ctx, "write records", []any{&w.change, &w.ref}, "SELECT change, ref FROM sequence"); err != nil {
		return err
	}
	w.fed, err = list(ctx, w.tx, "write records", func(r *sql.Rows, g *record.GenerationID) error { return r.Scan(g) },
		"SELECT id FROM generations WHERE collection = ? AND state <> 'retired'", w.c.ID)
	if err != nil {
		return err
	}
	return w.each(ctx, "write records", func(rows *sql.Rows) error {
		r := &record.Row{Stored: true}
		var updated int64
		var generation, state sql.NullInt64
		if err := rows.Scan(&r.ID, &r.Ref, &r.Number, &r.ContentVersion, &r.Change, &updated, &r.Deleted, &r.Fields, &generation, &state); err != nil {
			return err
		}
		r.UpdatedAt = moment(updated)
		if state.Valid {
			w.queued[queued{record.GenerationID(generation.Int64), r.Ref}] = state.Int64
		}
		w.batch.Rows[r.ID] = r
		return nil
	}, `SELECT r.id, r.ref, r.version, r.content_version, r.change, r.updated_at, r.deleted, r.fields, q.generation, q.state
		FROM json_each(?1) j CROSS JOIN records r ON r.collection = ?2 AND r.id = j.value
		LEFT JOIN changes q ON q.generation IN (SELECT value FROM json_each(?3)) AND q.ref = r.ref`, string(asked), w.c.ID, jsonInts(w.fed))
}

// store writes the batch's records, history and changes.
func (w *writing) store(ctx context.Context) error {
	const doing = "write records"
	now := micros(w.batch.Now)
	for _, r := range w.batch.Dirty {
		statement := insertRecord
		if r.Stored {
			statement = updateRecord
		}
		if _, err := w.exec(ctx, doing, statement, int64(r.Ref), r.Number, r.ContentVersion, r.Change, now, r.Deleted, r.Fields,
			int64(w.c.ID), r.ID); err != nil {
			return err
		}
	}
	for _, g := range w.fed {
		if err := w.enqueue(ctx, g, now); err != nil {
			return err
		}
	}
	for i := range w.batch.History {
		h := &w.batch.History[i]
		if _, err := w.exec(ctx, doing, insertVersion,
			int64(h.Of.Ref), h.Number, h.ContentVersion, h.Change, micros(h.UpdatedAt), h.Deleted, blob(h.Fields)); err != nil {
			return err
		}
	}
	if _, err := w.exec(ctx, doing, "UPDATE sequence SET change = ?, ref = ?", w.change, w.ref); err != nil {
		return err
	}
	n, err := w.exec(ctx, doing, "UPDATE collections SET records = records + ?, latest = ? WHERE id = ?",
		w.batch.Live, w.change, int64(w.c.ID))
	if err != nil || n == 0 {
		return orMissing(err, "there is no collection number %d", w.c.ID)
	}
	return nil
}

// enqueue adds the batch to the queue of a generation.
func (w *writing) enqueue(ctx context.Context, g record.GenerationID, now int64) error {
	pending := int64(0)
	for _, r := range w.batch.Dirty {
		if state, known := w.queued[queued{g, r.Ref}]; !known || state == buried {
			pending++
		}
		if _, err := w.exec(ctx, "write records", writeChange, int64(r.Ref), int64(w.c.ID), r.Change, r.First, now, int64(r.What), int64(g)); err != nil {
			return err
		}
	}
	return w.morePending(ctx, g, pending)
}

const (
	insertRecord = `INSERT INTO records (ref, version, content_version, change, updated_at, deleted, fields, collection, id)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`
	updateRecord = `UPDATE records SET version = ?2, content_version = ?3, change = ?4, updated_at = ?5, deleted = ?6, fields = ?7
		WHERE ref = ?1`
	insertVersion = `INSERT INTO record_versions (ref, version, content_version, change, updated_at, deleted, fields)
		VALUES (?, ?, ?, ?, ?, ?, ?)`
	writeChange = `INSERT INTO changes (ref, collection, state, number, first, written_at, what, generation)
		VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7)` + onKnownChange
	// A record that waits, or is leased, keeps its place in line; one that was
	// buried starts anew.
	onKnownChange = `
		ON CONFLICT (generation, ref) DO UPDATE SET number = excluded.number, what = what | excluded.what,
		state = iif(state = 3, 0, state),
		first = iif(state = 3, excluded.first, first),
		written_at = iif(state = 3, excluded.written_at, written_at),
		attempts = iif(state = 3, 0, attempts),
		lost = iif(state = 3, 0, lost),
		alone = iif(state = 3, 0, alone)`
)
