package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/record"
)

type runs struct{ *tx }

// Create implements record.Runs.
func (s runs) Create(ctx context.Context, r record.Run) error {
	var p pipeline
	p.do(`INSERT INTO runs (id, pipeline, collection, state, input, started_at, finished_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, r.ID, r.Pipeline, r.Collection, r.State, []byte(r.Input), micros(r.StartedAt), micros(r.FinishedAt))
	for i := range r.Steps {
		step := &r.Steps[i]
		p.do("INSERT INTO steps (run, position, name, state, output) VALUES ($1, $2, $3, $4, $5)",
			r.ID, i, step.Name, step.State, []byte(step.Output))
		for _, a := range step.Attempts {
			p.do(putAttempt, attemptArgs(r.ID, step.Name, a)...)
		}
	}
	return s.send(ctx, "store a run", &p)
}

// SetRun implements record.Runs.
func (s runs) SetRun(ctx context.Context, id string, state record.State, at time.Time) error {
	finished := int64(0)
	if state.Done() {
		finished = micros(at)
	}
	n, err := s.exec(ctx, "move a run", "UPDATE runs SET state = $2, finished_at = $3 WHERE id = $1", id, state, finished)
	if err != nil || n == 0 {
		return orMissing(err, "there is no run %s", id)
	}
	return nil
}

// SetStep implements record.Runs.
func (s runs) SetStep(ctx context.Context, run, step string, state record.State, output json.RawMessage) error {
	n, err := s.exec(ctx, "move a step",
		"UPDATE steps SET state = $3, output = coalesce($4, output) WHERE run = $1 AND name = $2", run, step, state, []byte(output))
	if err != nil || n == 0 {
		return orMissing(err, "run %s has no step %q", run, step)
	}
	return nil
}

const putAttempt = `INSERT INTO attempts (run, step, number, state, worker, started_at, finished_at, kind, error)
	SELECT run, name, $3, $4, $5, $6, $7, $8, $9 FROM steps WHERE run = $1 AND name = $2
	ON CONFLICT (run, step, number) DO UPDATE SET state = excluded.state, worker = excluded.worker,
	started_at = excluded.started_at, finished_at = excluded.finished_at, kind = excluded.kind, error = excluded.error`

func attemptArgs(run, step string, a record.Attempt) []any {
	return []any{run, step, a.Number, a.State, shown(a.Worker), micros(a.StartedAt), micros(a.FinishedAt), int16(a.Kind), shown(a.Error)}
}

// PutAttempt implements record.Runs.
func (s runs) PutAttempt(ctx context.Context, run, step string, a record.Attempt) error {
	n, err := s.exec(ctx, "store an attempt", putAttempt, attemptArgs(run, step, a)...)
	if err != nil || n == 0 {
		return orMissing(err, "run %s has no step %q", run, step)
	}
	return nil
}

const selectRun = "SELECT id, pipeline, collection, state, input, started_at, finished_at FROM runs "

func scanRun(rows pgx.Rows, r *record.Run) error {
	var started, finished int64
	err := rows.Scan(&r.ID, &r.Pipeline, &r.Collection, &r.State, (*[]byte)(&r.Input), &started, &finished)
	r.StartedAt, r.FinishedAt = moment(started), moment(finished)
	return err
}

// Get implements record.Runs.
func (s runs) Get(ctx context.Context, id string) (record.Run, error) {
	var all []record.Run
	var err error
	if storable(id) {
		all, err = list(ctx, s.tx, "read a run", scanRun, selectRun+"WHERE id = $1", id)
	}
	if err != nil || len(all) == 0 {
		return record.Run{}, orMissing(err, "there is no run %s", id)
	}
	if err := s.addSteps(ctx, all); err != nil {
		return record.Run{}, err
	}
	steps := all[0].Steps
	at := make(map[string]int, len(steps))
	for i := range steps {
		at[steps[i].Name] = i
	}
	err = s.each(ctx, "read a run", func(r pgx.Rows) error {
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
		FROM attempts WHERE run = $1 ORDER BY step, number`, id)
	return all[0], err
}

// addSteps reads the steps of runs.
func (s runs) addSteps(ctx context.Context, all []record.Run) error {
	at := make(map[string]int, len(all))
	ids := make([]string, len(all))
	for i := range all {
		at[all[i].ID], ids[i] = i, all[i].ID
	}
	return s.each(ctx, "read steps", func(r pgx.Rows) error {
		var run string
		var step record.Step
		if err := r.Scan(&run, &step.Name, &step.State, (*[]byte)(&step.Output)); err != nil {
			return err
		}
		all[at[run]].Steps = append(all[at[run]].Steps, step)
		return nil
	}, "SELECT run, name, state, output FROM steps WHERE run = ANY ($1) ORDER BY run, position", ids)
}

// List implements record.Runs.
func (s runs) List(ctx context.Context, f record.RunFilter) ([]record.Run, error) {
	if !storable(f.Before) {
		return nil, badCursor()
	}
	query, args := selectRun+"WHERE true", []any{}
	for _, c := range []struct {
		condition string
		set       bool
		value     any
	}{
		{" AND pipeline = $%d", f.Pipeline != "", shown(f.Pipeline)},
		{" AND collection = $%d", f.Collection != 0, f.Collection},
		{" AND state = $%d", f.State != "", shown(string(f.State))},
		{" AND id < $%d", f.Before != "", f.Before},
	} {
		if c.set {
			args = append(args, c.value)
			query += fmt.Sprintf(c.condition, len(args))
		}
	}
	args = append(args, unlimited(f.Limit))
	all, err := list(ctx, s.tx, "list runs", scanRun, query+fmt.Sprintf(" ORDER BY id DESC LIMIT $%d", len(args)), args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all, s.addSteps(ctx, all)
}

// Sweep implements record.Runs.
func (s runs) Sweep(ctx context.Context, before time.Time, limit int) (int, error) {
	const doing = "sweep runs"
	ids, err := list(ctx, s.tx, doing, func(r pgx.Rows, id *string) error { return r.Scan(id) },
		`SELECT id FROM runs WHERE finished_at > 0 AND finished_at < $1 ORDER BY finished_at LIMIT $2
		FOR UPDATE SKIP LOCKED`, micros(before), unlimited(limit))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	var p pipeline
	p.do("DELETE FROM attempts WHERE run = ANY ($1)", ids)
	p.do("DELETE FROM steps WHERE run = ANY ($1)", ids)
	p.do("DELETE FROM runs WHERE id = ANY ($1)", ids)
	return len(ids), s.send(ctx, doing, &p)
}
