package pgvector_test

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/index/pgvector"
	"github.com/holdfast/holdfast/internal/testpg"
)

func TestConform(t *testing.T) {
	conform.Index(t, func(tb testing.TB) func() index.Opener {
		cfg := pgvector.Config{URL: testpg.Vector(tb), Schema: schema(tb)}
		return func() index.Opener { return open(tb, cfg) }
	})
}

// schema names a schema that is dropped when the test ends.
func schema(tb testing.TB) string {
	tb.Helper()
	name := testpg.Schema()
	tb.Cleanup(func() { exec(tb, "DROP SCHEMA IF EXISTS "+name+" CASCADE") })
	return name
}

func exec(tb testing.TB, sql string, args ...any) {
	tb.Helper()
	ctx := context.Background() // the test's own has ended in a cleanup
	conn, err := pgx.Connect(ctx, testpg.Vector(tb))
	if err == nil {
		_, err = conn.Exec(ctx, sql, args...)
	}
	if err == nil {
		err = conn.Close(ctx)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func open(tb testing.TB, cfg pgvector.Config) *pgvector.Opener {
	tb.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), nil))
	o, err := pgvector.Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := o.Close(); err != nil {
			tb.Error(err)
		}
	})
	return o
}

const dims = 32

var spec = index.Spec{Name: "g7", Dimensions: dims}

func openIndex(tb testing.TB, o *pgvector.Opener, s index.Spec) index.Index {
	tb.Helper()
	ix, err := o.Open(tb.Context(), s)
	if err != nil {
		tb.Fatal(err)
	}
	return ix
}

func apply(tb testing.TB, ix index.Index, b index.Batch) {
	tb.Helper()
	if err := ix.Apply(tb.Context(), b); err != nil {
		tb.Fatal(err)
	}
}

func count(tb testing.TB, ix index.Index) int64 {
	tb.Helper()
	n, err := ix.Count(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

var theGate = sync.OnceValues(func() (*gate.Gate, error) {
	return gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
})

func values(tb testing.TB, field string, v any) []gate.Value {
	tb.Helper()
	g, err := theGate()
	if err != nil {
		tb.Fatal(err)
	}
	return g.Metadata(field, v, nil)
}

func clean(tb testing.TB, text string) gate.Clean {
	tb.Helper()
	g, err := theGate()
	if err != nil {
		tb.Fatal(err)
	}
	keep := gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
	res := g.Clean(tb.Context(), &keep, []gate.Raw{gate.NewRaw(text)})[0]
	if res.Err != nil {
		tb.Fatal(res.Err)
	}
	return res.Clean
}

// points makes entries with random vectors and ids from a number on.
func points(tb testing.TB, r *rand.Rand, from, n, width int) index.Batch {
	tb.Helper()
	b := index.Batch{Meta: map[int64]index.Meta{}}
	texts := []gate.Clean{clean(tb, "red green"), clean(tb, "green blue blue"), clean(tb, "")}
	for i := range n {
		v := make([]float32, width)
		for j := range v {
			v[j] = float32(r.NormFloat64())
		}
		id := int64(from + i)
		b.Upsert = append(b.Upsert, index.Entry{ID: id, Record: id, Tag: r.Uint64(), Vector: v, Text: texts[id%3]})
		b.Meta[id] = index.Meta{"n": values(tb, "n", float64(id))}
	}
	return b
}

// nearest are the ids of the k nearest, found by comparing with all.
func nearest(all []index.Entry, q []float32, k int) map[int64]bool {
	cosine := func(e index.Entry) float64 {
		var dot, length float64
		for i, x := range e.Vector {
			dot += float64(x) * float64(q[i])
			length += float64(x) * float64(x)
		}
		return dot / math.Sqrt(length)
	}
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b index.Entry) int { return cmp.Compare(cosine(b), cosine(a)) })
	out := map[int64]bool{}
	for _, e := range all[:k] {
		out[e.ID] = true
	}
	return out
}

