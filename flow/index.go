package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/internal/telemetry"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// Parts are what the pipelines work with.
type Parts struct {
	Records   record.Store
	Gate      *gate.Gate
	Policies  map[string]gate.Policy
	Embedders map[string]embedding.Embedder
	Vectors   *embedding.Store
	Indexes   *index.Pool
	Engine    pipeline.Engine
	Metrics   *telemetry.Metrics
	Tenant    string
	Log       *slog.Logger
}

// IndexPipeline is the name of the pipeline that takes changes to the index.
const IndexPipeline = "index"

// indexInput is the whole input of a run: the items are what is held under
// the epoch, so an item that was released or buried drops out by itself.
type indexInput struct {
	Epoch int64 `json:"epoch"`
}

// Indexer runs the pipelines that keep indexes: index (gate, split, embed,
// index) and rebuild.
type Indexer struct {
	Parts
	// Retry is for steps and for single items; the zero value is the engine's.
	Retry pipeline.Retry

	guards   guards
	progress sync.Map // of rebuilds that somebody follows: run → func(done, total int64)
}

// Pipelines declares the graphs.
func (x *Indexer) Pipelines() []pipeline.Pipeline {
	step := func(name string, run func(context.Context, *pipeline.Task, *batch) error, after ...string) pipeline.Step {
		return pipeline.Step{Name: name, After: after, Run: x.step(run), Retry: x.Retry}
	}
	return []pipeline.Pipeline{
		{
			Name: IndexPipeline,
			Steps: []pipeline.Step{
				step("gate", x.gate), step("split", x.split, "gate"), step("embed", x.embed, "split"), step("index", x.index, "embed"),
			},
			Failed: x.failed,
		},
		{
			Name:  RebuildPipeline,
			Steps: []pipeline.Step{{Name: "rebuild", Run: x.rebuild, Retry: x.Retry, Timeout: rebuildTimeout}},
		},
	}
}

// guards orders what is done to each index by this process.
type guards struct {
	mu sync.Mutex
	by map[record.GenerationID]*guard
}

type guard struct {
	// whole is held for reading while a step brings the index up to date and
	// settles that, and for writing by whoever must not see it half done: a
	// rebuild would bring back what a change has removed, or leave out what it
	// has added.
	whole sync.RWMutex
	// order is held from the look at the lease to the end of Apply: a worker
	// that has lost its lease must not undo what the next one has applied.
	order sync.Mutex
}

func (g *guards) of(id record.GenerationID) *guard {
	g.mu.Lock()
	defer g.mu.Unlock()
	one := g.by[id]
	if one == nil {
		if g.by == nil {
			g.by = map[record.GenerationID]*guard{}
		}
		one = new(guard)
		g.by[id] = one
	}
	return one
}

// batch is what one step works on.
type batch struct {
	epoch      int64
	collection record.Collection
	generation record.Generation
	policy     gate.Policy
	changes    map[record.Ref]record.Change
	records    map[record.Ref]record.Record
}

// refs lists the records of the batch in order.
func (b *batch) refs() []record.Ref {
	out := make([]record.Ref, 0, len(b.changes))
	for ref := range b.changes {
		out = append(out, ref)
	}
	slices.Sort(out)
	return out
}

// written lists the records whose content is to be processed.
func (b *batch) written() []record.Ref {
	return slices.DeleteFunc(b.refs(), func(ref record.Ref) bool {
		r, ok := b.records[ref]
		return !ok || r.Deleted || b.changes[ref].What&record.Content == 0
	})
}

// gone lists the records that there are no more.
func (b *batch) gone() []record.Ref {
	return slices.DeleteFunc(b.refs(), func(ref record.Ref) bool {
		r, ok := b.records[ref]
		return ok && !r.Deleted
	})
}

// step loads the batch that an attempt works on. A batch that is empty, since
// its lease was lost or every item has dropped out, is done.
func (x *Indexer) step(run func(context.Context, *pipeline.Task, *batch) error) func(context.Context, *pipeline.Task) error {
	return func(ctx context.Context, t *pipeline.Task) error {
		b, err := x.load(ctx, t.Input)
		if err != nil {
			return err
		}
		if b == nil || len(b.changes) == 0 {
			return nil
		}
		return run(ctx, t, b)
	}
}

