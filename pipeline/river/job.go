package river

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// queue keeps our jobs apart from others in River's table.
const queue = "holdfast"

// job is what a River job holds: where one branch of a run stands, with all
// that an attempt needs, so that an attempt begins without a read. A job
// moves along its branch from step to step and is deleted at its end: the
// record store, not River, remembers.
type job struct {
	Run      string                     `json:"run"`
	Pipeline string                     `json:"pipeline"`
	From     []string                   `json:"from,omitempty"`
	Step     string                     `json:"step"`
	Base     int                        `json:"base,omitempty"` // the job's claims before this step
	Input    json.RawMessage            `json:"input,omitempty"`
	Outputs  map[string]json.RawMessage `json:"outputs,omitempty"`
}

// Kind names the job for River.
func (job) Kind() string { return "holdfast_step" }

// claim is a job that was taken. River counts a job's claims, and so does
// the engine when it moves a job to its next step without giving it back:
// the number tells the owner from everybody who owned it before.
type claim struct {
	id     int64
	number int
}

// owned is the condition under which a claim may change its job.
const owned = ` WHERE id = ? AND attempt = ? AND state = 'running' AND queue = '` + queue + `'`

// errLost is what an attempt gets that no longer owns its step.
var errLost = fault.New(fault.Conflict, "this attempt no longer owns the step")

// sqlTx is the database transaction below a record.Tx.
func sqlTx(tx record.Tx) (*sql.Tx, error) {
	t, ok := tx.Unwrap().(*sql.Tx)
	if !ok {
		return nil, fault.New(fault.Internal, "the River engine needs a record store on database/sql, got %T", tx.Unwrap())
	}
	return t, nil
}

// change runs a statement that ends in the condition owned.
func (c claim) change(ctx context.Context, tx *sql.Tx, statement string, args ...any) error {
	res, err := tx.ExecContext(ctx, statement+owned, append(args, c.id, c.number)...)
	if err != nil {
		return fmt.Errorf("change job: %w", err)
	}
	switch n, err := res.RowsAffected(); {
	case err != nil:
		return fmt.Errorf("change job: %w", err)
	case n == 0:
		return errLost
	}
	return nil
}

// advance keeps the claim and moves the job to another step.
func (c claim) advance(ctx context.Context, tx *sql.Tx, to job) (claim, error) {
	args, err := json.Marshal(to)
	if err != nil {
		return c, fmt.Errorf("encode job: %w", err)
	}
	err = c.change(ctx, tx, `UPDATE river_job SET args = jsonb(?), attempt = attempt + 1, attempted_at = datetime('now', 'subsec')`, args)
	return claim{c.id, c.number + 1}, err
}

// hand gives the job up for another step.
func (c claim) hand(ctx context.Context, tx *sql.Tx, to job) error {
	args, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	return c.change(ctx, tx, `UPDATE river_job SET args = jsonb(?), state = 'available', scheduled_at = datetime('now', 'subsec')`, args)
}

// delay gives the job up until a time from now. River fetches an available
// job when its time has come, so its scheduler is not needed.
func (c claim) delay(ctx context.Context, tx *sql.Tx, wait time.Duration) error {
	return c.change(ctx, tx, `UPDATE river_job SET state = 'available', scheduled_at = datetime('now', 'subsec', ?)`,
		fmt.Sprintf("+%.3f seconds", wait.Seconds()))
}

// finish ends the job.
func (c claim) finish(ctx context.Context, tx *sql.Tx) error {
	return c.change(ctx, tx, `DELETE FROM river_job`)
}

// held reports whether the claim still holds.
func (c claim) held(ctx context.Context, tx *sql.Tx) (bool, error) {
	var one int
	err := tx.QueryRowContext(ctx, `SELECT 1 FROM river_job`+owned, c.id, c.number).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read job: %w", err)
	}
	return true, nil
}

// insert adds jobs in the caller's transaction.
func (e *Engine) insert(ctx context.Context, tx *sql.Tx, jobs []job) error {
	params := make([]river.InsertManyParams, len(jobs))
	for i, j := range jobs {
		params[i] = river.InsertManyParams{Args: j, InsertOpts: &river.InsertOpts{Queue: queue}}
	}
	if _, err := e.client.InsertManyFastTx(ctx, tx, params); err != nil {
		return fmt.Errorf("enqueue steps: %w", err)
	}
	return nil
}

// drop deletes all jobs of a run, claimed or not, and counts them. The table holds live jobs
// only, and runs are seldom cancelled: a scan will do.
func drop(ctx context.Context, tx *sql.Tx, run string) (n int64, err error) {
	res, err := tx.ExecContext(ctx,
		`DELETE FROM river_job WHERE queue = ? AND json_extract(args, '$.run') = ?`, queue, run)
	if err == nil {
		n, err = res.RowsAffected()
	}
	if err != nil {
		return 0, fmt.Errorf("drop jobs: %w", err)
	}
	return n, nil
}

// taken is a job in the state running.
type taken struct {
	claim
	job
	worker string
	at     time.Time
}

// allTaken lists the jobs in the state running.
func allTaken(ctx context.Context, tx *sql.Tx) (list []taken, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, attempt, json(args),
		coalesce(json_extract(attempted_by, '$[#-1]'), ''),
		CAST(unixepoch(coalesce(attempted_at, created_at), 'subsec') * 1000 AS INTEGER)
		FROM river_job WHERE state = 'running' AND queue = ?`, queue)
	if err != nil {
		return nil, fmt.Errorf("list running jobs: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			t    taken
			args []byte
			ms   int64
		)
		if err := rows.Scan(&t.id, &t.number, &args, &t.worker, &ms); err != nil {
			return nil, fmt.Errorf("list running jobs: %w", err)
		}
		if err := json.Unmarshal(args, &t.job); err != nil {
			return nil, fmt.Errorf("decode job %d: %w", t.id, err)
		}
		t.at = time.UnixMilli(ms)
		list = append(list, t)
	}
	return list, rows.Err()
}
