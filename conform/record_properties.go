package conform

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Random sequences of operations are run on the store and on a model that is
// too simple to be wrong in the same way; after each step both must agree. A
// failure names its seed.
var propertyCases = map[string]func(*recordBox){
	"records and changes": func(b *recordBox) {
		for seed := range uint64(4) {
			c := b.declare(fmt.Sprintf("c%d", seed))
			m := &recordModel{recordBox: b, c: c, rnd: seeded(seed), records: map[string]*modelRecord{}, changes: map[record.Ref]*modelChange{}}
			for step := range 150 {
				m.name = fmt.Sprintf("seed %d, step %d", seed, step)
				m.step()
				if m.check(); b.Failed() {
					b.FailNow()
				}
			}
			b.update(func(ctx context.Context, tx record.Tx) error { return tx.Collections().Drop(ctx, c.ID) })
		}
	},
	"passages": func(b *recordBox) {
		c := b.declare("a")
		g := b.generation(c)
		for seed := range uint64(20) {
			passageProperty(b, c, g, seed)
		}
	},
}

func seeded(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 1))
}

// modelRecord is what the store should hold for a record.
type modelRecord struct {
	ref              record.Ref
	version, content int64
	change           int64
	deleted          bool
	fields           map[string]string
	versions         int
}

// modelChange is what the queue should hold for a record.
type modelChange struct {
	number, first   int64
	written, leased record.Changed
	leasedNumber    int64
	epoch           int64
	until           time.Time
	notBefore       time.Time
	attempts, lost  int
	alone, buried   bool
}

type recordModel struct {
	*recordBox
	c       *record.Collection
	rnd     *rand.Rand
	name    string
	records map[string]*modelRecord
	changes map[record.Ref]*modelChange
	latest  int64
	epochs  []int64
}

func (m *recordModel) step() {
	switch m.rnd.IntN(12) {
	case 0, 1, 2, 3:
		m.writeSome()
	case 4, 5, 6:
		m.leaseSome()
	case 7, 8:
		m.completeSome()
	case 9:
		m.releaseSome()
	case 10:
		m.burySome()
	case 11:
		switch m.rnd.IntN(6) {
		case 0:
			m.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Reset(ctx) })
			for _, q := range m.changes {
				if q.epoch != 0 {
					q.epoch, q.lost = 0, q.lost+1
				}
			}
		case 1:
			m.touchAll()
		case 2:
			m.reviveSome()
		default:
			m.now = m.now.Add(time.Duration(m.rnd.IntN(40)) * time.Second)
		}
	}
}

func (m *recordModel) writeSome() {
	writes := make([]record.Write, 1+m.rnd.IntN(6))
	for i := range writes {
		w := record.Write{ID: fmt.Sprint(m.rnd.IntN(10)), Op: record.Op(m.rnd.IntN(3))} //nolint:gosec // 0 to 2
		if w.Op != record.Delete {
			w.Fields = record.Fields{}
			for _, f := range []string{"body", "n"} {
				if m.rnd.IntN(3) > 0 {
					w.Fields[f] = fmt.Sprint(m.rnd.IntN(2))
				} else if w.Op == record.Patch && m.rnd.IntN(4) == 0 {
					w.Fields[f] = nil
				}
			}
		}
		if m.rnd.IntN(5) == 0 {
			w.IfVersion = new(int64)
			if r := m.records[w.ID]; r != nil && m.rnd.IntN(2) == 0 {
				*w.IfVersion = r.version
			}
		}
		writes[i] = w
	}
	for i, got := range m.write(m.c, writes...) {
		m.applyWrite(fmt.Sprintf("%s, write %d", m.name, i), writes[i], got)
	}
}

