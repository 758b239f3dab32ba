package flow

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	// followRows and followBytes bound what is written in one transaction.
	followRows  = 1000
	followBytes = 8 << 20
)

// inspect compares the source with its declaration from time to time.
func (f *follower) inspect(ctx context.Context, state Following) (Following, error) {
	if time.Since(f.inspected) < inspectEvery {
		return state, nil
	}
	shape, err := f.source.Inspect(ctx)
	if err != nil {
		return state, err
	}
	if err := f.usable(state, shape); err != nil {
		return state, err
	}
	if len(shape.Unlogged) > 0 {
		if err := f.source.Install(ctx, state.Token, false); err != nil {
			return state, err
		}
	}
	due := shape.Polled && time.Since(state.Compared) > compareEvery || state.Held != nil && time.Since(state.Held.At) > heldEvery
	next := state
	if next.amend(shape, due) {
		f.compare = nil // what it has passed may be gone
	}
	if !next.seenAs(&state) {
		err = f.commit(ctx, nil, func(s *Following) {
			s.amend(shape, due)
			next = *s
		})
	}
	if err == nil {
		f.inspected, f.shape = time.Now(), shape
	}
	return next, err
}

// usable says why a source cannot be followed as it is.
func (f *follower) usable(state Following, shape record.Shape) error {
	name := f.collection.Name
	switch {
	case state.Declared != f.declared.String() || shape.Outdated:
		return fault.New(fault.Invalid, "the declaration or the table has changed since it was installed; run `holdfast sources install %s` again", name)
	case shape.Polled:
		return nil
	case shape.Token == "" || slices.Contains(shape.Unlogged, shape.Whole):
		return fault.New(fault.Invalid, "the change log or its triggers are gone from the source; run `holdfast sources install %s` again", name)
	case shape.Token != state.Token:
		return fault.New(fault.Conflict, "another Holdfast has taken over the change log; remove it there, or run `holdfast sources install %s --take-over`", name)
	}
	return nil
}

// amend takes over what an inspection has shown; gone says that rows may
// have gone with what held them.
func (s *Following) amend(shape record.Shape, due bool) (gone bool) {
	for _, p := range shape.Parts {
		// What a new part brought with it, and what was written before it was logged.
		if !slices.Contains(s.Parts, p) {
			s.Load = append(s.Load, Loading{Part: p})
		}
	}
	gone = slices.ContainsFunc(s.Parts, func(p string) bool { return !slices.Contains(shape.Parts, p) })
	if s.Compare = s.Compare || gone || due; due && shape.Polled {
		s.begin(shape.Whole, shape.Rows)
	}
	s.Parts, s.Rows, s.Backlog, s.Warning = shape.Parts, shape.Rows, shape.Backlog, shape.Warning
	if due {
		s.Compared = time.Now()
	}
	return gone
}

// seenAs reports whether an inspection has shown nothing new.
func (s *Following) seenAs(o *Following) bool {
	return slices.Equal(s.Parts, o.Parts) && len(s.Load) == len(o.Load) && s.Compare == o.Compare &&
		s.Rows == o.Rows && s.Backlog == o.Backlog && s.Warning == o.Warning && o.Problem == ""
}

// news copies what has changed since the last time.
func (f *follower) news(ctx context.Context, state Following) (more bool, err error) {
	c, err := f.source.Changes(ctx, state.Place, followRows)
	if err != nil {
		return false, err
	}
	if len(c.IDs) == 0 && !c.All && c.Next == state.Place {
		return false, nil
	}
	if c.All {
		f.compare = nil // begins anew
	}
	err = f.copyRows(ctx, c.IDs, func(s *Following) {
		if s.Place = c.Next; c.All {
			s.begin(f.shape.Whole, f.shape.Rows)
		}
	})
	if err != nil {
		return false, err
	}
	return c.More, f.source.Acknowledge(ctx, c)
}

// copyRows makes records what rows are now: one that is gone, or cannot be a
// record, is deleted. Copying what is copied already changes nothing.
func (f *follower) copyRows(ctx context.Context, ids []string, done func(*Following)) error {
	missing := map[string]bool{}
	for _, id := range ids {
		missing[id] = true
	}
	b := copies{f: f}
	for row, err := range f.source.Rows(ctx, ids) {
		if err != nil {
			return err
		}
		delete(missing, row.ID)
		if err := b.add(ctx, row); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if missing[id] {
			b.gone(id)
		}
	}
	return b.flush(ctx, done)
}

// load reads a portion of what is to be read from end to end.
func (f *follower) load(ctx context.Context) (more bool, err error) {
	var state Following
	err = f.records.View(ctx, func(tx record.Tx) error {
		state, _, err = LoadFollowing(ctx, tx, f.collection.ID)
		return err
	})
	if err != nil || len(state.Load) == 0 {
		return false, err
	}
	return true, f.loadRows(ctx, state.Load[0].Part, f.source.Scan(ctx, state.Load[0].Part, state.Load[0].After, followRows))
}

func (f *follower) loadRows(ctx context.Context, part string, rows iter.Seq2[record.SourceRow, error]) error {
	b := copies{f: f}
	n, last := int64(0), ""
	for row, err := range rows {
		if err != nil {
			return err
		}
		n, last = n+1, row.ID
		if err := b.add(ctx, row); err != nil {
			return err
		}
		if b.size >= followBytes {
			break // the rest comes with the next portion
		}
	}
	return b.flush(ctx, func(s *Following) {
		if len(s.Load) == 0 || s.Load[0].Part != part {
			return
		}
		if n == 0 {
			s.Load = s.Load[1:]
			return
		}
		l := &s.Load[0]
		l.After, l.Done = last, l.Done+n
	})
}

// copies gathers writes for one transaction.
type copies struct {
	f        *follower
	writes   []record.Write
	size     int
	rejected map[string]string // by id; empty if it is no more
}

// add puts a row; what is too much for one transaction is written at once.
func (b *copies) add(ctx context.Context, row record.SourceRow) error {
	reason := ""
	if b.rejected == nil {
		b.rejected = map[string]string{}
	}
	if row.Err != nil {
		reason = fault.Public(row.Err)
		b.writes = append(b.writes, record.Write{ID: row.ID, Op: record.Delete})
	} else {
		b.writes = append(b.writes, record.Write{ID: row.ID, Op: record.Put, Fields: row.Fields})
		b.size += row.Size
	}
	b.rejected[row.ID] = reason
	if b.size < followBytes {
		return nil
	}
	return b.flush(ctx, func(*Following) {})
}

func (b *copies) gone(id string) {
	if b.rejected == nil {
		b.rejected = map[string]string{}
	}
	b.writes = append(b.writes, record.Write{ID: id, Op: record.Delete})
	b.rejected[id] = ""
}

func (b *copies) flush(ctx context.Context, change func(*Following)) error {
	err := b.f.commit(ctx, b.writes, func(s *Following) {
		for id, reason := range b.rejected {
			s.reject(id, reason)
		}
		change(s)
	})
	b.writes, b.size, b.rejected = nil, 0, nil
	return err
}