func (x *Indexer) load(ctx context.Context, input json.RawMessage) (*batch, error) {
	var in indexInput
	if err := json.Unmarshal(input, &in); err != nil {
		return nil, fmt.Errorf("read run's input: %w", err)
	}
	var b *batch
	err := x.Records.View(ctx, func(tx record.Tx) error {
		b = nil
		lease, err := tx.Changes().Held(ctx, in.Epoch)
		if err != nil || len(lease.Changes) == 0 {
			return err
		}
		got := &batch{epoch: in.Epoch, changes: make(map[record.Ref]record.Change, len(lease.Changes))}
		refs := make([]record.Ref, len(lease.Changes))
		for i, c := range lease.Changes {
			got.changes[c.Ref], refs[i] = c, c.Ref
		}
		if got.collection, err = tx.Collections().Find(ctx, lease.Collection); err != nil {
			return err
		}
		if got.generation, err = ActiveGeneration(ctx, tx, lease.Collection); err != nil {
			return err
		}
		if got.records, err = tx.Records().Load(ctx, refs); err != nil {
			return err
		}
		b = got
		return nil
	})
	if err != nil || b == nil {
		return nil, err
	}
	var ok bool
	if b.policy, ok = x.Policies[b.generation.Policy]; !ok {
		return nil, fault.New(fault.Unavailable, "policy %q is not configured; text of %s is held back", b.generation.Policy, b.collection.Name)
	}
	return b, nil
}

// ActiveGeneration finds the generation that a collection is searched by.
func ActiveGeneration(ctx context.Context, tx record.Tx, c record.CollectionID) (record.Generation, error) {
	all, err := tx.Collections().Generations(ctx, c)
	if err != nil {
		return record.Generation{}, err
	}
	for _, g := range all {
		if g.State == record.Active {
			return g, nil
		}
	}
	return record.Generation{}, fault.New(fault.Unavailable, "the collection has no active generation")
}

// gate finds and transforms personal data in the content fields and stages
// the sealed result.
func (x *Indexer) gate(ctx context.Context, t *pipeline.Task, b *batch) error {
	type field struct {
		ref  record.Ref
		name string
		text gate.Raw
	}
	var fields []field
	var texts []gate.Raw
	failed := map[record.Ref]error{}
	for _, ref := range b.written() {
		values := b.records[ref].Fields
		for _, name := range b.collection.Declaration.Content {
			if err := values.CheckText(name); err != nil {
				failed[ref] = err
			} else if text, ok := values.Text(name); ok {
				fields = append(fields, field{ref, name, text})
				texts = append(texts, text)
			}
		}
	}
	results, err := x.clean(ctx, &b.policy, texts)
	if err != nil {
		return err
	}
	recipe := x.Gate.Recipe(&b.policy)
	staged := make([]record.StagedField, 0, len(fields))
	for i, r := range results {
		f := fields[i]
		if r.Err != nil {
			failed[f.ref] = fmt.Errorf("field %s: %w", f.name, r.Err)
			continue
		}
		staged = append(staged, record.StagedField{
			Ref: f.ref, ContentVersion: b.records[f.ref].ContentVersion, Field: f.name, Sealed: x.Gate.Seal(r.Clean, recipe),
		})
	}
	err = x.commit(ctx, b, func(tx record.Tx) error {
		if err := tx.Passages().Stage(ctx, b.epoch, staged); err != nil {
			return err
		}
		if err := x.drop(ctx, tx, t, b, failed); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{"texts": len(texts), "failed": len(failed)})
	})
	if err == nil {
		x.countFindings(results)
	}
	return err
}

// clean runs the gate on all cores.
func (x *Indexer) clean(ctx context.Context, p *gate.Policy, texts []gate.Raw) ([]gate.Result, error) {
	out := make([]gate.Result, len(texts))
	workers := min(runtime.GOMAXPROCS(0), len(texts))
	const chunk = 16
	var g errgroup.Group
	g.SetLimit(max(workers, 1))
	for from := 0; from < len(texts); from += chunk {
		to := min(from+chunk, len(texts))
		g.Go(func() error {
			copy(out[from:to], x.Gate.Clean(ctx, p, texts[from:to]))
			return nil
		})
	}
	return out, errors.Join(g.Wait(), ctx.Err())
}

