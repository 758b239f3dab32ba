package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Write implements record.Records. The batch is read with one query, applied
// in memory, and written back: a record that is written twice in a batch is
// stored once, with both versions in its history.
func (s records) Write(ctx context.Context, c *record.Collection, writes []record.Write) ([]record.Written, error) {
	b := batch{c: c, now: time.Now().UnixMicro(), rows: make(map[string]*row, len(writes))}
	b.encoder = json.NewEncoder(&b.buffer)
	b.encoder.SetEscapeHTML(false)
	if err := b.read(ctx, s.tx, writes); err != nil {
		return nil, err
	}
	out := make([]record.Written, len(writes))
	for i := range writes {
		w, err := b.apply(&writes[i])
		w.Err = err
		out[i] = w
	}
	if len(b.dirty) == 0 {
		return out, nil
	}
	return out, b.store(ctx, s.tx)
}

// version is one version of a record as it is stored.
type version struct {
	version, content, change, updated int64
	deleted                           bool
	fields                            []byte
}

// row is a record while a batch is applied to it.
type row struct {
	id     string
	ref    record.Ref
	now    version
	exists bool           // in the table
	dirty  bool           // changed by this batch
	first  int64          // the first change of this batch
	what   record.Changed // all that this batch changed
	queue  sql.NullInt64  // state of its entry in changes, if it has one
}

type superseded struct {
	of *row
	version
}

// batch applies writes to rows.
type batch struct {
	c       *record.Collection
	now     int64
	change  int64      // last number given
	ref     record.Ref // last one given
	rows    map[string]*row
	dirty   []*row // in the order of their first change
	history []superseded
	live    int // records more than before
	buffer  bytes.Buffer
	encoder *json.Encoder
}

func (b *batch) read(ctx context.Context, t *tx, writes []record.Write) error {
	ids := make([]string, len(writes))
	for i := range writes {
		ids[i] = writes[i].ID
	}
	asked, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	if _, err := t.get(ctx, "write records", []any{&b.change, &b.ref}, "SELECT change, ref FROM sequence"); err != nil {
		return err
	}
	return t.each(ctx, "write records", func(rows *sql.Rows) error {
		r := &row{exists: true}
		v := &r.now
		if err := rows.Scan(&r.id, &r.ref, &v.version, &v.content, &v.change, &v.updated, &v.deleted, &v.fields, &r.queue); err != nil {
			return err
		}
		b.rows[r.id] = r
		return nil
	}, `SELECT r.id, r.ref, r.version, r.content_version, r.change, r.updated_at, r.deleted, r.fields, q.state
		FROM json_each(?1) j CROSS JOIN records r ON r.collection = ?2 AND r.id = j.value
		LEFT JOIN changes q ON q.ref = r.ref`, string(asked), b.c.ID)
}

// apply does one write in memory.
func (b *batch) apply(w *record.Write) (record.Written, error) {
	if err := record.CheckID(w.ID); err != nil {
		return record.Written{}, err
	}
	r := b.rows[w.ID]
	live := r != nil && !r.now.deleted
	if err := expect(w.IfVersion, r, live); err != nil {
		return record.Written{}, err
	}
	if w.Op != record.Put && r == nil || w.Op == record.Patch && !live {
		return record.Written{}, fault.New(fault.NotFound, "there is no such record")
	}
	next, what, err := b.next(w, r, live)
	if err != nil {
		return record.Written{}, err
	}
	if what != 0 {
		r = b.alter(w.ID, r, next, what)
	}
	out := record.Written{Ref: r.ref, Version: r.now.version, ContentVersion: r.now.content}
	if what != 0 {
		out.Change = r.now.change
	}
	return out, nil
}

// expect checks the version that a write was made for. A tombstone is both
// there, at its version, and not there.
func expect(want *int64, r *row, live bool) error {
	have := int64(0)
	if r != nil {
		have = r.now.version
	}
	switch {
	case want == nil, *want == have, *want == 0 && !live:
		return nil
	case *want == 0:
		return fault.New(fault.Conflict, "the record exists, at version %d", have)
	}
	return fault.New(fault.Conflict, "the record is at version %d, not %d; read it again", have, *want)
}

