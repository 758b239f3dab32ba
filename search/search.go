// Package search answers questions: it asks the index of a collection's
// active generation, checks every hit where the record lives, and returns
// only what is current, wanted and allowed.
package search

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

// Mode says which arms answer.
type Mode string

// Hybrid fuses the other two.
const (
	Hybrid  Mode = "hybrid"
	Vector  Mode = "vector"
	Lexical Mode = "lexical"
)

// Query is a question to one collection.
type Query struct {
	Text gate.Raw
	K    int // 1 to MaxK; default 10
	// Filter is a condition on metadata in the JSON form; empty for none.
	Filter json.RawMessage
	Mode   Mode // default Hybrid
	// MinFreshness is the number of a change that must be indexed before the
	// answer; 0 for none.
	MinFreshness int64
	Fields       []string // of the record, to be returned; nil returns the metadata fields
	// Degraded, if set, is told why an answer to a hybrid query was found by
	// words alone: its model could not be asked.
	Degraded func(why error)
}

// MaxK bounds the number of results.
const MaxK = 1000

// Result is one record with its best passage.
type Result struct {
	ID      string
	Version int64
	Score   float64 // higher is better; comparable within one answer only
	Passage Passage
	Fields  record.Fields
}

// Passage is the part of a record that was found.
type Passage struct {
	Text       string // the display form: it has passed the gate
	Field      string
	Start, End int // byte offsets in the record's field
}

// Searcher answers queries. It is safe for concurrent use.
type Searcher struct {
	flow.Parts
	Access access.Decider
	// Freshness waits at most this long for a MinFreshness. Default 10 s.
	Freshness time.Duration
	// SourceTimeout is how long the source of an attached collection may take
	// to show the rows of the hits. Default 5 s.
	SourceTimeout time.Duration
	// Changed is called to learn of progress while waiting for freshness: it
	// returns a channel that is closed when a run ends.
	Changed func() <-chan struct{}

	samples samples
}

// Search answers a query on behalf of a principal.
func (s *Searcher) Search(ctx context.Context, who access.Principal, collection string, q Query) ([]Result, error) {
	start := time.Now()
	defer func() { s.Metrics.SearchTook(time.Since(start)) }()
	if err := q.complete(); err != nil {
		return nil, err
	}
	p, err := s.plan(ctx, collection, q)
	if err != nil {
		return nil, err
	}
	p.who = who
	s.sampled(p)
	if err := s.fresh(ctx, p.generation.ID, q.MinFreshness); err != nil {
		return nil, err
	}
	return s.answer(ctx, p)
}

func (q *Query) complete() error {
	if q.K == 0 {
		q.K = 10
	}
	if q.K < 1 || q.K > MaxK {
		return fault.Field("k", "must be 1 to %d", MaxK)
	}
	if q.Mode == "" {
		q.Mode = Hybrid
	}
	if !slices.Contains([]Mode{Hybrid, Vector, Lexical}, q.Mode) {
		return fault.Field("mode", "%q is not a mode; use hybrid, vector or lexical", q.Mode)
	}
	if q.Text.Len() == 0 {
		return fault.Field("query", "is empty")
	}
	if q.Text.Len() > maxQuery {
		return fault.Field("query", "has %d bytes; at most %d are allowed", q.Text.Len(), maxQuery)
	}
	return nil
}

const maxQuery = 64 << 10

// plan is a query made ready: gated, embedded, its filter understood.
type plan struct {
	query      Query
	who        access.Principal
	collection record.Collection
	generation record.Generation
	index      index.Index
	text       gate.Clean
	vector     []float32
	confidence index.Confidence
	filter     record.Filter
	indexed    *index.Filter
}