func (x *Indexer) countFindings(results []gate.Result) {
	type key struct{ entity, action string }
	counts := map[key]int{}
	for _, r := range results {
		for _, f := range r.Findings {
			counts[key{string(f.Entity), string(f.Action)}]++
		}
	}
	for k, n := range counts {
		x.Metrics.Transformed(k.entity, k.action, n)
	}
}

// split cuts the staged fields into passages. Those that a record had before
// keep their id, and with it their place in the index.
func (x *Indexer) split(ctx context.Context, t *pipeline.Task, b *batch) error {
	var staged []record.StagedField
	err := x.Records.View(ctx, func(tx record.Tx) (err error) {
		staged, err = tx.Passages().Staged(ctx, b.epoch)
		return err
	})
	if err != nil {
		return err
	}
	sets := map[record.Ref]*record.PassageSet{}
	for _, ref := range b.written() {
		sets[ref] = &record.PassageSet{Ref: ref, ContentVersion: b.records[ref].ContentVersion}
	}
	failed := map[record.Ref]error{}
	for _, f := range staged {
		set, ok := sets[f.Ref]
		if !ok {
			continue
		}
		set.ContentVersion = f.ContentVersion
		if err := x.cut(set, f, b.generation.Chunking); err != nil {
			failed[f.Ref] = fmt.Errorf("field %s: %w", f.Field, err)
		}
	}
	list, made := make([]record.PassageSet, 0, len(sets)), 0
	for _, ref := range b.written() {
		if failed[ref] == nil {
			list = append(list, *sets[ref])
			made += len(sets[ref].Passages)
		}
	}
	return x.commit(ctx, b, func(tx record.Tx) error {
		if err := tx.Passages().Replace(ctx, b.generation.ID, list); err != nil {
			return err
		}
		if err := tx.Passages().Unstage(ctx, b.epoch); err != nil {
			return err
		}
		if err := x.drop(ctx, tx, t, b, failed); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{"passages": made})
	})
}

func (x *Indexer) cut(set *record.PassageSet, f record.StagedField, size record.Chunking) error {
	text, recipe, err := x.Gate.Open(f.Sealed)
	if err != nil {
		return err
	}
	pieces, err := Split(text, size)
	if err != nil {
		return err
	}
	for _, p := range pieces {
		start, end := p.Source()
		set.Passages = append(set.Passages, record.Passage{
			Ref: f.Ref, ContentVersion: f.ContentVersion, Field: f.Field, Ordinal: len(set.Passages),
			Start: start, End: end,
			Text:    embedding.TextDigest(x.Tenant, p),
			Display: digest.Of("display", p.Display()),
			Sealed:  x.Gate.Seal(p, recipe),
		})
	}
	return nil
}

// embed computes the vectors that do not exist yet.
func (x *Indexer) embed(ctx context.Context, t *pipeline.Task, b *batch) error {
	embedder, err := x.embedder(b.generation)
	if err != nil {
		return err
	}
	passages, err := x.passages(ctx, b, b.written())
	if err != nil {
		return err
	}
	var texts []embedding.EnsureText
	var owner []record.Ref
	failed := map[record.Ref]error{}
	for _, p := range passages {
		if p.State != record.Fresh {
			continue
		}
		clean, _, err := x.Gate.Open(p.Sealed)
		if err != nil {
			failed[p.Ref] = fmt.Errorf("passage %d: %w", p.ID, err)
			continue
		}
		texts = append(texts, embedding.EnsureText{Text: p.Text, Clean: clean})
		owner = append(owner, p.Ref)
	}
	done, err := x.Vectors.Ensure(ctx, embedder, texts)
	if err != nil {
		return err
	}
	for i, err := range done.Failed {
		failed[owner[i]] = err
	}
	return x.commit(ctx, b, func(tx record.Tx) error {
		if err := x.drop(ctx, tx, t, b, failed); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{"computed": done.Computed, "reused": done.Reused, "tokens": done.Usage.Tokens})
	})
}

