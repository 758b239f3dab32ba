package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/cmd/holdfast/sample"
	"github.com/holdfast/holdfast/record"
)

// ticketsName is the collection of the demo.
const ticketsName = "tickets"

var ticketsDeclaration = record.Declaration{
	Collection: ticketsName,
	Content:    []string{"subject", "body"},
	Metadata:   []string{"status", "priority", "tags", "created_at"},
	Enums:      map[string][]string{"status": {"open", "pending", "solved", "closed"}},
	Title:      "subject",
	Classification: map[string]record.Classification{
		"subject": record.Confidential, "body": record.Confidential, "status": record.Internal,
		"priority": record.Internal, "tags": record.Internal, "created_at": record.Internal,
	},
}

// counters are the metrics that the demo goes by, as /metrics tells them.
type counters struct {
	calls            int // to an embedding model
	computed, reused int // vectors
	entities         []entityFigure
}

type entityFigure struct {
	Entity string `json:"entity"`
	Action string `json:"action"`
	Count  int    `json:"count"`
}

var (
	seriesLine   = regexp.MustCompile(`^(holdfast_\w+)\{(.*)\} (\S+)$`)
	seriesLabels = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

func (d *demo) counters(ctx context.Context) (counters, error) {
	var c counters
	resp, err := d.client.send(ctx, http.MethodGet, "/metrics", "", nil)
	if err != nil {
		return c, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		m := seriesLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return c, fmt.Errorf("read /metrics: %w", err)
		}
		labels := map[string]string{}
		for _, l := range seriesLabels.FindAllStringSubmatch(m[2], -1) {
			labels[l[1]] = l[2]
		}
		switch n := int(value); {
		case m[1] == "holdfast_embedding_requests_total":
			c.calls += n
		case m[1] == "holdfast_embedding_texts_total" && labels["result"] == "computed":
			c.computed += n
		case m[1] == "holdfast_embedding_texts_total":
			c.reused += n
		case m[1] == "holdfast_gate_entities_total":
			c.entities = append(c.entities, entityFigure{labels["entity"], labels["action"], n})
		}
	}
	return c, lines.Err()
}

// outputs sums what the steps of the runs since the last stage have counted,
// as "step.count".
func (d *demo) outputs(ctx context.Context) (map[string]int, error) {
	runs, err := everything[api.Run](ctx, d.client, "/v1/runs")
	if err != nil {
		return nil, err
	}
	sum := map[string]int{}
	for _, r := range runs {
		if d.seen[r.ID] {
			continue
		}
		d.seen[r.ID] = true
		sum["runs"]++
		for _, s := range r.Steps {
			var counts map[string]int
			if len(s.Output) == 0 || json.Unmarshal(s.Output, &counts) != nil {
				continue // a step that was skipped has counted nothing
			}
			for name, n := range counts {
				sum[s.Name+"."+name] += n
			}
		}
	}
	return sum, nil
}

// settled waits until all that was written is searchable or dead-lettered.
func (d *demo) settled(ctx context.Context, label string, total int64) (holdfast.Status, error) {
	var last holdfast.Status
	p := d.cli.newProgress(label, total)
	defer p.done()
	err := d.client.owner.app.WaitIndexed(ctx, ticketsName, func(st holdfast.Status) {
		last = st
		p.set(max(0, total-st.PendingChanges), total)
	})
	return last, err
}

type loadFigures struct {
	Records          int     `json:"records"`
	Bytes            int     `json:"bytes"`
	Seconds          float64 `json:"seconds"`
	RecordsPerSecond float64 `json:"records_per_second"`
	began            time.Time
}

