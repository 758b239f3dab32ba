package conform

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// IndexStorage returns a function that makes openers on one fresh, empty
// place: each finds what the ones before it left.
type IndexStorage func(tb testing.TB) func() index.Opener

// Index checks that a driver keeps the contract of package index.
func Index(t *testing.T, storage IndexStorage) {
	for name, test := range map[string]func(*testing.T, IndexStorage){
		"Open":         indexOpen,
		"Drop":         indexDrop,
		"Nearest":      indexNearest,
		"BadVectors":   indexBadVectors,
		"Words":        indexWords,
		"Pseudonyms":   indexPseudonyms,
		"Filters":      indexFilters,
		"WholeRecords": indexWholeRecords,
		"Order":        indexOrder,
		"Scan":         indexScan,
		"Compare":      indexCompare,
		"Cancelled":    indexCancelled,
		"Reopen":       indexReopen,
		"Random":       indexRandom,
		"WholeBatches": indexWholeBatches,
	} {
		t.Run(name, func(t *testing.T) { test(t, storage) })
	}
}

const indexDims = 8

// indexRig is one index with what tests need to fill it.
type indexRig struct {
	testing.TB
	opener func() index.Opener
	spec   index.Spec
	ix     index.Index
}

func startIndex(t testing.TB, storage IndexStorage) *indexRig {
	t.Helper()
	r := &indexRig{TB: t, opener: storage(t), spec: index.Spec{Name: "tickets-1", Dimensions: indexDims}}
	r.ix = r.open(r.spec)
	t.Cleanup(func() { r.must(r.ix.Close()) })
	return r
}

func (r *indexRig) open(spec index.Spec) index.Index {
	r.Helper()
	ix, err := r.opener().Open(r.Context(), spec)
	r.must(err)
	return ix
}

func (r *indexRig) reopen() {
	r.Helper()
	r.must(r.ix.Close())
	r.ix = r.open(r.spec)
}

func (r *indexRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *indexRig) apply(b index.Batch) {
	r.Helper()
	r.must(r.ix.Apply(r.Context(), b))
}

func (r *indexRig) vector(v []float32, k int, f *index.Filter) []index.Hit {
	r.Helper()
	hits, err := r.ix.Vector(r.Context(), v, k, f)
	r.must(err)
	return hits
}

func (r *indexRig) lexical(query gate.Clean, k int, f *index.Filter) []index.Hit {
	r.Helper()
	hits, err := r.ix.Lexical(r.Context(), query, k, f)
	r.must(err)
	return hits
}

func (r *indexRig) wantIDs(what string, hits []index.Hit, want ...int64) {
	r.Helper()
	got := make([]int64, len(hits))
	for i, h := range hits {
		got[i] = h.ID
	}
	if !slices.Equal(got, want) {
		r.Errorf("%s: found %v, want %v", what, got, want)
	}
}

// indexGate is the gate of all index tests.
var indexGate = sync.OnceValues(func() (*gate.Gate, error) {
	return gate.New(gate.Config{Key: []byte(strings.Repeat("k", gate.KeySize))})
})

func (r *indexRig) gate() *gate.Gate {
	r.Helper()
	g, err := indexGate()
	r.must(err)
	return g
}

func (r *indexRig) clean(text string) gate.Clean {
	r.Helper()
	res := r.gate().Clean(r.Context(), &keepAll, []gate.Raw{gate.NewRaw(text)})[0]
	r.must(res.Err)
	return res.Clean
}

// values makes one field's values.
func (r *indexRig) values(field string, value any) []gate.Value {
	r.Helper()
	return r.gate().Metadata(field, value, []string{"open", "closed"})
}

// indexAxis is a unit vector, turned a little towards the last axis.
func indexAxis(i int, turn float32) []float32 {
	v := make([]float32, indexDims)
	v[i] = 1
	v[indexDims-1] += turn
	return v
}

func indexEntry(id, record int64, v []float32, text gate.Clean) index.Entry {
	return index.Entry{ID: id, Record: record, Vector: v, Text: text}
}

