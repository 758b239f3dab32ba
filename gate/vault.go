package gate

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// VaultKey is the data key of one subject, wrapped by a master key.
type VaultKey struct {
	Subject digest.Digest // keyed: it tells nothing to whom lacks the gate's key
	Master  uint32
	Wrapped []byte
}

// VaultEntry is what a pseudonym stands for in texts about one subject,
// encrypted with the subject's data key.
type VaultEntry struct {
	Token   string
	Subject digest.Digest
	Sealed  []byte
}

// VaultUse counts what the vault holds: data keys by master key, and entries.
type VaultUse struct {
	Keys    map[uint32]int64
	Entries int64
}

// VaultStore keeps the vault's rows, in a transaction. Record stores
// implement it.
type VaultStore interface {
	// PutKeys stores keys; a subject that has one keeps it.
	PutKeys(ctx context.Context, keys []VaultKey) error
	// Keys finds keys by subject; missing ones are left out.
	Keys(ctx context.Context, subjects []digest.Digest) (map[digest.Digest]VaultKey, error)
	// Put stores entries; one of the same token and subject stays as it is.
	Put(ctx context.Context, entries []VaultEntry) error
	// Find returns for each token an entry whose subject has a key; tokens
	// that have none are left out.
	Find(ctx context.Context, tokens []string) ([]VaultEntry, error)
	// Behind returns up to limit keys that another master key has wrapped.
	Behind(ctx context.Context, master uint32, limit int) ([]VaultKey, error)
	// Rewrap replaces the wrapping of keys that are still there.
	Rewrap(ctx context.Context, keys []VaultKey) error
	// Forget deletes a subject's key and entries, and says how many entries.
	Forget(ctx context.Context, subject digest.Digest) (int64, error)
	// Use counts.
	Use(ctx context.Context) (VaultUse, error)
}

// Vault keeps what restorable pseudonyms stand for. Every subject has a data
// key of its own, so that forgetting the key forgets the subject, in backups
// too. What is about no declared subject shares one.
type Vault struct {
	gate *Gate
	keys *Keyring
}

// NewVault makes the vault of a gate.
func NewVault(g *Gate, keys *Keyring) *Vault { return &Vault{g, keys} }

// subject is the opaque name of a subject.
func (v *Vault) subject(name string) digest.Digest {
	var sum [macSize]byte
	v.gate.pseudonyms.mac(sum[:0], []byte("subject\x00"+name))
	return digest.Of("subject", string(sum[:]))
}

// dataKeySize is that of AES-256.
const dataKeySize = 32

// Keep stores secrets, encrypted. The caller's transaction also holds the
// text that they were taken from.
func (v *Vault) Keep(ctx context.Context, store VaultStore, secrets []Secret) error {
	if len(secrets) == 0 {
		return nil
	}
	var subjects []digest.Digest
	seen := map[digest.Digest]bool{}
	of := make([]digest.Digest, len(secrets))
	for i, s := range secrets {
		if of[i] = v.subject(s.subject); !seen[of[i]] {
			seen[of[i]] = true
			subjects = append(subjects, of[i])
		}
	}
	keys, err := v.dataKeys(ctx, store, subjects)
	if err != nil {
		return err
	}
	var entries []VaultEntry
	done := map[string]bool{}
	for i, s := range secrets {
		if id := s.Token + string(of[i][:]); !done[id] {
			done[id] = true
			sealed, err := keys[of[i]].Encrypt([]byte(s.value), []byte(s.Token))
			if err != nil {
				return fmt.Errorf("encrypt for the vault: %w", err)
			}
			entries = append(entries, VaultEntry{s.Token, of[i], sealed})
		}
	}
	return store.Put(ctx, entries)
}

// dataKeys opens the keys of subjects, and makes those that are missing.
func (v *Vault) dataKeys(ctx context.Context, store VaultStore, subjects []digest.Digest) (map[digest.Digest]*subtle.AESGCM, error) {
	stored, err := store.Keys(ctx, subjects)
	if err != nil {
		return nil, err
	}
	var made []VaultKey
	for _, s := range subjects {
		if _, ok := stored[s]; ok {
			continue
		}
		key := make([]byte, dataKeySize)
		_, _ = rand.Read(key) // never fails
		master, wrapped, err := v.keys.wrap(key, s[:])
		if err != nil {
			return nil, fmt.Errorf("wrap data key: %w", err)
		}
		made = append(made, VaultKey{s, master, wrapped})
	}
	if len(made) > 0 {
		if err := store.PutKeys(ctx, made); err != nil {
			return nil, err
		}
		// Somebody else may have been first: what is stored counts.
		if stored, err = store.Keys(ctx, subjects); err != nil {
			return nil, err
		}
	}
	out := make(map[digest.Digest]*subtle.AESGCM, len(stored))
	for s, k := range stored {
		if out[s], err = v.open(ctx, k); err != nil {
			return nil, err
		}
	}
	for _, s := range subjects {
		if out[s] == nil {
			return nil, fault.New(fault.Unavailable, "a data key of the vault was forgotten meanwhile")
		}
	}
	return out, nil
}

