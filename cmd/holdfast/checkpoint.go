package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast/holdfast/cmd/holdfast/source"
	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
)

// checkpoint tells how far a file was taken up when a load was interrupted.
// It lies in the data folder, one for each file and collection, and is only
// ever behind what is durable: what it misses is written again, which changes
// nothing. It holds no path and no value.
type checkpoint struct {
	Stamp source.Stamp `json:"stamp"`
	// Since is when the collection was created: one that was dropped and
	// declared again starts from nothing.
	Since time.Time   `json:"since"`
	ID    string      `json:"id"` // the field that held the ids
	Mark  source.Mark `json:"mark"`
	Done  bool        `json:"done"` // the file is finished, the command is not
	Tally tally       `json:"tally"`

	path  string
	saved time.Time
}

// tally counts what became of rows.
type tally struct {
	Written   int64 `json:"written"`
	Unchanged int64 `json:"unchanged"`
	Refused   int64 `json:"refused"`
	Skipped   int64 `json:"skipped"` // files that are no documents
	Repeated  int64 `json:"duplicate_ids"`
}

func (t *tally) add(o tally) {
	t.Written += o.Written
	t.Unchanged += o.Unchanged
	t.Refused += o.Refused
	t.Skipped += o.Skipped
	t.Repeated += o.Repeated
}

// resume finds the checkpoint of a source, or begins one. It is nil where
// reading cannot be resumed.
func (c *cli) resume(s *source.Source, collection string, since time.Time, id string, restart bool) (*checkpoint, error) {
	stamp, ok := s.Stamp()
	if !ok {
		return nil, nil
	}
	abs, err := filepath.Abs(s.Path)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", s.Path, err)
	}
	fresh := &checkpoint{
		Stamp: stamp, Since: since.UTC(), ID: id,
		path: filepath.Join(c.config.Data, "ingest", digest.Of("ingest", abs, collection).String()+".json"),
	}
	data, err := os.ReadFile(fresh.path)
	if restart || errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "read checkpoint: %w", err)
	}
	old := *fresh
	if json.Unmarshal(data, &old) == nil && old.ID == id && old.Since.Equal(since) && old.Stamp.Same(stamp) {
		return &old, nil
	}
	return fresh, nil
}

// checkpointEvery bounds how often a checkpoint is written.
const checkpointEvery = 250 * time.Millisecond

// advance moves the mark, and saves it now and then.
func (p *checkpoint) advance(to source.Mark) error {
	p.Mark = to
	if time.Since(p.saved) < checkpointEvery {
		return nil
	}
	return p.save()
}

// save replaces the file as a whole, so that a kill leaves the old or the new.
func (p *checkpoint) save() error {
	p.saved = time.Now()
	data, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode checkpoint: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fault.New(fault.Unavailable, "save checkpoint: %w", err)
	}
	tmp := fmt.Sprintf("%s.%d", p.path, os.Getpid())
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return fault.New(fault.Unavailable, "save checkpoint: %w", err)
	}
	if err := os.Rename(tmp, p.path); err != nil {
		return fault.New(fault.Unavailable, "save checkpoint: %w", err)
	}
	return nil
}

// remove ends the checkpoint: the command has done all it was asked for.
func (p *checkpoint) remove() error {
	if err := os.Remove(p.path); err != nil && !os.IsNotExist(err) {
		return fault.New(fault.Unavailable, "remove checkpoint: %w", err)
	}
	return nil
}
