package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

type collections struct{ *tx }

const selectCollection = `SELECT id, name, declaration, created_at, updated_at, ARRAY(SELECT DISTINCT json_array_elements_text(g.content::json) AS field
	FROM generations g WHERE g.collection = collections.id AND g.state <> 'retired' ORDER BY field) FROM collections `

func scanCollection(r pgx.Rows, c *record.Collection) error {
	var declaration []byte
	var created, updated int64
	if err := r.Scan(&c.ID, &c.Name, &declaration, &created, &updated, &c.Embedded); err != nil {
		return err
	}
	c.CreatedAt, c.UpdatedAt = moment(created), moment(updated)
	return json.Unmarshal(declaration, &c.Declaration)
}

// Put implements record.Collections.
func (s collections) Put(ctx context.Context, d record.Declaration) (record.Collection, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return record.Collection{}, fmt.Errorf("declare a collection: %w", err)
	}
	if _, err := s.exec(ctx, "declare a collection",
		`INSERT INTO collections (name, declaration, created_at, updated_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration, updated_at = excluded.updated_at
		WHERE collections.declaration <> excluded.declaration`,
		d.Collection, string(text), time.Now().UnixMicro()); err != nil {
		return record.Collection{}, err
	}
	return s.Get(ctx, d.Collection)
}

// Get implements record.Collections.
func (s collections) Get(ctx context.Context, name string) (record.Collection, error) {
	var all []record.Collection
	var err error
	if storable(name) {
		all, err = list(ctx, s.tx, "find a collection", scanCollection, selectCollection+"WHERE name = $1", name)
	}
	if err != nil || len(all) == 0 {
		return record.Collection{}, orMissing(err, "there is no collection %q", name)
	}
	return all[0], nil
}

// Find implements record.Collections.
func (s collections) Find(ctx context.Context, id record.CollectionID) (record.Collection, error) {
	all, err := list(ctx, s.tx, "find a collection", scanCollection, selectCollection+"WHERE id = $1", id)
	if err != nil || len(all) == 0 {
		return record.Collection{}, orMissing(err, "there is no collection number %d", id)
	}
	return all[0], nil
}

// orMissing returns err, or that something does not exist.
func orMissing(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return fault.New(fault.NotFound, format, args...)
}

// List implements record.Collections.
func (s collections) List(ctx context.Context, after string, limit int) ([]record.Collection, error) {
	if !storable(after) {
		return nil, badCursor()
	}
	return list(ctx, s.tx, "list collections", scanCollection,
		selectCollection+"WHERE name > $1 ORDER BY name LIMIT $2", after, unlimited(limit))
}

// badCursor refuses a place in a list that no row can have.
func badCursor() error { return fault.Field("cursor", "is none that was handed out") }

// lock holds a collection's row until the end of the transaction.
const lockCollection = "SELECT FROM collections WHERE id = $1 FOR NO KEY UPDATE"

// lock is lockCollection, and whether there is such a collection.
func (t *tx) lock(ctx context.Context, doing string, id record.CollectionID) error {
	found, err := t.get(ctx, doing, nil, lockCollection, id)
	if err != nil || !found {
		return orMissing(err, "there is no collection number %d", id)
	}
	return nil
}

// Drop implements record.Collections. What a transaction that is under way
// may still add to comes after what that transaction holds.
func (s collections) Drop(ctx context.Context, id record.CollectionID) error {
	const doing = "drop a collection"
	found, err := s.get(ctx, doing, nil, "SELECT FROM collections WHERE id = $1 FOR UPDATE", id)
	if err != nil || !found {
		return orMissing(err, "there is no collection number %d", id)
	}
	var p pipeline
	for _, statement := range []string{
		"DELETE FROM staged s USING leases l WHERE l.collection = $1 AND s.epoch = l.epoch",
		"DELETE FROM leases WHERE collection = $1",
		"DELETE FROM changes WHERE collection = $1",
		"DELETE FROM record_versions v USING records r WHERE r.collection = $1 AND v.ref = r.ref",
		"DELETE FROM records WHERE collection = $1",
		"DELETE FROM passages p USING generations g WHERE g.collection = $1 AND p.generation = g.id",
		fmt.Sprintf("DELETE FROM counts c USING generations g WHERE g.collection = $1 AND c.kind IN (%d, %d) AND c.of = g.id", pendingChanges, livePassages),
		"DELETE FROM generations WHERE collection = $1",
		"DELETE FROM dead_letters WHERE collection = $1",
		"DELETE FROM attempts a USING runs r WHERE r.collection = $1 AND a.run = r.id",
		"DELETE FROM steps s USING runs r WHERE r.collection = $1 AND s.run = r.id",
		"DELETE FROM runs WHERE collection = $1",
		"DELETE FROM collections WHERE id = $1",
	} {
		p.do(statement, id)
	}
	return s.send(ctx, doing, &p)
}

