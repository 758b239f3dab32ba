package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/pipeline/river"
	"github.com/holdfast/holdfast/web"
)

// owner is the one process that may touch a data folder. It serves every
// other command that works on the folder.
type owner struct {
	app    *holdfast.App
	server *http.Server
	lock   *flock.Flock // of the data folder; nil if others may use it too
	card   string       // path of the file that tells where the owner listens
	stop   func()       // ends the work and waits for it
	ended  chan error   // gets one error, or nil, when the work has ended by itself
	at     card

	release func() // gives up the place in the database, if there is one
}

// card tells other commands how to reach the owner. Whoever can read it can
// read the data folder, so its token makes them the local admin.
type card struct {
	Address string `json:"address"`
	Token   string `json:"token"`
	PID     int    `json:"pid"`
}

var errOwned = errors.New("the data folder is in use")

// own starts a Holdfast that serves on an address. Where one process has the
// data folder to itself, it fails with errOwned if another has it.
func (c *cli) own(ctx context.Context, listen string) (*owner, error) {
	return c.open(ctx, listen, true)
}

// open is own; without work it only answers, and leaves the work to others.
func (c *cli) open(ctx context.Context, listen string, work bool) (*owner, error) {
	o, err := c.occupy()
	if err != nil {
		return nil, err
	}
	if o.app, err = c.build(ctx, o); err != nil {
		return nil, errors.Join(err, o.leave())
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		err = fault.New(fault.Unavailable, "listen on %s: %w; use --listen for another address", listen, err)
		return nil, errors.Join(err, o.app.Close(), o.leave())
	}
	o.at = card{Address: listener.Addr().String(), Token: rand.Text(), PID: os.Getpid()}
	o.server = &http.Server{
		Handler:           api.New(api.Config{App: o.app, Console: web.Handler(), Version: buildVersion(), Log: c.log, Token: o.at.Token}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
	}
	if work {
		o.work(ctx)
	}
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("serve", "error", err) //nolint:sloglint // outlives the caller's context
		}
	}()
	if o.lock != nil {
		if err := o.publish(); err != nil {
			return nil, errors.Join(err, o.close(ctx))
		}
	}
	return o, nil
}

// occupy takes the data folder, if one process has it to itself.
func (c *cli) occupy() (*owner, error) {
	dir := c.config.Data
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "create data folder: %w", err)
	}
	o := &owner{card: filepath.Join(dir, "owner.json"), ended: make(chan error, 1), stop: func() {}}
	if !c.config.alone() {
		return o, nil
	}
	o.lock = flock.New(filepath.Join(dir, "lock"))
	got, err := o.lock.TryLock()
	if err != nil {
		return nil, fault.New(fault.Unavailable, "lock data folder: %w", err)
	}
	if !got {
		return nil, errOwned
	}
	return o, nil
}

// leave gives up what occupy and build have taken.
func (o *owner) leave() error {
	if o.release != nil {
		o.release()
	}
	if o.lock == nil {
		return nil
	}
	return o.lock.Unlock()
}

// work runs the engine and the dispatcher until close.
func (o *owner) work(ctx context.Context) {
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	o.stop = func() { stop(); <-ended }
	go func() {
		defer close(ended)
		o.fail(o.app.Run(working))
	}()
}

// fail tells that the work has ended, and why.
func (o *owner) fail(err error) {
	select {
	case o.ended <- err:
	default: // it has been told
	}
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
	errs := []error{o.withdraw()}
	if o.server != nil {
		if err := o.server.Shutdown(ctx); err != nil {
			errs = append(errs, o.server.Close())
		}
	}
	o.stop()
	select {
	case err := <-o.ended:
		errs = append(errs, err)
	default: // it did not work, or its end was told
	}
	return errors.Join(append(errs, o.app.Close(), o.leave())...)
}

// withdraw takes the card away, if it is this process's.
func (o *owner) withdraw() error {
	var at card
	data, err := os.ReadFile(o.card)
	if err != nil || json.Unmarshal(data, &at) != nil || at.Token != o.at.Token {
		return nil //nolint:nilerr // another process has put its own there, or none
	}
	return os.Remove(o.card)
}

// workers is how many steps run at once. They wait for models more than they
// compute: collections whose models hang must leave room for the others.
const workers = 32

// build makes the drivers that the configuration names.
func (c *cli) build(ctx context.Context, o *owner) (_ *holdfast.App, err error) {
	var made closers
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close())
		}
	}()
	embedders, err := c.embedders()
	if err != nil {
		return nil, err
	}
	models, err := c.modelSettings()
	if err != nil {
		return nil, err
	}
	retention, err := c.config.Retention.parse()
	if err != nil {
		return nil, err
	}
	reconciling, err := c.config.Reconcile.parse()
	if err != nil {
		return nil, err
	}
	s, err := c.storage(ctx, o, &made)
	if err != nil {
		return nil, err
	}
	indexes, err := c.openIndex(ctx, &made)
	if err != nil {
		return nil, err
	}
	policies := map[string]gate.Policy{}
	for _, p := range c.config.Policies {
		policies[p.Name] = p
	}
	vault, err := c.keyring(ctx, filepath.Dir(c.config.KeyFile))
	if err != nil {
		return nil, err
	}
	recognisers, err := c.recognisers()
	if err != nil {
		return nil, err
	}
	return holdfast.New(holdfast.Config{
		Records: s.records, Bucket: s.bucket, Sync: s.sync, Listen: s.listen, Index: indexes, Key: s.key, Tenant: c.config.Tenant, Vault: vault, Recognisers: recognisers,
		Policies: policies, Embedders: embedders, Models: models, Owner: s.owner, Retention: retention, Log: c.log,
		Sources:     c.openSource,
		Reconciling: reconciling,
		Engine: func(observe pipeline.Observe) (pipeline.Engine, error) {
			return river.New(ctx, s.records, river.Config{Workers: workers, Logger: c.log, Observe: observe})
		},
	})
}

// closers close what was made, the newest first.
type closers []func() error

func (c *closers) add(fn func() error) { *c = append(*c, fn) }

func (c *closers) close() error {
	var errs []error
	for _, fn := range slices.Backward(*c) {
		errs = append(errs, fn())
	}
	return errors.Join(errs...)
}
