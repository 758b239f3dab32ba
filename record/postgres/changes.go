package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// changes implements record.Changes. Its states, spelled as literals so that
// the planner sees which index serves a statement: 0 ready, 1 delayed until
// not_before, 2 leased, 3 buried.
//
// What a lease holds is changed under the lock of the lease's row, by Lease
// never while somebody else has it: a worker that has called Held in an
// Update keeps its lease until that ends.
type changes struct{ *tx }

// maxLost is how many leases of a change may end by a crash or by time
// before it is suspected to be the cause, and leased alone.
const maxLost = 2

// Lease implements record.Changes. It passes over what other transactions
// hold, so that it waits for nobody.
func (s changes) Lease(ctx context.Context, q record.LeaseRequest) (record.Lease, error) {
	const doing = "lease changes"
	line, err := s.promote(ctx, q)
	if err != nil {
		return record.Lease{}, err
	}
	var l record.Lease
	for _, at := range line {
		l.Collection, l.Generation = at.collection, at.generation
		if l.Changes, err = s.front(ctx, l.Generation, q); err != nil {
			return record.Lease{}, err
		}
		if len(l.Changes) > 0 {
			break
		}
	}
	if len(l.Changes) == 0 {
		return record.Lease{}, nil
	}
	var p pipeline
	p.read(func(r pgx.Rows) error { return r.Scan(&l.Epoch) },
		"INSERT INTO leases (epoch, collection, generation, until) VALUES (nextval('epochs'), $1, $2, $3) RETURNING epoch",
		l.Collection, l.Generation, micros(q.Until))
	p.do(`UPDATE changes SET state = 2, epoch = currval('epochs'), attempts = attempts + 1,
		leased_number = number, leased_what = leased_what | what, what = 0 WHERE generation = $2 AND ref = ANY ($1)`, ints(refsOf(l.Changes)), l.Generation)
	return l, s.send(ctx, doing, &p)
}

// front returns the first changes in line that may share a batch, or the
// first alone if it must be.
func (s changes) front(ctx context.Context, of record.GenerationID, q record.LeaseRequest) ([]record.Change, error) {
	limit := max(q.Limit, 1)
	wide, contents := max(limit, q.Wide), 0
	var batch []record.Change
	single := false
	err := s.each(ctx, "lease changes", func(r pgx.Rows) error {
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
	}, `SELECT ref, number, what | leased_what, attempts, alone OR lost > $3 FROM changes
		WHERE generation = $1 AND state = 0 ORDER BY first, ref LIMIT $2 FOR UPDATE SKIP LOCKED`, of, wide, maxLost)
	return batch, err
}

// place is a queue that has ready changes.
type place struct {
	collection record.CollectionID
	generation record.GenerationID
}

// promote makes ready what was delayed until now and what is held under
// leases that have expired. It returns the queues that have ready changes,
// the one that has waited longest first.
func (s changes) promote(ctx context.Context, q record.LeaseRequest) ([]place, error) {
	const doing = "lease changes"
	var p pipeline
	var expired []int64
	var line []place
	at := micros(q.Now)
	p.do(`UPDATE changes SET state = 0, not_before = 0 WHERE (generation, ref) IN (
		SELECT generation, ref FROM changes WHERE state = 1 AND not_before <= $1 FOR UPDATE SKIP LOCKED)`, at)
	p.read(func(r pgx.Rows) error {
		var epoch int64
		err := r.Scan(&epoch)
		expired = append(expired, epoch)
		return err
	}, "SELECT epoch FROM leases WHERE until <= $1 FOR UPDATE SKIP LOCKED", at)
	inLine := func(p *pipeline) {
		p.read(func(r pgx.Rows) error {
			var at place
			err := r.Scan(&at.collection, &at.generation)
			line = append(line, at)
			return err
		}, `SELECT g.collection, g.id FROM generations g CROSS JOIN LATERAL (
				SELECT first FROM changes q WHERE q.generation = g.id AND q.state = 0 ORDER BY first LIMIT 1) f
			WHERE g.state <> 'retired' AND g.id <> ALL ($1) ORDER BY f.first`, ints(q.Except))
	}
	inLine(&p)
	if err := s.send(ctx, doing, &p); err != nil || len(expired) == 0 {
		return line, err
	}
	p, line = pipeline{}, nil
	p.do(`UPDATE changes SET state = 0, epoch = NULL, lost = lost + 1 WHERE (generation, ref) IN (
		SELECT generation, ref FROM changes WHERE epoch = ANY ($1) FOR UPDATE SKIP LOCKED)`, expired)
	endLeases(&p, expired)
	inLine(&p)
	return line, s.send(ctx, doing, &p)
}

