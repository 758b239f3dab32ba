package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
	Vault     *gate.Vault // nil where no policy restores pseudonyms
	Policies  map[string]gate.Policy
	Embedders map[string]embedding.Embedder
	Vectors   *embedding.Store
	Indexes   *index.Pool
	Sources   *Sources // what collections are attached to; nil if none can be
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
	// MaxDelete is the share of an index that a reconcile may delete unasked;
	// 0 is DefaultMaxDelete.
	MaxDelete float64

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
			Name: RebuildPipeline,
			Steps: []pipeline.Step{
				{Name: "empty", Run: x.empty, Retry: x.Retry},
				{Name: "refill", After: []string{"empty"}, Run: x.refill, Retry: x.Retry, Timeout: rebuildTimeout},
			},
		},
		{
			Name:  ReconcilePipeline,
			Steps: []pipeline.Step{{Name: "reconcile", Run: x.reconcile, Retry: x.Retry, Timeout: rebuildTimeout}},
		},
	}
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

// FindGeneration finds a generation of a collection by its number.
func FindGeneration(ctx context.Context, tx record.Tx, c record.CollectionID, id record.GenerationID) (record.Generation, error) {
	all, err := tx.Collections().Generations(ctx, c)
	if err != nil {
		return record.Generation{}, err
	}
	for _, g := range all {
		if g.ID == id {
			return g, nil
		}
	}
	return record.Generation{}, fault.New(fault.NotFound, "the collection has no generation %d", id)
}

// Generation is what a collection's declaration asks for, built with a model
// and a policy; its state and number are still to be given.
func (p *Parts) Generation(c *record.Collection, policy gate.Policy, model embedding.Model) record.Generation {
	d := &c.Declaration
	return record.Generation{
		Collection: c.ID, State: record.Building, Declaration: *d, Content: d.Content, Model: d.Model, Space: model.Fingerprint(),
		Dimensions: model.Dimensions, Recipe: p.Gate.Recipe(&policy), Policy: policy, Chunking: d.Chunking, CreatedAt: time.Now(),
	}
}

// TouchFed makes every live record pending in each generation that is fed.
func TouchFed(ctx context.Context, tx record.Tx, c record.CollectionID, what record.Changed) error {
	all, err := tx.Collections().Generations(ctx, c)
	for _, g := range all {
		if err == nil && g.State.Fed() {
			err = tx.Changes().Touch(ctx, g.ID, nil, what)
		}
	}
	return err
}

// Policy is what the text of a generation is made clean under: the policy
// that it was built with, whatever has become of the configuration.
func (p *Parts) Policy(g record.Generation) (gate.Policy, error) {
	if g.Policy.Otherwise.Action != "" {
		return g.Policy, nil
	}
	// Of before generations kept their policy.
	policy, ok := p.Policies[g.Policy.Name]
	if !ok {
		return policy, fault.New(fault.Unavailable, "policy %q is not configured; text is held back", g.Policy.Name)
	}
	return policy, nil
}

