package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/holdfast/holdfast/record"
)

type runs struct{ *tx }

// Create implements record.Runs.
func (s runs) Create(ctx context.Context, r record.Run) error {
	const doing = "store a run"
	if _, err := s.exec(ctx, doing, `INSERT INTO runs (id, pipeline, collection, state, input, started_at, finished_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)`, r.ID, r.Pipeline, r.Collection, r.State, []byte(r.Input), micros(r.StartedAt), micros(r.FinishedAt)); err != nil {
		return err
	}
	for i := range r.Steps {
		step := &r.Steps[i]
		if _, err := s.exec(ctx, doing, "INSERT INTO steps (run, position, name, state, output) VALUES (?, ?, ?, ?, ?)",
			r.ID, i, step.Name, step.State, []byte(step.Output)); err != nil {
			return err
		}
		for _, a := range step.Attempts {
			if err := s.PutAttempt(ctx, r.ID, step.Name, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// SetRun implements record.Runs.
func (s runs) SetRun(ctx context.Context, id string, state record.State, at time.Time) error {
	finished := int64(0)
	if state.Done() {
		finished = micros(at)
	}
	n, err := s.exec(ctx, "move a run", "UPDATE runs SET state = ?2, finished_at = ?3 WHERE id = ?1", id, state, finished)
	if err != nil || n == 0 {
		return orMissing(err, "there is no run %s", id)
	}
	return nil
}

// SetStep implements record.Runs.
func (s runs) SetStep(ctx context.Context, run, step string, state record.State, output json.RawMessage) error {
	n, err := s.exec(ctx, "move a step",
		"UPDATE steps SET state = ?3, output = coalesce(?4, output) WHERE run = ?1 AND name = ?2", run, step, state, []byte(output))
	if err != nil || n == 0 {
		return orMissing(err, "run %s has no step %q", run, step)
	}
	return nil
}

// PutAttempt implements record.Runs.
func (s runs) PutAttempt(ctx context.Context, run, step string, a record.Attempt) error {
	n, err := s.exec(ctx, "store an attempt",
		`INSERT OR REPLACE INTO attempts (run, step, number, state, worker, started_at, finished_at, kind, error)
		SELECT run, name, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM steps WHERE run = ?1 AND name = ?2`,
		run, step, a.Number, a.State, a.Worker, micros(a.StartedAt), micros(a.FinishedAt), int64(a.Kind), a.Error)
	if err != nil || n == 0 {
		return orMissing(err, "run %s has no step %q", run, step)
	}
	return nil
}

const selectRun = "SELECT id, pipeline, collection, state, input, started_at, finished_at FROM runs "

func scanRun(rows *sql.Rows, r *record.Run) error {
	var started, finished int64
	err := rows.Scan(&r.ID, &r.Pipeline, &r.Collection, &r.State, (*[]byte)(&r.Input), &started, &finished)
	r.StartedAt, r.FinishedAt = moment(started), moment(finished)
	return err
}

// Get implements record.Runs.
func (s runs) Get(ctx context.Context, id string) (record.Run, error) {
	all, err := list(ctx, s.tx, "read a run", scanRun, selectRun+"WHERE id = ?", id)
	if err != nil || len(all) == 0 {
		return record.Run{}, orMissing(err, "there is no such run")
	}
	if err := s.addSteps(ctx, all); err != nil {
		return record.Run{}, err
	}
	steps := all[0].Steps
	at := make(map[string]int, len(steps))
	for i := range steps {
		at[steps[i].Name] = i
	}
	err = s.each(ctx, "read a run", func(r *sql.Rows) error {
		var step string
		var a record.Attempt
		var started, finished int64
		if err := r.Scan(&step, &a.Number, &a.State, &a.Worker, &started, &finished, &a.Kind, &a.Error); err != nil {
			return err
		}
		a.StartedAt, a.FinishedAt = moment(started), moment(finished)
		steps[at[step]].Attempts = append(steps[at[step]].Attempts, a)
		return nil
	}, `SELECT step, number, state, worker, started_at, finished_at, kind, error
		FROM attempts WHERE run = ? ORDER BY step, number`, id)
	return all[0], err
}

// addSteps reads the steps of runs.
func (s runs) addSteps(ctx context.Context, all []record.Run) error {
	at := make(map[string]int, len(all))
	ids := make([]string, len(all))
	for i := range all {
		at[all[i].ID], ids[i] = i, all[i].ID
	}
	asked, err := json.Marshal(ids)
	if err != nil {
		return explain("read steps", err)
	}
	return s.each(ctx, "read steps", func(r *sql.Rows) error {
		var run string
		var step record.Step
		if err := r.Scan(&run, &step.Name, &step.State, (*[]byte)(&step.Output)); err != nil {
			return err
		}
		all[at[run]].Steps = append(all[at[run]].Steps, step)
		return nil
	}, `SELECT s.run, s.name, s.state, s.output FROM json_each(?) j CROSS JOIN steps s ON s.run = j.value
		ORDER BY s.run, s.position`, string(asked))
}

// List implements record.Runs.
func (s runs) List(ctx context.Context, f record.RunFilter) ([]record.Run, error) {
	query, args := selectRun+"WHERE true", []any{}
	for _, c := range []struct {
		condition string
		set       bool
		value     any
	}{
		{" AND pipeline = ?", f.Pipeline != "", f.Pipeline},
		{" AND collection = ?", f.Collection != 0, f.Collection},
		{" AND state = ?", f.State != "", f.State},
		{" AND id < ?", f.Before != "", f.Before},
	} {
		if c.set {
			query += c.condition
			args = append(args, c.value)
		}
	}
	all, err := list(ctx, s.tx, "list runs", scanRun, query+" ORDER BY id DESC LIMIT ?", append(args, unlimited(f.Limit))...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, s.addSteps(ctx, all)
}

// Sweep implements record.Runs.
func (s runs) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	const doing = "sweep runs"
	ids, err := list(ctx, s.tx, doing, func(r *sql.Rows, id *string) error { return r.Scan(id) },
		"SELECT id FROM runs WHERE finished_at > 0 AND finished_at < ? ORDER BY finished_at LIMIT ?", micros(before), unlimited(limit))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	asked, err := json.Marshal(ids)
	if err != nil {
		return 0, explain(doing, err)
	}
	for _, statement := range []string{
		"DELETE FROM attempts WHERE run IN (SELECT value FROM json_each(?))",
		"DELETE FROM steps WHERE run IN (SELECT value FROM json_each(?))",
		"DELETE FROM runs WHERE id IN (SELECT value FROM json_each(?))",
	} {
		if _, err := s.exec(ctx, doing, statement, string(asked)); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}