func indexOpen(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	if n, err := r.ix.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("a new index counts %d, %v", n, err)
	}
	r.wantIDs("vector search of nothing", r.vector(indexAxis(0, 0), 5, nil))
	r.wantIDs("lexical search of nothing", r.lexical(r.clean("anything"), 5, nil))
	r.apply(index.Batch{Upsert: []index.Entry{indexEntry(1, 1, indexAxis(0, 0), r.clean("one"))}})

	other := r.spec
	other.Name = "tickets-2"
	beside := r.open(other)
	if n, err := beside.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("an index beside another counts %d, %v", n, err)
	}
	r.must(beside.Close())

	wider := r.spec
	wider.Dimensions++
	if _, err := r.opener().Open(t.Context(), wider); fault.KindOf(err) != fault.Conflict {
		t.Errorf("opened with other dimensions: %v", err)
	}
	for _, name := range []string{"", "../tickets", "a/b", "."} {
		if _, err := r.opener().Open(t.Context(), index.Spec{Name: name, Dimensions: 1}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("opened under the name %q: %v", name, err)
		}
	}
}

func indexDrop(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	r.apply(index.Batch{Upsert: []index.Entry{indexEntry(1, 1, indexAxis(0, 0), r.clean("one"))}})
	r.must(r.ix.Close())
	o := r.opener()
	r.must(o.Drop(t.Context(), r.spec.Name))
	r.must(o.Drop(t.Context(), r.spec.Name))
	r.spec.Dimensions = 3
	r.ix = r.open(r.spec)
	if n, err := r.ix.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("after Drop the index counts %d, %v", n, err)
	}
}

func indexNearest(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	none := r.clean("")
	long := indexAxis(0, 0.1)
	for i := range long {
		long[i] *= 1000 // cosine knows no length
	}
	r.apply(index.Batch{Upsert: []index.Entry{
		indexEntry(9, 1, indexAxis(0, 0.5), none), indexEntry(4, 2, indexAxis(0, 0.5), none), indexEntry(6, 2, indexAxis(1, 0), none),
		indexEntry(5, 3, long, none), indexEntry(2, 4, indexAxis(0, 0.5), none),
	}})
	r.wantIDs("the nearest", r.vector(indexAxis(0, 0), 2, nil), 5, 2)
	r.wantIDs("ties by id", r.vector(indexAxis(0, 0), 4, nil), 5, 2, 4, 9)
	r.wantIDs("all", r.vector(indexAxis(0, 0), 100, nil), 5, 2, 4, 9, 6)
	r.wantIDs("none", r.vector(indexAxis(0, 0), 0, nil))
	hits := r.vector([]float32{2, 0, 0, 0, 0, 0, 0, 0}, 1, nil)
	if want := 1 / math.Sqrt(1.01); math.Abs(float64(hits[0].Score)-want) > 1e-5 || hits[0].Record != 3 {
		t.Errorf("nearest is %+v, want score %v of record 3", hits[0], want)
	}
	for name, v := range badIndexVectors() {
		if _, err := r.ix.Vector(t.Context(), v, 1, nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a query that %s: %v", name, err)
		}
	}
}

func badIndexVectors() map[string]([]float32) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	return map[string]([]float32){
		"is empty": nil, "is short": make([]float32, indexDims-1), "is long": append(indexAxis(0, 0), 1),
		"is zero": make([]float32, indexDims), "holds NaN": indexAxis(0, nan), "holds infinity": indexAxis(0, inf),
	}
}

func indexBadVectors(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	for name, v := range badIndexVectors() {
		err := r.ix.Apply(t.Context(), index.Batch{
			Upsert: []index.Entry{indexEntry(1, 1, indexAxis(0, 0), r.clean("good")), indexEntry(777, 1, v, r.clean("bad"))},
			Meta:   map[int64]index.Meta{1: {"status": r.values("status", "open")}},
		})
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), "777") {
			t.Errorf("a vector that %s: %v", name, err)
		}
	}
	if n, err := r.ix.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("a refused batch left %d entries, %v", n, err)
	}
}

func indexWords(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	texts := []string{
		"the printer on the third floor is out of paper",
		"the printer driver fails with ERR-1042 after the update to v2.3.1",
		"refunds are paid to the card within five days of the return",
		"die Rückerstattung dauert fünf Tage",
		"プリンターの電源が入りません",
		"",
	}
	var up []index.Entry
	for i, text := range texts {
		up = append(up, indexEntry(int64(i+1), int64(i+1), indexAxis(i, 0), r.clean(text)))
	}
	r.apply(index.Batch{Upsert: up})
	for query, want := range map[string][]int64{
		"err-1042":               {2},
		"1042":                   {2},
		"V2.3.1":                 {2},
		"Printers paper":         {1, 2},
		"refund":                 {3},
		"RUECKERSTATTUNG":        nil, // a spelling that is not folded
		"rückerstattung":         {4},
		"ruckerstattung":         {4},
		"電源":                     {5},
		"zebra":                  nil,
		"":                       nil,
		"?!":                     nil,
		"paper paper paper days": {1, 3},
	} {
		r.wantIDs(query, r.lexical(r.clean(query), 10, nil), want...)
	}
	if once, thrice := r.lexical(r.clean("paper"), 1, nil), r.lexical(r.clean("paper Paper papers"), 1, nil); once[0].Score != thrice[0].Score {
		t.Errorf("a repeated word counts: %v, %v", once, thrice)
	}
}

