package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

type collections struct{ *tx }

const selectCollection = `SELECT id, name, declaration, created_at, updated_at, (SELECT json_group_array(j.value)
	FROM generations g, json_each(g.content) j WHERE g.collection = collections.id AND g.state <> 'retired') FROM collections `

func scanCollection(r *sql.Rows, c *record.Collection) error {
	var declaration, embedded []byte
	var created, updated int64
	if err := r.Scan(&c.ID, &c.Name, &declaration, &created, &updated, &embedded); err != nil {
		return err
	}
	c.CreatedAt, c.UpdatedAt = moment(created), moment(updated)
	if err := json.Unmarshal(embedded, &c.Embedded); err != nil {
		return err
	}
	slices.Sort(c.Embedded)
	c.Embedded = slices.Compact(c.Embedded)
	return json.Unmarshal(declaration, &c.Declaration)
}

// Put implements record.Collections.
func (s collections) Put(ctx context.Context, d record.Declaration) (record.Collection, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return record.Collection{}, fmt.Errorf("declare a collection: %w", err)
	}
	now := time.Now().UnixMicro()
	if _, err := s.exec(ctx, "declare a collection",
		`INSERT INTO collections (name, declaration, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)
		ON CONFLICT (name) DO UPDATE SET declaration = ?2, updated_at = ?3 WHERE declaration <> ?2`,
		d.Collection, string(text), now); err != nil {
		return record.Collection{}, err
	}
	return s.Get(ctx, d.Collection)
}

// Get implements record.Collections.
func (s collections) Get(ctx context.Context, name string) (record.Collection, error) {
	all, err := list(ctx, s.tx, "find a collection", scanCollection, selectCollection+"WHERE name = ?", name)
	if err != nil || len(all) == 0 {
		return record.Collection{}, orMissing(err, "there is no collection %q", name)
	}
	return all[0], nil
}

// Find implements record.Collections.
func (s collections) Find(ctx context.Context, id record.CollectionID) (record.Collection, error) {
	all, err := list(ctx, s.tx, "find a collection", scanCollection, selectCollection+"WHERE id = ?", id)
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
	return list(ctx, s.tx, "list collections", scanCollection,
		selectCollection+"WHERE name > ? ORDER BY name LIMIT ?", after, unlimited(limit))
}

// Drop implements record.Collections.
func (s collections) Drop(ctx context.Context, id record.CollectionID) error {
	for _, statement := range []string{
		"DELETE FROM staged WHERE epoch IN (SELECT epoch FROM leases WHERE collection = ?1)",
		"DELETE FROM record_versions WHERE ref IN (SELECT ref FROM records WHERE collection = ?1)",
		"DELETE FROM changes WHERE collection = ?1",
		"DELETE FROM leases WHERE collection = ?1",
		"DELETE FROM passages WHERE generation IN (SELECT id FROM generations WHERE collection = ?1)",
		"DELETE FROM generations WHERE collection = ?1",
		"DELETE FROM dead_letters WHERE collection = ?1",
		"DELETE FROM attempts WHERE run IN (SELECT id FROM runs WHERE collection = ?1)",
		"DELETE FROM steps WHERE run IN (SELECT id FROM runs WHERE collection = ?1)",
		"DELETE FROM runs WHERE collection = ?1",
		"DELETE FROM records WHERE collection = ?1",
	} {
		if _, err := s.exec(ctx, "drop a collection", statement, id); err != nil {
			return err
		}
	}
	n, err := s.exec(ctx, "drop a collection", "DELETE FROM collections WHERE id = ?1", id)
	if err != nil || n == 0 {
		return orMissing(err, "there is no collection number %d", id)
	}
	return nil
}

// AddGeneration implements record.Collections.
func (s collections) AddGeneration(ctx context.Context, g record.Generation) (record.Generation, error) {
	if _, err := s.Find(ctx, g.Collection); err != nil {
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
	_, err = s.get(ctx, "add a generation", []any{&g.ID},
		`INSERT INTO generations (collection, state, model, space, dimensions, recipe, policy, chunking, created_at, content, rules, declaration)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		g.Collection, g.State, g.Model, g.Space[:], g.Dimensions, g.Recipe[:], g.Policy.Name, string(parts.Chunking), micros(g.CreatedAt),
		string(parts.Content), string(parts.Policy), string(parts.Declaration))
	return g, err
}

// Generations implements record.Collections.
func (s collections) Generations(ctx context.Context, id record.CollectionID) ([]record.Generation, error) {
	return list(ctx, s.tx, "list generations", func(r *sql.Rows, g *record.Generation) error {
		var p record.GenerationParts
		var created int64
		if err := r.Scan(&g.ID, &g.Collection, &g.State, &g.Model, scanDigest{&g.Space}, &g.Dimensions,
			scanDigest{&g.Recipe}, &g.Policy.Name, &p.Chunking, &created, &p.Content, &p.Policy, &p.Declaration); err != nil {
			return err
		}
		g.CreatedAt = moment(created)
		return g.Decode(p)
	}, `SELECT id, collection, state, model, space, dimensions, recipe, policy, chunking, created_at, content, rules, declaration
		FROM generations WHERE collection = ? ORDER BY id DESC`, id)
}

// SetState implements record.Collections.
func (s collections) SetState(ctx context.Context, id record.GenerationID, state record.GenerationState) error {
	var of record.CollectionID
	found, err := s.get(ctx, "find a generation", []any{&of}, "SELECT collection FROM generations WHERE id = ?", id)
	if err != nil || !found {
		return orMissing(err, "there is no generation %d", id)
	}
	if state == record.Active {
		if err := s.standDown(ctx, of); err != nil {
			return err
		}
	}
	const doing = "move a generation"
	if _, err := s.exec(ctx, doing, "UPDATE generations SET state = ? WHERE id = ?", state, id); err != nil || state != record.Retired {
		return err
	}
	for _, statement := range []string{
		"DELETE FROM staged WHERE epoch IN (SELECT epoch FROM leases WHERE generation = ?1)",
		"DELETE FROM leases WHERE generation = ?1",
		"DELETE FROM changes WHERE generation = ?1",
		"UPDATE generations SET pending = 0 WHERE id = ?1",
	} {
		if _, err := s.exec(ctx, doing, statement, id); err != nil {
			return err
		}
	}
	_, err = s.exec(ctx, doing, "UPDATE dead_letters SET resolved_at = ? WHERE generation = ? AND collection = ? AND resolved_at IS NULL",
		time.Now().UnixMicro(), id, of)
	return err
}

// standDown puts the active generation of a collection on standby.
func (s collections) standDown(ctx context.Context, of record.CollectionID) error {
	_, err := s.exec(ctx, "move a generation",
		"UPDATE generations SET state = 'standby' WHERE collection = ? AND state = 'active'", of)
	return err
}