func (x *Indexer) embedder(g record.Generation) (embedding.Embedder, error) {
	e, ok := x.Embedders[g.Model]
	if !ok {
		return nil, fault.New(fault.Unavailable, "model %q is not configured; declare it under `models:`", g.Model)
	}
	if space := e.Model().Fingerprint(); space != g.Space {
		return nil, fault.New(fault.Unavailable, "model %q is now %s, but generation %d was built with %s; declare the old one under another name or upgrade",
			g.Model, space.Short(), g.ID, g.Space.Short())
	}
	return e, nil
}

func (x *Indexer) passages(ctx context.Context, b *batch, refs []record.Ref) (out []record.Passage, err error) {
	err = x.Records.View(ctx, func(tx record.Tx) (err error) {
		out, err = tx.Passages().Of(ctx, b.generation.ID, refs)
		return err
	})
	return out, err
}

// Spec names the index of a generation.
func Spec(g record.Generation) index.Spec {
	return index.Spec{Name: fmt.Sprintf("g%d", g.ID), Dimensions: g.Dimensions}
}

// index brings the index up to date and ends the work on the changes. The
// index is changed before the transaction: should the process die between
// them, the batch is applied again, which changes nothing.
func (x *Indexer) index(ctx context.Context, t *pipeline.Task, b *batch) error {
	guard := x.guards.of(b.generation.ID)
	guard.whole.RLock()
	defer guard.whole.RUnlock()
	passages, err := x.passages(ctx, b, b.refs())
	if err != nil {
		return err
	}
	update, fresh, removed, err := x.update(ctx, b, passages)
	if err != nil {
		return err
	}
	if err := x.apply(ctx, b, guard, update); err != nil {
		return err
	}
	changes := make([]record.Change, 0, len(b.changes))
	for _, ref := range b.refs() {
		changes = append(changes, b.changes[ref])
	}
	return x.commit(ctx, b, func(tx record.Tx) error {
		done, err := tx.Changes().Complete(ctx, b.epoch, changes)
		if err != nil {
			return err
		}
		if err := tx.Passages().RemoveAll(ctx, b.generation.ID, b.gone()); err != nil {
			return err
		}
		if err := tx.Passages().Settle(ctx, b.generation.ID, fresh, removed); err != nil {
			return err
		}
		if err := tx.DeadLetters().Resolve(ctx, done, time.Now()); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{"records": len(done), "added": len(fresh), "removed": len(removed)})
	})
}

func (x *Indexer) apply(ctx context.Context, b *batch, guard *guard, up index.Batch) error {
	guard.order.Lock()
	defer guard.order.Unlock()
	err := x.Records.View(ctx, func(tx record.Tx) error { return stillHeld(ctx, tx, b) })
	if err != nil {
		return err
	}
	ix, err := x.Indexes.Get(ctx, Spec(b.generation))
	if err != nil {
		return err
	}
	return ix.Apply(ctx, up)
}

// update works out what the index must take up for a batch.
func (x *Indexer) update(ctx context.Context, b *batch, passages []record.Passage) (up index.Batch, fresh, removed []record.PassageID, err error) {
	up.Meta = map[int64]index.Meta{}
	for _, ref := range b.refs() {
		if r, ok := b.records[ref]; ok && !r.Deleted {
			up.Meta[int64(ref)] = x.meta(&b.collection.Declaration, r.Fields)
		} else {
			up.Forget = append(up.Forget, int64(ref))
		}
	}
	var need []digest.Digest
	for _, p := range passages {
		if _, live := up.Meta[int64(p.Ref)]; !live || p.State == record.Removed {
			removed = append(removed, p.ID)
			up.Delete = append(up.Delete, int64(p.ID))
		} else if p.State == record.Fresh {
			need = append(need, p.Text)
		}
	}
	vectors, err := x.Vectors.Load(ctx, b.generation.Space, need)
	if err != nil {
		return up, nil, nil, err
	}
	for _, p := range passages {
		if _, live := up.Meta[int64(p.Ref)]; !live || p.State != record.Fresh {
			continue
		}
		v, ok := vectors[p.Text]
		if !ok {
			return up, nil, nil, fault.New(fault.Internal, "passage %d has no vector after the embed step", p.ID)
		}
		clean, _, err := x.Gate.Open(p.Sealed)
		if err != nil {
			return up, nil, nil, fmt.Errorf("passage %d: %w", p.ID, err)
		}
		up.Upsert = append(up.Upsert, index.Entry{ID: int64(p.ID), Record: int64(p.Ref), Vector: v, Text: clean})
		fresh = append(fresh, p.ID)
	}
	return up, fresh, removed, nil
}