// lockLease holds a lease until the end of the transaction.
func lockLease(p *pipeline, epoch int64) {
	p.do("SELECT FROM leases WHERE epoch = $1 FOR UPDATE", epoch)
}

// lockHeld holds a lease and, of the refs, the changes under it, in the order
// in which writers take them.
func lockHeld(p *pipeline, epoch int64, refs []int64) {
	lockLease(p, epoch)
	p.do("SELECT FROM changes WHERE ref = ANY ($1) AND epoch = $2 ORDER BY ref FOR UPDATE", refs, epoch)
}

// endLeases forgets leases under which nothing is held, and what was staged
// under them.
func endLeases(p *pipeline, epochs []int64) {
	p.do("DELETE FROM leases l WHERE epoch = ANY ($1) AND NOT EXISTS (SELECT FROM changes c WHERE c.epoch = l.epoch)", epochs)
	p.do("DELETE FROM staged s WHERE epoch = ANY ($1) AND NOT EXISTS (SELECT FROM leases l WHERE l.epoch = s.epoch)", epochs)
}

func refsOf(changes []record.Change) []record.Ref {
	refs := make([]record.Ref, len(changes))
	for i, c := range changes {
		refs[i] = c.Ref
	}
	return refs
}

// Held implements record.Changes. In an Update nobody else can end the lease
// from here on.
func (s changes) Held(ctx context.Context, epoch int64) (record.Lease, error) {
	l := record.Lease{Epoch: epoch}
	var p pipeline
	query := "SELECT collection, generation FROM leases WHERE epoch = $1"
	if s.update {
		query += " FOR UPDATE"
	}
	p.read(func(r pgx.Rows) error { return r.Scan(&l.Collection, &l.Generation) }, query, epoch)
	p.read(func(r pgx.Rows) error {
		var c record.Change
		err := r.Scan(&c.Ref, &c.Number, &c.What, &c.Attempts)
		l.Changes = append(l.Changes, c)
		return err
	}, "SELECT ref, leased_number, leased_what, attempts - 1 FROM changes WHERE epoch = $1 ORDER BY first, ref", epoch)
	return l, s.send(ctx, "read a lease", &p)
}

// Renew implements record.Changes.
func (s changes) Renew(ctx context.Context, epoch int64, until time.Time) error {
	n, err := s.exec(ctx, "renew a lease", "UPDATE leases SET until = $1 WHERE epoch = $2", micros(until), epoch)
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "nothing is held under lease %d", epoch)
	}
	return err
}

// Complete implements record.Changes.
func (s changes) Complete(ctx context.Context, epoch int64, done []record.Change) ([]record.Ref, error) {
	if len(done) == 0 {
		return nil, nil
	}
	// Of changes to one record the last one counts.
	last := slices.Clone(done)
	slices.Reverse(last)
	slices.SortStableFunc(last, func(a, b record.Change) int { return cmp.Compare(a.Ref, b.Ref) })
	last = slices.CompactFunc(last, func(a, b record.Change) bool { return a.Ref == b.Ref })
	refs, numbers := ints(refsOf(last)), make([]int64, len(last))
	for i := range last {
		numbers[i] = last[i].Number
	}
	var p pipeline
	var held []record.Ref
	add := func(r pgx.Rows) error {
		var ref record.Ref
		err := r.Scan(&ref)
		held = append(held, ref)
		return err
	}
	lockHeld(&p, epoch, refs)
	p.read(add, `WITH whole AS (
			DELETE FROM changes q USING unnest($1::bigint[], $2::bigint[]) d (ref, number)
			WHERE q.ref = d.ref AND q.epoch = $3 AND q.number <= d.number RETURNING q.ref, q.generation),
		counted AS (INSERT INTO counts SELECT 1, generation, -count(*) FROM whole GROUP BY generation)
		SELECT ref FROM whole`, refs, numbers, epoch)
	// Written again in the meantime: what that changed waits from its own time
	// on, as if it had never been leased.
	partly := 0
	p.read(func(r pgx.Rows) error { partly++; return add(r) },
		`UPDATE changes q SET state = 0, epoch = NULL, first = d.number + 1, leased_what = 0, attempts = 0, lost = 0, alone = false,
			written_at = (SELECT updated_at FROM records r WHERE r.ref = q.ref)
		FROM unnest($1::bigint[], $2::bigint[]) d (ref, number)
		WHERE q.ref = d.ref AND q.epoch = $3 RETURNING q.ref`, refs, numbers, epoch)
	endLeases(&p, []int64{epoch})
	err := s.send(ctx, "complete changes", &p)
	s.deltas++
	s.wake = s.wake || partly > 0
	return held, err
}

