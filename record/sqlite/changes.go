package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

type changes struct{ *tx }

// States of a change. Statements spell them as literals, so that SQLite sees
// which index serves them.
const (
	ready   = 0 // may be leased
	delayed = 1 // may be leased from not_before on
	leased  = 2
	buried  = 3 // out of the queue
)

// maxLost is how many leases of a change may end by a crash or by time
// before it is suspected to be the cause, and leased alone.
const maxLost = 2

// Lease implements record.Changes.
func (s changes) Lease(ctx context.Context, q record.LeaseRequest) (record.Lease, error) {
	const doing = "lease changes"
	if err := s.promote(ctx, q.Now); err != nil {
		return record.Lease{}, err
	}
	var l record.Lease
	// The generation whose first change in line is the oldest.
	found, err := s.get(ctx, doing, []any{&l.Generation, &l.Collection},
		`SELECT id, collection FROM (SELECT g.id, g.collection,
			(SELECT min(first) FROM changes WHERE generation = g.id AND state = 0) AS first FROM generations g WHERE g.state <> 'retired')
		WHERE first IS NOT NULL AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY first LIMIT 1`, jsonInts(q.Except))
	if err != nil || !found {
		return record.Lease{}, err
	}
	if l.Changes, err = s.front(ctx, l.Generation, q); err != nil {
		return record.Lease{}, err
	}
	if l.Epoch, err = s.next(ctx, epochs, 1); err != nil {
		return record.Lease{}, err
	}
	if _, err := s.exec(ctx, doing, "INSERT INTO leases (epoch, collection, generation, until) VALUES (?, ?, ?, ?)",
		l.Epoch, l.Collection, l.Generation, micros(q.Until)); err != nil {
		return record.Lease{}, err
	}
	_, err = s.exec(ctx, doing,
		`UPDATE changes SET state = 2, epoch = ?1, attempts = attempts + 1,
		leased_number = number, leased_what = leased_what | what, what = 0
		WHERE generation = ?3 AND ref IN (SELECT value FROM json_each(?2))`, l.Epoch, jsonInts(refsOf(l.Changes)), l.Generation)
	return l, err
}

// front returns the first changes in line that may share a batch, or the
// first alone if it must be.
func (s changes) front(ctx context.Context, of record.GenerationID, q record.LeaseRequest) ([]record.Change, error) {
	limit := max(q.Limit, 1)
	wide, contents := max(limit, q.Wide), 0
	var batch []record.Change
	single := false
	err := s.each(ctx, "lease changes", func(r *sql.Rows) error {
		var c record.Change
		var alone bool
		if err := r.Scan(&c.Ref, &c.Number, &c.What, &c.Attempts, &alone); err != nil {
			return err
		}
		if len(batch) == 0 {
			single = alone
		} else if single || alone || contents == limit {
			return nil
		}
		if c.What&record.Content != 0 {
			contents++
		}
		batch = append(batch, c)
		return nil
	}, `SELECT ref, number, what | leased_what, attempts, alone OR lost > ?3 FROM changes
		WHERE generation = ?1 AND state = 0 ORDER BY first, ref LIMIT ?2`, of, wide, maxLost)
	return batch, err
}

// promote makes ready what was delayed until now and what is held under
// leases that have expired.
func (s changes) promote(ctx context.Context, now time.Time) error {
	const doing = "lease changes"
	at := micros(now)
	if _, err := s.exec(ctx, doing, "UPDATE changes SET state = 0, not_before = 0 WHERE state = 1 AND not_before <= ?", at); err != nil {
		return err
	}
	expired, err := list(ctx, s.tx, doing, func(r *sql.Rows, epoch *int64) error { return r.Scan(epoch) },
		"SELECT epoch FROM leases WHERE until <= ?", at)
	if err != nil || len(expired) == 0 {
		return err
	}
	epochs := jsonInts(expired)
	if _, err := s.exec(ctx, doing, `UPDATE changes SET state = 0, epoch = NULL, lost = lost + 1
		WHERE epoch IN (SELECT value FROM json_each(?))`, epochs); err != nil {
		return err
	}
	return s.endLeases(ctx, epochs)
}

