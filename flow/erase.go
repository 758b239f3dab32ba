package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/pipeline"
	"github.com/holdfast/holdfast/record"
)

// ErasePipeline is the name of the pipeline that removes what erased records
// have left outside the record store.
const ErasePipeline = "erase"

// MaxErase is the most records that are erased at a time.
const MaxErase = 1000

// EraseReport is what an erasure removed.
type EraseReport struct {
	Run         string              `json:"run"`
	Records     int                 `json:"records"`
	Versions    int                 `json:"versions"` // beside the current ones
	DeadLetters int                 `json:"dead_letters"`
	Passages    int                 `json:"passages"`
	Snapshots   int                 `json:"snapshots"`  // issued anew without the records
	Embeddings  int                 `json:"embeddings"` // that nothing else refers to
	Segments    embedding.Compacted `json:"segments"`
}

// eraseInput is all that is left of the records: ids and digests.
type eraseInput struct {
	Collection record.CollectionID                        `json:"collection"`
	Refs       []record.Ref                               `json:"refs"`
	Passages   map[record.GenerationID][]record.PassageID `json:"passages"`
	Addresses  []digest.Digest                            `json:"addresses"`
}

// erasePipeline removes from the outside in: what is searched, snapshots,
// which refer to vectors, the vectors, and the segments that hold them still.
func (s *Sweeper) erasePipeline() pipeline.Pipeline {
	step := func(name string, run func(context.Context, *pipeline.Task, eraseInput) (any, error), after ...string) pipeline.Step {
		return pipeline.Step{Name: name, After: after, Retry: s.Retry, Timeout: rebuildTimeout, Run: func(ctx context.Context, t *pipeline.Task) error {
			var in eraseInput
			if err := json.Unmarshal(t.Input, &in); err != nil {
				return fmt.Errorf("read run's input: %w", err)
			}
			out, err := run(ctx, t, in)
			if err != nil {
				return err
			}
			return s.Records.Update(ctx, func(tx record.Tx) error { return t.Complete(ctx, tx, out) })
		}}
	}
	return pipeline.Pipeline{Name: ErasePipeline, Steps: []pipeline.Step{
		step("index", s.eraseIndexed), step("snapshots", s.erasePinned, "index"),
		step("vectors", s.eraseVectors, "snapshots"), step("segments", s.eraseSegments, "vectors"),
	}}
}

// Erase deletes records for good, with all that was made of them, and waits
// for it. From the first transaction on they are gone from the record store;
// the run that removes the rest starts in it, and goes on if ctx ends.
func (s *Sweeper) Erase(ctx context.Context, collection string, ids []string, audit func(record.Ref) record.AuditEntry, changed func() <-chan struct{}) (EraseReport, error) {
	var out EraseReport
	if len(ids) == 0 || len(ids) > MaxErase {
		return out, fault.Field("ids", "name 1 to %d records", MaxErase)
	}
	err := s.Records.Update(ctx, func(tx record.Tx) error {
		out = EraseReport{}
		c, err := tx.Collections().Get(ctx, collection)
		if err != nil {
			return err
		}
		if c.Declaration.Attached() {
			return fault.New(fault.Conflict, "the records of %s live in a table of your own: delete the rows there", collection)
		}
		in, err := s.purge(ctx, tx, c.ID, ids, &out)
		if err != nil {
			return err
		}
		entries := make([]record.AuditEntry, len(in.Refs))
		for i, ref := range in.Refs {
			entries[i] = audit(ref)
		}
		if err := tx.Audit().Append(ctx, entries); err != nil {
			return err
		}
		out.Run, err = s.Engine.Enqueue(ctx, tx, pipeline.Start{Pipeline: ErasePipeline, Collection: c.ID, Input: in})
		return err
	})
	if err != nil {
		return EraseReport{}, fmt.Errorf("erase: %w", err)
	}
	s.Engine.Wake()
	run, err := s.follow(ctx, out.Run, changed)
	if err != nil {
		return out, err
	}
	for _, step := range run.Steps {
		into := map[string]any{"index": &struct{}{}, "snapshots": &out, "vectors": &out, "segments": &out.Segments}[step.Name]
		if err := json.Unmarshal(step.Output, into); err != nil {
			return out, fmt.Errorf("read result of step %s: %w", step.Name, err)
		}
	}
	return out, nil
}

