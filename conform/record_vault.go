package conform

import (
	"context"
	"fmt"
	"strings"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

func subjectOf(n int) digest.Digest { return digest.Of("subject", fmt.Sprint(n)) }

func (b *recordBox) vaultKeys(keys ...gate.VaultKey) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vault().PutKeys(ctx, keys) })
}

func (b *recordBox) vaultPut(entries ...gate.VaultEntry) {
	b.Helper()
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vault().Put(ctx, entries) })
}

func (b *recordBox) vaultFind(tokens ...string) string {
	b.Helper()
	var out strings.Builder
	b.view(func(ctx context.Context, tx record.Tx) error {
		found, err := tx.Vault().Find(ctx, tokens)
		for _, e := range found {
			fmt.Fprintf(&out, "%s=%s ", e.Token, e.Sealed)
		}
		return err
	})
	return out.String()
}

var vaultCases = map[string]func(*recordBox){
	"a subject keeps its key": func(b *recordBox) {
		b.vaultKeys(gate.VaultKey{Subject: subjectOf(1), Master: 7, Wrapped: []byte("a")}, gate.VaultKey{Subject: subjectOf(2), Master: 1<<32 - 1, Wrapped: []byte("b")})
		b.vaultKeys(gate.VaultKey{Subject: subjectOf(1), Master: 8, Wrapped: []byte("c")})
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Vault().Keys(ctx, []digest.Digest{subjectOf(1), subjectOf(2), subjectOf(3)})
			b.equal("keys", len(got), 2)
			b.equal("first", fmt.Sprintf("%d %s", got[subjectOf(1)].Master, got[subjectOf(1)].Wrapped), "7 a")
			b.equal("master", got[subjectOf(2)].Master, uint32(1<<32-1))
			return err
		})
	},
	"an entry is found while its subject has a key": func(b *recordBox) {
		b.vaultKeys(gate.VaultKey{Subject: subjectOf(1), Master: 7, Wrapped: []byte("a")}, gate.VaultKey{Subject: subjectOf(2), Master: 7, Wrapped: []byte("b")})
		b.vaultPut(
			gate.VaultEntry{Token: "x", Subject: subjectOf(1), Sealed: []byte("1")},
			gate.VaultEntry{Token: "y", Subject: subjectOf(1), Sealed: []byte("2")},
			gate.VaultEntry{Token: "y", Subject: subjectOf(2), Sealed: []byte("2")},
			gate.VaultEntry{Token: "z", Subject: subjectOf(3), Sealed: []byte("3")},
		)
		b.vaultPut(gate.VaultEntry{Token: "x", Subject: subjectOf(1), Sealed: []byte("other")})
		b.equal("found", b.vaultFind("z", "y", "x", "none"), "x=1 y=2 ")
		b.update(func(ctx context.Context, tx record.Tx) error {
			n, err := tx.Vault().Forget(ctx, subjectOf(1))
			b.equal("forgotten", n, 2)
			return err
		})
		b.equal("left", b.vaultFind("x", "y", "z"), "y=2 ")
		b.equal("nothing asked", b.vaultFind(), "")
	},
	"keys move to another master": func(b *recordBox) {
		for n := range 5 {
			b.vaultKeys(gate.VaultKey{Subject: subjectOf(n), Master: uint32(7 + n%2), Wrapped: []byte("a")})
		}
		b.update(func(ctx context.Context, tx record.Tx) error {
			behind, err := tx.Vault().Behind(ctx, 8, 2)
			if err != nil {
				return err
			}
			b.equal("at most the limit", len(behind), 2)
			for i := range behind {
				behind[i].Master, behind[i].Wrapped = 8, []byte("b")
			}
			behind = append(behind, gate.VaultKey{Subject: subjectOf(99), Master: 8, Wrapped: []byte("c")}) // forgotten meanwhile
			return tx.Vault().Rewrap(ctx, behind)
		})
		b.view(func(ctx context.Context, tx record.Tx) error {
			use, err := tx.Vault().Use(ctx)
			b.equal("use", fmt.Sprint(use.Keys, use.Entries), "map[7:1 8:4] 0")
			return err
		})
	},
}