// gate finds and transforms personal data in the content fields and stages
// the sealed result.
func (x *Indexer) gate(ctx context.Context, t *pipeline.Task, b *batch) error {
	if err := x.ready(ctx, b); err != nil {
		return x.postpone(ctx, t, b, err)
	}
	type field struct {
		ref  record.Ref
		name string
	}
	var fields []field
	var texts []gate.Text
	failed := map[record.Ref]error{}
	d := b.declaration()
	for _, ref := range b.written() {
		values := b.records[ref].Fields
		subject := d.SubjectOf(values)
		for _, name := range b.generation.Content {
			if err := values.CheckText(name); err != nil {
				failed[ref] = err
			} else if text, ok := values.Text(name); ok {
				fields = append(fields, field{ref, name})
				texts = append(texts, gate.Text{
					Raw: text, Class: string(d.Classification[name]), Subject: subject, Record: gate.NewRaw(d.Collection + "/" + b.records[ref].ID),
				})
			}
		}
	}
	results, err := x.clean(ctx, &b.policy, texts)
	if err != nil {
		return err
	}
	recipe := x.Gate.Recipe(&b.policy)
	var secrets []gate.Secret
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
		secrets = append(secrets, r.Secrets...)
	}
	err = x.commit(ctx, b, func(tx record.Tx) error {
		if err := tx.Passages().Stage(ctx, b.epoch, staged); err != nil {
			return err
		}
		if err := x.keep(ctx, tx, secrets); err != nil {
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

// keep stores what restorable pseudonyms stand for.
func (x *Indexer) keep(ctx context.Context, tx record.Tx, secrets []gate.Secret) error {
	if len(secrets) == 0 {
		return nil
	}
	if x.Vault == nil {
		return fault.New(fault.Unavailable, "the policy has pseudonyms that may be restored, but no vault is configured; text is held back")
	}
	return x.Vault.Keep(ctx, tx.Vault(), secrets)
}

// clean runs the gate on all cores.
func (x *Indexer) clean(ctx context.Context, p *gate.Policy, texts []gate.Text) ([]gate.Result, error) {
	out := make([]gate.Result, len(texts))
	workers := min(runtime.GOMAXPROCS(0), len(texts))
	const chunk = 16
	var g errgroup.Group
	g.SetLimit(max(workers, 1))
	for from := 0; from < len(texts); from += chunk {
		to := min(from+chunk, len(texts))
		g.Go(func() error {
			copy(out[from:to], x.Gate.CleanTexts(ctx, p, texts[from:to]))
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
		sets[ref] = &record.PassageSet{Ref: ref, ContentVersion: b.records[ref].ContentVersion, Run: t.Run}
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
	embedder, err := x.Embedder(b.generation)
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
	done, err := x.Vectors.Ensure(ctx, embedding.For(embedder, embedding.Bill{Collection: b.collection.ID}), texts)
	if embedding.Blocked(err) {
		return x.postpone(ctx, t, b, err)
	}
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

// Embedder finds the model that a generation was built with: by its name, or
// whatever name the configuration has for the same fingerprint now.
func (p *Parts) Embedder(g record.Generation) (embedding.Embedder, error) {
	named, ok := p.Embedders[g.Model]
	if ok && named.Model().Fingerprint() == g.Space {
		return named, nil
	}
	for _, name := range slices.Sorted(maps.Keys(p.Embedders)) {
		if e := p.Embedders[name]; e.Model().Fingerprint() == g.Space {
			return e, nil
		}
	}
	if !ok {
		return nil, fault.New(fault.Unavailable, "model %q is not configured; declare it under `models:`", g.Model)
	}
	return nil, embedding.Changed(g.Model, named.Model().Fingerprint(), g.Space, g.ID)
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
	passages, err := x.passages(ctx, b, b.refs())
	if err != nil {
		return err
	}
	update, fresh, removed, err := x.update(ctx, b, passages)
	if err != nil {
		return err
	}
	if err := x.apply(ctx, b, update); err != nil {
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
		if err := tx.DeadLetters().Resolve(ctx, b.generation.ID, done, time.Now()); err != nil {
			return err
		}
		return t.Complete(ctx, tx, map[string]int{"records": len(done), "added": len(fresh), "removed": len(removed)})
	})
}

func (x *Indexer) apply(ctx context.Context, b *batch, up index.Batch) error {
	guard := x.guards.of(b.generation.ID)
	guard.open.RLock()
	defer guard.open.RUnlock()
	ix, err := x.Indexes.Get(ctx, Spec(b.generation))
	if err != nil {
		return err
	}
	if x.Records.Shared() {
		// The next worker may be another process: the lease is held in the
		// database for as long as the index takes.
		return x.Records.Update(ctx, func(tx record.Tx) error {
			if err := stillHeld(ctx, tx, b); err != nil {
				return err
			}
			return ix.Apply(ctx, up)
		})
	}
	guard.order.Lock()
	defer guard.order.Unlock()
	if err := x.Records.View(ctx, func(tx record.Tx) error { return stillHeld(ctx, tx, b) }); err != nil {
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
		up.Upsert = append(up.Upsert, index.Entry{
			ID: int64(p.ID), Record: int64(p.Ref), Tag: entryTag(b.generation, p), Vector: v, Text: clean,
		})
		fresh = append(fresh, p.ID)
	}
	return up, fresh, removed, nil
}