func (x *Indexer) meta(d *record.Declaration, fields record.Fields) index.Meta {
	m := make(index.Meta, len(d.Metadata))
	for _, name := range d.Metadata {
		if v := x.Gate.Metadata(name, fields[name], d.Enums[name]); len(v) > 0 {
			m[name] = v
		}
	}
	return m
}

// commit runs fn in a transaction if every item of the batch is still held
// under its lease. A worker that has lost one changes nothing, and the step
// starts again with what is left.
func (x *Indexer) commit(ctx context.Context, b *batch, fn func(tx record.Tx) error) error {
	return x.Records.Update(ctx, func(tx record.Tx) error {
		if err := stillHeld(ctx, tx, b); err != nil {
			return err
		}
		return fn(tx)
	})
}

func stillHeld(ctx context.Context, tx record.Tx, b *batch) error {
	lease, err := tx.Changes().Held(ctx, b.epoch)
	if err != nil {
		return err
	}
	if lost := len(b.changes) - len(lease.Changes); lost != 0 {
		return fault.New(fault.Unavailable, "the lease of %d records was lost", lost)
	}
	return nil
}

// drop takes items that failed out of the batch: back to the queue if the
// fault is transient, to the dead letters if not. The others go on.
func (x *Indexer) drop(ctx context.Context, tx record.Tx, t *pipeline.Task, b *batch, failed map[record.Ref]error) error {
	for _, ref := range b.refs() {
		err, bad := failed[ref]
		if !bad {
			continue
		}
		tries := b.changes[ref].Attempts + 1
		if fault.Retryable(err) && tries < x.Retry.Limit() {
			if err := tx.Changes().Release(ctx, b.epoch, []record.Ref{ref}, time.Now().Add(x.Retry.Wait(tries, err)), false); err != nil {
				return err
			}
			continue
		}
		letter := record.DeadLetter{
			Collection: b.collection.ID, Ref: ref, Pipeline: t.Pipeline, Step: t.Step, Run: t.Run, Attempts: tries,
		}
		if err := x.bury(ctx, tx, b.epoch, letter, err); err != nil {
			return err
		}
	}
	return nil
}

func (x *Indexer) bury(ctx context.Context, tx record.Tx, epoch int64, letter record.DeadLetter, cause error) error {
	now := time.Now()
	letter.Kind, letter.Message = fault.KindOf(cause), fault.Public(cause)
	letter.FirstAt, letter.LastAt = now, now
	if err := tx.Changes().Bury(ctx, epoch, []record.Ref{letter.Ref}); err != nil {
		return err
	}
	return tx.DeadLetters().Put(ctx, letter)
}

// failed is what becomes of a batch whose step failed as a whole. The fault
// may lie with one of its items, a transient one too, as where a text makes a
// model time out: each is tried alone, so that one bad item stops nothing. An
// item that fails alone becomes a dead letter.
func (x *Indexer) failed(ctx context.Context, tx record.Tx, f pipeline.Failure) error {
	var in indexInput
	if err := json.Unmarshal(f.Input, &in); err != nil {
		return fmt.Errorf("read run's input: %w", err)
	}
	lease, err := tx.Changes().Held(ctx, in.Epoch)
	if err != nil {
		return err
	}
	if err := tx.Passages().Unstage(ctx, in.Epoch); err != nil {
		return err
	}
	if len(lease.Changes) > 1 {
		refs := make([]record.Ref, len(lease.Changes))
		for i, c := range lease.Changes {
			refs[i] = c.Ref
		}
		return tx.Changes().Release(ctx, in.Epoch, refs, time.Now(), true)
	}
	for _, c := range lease.Changes {
		letter := record.DeadLetter{
			Collection: lease.Collection, Ref: c.Ref, Pipeline: f.Pipeline, Step: f.Step, Run: f.Run, Attempts: c.Attempts + f.Attempts,
		}
		if err := x.bury(ctx, tx, in.Epoch, letter, f.Err); err != nil {
			return err
		}
	}
	return nil
}
