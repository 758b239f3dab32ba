package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
)

type vault struct{ *tx }

// PutKeys implements gate.VaultStore.
func (s vault) PutKeys(ctx context.Context, keys []gate.VaultKey) error {
	for _, k := range keys {
		if _, err := s.exec(ctx, "store vault keys", "INSERT OR IGNORE INTO vault_keys VALUES (?, ?, ?)", k.Subject[:], k.Master, k.Wrapped); err != nil {
			return err
		}
	}
	return nil
}

func scanVaultKey(r *sql.Rows, k *gate.VaultKey) error {
	return r.Scan(scanDigest{&k.Subject}, &k.Master, &k.Wrapped)
}

// Keys implements gate.VaultStore.
func (s vault) Keys(ctx context.Context, subjects []digest.Digest) (map[digest.Digest]gate.VaultKey, error) {
	found, err := list(ctx, s.tx, "read vault keys", scanVaultKey,
		"SELECT subject, master, wrapped FROM vault_keys WHERE subject IN (SELECT unhex(value) FROM json_each(?))", jsonDigests(subjects))
	out := make(map[digest.Digest]gate.VaultKey, len(found))
	for _, k := range found {
		out[k.Subject] = k
	}
	return out, err
}

// Put implements gate.VaultStore.
func (s vault) Put(ctx context.Context, entries []gate.VaultEntry) error {
	for _, e := range entries {
		if _, err := s.exec(ctx, "store in the vault", "INSERT OR IGNORE INTO vault VALUES (?, ?, ?)", e.Token, e.Subject[:], e.Sealed); err != nil {
			return err
		}
	}
	return nil
}

// Find implements gate.VaultStore.
func (s vault) Find(ctx context.Context, tokens []string) ([]gate.VaultEntry, error) {
	asked, err := json.Marshal(tokens)
	if err != nil {
		return nil, fmt.Errorf("encode tokens: %w", err)
	}
	return list(ctx, s.tx, "read the vault", func(r *sql.Rows, e *gate.VaultEntry) error {
		return r.Scan(&e.Token, scanDigest{&e.Subject}, &e.Sealed)
	}, `SELECT v.token, min(v.subject), v.sealed FROM vault v JOIN vault_keys k USING (subject)
		WHERE v.token IN (SELECT value FROM json_each(?)) GROUP BY v.token ORDER BY v.token`, string(asked))
}

// Behind implements gate.VaultStore.
func (s vault) Behind(ctx context.Context, master uint32, limit int) ([]gate.VaultKey, error) {
	return list(ctx, s.tx, "read vault keys", scanVaultKey,
		"SELECT subject, master, wrapped FROM vault_keys WHERE master < ?1 OR master > ?1 LIMIT ?2", master, unlimited(limit))
}

// Rewrap implements gate.VaultStore.
func (s vault) Rewrap(ctx context.Context, keys []gate.VaultKey) error {
	for _, k := range keys {
		if _, err := s.exec(ctx, "store vault keys", "UPDATE vault_keys SET master = ?, wrapped = ? WHERE subject = ?", k.Master, k.Wrapped, k.Subject[:]); err != nil {
			return err
		}
	}
	return nil
}

// Forget implements gate.VaultStore.
func (s vault) Forget(ctx context.Context, subject digest.Digest) (int64, error) {
	if _, err := s.exec(ctx, "forget a subject", "DELETE FROM vault_keys WHERE subject = ?", subject[:]); err != nil {
		return 0, err
	}
	return s.exec(ctx, "forget a subject", "DELETE FROM vault WHERE subject = ?", subject[:])
}

// Use implements gate.VaultStore.
func (s vault) Use(ctx context.Context) (gate.VaultUse, error) {
	out := gate.VaultUse{Keys: map[uint32]int64{}}
	err := s.each(ctx, "count vault keys", func(r *sql.Rows) error {
		var master uint32
		var n int64
		err := r.Scan(&master, &n)
		out.Keys[master] = n
		return err
	}, "SELECT master, count(*) FROM vault_keys GROUP BY master")
	if err != nil {
		return out, err
	}
	_, err = s.get(ctx, "count the vault", []any{&out.Entries}, "SELECT count(*) FROM vault")
	return out, err
}
