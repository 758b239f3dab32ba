package search

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/record"
)

const (
	// depth is how many results of a query are compared.
	depth = 10
	// fewQueries is how many sampled queries an evaluation wants; below it,
	// beginnings of passages stand in for the rest.
	fewQueries = 50
	judgedKind = "judgements"
	// maxJudged bounds the judgements of a collection.
	maxJudged = 1000
)

// Judgement says which records answer a query.
type Judgement struct {
	Query gate.Raw
	// Relevant grades records by id: 1 and up, higher is better.
	Relevant map[string]float64
}

// judged is a Judgement as it is stored: after the gate, and sealed.
type judged struct {
	Query    gate.Sealed            `json:"query"`
	Relevant map[record.Ref]float64 `json:"relevant"`
}

// Judge stores the judgements that the next upgrade of a collection is
// evaluated with, in place of those of before. Ids that no record has are an error.
func (s *Searcher) Judge(ctx context.Context, collection string, all []Judgement) error {
	if len(all) > maxJudged {
		return fault.Field("judgements", "there are %d; at most %d are taken", len(all), maxJudged)
	}
	var c record.Collection
	var g record.Generation
	refs := map[string]record.Ref{}
	err := s.Records.View(ctx, func(tx record.Tx) (err error) {
		if c, err = tx.Collections().Get(ctx, collection); err != nil {
			return err
		}
		if g, err = flow.ActiveGeneration(ctx, tx, c.ID); err != nil {
			return err
		}
		for i, j := range all {
			found, err := tx.Records().Get(ctx, c.ID, keys(j.Relevant))
			if err != nil {
				return err
			}
			for _, r := range found {
				if r.Ref == 0 || r.Deleted {
					return fault.Field(fmt.Sprintf("judgements[%d].relevant", i), "names a record that does not exist")
				}
				refs[r.ID] = r.Ref
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	policy, err := s.Policy(g)
	if err != nil {
		return err
	}
	stored := make([]judged, len(all))
	for i, j := range all {
		text, err := s.Gate.Query(ctx, &policy, j.Query)
		if err != nil {
			return err
		}
		stored[i] = judged{Query: s.Gate.Seal(text, g.Recipe), Relevant: map[record.Ref]float64{}}
		for id, grade := range j.Relevant {
			if grade <= 0 || math.IsInf(grade, 0) || math.IsNaN(grade) {
				return fault.Field(fmt.Sprintf("judgements[%d].relevant", i), "grades must be above 0")
			}
			stored[i].Relevant[refs[id]] = grade
		}
	}
	return s.Records.Update(ctx, func(tx record.Tx) error {
		_, err := tx.Objects().Put(ctx, judgedKind, fmt.Sprint(c.ID), stored, record.AnyVersion)
		return err
	})
}

func keys(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// trial is an evaluation in progress.
type trial struct {
	*Searcher
	collection record.Collection
	sides      [2]record.Generation // old, new
	took       [2][]float64         // milliseconds
	out        flow.Evaluation
}

// Compare asks two generations of a collection the same queries: how much of
// what the old one finds does the new one find, how do both rank what was
// judged, and how long do they take.
func (s *Searcher) Compare(ctx context.Context, u flow.Upgrade, old, next record.Generation) (flow.Evaluation, error) {
	t := &trial{Searcher: s, sides: [2]record.Generation{old, next}}
	queries, answers, err := t.questions(ctx, u)
	if err != nil {
		return t.out, err
	}
	overlap := 0.0
	for _, q := range queries {
		found, err := t.ask(ctx, q)
		if err != nil {
			return t.out, err
		}
		if len(found[0]) == 0 {
			continue // nothing to keep
		}
		kept := 0
		for _, r := range found[0] {
			if slices.Contains(found[1], r) {
				kept++
			}
		}
		share := float64(kept) / float64(len(found[0]))
		t.out.Overlaps[int(math.Round(share*depth))]++
		t.out.Queries++
		overlap += share
	}
	if t.out.Queries > 0 {
		t.out.Overlap = overlap / float64(t.out.Queries)
	}
	for _, j := range answers {
		clean, _, err := s.Gate.Open(j.Query)
		if err != nil {
			return t.out, err
		}
		found, err := t.ask(ctx, clean)
		if err != nil {
			return t.out, err
		}
		t.out.OldNDCG += ndcg(found[0], j.Relevant)
		t.out.NewNDCG += ndcg(found[1], j.Relevant)
		t.out.Judged++
	}
	if n := float64(t.out.Judged); n > 0 {
		t.out.OldNDCG /= n
		t.out.NewNDCG /= n
	}
	t.out.OldP50, t.out.OldP95 = percentiles(t.took[0])
	t.out.NewP50, t.out.NewP95 = percentiles(t.took[1])
	return t.out, nil
}

// questions reads the sampled queries and the judgements.
func (t *trial) questions(ctx context.Context, u flow.Upgrade) (queries []gate.Clean, answers []judged, err error) {
	if err := t.StoreSamples(ctx); err != nil {
		return nil, nil, err
	}
	var sample reservoir
	var passages []record.Passage
	err = t.Records.View(ctx, func(tx record.Tx) (err error) {
		if t.collection, err = tx.Collections().Get(ctx, u.Collection); err != nil {
			return err
		}
		if sample, err = readReservoir(ctx, tx, t.collection.ID); err != nil {
			return err
		}
		if missing := fewQueries - len(sample.Queries); missing > 0 {
			if passages, err = tx.Passages().Scan(ctx, t.sides[0].ID, 0, missing); err != nil {
				return err
			}
		}
		if u.Terms.Judged == 0 {
			return nil
		}
		o, err := tx.Objects().Get(ctx, judgedKind, fmt.Sprint(t.collection.ID))
		if err != nil {
			return err
		}
		return o.Decode(&answers)
	})
	if err != nil {
		return nil, nil, err
	}
	t.out.Source = "searches"
	for _, sealed := range sample.Queries {
		clean, _, err := t.Gate.Open(sealed)
		if err != nil {
			return nil, nil, err
		}
		queries = append(queries, clean)
	}
	if len(passages) > 0 {
		t.out.Source = "searches and passages"
	}
	if len(sample.Queries) == 0 {
		t.out.Source = "passages"
	}
	for _, p := range passages {
		clean, _, err := t.Gate.Open(p.Sealed)
		if err != nil {
			return nil, nil, err
		}
		queries = append(queries, clean)
	}
	return queries, answers, nil
}

// ask lists the first records that each side finds.
func (t *trial) ask(ctx context.Context, text gate.Clean) (found [2][]record.Ref, err error) {
	for side, g := range t.sides {
		p := &plan{query: Query{K: depth, Mode: Hybrid}, collection: t.collection, generation: g, text: text}
		if err := t.aim(ctx, p, record.ForEvaluation); err != nil {
			return found, err
		}
		start := time.Now()
		hits, _, err := p.candidates(ctx, 5*depth)
		t.took[side] = append(t.took[side], float64(time.Since(start).Microseconds())/1000)
		if err != nil {
			return found, err
		}
		found[side] = firstRecords(hits)
	}
	return found, nil
}

func firstRecords(hits []index.Hit) (out []record.Ref) {
	for _, h := range hits {
		if ref := record.Ref(h.Record); !slices.Contains(out, ref) {
			if out = append(out, ref); len(out) == depth {
				break
			}
		}
	}
	return out
}

// ndcg is the normalised discounted cumulative gain of the first ten, with
// linear gains (Järvelin and Kekäläinen, 2002).
func ndcg(found []record.Ref, relevant map[record.Ref]float64) float64 {
	discount := func(rank int) float64 { return 1 / math.Log2(float64(rank)+2) }
	gain, ideal := 0.0, 0.0
	for rank, ref := range found {
		gain += relevant[ref] * discount(rank)
	}
	grades := make([]float64, 0, len(relevant))
	for _, g := range relevant {
		grades = append(grades, g)
	}
	slices.Sort(grades)
	slices.Reverse(grades)
	for rank, g := range grades[:min(len(grades), depth)] {
		ideal += g * discount(rank)
	}
	if ideal == 0 {
		return 0
	}
	return gain / ideal
}

func percentiles(ms []float64) (p50, p95 float64) {
	if len(ms) == 0 {
		return 0, 0
	}
	slices.Sort(ms)
	return ms[len(ms)/2], ms[len(ms)*95/100]
}