// AddGeneration implements record.Collections.
func (s collections) AddGeneration(ctx context.Context, g record.Generation) (record.Generation, error) {
	const doing = "add a generation"
	if err := s.lock(ctx, doing, g.Collection); err != nil {
		return record.Generation{}, err
	}
	parts, err := g.Encode()
	if err != nil {
		return record.Generation{}, fmt.Errorf("add a generation: %w", err)
	}
	if g.CreatedAt.IsZero() {
		g.CreatedAt = time.Now()
	}
	g.CreatedAt = moment(micros(g.CreatedAt))
	if g.State == record.Active {
		if err := s.standDown(ctx, g.Collection); err != nil {
			return record.Generation{}, err
		}
	}
	_, err = s.get(ctx, doing, []any{&g.ID},
		`INSERT INTO generations (collection, state, model, space, dimensions, recipe, policy, chunking, created_at, content, rules, declaration)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`,
		g.Collection, g.State, g.Model, g.Space[:], g.Dimensions, g.Recipe[:], g.Policy.Name, string(parts.Chunking),
		micros(g.CreatedAt), string(parts.Content), string(parts.Policy), string(parts.Declaration))
	return g, err
}

// Generations implements record.Collections.
func (s collections) Generations(ctx context.Context, id record.CollectionID) ([]record.Generation, error) {
	return list(ctx, s.tx, "list generations", func(r pgx.Rows, g *record.Generation) error {
		var p record.GenerationParts
		var created int64
		if err := r.Scan(&g.ID, &g.Collection, &g.State, &g.Model, scanDigest{&g.Space}, &g.Dimensions,
			scanDigest{&g.Recipe}, &g.Policy.Name, &p.Chunking, &created, &p.Content, &p.Policy, &p.Declaration); err != nil {
			return err
		}
		g.CreatedAt = moment(created)
		return g.Decode(p)
	}, `SELECT id, collection, state, model, space, dimensions, recipe, policy, chunking, created_at, content, rules, declaration
		FROM generations WHERE collection = $1 ORDER BY id DESC`, id)
}

// SetState implements record.Collections.
func (s collections) SetState(ctx context.Context, id record.GenerationID, state record.GenerationState) error {
	const doing = "move a generation"
	var of record.CollectionID
	found, err := s.get(ctx, doing, []any{&of}, "SELECT collection FROM generations WHERE id = $1", id)
	if err != nil || !found {
		return orMissing(err, "there is no generation %d", id)
	}
	if err := s.lock(ctx, doing, of); err != nil {
		return err
	}
	if state == record.Active {
		if err := s.standDown(ctx, of); err != nil {
			return err
		}
	}
	n, err := s.exec(ctx, doing, "UPDATE generations SET state = $1 WHERE id = $2", state, id)
	if err != nil || n == 0 {
		return orMissing(err, "there is no generation %d", id)
	}
	if state != record.Retired {
		return nil
	}
	var p pipeline
	p.do("SELECT FROM leases WHERE generation = $1 ORDER BY epoch FOR UPDATE", id)
	p.do("DELETE FROM staged s USING leases l WHERE l.generation = $1 AND s.epoch = l.epoch", id)
	p.do("DELETE FROM leases WHERE generation = $1", id)
	p.do("DELETE FROM changes WHERE generation = $1", id)
	p.do(fmt.Sprintf("DELETE FROM counts WHERE kind = %d AND of = $1", pendingChanges), id)
	p.do("UPDATE dead_letters SET resolved_at = $2 WHERE generation = $1 AND collection = $3 AND resolved_at IS NULL",
		id, time.Now().UnixMicro(), of)
	return s.send(ctx, doing, &p)
}

// standDown puts the active generation of a collection on standby.
func (s collections) standDown(ctx context.Context, of record.CollectionID) error {
	_, err := s.exec(ctx, "move a generation",
		"UPDATE generations SET state = 'standby' WHERE collection = $1 AND state = 'active'", of)
	return err
}