func (m *recordModel) applyWrite(at string, w record.Write, got record.Written) {
	r := m.records[w.ID]
	live := r != nil && !r.deleted
	kind, fails := fault.Internal, true
	switch {
	case w.IfVersion != nil && *w.IfVersion == 0 && live, w.IfVersion != nil && *w.IfVersion != 0 && (r == nil || *w.IfVersion != r.version):
		kind = fault.Conflict
	case w.Op != record.Put && r == nil, w.Op == record.Patch && !live:
		kind = fault.NotFound
	default:
		fails = false
	}
	if fails {
		if got.Err == nil || fault.KindOf(got.Err) != kind {
			m.Errorf("%s: got %+v, want an error of kind %v", at, got, kind)
		}
		return
	}
	next := map[string]string{}
	if w.Op == record.Patch {
		maps.Copy(next, r.fields)
	}
	for f, v := range w.Fields {
		if v == nil {
			delete(next, f)
		} else {
			next[f] = fmt.Sprint(v)
		}
	}
	var what record.Changed
	switch {
	case w.Op == record.Delete && live:
		what, next = record.Gone, nil
	case w.Op == record.Delete:
	case !live:
		what = record.Content
	default:
		if next["body"] != r.fields["body"] || len(next["body"]) != len(r.fields["body"]) {
			what |= record.Content
		}
		if next["n"] != r.fields["n"] {
			what |= record.Metadata
		}
	}
	if what == 0 {
		m.equal(at, got, record.Written{Ref: r.ref, Version: r.version, ContentVersion: r.content})
		return
	}
	if r == nil {
		r = &modelRecord{ref: got.Ref}
		m.records[w.ID] = r
	}
	r.version++
	r.versions++
	if what != record.Metadata {
		r.content = r.version
	}
	r.fields, r.deleted = next, w.Op == record.Delete
	m.equal(at, got, record.Written{Ref: r.ref, Version: r.version, ContentVersion: r.content, Change: got.Change})
	if got.Change <= m.latest {
		m.Errorf("%s: change %d comes after %d", at, got.Change, m.latest)
	}
	r.change = got.Change
	m.enqueue(r.ref, got.Change, what)
}

func (m *recordModel) enqueue(ref record.Ref, number int64, what record.Changed) {
	m.latest = number
	q := m.changes[ref]
	switch {
	case q == nil:
		q = &modelChange{first: number}
		m.changes[ref] = q
	case q.buried:
		*q = modelChange{first: number, leased: q.leased, written: q.written}
	}
	q.number = number
	q.written |= what
}

// expire frees what is held under leases that have ended by now.
func (m *recordModel) expire() {
	for _, q := range m.changes {
		if q.epoch != 0 && !q.until.After(m.now) {
			q.epoch, q.lost = 0, q.lost+1
		}
	}
}

func (q *modelChange) ready(now time.Time) bool {
	return !q.buried && q.epoch == 0 && !q.notBefore.After(now)
}

func (m *recordModel) leaseSome() {
	m.expire()
	limit := 1 + m.rnd.IntN(5)
	l := m.lease(limit)
	var line []record.Ref
	for ref, q := range m.changes {
		if q.ready(m.now) {
			line = append(line, ref)
		}
	}
	slices.SortFunc(line, func(a, b record.Ref) int {
		if d := m.changes[a].first - m.changes[b].first; d != 0 {
			return int(d)
		}
		return int(a - b)
	})
	if (len(line) == 0) != (len(l.Changes) == 0) || len(l.Changes) > limit {
		m.Errorf("%s: leased %+v of %d that are ready", m.name, l, len(line))
		return
	}
	if len(line) == 0 {
		return
	}
	m.epochs = append(m.epochs, l.Epoch)
	if l.Changes[0].Ref != line[0] {
		m.Errorf("%s: leased %d first, not %d", m.name, l.Changes[0].Ref, line[0])
	}
	last := -1
	for _, c := range l.Changes {
		q, place := m.changes[c.Ref], slices.Index(line, c.Ref)
		if place <= last {
			m.Errorf("%s: %+v is not ready, or out of line", m.name, c)
			return
		}
		last = place
		if len(l.Changes) > 1 && (q.alone || q.lost > 2) {
			m.Errorf("%s: %+v must be alone", m.name, c)
		}
		m.equal(m.name, c, record.Change{Ref: c.Ref, Number: q.number, What: q.written | q.leased, Attempts: q.attempts})
		q.epoch, q.until, q.attempts, q.notBefore = l.Epoch, m.now.Add(time.Minute), q.attempts+1, time.Time{}
		q.leased, q.written, q.leasedNumber = q.leased|q.written, 0, q.number
	}
}