// purge deletes the records' rows, and gathers what is left to do.
func (s *Sweeper) purge(ctx context.Context, tx record.Tx, c record.CollectionID, ids []string, out *EraseReport) (eraseInput, error) {
	in := eraseInput{Collection: c, Passages: map[record.GenerationID][]record.PassageID{}, Addresses: []digest.Digest{}}
	found, err := tx.Records().Get(ctx, c, ids)
	if err != nil {
		return in, err
	}
	for i, r := range found {
		if r.Ref == 0 {
			return in, fault.New(fault.NotFound, "record %d of those named does not exist; nothing was erased", i+1)
		}
		in.Refs = append(in.Refs, r.Ref)
	}
	purged, err := tx.Records().Purge(ctx, c, in.Refs)
	if err != nil {
		return in, err
	}
	generations, err := tx.Collections().Generations(ctx, c)
	if err != nil {
		return in, err
	}
	for _, g := range generations {
		if g.State != record.Retired {
			in.Passages[g.ID] = []record.PassageID{}
		}
	}
	for _, p := range purged.Passages {
		if list, live := in.Passages[p.Generation]; live {
			in.Passages[p.Generation] = append(list, p.ID)
		}
		in.Addresses = append(in.Addresses, embedding.Address(p.Space, p.Text))
	}
	out.Records, out.Versions, out.DeadLetters, out.Passages = purged.Records, purged.Versions, purged.DeadLetters, len(purged.Passages)
	return in, nil
}

// eraseIndexed removes the records from every index. Whoever works on them
// finds them gone from its lease, and applies nothing after this.
func (s *Sweeper) eraseIndexed(ctx context.Context, _ *pipeline.Task, in eraseInput) (any, error) {
	var generations []record.Generation
	err := s.Records.View(ctx, func(tx record.Tx) (err error) {
		generations, err = tx.Collections().Generations(ctx, in.Collection)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, g := range generations {
		passages, live := in.Passages[g.ID]
		if !live || g.State == record.Retired {
			continue
		}
		up := index.Batch{}
		for _, ref := range in.Refs {
			up.Forget = append(up.Forget, int64(ref))
		}
		for _, id := range passages {
			up.Delete = append(up.Delete, int64(id))
		}
		if err := s.applyErasure(ctx, g, up); err != nil {
			return nil, err
		}
	}
	// Before any vector is deleted, so that no crash loses sight of its bytes.
	var rows map[digest.Digest]record.Vector
	err = s.Records.View(ctx, func(tx record.Tx) (err error) {
		rows, err = tx.Vectors().Load(ctx, in.Addresses)
		return err
	})
	out := heldIn{Segments: []string{}}
	for _, v := range rows {
		if v.Segment != "" && !slices.Contains(out.Segments, v.Segment) {
			out.Segments = append(out.Segments, v.Segment)
		}
	}
	return out, err
}

func (s *Sweeper) applyErasure(ctx context.Context, g record.Generation, up index.Batch) error {
	guard := s.guards.of(g.ID)
	guard.open.RLock()
	defer guard.open.RUnlock()
	guard.order.Lock()
	defer guard.order.Unlock()
	ix, err := s.Indexes.Get(ctx, Spec(g))
	if err != nil {
		return err
	}
	return ix.Apply(ctx, up)
}

func (s *Sweeper) erasePinned(ctx context.Context, _ *pipeline.Task, in eraseInput) (any, error) {
	n, err := s.Snapshots.Reissue(ctx, in.Collection, in.Refs)
	return map[string]int{"snapshots": n}, err
}

// heldIn is where vectors lie, or lay.
type heldIn struct {
	Segments []string `json:"in_segments"`
}

// eraseVectors deletes the vectors that nothing else refers to.
func (s *Sweeper) eraseVectors(ctx context.Context, _ *pipeline.Task, in eraseInput) (any, error) {
	n, segments, err := s.Vectors.Erase(ctx, in.Addresses, s.Snapshots.Addresses)
	return map[string]any{"embeddings": n, "in_segments": segments}, err
}

func (s *Sweeper) eraseSegments(ctx context.Context, t *pipeline.Task, _ eraseInput) (any, error) {
	only := []string{}
	for _, step := range []string{"index", "vectors"} {
		var held heldIn
		if err := json.Unmarshal(t.Outputs[step], &held); err != nil {
			return nil, fmt.Errorf("read result of step %s: %w", step, err)
		}
		only = append(only, held.Segments...)
	}
	return s.Vectors.Compact(ctx, embedding.Compaction{Now: time.Now(), Only: only})
}
