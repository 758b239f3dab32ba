package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/holdfast/holdfast/fault"
)

// Wrapper encrypts a keyring's file, as a key management service does.
// *secrets.Keeper of gocloud.dev is one.
type Wrapper interface {
	Encrypt(ctx context.Context, plaintext []byte) ([]byte, error)
	Decrypt(ctx context.Context, ciphertext []byte) ([]byte, error)
}

// KeyringConfig says where the vault's master keys are.
type KeyringConfig struct {
	// Path is the file of the keys, made if it is not there, mode 0600.
	Path string
	// Wrap encrypts the file; nil leaves it to the file's mode.
	Wrap Wrapper
}

// Keyring holds the vault's master keys: one that is used, and older ones
// that still open what they closed. It is safe for concurrent use; processes
// that share the file learn of each other's new keys when they need them.
type Keyring struct {
	cfg KeyringConfig

	mu     sync.Mutex
	handle *keyset.Handle
	aead   tink.AEAD
}

// keyringFile is the file's content.
type keyringFile struct {
	Wrapped bool   `json:"wrapped"` // encrypted by a Wrapper
	Keyset  []byte `json:"keyset"`  // Tink's binary form
}

// OpenKeyring reads the keys, or makes a first one.
func OpenKeyring(ctx context.Context, cfg KeyringConfig) (*Keyring, error) {
	k := &Keyring{cfg: cfg}
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.read(ctx)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make vault key: %w", err)
	}
	return k, k.write(ctx, handle)
}

func (k *Keyring) read(ctx context.Context) error {
	data, err := os.ReadFile(k.cfg.Path)
	if err != nil {
		return fault.New(fault.Unavailable, "read vault keys: %w", err)
	}
	var file keyringFile
	if err := json.Unmarshal(data, &file); err != nil {
		return fault.New(fault.Invalid, "%s does not hold vault keys; restore it from a backup", k.cfg.Path)
	}
	switch {
	case file.Wrapped && k.cfg.Wrap == nil:
		return fault.New(fault.Invalid, "%s is encrypted; say with which key under `vault:`", k.cfg.Path)
	case file.Wrapped:
		if file.Keyset, err = k.cfg.Wrap.Decrypt(ctx, file.Keyset); err != nil {
			return fault.New(fault.Unavailable, "decrypt vault keys: %w", err)
		}
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(file.Keyset)))
	if err != nil {
		return fault.New(fault.Invalid, "%s does not hold vault keys; restore it from a backup", k.cfg.Path)
	}
	return k.use(handle)
}

func (k *Keyring) use(handle *keyset.Handle) error {
	a, err := aead.New(handle)
	if err != nil {
		return fmt.Errorf("use vault keys: %w", err)
	}
	k.handle, k.aead = handle, a
	return nil
}

// write makes keys durable before anything is encrypted with them.
func (k *Keyring) write(ctx context.Context, handle *keyset.Handle) error {
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewBinaryWriter(&buf)); err != nil {
		return fmt.Errorf("encode vault keys: %w", err)
	}
	file := keyringFile{Keyset: buf.Bytes()}
	if k.cfg.Wrap != nil {
		sealed, err := k.cfg.Wrap.Encrypt(ctx, file.Keyset)
		if err != nil {
			return fault.New(fault.Unavailable, "encrypt vault keys: %w", err)
		}
		file = keyringFile{Wrapped: true, Keyset: sealed}
	}
	data, err := json.Marshal(file)
	if err != nil {
		return fmt.Errorf("encode vault keys: %w", err)
	}
	if err := replaceFile(k.cfg.Path, data); err != nil {
		return fault.New(fault.Unavailable, "write vault keys: %w", err)
	}
	return k.use(handle)
}

// replaceFile leaves the old content or the new one, whatever happens.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data) // CreateTemp gives mode 0600
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil // the file is there; what cannot be opened cannot be synced
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Rotate adds a key and uses it from now on. Older keys stay.
func (k *Keyring) Rotate(ctx context.Context) (uint32, error) {
	return k.change(ctx, func(m *keyset.Manager) (uint32, error) {
		id, err := m.Add(aead.AES256GCMKeyTemplate())
		if err != nil {
			return 0, err
		}
		return id, m.SetPrimary(id)
	})
}

// Retire deletes a key for good. The caller knows that nothing needs it.
func (k *Keyring) Retire(ctx context.Context, id uint32) error {
	_, err := k.change(ctx, func(m *keyset.Manager) (uint32, error) { return id, m.Delete(id) })
	return err
}

func (k *Keyring) change(ctx context.Context, do func(*keyset.Manager) (uint32, error)) (uint32, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.read(ctx); err != nil { // another process may have changed it
		return 0, err
	}
	m := keyset.NewManagerFromHandle(k.handle)
	id, err := do(m)
	if err != nil {
		return 0, fault.New(fault.Invalid, "change vault keys: %w", err)
	}
	handle, err := m.Handle()
	if err != nil {
		return 0, fmt.Errorf("change vault keys: %w", err)
	}
	return id, k.write(ctx, handle)
}

// Keys lists the ids of the keys, the one in use first.
func (k *Keyring) Keys() []uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	info := k.handle.KeysetInfo()
	out := []uint32{info.GetPrimaryKeyId()}
	for _, one := range info.GetKeyInfo() {
		if one.GetKeyId() != out[0] {
			out = append(out, one.GetKeyId())
		}
	}
	return out
}

// wrap encrypts a data key under the key in use, and says which that is.
func (k *Keyring) wrap(key, bound []byte) (uint32, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	out, err := k.aead.Encrypt(key, bound)
	return k.handle.KeysetInfo().GetPrimaryKeyId(), out, err
}

// unwrap decrypts a data key under the master key with an id. One that is not
// known may be another process's.
func (k *Keyring) unwrap(ctx context.Context, id uint32, wrapped, bound []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.has(id) {
		if err := k.read(ctx); err != nil {
			return nil, err
		}
		if !k.has(id) {
			return nil, fault.New(fault.Internal, "vault key %08x is missing; restore %s from a backup", id, k.cfg.Path)
		}
	}
	key, err := k.aead.Decrypt(wrapped, bound)
	if err != nil {
		return nil, fault.New(fault.Internal, "a data key of the vault was changed, or is of another keyring")
	}
	return key, nil
}

func (k *Keyring) has(id uint32) bool {
	for _, one := range k.handle.KeysetInfo().GetKeyInfo() {
		if one.GetKeyId() == id {
			return true
		}
	}
	return false
}
