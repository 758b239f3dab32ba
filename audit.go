package holdfast

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Decide asks whether a principal may do something, and records the answer.
// Nothing is done before the record of a change or a refusal is durable;
// records of reads follow within a second.
func (a *App) Decide(ctx context.Context, p access.Principal, action access.Action, resource string) (access.Decision, error) {
	d := a.access.Decide(ctx, p, action, resource)
	entry := record.AuditEntry{
		At: time.Now(), Principal: p.Name, Action: string(action), Resource: resource, Allowed: d.Allowed, Reason: d.Reason,
	}
	quiet := d.Allowed && (action == access.Read || action == access.Observe || action == access.Analyze)
	if quiet {
		return d, a.auditing.add(ctx, waiting{entry: entry})
	}
	return d, a.auditing.now(ctx, entry)
}

// auditor appends audit entries, many in one transaction.
type auditor struct {
	records record.Store
	log     *slog.Logger
	queue   chan waiting
	done    chan struct{}

	mu     sync.RWMutex // held for reading while adding to queue
	closed bool
}

type waiting struct {
	entry record.AuditEntry
	ack   chan error // nil if nobody waits
}

// auditQueue bounds what waits: beyond it reads wait too, so that no entry
// is ever dropped.
const auditQueue = 4096

func newAuditor(records record.Store, log *slog.Logger) *auditor {
	a := &auditor{records: records, log: log, queue: make(chan waiting, auditQueue), done: make(chan struct{})}
	go a.run()
	return a
}

// add queues an entry; it fails, and with it what was to be audited, when
// ctx ends first or the app is closed.
func (a *auditor) add(ctx context.Context, w waiting) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.closed {
		return fault.New(fault.Unavailable, "the server is closing")
	}
	select {
	case a.queue <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// now returns when an entry is durable.
func (a *auditor) now(ctx context.Context, e record.AuditEntry) error {
	ack := make(chan error, 1)
	if err := a.add(ctx, waiting{e, ack}); err != nil {
		return err
	}
	select {
	case err := <-ack:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close writes what is queued and takes nothing more.
func (a *auditor) close() {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.queue)
	}
	a.mu.Unlock()
	<-a.done
}

func (a *auditor) run() {
	defer close(a.done)
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var batch []waiting
	flush := func() {
		if len(batch) == 0 {
			return
		}
		a.write(batch)
		batch = batch[:0]
	}
	for {
		select {
		case w, open := <-a.queue:
			if !open {
				flush()
				return
			}
			batch = append(batch, w)
			if (w.ack != nil && len(a.queue) == 0) || len(batch) >= 512 {
				flush()
			}
		case <-tick.C:
			flush()
		}
	}
}

// auditWait is how long the trail waits before it is tried again, at first.
const auditWait = 20 * time.Millisecond

func (a *auditor) append(ctx context.Context, entries []record.AuditEntry) error {
	return a.records.Update(ctx, func(tx record.Tx) error { return tx.Audit().Append(ctx, entries) })
}

func (a *auditor) write(batch []waiting) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	entries := make([]record.AuditEntry, len(batch))
	for i, w := range batch {
		entries[i] = w.entry
	}
	// No entry is dropped because a database restarts: it is tried for as long
	// as that may take.
	err := a.append(ctx, entries)
	for wait := auditWait; fault.Retryable(err) && ctx.Err() == nil; wait = min(2*wait, time.Second) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		err = a.append(ctx, entries)
	}
	if err != nil {
		a.log.ErrorContext(ctx, "write audit trail", "entries", len(entries), "error", err)
	}
	for _, w := range batch {
		if w.ack != nil {
			w.ack <- err
		}
	}
}

// AuditTrail lists decisions, newest first, from before a number (0 for the
// newest), and the number to go on from.
func (a *App) AuditTrail(ctx context.Context, before int64, limit int) (out []record.AuditEntry, next int64, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		out, next, err = tx.Audit().List(ctx, before, limit)
		return err
	})
	return out, next, err
}
