package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/fault"
)

// Batch applies writes to records in memory, for drivers of Records: it
// decides what each write becomes, so that every driver decides alike. The
// driver fills Rows with what is stored, calls Apply, and stores Dirty and
// History.
type Batch struct {
	Collection *Collection
	Now        time.Time
	NextChange func() int64        // numbers a change
	NextRef    func(id string) Ref // numbers a record that has no row
	Rows       map[string]*Row     // by id

	Dirty   []*Row       // what has changed, in the order of the first change
	History []Superseded // what has been replaced, in order
	Live    int          // live records more than before

	buffer  bytes.Buffer
	encoder *json.Encoder
}

// Row is a record while a Batch is applied to it.
type Row struct {
	ID     string
	Ref    Ref
	Stored bool // the record has a row already
	Version
	First int64   // the first change that the batch made
	What  Changed // all that the batch changed

	dirty bool
}

// Version is one version of a record as it is stored.
type Version struct {
	Number, ContentVersion, Change int64
	UpdatedAt                      time.Time
	Deleted                        bool
	Fields                         []byte // JSON; empty in a tombstone
}

// Superseded is a version that a newer one has replaced.
type Superseded struct {
	Of *Row
	Version
	Stored bool // it is what Of's row holds
}

// Apply applies writes in order. A write that fails changes nothing.
func (b *Batch) Apply(writes []Write) []Written {
	b.encoder = json.NewEncoder(&b.buffer)
	b.encoder.SetEscapeHTML(false)
	out := make([]Written, len(writes))
	for i := range writes {
		w, err := b.apply(&writes[i])
		w.Err = err
		out[i] = w
	}
	return out
}

func (b *Batch) apply(w *Write) (Written, error) {
	if err := CheckID(w.ID); err != nil {
		return Written{}, err
	}
	r := b.Rows[w.ID]
	live := r != nil && !r.Deleted
	if err := expect(w.IfVersion, r, live); err != nil {
		return Written{}, err
	}
	if w.Op != Put && r == nil || w.Op == Patch && !live {
		return Written{}, fault.New(fault.NotFound, "there is no such record")
	}
	next, what, err := b.next(w, r, live)
	if err != nil {
		return Written{}, err
	}
	if what != 0 {
		r = b.alter(w.ID, r, next, what)
	}
	out := Written{Ref: r.Ref, Version: r.Number, ContentVersion: r.ContentVersion}
	if what != 0 {
		out.Change = r.Change
	}
	return out, nil
}

// expect checks the version that a write was made for. A tombstone is both
// there, at its version, and not there.
func expect(want *int64, r *Row, live bool) error {
	have := int64(0)
	if r != nil {
		have = r.Number
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
func (b *Batch) next(w *Write, r *Row, live bool) ([]byte, Changed, error) {
	if w.Op == Delete {
		if !live {
			return nil, 0, nil
		}
		return []byte{}, Gone, nil
	}
	fields := w.Fields
	var before Fields
	if w.Op == Patch {
		if err := before.decode(r.Fields); err != nil {
			return nil, 0, err
		}
		fields = before.Merge(w.Fields)
	}
	next, err := b.encode(fields)
	switch {
	case err != nil:
		return nil, 0, err
	case !live:
		return next, Content, nil
	case bytes.Equal(next, r.Fields):
		return nil, 0, nil
	}
	if before == nil {
		if err := before.decode(r.Fields); err != nil {
			return nil, 0, err
		}
	}
	// What is compared is what a reader will see: a caller's int is a
	// json.Number once it is stored.
	var after Fields
	if err := after.decode(next); err != nil {
		return nil, 0, err
	}
	return next, b.Collection.Compare(before, after), nil
}

func (f *Fields) decode(stored []byte) error {
	got, err := ParseFields(stored)
	if err != nil {
		return fmt.Errorf("read stored fields: %w", err)
	}
	*f = got
	return nil
}

func (b *Batch) encode(f Fields) ([]byte, error) {
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
func (b *Batch) alter(id string, r *Row, fields []byte, what Changed) *Row {
	if r == nil {
		r = &Row{ID: id, Ref: b.NextRef(id)}
		b.Rows[id] = r
	} else {
		b.History = append(b.History, Superseded{Of: r, Version: r.Version, Stored: r.Stored && !r.dirty})
	}
	was, change := r.Version, b.NextChange()
	if !r.dirty {
		r.dirty = true
		r.First = change
		b.Dirty = append(b.Dirty, r)
	}
	r.What |= what
	r.Version = Version{
		Number: was.Number + 1, ContentVersion: was.ContentVersion, Change: change,
		UpdatedAt: b.Now, Deleted: what == Gone, Fields: fields,
	}
	if what != Metadata {
		r.ContentVersion = r.Number
	}
	if wasLive := was.Number > 0 && !was.Deleted; wasLive != !r.Deleted {
		if r.Deleted {
			b.Live--
		} else {
			b.Live++
		}
	}
	return r
}