// someLease picks an epoch, not always one that is current, and some refs, of
// which not all are held under it.
func (m *recordModel) someLease() (int64, []record.Change) {
	if len(m.epochs) == 0 {
		return 99, nil
	}
	epoch := m.epochs[m.rnd.IntN(len(m.epochs))]
	if m.rnd.IntN(3) > 0 {
		epoch = m.epochs[len(m.epochs)-1]
	}
	var some []record.Change
	for _, ref := range slices.Sorted(maps.Keys(m.changes)) {
		if q := m.changes[ref]; q.epoch == epoch && m.rnd.IntN(4) > 0 || m.rnd.IntN(10) == 0 {
			some = append(some, record.Change{Ref: ref, Number: q.leasedNumber})
		}
	}
	return epoch, some
}

func (m *recordModel) completeSome() {
	epoch, some := m.someLease()
	var want []record.Ref
	for _, c := range some {
		q := m.changes[c.Ref]
		if q.epoch != epoch {
			continue
		}
		want = append(want, c.Ref)
		if q.number <= c.Number {
			delete(m.changes, c.Ref)
		} else {
			*q = modelChange{number: q.number, first: c.Number + 1, written: q.written}
		}
	}
	got := m.complete(epoch, some...)
	slices.Sort(got)
	m.equal(m.name+", completed", got, want)
}

func refsIn(changes []record.Change) []record.Ref { return leasedRefs(record.Lease{Changes: changes}) }

func (m *recordModel) releaseSome() {
	epoch, some := m.someLease()
	var notBefore time.Time
	if m.rnd.IntN(2) == 0 {
		notBefore = m.now.Add(time.Duration(m.rnd.IntN(60)) * time.Second)
	}
	how := []record.Released{record.Tried, record.Alone, record.Untried}[m.rnd.IntN(3)]
	m.release(epoch, notBefore, how, refsIn(some)...)
	for _, c := range some {
		if q := m.changes[c.Ref]; q.epoch == epoch {
			q.epoch, q.notBefore, q.alone = 0, notBefore, how == record.Alone || how == record.Untried && q.alone
			if how == record.Untried {
				q.attempts--
			}
		}
	}
}

func (m *recordModel) burySome() {
	epoch, some := m.someLease()
	m.bury(epoch, refsIn(some)...)
	for _, c := range some {
		if q := m.changes[c.Ref]; q.epoch == epoch {
			q.epoch, q.buried = 0, true
		}
	}
}

func (m *recordModel) reviveSome() {
	var some []record.Ref
	for ref, q := range m.changes {
		if m.rnd.IntN(2) == 0 {
			some = append(some, ref)
			if q.buried {
				q.buried, q.attempts, q.lost, q.alone = false, 0, 0, false
			}
		}
	}
	m.update(func(ctx context.Context, tx record.Tx) error {
		return tx.Changes().Revive(ctx, m.generation(m.c), some)
	})
}

func (m *recordModel) touchAll() {
	m.update(func(ctx context.Context, tx record.Tx) error {
		return tx.Changes().Touch(ctx, m.generation(m.c), nil, record.Metadata)
	})
	number := m.pending(m.c).Latest
	if number <= m.latest {
		m.Errorf("%s: latest went from %d to %d", m.name, m.latest, number)
	}
	m.latest = number
	for _, r := range m.records {
		if !r.deleted {
			m.enqueue(r.ref, number, record.Metadata)
		}
	}
}

