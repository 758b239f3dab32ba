package river

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/holdfast/holdfast/fault"
)

// queue keeps our jobs apart from others in River's table.
const queue = "holdfast"

// kind names our jobs for River.
const kind = "holdfast_step"

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
func (job) Kind() string { return kind }

// claim is a job that was taken. River counts a job's claims, and so does
// the engine when it moves a job to its next step without giving it back:
// the number tells the owner from everybody who owned it before.
type claim struct {
	id     int64
	number int
}

const (
	// ours are the jobs of this engine.
	ours = ` queue = '` + queue + `'`
	// owned is the condition under which a claim may change its job.
	owned = ` WHERE id = $1 AND attempt = $2 AND state = 'running' AND` + ours
)

// errLost is what an attempt gets that no longer owns its step.
var errLost = fault.New(fault.Conflict, "this attempt no longer owns the step")

// change runs a statement on a claim's job.
func (c claim) change(ctx context.Context, on conn, statement string, args ...any) error {
	n, err := on.exec(ctx, statement+owned, append([]any{c.id, c.number}, args...)...)
	if err != nil {
		return fmt.Errorf("change job: %w", err)
	}
	if n == 0 {
		return errLost
	}
	return nil
}

// advance keeps the claim and moves the job to another step.
func (b *base) advance(ctx context.Context, on conn, c claim, to job) (claim, error) {
	args, err := json.Marshal(to)
	if err != nil {
		return c, fmt.Errorf("encode job: %w", err)
	}
	err = c.change(ctx, on, `UPDATE river_job SET args = `+b.dialect.json+`, attempt = attempt + 1, attempted_at = `+b.dialect.now, string(args))
	return claim{c.id, c.number + 1}, err
}

// hand gives the job up for another step.
func (b *base) hand(ctx context.Context, on conn, c claim, to job) error {
	args, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("encode job: %w", err)
	}
	return c.change(ctx, on, `UPDATE river_job SET args = `+b.dialect.json+`, state = 'available', scheduled_at = `+b.dialect.now, string(args))
}

// delay gives the job up until a time from now. River fetches an available
// job when its time has come, so its scheduler is not needed.
func (b *base) delay(ctx context.Context, on conn, c claim, wait time.Duration) error {
	return c.change(ctx, on, `UPDATE river_job SET state = 'available', scheduled_at = `+b.dialect.later, wait.Seconds())
}

// finish ends the job.
func (b *base) finish(ctx context.Context, on conn, c claim) error {
	return c.change(ctx, on, `DELETE FROM river_job`)
}

// renew is a sign of life: others take up a job that has gone without for long.
func (b *base) renew(ctx context.Context, on conn, c claim) error {
	if _, err := on.exec(ctx, `UPDATE river_job SET attempted_at = `+b.dialect.now+owned, c.id, c.number); err != nil {
		return fmt.Errorf("renew job: %w", err)
	}
	return nil
}

// held reports whether a claim still holds. With keep it does so until the
// end of the transaction; a job that another transaction is at is then passed over.
func (b *base) held(ctx context.Context, on conn, c claim, keep bool) (held bool, err error) {
	query := `SELECT 1 FROM river_job` + owned
	if keep {
		query += b.dialect.hold
	}
	err = on.query(ctx, func(scan func(...any) error) error {
		held = true
		return scan(new(int))
	}, query, c.id, c.number)
	if err != nil {
		return false, fmt.Errorf("read job: %w", err)
	}
	return held, nil
}

// insert adds jobs. The time is the database's, by which River fetches them.
func (b *base) insert(ctx context.Context, on conn, jobs []job) error {
	for _, j := range jobs {
		args, err := json.Marshal(j)
		if err != nil {
			return fmt.Errorf("encode job: %w", err)
		}
		_, err = on.exec(ctx, `INSERT INTO river_job (kind, queue, args, scheduled_at)
			VALUES ($1, $2, `+b.dialect.json+`, `+b.dialect.now+`)`, kind, queue, string(args))
		if err != nil {
			return fmt.Errorf("enqueue step: %w", err)
		}
	}
	return nil
}

// drop deletes all jobs of a run, claimed or not, and counts them. The table
// holds live jobs only, and runs are seldom cancelled: a scan will do.
func (b *base) drop(ctx context.Context, on conn, run string) (n int64, err error) {
	n, err = on.exec(ctx, `DELETE FROM river_job WHERE`+ours+` AND args ->> 'run' = $1`, run)
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
	seen   time.Time // its last sign of life
}

// taken lists the jobs in the state running.
func (b *base) taken(ctx context.Context, on conn) (list []taken, err error) {
	err = on.query(ctx, func(scan func(...any) error) error {
		var (
			t      taken
			args   []byte
			micros int64
		)
		if err := scan(&t.id, &t.number, &args, &t.worker, &micros); err != nil {
			return err
		}
		if err := json.Unmarshal(args, &t.job); err != nil {
			return fmt.Errorf("decode job %d: %w", t.id, err)
		}
		t.seen = time.UnixMicro(micros)
		list = append(list, t)
		return nil
	}, b.dialect.taken+` WHERE state = 'running' AND`+ours+` ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("list running jobs: %w", err)
	}
	return list, nil
}
