package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/cmd/holdfast/source"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// rehearsal is what an ingest would do, as a dry run found out.
type rehearsal struct {
	Collection string       `json:"collection"`
	Records    int64        `json:"records"`
	Refused    int64        `json:"refused"`
	HeldBack   int64        `json:"held_back"` // fields that the gate could not examine
	Passages   int64        `json:"passages"`
	Bytes      int64        `json:"bytes"` // of content
	Seconds    float64      `json:"seconds"`
	Found      []foundCount `json:"found"`
	Examples   []string     `json:"examples"` // in clean form
	counts     map[key]int  // values
	records    map[key]int  // records with such a value
	examples   map[gate.Entity][]string
}

type key struct {
	entity gate.Entity
	action gate.Action
	field  string
}

// foundCount counts values of one type in one field.
type foundCount struct {
	Entity  gate.Entity `json:"entity"`
	Action  gate.Action `json:"action"`
	Field   string      `json:"field"`
	Values  int         `json:"values"`
	Records int         `json:"records"`
}

const (
	// rehearsalRows and rehearsalBytes bound what one worker holds.
	rehearsalRows  = 64
	rehearsalBytes = 4 << 20
	// perEntity and maxSnippets bound the examples.
	perEntity   = 2
	maxSnippets = 12
)

// rehearse passes the data through the gate without storing anything: no
// data folder is made, and the gate's key is thrown away.
func (in *ingestion) rehearse(ctx context.Context) error {
	d, policy, err := in.plan(ctx)
	if err != nil {
		return err
	}
	g, err := ephemeralGate()
	if err != nil {
		return err
	}
	start := time.Now()
	sum := &rehearsal{Collection: d.Collection, counts: map[key]int{}, records: map[key]int{}, examples: map[gate.Entity][]string{}}
	r := &rejects{cli: in.cli, skipped: map[string]int64{}}
	bar := in.newByteProgress("examining", total(in.sources))
	jobs, done := make(chan []record.Fields), make(chan *rehearsal)
	workers, ctx := errgroup.WithContext(ctx)
	for range runtime.NumCPU() {
		workers.Go(func() error {
			for batch := range jobs {
				part, err := examine(ctx, g, policy, d, batch)
				if err != nil {
					return err
				}
				done <- part
			}
			return nil
		})
	}
	reading := make(chan error, 1)
	go func() {
		defer close(jobs)
		reading <- in.batches(ctx, jobs, r, bar, &sum.Refused)
	}()
	failed := make(chan error, 1)
	go func() {
		failed <- workers.Wait()
		close(done)
	}()
	for part := range done {
		sum.merge(part)
	}
	bar.done()
	for _, err := range []error{<-failed, <-reading} {
		if err != nil {
			return err
		}
	}
	r.finish()
	sum.Seconds = time.Since(start).Seconds()
	sum.finish()
	return in.printRehearsal(sum, d)
}

// plan finds the declaration and the policy that an ingest would use.
func (in *ingestion) plan(ctx context.Context) (*record.Declaration, *gate.Policy, error) {
	d := in.declaration
	if !in.given && in.hasData() {
		var col api.Collection
		err := in.with(ctx, func(cl *client) error { return cl.get(ctx, collectionPath(in.collection), &col) })
		switch {
		case err == nil:
			d = &col.Declaration
		case fault.KindOf(err) != fault.NotFound:
			return nil, nil, err
		}
	}
	if d == nil {
		s := in.sources[0]
		if s.Path == source.Stdin {
			return nil, nil, in.undeclared()
		}
		loose, err := source.Open(s.Path, source.Options{ID: in.id, Loose: true})
		if err != nil {
			return nil, nil, err
		}
		id := ""
		if in.id != "id" {
			id = in.id
		}
		p, err := in.proposeFor(ctx, loose, id, in.collection)
		if err != nil {
			return nil, nil, err
		}
		if err := p.Complete(); err != nil {
			return nil, nil, fmt.Errorf("%w; choose a collection with -c", err)
		}
		d = &p.Declaration
		in.tell("No declaration is given: this is what `holdfast init %s` would propose, with %s as content.\n", s.Path, strings.Join(d.Content, " and "))
	}
	policy, err := in.policy(d.Policy)
	return d, policy, err
}

// policy finds a privacy policy: those of the configuration, and the default.
func (c *cli) policy(name string) (*gate.Policy, error) {
	found := gate.DefaultPolicy()
	at := slices.IndexFunc(c.config.Policies, func(p gate.Policy) bool { return p.Name == name })
	switch {
	case at >= 0:
		found = c.config.Policies[at]
	case name != found.Name:
		return nil, fault.New(fault.NotFound, "there is no policy %q; declare it under `policies:` in holdfast.yaml", name)
	}
	if err := found.Validate(); err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, err)
	}
	return &found, nil
}

// batches reads the sources and hands out their rows.
func (in *ingestion) batches(ctx context.Context, jobs chan<- []record.Fields, r *rejects, bar *progress, refused *int64) error {
	var batch []record.Fields
	size, passed := 0, int64(0)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		select {
		case jobs <- batch:
		case <-ctx.Done():
			return ctx.Err()
		}
		batch, size = nil, 0
		return nil
	}
	for _, s := range in.sources {
		rows := 0
		for row := range s.Rows(source.Mark{}) {
			if err := ctx.Err(); err != nil {
				return err
			}
			rows++
			var fields record.Fields
			err := row.Err
			if err == nil && row.Fields != nil {
				fields, err = record.ParseFields(row.Fields)
			}
			if err != nil {
				*refused++
			}
			if err != nil || row.Skipped != "" {
				if err := r.add(row, err); err != nil {
					return err
				}
				continue
			}
			batch, size = append(batch, fields), size+len(row.Fields)
			if len(batch) < rehearsalRows && size < rehearsalBytes {
				continue
			}
			if err := flush(); err != nil {
				return err
			}
			bar.set(passed+s.Position(), total(in.sources))
		}
		passed += max(s.Size, 0)
		if rows == 0 {
			if err := r.add(source.Row{File: s.Path, Skipped: "holds no records"}, nil); err != nil {
				return err
			}
		}
	}
	return flush()
}