// next is what the fields become, encoded, and what that changes.
func (b *batch) next(w *record.Write, r *row, live bool) ([]byte, record.Changed, error) {
	if w.Op == record.Delete {
		if !live {
			return nil, 0, nil
		}
		return []byte{}, record.Gone, nil
	}
	fields := w.Fields
	var before record.Fields
	if w.Op == record.Patch {
		if err := decode(r.now.fields, &before); err != nil {
			return nil, 0, fmt.Errorf("read stored fields: %w", err)
		}
		fields = before.Merge(w.Fields)
	}
	next, err := b.encode(fields)
	switch {
	case err != nil:
		return nil, 0, err
	case !live:
		return next, record.Content, nil
	case bytes.Equal(next, r.now.fields):
		return nil, 0, nil
	}
	if before == nil {
		if err := decode(r.now.fields, &before); err != nil {
			return nil, 0, fmt.Errorf("read stored fields: %w", err)
		}
	}
	// What is compared is what a reader will see: a caller's int is a
	// json.Number once it is stored.
	var after record.Fields
	if err := decode(next, &after); err != nil {
		return nil, 0, fmt.Errorf("read encoded fields: %w", err)
	}
	return next, b.c.Declaration.Compare(before, after), nil
}

func (b *batch) encode(f record.Fields) ([]byte, error) {
	if f == nil {
		return []byte("{}"), nil
	}
	b.buffer.Reset()
	if err := b.encoder.Encode(map[string]any(f)); err != nil {
		// The error may quote a value.
		return nil, fault.Field("fields", "cannot be written as JSON")
	}
	return bytes.Clone(bytes.TrimSuffix(b.buffer.Bytes(), []byte("\n"))), nil
}

// alter makes a new version of a record.
func (b *batch) alter(id string, r *row, fields []byte, what record.Changed) *row {
	if r == nil {
		b.ref++
		r = &row{id: id, ref: b.ref}
		b.rows[id] = r
	} else {
		b.history = append(b.history, superseded{r, r.now})
	}
	was := r.now
	b.change++
	if !r.dirty {
		r.dirty = true
		r.first = b.change
		b.dirty = append(b.dirty, r)
	}
	r.what |= what
	r.now = version{
		version: was.version + 1, content: was.content, change: b.change,
		updated: b.now, deleted: what == record.Gone, fields: fields,
	}
	if what != record.Metadata {
		r.now.content = r.now.version
	}
	if wasLive := was.version > 0 && !was.deleted; wasLive != !r.now.deleted {
		if r.now.deleted {
			b.live--
		} else {
			b.live++
		}
	}
	return r
}

// store writes the batch's records, history and changes.
func (b *batch) store(ctx context.Context, t *tx) error {
	const doing = "write records"
	pending := 0
	for _, r := range b.dirty {
		v, statement := &r.now, insertRecord
		if r.exists {
			statement = updateRecord
		}
		if _, err := t.exec(ctx, doing, statement, int64(r.ref), v.version, v.content, v.change, v.updated, v.deleted, v.fields,
			int64(b.c.ID), r.id); err != nil {
			return err
		}
		if !r.queue.Valid || r.queue.Int64 == buried {
			pending++
		}
		if _, err := t.exec(ctx, doing, writeChange, int64(r.ref), int64(b.c.ID), v.change, r.first, b.now, int64(r.what)); err != nil {
			return err
		}
	}
	for i := range b.history {
		h := &b.history[i]
		if _, err := t.exec(ctx, doing, insertVersion,
			int64(h.of.ref), h.version.version, h.content, h.change, h.updated, h.deleted, blob(h.fields)); err != nil {
			return err
		}
	}
	if _, err := t.exec(ctx, doing, "UPDATE sequence SET change = ?, ref = ?", b.change, b.ref); err != nil {
		return err
	}
	n, err := t.exec(ctx, doing, "UPDATE collections SET records = records + ?, pending = pending + ?, latest = ? WHERE id = ?",
		b.live, pending, b.change, int64(b.c.ID))
	if err != nil || n == 0 {
		return orMissing(err, "there is no collection number %d", b.c.ID)
	}
	return nil
}

const (
	insertRecord = `INSERT INTO records (ref, version, content_version, change, updated_at, deleted, fields, collection, id)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`
	updateRecord = `UPDATE records SET version = ?2, content_version = ?3, change = ?4, updated_at = ?5, deleted = ?6, fields = ?7
		WHERE ref = ?1`
	insertVersion = `INSERT INTO record_versions (ref, version, content_version, change, updated_at, deleted, fields)
		VALUES (?, ?, ?, ?, ?, ?, ?)`
	writeChange = `INSERT INTO changes (ref, collection, state, number, first, written_at, what)
		VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6)` + onKnownChange
	// A record that waits, or is leased, keeps its place in line; one that was
	// buried starts anew.
	onKnownChange = `
		ON CONFLICT (ref) DO UPDATE SET number = excluded.number, what = what | excluded.what,
		state = iif(state = 3, 0, state),
		first = iif(state = 3, excluded.first, first),
		written_at = iif(state = 3, excluded.written_at, written_at),
		attempts = iif(state = 3, 0, attempts),
		lost = iif(state = 3, 0, lost),
		alone = iif(state = 3, 0, alone)`
)
