package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Awaiting implements record.Records.
func (s records) Awaiting(ctx context.Context, ref record.Ref) ([]record.Awaited, error) {
	return list(ctx, s.tx, "read what awaits indexing", func(r pgx.Rows, a *record.Awaited) error {
		var state int
		err := r.Scan(&a.Generation, &state, &a.Number, &a.Attempts)
		a.State = record.AwaitStates[state]
		return err
	}, `SELECT q.generation, q.state, q.number, q.attempts FROM records r JOIN generations g ON g.collection = r.collection
		JOIN changes q ON q.generation = g.id AND q.ref = r.ref WHERE r.ref = $1 ORDER BY q.generation`, ref)
}

// Purge implements record.Records. Whoever works on the records under a lease
// holds its row: they are waited for, and find the records gone.
func (s records) Purge(ctx context.Context, c record.CollectionID, refs []record.Ref) (record.Purged, error) {
	const doing = "purge records"
	var out record.Purged
	if _, err := s.exec(ctx, doing, "SELECT FROM collections WHERE id = $1 FOR UPDATE", c); err != nil {
		return out, err
	}
	own, err := list(ctx, s.tx, doing, func(r pgx.Rows, ref *int64) error { return r.Scan(ref) },
		"SELECT ref FROM records WHERE collection = $1 AND ref = ANY ($2) ORDER BY ref", c, ints(refs))
	if err != nil || len(own) == 0 {
		return out, err
	}
	out.Records = len(own)
	if err := s.dequeue(ctx, own); err != nil {
		return out, err
	}
	var p pipeline
	p.do("SELECT FROM records WHERE ref = ANY ($1) ORDER BY ref FOR UPDATE", own)
	p.read(func(r pgx.Rows) error {
		var f record.Reference
		err := r.Scan(&f.ID, &f.Generation, scanDigest{&f.Space}, scanDigest{&f.Text})
		out.Passages = append(out.Passages, f)
		return err
	}, `WITH gone AS (
			DELETE FROM passages p USING generations g WHERE g.collection = $1 AND p.generation = g.id AND p.ref = ANY ($2)
			RETURNING p.id, g.id AS generation, g.space, p.text, p.state),
		counted AS (
			INSERT INTO counts SELECT $3, generation, -count(*) FROM gone WHERE state <> 2 GROUP BY generation)
		SELECT id, generation, space, text FROM gone ORDER BY id`, c, own, livePassages)
	count := func(into *int) func(pgx.Rows) error { return func(r pgx.Rows) error { return r.Scan(into) } }
	p.do("DELETE FROM staged WHERE ref = ANY ($1)", own)
	p.read(count(&out.DeadLetters), "WITH gone AS (DELETE FROM dead_letters WHERE ref = ANY ($1) RETURNING 1) SELECT count(*) FROM gone", own)
	p.read(count(&out.Versions), "WITH gone AS (DELETE FROM record_versions WHERE ref = ANY ($1) RETURNING 1) SELECT count(*) FROM gone", own)
	p.do(`WITH gone AS (DELETE FROM records WHERE ref = ANY ($1) RETURNING deleted)
		UPDATE collections SET records = records - (SELECT count(*) FROM gone WHERE NOT deleted) WHERE id = $2`, own, c)
	s.deltas++
	return out, s.send(ctx, doing, &p)
}

// dequeue takes records out of every queue, and ends leases that are empty then.
func (s records) dequeue(ctx context.Context, own []int64) error {
	const doing = "purge records"
	var held, now []int64
	read := func(into *[]int64) func(pgx.Rows) error {
		return func(r pgx.Rows) error {
			var epoch int64
			err := r.Scan(&epoch)
			*into = append(*into, epoch)
			return err
		}
	}
	var lock pipeline
	lock.read(read(&held), `SELECT epoch FROM leases WHERE epoch IN (SELECT epoch FROM changes WHERE ref = ANY ($1))
		ORDER BY epoch FOR UPDATE`, own)
	lock.do("SELECT FROM changes WHERE ref = ANY ($1) ORDER BY generation, ref FOR UPDATE", own)
	lock.read(read(&now), "SELECT DISTINCT epoch FROM changes WHERE ref = ANY ($1) AND epoch IS NOT NULL", own)
	if err := s.send(ctx, doing, &lock); err != nil {
		return err
	}
	for _, epoch := range now {
		if !slices.Contains(held, epoch) {
			return fault.New(fault.Unavailable, "%s: one of them is being indexed at this moment; try again", doing)
		}
	}
	var p pipeline
	p.do(`WITH gone AS (DELETE FROM changes WHERE ref = ANY ($1) RETURNING generation, state)
		INSERT INTO counts SELECT $2, generation, -count(*) FROM gone WHERE state <> 3 GROUP BY generation`, own, pendingChanges)
	endLeases(&p, held)
	s.deltas++
	return s.send(ctx, doing, &p)
}