// examine passes some rows through the gate.
func examine(ctx context.Context, g *gate.Gate, policy *gate.Policy, d *record.Declaration, batch []record.Fields) (*rehearsal, error) {
	out := &rehearsal{Records: int64(len(batch)), counts: map[key]int{}, records: map[key]int{}, examples: map[gate.Entity][]string{}}
	for _, fields := range batch {
		for _, name := range d.Content {
			raw, ok := fields.Text(name)
			if !ok {
				continue
			}
			out.Bytes += int64(raw.Len())
			result := g.Clean(ctx, policy, []gate.Raw{raw})[0]
			if result.Err != nil {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				out.HeldBack++
				continue
			}
			here := map[key]bool{}
			for _, f := range result.Findings {
				k := key{f.Entity, f.Action, name}
				out.counts[k]++
				if !here[k] {
					here[k] = true
					out.records[k]++
				}
			}
			passages, err := flow.Split(result.Clean, d.Chunking)
			if err != nil {
				return nil, err
			}
			out.Passages += int64(len(passages))
			for _, p := range passages {
				out.exemplify(p)
			}
		}
	}
	return out, nil
}

// exemplify keeps a snippet around a value, as it would be stored.
func (r *rehearsal) exemplify(p gate.Clean) {
	for entity := range p.Values() {
		if len(r.examples[entity]) >= perEntity {
			continue
		}
		if s, ok := snippet(p.Display(), string(entity)); ok && !slices.Contains(r.examples[entity], s) {
			r.examples[entity] = append(r.examples[entity], s)
		}
	}
}

// snippet cuts the words around what stands for a value: its type's name, or
// stars.
func snippet(display, entity string) (string, bool) {
	at := strings.Index(display, entity)
	if at < 0 {
		at = strings.Index(display, "***")
	}
	if at < 0 {
		return "", false
	}
	const before, after = 50, 70
	from, to := max(0, at-before), min(len(display), at+after)
	for from > 0 && !utf8.RuneStart(display[from]) {
		from--
	}
	for to < len(display) && !utf8.RuneStart(display[to]) {
		to++
	}
	text := strings.Join(strings.Fields(display[from:to]), " ")
	if from > 0 {
		text = "…" + text
	}
	if to < len(display) {
		text += "…"
	}
	return text, true
}

func (r *rehearsal) merge(o *rehearsal) {
	r.Records += o.Records
	r.Passages += o.Passages
	r.HeldBack += o.HeldBack
	r.Bytes += o.Bytes
	for k, n := range o.counts {
		r.counts[k] += n
		r.records[k] += o.records[k]
	}
	for e, list := range o.examples {
		for _, s := range list {
			if len(r.examples[e]) < perEntity {
				r.examples[e] = append(r.examples[e], s)
			}
		}
	}
}

// finish sorts what was counted, the most frequent first.
func (r *rehearsal) finish() {
	r.Found, r.Examples = []foundCount{}, []string{}
	for k, n := range r.counts {
		r.Found = append(r.Found, foundCount{k.entity, k.action, k.field, n, r.records[k]})
	}
	slices.SortFunc(r.Found, func(a, b foundCount) int {
		if a.Values != b.Values {
			return b.Values - a.Values
		}
		return strings.Compare(string(a.Entity)+a.Field, string(b.Entity)+b.Field)
	})
	for _, f := range r.Found {
		r.Examples = append(r.Examples, r.examples[f.Entity]...)
		delete(r.examples, f.Entity)
	}
	if len(r.Examples) > maxSnippets {
		r.Examples = r.Examples[:maxSnippets]
	}
}

func (in *ingestion) printRehearsal(r *rehearsal, d *record.Declaration) error {
	var err error
	if in.json {
		err = json.NewEncoder(in.out).Encode(r)
	} else {
		err = in.printFound(r, d)
	}
	if err != nil {
		return err
	}
	if r.Refused > 0 {
		return fault.New(fault.Invalid, "%s would be refused, as told above", plural(r.Refused, "row"))
	}
	return nil
}

func (in *ingestion) printFound(r *rehearsal, d *record.Declaration) error {
	if err := in.printf("%s: %s, %s (%.1f MB of text in %.1f s); policy %s; nothing was stored\n",
		r.Collection, plural(r.Records, "record"), plural(r.Passages, "passage"), float64(r.Bytes)/1e6, r.Seconds, d.Policy); err != nil {
		return err
	}
	if r.HeldBack > 0 {
		if err := in.printf("%s could not be examined and would be held back as dead letters\n", plural(r.HeldBack, "text")); err != nil {
			return err
		}
	}
	if len(r.Found) == 0 {
		return in.printf("No personal data was found.\n")
	}
	rows := make([][]string, len(r.Found))
	for i, f := range r.Found {
		rows[i] = []string{string(f.Entity), string(f.Action), f.Field, fmt.Sprint(f.Values), fmt.Sprint(f.Records)}
	}
	if err := in.printf("\n"); err != nil {
		return err
	}
	if err := in.table([]string{"ENTITY", "ACTION", "FIELD", "VALUES", "RECORDS"}, rows); err != nil {
		return err
	}
	if err := in.printf("\nAs it would be stored:\n"); err != nil {
		return err
	}
	for _, s := range r.Examples {
		if err := in.printf("  %s\n", s); err != nil {
			return err
		}
	}
	return nil
}