// Release implements record.Changes.
func (s changes) Release(ctx context.Context, epoch int64, refs []record.Ref, notBefore time.Time, how record.Released) error {
	var p pipeline
	asked, at := ints(refs), micros(notBefore)
	lockHeld(&p, epoch, asked)
	p.do(`UPDATE changes SET epoch = NULL, state = CASE WHEN $3::bigint = 0 THEN 0 ELSE 1 END, not_before = $3,
			alone = CASE $4::int WHEN 2 THEN alone ELSE $4 = 1 END, attempts = attempts - ($4 = 2)::int
		WHERE ref = ANY ($1) AND epoch = $2`, asked, epoch, at, how)
	endLeases(&p, []int64{epoch})
	s.wake = true
	return s.send(ctx, "release changes", &p)
}

// Bury implements record.Changes.
func (s changes) Bury(ctx context.Context, epoch int64, refs []record.Ref) error {
	var p pipeline
	asked := ints(refs)
	lockHeld(&p, epoch, asked)
	p.do(`WITH dead AS (UPDATE changes SET epoch = NULL, state = 3 WHERE ref = ANY ($1) AND epoch = $2 RETURNING generation)
		INSERT INTO counts SELECT 1, generation, -count(*) FROM dead GROUP BY generation`, asked, epoch)
	endLeases(&p, []int64{epoch})
	s.deltas++
	return s.send(ctx, "bury changes", &p)
}

// Revive implements record.Changes.
func (s changes) Revive(ctx context.Context, g record.GenerationID, refs []record.Ref) error {
	var p pipeline
	asked := ints(refs)
	p.do("SELECT FROM changes WHERE generation = $2 AND ref = ANY ($1) AND state = 3 ORDER BY ref FOR UPDATE", asked, g)
	p.do(`WITH back AS (UPDATE changes SET state = 0, attempts = 0, lost = 0, alone = false
			WHERE generation = $2 AND ref = ANY ($1) AND state = 3 RETURNING 1)
		INSERT INTO counts SELECT 1, $2, n FROM (SELECT count(*) AS n FROM back) c WHERE n > 0`, asked, g)
	s.deltas++
	s.wake = true
	return s.send(ctx, "revive changes", &p)
}

// Touch implements record.Changes. It is one change of the collection, with a
// number of its own.
func (s changes) Touch(ctx context.Context, g record.GenerationID, refs []record.Ref, what record.Changed) error {
	const doing = "touch records"
	c, err := s.collectionOf(ctx, doing, g)
	if err != nil {
		return err
	}
	var number int64
	if _, err := s.get(ctx, doing, []any{&number},
		"UPDATE collections SET latest = nextval('change_numbers') WHERE id = $1 RETURNING latest", c); err != nil {
		return err
	}
	s.deltas++
	s.wake = true
	// Every one is found by the collection, some are looked up one by one.
	which := "collection = $1 AND $6::bigint[] IS NOT NULL"
	if len(refs) > 0 {
		which = "ref = ANY ($6::bigint[]) AND collection = $1"
	}
	_, err = s.exec(ctx, doing, `WITH line AS (
			INSERT INTO changes AS q (ref, collection, generation, state, number, first, written_at, what)
			SELECT ref, $1, $5, 0, $2, $2, $3, $4 FROM records WHERE `+which+` AND NOT deleted ORDER BY ref`+onKnownChange+`
			RETURNING first)
		INSERT INTO counts SELECT 1, $5, n FROM (SELECT count(*) AS n FROM line WHERE first >= $2) c WHERE n > 0`,
		c, number, time.Now().UnixMicro(), int16(what), int64(g), ints(refs))
	return err
}

