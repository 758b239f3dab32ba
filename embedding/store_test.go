package embedding_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"gocloud.dev/blob"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
)

// counting is an embedder that counts how often each text is embedded, and
// whose hooks inject faults.
type counting struct {
	dimensions int
	// before runs at the start of each call; its error is the call's.
	before func(ctx context.Context, texts []gate.Clean) error
	// change may spoil the vector of a text.
	change func(text string, v *embedding.Vector)

	mu    sync.Mutex
	times map[string]int
	calls int
}

func (e *counting) Model() embedding.Model {
	return embedding.Model{Name: "counting", Provider: "test", Identity: "hash", Dimensions: max(e.dimensions, 8), Normalized: true}
}

func (e *counting) Embed(ctx context.Context, _ embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	e.mu.Lock()
	if e.times == nil {
		e.times = map[string]int{}
	}
	e.calls++
	for _, t := range texts {
		e.times[t.Embed()]++
	}
	e.mu.Unlock()
	if e.before != nil {
		if err := e.before(ctx, texts); err != nil {
			return nil, embedding.Usage{Requests: 1}, err
		}
	}
	out := make([]embedding.Vector, len(texts))
	for i, t := range texts {
		out[i].Values = hashVector(t.Embed(), e.Model().Dimensions)
		if e.change != nil {
			e.change(t.Embed(), &out[i])
		}
	}
	return out, embedding.Usage{Requests: 1, Tokens: len(texts)}, nil
}

// embedded returns how many texts were embedded, and the most times one was.
func (e *counting) embedded() (texts, most int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, n := range e.times {
		most = max(most, n)
	}
	return len(e.times), most
}

// hashVector is a unit vector that depends on every byte of the text.
func hashVector(text string, dimensions int) []float32 {
	sum := sha256.Sum256([]byte(text))
	r := rand.New(rand.NewChaCha8(sum))
	v := make([]float32, dimensions)
	var length float64
	for i := range v {
		v[i] = float32(r.NormFloat64())
		length += float64(v[i]) * float64(v[i])
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / math.Sqrt(length))
	}
	return v
}

// fixture is a record store and a folder of segments.
type fixture struct {
	records record.Store
	dir     string // of the segments
	bucket  *blob.Bucket
	sync    func(ctx context.Context, key string) error
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	dir := t.TempDir()
	return openFixture(t, dir)
}

func openFixture(t testing.TB, dir string) *fixture {
	t.Helper()
	records, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "records.db")})
	if err != nil {
		t.Fatalf("open record store: %v", err)
	}
	t.Cleanup(func() {
		if err := records.Close(); err != nil {
			t.Errorf("close record store: %v", err)
		}
	})
	f := &fixture{records: records, dir: filepath.Join(dir, "embeddings")}
	f.bucket, f.sync, err = embedding.OpenFolder(f.dir)
	if err != nil {
		t.Fatalf("open bucket: %v", err)
	}
	t.Cleanup(func() {
		if err := f.bucket.Close(); err != nil {
			t.Errorf("close bucket: %v", err)
		}
	})
	return f
}

// open makes a store; each one stands for a process of its own.
func (f *fixture) open(t testing.TB, change func(*embedding.StoreConfig)) *embedding.Store {
	t.Helper()
	cfg := embedding.StoreConfig{Records: f.records, Bucket: f.bucket, Sync: f.sync}
	if change != nil {
		change(&cfg)
	}
	s, err := embedding.NewStore(cfg)
	if err != nil {
		t.Fatalf("make a store: %v", err)
	}
	return s
}

var keep = gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}

func ensureTexts(tb testing.TB, texts ...string) []embedding.EnsureText {
	tb.Helper()
	out := make([]embedding.EnsureText, len(texts))
	for i, c := range conform.CleanTexts(tb, keep, texts...) {
		out[i] = embedding.EnsureText{Text: embedding.TextDigest("", c), Clean: c}
	}
	return out
}

// named are n distinct texts.
func named(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s %s", prefix, letters(i))
	}
	return out
}

// letters spells a number without digits, which a gate might take for a value.
func letters(n int) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // small and not negative
	out := make([]byte, 0, 16)
	for _, c := range b[4:] {
		out = append(out, 'a'+c>>4, 'a'+c&15)
	}
	return string(out)
}

func digestsOf(texts []embedding.EnsureText) []digest.Digest {
	out := make([]digest.Digest, len(texts))
	for i := range texts {
		out[i] = texts[i].Text
	}
	return out
}

// wantStored checks that exactly these texts of all have their right vector.
func wantStored(t *testing.T, s *embedding.Store, e embedding.Embedder, all []embedding.EnsureText, stored func(i int) bool) {
	t.Helper()
	got, err := s.Load(t.Context(), e.Model().Fingerprint(), digestsOf(all))
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	for i := range all {
		v, ok := got[all[i].Text]
		if ok != stored(i) {
			t.Errorf("text %d stored = %v", i, ok)
		} else if ok && !slices.Equal(v, hashVector(all[i].Clean.Embed(), e.Model().Dimensions)) {
			t.Errorf("text %d has another vector", i)
		}
	}
}

func always(int) bool { return true }

// faulty is a record store that fails where a test says.
type faulty struct {
	record.Store
	update  func() error // before each Update
	viewed  func()       // after each View
	claims  atomic.Int64 // calls of Claim
	claimed chan struct{}
}

func (f *faulty) Update(ctx context.Context, fn func(record.Tx) error) error {
	if f.update != nil {
		if err := f.update(); err != nil {
			return err
		}
	}
	return f.Store.Update(ctx, func(tx record.Tx) error { return fn(faultyTx{tx, f}) })
}

func (f *faulty) View(ctx context.Context, fn func(record.Tx) error) error {
	err := f.Store.View(ctx, fn)
	if f.viewed != nil {
		f.viewed()
	}
	return err
}

type faultyTx struct {
	record.Tx
	f *faulty
}

func (tx faultyTx) Vectors() record.Vectors { return faultyVectors{tx.Tx.Vectors(), tx.f} }

type faultyVectors struct {
	record.Vectors
	f *faulty
}
