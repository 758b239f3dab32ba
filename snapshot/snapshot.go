// Package snapshot pins collections by name. A snapshot is what a collection
// was at a change: its records' public fields, its sealed passages and the
// addresses of their vectors, in two immutable objects of the bucket. It can
// be exported to Parquet, with the same bytes each time, whatever has been
// written or swept since. Only an erasure changes it: the snapshot is issued
// again, under a new digest, without the records that were erased.
//
// A snapshot knows a record by its internal id, as everything outside the
// record store does.
package snapshot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// Config is what a Store is made of.
type Config struct {
	Records record.Store
	Bucket  *blob.Bucket
	// Sync makes an object survive a power failure, where the bucket does not
	// by itself.
	Sync       func(ctx context.Context, key string) error
	Embeddings *embedding.Store
	Gate       *gate.Gate
	Log        *slog.Logger
}

// Store keeps snapshots. It is safe for concurrent use.
type Store struct{ Config }

// New makes a store.
func New(cfg Config) *Store {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{cfg}
}

// Snapshot describes a snapshot. It is kept as a document in the record store.
type Snapshot struct {
	Name       string              `json:"name"`
	Collection record.CollectionID `json:"collection"`
	// Digest addresses all that an export holds. An erasure changes it.
	Digest     digest.Digest       `json:"digest"`
	Change     int64               `json:"change"` // every change up to this one is in it
	Generation record.GenerationID `json:"generation"`
	Model      string              `json:"model"`
	Space      digest.Digest       `json:"space"`
	Dimensions int                 `json:"dimensions"`
	Recipe     digest.Digest       `json:"recipe"`
	Fields     []string            `json:"fields"` // the public ones
	Records    int64               `json:"records"`
	Passages   int64               `json:"passages"`
	CreatedAt  time.Time           `json:"created_at"`
	ReissuedAt time.Time           `json:"reissued_at,omitzero"`
	Erased     int64               `json:"erased,omitempty"` // records that erasures took out

	RecordsObject  Object `json:"records_object"`
	PassagesObject Object `json:"passages_object"`
	// Old are objects that the snapshot has been issued anew without, and that
	// are still to be deleted.
	Old []string `json:"old,omitempty"`

	version int64 // of the document
}

// Object is an immutable object of the bucket, and the digest of its bytes.
type Object struct {
	Key    string        `json:"key"`
	Digest digest.Digest `json:"digest"`
	Bytes  int64         `json:"bytes"`
}

// ErrBusy says that changes await indexing: passages and records do not fit
// together at this moment.
var ErrBusy = fault.New(fault.Conflict, "changes await indexing; a snapshot needs a moment without any")

const kind = "snapshot"

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// CheckName says whether a snapshot may have a name.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fault.Field("name", "is not a name: a lower-case letter or digit, then up to 62 lower-case letters, digits, ., _ or -")
	}
	return nil
}

func prefix(c record.CollectionID) string { return fmt.Sprintf("%d/", c) }

func key(c record.CollectionID, name string) string { return prefix(c) + name }

// Get finds a snapshot; fault.NotFound if there is none.
func (s *Store) Get(ctx context.Context, c record.CollectionID, name string) (Snapshot, error) {
	var out Snapshot
	err := s.Records.View(ctx, func(tx record.Tx) error {
		o, err := tx.Objects().Get(ctx, kind, key(c, name))
		if err != nil {
			return err
		}
		out, err = parse(o)
		return err
	})
	if fault.KindOf(err) == fault.NotFound {
		return out, fault.New(fault.NotFound, "there is no such snapshot")
	}
	return out, err
}

func parse(o record.Object) (Snapshot, error) {
	var out Snapshot
	err := o.Decode(&out)
	out.version = o.Version
	return out, err
}

