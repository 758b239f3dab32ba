package holdfast_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/record"
)

func (r *rig) explain(collection, id string) holdfast.Explanation {
	r.Helper()
	e, err := r.Explain(r.Context(), collection, id)
	if err != nil {
		r.Fatalf("explain: %v", err)
	}
	return e
}

// An explanation holds the whole chain, and no value.
func TestExplain(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.declare("notes", func(d *record.Declaration) { d.Policy = "default" })
	const value = "zora.kowalczyk@example.net"
	r.write("notes", put("a", "Please write to "+value+" about the invoice."))
	r.settle("notes")
	r.write("notes", put("a", "Please write to "+value+" about the old invoice."))
	r.settle("notes")
	e := r.explain("notes", "a")
	text, err := json.Marshal(e)
	if err != nil || strings.Contains(string(text), "kowalczyk") {
		t.Errorf("explanation %s, %v", text, err)
	}
	if e.Record.Version != 2 || e.Record.ContentVersion != 2 || e.Record.Versions != 2 || e.Source != "own records" {
		t.Errorf("record %+v, from %q", e.Record, e.Source)
	}
	if len(e.Generations) != 1 || len(e.Generations[0].Passages) != 1 || len(e.Embeddings) != 1 || len(e.DeadLetters) != 0 {
		t.Fatalf("explanation %s", text)
	}
	g := e.Generations[0]
	found := false
	for _, f := range g.Findings {
		found = found || f == holdfast.ExplainedFinding{Field: "body", Entity: "EMAIL_ADDRESS", Count: 1}
	}
	if !found || g.Pending != nil || g.State != "active" || g.Policy != "default" {
		t.Errorf("generation %+v", g)
	}
	p := g.Passages[0]
	if p.Field != "body" || p.State != "indexed" || p.ContentVersion != 2 || p.Recipe != g.Recipe || p.Embedding != e.Embeddings[0].Address || e.Embeddings[0].Where != "inline" {
		t.Errorf("passage %+v, embeddings %+v", p, e.Embeddings)
	}
	run, err := r.PipelineRun(t.Context(), p.Run)
	if err != nil || run.Pipeline != "index" || len(e.Runs) != 1 || e.Runs[0] != p.Run {
		t.Errorf("made by run %q of %q, %v", p.Run, run.Pipeline, err)
	}
	r.write("notes", remove("a"))
	r.settle("notes")
	if e := r.explain("notes", "a"); !e.Record.Deleted || len(e.Generations[0].Passages) != 0 {
		t.Errorf("after its deletion: %+v", e)
	}
	if _, err := r.Explain(t.Context(), "notes", "never was"); err == nil {
		t.Error("a record that never was is explained")
	}
}

// What failed for good is part of the explanation.
func TestExplainAFailure(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.declare("notes")
	r.write("notes", put("a", ""), record.Write{ID: "b", Fields: record.Fields{"body": map[string]any{"x": 1}}})
	r.settle("notes")
	e := r.explain("notes", "b")
	if len(e.DeadLetters) != 1 || len(e.Runs) != 1 || e.Generations[0].Pending == nil || e.Generations[0].Pending.State != "buried" {
		t.Errorf("explanation %+v", e)
	}
}