func (s *Searcher) plan(ctx context.Context, name string, q Query) (*plan, error) {
	p := &plan{query: q}
	err := s.Records.View(ctx, func(tx record.Tx) (err error) {
		if p.collection, err = tx.Collections().Get(ctx, name); err != nil {
			return err
		}
		p.generation, err = flow.ActiveGeneration(ctx, tx, p.collection.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := &p.collection.Declaration
	if p.filter, err = d.ParseFilter(q.Filter); err != nil {
		return nil, err
	}
	p.indexed = s.translate(d, p.filter)
	policy, err := s.Policy(p.generation)
	if err != nil {
		return nil, err
	}
	if p.text, err = s.Gate.Query(ctx, &policy, q.Text); err != nil {
		return nil, err
	}
	return p, s.aim(ctx, p, record.ForQuery)
}

// aim finds the index of a plan's generation, and the query's vector in its space.
func (s *Searcher) aim(ctx context.Context, p *plan, purpose record.Purpose) (err error) {
	p.index, err = s.Indexes.Get(ctx, flow.Spec(p.generation))
	if errors.Is(err, index.ErrDamaged) {
		return &fault.Error{Kind: fault.Unavailable, RetryAfter: time.Second, Msg: "the index was damaged and is being rebuilt from the records"}
	}
	if err != nil || p.query.Mode == Lexical {
		return err
	}
	embedder, err := s.Embedder(p.generation)
	if err != nil {
		return err
	}
	p.confidence.Terms = len(index.QueryTerms(p.text))
	if model, ok := embedder.(interface{ Unfamiliar(text gate.Clean) float32 }); ok {
		p.confidence.Unfamiliar = model.Unfamiliar(p.text)
	}
	bill := embedding.Bill{Collection: p.collection.ID, Purpose: purpose}
	p.vector, err = s.Vectors.Query(ctx, embedding.For(embedder, bill), p.text)
	if err != nil && purpose == record.ForQuery && p.query.Mode == Hybrid && fault.Retryable(err) && ctx.Err() == nil {
		// A provider that is down, or a budget that is used up, stops no search.
		p.query.Mode = Lexical
		if p.query.Degraded != nil {
			p.query.Degraded(err)
		}
		return nil
	}
	return err
}

// fresh waits until a change is indexed.
func (s *Searcher) fresh(ctx context.Context, g record.GenerationID, number int64) error {
	if number <= 0 {
		return nil
	}
	limit := s.Freshness
	if limit == 0 {
		limit = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		changed := s.Changed()
		var at record.Pending
		err := s.Records.View(ctx, func(tx record.Tx) (err error) {
			at, err = tx.Changes().Pending(ctx, g)
			return err
		})
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case err == nil && at.Applied >= number:
			return nil
		case err == nil && at.Latest < number:
			return fault.Field("min_freshness", "%d is ahead of the newest change, %d", number, at.Latest)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return &fault.Error{
				Kind: fault.Unavailable, RetryAfter: time.Second, Err: nil,
				Msg: "the index has not caught up with min_freshness in time",
			}
		}
	}
}

// answer asks for candidates, checks them, and asks for more until k results
// stand or the index has no more to offer.
func (s *Searcher) answer(ctx context.Context, p *plan) ([]Result, error) {
	const first, most = 4, 1 << 20
	for want := max(first*p.query.K, 50); ; want *= 4 {
		arms, more, err := p.candidates(ctx, want)
		if err != nil {
			return nil, err
		}
		results, err := s.check(ctx, p, arms)
		if err != nil {
			return nil, err
		}
		if len(results) >= p.query.K || !more || want >= most {
			return results[:min(len(results), p.query.K)], nil
		}
	}
}

// candidates runs the arms and fuses them. more tells whether a wider search
// could find further hits.
func (p *plan) candidates(ctx context.Context, want int) (fused []index.Hit, more bool, err error) {
	var vector, lexical []index.Hit
	if p.query.Mode != Lexical {
		if vector, err = p.index.Vector(ctx, p.vector, want, p.indexed); err != nil {
			return nil, false, err
		}
	}
	if p.query.Mode != Vector {
		if lexical, err = p.index.Lexical(ctx, p.text, want, p.indexed); err != nil {
			return nil, false, err
		}
	}
	more = len(vector) == want || len(lexical) == want
	switch p.query.Mode {
	case Vector:
		return vector, more, nil
	case Lexical:
		return lexical, more, nil
	case Hybrid:
	}
	return index.Fuse(vector, lexical, p.confidence), more, nil
}

// check looks each hit up where the record lives, in one snapshot: the
// passage must exist and be of the record's current content, the record must
// not be deleted, and filter and access are decided again from the record.
func (s *Searcher) check(ctx context.Context, p *plan, hits []index.Hit) ([]Result, error) {
	refs, ids := make([]record.Ref, 0, len(hits)), make([]record.PassageID, 0, len(hits))
	for _, h := range hits {
		refs, ids = append(refs, record.Ref(h.Record)), append(ids, record.PassageID(h.ID))
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	var records map[record.Ref]record.Record
	var passages map[record.PassageID]record.Passage
	err := s.Records.View(ctx, func(tx record.Tx) (err error) {
		if records, err = tx.Records().Load(ctx, refs); err != nil {
			return err
		}
		passages, err = tx.Passages().Get(ctx, p.generation.ID, ids)
		return err
	})
	if err != nil {
		return nil, err
	}
	stale, err := s.compare(ctx, p, records)
	if err != nil {
		return nil, err
	}
	dropped := map[string]int{}
	seen := map[record.Ref]bool{}
	allowed := s.Access.Decide(ctx, p.who, access.Read, p.collection.Name).Allowed
	var out []Result
	for _, h := range hits {
		r, passage := records[record.Ref(h.Record)], passages[record.PassageID(h.ID)]
		reason := refuse(p, r, passage, allowed)
		if reason == "" || reason == "filter" {
			reason = cmp.Or(stale[r.Ref], reason)
		}
		if reason != "" {
			dropped[reason]++
			continue
		}
		if seen[r.Ref] {
			continue
		}
		seen[r.Ref] = true
		if len(out) == p.query.K {
			break
		}
		one, err := s.result(p, r, passage, h.Score)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	for reason, n := range dropped {
		s.Metrics.HitDropped(reason, n)
	}
	return out, nil
}

// refuse says why a hit may not be returned, or "".
func refuse(p *plan, r record.Record, passage record.Passage, allowed bool) string {
	switch {
	case r.Ref == 0 || passage.ID == 0 || passage.Ref != r.Ref || r.Collection != p.collection.ID:
		return "gone"
	case r.Deleted:
		return "deleted"
	case passage.ContentVersion != r.ContentVersion:
		return "superseded"
	case !p.filter.Match(r.Fields):
		return "filter"
	case !allowed:
		return "access"
	}
	return ""
}

func (s *Searcher) result(p *plan, r record.Record, passage record.Passage, score float32) (Result, error) {
	clean, _, err := s.Gate.Open(passage.Sealed)
	if err != nil {
		return Result{}, errors.Join(fault.New(fault.Internal, "open passage %d", passage.ID), err)
	}
	wanted := p.query.Fields
	if wanted == nil {
		wanted = p.collection.Declaration.Metadata
	}
	fields := record.Fields{}
	for _, name := range wanted {
		if v, ok := r.Fields[name]; ok {
			fields[name] = v
		}
	}
	return Result{
		ID: r.ID, Version: r.Version, Score: float64(score), Fields: fields,
		Passage: Passage{Text: clean.Display(), Field: passage.Field, Start: passage.Start, End: passage.End},
	}, nil
}

// translate turns a filter on records into one on what the index holds. What
// the index cannot decide becomes "everything": a filter may let through too
// much, since check decides again, but never too little.
func (s *Searcher) translate(d *record.Declaration, f record.Filter) *index.Filter {
	out := s.wide(d, f, false)
	if out.Op == index.All && len(out.Sub) == 0 {
		return nil
	}
	return &out
}

// wide translates a filter; under a negation what cannot be decided must be
// "nothing", so that its negation is everything.
func (s *Searcher) wide(d *record.Declaration, f record.Filter, negated bool) index.Filter {
	undecided := index.Filter{Op: index.All}
	if negated {
		undecided = index.Filter{Op: index.Any}
	}
	sub := func(negated bool) []index.Filter {
		out := make([]index.Filter, len(f.Sub))
		for i, x := range f.Sub {
			out[i] = s.wide(d, x, negated)
		}
		return out
	}
	switch f.Op {
	case record.And:
		return index.Filter{Op: index.All, Sub: sub(negated)}
	case record.Or:
		return index.Filter{Op: index.Any, Sub: sub(negated)}
	case record.Not:
		return index.Filter{Op: index.Not, Sub: sub(!negated)}
	case record.Exists:
		// An object or an empty list exists in the record and leaves no trace
		// in the index, so only the record can tell.
		return undecided
	case record.In:
		out := index.Filter{Op: index.In, Field: f.Field}
		for _, v := range f.Values {
			out.Values = append(out.Values, s.Gate.Metadata(f.Field, v, d.Enums[f.Field])...)
		}
		return out
	case record.GT, record.GTE, record.LT, record.LTE:
		values := s.Gate.Metadata(f.Field, f.Values[0], nil)
		if len(values) != 1 {
			return undecided
		}
		if _, ordered := values[0].Ordered(); !ordered {
			return undecided
		}
		bound := &index.Bound{Value: values[0], Open: f.Op == record.GT || f.Op == record.LT}
		if f.Op == record.GT || f.Op == record.GTE {
			return index.Filter{Op: index.Range, Field: f.Field, Min: bound}
		}
		return index.Filter{Op: index.Range, Field: f.Field, Max: bound}
	}
	return undecided
}