// endLeases forgets leases under which nothing is held, and what was staged
// under them.
func (s changes) endLeases(ctx context.Context, epochs string) error {
	n, err := s.exec(ctx, "end leases", `DELETE FROM leases WHERE epoch IN (SELECT value FROM json_each(?))
		AND NOT EXISTS (SELECT 1 FROM changes c WHERE c.epoch = leases.epoch)`, epochs)
	if err != nil || n == 0 {
		return err
	}
	_, err = s.exec(ctx, "end leases", `DELETE FROM staged WHERE epoch IN (SELECT value FROM json_each(?) e
		WHERE NOT EXISTS (SELECT 1 FROM leases l WHERE l.epoch = e.value))`, epochs)
	return err
}

func refsOf(changes []record.Change) []record.Ref {
	refs := make([]record.Ref, len(changes))
	for i, c := range changes {
		refs[i] = c.Ref
	}
	return refs
}

// Held implements record.Changes.
func (s changes) Held(ctx context.Context, epoch int64) (record.Lease, error) {
	l := record.Lease{Epoch: epoch}
	found, err := s.get(ctx, "read a lease", []any{&l.Collection, &l.Generation},
		"SELECT collection, generation FROM leases WHERE epoch = ?", epoch)
	if err != nil || !found {
		return l, err
	}
	l.Changes, err = list(ctx, s.tx, "read a lease", func(r *sql.Rows, c *record.Change) error {
		return r.Scan(&c.Ref, &c.Number, &c.What, &c.Attempts)
	}, "SELECT ref, leased_number, leased_what, attempts - 1 FROM changes WHERE epoch = ? ORDER BY first, ref", epoch)
	return l, err
}

// Renew implements record.Changes.
func (s changes) Renew(ctx context.Context, epoch int64, until time.Time) error {
	n, err := s.exec(ctx, "renew a lease", "UPDATE leases SET until = ? WHERE epoch = ?", micros(until), epoch)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "nothing is held under lease %d", epoch)
	}
	return err
}

// Complete implements record.Changes.
func (s changes) Complete(ctx context.Context, epoch int64, done []record.Change) ([]record.Ref, error) {
	const doing = "complete changes"
	g, err := s.leasedFor(ctx, epoch)
	if err != nil {
		return nil, err
	}
	numbers := make(map[record.Ref]int64, len(done))
	for _, c := range done {
		numbers[c.Ref] = c.Number
	}
	var held, whole []record.Ref
	var partly []record.Change
	err = s.each(ctx, doing, func(r *sql.Rows) error {
		var ref record.Ref
		var newest int64
		if err := r.Scan(&ref, &newest); err != nil {
			return err
		}
		held = append(held, ref)
		if n := numbers[ref]; n >= newest {
			whole = append(whole, ref)
		} else {
			partly = append(partly, record.Change{Ref: ref, Number: n})
		}
		return nil
	}, `SELECT c.ref, c.number FROM json_each(?1) j CROSS JOIN changes c ON c.generation = ?3 AND c.ref = j.value AND c.epoch = ?2`,
		jsonInts(uniqueRefs(done)), epoch, g)
	if err != nil || len(held) == 0 {
		return nil, err
	}
	if len(whole) > 0 {
		n, err := s.exec(ctx, doing, "DELETE FROM changes WHERE generation = ? AND ref IN (SELECT value FROM json_each(?))", g, jsonInts(whole))
		if err != nil {
			return nil, err
		}
		if err := s.morePending(ctx, g, -n); err != nil {
			return nil, err
		}
	}
	for _, c := range partly {
		// Written again in the meantime: what that changed waits from its own
		// time on, as if it had never been leased.
		if _, err := s.exec(ctx, doing, `UPDATE changes SET state = 0, epoch = NULL, first = ?2 + 1, leased_what = 0,
			attempts = 0, lost = 0, alone = 0, written_at = (SELECT updated_at FROM records r WHERE r.ref = changes.ref)
			WHERE generation = ?3 AND ref = ?1`, c.Ref, c.Number, g); err != nil {
			return nil, err
		}
	}
	return held, s.endLeases(ctx, jsonInts([]int64{epoch}))
}

