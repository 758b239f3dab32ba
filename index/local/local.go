// Package local is the embedded driver of package index: exact vector search
// and BM25 in memory, durable in one folder per index.
//
// Every batch is appended to a checksummed log and synced before it is taken
// up. When the log has grown, a snapshot is written in the background; opening
// reads the newest snapshot and replays what was logged since. A folder must
// have one owning process.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
)

// maxDimensions is far above what models give and keeps arithmetic on sizes
// from overflowing.
const maxDimensions = 1 << 16

// dropped begins the name of a folder that is being deleted; no index may be
// named so.
const dropped = ".dropped-"

// Config says where the indexes are.
type Config struct {
	Dir    string       // one folder in it for each index; made if it is missing
	Logger *slog.Logger // nil logs nothing
}

// Opener makes and finds the indexes of one folder. It is safe for concurrent use.
type Opener struct {
	dir    string
	logger *slog.Logger
	limits limits
	mu     sync.Mutex
	open   map[string]*local
}

// Open prepares the folder that holds the indexes.
func Open(cfg Config) (*Opener, error) {
	o := &Opener{dir: cfg.Dir, logger: cfg.Logger, limits: defaultLimits, open: map[string]*local{}}
	if o.logger == nil {
		o.logger = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fault.As(fault.Unavailable, fmt.Errorf("make index folder: %w", err))
	}
	left, err := filepath.Glob(filepath.Join(cfg.Dir, dropped+"*"))
	for _, path := range left {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		return nil, fault.As(fault.Unavailable, fmt.Errorf("finish dropping indexes: %w", err))
	}
	return o, nil
}

// Open implements index.Opener. Opening an index that is open gives another
// handle on it; it is closed with the last of them.
func (o *Opener) Open(ctx context.Context, spec index.Spec) (index.Index, error) {
	if err := index.CheckName(spec.Name); err != nil {
		return nil, err
	}
	if spec.Dimensions < 1 || spec.Dimensions > maxDimensions {
		return nil, fault.Field("dimensions", "must be 1 to %d", maxDimensions)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	x := o.open[spec.Name]
	if x == nil {
		var err error
		if x, err = o.load(spec); err != nil {
			return nil, fmt.Errorf("open index %s: %w", spec.Name, err)
		}
		o.open[spec.Name] = x
	}
	if x.dims != spec.Dimensions {
		return nil, fault.New(fault.Conflict, "index %s has %d dimensions, not %d; drop it or name another", spec.Name, x.dims, spec.Dimensions)
	}
	x.handles++
	return &handle{local: x, opener: o}, nil
}

func (o *Opener) load(spec index.Spec) (*local, error) {
	path := filepath.Join(o.dir, spec.Name)
	if err := os.Mkdir(path, 0o700); err == nil { //nolint:gosec // the name was checked
		if err := syncFolder(o.dir); err != nil {
			return nil, fault.As(fault.Unavailable, err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fault.As(fault.Unavailable, err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fault.As(fault.Unavailable, err)
	}
	logger := o.logger.With("index", spec.Name)
	disk, state, err := openDisk(root, spec.Dimensions, logger)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &local{name: spec.Name, dims: spec.Dimensions, disk: disk, state: state, logger: logger, limits: o.limits}, nil
}

// Drop implements index.Opener. Open handles fail from then on.
func (o *Opener) Drop(_ context.Context, name string) error {
	if err := index.CheckName(name); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if x := o.open[name]; x != nil {
		delete(o.open, name)
		x.abandon()
	}
	// Renamed first, a half-deleted index is never taken for a damaged one.
	path, gone := filepath.Join(o.dir, name), filepath.Join(o.dir, dropped+name)
	err := os.RemoveAll(gone)
	if err == nil {
		err = os.Rename(path, gone)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(syncFolder(o.dir), os.RemoveAll(gone))
	}
	if err != nil {
		return fault.As(fault.Unavailable, fmt.Errorf("drop index %s: %w", name, err))
	}
	return nil
}

func syncFolder(path string) error {
	f, err := os.Open(path) //nolint:gosec // our own folder
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// handle is one opening of an index that may be open several times.
type handle struct {
	*local
	opener *Opener
	once   sync.Once
}

// Close implements index.Index.
func (h *handle) Close() (err error) {
	h.once.Do(func() {
		o := h.opener
		o.mu.Lock()
		defer o.mu.Unlock()
		if h.handles--; h.handles > 0 || o.open[h.name] != h.local {
			return
		}
		delete(o.open, h.name)
		err = h.close()
	})
	return err
}
