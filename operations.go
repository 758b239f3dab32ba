package holdfast

import (
	"context"
	"maps"
	"slices"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// Write applies writes to a collection. It returns when they are durable;
// indexing follows.
func (a *App) Write(ctx context.Context, collection string, writes []record.Write) ([]record.Written, error) {
	var out []record.Written
	err := a.parts.Records.Update(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		if err := writable(&c); err != nil {
			return err
		}
		out, err = tx.Records().Write(ctx, &c, writes)
		return err
	})
	if err == nil {
		a.dispatcher.Wake()
	}
	return out, err
}

// writable refuses writes to what is attached to a table.
func writable(c *record.Collection) error {
	if c.Declaration.Attached() {
		return fault.New(fault.Conflict, "%s is attached to table %s, which is the truth: write there", c.Name, c.Declaration.Source.Postgres.Table)
	}
	return nil
}

// Writable says whether records of a collection may be written here.
func (a *App) Writable(ctx context.Context, collection string) error {
	c, err := a.Collection(ctx, collection)
	if err != nil {
		return err
	}
	return writable(&c)
}

// Record finds one live record.
func (a *App) Record(ctx context.Context, collection, id string) (record.Record, error) {
	var out record.Record
	err := a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		found, err := tx.Records().Get(ctx, c.ID, []string{id})
		if err != nil {
			return err
		}
		if out = found[0]; out.Ref == 0 || out.Deleted {
			return fault.New(fault.NotFound, "there is no such record in %s", collection)
		}
		return nil
	})
	return out, err
}

// Records lists up to limit live records with ids after the given one.
func (a *App) Records(ctx context.Context, collection, after string, limit int) (out []record.Record, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		out, err = tx.Records().List(ctx, c.ID, after, limit)
		return err
	})
	return out, err
}

// Runs lists runs, newest first.
func (a *App) Runs(ctx context.Context, f record.RunFilter) (out []record.Run, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		out, err = tx.Runs().List(ctx, f)
		return err
	})
	return out, err
}

// PipelineRun finds a run with its steps and attempts.
func (a *App) PipelineRun(ctx context.Context, id string) (out record.Run, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		out, err = tx.Runs().Get(ctx, id)
		return err
	})
	return out, err
}

// DeadLetter is a dead letter with the names that its numbers stand for.
type DeadLetter struct {
	record.DeadLetter
	CollectionName string
	RecordID       string
}

// DeadLetters lists open dead letters; an unknown collection is an error.
func (a *App) DeadLetters(ctx context.Context, collection string, f record.DeadLetterFilter) ([]DeadLetter, error) {
	var out []DeadLetter
	err := a.parts.Records.View(ctx, func(tx record.Tx) error {
		out = nil
		if collection != "" {
			c, err := tx.Collections().Get(ctx, collection)
			if err != nil {
				return err
			}
			f.Collection = c.ID
		}
		letters, err := tx.DeadLetters().List(ctx, f)
		if err != nil {
			return err
		}
		return name(ctx, tx, letters, &out)
	})
	return out, err
}

// name looks up what the numbers in dead letters stand for.
func name(ctx context.Context, tx record.Tx, letters []record.DeadLetter, out *[]DeadLetter) error {
	refs := make([]record.Ref, len(letters))
	for i, l := range letters {
		refs[i] = l.Ref
	}
	records, err := tx.Records().Load(ctx, refs)
	if err != nil {
		return err
	}
	names := map[record.CollectionID]string{}
	for _, l := range letters {
		if _, ok := names[l.Collection]; !ok {
			c, err := tx.Collections().Find(ctx, l.Collection)
			if err != nil {
				return err
			}
			names[l.Collection] = c.Name
		}
		*out = append(*out, DeadLetter{DeadLetter: l, CollectionName: names[l.Collection], RecordID: records[l.Ref].ID})
	}
	return nil
}

// Replay puts dead letters back into the queue: the given ones, those of a
// collection, or all. A letter stays open until its record is indexed. It
// returns how many were put back.
func (a *App) Replay(ctx context.Context, collection string, ids []int64) (int, error) {
	const page = 1000
	total := 0
	f := record.DeadLetterFilter{IDs: ids, Limit: page}
	for {
		letters, err := a.DeadLetters(ctx, collection, f)
		if err != nil || len(letters) == 0 {
			return total, err
		}
		refs := map[record.GenerationID][]record.Ref{}
		for _, l := range letters {
			refs[l.Generation] = append(refs[l.Generation], l.Ref)
		}
		err = a.parts.Records.Update(ctx, func(tx record.Tx) error {
			for _, g := range slices.Sorted(maps.Keys(refs)) {
				if err := tx.Changes().Revive(ctx, g, refs[g]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		total += len(letters)
		f.After = letters[len(letters)-1].ID
		a.dispatcher.Wake()
	}
}

// Rebuild restores a collection's index from records and stored vectors,
// without a call to a model, and waits for it; the App must be running. When
// ctx ends, or the process, the rebuild goes on. progress, if set, is told
// how many passages are done of how many.
func (a *App) Rebuild(ctx context.Context, collection string, progress func(done, total int64)) (flow.Rebuilt, error) {
	c, err := a.Collection(ctx, collection)
	if err != nil {
		return flow.Rebuilt{}, err
	}
	return a.indexer.Rebuild(ctx, c, a.awaited, progress)
}

// WaitIndexed waits until every change written to a collection so far is
// searchable or dead-lettered. progress, if set, is told how many are pending.
func (a *App) WaitIndexed(ctx context.Context, collection string, progress func(Status)) error {
	for {
		changed := a.awaited()
		st, err := a.Status(ctx, collection)
		if err != nil {
			return err
		}
		if progress != nil {
			progress(st)
		}
		if st.PendingChanges == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
