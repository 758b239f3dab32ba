package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/cmd/holdfast/source"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

type ingestFlags struct {
	collection, file, id string
	restart, dryRun      bool
}

func (c *cli) ingestCommand() *cobra.Command {
	var f ingestFlags
	cmd := &cobra.Command{
		Use: "ingest PATH…", Short: "Load JSON lines, CSV, or a folder of text and Markdown files",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("name a file or a folder to load, or - for standard input")
			}
			return nil
		},
		Long: `Loads records from JSON lines ({"id","fields"} or flat objects), CSV with a
header, or folders of text and Markdown files; files may be compressed (.gz),
and - reads JSON lines from standard input.

A row that cannot be loaded is told with its line and the reason, and the rest
goes on. A load that was interrupted goes on where it stopped when the same
command is run again. Loading the same data again changes nothing.`,
		Example: `  holdfast init tickets.csv -o tickets.yaml       propose a declaration
  holdfast ingest --dry-run tickets.csv           what the privacy gate finds
  holdfast ingest -f tickets.yaml tickets.csv     declare and load
  holdfast ingest handbook/                       text and Markdown files`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.ingest(cmd.Context(), args, f) },
	}
	cmd.Flags().StringVarP(&f.collection, "collection", "c", "", "collection to load into (default: the declaration's, or the file's name)")
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "YAML file with the collection's declaration, made if it is not there yet")
	cmd.Flags().StringVar(&f.id, "id", "id", "field that holds the record's id")
	cmd.Flags().BoolVar(&f.restart, "restart", false, "begin anew instead of going on after an interruption")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what the privacy gate finds; store nothing")
	return cmd
}

// ingestion is one call of the command.
type ingestion struct {
	*cli
	ingestFlags
	sources     []*source.Source
	declaration *record.Declaration // from the file, or the one for documents; nil if neither
	given       bool                // the declaration was given with -f
}

func (c *cli) ingest(ctx context.Context, paths []string, f ingestFlags) error {
	in := &ingestion{cli: c, ingestFlags: f}
	if err := in.open(ctx, paths); err != nil {
		return err
	}
	if err := in.choose(); err != nil {
		return err
	}
	if f.dryRun {
		return in.rehearse(ctx)
	}
	if in.declaration == nil && !c.hasData() {
		return in.undeclared()
	}
	return c.with(ctx, func(cl *client) error { return in.run(ctx, cl) })
}

// hasData reports whether the data folder holds anything yet.
func (c *cli) hasData() bool {
	_, err := os.Stat(filepath.Join(c.config.Data, "holdfast.db"))
	return err == nil
}

// open looks at all paths before anything is done.
func (in *ingestion) open(ctx context.Context, paths []string) error {
	for i, path := range paths {
		if path == source.Stdin && slices.Contains(paths[:i], path) {
			return usage("standard input can be read only once")
		}
		s, err := source.Open(path, source.Options{ID: in.id, Stdin: untilDone(ctx, os.Stdin)})
		if err != nil {
			return err
		}
		in.sources = append(in.sources, s)
	}
	return nil
}

// untilDone lets go of a read that waits for input when ctx ends. The
// goroutine that reads ends with the process.
func untilDone(ctx context.Context, r io.Reader) io.Reader {
	out, w := io.Pipe()
	started := false
	return readerFunc(func(p []byte) (int, error) {
		if !started {
			started = true
			context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) }) // never fails
			go func() {
				_, err := io.Copy(w, r)
				_ = w.CloseWithError(err) // never fails; nil is the end
			}()
		}
		return out.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

