package postgres

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
)

type vault struct{ *tx }

// PutKeys implements gate.VaultStore. Rows are stored in one order, so that
// two transactions wait for one another and never both.
func (s vault) PutKeys(ctx context.Context, keys []gate.VaultKey) error {
	keys = slices.SortedFunc(slices.Values(keys), func(a, b gate.VaultKey) int { return strings.Compare(string(a.Subject[:]), string(b.Subject[:])) })
	var p pipeline
	for _, k := range keys {
		p.do("INSERT INTO vault_keys VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", k.Subject[:], int64(k.Master), k.Wrapped)
	}
	return s.send(ctx, "store vault keys", &p)
}

func scanVaultKey(r pgx.Rows, k *gate.VaultKey) error {
	var master int64
	err := r.Scan(scanDigest{&k.Subject}, &master, &k.Wrapped)
	k.Master = uint32(master) //nolint:gosec // stored from one
	return err
}

// Keys implements gate.VaultStore.
func (s vault) Keys(ctx context.Context, subjects []digest.Digest) (map[digest.Digest]gate.VaultKey, error) {
	found, err := list(ctx, s.tx, "read vault keys", scanVaultKey,
		"SELECT subject, master, wrapped FROM vault_keys WHERE subject = ANY ($1)", blobs(subjects))
	out := make(map[digest.Digest]gate.VaultKey, len(found))
	for _, k := range found {
		out[k.Subject] = k
	}
	return out, err
}

// Put implements gate.VaultStore.
func (s vault) Put(ctx context.Context, entries []gate.VaultEntry) error {
	entries = slices.SortedFunc(slices.Values(entries), func(a, b gate.VaultEntry) int {
		return strings.Compare(a.Token+string(a.Subject[:]), b.Token+string(b.Subject[:]))
	})
	var p pipeline
	for _, e := range entries {
		p.do("INSERT INTO vault VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", e.Token, e.Subject[:], e.Sealed)
	}
	return s.send(ctx, "store in the vault", &p)
}

// Find implements gate.VaultStore.
func (s vault) Find(ctx context.Context, tokens []string) ([]gate.VaultEntry, error) {
	return list(ctx, s.tx, "read the vault", func(r pgx.Rows, e *gate.VaultEntry) error {
		return r.Scan(&e.Token, scanDigest{&e.Subject}, &e.Sealed)
	}, `SELECT DISTINCT ON (v.token) v.token, v.subject, v.sealed FROM vault v JOIN vault_keys k USING (subject)
		WHERE v.token = ANY ($1) ORDER BY v.token, v.subject`, tokens)
}

// Behind implements gate.VaultStore.
func (s vault) Behind(ctx context.Context, master uint32, limit int) ([]gate.VaultKey, error) {
	return list(ctx, s.tx, "read vault keys", scanVaultKey,
		"SELECT subject, master, wrapped FROM vault_keys WHERE master < $1 OR master > $1 ORDER BY subject LIMIT $2", int64(master), unlimited(limit))
}

// Rewrap implements gate.VaultStore.
func (s vault) Rewrap(ctx context.Context, keys []gate.VaultKey) error {
	var p pipeline
	for _, k := range keys {
		p.do("UPDATE vault_keys SET master = $1, wrapped = $2 WHERE subject = $3", int64(k.Master), k.Wrapped, k.Subject[:])
	}
	return s.send(ctx, "store vault keys", &p)
}

// Forget implements gate.VaultStore.
func (s vault) Forget(ctx context.Context, subject digest.Digest) (int64, error) {
	if _, err := s.exec(ctx, "forget a subject", "DELETE FROM vault_keys WHERE subject = $1", subject[:]); err != nil {
		return 0, err
	}
	return s.exec(ctx, "forget a subject", "DELETE FROM vault WHERE subject = $1", subject[:])
}

// Use implements gate.VaultStore.
func (s vault) Use(ctx context.Context) (gate.VaultUse, error) {
	out := gate.VaultUse{Keys: map[uint32]int64{}}
	err := s.each(ctx, "count vault keys", func(r pgx.Rows) error {
		var master, n int64
		err := r.Scan(&master, &n)
		out.Keys[uint32(master)] = n //nolint:gosec // stored from one
		return err
	}, "SELECT master, count(*) FROM vault_keys GROUP BY master")
	if err != nil {
		return out, err
	}
	_, err = s.get(ctx, "count the vault", []any{&out.Entries}, "SELECT count(*) FROM vault")
	return out, err
}