// check compares the store with the model.
func (m *recordModel) check() {
	want := record.Pending{Applied: m.latest, Latest: m.latest}
	for _, q := range m.changes {
		if !q.buried {
			want.Count++
			want.Applied = min(want.Applied, q.first-1)
		}
	}
	got := m.pending(m.c)
	got.Oldest = time.Time{}
	m.equal(m.name+", pending", got, want)
	live := 0
	ids := slices.Sorted(maps.Keys(m.records))
	for i, r := range m.get(m.c, ids...) {
		w := m.records[ids[i]]
		if !w.deleted {
			live++
		}
		m.equal(m.name+", record", []any{r.Ref, r.Version, r.ContentVersion, r.Change, r.Deleted},
			[]any{w.ref, w.version, w.content, w.change, w.deleted})
		for f, v := range w.fields {
			if r.Fields[f] != v {
				m.Errorf("%s: record %s has another %s", m.name, ids[i], f)
			}
		}
		if len(r.Fields) != len(w.fields) {
			m.Errorf("%s: record %s has %d fields, want %d", m.name, ids[i], len(r.Fields), len(w.fields))
		}
	}
	m.equal(m.name+", count", m.count(m.c), live)
	for _, id := range ids {
		if m.rnd.IntN(10) == 0 {
			m.equal(m.name+", versions", len(m.history(m.records[id].ref)), min(100, m.records[id].versions))
		}
	}
	for _, epoch := range m.epochs[max(0, len(m.epochs)-2):] {
		m.checkHeld(epoch)
	}
}

func (m *recordModel) checkHeld(epoch int64) {
	want := map[record.Ref]record.Change{}
	for ref, q := range m.changes {
		if q.epoch == epoch {
			want[ref] = record.Change{Ref: ref, Number: q.leasedNumber, What: q.leased, Attempts: q.attempts - 1}
		}
	}
	got := map[record.Ref]record.Change{}
	for _, c := range m.held(epoch) {
		got[c.Ref] = c
	}
	m.equal(m.name+", held", got, want)
}

// passageProperty replaces one record's passages by random ones again and
// again. Whatever has a partner in what was there keeps its id.
func passageProperty(b *recordBox, c *record.Collection, g record.GenerationID, seed uint64) {
	rnd := seeded(seed)
	id := fmt.Sprint(seed)
	ref := b.mustWrite(c, put(id, "x", 1))[0]
	before := b.passageCount(g)
	indexed := map[record.PassageID]bool{}
	was := map[string][]record.PassageID{}
	for version := int64(1); version <= 12; version++ {
		words := make([]string, rnd.IntN(8))
		for i := range words {
			words[i] = []string{"a", "b", "c", "d"}[rnd.IntN(4)]
		}
		b.replace(g, set(ref, version, strings.Join(words, " ")))
		now := map[string][]record.PassageID{}
		live := 0
		for _, p := range b.passages(g, ref) {
			if p.State == record.Removed {
				continue
			}
			if live >= len(words) || p.Ordinal != live || string(p.Sealed[0]) != words[live] || p.ContentVersion != version {
				b.Fatalf("seed %d, version %d: passage %d is %+v", seed, version, live, p)
			}
			if (p.State == record.Indexed) != indexed[p.ID] {
				b.Fatalf("seed %d, version %d: passage %d changed its state", seed, version, p.ID)
			}
			now[words[live]] = append(now[words[live]], p.ID)
			live++
		}
		b.equal("passages", live, len(words))
		for w, ids := range now {
			kept := min(len(ids), len(was[w]))
			b.equal(fmt.Sprintf("seed %d, version %d, kept", seed, version), ids[:kept], was[w][:kept])
			for _, fresh := range ids[kept:] {
				if indexed[fresh] {
					b.Errorf("seed %d, version %d: id %d was given twice", seed, version, fresh)
				}
			}
		}
		b.equal("count", b.passageCount(g)-before, len(words))
		was = now
		settleSome(b, g, ref, rnd, indexed)
	}
}

// settleSome settles a random part of what is to be done.
func settleSome(b *recordBox, g record.GenerationID, ref record.Ref, rnd *rand.Rand, indexed map[record.PassageID]bool) {
	var fresh, removed []record.PassageID
	for _, p := range b.passages(g, ref) {
		if rnd.IntN(2) == 0 {
			continue
		}
		switch p.State {
		case record.Fresh:
			fresh = append(fresh, p.ID)
			indexed[p.ID] = true
		case record.Removed:
			removed = append(removed, p.ID)
		case record.Indexed:
		}
	}
	b.settle(g, fresh, removed)
}