// TestGraph searches an index that is large enough for a graph: it finds
// nearly all of the nearest, and never fewer than there are.
func TestGraph(t *testing.T) {
	// So few entries the planner would rather read one after the other.
	cfg := pgvector.Config{URL: testpg.Vector(t) + "&enable_seqscan=off&enable_sort=off", Schema: schema(t), GraphFrom: 500}
	o := open(t, cfg)
	ix := openIndex(t, o, spec)
	r := rand.New(rand.NewPCG(1, 2))
	var all []index.Entry
	add := func(n int) {
		b := points(t, r, len(all)+1, n, dims)
		all = append(all, b.Upsert...)
		apply(t, ix, b)
	}
	add(1000)
	for deadline := time.Now().Add(time.Minute); !graph(t, cfg.Schema); {
		if apply(t, ix, index.Batch{Delete: []int64{-1}}); time.Now().After(deadline) {
			t.Fatal("no graph after a minute")
		}
	}
	add(1000) // with the graph there
	const k, queries = 10, 40
	found := 0
	for range queries {
		q := points(t, r, 0, 1, dims).Upsert[0].Vector
		hits, err := ix.Vector(t.Context(), q, k, nil)
		if err != nil || len(hits) != k {
			t.Fatalf("%d hits, %v", len(hits), err)
		}
		right := nearest(all, q, k)
		for i, h := range hits {
			if right[h.ID] {
				found++
			}
			if i > 0 && hits[i-1].Score < h.Score {
				t.Fatalf("not best first: %v", hits)
			}
		}
	}
	if recall := float64(found) / (k * queries); recall < 0.95 {
		t.Errorf("of the nearest %.3f are found", recall)
	}
	few := &index.Filter{Op: index.Range, Field: "n", Max: &index.Bound{Value: values(t, "n", 7.0)[0]}}
	for _, c := range []struct {
		f       *index.Filter
		k, want int
	}{{few, 5, 5}, {few, 50, 7}, {nil, 3000, 2000}} {
		hits, err := ix.Vector(t.Context(), all[0].Vector, c.k, c.f)
		if err != nil || len(hits) != c.want || hits[0].ID != 1 {
			t.Errorf("%d of %d hits, want %d, %v", len(hits), c.k, c.want, err)
		}
	}
	if err := o.Close(); err != nil { // and with it the connections that count
		t.Fatal(err)
	}
	var used int
	scanOne(t, &used, "SELECT idx_scan FROM pg_stat_all_indexes WHERE schemaname = $1 AND indexrelname LIKE 'graph%'", cfg.Schema)
	if used < queries {
		t.Errorf("the graph was used %d times in %d queries", used, queries)
	}
}

func scanOne(tb testing.TB, to any, sql string, args ...any) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), testpg.Vector(tb))
	if err != nil {
		tb.Fatal(err)
	}
	if err := errors.Join(conn.QueryRow(tb.Context(), sql, args...).Scan(to), conn.Close(tb.Context())); err != nil {
		tb.Fatal(err)
	}
}

func graph(tb testing.TB, schema string) (built bool) {
	tb.Helper()
	scanOne(tb, &built, "SELECT bool_and(graph) FROM "+schema+".indexes")
	return built
}