func indexPseudonyms(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	p := gate.DefaultPolicy()
	res := r.gate().Clean(t.Context(), &p, []gate.Raw{
		gate.NewRaw("My name is Margaret Atkinson, please call me back."),
		gate.NewRaw("Please send it to [PERSON] in the form."),
	})
	r.must(errors.Join(res[0].Err, res[1].Err))
	r.apply(index.Batch{Upsert: []index.Entry{
		indexEntry(1, 1, indexAxis(0, 0), res[0].Clean), indexEntry(2, 2, indexAxis(0, 0), res[1].Clean),
	}})
	query, err := r.gate().Query(t.Context(), &p, gate.NewRaw("atkinson"))
	r.must(err)
	r.wantIDs("a name by one of its words", r.lexical(query, 5, nil), 1)
	token := query.Terms()[0]
	if !strings.Contains(res[0].Clean.Display(), token) {
		t.Fatalf("the gate did not find the name; the test needs another text")
	}
	r.wantIDs("a pseudonym copied from a hit", r.lexical(r.clean(token), 5, nil), 1)
	r.wantIDs("a part of it", r.lexical(r.clean(token[len(token)-10:]), 5, nil))
}

func indexFilters(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	meta := func(status string, priority float64, tags ...any) index.Meta {
		return index.Meta{
			"status": r.values("status", status), "priority": r.values("priority", priority), "tags": r.values("tags", tags),
			"at": r.values("at", fmt.Sprintf("2024-01-%02.0f", priority)),
		}
	}
	text := r.clean("same words")
	var up []index.Entry
	for i := range int64(6) {
		up = append(up, indexEntry(i+1, 10*(i+1), indexAxis(0, 0), text))
	}
	r.apply(index.Batch{Upsert: up, Meta: map[int64]index.Meta{
		10: meta("open", 1, "vip"), 20: meta("open", 2), 30: meta("closed", 3, "vip", "late"), 40: meta("closed", 4, "late"),
		50: {"priority": r.values("priority", "high"), "vip": r.values("vip", true)}, // 60 has none
	}})
	in := func(field string, values ...any) index.Filter {
		return index.Filter{Op: index.In, Field: field, Values: r.values(field, values)}
	}
	at := func(v any, open bool) *index.Bound { return &index.Bound{Value: r.values("", v)[0], Open: open} }
	between := func(field string, low, high *index.Bound) index.Filter {
		return index.Filter{Op: index.Range, Field: field, Min: low, Max: high}
	}
	node := func(op index.FilterOp, sub ...index.Filter) index.Filter { return index.Filter{Op: op, Sub: sub} }
	open, vip := in("status", "open"), in("tags", "vip")
	for _, c := range []struct {
		name string
		f    index.Filter
		want []int64
	}{
		{"a member", open, []int64{1, 2}},
		{"one of", in("status", "closed", "open"), []int64{1, 2, 3, 4}},
		{"a list's element", vip, []int64{1, 3}},
		{"text as a keyed hash", in("priority", "high"), []int64{5}},
		{"a boolean", in("vip", true), []int64{5}},
		{"a number is no boolean", in("vip", 1.0), nil},
		{"no value", in("status"), nil},
		{"an unknown field", in("nowhere", 1.0), nil},
		{"at least", between("priority", at(2.0, false), nil), []int64{2, 3, 4}},
		{"more", between("priority", at(2.0, true), nil), []int64{3, 4}},
		{"between", between("priority", at(2.0, false), at(4.0, true)), []int64{2, 3}},
		{"a time", between("at", nil, at("2024-01-02", false)), []int64{1, 2}},
		{"a time is no number", between("priority", at("2024-01-02", false), nil), nil},
		{"an unordered bound", between("priority", at("x", false), nil), nil},
		{"no bound", between("priority", nil, nil), []int64{1, 2, 3, 4}},
		{"exists", index.Filter{Op: index.Exists, Field: "tags"}, []int64{1, 3, 4}},
		{"not", node(index.Not, open), []int64{3, 4, 5, 6}},
		{"none of", node(index.Not, open, vip), []int64{4, 5, 6}},
		{"all", node(index.All, open, vip), []int64{1}},
		{"any", node(index.Any, open, vip), []int64{1, 2, 3}},
		{"all of nothing", node(index.All), []int64{1, 2, 3, 4, 5, 6}},
		{"any of nothing", node(index.Any), nil},
		{"nested", node(index.All, node(index.Any, vip, in("tags", "late")), node(index.Not, node(index.All, open, vip))), []int64{3, 4}},
		{"an unknown operator", index.Filter{Op: 99}, nil},
	} {
		r.wantIDs("vector, "+c.name, r.vector(indexAxis(0, 0), 10, &c.f), c.want...)
		r.wantIDs("lexical, "+c.name, r.lexical(text, 10, &c.f), c.want...)
	}
}

