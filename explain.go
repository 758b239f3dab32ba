package holdfast

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// Explanation is the chain from a record to what is searched: where it comes
// from, what was made of it, by what, and where that lies. It holds counts,
// digests and places, never a value or a text.
type Explanation struct {
	Collection  string                `json:"collection"`
	Source      string                `json:"source"` // "own records", or the table that the collection is attached to
	Record      ExplainedRecord       `json:"record"`
	Generations []ExplainedGeneration `json:"generations" nullable:"false"` // newest first
	Runs        []string              `json:"runs" nullable:"false"`        // that made its passages, and that failed on it
	DeadLetters []ExplainedDeadLetter `json:"dead_letters" nullable:"false"`
	Embeddings  []ExplainedEmbedding  `json:"embeddings" nullable:"false"` // of all generations, by address
}

// ExplainedRecord is the record's row.
type ExplainedRecord struct {
	ID             string    `json:"id"`
	Ref            int64     `json:"ref"` // its internal id, by which it is known elsewhere
	Version        int64     `json:"version"`
	ContentVersion int64     `json:"content_version"`
	Change         int64     `json:"change"`
	Deleted        bool      `json:"deleted,omitempty"`
	UpdatedAt      time.Time `json:"updated_at"`
	Versions       int       `json:"versions_kept"` // the current one included
}

// ExplainedGeneration is what a generation makes of a record.
type ExplainedGeneration struct {
	GenerationStatus
	Recipe   string             `json:"recipe"` // of gate and policy
	Chunking record.Chunking    `json:"chunking"`
	Findings []ExplainedFinding `json:"findings" nullable:"false"` // counted in the sealed passages
	Passages []ExplainedPassage `json:"passages" nullable:"false"`
	Pending  *ExplainedChange   `json:"pending,omitempty"` // what awaits indexing
}

// ExplainedFinding counts the transformed values of one type in one field.
type ExplainedFinding struct {
	Field  string `json:"field"`
	Entity string `json:"entity"`
	Count  int    `json:"count"`
}

// ExplainedPassage is a sealed passage.
type ExplainedPassage struct {
	ID             int64  `json:"id"`
	Field          string `json:"field"`
	Ordinal        int    `json:"ordinal"`
	Start          int    `json:"start"` // of the original field, in bytes
	End            int    `json:"end"`
	State          string `json:"state"`
	ContentVersion int64  `json:"content_version"`
	Text           string `json:"text_digest"`
	Embedding      string `json:"embedding"` // its address
	Recipe         string `json:"recipe"`    // that it was really made under
	Run            string `json:"run,omitempty"`
}