// collectionOf finds the collection of a generation that is fed, and locks it:
// the generation's state stays until the end of the transaction.
func (s changes) collectionOf(ctx context.Context, doing string, g record.GenerationID) (c record.CollectionID, err error) {
	const query = "SELECT collection FROM generations WHERE id = $1 AND state <> 'retired'"
	for _, look := range []bool{true, false} {
		found, err := s.get(ctx, doing, []any{&c}, query, g)
		if err != nil || !found {
			return 0, orMissing(err, "there is no generation %d that is fed", g)
		}
		if look {
			if err := s.lock(ctx, doing, c); err != nil {
				return 0, err
			}
		}
	}
	return c, nil
}

// Recall implements record.Changes.
func (s changes) Recall(ctx context.Context, g record.GenerationID) error {
	var p pipeline
	p.do("SELECT FROM leases WHERE generation = $1 ORDER BY epoch FOR UPDATE", g)
	p.do("UPDATE changes q SET state = 0, epoch = NULL FROM leases l WHERE l.generation = $1 AND q.epoch = l.epoch", g)
	p.do("DELETE FROM staged s USING leases l WHERE l.generation = $1 AND s.epoch = l.epoch", g)
	p.do("DELETE FROM leases WHERE generation = $1", g)
	s.wake = true
	return s.send(ctx, "recall leases", &p)
}

// Reset implements record.Changes.
func (s changes) Reset(ctx context.Context) error {
	var p pipeline
	p.do("UPDATE changes SET state = 0, epoch = NULL, lost = lost + 1 WHERE epoch IS NOT NULL")
	p.do("DELETE FROM leases")
	p.do("DELETE FROM staged")
	p.do("DELETE FROM claims")
	s.wake = true
	return s.send(ctx, "free leases", &p)
}

// Pending implements record.Changes.
func (s changes) Pending(ctx context.Context, g record.GenerationID) (record.Pending, error) {
	const doing = "count pending changes"
	var p record.Pending
	var first, oldest *int64
	found, err := s.get(ctx, doing, []any{&p.Count, &p.Latest, &first, &oldest}, `
		SELECT (SELECT coalesce(sum(delta), 0)::bigint FROM counts WHERE kind = 1 AND of = g.id), c.latest, min(f.first), min(f.written_at)
		FROM generations g JOIN collections c ON c.id = g.collection LEFT JOIN LATERAL (
			(SELECT first, written_at FROM changes WHERE generation = g.id AND state = 0 ORDER BY first LIMIT 1)
			UNION ALL
			(SELECT first, written_at FROM changes WHERE generation = g.id AND state = 1 ORDER BY first LIMIT 1)
			UNION ALL
			(SELECT first, written_at FROM changes WHERE generation = g.id AND state = 2 ORDER BY first LIMIT 1)) f ON true
		WHERE g.id = $1 GROUP BY g.id, c.id`, g)
	if err != nil || !found {
		return p, orMissing(err, "there is no generation %d", g)
	}
	p.Applied = p.Latest
	if first != nil {
		p.Applied, p.Oldest = min(p.Latest, *first-1), moment(*oldest)
	}
	return p, nil
}

// NextDue implements record.Changes.
func (s changes) NextDue(ctx context.Context) (time.Time, error) {
	var due *int64
	_, err := s.get(ctx, "find the next change", []any{&due}, `SELECT min(at) FROM (
		SELECT f.written_at AS at FROM generations g CROSS JOIN LATERAL (
			SELECT written_at FROM changes q WHERE g.state <> 'retired' AND q.generation = g.id AND q.state = 0 ORDER BY first LIMIT 1) f
		UNION ALL
		SELECT min(not_before) FROM changes WHERE state = 1
		UNION ALL
		SELECT min(until) FROM leases) all_of_them`)
	if due == nil {
		return time.Time{}, err
	}
	return moment(*due), err
}
