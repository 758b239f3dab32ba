package main

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/index/local"
	"github.com/holdfast/holdfast/index/pgvector"
	"github.com/holdfast/holdfast/record"
)

// databaseConfig says that the records are in PostgreSQL. Its URL holds a
// password, so it comes from a variable or a file.
type databaseConfig struct {
	URLEnv  string `koanf:"url_env" yaml:"url_env"`
	URLFile string `koanf:"url_file" yaml:"url_file"`
	Schema  string `koanf:"schema" yaml:"schema"` // default holdfast
}

// used tells whether there is a database; without one the data folder holds all.
func (d databaseConfig) used() bool { return d != databaseConfig{} }

// url reads where the database is.
func (d databaseConfig) url() (string, error) {
	switch {
	case d.URLEnv != "" && d.URLFile != "":
		return "", fault.Field("database", "name either url_env or url_file")
	case d.URLEnv != "":
		if u := os.Getenv(d.URLEnv); u != "" {
			return u, nil
		}
		return "", fault.Field("database.url_env", "the variable %s is not set; set it to the database's URL, such as postgres://user:password@host/name", d.URLEnv)
	case d.URLFile != "":
		text, err := os.ReadFile(d.URLFile)
		if err != nil {
			return "", fault.New(fault.Invalid, "database.url_file: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
	return "", fault.Field("database.url_env", "is missing: name the variable that holds the database's URL, or a file with url_file")
}

// The kinds of index: in the data folder, for one process, and in the
// database, for many.
const (
	localIndex    = "local"
	pgvectorIndex = "pgvector"
)

// alone tells whether one process has the data folder, and with it the
// records or the index, to itself.
func (c *config) alone() bool { return !c.Database.used() || c.Index == localIndex }

// place names where the records are.
func (c *config) place() string {
	if !c.Database.used() {
		return c.Data
	}
	return "schema " + cmp.Or(c.Database.Schema, "holdfast") + " of the database"
}

// openIndex opens where indexes are.
func (c *cli) openIndex(ctx context.Context, made *closers) (index.Opener, error) {
	if c.config.Index == localIndex {
		indexes, err := local.Open(local.Config{Dir: filepath.Join(c.config.Data, "index"), Logger: c.log})
		if err != nil {
			return nil, fmt.Errorf("open index folder: %w", err)
		}
		return indexes, nil
	}
	url, err := c.config.Database.url()
	if err != nil {
		return nil, err
	}
	schema := cmp.Or(c.config.Database.Schema, "holdfast") + "_index"
	indexes, err := pgvector.Open(ctx, pgvector.Config{URL: url, Schema: schema, Logger: c.log})
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	made.add(indexes.Close)
	return indexes, nil
}

// openBucket opens where segments of embeddings go: a folder, or a file URL.
func (c *config) openBucket() (*blob.Bucket, func(context.Context, string) error, error) {
	dir := c.Bucket
	if dir == "" {
		dir = filepath.Join(c.Data, "embeddings")
	}
	if u, err := url.Parse(dir); err == nil && u.Scheme != "" && filepath.VolumeName(dir) == "" {
		if u.Scheme != "file" || u.Path == "" {
			return nil, nil, fault.Field("bucket", "%s: this build knows folders and file:///… only; mount the store as a folder", u.Redacted())
		}
		dir = filepath.FromSlash(u.Path)
	}
	return embedding.OpenFolder(dir)
}

// settings is the kind of the documents in which the database remembers what
// every process must agree on.
const settings = "setting"

// checkKey makes sure that the key is the one that the database is used with:
// another would open none of its seals, and make other pseudonyms.
func checkKey(ctx context.Context, store record.Store, key []byte, from string) error {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("holdfast: check of the database's key"))
	check := hex.EncodeToString(mac.Sum(nil))
	kept, err := remember(ctx, store, "key", check)
	if err == nil && kept != check {
		return fault.New(fault.Invalid, "the key in %s is not the one that this database is used with; copy the right one there, or name it with key_file or HOLDFAST_KEY_FILE", from)
	}
	return err
}

// remember returns the value of a setting, which is value if there is none yet.
func remember[T any](ctx context.Context, store record.Store, name string, value T) (kept T, err error) {
	err = store.Update(ctx, func(tx record.Tx) error {
		o, err := tx.Objects().Get(ctx, settings, name)
		if err == nil {
			return o.Decode(&kept)
		}
		if fault.KindOf(err) != fault.NotFound {
			return err
		}
		kept = value
		_, err = tx.Objects().Put(ctx, settings, name, value, 0)
		return err
	})
	if fault.KindOf(err) == fault.Conflict { // another process was first
		err = store.View(ctx, func(tx record.Tx) error {
			o, err := tx.Objects().Get(ctx, settings, name)
			if err != nil {
				return err
			}
			return o.Decode(&kept)
		})
	}
	if err != nil {
		return kept, fmt.Errorf("read setting %s: %w", name, err)
	}
	return kept, nil
}

// bucketOwner is the object that tells which database a bucket belongs to.
const bucketOwner = "holdfast-database"

// checkBucket makes sure that the bucket is the one that this database's
// embeddings are in, and no other's: what is missing can't be made again, and
// what another database does not refer to it may delete.
func checkBucket(ctx context.Context, store record.Store, bucket *blob.Bucket) error {
	id, err := remember(ctx, store, "identity", rand.Text())
	if err != nil {
		return err
	}
	owner, err := bucket.ReadAll(ctx, bucketOwner)
	switch missing := gcerrors.Code(err) == gcerrors.NotFound; {
	case err == nil && string(owner) != id:
		return fault.New(fault.Invalid, "the bucket holds the embeddings of another database; name this database's with `bucket:`")
	case err != nil && !missing:
		return fault.New(fault.Unavailable, "read the bucket: %w", err)
	case missing:
		if err := takeBucket(ctx, store, bucket, id); err != nil {
			return err
		}
	}
	_, err = remember(ctx, store, "bucket", "taken")
	return err
}

// takeBucket marks a new bucket, unless the database has one already.
func takeBucket(ctx context.Context, store record.Store, bucket *blob.Bucket, id string) error {
	err := store.View(ctx, func(tx record.Tx) error {
		_, err := tx.Objects().Get(ctx, settings, "bucket")
		return err
	})
	if err == nil {
		return fault.New(fault.Invalid, "the bucket is not the one that this database's embeddings are in; name that with `bucket:`, or mount its folder here")
	}
	if fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err := bucket.WriteAll(ctx, bucketOwner, []byte(id), &blob.WriterOptions{ContentType: "text/plain"}); err != nil {
		return fault.New(fault.Unavailable, "write to the bucket: %w", err)
	}
	return nil
}