// List returns up to limit snapshots of a collection with names after the
// given one, by name; collection 0 stands for all.
func (s *Store) List(ctx context.Context, c record.CollectionID, after string, limit int) ([]Snapshot, error) {
	from, start := "", ""
	if c != 0 {
		from = prefix(c)
		start = from + after
	}
	var out []Snapshot
	err := s.Records.View(ctx, func(tx record.Tx) error {
		out = nil
		all, err := tx.Objects().List(ctx, kind, from, start, limit)
		if err != nil {
			return err
		}
		for _, o := range all {
			one, err := parse(o)
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}

// Delete deletes a snapshot. What it pinned may be swept from then on.
func (s *Store) Delete(ctx context.Context, c record.CollectionID, name string) error {
	one, err := s.Get(ctx, c, name)
	if err != nil {
		return err
	}
	err = s.Records.Update(ctx, func(tx record.Tx) error { return tx.Objects().Delete(ctx, kind, key(c, name)) })
	if err != nil {
		return err
	}
	return s.remove(ctx, append(one.Old, one.RecordsObject.Key, one.PassagesObject.Key)...)
}

// DeleteAll deletes the snapshots of a collection.
func (s *Store) DeleteAll(ctx context.Context, c record.CollectionID) error {
	all, err := s.List(ctx, c, "", 0)
	for _, one := range all {
		if err == nil {
			err = s.Delete(ctx, c, one.Name)
		}
		if fault.KindOf(err) == fault.NotFound && ctx.Err() == nil {
			err = nil // somebody else has deleted it
		}
	}
	return err
}

// Versions returns the changes whose record versions snapshots pin.
func (s *Store) Versions(ctx context.Context) ([]record.Pin, error) {
	all, err := s.List(ctx, 0, "", 0)
	out := make([]record.Pin, len(all))
	for i, one := range all {
		out[i] = record.Pin{Collection: one.Collection, Change: one.Change}
	}
	return out, err
}

// Addresses calls yield with the address of every vector that a snapshot holds.
func (s *Store) Addresses(ctx context.Context, yield func(digest.Digest)) error {
	all, err := s.List(ctx, 0, "", 0)
	if err != nil {
		return err
	}
	for _, one := range all {
		if err := s.addresses(ctx, one, yield); err != nil {
			return err
		}
	}
	return nil
}

// addresses reads those of one snapshot. One that is issued anew meanwhile
// loses its object; what is read then is what it has become.
func (s *Store) addresses(ctx context.Context, one Snapshot, yield func(digest.Digest)) error {
	for {
		err := readRows(ctx, s.Bucket, one.PassagesObject, func(rows []addressRow) error {
			for _, r := range rows {
				yield(r.Address)
			}
			return nil
		})
		if !errors.Is(err, errGone) {
			return err
		}
		again, getErr := s.Get(ctx, one.Collection, one.Name)
		switch {
		case fault.KindOf(getErr) == fault.NotFound && ctx.Err() == nil:
			return nil
		case getErr != nil:
			return getErr
		case again.PassagesObject == one.PassagesObject:
			return err
		}
		one = again
	}
}

// Orphans deletes objects that no snapshot names and that are a day old, and
// says how many; a dry run only counts.
func (s *Store) Orphans(ctx context.Context, now time.Time, dryRun bool) (int, error) {
	all, err := s.List(ctx, 0, "", 0)
	if err != nil {
		return 0, err
	}
	known := map[string]bool{}
	for _, one := range all {
		for _, k := range append(one.Old, one.RecordsObject.Key, one.PassagesObject.Key) {
			known[k] = true
		}
	}
	old, err := s.olderThan(ctx, now.Add(-orphanAfter))
	if err != nil {
		return 0, err
	}
	old = slices.DeleteFunc(old, func(k string) bool { return known[k] })
	if dryRun {
		return len(old), nil
	}
	return len(old), s.remove(ctx, old...)
}

// seal computes the digest of a snapshot.
func (one *Snapshot) seal() error {
	b, err := json.Marshal(struct {
		Change            int64
		Space, Recipe     digest.Digest
		Fields            []string
		Records, Passages digest.Digest
	}{one.Change, one.Space, one.Recipe, one.Fields, one.RecordsObject.Digest, one.PassagesObject.Digest})
	if err != nil {
		return fmt.Errorf("digest of a snapshot: %w", err)
	}
	one.Digest = digest.Of("snapshot", string(b))
	return nil
}

// publicFields lists the fields that may leave.
func publicFields(d *record.Declaration) []string {
	out := []string{}
	for name, class := range d.Classification {
		if class == record.Public {
			out = append(out, name)
		}
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