// Read calls f.
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// choose finds the declaration and the collection's name.
func (in *ingestion) choose() error {
	name := in.collection
	if in.file != "" {
		data, err := readInput(in.file)
		if err != nil {
			return err
		}
		all, err := record.ParseDeclarations(data)
		if err != nil {
			return fmt.Errorf("%s: %w", in.file, err)
		}
		at := slices.IndexFunc(all, func(d record.Declaration) bool { return d.Collection == name })
		switch {
		case name == "" && len(all) == 1:
			at = 0
		case name == "":
			return usage("%s declares several collections; choose one with -c", in.file)
		case at < 0:
			return fault.New(fault.Invalid, "%s does not declare %s", in.file, name)
		}
		in.declaration, in.given = &all[at], true
		in.collection = all[at].Collection
		return nil
	}
	if name == "" {
		in.collection = in.sources[0].Name()
	}
	if !slices.ContainsFunc(in.sources, func(s *source.Source) bool { return !documents(s) }) {
		d := documentsDeclaration(in.collection)
		if err := d.Complete(); err != nil {
			return fmt.Errorf("%w; choose a collection with -c", err)
		}
		in.declaration = &d
	}
	return nil
}

func documents(s *source.Source) bool { return s.Kind == source.Folder || s.Kind == source.Document }

// documentsDeclaration is how text and Markdown files are declared if nobody
// says otherwise.
func documentsDeclaration(name string) record.Declaration {
	return record.Declaration{
		Collection: name, Content: []string{source.Title, source.Body}, Metadata: []string{source.Path, source.Modified}, Title: source.Title,
	}
}

// undeclared says how to get to a declaration.
func (in *ingestion) undeclared() error {
	path := in.sources[0].Path
	if path == source.Stdin {
		return fault.New(fault.NotFound, "there is no collection %s; declare it with -f FILE, or name another with -c", in.collection)
	}
	yaml, id := in.collection+".yaml", ""
	if in.id != "id" {
		id = " --id " + in.id
	}
	return fault.New(fault.NotFound, `there is no collection %s. Propose a declaration, look it over, and load with it:
  holdfast init%s %s -o %s
  holdfast ingest%s -f %s %s
or name a collection that is there with -c`, in.collection, id, path, yaml, id, yaml, path)
}

// declare makes sure that the collection is there.
func (in *ingestion) declare(ctx context.Context, cl *client) (api.Collection, error) {
	var got api.Collection
	if !in.given {
		err := cl.get(ctx, collectionPath(in.collection), &got)
		if fault.KindOf(err) != fault.NotFound {
			return got, err
		}
		if in.declaration == nil {
			return got, in.undeclared()
		}
	}
	if err := cl.do(ctx, http.MethodPut, collectionPath(in.collection), in.declaration, &got); err != nil {
		return got, fmt.Errorf("%s: %w", in.collection, err)
	}
	if p := got.Plan; p != nil {
		return got, fault.New(fault.Conflict, "%s is declared with other %s already, which cannot be changed in place; load without -f, or into a new collection",
			in.collection, strings.Join(p.Reasons, " and "))
	}
	if !in.given {
		d := got.Declaration
		in.tell("%s: declared for documents: %s are embedded, %s can be filtered on\n", in.collection,
			strings.Join(d.Content, " and "), strings.Join(d.Metadata, " and "))
	}
	return got, nil
}

// tell says something beside the results.
func (c *cli) tell(format string, args ...any) {
	_, _ = fmt.Fprintf(c.errOut, format, args...) // nothing better can be done with an error
}

func (in *ingestion) run(ctx context.Context, cl *client) error {
	col, err := in.declare(ctx, cl)
	if err != nil {
		return err
	}
	in.warn(col.Declaration)
	points, err := in.resumeAll(col)
	if err != nil {
		return err
	}
	before := cl.embeddings(ctx)
	start := time.Now()
	l, r := in.loader(cl, points)
	bar := in.newByteProgress("loading", total(in.sources))
	l.progress = func(done int64) { bar.set(done, total(in.sources)) }
	err = l.load(ctx)
	bar.done()
	sum := report{Collection: in.collection, Seconds: time.Since(start).Seconds()}
	for _, t := range l.totals {
		sum.add(t)
	}
	if err != nil {
		return in.interrupted(err, &sum)
	}
	for i, s := range in.sources {
		if l.totals[i] != (tally{}) {
			continue
		}
		if err := r.add(source.Row{File: s.Path, Skipped: "holds no records"}, nil); err != nil {
			return err
		}
	}
	for _, p := range points {
		if p != nil {
			if err := p.remove(); err != nil {
				return err
			}
		}
	}
	r.finish()
	if !in.json {
		if err := in.printf("%s\n", sum.String()); err != nil {
			return err
		}
	}
	if err := in.indexed(ctx, cl, before, &sum); err != nil {
		return err
	}
	if sum.Refused > 0 {
		return fault.New(fault.Invalid, "%s refused, as told above; everything else is stored", were(sum.Refused, "row"))
	}
	return nil
}

