package embedding

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gocloud.dev/blob"
	"golang.org/x/sync/singleflight"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// StoreConfig is what a Store is made of. Records and Bucket are required.
type StoreConfig struct {
	// Records keeps addresses, claims, and vectors until they are packed.
	Records record.Store
	// Bucket keeps the segments. The Store does not close it.
	Bucket *blob.Bucket
	// Sync makes an uploaded object survive a power failure. Object stores do
	// so by themselves; for a bucket in files see OpenFolder.
	Sync func(ctx context.Context, key string) error
	// Owner names this process in its claims, and no other live one. A name
	// that stays the same over a restart lets the process go on at once where
	// it was killed; with a new one, its old claims have to expire. Defaults to
	// a random name.
	Owner string
	// ClaimFor is how long a claim outlives a process that died; while a model
	// works, its claims are renewed. Defaults to 1 minute.
	ClaimFor time.Duration
	// Chunk is how many texts are claimed, embedded and made durable at a
	// time; a crash repeats at most that much for each Ensure in progress.
	// Defaults to 1024.
	Chunk int
	// PackSize is the most vectors in one segment. Defaults to 1024.
	PackSize int
	// QueryCache is how many query vectors are kept in memory, each under the
	// digest of its space and text; no text is kept. Defaults to 2048, which is
	// 12 MB at 1,536 dimensions.
	QueryCache int
	// Budget is for all models together; their own are in their Terms.
	Budget Budget
	// Probe is a neutral text: what a model that was down is tried with.
	Probe gate.Clean
	// Canary are the sentences that tell whether a model is still the same;
	// without them nothing is compared.
	Canary []gate.Clean
	// Clock is for the guards of models: rates, breakers, budgets.
	Clock Clock
	// Observe, if set, is told of work done; it must not block.
	Observe func(Event)
	// Logger defaults to one that discards.
	Logger *slog.Logger
}

// Event is a piece of work done, for metrics.
type Event struct {
	Model    string // by its name in the configuration
	Purpose  Purpose
	Usage    Usage
	Computed int           // texts embedded
	Reused   int           // texts whose vector was there already
	Failed   int           // texts that have no vector
	Took     time.Duration // of the call to the model; 0 if there was none
}

// Store keeps embeddings: immutable, each computed once. It is safe for
// concurrent use, and any number of processes may use one record store and
// one bucket.
type Store struct {
	cfg     StoreConfig
	flights flights
	tally   *tally
	packing sync.Mutex
	queries *queryCache
	asking  singleflight.Group
}

// NewStore makes a store.
func NewStore(cfg StoreConfig) (*Store, error) {
	switch {
	case cfg.Records == nil:
		return nil, fault.Field("records", "an embedding store needs a record store")
	case cfg.Bucket == nil:
		return nil, fault.Field("bucket", "an embedding store needs a bucket for its segments")
	}
	if cfg.Owner == "" {
		cfg.Owner = rand.Text()
	}
	if cfg.ClaimFor <= 0 {
		cfg.ClaimFor = time.Minute
	}
	if cfg.Chunk <= 0 {
		cfg.Chunk = 1024
	}
	if cfg.PackSize <= 0 {
		cfg.PackSize = 1024
	}
	if cfg.QueryCache <= 0 {
		cfg.QueryCache = 2048
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = machineClock{}
	}
	return &Store{
		cfg:     cfg,
		tally:   newTally(),
		flights: flights{by: map[digest.Digest]*flight{}},
		queries: newQueryCache(cfg.QueryCache),
	}, nil
}

// Stats counts what a store holds.
type Stats struct {
	Vectors int64 // durable
	Inline  int64 // of them, waiting in the record store to be packed
}

// Stats counts the stored vectors.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	var st Stats
	err := s.cfg.Records.View(ctx, func(tx record.Tx) (err error) {
		st.Vectors, st.Inline, err = tx.Vectors().Count(ctx)
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("count embeddings: %w", err)
	}
	return st, nil
}

func (s *Store) observe(ev Event) {
	if s.cfg.Observe != nil {
		s.cfg.Observe(ev)
	}
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