func uniqueRefs(changes []record.Change) []record.Ref {
	seen := make(map[record.Ref]bool, len(changes))
	refs := make([]record.Ref, 0, len(changes))
	for _, c := range changes {
		if !seen[c.Ref] {
			seen[c.Ref] = true
			refs = append(refs, c.Ref)
		}
	}
	return refs
}

// leasedFor is the generation that a lease is for; 0 if the lease has ended.
func (s changes) leasedFor(ctx context.Context, epoch int64) (g record.GenerationID, err error) {
	_, err = s.get(ctx, "read a lease", []any{&g}, "SELECT generation FROM leases WHERE epoch = ?", epoch)
	return g, err
}

// morePending counts n changes into the queue of a generation.
func (t *tx) morePending(ctx context.Context, g record.GenerationID, n int64) error {
	if n == 0 {
		return nil
	}
	_, err := t.exec(ctx, "count changes", "UPDATE generations SET pending = pending + ? WHERE id = ?", n, g)
	return err
}

// Release implements record.Changes.
func (s changes) Release(ctx context.Context, epoch int64, refs []record.Ref, notBefore time.Time, how record.Released) error {
	g, err := s.leasedFor(ctx, epoch)
	if err != nil {
		return err
	}
	if _, err := s.exec(ctx, "release changes",
		`UPDATE changes SET epoch = NULL, state = iif(?3 = 0, 0, 1), not_before = ?3,
			alone = iif(?4 = 2, alone, ?4), attempts = attempts - (?4 = 2)
		WHERE generation = ?5 AND ref IN (SELECT value FROM json_each(?1)) AND epoch = ?2`,
		jsonInts(refs), epoch, micros(notBefore), how, g); err != nil {
		return err
	}
	return s.endLeases(ctx, jsonInts([]int64{epoch}))
}

// Bury implements record.Changes.
func (s changes) Bury(ctx context.Context, epoch int64, refs []record.Ref) error {
	g, err := s.leasedFor(ctx, epoch)
	if err != nil {
		return err
	}
	n, err := s.exec(ctx, "bury changes", `UPDATE changes SET epoch = NULL, state = 3
		WHERE generation = ?3 AND ref IN (SELECT value FROM json_each(?1)) AND epoch = ?2`, jsonInts(refs), epoch, g)
	if err != nil {
		return err
	}
	if err := s.morePending(ctx, g, -n); err != nil {
		return err
	}
	return s.endLeases(ctx, jsonInts([]int64{epoch}))
}

// Revive implements record.Changes.
func (s changes) Revive(ctx context.Context, g record.GenerationID, refs []record.Ref) error {
	n, err := s.exec(ctx, "revive changes", `UPDATE changes SET state = 0, attempts = 0, lost = 0, alone = 0
		WHERE generation = ? AND ref IN (SELECT value FROM json_each(?)) AND state = 3`, g, jsonInts(refs))
	if err != nil {
		return err
	}
	return s.morePending(ctx, g, n)
}

