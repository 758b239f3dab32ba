package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
	"github.com/holdfast/holdfast/record/sqlite"
)

// storage is the truth: records, embeddings, and the key to both.
type storage struct {
	records record.Store
	bucket  *blob.Bucket
	sync    func(context.Context, string) error
	listen  func(context.Context, func())
	key     []byte
	owner   string // in claims; empty for a new name each time
}

// storage opens the data folder or the database.
func (c *cli) storage(ctx context.Context, o *owner, made *closers) (_ *storage, err error) {
	if c.config.Database.used() {
		return c.shared(ctx, o, made)
	}
	s := &storage{owner: "embedded"}
	db := filepath.Join(c.config.Data, "holdfast.db")
	_, missing := os.Stat(db)
	if s.key, err = masterKey(c.config.KeyFile, missing == nil); err != nil {
		return nil, err
	}
	records, err := sqlite.Open(ctx, sqlite.Config{Path: db, Logger: c.log})
	if err != nil {
		return nil, fmt.Errorf("open record store: %w", err)
	}
	made.add(records.Close)
	s.records = records
	return s, c.embeddings(s, made)
}

func (c *cli) embeddings(s *storage, made *closers) (err error) {
	if s.bucket, s.sync, err = c.config.openBucket(); err != nil {
		return fmt.Errorf("open embedding store: %w", err)
	}
	made.add(s.bucket.Close)
	return nil
}

// shared opens what other processes use too, and makes sure that all agree.
func (c *cli) shared(ctx context.Context, o *owner, made *closers) (_ *storage, err error) {
	url, err := c.config.Database.url()
	if err != nil {
		return nil, err
	}
	records, err := postgres.Open(ctx, postgres.Config{URL: url, Schema: c.config.Database.Schema, Logger: c.log})
	if err != nil {
		return nil, fmt.Errorf("open record store: %w", err)
	}
	made.add(records.Close)
	// Two processes with an index of their own would each index a part.
	o.release, err = records.Occupy(ctx, "index", c.config.Index == localIndex, func(err error) {
		o.fail(fmt.Errorf("lost the index to another process: %w", err))
	})
	if fault.KindOf(err) == fault.Conflict {
		return nil, fault.New(fault.Conflict, "another process uses this database, and `index: local` of one of them allows no other; set `index: pgvector` for all: %w", err)
	}
	if err != nil {
		return nil, err
	}
	s := &storage{records: records, listen: func(ctx context.Context, wake func()) { records.Listen(ctx, postgres.Changes, wake) }}
	known, err := c.hasKey(ctx, records)
	if err != nil {
		return nil, err
	}
	if s.key, err = masterKey(c.config.KeyFile, known); err != nil {
		return nil, err
	}
	if err := checkKey(ctx, records, s.key, c.config.KeyFile); err != nil {
		return nil, err
	}
	if err := c.embeddings(s, made); err != nil {
		return nil, err
	}
	return s, checkBucket(ctx, records, s.bucket)
}

// hasKey tells whether a key was used with the database before.
func (c *cli) hasKey(ctx context.Context, records record.Store) (has bool, err error) {
	err = records.View(ctx, func(tx record.Tx) error {
		_, err := tx.Objects().Get(ctx, settings, "key")
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		has = err == nil
		return err
	})
	return has, err
}

// masterKey reads the gate's key, or makes one where none was used before:
// another would open none of the seals that are there.
func masterKey(path string, used bool) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if errors.Is(err, os.ErrNotExist) {
		if used {
			return nil, fault.New(fault.Invalid, "the key file %s is missing, though there are records sealed with its key; restore it from a backup, or copy it from where the others run", path)
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
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}
