package holdfast

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// vaultResource is what restoring and keys are about, in access rules and in
// the audit trail.
const vaultResource = "vault"

// maxPurpose bounds a purpose, in bytes.
const maxPurpose = 500

// Restore turns the tokens in a text back into what they stand for, for
// somebody who may and says what for. Each call, allowed or not, is audited
// with its purpose before anything is restored.
func (a *App) Restore(ctx context.Context, who access.Principal, text, purpose string) (gate.Restored, error) {
	purpose = strings.Join(strings.Fields(purpose), " ")
	switch {
	case purpose == "":
		return gate.Restored{}, fault.Field("purpose", "say what the values are needed for; it is audited")
	case len(purpose) > maxPurpose:
		return gate.Restored{}, fault.Field("purpose", "has %d bytes; at most %d are allowed", len(purpose), maxPurpose)
	}
	d := a.access.Decide(ctx, who, access.Restore, vaultResource)
	// Whoever states a purpose may name a person in it: it passes the gate.
	policy := gate.DefaultPolicy()
	stated := a.parts.Gate.Clean(ctx, &policy, []gate.Raw{gate.NewRaw(purpose)})[0]
	if stated.Err != nil {
		return gate.Restored{}, stated.Err
	}
	err := a.auditing.now(ctx, record.AuditEntry{
		At: time.Now(), Principal: who.Name, Action: string(access.Restore), Resource: vaultResource, Allowed: d.Allowed,
		Reason: d.Reason + "; purpose: " + stated.Clean.Display(),
	})
	if err != nil {
		return gate.Restored{}, err
	}
	if !d.Allowed {
		return gate.Restored{}, fault.New(fault.Denied, "%s", d.Reason)
	}
	if a.parts.Vault == nil {
		return a.parts.Gate.Decrypt(a.domains(), text), nil
	}
	var out gate.Restored
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		out, err = a.parts.Vault.Restore(ctx, tx.Vault(), a.domains(), text)
		return err
	})
	return out, err
}

// domains lists those of the policies, in order.
func (a *App) domains() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a.parts.Policies)) {
		if d := a.parts.Policies[name].Domain; !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

// MasterKey is a master key of the vault.
type MasterKey struct {
	ID       uint32 `json:"id"`
	InUse    bool   `json:"in_use"` // closes what is new; the others only open
	DataKeys int64  `json:"data_keys"`
}

// VaultKeys lists the vault's master keys, the one in use first, and says how
// many data keys each has wrapped.
func (a *App) VaultKeys(ctx context.Context) (keys []MasterKey, entries int64, err error) {
	vault, err := a.vault()
	if err != nil {
		return nil, 0, err
	}
	var use gate.VaultUse
	err = a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		use, err = tx.Vault().Use(ctx)
		return err
	})
	for i, id := range vault.Keyring().Keys() {
		keys = append(keys, MasterKey{ID: id, InUse: i == 0, DataKeys: use.Keys[id]})
	}
	return keys, use.Entries, err
}

func (a *App) vault() (*gate.Vault, error) {
	if a.parts.Vault == nil {
		return nil, fault.New(fault.NotFound, "there is no vault: no policy says `restore: true`")
	}
	return a.parts.Vault, nil
}

// RotateKeys makes a new master key, uses it from now on, and wraps all data
// keys anew under it, while everything goes on. What an interruption leaves
// is done at the next Run; until then the old key opens it.
func (a *App) RotateKeys(ctx context.Context) (id uint32, rewrapped int, err error) {
	vault, err := a.vault()
	if err != nil {
		return 0, 0, err
	}
	if id, err = vault.Keyring().Rotate(ctx); err != nil {
		return 0, 0, err
	}
	rewrapped, err = a.rewrap(ctx, vault)
	return id, rewrapped, err
}

// rewrap goes through the data keys, a page in each transaction.
func (a *App) rewrap(ctx context.Context, vault *gate.Vault) (total int, err error) {
	const page = 500
	for {
		n := 0
		err := a.parts.Records.Update(ctx, func(tx record.Tx) (err error) {
			n, err = vault.Rewrap(ctx, tx.Vault(), page)
			return err
		})
		if total += n; err != nil || n == 0 {
			return total, err
		}
	}
}

// rewrapLeft finishes a rotation that was interrupted.
func (a *App) rewrapLeft(ctx context.Context) {
	if a.parts.Vault == nil {
		return
	}
	if _, err := a.rewrap(ctx, a.parts.Vault); err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "wrap data keys anew", "error", err)
	}
}

// RetireKey deletes a master key that no data key needs any more.
func (a *App) RetireKey(ctx context.Context, id uint32) error {
	keys, _, err := a.VaultKeys(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(keys, func(k MasterKey) bool { return k.ID == id })
	switch {
	case at < 0:
		return fault.New(fault.NotFound, "there is no vault key %08x", id)
	case keys[at].InUse:
		return fault.New(fault.Conflict, "vault key %08x is in use; rotate first", id)
	case keys[at].DataKeys > 0:
		return fault.New(fault.Conflict, "vault key %08x still wraps %d data keys; rotate first", id, keys[at].DataKeys)
	}
	return a.parts.Vault.Keyring().Retire(ctx, id)
}

// ForgetSubject deletes a subject's key, and with it what pseudonyms stand
// for in texts about the subject: here, and in every backup of the vault.
func (a *App) ForgetSubject(ctx context.Context, subject gate.Raw) (entries int64, err error) {
	vault, err := a.vault()
	if err != nil {
		return 0, err
	}
	err = a.parts.Records.Update(ctx, func(tx record.Tx) (err error) {
		entries, err = vault.Forget(ctx, tx.Vault(), subject)
		return err
	})
	return entries, err
}