// ExplainedEmbedding is where a vector lies.
type ExplainedEmbedding struct {
	Address string `json:"address"`
	Where   string `json:"where"` // inline, segment, or missing
	Segment string `json:"segment,omitempty"`
	Offset  int64  `json:"offset,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
}

// ExplainedChange is what awaits indexing.
type ExplainedChange struct {
	State    string `json:"state"` // ready, delayed, leased, or buried with its dead letter
	Change   int64  `json:"change"`
	Attempts int    `json:"attempts"`
}

// ExplainedDeadLetter is an open dead letter of the record.
type ExplainedDeadLetter struct {
	ID       int64     `json:"id"`
	Step     string    `json:"step"`
	Run      string    `json:"run,omitempty"`
	Kind     string    `json:"kind"`
	Message  string    `json:"message"`
	Attempts int       `json:"attempts"`
	LastAt   time.Time `json:"last_at"`
}

// Explain traces a record, also one that was deleted.
func (a *App) Explain(ctx context.Context, collection, id string) (Explanation, error) {
	var e Explanation
	err := a.parts.Records.View(ctx, func(tx record.Tx) error {
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		found, err := tx.Records().Get(ctx, c.ID, []string{id})
		if err != nil {
			return err
		}
		r := found[0]
		if r.Ref == 0 {
			return fault.New(fault.NotFound, "there is no such record in %s, and never was", collection)
		}
		versions, err := tx.Records().History(ctx, r.Ref, 0)
		if err != nil {
			return err
		}
		e = Explanation{
			Collection: c.Name, Source: "own records", Runs: []string{}, Embeddings: []ExplainedEmbedding{},
			Record: ExplainedRecord{
				ID: r.ID, Ref: int64(r.Ref), Version: r.Version, ContentVersion: r.ContentVersion, Change: r.Change,
				Deleted: r.Deleted, UpdatedAt: r.UpdatedAt, Versions: len(versions),
			},
		}
		if c.Declaration.Attached() {
			e.Source = "table " + c.Declaration.Source.Postgres.Table
		}
		if err := a.explainGenerations(ctx, tx, c.ID, r.Ref, &e); err != nil {
			return err
		}
		return a.explainFailures(ctx, tx, c.ID, r.Ref, &e)
	})
	if err != nil {
		return Explanation{}, err
	}
	slices.Sort(e.Runs)
	e.Runs = slices.Compact(e.Runs)
	return e, nil
}

func (a *App) explainGenerations(ctx context.Context, tx record.Tx, c record.CollectionID, ref record.Ref, e *Explanation) error {
	generations, err := tx.Collections().Generations(ctx, c)
	if err != nil {
		return err
	}
	waiting, err := tx.Records().Awaiting(ctx, ref)
	if err != nil {
		return err
	}
	e.Generations = make([]ExplainedGeneration, len(generations))
	var addresses []digest.Digest
	for i, g := range generations {
		passages, err := tx.Passages().Of(ctx, g.ID, []record.Ref{ref})
		if err != nil {
			return err
		}
		one := ExplainedGeneration{GenerationStatus: statusOf(g), Recipe: g.Recipe.Short(), Chunking: g.Chunking}
		for _, w := range waiting {
			if w.Generation == g.ID {
				one.Pending = &ExplainedChange{State: w.State, Change: w.Number, Attempts: w.Attempts}
			}
		}
		if err := a.explainPassages(&one, g, passages, e); err != nil {
			return err
		}
		for _, p := range passages {
			addresses = append(addresses, embedding.Address(g.Space, p.Text))
		}
		e.Generations[i] = one
	}
	rows, err := tx.Vectors().Load(ctx, addresses)
	if err != nil {
		return err
	}
	slices.SortFunc(addresses, func(a, b digest.Digest) int { return slices.Compare(a[:], b[:]) })
	for _, address := range slices.Compact(addresses) {
		one := ExplainedEmbedding{Address: address.String(), Where: "missing"}
		if v, ok := rows[address]; ok {
			one.Where, one.Segment, one.Offset, one.Bytes = "inline", v.Segment, v.Offset, v.Length
			if v.Segment != "" {
				one.Where = "segment"
			}
		}
		e.Embeddings = append(e.Embeddings, one)
	}
	return nil
}

var passageStates = map[record.PassageState]string{record.Fresh: "fresh", record.Indexed: "indexed", record.Removed: "removed"}

// explainPassages adds the passages, and counts what the gate found in them:
// the marks are part of the seal, so no text is examined again.
func (a *App) explainPassages(g *ExplainedGeneration, of record.Generation, passages []record.Passage, e *Explanation) error {
	type key struct{ field, entity string }
	counts := map[key]int{}
	g.Passages = make([]ExplainedPassage, len(passages))
	for i, p := range passages {
		clean, recipe, err := a.parts.Gate.Open(p.Sealed)
		if err != nil {
			return fmt.Errorf("passage %d: %w", p.ID, err)
		}
		g.Passages[i] = ExplainedPassage{
			ID: int64(p.ID), Field: p.Field, Ordinal: p.Ordinal, Start: p.Start, End: p.End, State: passageStates[p.State],
			ContentVersion: p.ContentVersion, Text: p.Text.String(), Embedding: embedding.Address(of.Space, p.Text).String(),
			Recipe: recipe.Short(), Run: p.Run,
		}
		if p.Run != "" {
			e.Runs = append(e.Runs, p.Run)
		}
		if p.State == record.Removed {
			continue
		}
		for entity, n := range clean.Values() {
			counts[key{p.Field, string(entity)}] += n
		}
	}
	g.Findings = []ExplainedFinding{}
	for k, n := range counts {
		g.Findings = append(g.Findings, ExplainedFinding{Field: k.field, Entity: k.entity, Count: n})
	}
	slices.SortFunc(g.Findings, func(a, b ExplainedFinding) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Entity, b.Entity))
	})
	return nil
}

func (a *App) explainFailures(ctx context.Context, tx record.Tx, c record.CollectionID, ref record.Ref, e *Explanation) error {
	letters, err := tx.DeadLetters().List(ctx, record.DeadLetterFilter{Collection: c, Ref: ref})
	if err != nil {
		return err
	}
	e.DeadLetters = make([]ExplainedDeadLetter, len(letters))
	for i, d := range letters {
		e.DeadLetters[i] = ExplainedDeadLetter{
			ID: d.ID, Step: d.Step, Run: d.Run, Kind: d.Kind.String(), Message: d.Message, Attempts: d.Attempts, LastAt: d.LastAt,
		}
		if d.Run != "" {
			e.Runs = append(e.Runs, d.Run)
		}
	}
	return nil
}