// TestManyProcesses lets several write the same entries at once, in any order.
func TestManyProcesses(t *testing.T) {
	cfg := pgvector.Config{URL: testpg.Vector(t), Schema: schema(t), GraphFrom: 100}
	var g errgroup.Group
	for p := range 4 {
		ix := openIndex(t, open(t, cfg), spec)
		r := rand.New(rand.NewPCG(uint64(p), 3))
		var batches []index.Batch
		for range 15 {
			b := points(t, r, 1+r.IntN(40), 60, dims)
			r.Shuffle(len(b.Upsert), func(i, j int) { b.Upsert[i], b.Upsert[j] = b.Upsert[j], b.Upsert[i] })
			b.Delete, b.Forget = []int64{r.Int64N(99), r.Int64N(99)}, []int64{r.Int64N(99)}
			batches = append(batches, b)
		}
		g.Go(func() error {
			for _, b := range batches {
				if err := ix.Apply(t.Context(), b); err != nil {
					return err
				}
				if _, err := ix.Vector(t.Context(), b.Upsert[0].Vector, 5, nil); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var sound bool
	scanOne(t, &sound, strings.ReplaceAll(`SELECT i.entries = (SELECT count(*) FROM S.entries_1)
		AND i.length = (SELECT sum(length) FROM S.entries_1)
		AND i.length = (SELECT sum(count) FROM S.postings_1)
		AND NOT EXISTS (SELECT FROM S.postings_1 p LEFT JOIN S.entries_1 e ON e.id = p.id WHERE e.length IS DISTINCT FROM p.length)
		FROM S.indexes i`, "S.", cfg.Schema+"."))
	if !sound {
		t.Error("entries, words and counts do not agree")
	}
}

// TestDroppedElsewhere goes on with an index that another process has dropped
// and made again, as a rebuild does.
func TestDroppedElsewhere(t *testing.T) {
	cfg := pgvector.Config{URL: testpg.Vector(t), Schema: schema(t)}
	here, there := open(t, cfg), open(t, cfg)
	ix := openIndex(t, here, spec)
	b := points(t, rand.New(rand.NewPCG(1, 1)), 1, 3, dims)
	apply(t, ix, b)
	if err := there.Drop(t.Context(), spec.Name); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"Apply":  ix.Apply(t.Context(), b),
		"Vector": second(ix.Vector(t.Context(), b.Upsert[0].Vector, 1, nil)),
		"Count":  second(ix.Count(t.Context())),
	} {
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "dropped") {
			t.Errorf("%s on a dropped index: %v", what, err)
		}
	}
	again := openIndex(t, there, spec)
	if n := count(t, ix); n != 0 {
		t.Errorf("made again, it counts %d", n)
	}
	apply(t, ix, b)
	if n := count(t, again); n != 3 {
		t.Errorf("the other process counts %d, want 3", n)
	}
}

func second[T any](_ T, err error) error { return err }

func TestDamage(t *testing.T) {
	cfg := pgvector.Config{URL: testpg.Vector(t), Schema: schema(t)}
	o := open(t, cfg)
	for _, sql := range []string{"DROP TABLE S.postings_1", "UPDATE S.indexes SET format = 0"} {
		openIndex(t, o, spec)
		exec(t, strings.ReplaceAll(sql, "S.", cfg.Schema+"."))
		if _, err := o.Open(t.Context(), spec); !errors.Is(err, index.ErrDamaged) {
			t.Errorf("after %s: %v", sql, err)
		}
		if err := o.Drop(t.Context(), spec.Name); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, openIndex(t, o, spec)); n != 0 {
		t.Errorf("dropped and opened, it counts %d", n)
	}
}

// TestDimensions: what no graph takes is searched exactly, what no table
// takes is refused.
func TestDimensions(t *testing.T) {
	o := open(t, pgvector.Config{URL: testpg.Vector(t), Schema: schema(t), GraphFrom: 1})
	wide := index.Spec{Name: "wide", Dimensions: 5000}
	ix := openIndex(t, o, wide)
	b := points(t, rand.New(rand.NewPCG(1, 1)), 1, 20, wide.Dimensions)
	apply(t, ix, b)
	hits, err := ix.Vector(t.Context(), b.Upsert[6].Vector, 3, nil)
	if err != nil || len(hits) != 3 || hits[0].ID != 7 {
		t.Errorf("%v, %v", hits, err)
	}
	wide.Dimensions = 16_001
	if _, err := o.Open(t.Context(), wide); fault.KindOf(err) != fault.Invalid {
		t.Errorf("opened with %d dimensions: %v", wide.Dimensions, err)
	}
}

// TestKilledServer kills the database right after batches were acknowledged.
func TestKilledServer(t *testing.T) {
	c := testpg.StartVector(t)
	o := open(t, pgvector.Config{URL: c.URL()})
	ix := openIndex(t, o, spec)
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 3 {
		apply(t, ix, points(t, r, 1+n*10, 10, dims))
		c.Kill(t)
		if err := ix.Apply(t.Context(), points(t, r, 1000, 10, dims)); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("without the database: %v", err)
		}
		c.Restart(t)
		for {
			// The first calls meet the connections that broke.
			got, err := ix.Count(t.Context())
			if fault.KindOf(err) == fault.Unavailable && err != nil {
				continue
			}
			if err != nil || got != int64(10*(n+1)) {
				t.Fatalf("%d entries, %v", got, err)
			}
			break
		}
	}
}
