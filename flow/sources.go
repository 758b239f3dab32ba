package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Sources keeps open what collections are attached to. It is safe for
// concurrent use.
type Sources struct {
	open func(record.Declaration) (record.Source, error)

	mu  sync.Mutex
	all map[record.CollectionID]opened
}

type opened struct {
	source   record.Source
	declared digest.Digest
}

// NewSources opens sources with a function; nil opens none.
func NewSources(open func(record.Declaration) (record.Source, error)) *Sources {
	return &Sources{open: open, all: map[record.CollectionID]opened{}}
}

// Check says whether a declaration's source can be opened.
func (s *Sources) Check(d record.Declaration) error {
	src, err := s.prepare(d)
	if err == nil {
		src.Close()
	}
	return err
}

func (s *Sources) prepare(d record.Declaration) (record.Source, error) {
	if s == nil || s.open == nil {
		return nil, fault.Field("source", "this program follows no sources")
	}
	return s.open(d)
}

// Of returns what a collection is attached to.
func (s *Sources) Of(c *record.Collection) (record.Source, error) {
	if s == nil {
		return nil, fault.Field("source", "this program follows no sources")
	}
	declared := declaredAs(&c.Declaration)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.all[c.ID]
	if ok && old.declared == declared {
		return old.source, nil
	}
	src, err := s.prepare(c.Declaration)
	if err != nil {
		return nil, err
	}
	s.all[c.ID] = opened{source: src, declared: declared}
	if ok {
		go old.source.Close() // waits for whoever reads it
	}
	return src, nil
}

// Forget closes the source of a collection that is no more.
func (s *Sources) Forget(id record.CollectionID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.all[id]; ok {
		delete(s.all, id)
		go old.source.Close()
	}
}

// Close closes all.
func (s *Sources) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.all {
		o.source.Close()
		delete(s.all, id)
	}
}

// declaredAs identifies what of a declaration matters to its source.
func declaredAs(d *record.Declaration) digest.Digest {
	text, err := json.Marshal(struct {
		Content, Metadata []string
		Source            *record.Origin
	}{d.Content, d.Metadata, d.Source})
	if err != nil {
		return digest.Digest{} // strings always encode
	}
	return digest.Of("attached declaration", string(text))
}

// Following is how far a collection has followed its source: a document
// beside its records, which changes in the transactions that write them.
type Following struct {
	// Token names the installation; empty if nothing is installed.
	Token string `json:"token,omitempty"`
	// Declared is the declaration that it was installed for.
	Declared string `json:"declared,omitempty"`

	// Who follows: a commit counts only under its epoch.
	Owner string    `json:"owner,omitempty"`
	Epoch int64     `json:"epoch"`
	Until time.Time `json:"until"`

	Place string    `json:"place,omitempty"` // in what Changes returns
	Parts []string  `json:"parts,omitempty"` // as they were last seen
	Load  []Loading `json:"load,omitempty"`  // what is still to be read from end to end
	// Compare asks for records to be looked for that have no row any more.
	Compare  bool      `json:"compare,omitempty"`
	Compared time.Time `json:"compared"`
	// Held are deletes that nobody has accepted yet.
	Held     *HeldDeletes `json:"held,omitempty"`
	Accepted bool         `json:"accepted,omitempty"`
	// Rejected are rows that cannot be records, by id, and why.
	Rejected map[string]string `json:"rejected,omitempty"`

	Rows    int64     `json:"rows"`    // about, at the source
	Backlog int64     `json:"backlog"` // entries in the log, at least
	Warning string    `json:"warning,omitempty"`
	Problem string    `json:"problem,omitempty"`
	Kind    string    `json:"kind,omitempty"` // of the problem
	Since   time.Time `json:"since"`          // of the problem, or of its end
}

// Loading is a part of a source that is read in the order of keys.
type Loading struct {
	Part  string `json:"part"`
	After string `json:"after,omitempty"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"` // about
}

// HeldDeletes is how many records would go.
type HeldDeletes struct {
	Missing int64     `json:"missing"`
	Records int64     `json:"records"`
	At      time.Time `json:"at"`
}

// maxRejected bounds the rejected rows that are kept.
const maxRejected = 100

// reject notes that a row cannot be a record, or, without a reason, that it can.
func (f *Following) reject(id, reason string) {
	if reason == "" {
		delete(f.Rejected, id)
		return
	}
	if len(id) > record.MaxID {
		id = id[:record.MaxID/4] + "…"
	}
	if f.Rejected == nil {
		f.Rejected = map[string]string{}
	}
	if len(f.Rejected) < maxRejected {
		f.Rejected[id] = reason
	}
}

// begin asks for all rows to be read again.
func (f *Following) begin(whole string, rows int64) {
	f.Load = slices.DeleteFunc(f.Load, func(l Loading) bool { return l.Part == whole })
	f.Load = append(f.Load, Loading{Part: whole, Total: rows})
	f.Compare = true
}

// followingKind is the kind of the document.
const followingKind = "source"

// LoadFollowing reads how far a collection has followed its source.
func LoadFollowing(ctx context.Context, tx record.Tx, c record.CollectionID) (f Following, version int64, err error) {
	o, err := tx.Objects().Get(ctx, followingKind, strconv.FormatInt(int64(c), 10))
	switch {
	case err == nil:
		err = o.Decode(&f)
	case fault.KindOf(err) == fault.NotFound:
		err = nil // nothing is known yet
	}
	return f, o.Version, err
}

func storeFollowing(ctx context.Context, tx record.Tx, c record.CollectionID, f Following, version int64) error {
	_, err := tx.Objects().Put(ctx, followingKind, strconv.FormatInt(int64(c), 10), f, version)
	if err != nil {
		return fmt.Errorf("keep how far a source was followed: %w", err)
	}
	return nil
}

// DropFollowing deletes what is known of a collection's source.
func DropFollowing(ctx context.Context, tx record.Tx, c record.CollectionID) error {
	err := tx.Objects().Delete(ctx, followingKind, strconv.FormatInt(int64(c), 10))
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	return err
}

// AlterFollowing changes what is known, in a transaction of its own.
func AlterFollowing(ctx context.Context, store record.Store, c record.CollectionID, change func(*Following) error) error {
	return store.Update(ctx, func(tx record.Tx) error {
		f, version, err := LoadFollowing(ctx, tx, c)
		if err != nil {
			return err
		}
		if err := change(&f); err != nil {
			return err
		}
		return storeFollowing(ctx, tx, c, f, version)
	})
}

// Begin makes a collection follow its source from the start, under a token.
// Whoever follows it has to take it anew.
func (f *Following) Begin(d *record.Declaration, token string, shape record.Shape) {
	*f = Following{
		Token: token, Declared: declaredAs(d).String(), Epoch: f.Epoch + 1, Parts: shape.Parts, Rows: shape.Rows, Since: time.Now(),
	}
	f.begin(shape.Whole, shape.Rows)
}