func were(n int64, one string) string {
	if n == 1 {
		return plural(n, one) + " was"
	}
	return plural(n, one) + " were"
}

func total(sources []*source.Source) int64 {
	sum := int64(0)
	for _, s := range sources {
		if s.Size < 0 {
			return -1
		}
		sum += s.Size
	}
	return sum
}

// warn looks at the first rows: a declaration that names none of their fields
// as content would load them and find nothing.
func (in *ingestion) warn(d record.Declaration) {
	const enough = 100
	for _, s := range in.sources {
		if s.Path == source.Stdin {
			continue
		}
		rows, seen := 0, map[string]bool{}
		for row := range s.Rows(source.Mark{}) {
			if row.Fields == nil {
				continue
			}
			f, err := record.ParseFields(row.Fields)
			if err != nil {
				continue // told when the row is loaded
			}
			for name := range f {
				seen[name] = true
			}
			if rows++; rows == enough {
				break
			}
		}
		if rows > 0 && !slices.ContainsFunc(d.Content, func(name string) bool { return seen[name] }) {
			in.tell("%s: warning: the first rows have none of the fields that %s embeds (%s), so nothing of them can be found; they have: %s\n",
				s.Path, in.collection, strings.Join(d.Content, ", "), strings.Join(slices.Sorted(maps.Keys(seen)), ", "))
		}
	}
}

func (in *ingestion) resumeAll(col api.Collection) ([]*checkpoint, error) {
	points := make([]*checkpoint, len(in.sources))
	for i, s := range in.sources {
		p, err := in.resume(s, in.collection, col.CreatedAt, in.id, in.restart)
		if err != nil {
			return nil, err
		}
		switch points[i] = p; {
		case p == nil:
		case p.Done:
			in.tell("%s: loaded before the interruption (--restart begins anew)\n", s.Path)
		case p.Mark.Line > 0:
			in.tell("%s: going on after line %d, where it was interrupted (--restart begins anew)\n", s.Path, p.Mark.Line)
		}
	}
	return points, nil
}

// interrupted says how far the load came.
func (in *ingestion) interrupted(err error, sum *report) error {
	if !errors.Is(err, context.Canceled) {
		return err
	}
	return fault.New(fault.Unavailable, "interrupted: %s; run the same command again to go on", sum)
}

// report is the end of an ingest: the last line of its JSON output.
type report struct {
	Collection string `json:"collection"`
	tally
	Seconds    float64          `json:"seconds"`
	Embeddings *embeddings      `json:"embeddings,omitempty"` // absent if another process indexes
	Status     *holdfast.Status `json:"status,omitempty"`
}

// String counts what became of the rows.
func (r *report) String() string {
	parts := []string{plural(r.Written, "record") + " written"}
	for _, more := range []struct {
		n    int64
		what string
	}{{r.Unchanged, "unchanged"}, {r.Refused, "refused"}} {
		if more.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", more.n, more.what))
		}
	}
	text := fmt.Sprintf("%s: %s in %.1f s", r.Collection, strings.Join(parts, ", "), r.Seconds)
	if r.Repeated > 0 {
		text += fmt.Sprintf("\n%s: %s came more than once; the last one stands", r.Collection, plural(r.Repeated, "id"))
	}
	return text
}

