package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
	"github.com/holdfast/holdfast/embedding/openai"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index/local"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/record/sqlite"
	"github.com/holdfast/holdfast/web"
)

// owner is the one process that may touch a data folder. It serves every
// other command that works on the folder.
type owner struct {
	app    *holdfast.App
	server *http.Server
	lock   *flock.Flock
	card   string // path of the file that tells where the owner listens
	stop   context.CancelFunc
	ended  chan error
	at     card
}

// card tells other commands how to reach the owner. Whoever can read it can
// read the data folder, so its token makes them the local admin.
type card struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	PID     int    `json:"pid"`
}

var errOwned = errors.New("the data folder is in use")

// own takes the data folder and starts working. It fails with errOwned if
// another process has it.
func (c *cli) own(ctx context.Context, listen string) (_ *owner, err error) {
	dir := c.config.Data
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "create data folder: %w", err)
	}
	o := &owner{lock: flock.New(filepath.Join(dir, "lock")), card: filepath.Join(dir, "owner.json"), ended: make(chan error, 1)}
	got, err := o.lock.TryLock()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "lock data folder: %w", err)
	}
	if !got {
		return nil, errOwned
	}
	defer func() {
		if err != nil {
			_ = o.lock.Unlock() // the process ends with the error that matters
		}
	}()
	if o.app, err = c.build(ctx, dir); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, errors.Join(fault.New(fault.Unavailable, "listen on %s: %w; use --listen for another address", listen, err), o.app.Close())
	}
	o.at = card{Address: listener.Addr().String(), Token: rand.Text(), PID: os.Getpid()}
	o.server = &http.Server{
		Handler:           api.New(api.Config{App: o.app, Console: web.Handler(), Version: buildVersion(), Log: c.log, Token: o.at.Token}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	o.stop = stop
	go func() { o.ended <- o.app.Run(work) }()
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("serve", "error", err) //nolint:sloglint // outlives the caller's context
		}
	}()
	if err := o.publish(); err != nil {
		return nil, errors.Join(err, o.close(ctx))
	}
	return o, nil
}

// publish writes the owner's card, readable by its user only.
func (o *owner) publish() error {
	data, err := json.Marshal(o.at)
	if err != nil {
		return fmt.Errorf("encode owner card: %w", err)
	}
	tmp := o.card + ".new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fault.New(fault.Unavailable, "write owner card: %w", err)
	}
	if err := os.Rename(tmp, o.card); err != nil {
		return fault.New(fault.Unavailable, "write owner card: %w", err)
	}
	return nil
}

// close ends the work in order: no new requests, what is under way finishes,
// the folder is free.
func (o *owner) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	errs := []error{os.Remove(o.card)}
	if err := o.server.Shutdown(ctx); err != nil {
		errs = append(errs, o.server.Close())
	}
	o.stop()
	errs = append(errs, <-o.ended, o.app.Close(), o.lock.Unlock())
	return errors.Join(errs...)
}

// workers is how many steps run at once. They wait for models more than they
// compute: collections whose models hang must leave room for the others.
const workers = 32

// build makes the embedded drivers.
func (c *cli) build(ctx context.Context, dir string) (_ *holdfast.App, err error) {
	key, err := masterKey(filepath.Join(dir, "key"))
	if err != nil {
		return nil, err
	}
	embedders, err := c.embedders()
	if err != nil {
		return nil, err
	}
	retention, err := c.config.Retention.parse()
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "holdfast.db"), Logger: c.log})
	if err != nil {
		return nil, fmt.Errorf("open record store: %w", err)
	}
	bucket, sync, err := embedding.OpenFolder(filepath.Join(dir, "embeddings"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open embedding store: %w", err), store.Close())
	}
	indexes, err := local.Open(local.Config{Dir: filepath.Join(dir, "index"), Logger: c.log})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open index folder: %w", err), bucket.Close(), store.Close())
	}
	policies := map[string]gate.Policy{}
	for _, p := range c.config.Policies {
		policies[p.Name] = p
	}
	vault, err := c.keyring(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, bucket.Close(), store.Close())
	}
	app, err := holdfast.New(holdfast.Config{
		Records: store, Bucket: bucket, Sync: sync, Index: indexes, Key: key, Tenant: c.config.Tenant, Vault: vault,
		Policies: policies, Embedders: embedders, Owner: "embedded", Retention: retention, Log: c.log,
		Engine: func(observe pipeline.Observe) (pipeline.Engine, error) {
			return river.New(ctx, store, river.Config{Workers: workers, Logger: c.log, Observe: observe})
		},
	})
	if err != nil {
		return nil, errors.Join(err, bucket.Close(), store.Close())
	}
	return app, nil
}

// masterKey reads the gate's key, or makes one for a new data folder.
func masterKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // inside the data folder
	if errors.Is(err, os.ErrNotExist) {
		// Another key would open none of the seals that are there.
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "holdfast.db")); err == nil {
			return nil, fault.New(fault.Invalid, "%s is missing, though the folder holds records sealed with it; restore it from a backup", path)
		}
		key := make([]byte, gate.KeySize)
		_, _ = rand.Read(key) // never fails
		if err := writeKey(path, key); err != nil {
			return nil, fault.New(fault.Unavailable, "write key file: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "read key file: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != gate.KeySize {
		return nil, fault.New(fault.Invalid, "%s does not hold a key of %d bytes in hexadecimal; restore it from a backup", path, gate.KeySize)
	}
	return key, nil
}

// writeKey makes the key durable before anything is sealed with it.
func writeKey(path string, key []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // inside the data folder
	if err != nil {
		return err
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// embedders makes the models that declarations may name.
func (c *cli) embedders() (map[string]embedding.Embedder, error) {
	own, err := builtin.New()
	if err != nil {
		return nil, fmt.Errorf("load built-in model: %w", err)
	}
	out := map[string]embedding.Embedder{"builtin": own}
	for i, m := range c.config.Models {
		at := fmt.Sprintf("models[%d]", i)
		switch {
		case m.Name == "":
			return nil, fault.Field(at+".name", "is missing")
		case out[m.Name] != nil:
			return nil, fault.Field(at+".name", "%q is taken", m.Name)
		case m.Provider != "openai":
			return nil, fault.Field(at+".provider", "%q is not a provider; use openai for any OpenAI-compatible endpoint", m.Provider)
		}
		key, from, err := m.key()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		e, err := openai.New(openai.Config{
			Name: m.Name, URL: m.URL, Model: m.Model, Revision: m.Revision, Dimensions: m.Dimensions, MaxTokens: m.MaxTokens,
			Key: openai.Key(key), KeyName: from, QueryPrefix: m.QueryPrefix, PassagePrefix: m.PassagePrefix, Timeout: m.Timeout,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		out[m.Name] = e
	}
	return out, nil
}

func (m modelConfig) key() (key, from string, err error) {
	switch {
	case m.KeyEnv != "":
		if key = os.Getenv(m.KeyEnv); key == "" {
			return "", "", fault.Field("key_env", "the variable %s is not set", m.KeyEnv)
		}
		return key, m.KeyEnv, nil
	case m.KeyFile != "":
		text, err := os.ReadFile(m.KeyFile)
		if err != nil {
			return "", "", fault.New(fault.Invalid, "key_file: %w", err)
		}
		return strings.TrimSpace(string(text)), m.KeyFile, nil
	}
	return "", "", nil
}