// Touch implements record.Changes. It is one change of the collection, with a
// number of its own.
func (s changes) Touch(ctx context.Context, g record.GenerationID, refs []record.Ref, what record.Changed) error {
	const doing = "touch records"
	var c record.CollectionID
	found, err := s.get(ctx, doing, []any{&c}, "SELECT collection FROM generations WHERE id = ? AND state <> 'retired'", g)
	if err != nil || !found {
		return orMissing(err, "there is no generation %d that is fed", g)
	}
	number, err := s.next(ctx, changeNumbers, 1)
	if err != nil {
		return err
	}
	// Every one is found by the collection, some are looked up one by one.
	from := "records r WHERE ?6 IS NOT NULL AND"
	if len(refs) > 0 {
		from = "json_each(?6) j CROSS JOIN records r ON r.ref = j.value WHERE"
	}
	if _, err := s.exec(ctx, doing, "UPDATE collections SET latest = ? WHERE id = ?", number, c); err != nil {
		return err
	}
	more := int64(0)
	args := []any{g, c, number, time.Now().UnixMicro(), int64(what), jsonInts(refs)}
	if _, err := s.get(ctx, doing, []any{&more}, `SELECT count(*) FROM (SELECT r.ref, ?3, ?4, ?5 FROM `+from+` r.collection = ?2 AND NOT r.deleted) t
		LEFT JOIN changes q ON q.generation = ?1 AND q.ref = t.ref WHERE q.ref IS NULL OR q.state = 3`, args...); err != nil {
		return err
	}
	if _, err := s.exec(ctx, doing, `INSERT INTO changes (generation, ref, collection, state, number, first, written_at, what)
		SELECT ?1, r.ref, ?2, 0, ?3, ?3, ?4, ?5 FROM `+from+` r.collection = ?2 AND NOT r.deleted`+onKnownChange, args...); err != nil {
		return err
	}
	return s.morePending(ctx, g, more)
}

// Recall implements record.Changes.
func (s changes) Recall(ctx context.Context, g record.GenerationID) error {
	for _, statement := range []string{
		"UPDATE changes SET state = 0, epoch = NULL WHERE epoch IN (SELECT epoch FROM leases WHERE generation = ?1)",
		"DELETE FROM staged WHERE epoch IN (SELECT epoch FROM leases WHERE generation = ?1)",
		"DELETE FROM leases WHERE generation = ?1",
	} {
		if _, err := s.exec(ctx, "recall leases", statement, g); err != nil {
			return err
		}
	}
	return nil
}

// Reset implements record.Changes.
func (s changes) Reset(ctx context.Context) error {
	for _, statement := range []string{
		"UPDATE changes SET state = 0, epoch = NULL, lost = lost + 1 WHERE epoch IS NOT NULL",
		"DELETE FROM leases",
		"DELETE FROM staged",
		"DELETE FROM claims",
	} {
		if _, err := s.exec(ctx, "free leases", statement); err != nil {
			return err
		}
	}
	return nil
}

// Pending implements record.Changes.
func (s changes) Pending(ctx context.Context, g record.GenerationID) (record.Pending, error) {
	const doing = "count pending changes"
	var p record.Pending
	found, err := s.get(ctx, doing, []any{&p.Count, &p.Latest},
		"SELECT g.pending, c.latest FROM generations g JOIN collections c ON c.id = g.collection WHERE g.id = ?", g)
	if err != nil || !found {
		return p, orMissing(err, "there is no generation %d", g)
	}
	p.Applied = p.Latest
	err = s.each(ctx, doing, func(r *sql.Rows) error {
		var first, written int64
		if err := r.Scan(&first, &written); err != nil {
			return err
		}
		p.Applied = min(p.Applied, first-1)
		if at := moment(written); p.Oldest.IsZero() || at.Before(p.Oldest) {
			p.Oldest = at
		}
		return nil
	}, `SELECT * FROM (SELECT first, written_at FROM changes WHERE generation = ?1 AND state = 0 ORDER BY first LIMIT 1)
		UNION ALL
		SELECT * FROM (SELECT first, written_at FROM changes WHERE generation = ?1 AND state = 1 ORDER BY first LIMIT 1)
		UNION ALL
		SELECT * FROM (SELECT first, written_at FROM changes WHERE generation = ?1 AND state = 2 ORDER BY first LIMIT 1)`, g)
	return p, err
}

// NextDue implements record.Changes.
func (s changes) NextDue(ctx context.Context) (time.Time, error) {
	var due sql.NullInt64
	_, err := s.get(ctx, "find the next change", []any{&due}, `SELECT min(at) FROM (
		SELECT (SELECT min(written_at) FROM (SELECT written_at FROM changes WHERE generation = g.id AND state = 0 ORDER BY first LIMIT 1)) AS at
		FROM generations g WHERE g.state <> 'retired'
		UNION ALL
		SELECT min(not_before) FROM changes WHERE state = 1
		UNION ALL
		SELECT min(until) FROM leases)`)
	return moment(due.Int64), err
}