func (v *Vault) open(ctx context.Context, k VaultKey) (*subtle.AESGCM, error) {
	key, err := v.keys.unwrap(ctx, k.Master, k.Wrapped, k.Subject[:])
	if err != nil {
		return nil, err
	}
	a, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("use data key: %w", err)
	}
	return a, nil
}

// Restored is a text with its tokens turned back. It is raw again.
type Restored struct {
	Text     Raw
	Restored int // tokens
	Unknown  int // tokens that nothing is known of, or whose subject is forgotten
}

// Disclose returns the text itself, for the caller who was allowed to have
// it. The import test lists who may call it.
func (r Restored) Disclose() string { return r.Text.Reveal() }

// Restore turns the tokens in a text back into what they stand for: those
// that the vault knows, and those that the gate's key opens in one of the
// domains. The caller has asked whether it may.
func (v *Vault) Restore(ctx context.Context, store VaultStore, domains []string, text string) (Restored, error) {
	tokens := FindTokens(text)
	var wanted []string
	for _, t := range tokens {
		if !t.Encrypted {
			wanted = append(wanted, text[t.Start:t.End])
		}
	}
	values, err := v.find(ctx, store, wanted)
	if err != nil {
		return Restored{}, err
	}
	return v.gate.restore(text, tokens, domains, values), nil
}

// Decrypt turns the encrypted values in a text back; it needs no vault.
func (g *Gate) Decrypt(domains []string, text string) Restored {
	return g.restore(text, FindTokens(text), domains, nil)
}

func (g *Gate) restore(text string, tokens []Token, domains []string, values map[string]string) Restored {
	var b strings.Builder
	out := Restored{}
	at := 0
	for _, t := range tokens {
		token := text[t.Start:t.End]
		value, ok := values[token]
		for i := 0; t.Encrypted && !ok && i < len(domains); i++ {
			value, ok = g.decrypt(domains[i], token, t.Entity)
		}
		if !ok {
			out.Unknown++
			continue
		}
		b.WriteString(text[at:t.Start])
		b.WriteString(value)
		at = t.End
		out.Restored++
	}
	b.WriteString(text[at:])
	out.Text = NewRaw(b.String())
	return out
}

// find reads what tokens stand for.
func (v *Vault) find(ctx context.Context, store VaultStore, tokens []string) (map[string]string, error) {
	if len(tokens) == 0 {
		return nil, nil
	}
	entries, err := store.Find(ctx, tokens)
	if err != nil {
		return nil, err
	}
	var subjects []digest.Digest
	for _, e := range entries {
		subjects = append(subjects, e.Subject)
	}
	keys, err := store.Keys(ctx, subjects)
	if err != nil {
		return nil, err
	}
	open := map[digest.Digest]*subtle.AESGCM{}
	out := make(map[string]string, len(entries))
	for _, e := range entries {
		if open[e.Subject] == nil {
			if open[e.Subject], err = v.open(ctx, keys[e.Subject]); err != nil {
				return nil, err
			}
		}
		value, err := open[e.Subject].Decrypt(e.Sealed, []byte(e.Token))
		if err != nil {
			return nil, fault.New(fault.Internal, "an entry of the vault was changed")
		}
		out[e.Token] = string(value)
	}
	return out, nil
}

// Rewrap wraps up to limit data keys anew under the master key in use, and
// says how many there were. None means that older master keys are no longer
// needed.
func (v *Vault) Rewrap(ctx context.Context, store VaultStore, limit int) (int, error) {
	behind, err := store.Behind(ctx, v.keys.Keys()[0], limit)
	if err != nil || len(behind) == 0 {
		return 0, err
	}
	for i, k := range behind {
		key, err := v.keys.unwrap(ctx, k.Master, k.Wrapped, k.Subject[:])
		if err != nil {
			return 0, err
		}
		if behind[i].Master, behind[i].Wrapped, err = v.keys.wrap(key, k.Subject[:]); err != nil {
			return 0, fmt.Errorf("wrap data key: %w", err)
		}
	}
	return len(behind), store.Rewrap(ctx, behind)
}

// Forget deletes a subject's key and what it opens, and says how many entries
// those were.
func (v *Vault) Forget(ctx context.Context, store VaultStore, subject Raw) (int64, error) {
	if subject.Len() == 0 {
		return 0, fault.Field("subject", "is empty")
	}
	return store.Forget(ctx, v.subject(subject.Reveal()))
}

// Keyring is where the vault's master keys are.
func (v *Vault) Keyring() *Keyring { return v.keys }