// load writes the sample through the batch API.
func (d *demo) load(ctx context.Context) error {
	if err := d.client.do(ctx, http.MethodPut, collectionPath(ticketsName), ticketsDeclaration, nil); err != nil {
		return err
	}
	f := &d.figures.Load
	body := sample.Tickets()
	f.Bytes, f.began = len(body), time.Now()
	resp, err := d.client.send(ctx, http.MethodPost, collectionPath(ticketsName, "records:batch"), "application/x-ndjson", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	p := d.cli.newProgress("writing", int64(len(d.tickets)))
	defer p.done()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var answer struct {
			Line  int    `json:"line"`
			Error string `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &answer); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if answer.Error != "" {
			return broken("line %d of the sample was refused: %s", answer.Line, answer.Error)
		}
		f.Records++
		p.set(int64(f.Records), int64(len(d.tickets)))
	}
	p.done()
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	took := time.Since(f.began)
	f.Seconds, f.RecordsPerSecond = took.Seconds(), float64(f.Records)/took.Seconds()
	if f.Records != len(d.tickets) {
		return broken("%d of %d records were written", f.Records, len(d.tickets))
	}
	d.row("written", "%s records, %.1f MB, in %s: %s records/s, each durable",
		comma(f.Records), float64(f.Bytes)/1e6, clock(took), comma(int(f.RecordsPerSecond)))
	return nil
}

type indexFigures struct {
	Entities           []entityFigure `json:"entities"`
	Values             int            `json:"values"`
	Passages           int            `json:"passages"`
	EmbeddingCalls     int            `json:"embedding_calls"`
	EmbeddingsComputed int            `json:"embeddings_computed"`
	EmbeddingsReused   int            `json:"embeddings_reused"`
	VectorsIndexed     int            `json:"vectors_indexed"`
	Seconds            float64        `json:"seconds"` // from the first write until all is searchable
	RecordsPerSecond   float64        `json:"records_per_second"`
}

// index waits for the pipeline, which began with the first write.
func (d *demo) index(ctx context.Context) error {
	st, err := d.settled(ctx, "indexing", int64(len(d.tickets)))
	if err != nil {
		return err
	}
	took := time.Since(d.figures.Load.began)
	c, err := d.counters(ctx)
	if err != nil {
		return err
	}
	out, err := d.outputs(ctx)
	if err != nil {
		return err
	}
	f := &d.figures.Index
	*f = indexFigures{
		Entities: c.entities, Passages: int(st.Passages), EmbeddingCalls: c.calls, EmbeddingsComputed: c.computed, EmbeddingsReused: c.reused,
		VectorsIndexed: out["index.added"], Seconds: took.Seconds(), RecordsPerSecond: float64(st.Records) / took.Seconds(),
	}
	for _, e := range c.entities {
		f.Values += e.Count
	}
	p := d.cli.newProgress("measuring", int64(len(d.tickets)))
	d.figures.Accuracy, err = d.measureGate(ctx, p.set)
	p.done()
	if err != nil {
		return err
	}
	d.printIndex(took)
	switch {
	case st.DeadLetters != 0:
		return broken("%d records of the sample failed", st.DeadLetters)
	case f.VectorsIndexed != f.Passages:
		return broken("%d vectors are indexed for %d passages", f.VectorsIndexed, f.Passages)
	case f.EmbeddingsComputed == 0, f.EmbeddingCalls == 0, f.Values == 0:
		return broken("nothing was found or embedded")
	}
	return nil
}

func (d *demo) printIndex(took time.Duration) {
	f, a := &d.figures.Index, &d.figures.Accuracy
	d.printGate(f.Entities, *a)
	d.note("Recall: labelled values gone to the last letter and digit. Precision: findings that touch one. Left out: %s organisations and %s towns, which the default policy keeps.",
		comma(a.LeftOut["organisations"]), comma(a.LeftOut["towns"]))
	d.gap()
	d.row("privacy", "%s values transformed: %s of labelled letters and digits",
		comma(f.Values), percent(a.Characters))
	d.row("passages", "%s", comma(f.Passages))
	d.row("embeddings", "%s computed in %s calls, %s reused (equal texts)", comma(f.EmbeddingsComputed), comma(f.EmbeddingCalls), comma(f.EmbeddingsReused))
	d.row("vectors", "%s indexed", comma(f.VectorsIndexed))
	d.row("time", "%s from first write to all searchable: %s records/s",
		clock(took), comma(int(f.RecordsPerSecond)))
}

type metaFigures struct {
	Records        int     `json:"records"`
	Seconds        float64 `json:"seconds"` // until searchable
	EmbeddingCalls int     `json:"embedding_calls"`
	Computed       int     `json:"embeddings_computed"`
	FoundBefore    int     `json:"found_before"`
	FoundAfter     int     `json:"found_after"`
}

// metadata patches 500 open tickets to a priority that none had.
func (d *demo) metadata(ctx context.Context) error {
	const records, writers, urgent = 500, 8, 5
	f := &d.figures.Metadata
	f.Records = records
	filter := map[string]any{"priority": urgent}
	before, err := d.ask(ctx, "please help", filter, 2*records)
	if err != nil {
		return err
	}
	at, err := d.counters(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	var g errgroup.Group
	g.SetLimit(writers)
	p := d.cli.newProgress("patching", records)
	var done atomic.Int64
	for _, t := range d.open(records) {
		g.Go(func() error {
			err := d.patch(ctx, t.ID, map[string]any{"priority": urgent})
			p.set(done.Add(1), records)
			return err
		})
	}
	err = g.Wait()
	p.done()
	if err != nil {
		return err
	}
	if _, err := d.settled(ctx, "indexing", records); err != nil {
		return err
	}
	took := time.Since(start)
	now, err := d.counters(ctx)
	if err != nil {
		return err
	}
	after, err := d.ask(ctx, "please help", filter, 2*records)
	if err != nil {
		return err
	}
	f.Seconds, f.EmbeddingCalls, f.Computed = took.Seconds(), now.calls-at.calls, now.computed-at.computed
	f.FoundBefore, f.FoundAfter = len(before.Results), len(after.Results)
	d.row("changed", `%d open tickets: PATCH {"priority": %d}, searchable after %s`, f.Records, urgent, clock(took))
	d.row("embedding", "%s calls", d.bold(fmt.Sprint(f.EmbeddingCalls)))
	d.row("filter", `{"priority": %d} found %d before and finds %d now`, urgent, f.FoundBefore, f.FoundAfter)
	if _, err := d.outputs(ctx); err != nil { // the next stage counts its own runs
		return err
	}
	switch {
	case f.EmbeddingCalls != 0 || f.Computed != 0:
		return broken("a change of metadata made %d embedding calls and computed %d vectors", f.EmbeddingCalls, f.Computed)
	case f.FoundBefore != 0 || f.FoundAfter != records:
		return broken("the filter found %d records before and %d after, not 0 and %d", f.FoundBefore, f.FoundAfter, records)
	}
	return nil
}

// open lists the first n open tickets.
func (d *demo) open(n int) []ticket {
	open := slices.DeleteFunc(slices.Clone(d.tickets), func(t ticket) bool { return t.Fields.Status != "open" })
	return open[:min(n, len(open))]
}

func (d *demo) patch(ctx context.Context, id string, fields map[string]any) error {
	return d.client.do(ctx, http.MethodPatch, collectionPath(ticketsName, "records", segment(id)), fields, nil)
}

type editFigures struct {
	Record         string  `json:"record"`
	Bytes          int     `json:"bytes"`
	Passages       int     `json:"passages"`
	Computed       int     `json:"embeddings_computed"`
	Reused         int     `json:"embeddings_reused"` // passages that kept their vector
	EmbeddingCalls int     `json:"embedding_calls"`
	Seconds        float64 `json:"seconds"` // until searchable
}

// mostTouched is how many passages an insertion may touch: the one it is in,
// which may split, and a neighbour.
const mostTouched = 3

// edit inserts a sentence in the middle of the long record.
func (d *demo) edit(ctx context.Context) error {
	const sentence = "As a stopgap the night shift was told to compare each label with the packing slip by hand. "
	i := slices.IndexFunc(d.tickets, func(t ticket) bool { return t.ID == sample.LongID })
	if i < 0 {
		return broken("the sample has no record %s", sample.LongID)
	}
	body := d.tickets[i].Fields.Body
	middle := len(body)/2 + strings.Index(body[len(body)/2:], ". ") + len(". ")
	at, err := d.counters(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := d.patch(ctx, sample.LongID, map[string]any{"body": body[:middle] + sentence + body[middle:]}); err != nil {
		return err
	}
	if _, err := d.settled(ctx, "indexing", 1); err != nil {
		return err
	}
	took := time.Since(start)
	now, err := d.counters(ctx)
	if err != nil {
		return err
	}
	out, err := d.outputs(ctx)
	if err != nil {
		return err
	}
	got, err := d.ask(ctx, sentence, nil, 1)
	if err != nil {
		return err
	}
	f := &d.figures.Edit
	*f = editFigures{
		Record: sample.LongID, Bytes: len(body), Passages: out["split.passages"], Computed: now.computed - at.computed,
		EmbeddingCalls: now.calls - at.calls, Seconds: took.Seconds(),
	}
	f.Reused = f.Passages - f.Computed
	d.row("inserted", "a sentence in the middle of %s, searchable after %s", f.Record, clock(took))
	d.row("passages", "%d in %s bytes: %s embedded, %d reused", f.Passages, comma(f.Bytes), d.bold(fmt.Sprint(f.Computed)), f.Reused)
	switch {
	case f.Computed < 1 || f.Computed > mostTouched || f.Passages <= 2*mostTouched:
		return broken("the edit embedded %d of %d passages", f.Computed, f.Passages)
	case len(got.Results) == 0 || got.Results[0].ID != sample.LongID:
		return broken("the edited text is not found")
	}
	return nil
}