func indexWholeRecords(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	word := r.clean("word")
	open := &index.Filter{Op: index.In, Field: "status", Values: r.values("status", "open")}
	status := func(s string) index.Meta { return index.Meta{"status": r.values("status", s)} }

	r.apply(index.Batch{Meta: map[int64]index.Meta{1: status("open")}})
	r.apply(index.Batch{Upsert: []index.Entry{indexEntry(1, 1, indexAxis(0, 0), word), indexEntry(2, 1, indexAxis(1, 0), word), indexEntry(3, 2, indexAxis(2, 0), word)}})
	r.wantIDs("metadata that came first", r.lexical(word, 5, open), 1, 2)
	r.apply(index.Batch{Meta: map[int64]index.Meta{1: status("closed"), 2: status("open")}})
	r.wantIDs("new metadata", r.lexical(word, 5, open), 3)
	r.apply(index.Batch{Meta: map[int64]index.Meta{2: {}}})
	r.wantIDs("metadata taken away", r.lexical(word, 5, open))
	r.apply(index.Batch{Upsert: []index.Entry{indexEntry(1, 2, indexAxis(3, 0), r.clean("moved"))}})
	r.wantIDs("an entry's old words", r.lexical(word, 5, nil), 2, 3)
	r.wantIDs("its new ones", r.lexical(r.clean("moved"), 5, nil), 1)
	r.wantIDs("its new vector", r.vector(indexAxis(3, 0), 1, nil), 1)
	r.apply(index.Batch{Forget: []int64{2, 99}})
	r.wantIDs("after its record is forgotten", r.vector(indexAxis(0, 0), 5, nil), 2)
	r.apply(index.Batch{Meta: map[int64]index.Meta{1: status("open")}, Delete: []int64{2, 2, 77}})
	r.wantIDs("after its deletion", r.vector(indexAxis(0, 0), 5, nil))
	r.apply(index.Batch{Upsert: []index.Entry{indexEntry(8, 1, indexAxis(0, 0), word)}})
	r.wantIDs("metadata outlives passages", r.lexical(word, 5, open), 8)
	r.apply(index.Batch{Forget: []int64{1}})
	r.apply(index.Batch{Upsert: []index.Entry{indexEntry(9, 1, indexAxis(0, 0), word)}})
	r.wantIDs("but not its record", r.lexical(word, 5, open))
	r.apply(index.Batch{})
}

func indexOrder(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	b := index.Batch{
		Forget: []int64{1}, Delete: []int64{1},
		Meta:   map[int64]index.Meta{1: {"status": r.values("status", "open")}},
		Upsert: []index.Entry{indexEntry(1, 1, indexAxis(0, 0), r.clean("first")), indexEntry(1, 1, indexAxis(1, 0), r.clean("last"))},
	}
	f := &index.Filter{Op: index.Exists, Field: "status"}
	for range 2 {
		r.apply(b)
		r.wantIDs("the last of one id", r.lexical(r.clean("last"), 5, f), 1)
		r.wantIDs("the first of one id", r.lexical(r.clean("first"), 5, f))
	}
}

func indexCancelled(t *testing.T, storage IndexStorage) {
	r := startIndex(t, storage)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.ix.Apply(ctx, index.Batch{Upsert: []index.Entry{indexEntry(1, 1, indexAxis(0, 0), r.clean("word"))}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: %v", err)
	}
	if _, err := r.ix.Vector(ctx, indexAxis(0, 0), 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Vector: %v", err)
	}
	if _, err := r.ix.Lexical(ctx, r.clean("word"), 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Lexical: %v", err)
	}
	if _, err := r.ix.Scan(ctx, index.Passages, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan: %v", err)
	}
	if _, err := r.ix.Ranges(ctx, index.Metadata, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Ranges: %v", err)
	}
}