// indexed waits until what was written is searchable, and prints the end.
func (in *ingestion) indexed(ctx context.Context, cl *client, before *embeddings, sum *report) error {
	if err := in.settle(ctx, cl); err != nil {
		if errors.Is(err, context.Canceled) {
			return fault.New(fault.Unavailable, "interrupted: everything is stored; what is not indexed yet will be by the next `holdfast serve` or command that writes")
		}
		return err
	}
	var st holdfast.Status
	if err := cl.get(ctx, collectionPath(in.collection, "status"), &st); err != nil {
		return err
	}
	sum.Status = &st
	if after := cl.embeddings(ctx); cl.owner != nil && before != nil && after != nil {
		sum.Embeddings = &embeddings{after.Computed - before.Computed, after.Reused - before.Reused}
	}
	if in.json {
		return json.NewEncoder(in.out).Encode(sum)
	}
	if cl.owner == nil {
		return in.printf("The running server indexes them: `holdfast status %s` says how far it is.\n", in.collection)
	}
	line := fmt.Sprintf("%s: %s, %s", in.collection, plural(st.Records, "record"), plural(st.Passages, "passage"))
	if e := sum.Embeddings; e != nil {
		line += fmt.Sprintf("; %s computed, %d reused", plural(e.Computed, "embedding"), e.Reused)
	}
	if st.DeadLetters > 0 {
		line += fmt.Sprintf("; %s: `holdfast dlq`", plural(st.DeadLetters, "dead letter"))
	}
	return in.printf("%s\n", line)
}

// embeddings counts what was embedded since the owner started.
type embeddings struct {
	Computed int64 `json:"computed"`
	Reused   int64 `json:"reused"`
}

// embeddings reads the owner's counters; nil if they cannot be had.
func (cl *client) embeddings(ctx context.Context) *embeddings {
	resp, err := cl.send(ctx, http.MethodGet, "/metrics", "", nil)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil
	}
	out := &embeddings{}
	for line := range strings.Lines(string(data)) {
		for label, to := range map[string]*int64{"computed": &out.Computed, "reused": &out.Reused} {
			if rest, ok := strings.CutPrefix(line, `holdfast_embedding_texts_total{result="`+label+`"} `); ok {
				if n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64); err == nil {
					*to = int64(n)
				}
			}
		}
	}
	return out
}

// rejects prints rows that were not loaded: a line each, or JSON lines. Files
// of other kinds are only counted, for people.
type rejects struct {
	*cli
	skipped map[string]int64 // by the file's ending
}

// reject is a row that was refused or skipped, as JSON.
type reject struct {
	File    string `json:"file"`
	Line    int64  `json:"line,omitempty"`
	Error   string `json:"error,omitempty"`
	Skipped string `json:"skipped,omitempty"`
}

func (r *rejects) add(row source.Row, err error) error {
	if r.json {
		out := reject{File: row.File, Line: row.Line, Skipped: row.Skipped}
		if err != nil {
			out.Error = err.Error()
		}
		return json.NewEncoder(r.out).Encode(out)
	}
	switch {
	case err != nil && row.Line > 0:
		r.tell("%s:%d: %v\n", row.File, row.Line, err)
	case err != nil:
		r.tell("%s: %v\n", row.File, err)
	case row.Skipped == source.OtherKind:
		r.skipped[strings.ToLower(filepath.Ext(row.File))]++
	default:
		r.tell("%s: %s; skipped\n", row.File, row.Skipped)
	}
	return nil
}

// finish tells what was only counted.
func (r *rejects) finish() {
	if len(r.skipped) == 0 {
		return
	}
	sum, kinds := int64(0), slices.Collect(maps.Keys(r.skipped))
	slices.SortFunc(kinds, func(a, b string) int { return int(r.skipped[b] - r.skipped[a]) })
	var parts []string
	for i, k := range kinds {
		sum += r.skipped[k]
		if i < 5 {
			parts = append(parts, fmt.Sprintf("%d %s", r.skipped[k], k))
		}
	}
	if len(kinds) > len(parts) {
		parts = append(parts, "…")
	}
	r.tell("skipped %s that are neither text nor Markdown: %s\n", plural(sum, "file"), strings.Join(parts, ", "))
}

func (in *ingestion) loader(cl *client, points []*checkpoint) (*loader, *rejects) {
	r := &rejects{cli: in.cli, skipped: map[string]int64{}}
	return &loader{client: cl, collection: in.collection, sources: in.sources, points: points, report: r.add}, r
}
