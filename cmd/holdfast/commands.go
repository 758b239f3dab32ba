package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// listing is how lists are answered.
type listing[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

func collectionPath(name string, rest ...string) string {
	var path strings.Builder
	path.WriteString("/v1/collections/" + url.PathEscape(name))
	for _, r := range rest {
		path.WriteString("/" + r)
	}
	return path.String()
}

// segment escapes an id in a path; dots alone would be taken for a folder.
func segment(id string) string {
	if id == "." || id == ".." {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}

func (c *cli) applyCommand() *cobra.Command {
	var from string
	var yes bool
	cmd := &cobra.Command{
		Use: "apply -f FILE", Short: "Declare collections", Args: cobra.NoArgs,
		Long: "Declares the collections in a YAML file (- for standard input). Applying the same file again changes nothing.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == "" {
				return usage("name a file with -f")
			}
			data, err := readInput(from)
			if err != nil {
				return err
			}
			declarations, err := record.ParseDeclarations(data)
			if err != nil {
				return fmt.Errorf("%s: %w", from, err)
			}
			return c.with(cmd.Context(), func(cl *client) error {
				for _, d := range declarations {
					if err := c.apply(cmd.Context(), cl, d); err != nil {
						return err
					}
					if err := c.applySource(cmd.Context(), cl, d, yes); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVarP(&from, "file", "f", "", "YAML file with declarations")
	cmd.Flags().BoolVar(&yes, "yes", false, "install at sources what their plan says")
	return cmd
}

func readInput(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(os.Stdin)
	}
	data, err := os.ReadFile(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fault.New(fault.NotFound, "%w", err)
	}
	return data, nil
}

func (c *cli) apply(ctx context.Context, cl *client, d record.Declaration) error {
	var got api.Collection
	if err := cl.do(ctx, http.MethodPut, collectionPath(d.Collection), d, &got); err != nil {
		return fmt.Errorf("%s: %w", d.Collection, err)
	}
	if c.json {
		return c.printJSON(got)
	}
	if p := got.Plan; p != nil {
		return c.printf("%s: not changed yet. Another %s needs %s and about %s, about %d tokens to embed, price about %.4f.\nApprove it with `holdfast models approve %s`.\n",
			d.Collection, strings.Join(p.Reasons, " and "), plural(p.Records, "record"), plural(p.Passages, "passage"), p.Tokens, p.Price, d.Collection)
	}
	return c.printf("%s: declared\n", d.Collection)
}

func (c *cli) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status [COLLECTION]", Short: "Say where things stand", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.look(cmd.Context(), func(cl *client) error { return c.status(cmd.Context(), cl, args) })
		},
	}
}

func (c *cli) status(ctx context.Context, cl *client, names []string) error {
	if len(names) == 0 {
		all, err := everything[api.Collection](ctx, cl, "/v1/collections")
		if err != nil {
			return err
		}
		for _, col := range all {
			names = append(names, col.Name)
		}
	}
	states := []holdfast.Status{}
	for _, name := range names {
		var st holdfast.Status
		if err := cl.get(ctx, collectionPath(name, "status"), &st); err != nil {
			return err
		}
		states = append(states, st)
	}
	if c.json {
		return c.printJSON(listing[holdfast.Status]{Items: states})
	}
	if len(states) == 0 {
		return c.printf("There is no collection yet. Propose one from your data with `holdfast init FILE`, or see `holdfast demo`.\n")
	}
	rows := make([][]string, len(states))
	dead := int64(0)
	for i, st := range states {
		rows[i] = []string{
			st.Collection, fmt.Sprint(st.Records), fmt.Sprint(st.Passages), fmt.Sprint(st.PendingChanges),
			fmt.Sprintf("%.1fs", st.LagSeconds), fmt.Sprint(st.DeadLetters), st.Generation.Model,
		}
		dead += st.DeadLetters
	}
	if err := c.table([]string{"COLLECTION", "RECORDS", "PASSAGES", "PENDING", "LAG", "DEAD", "MODEL"}, rows); err != nil {
		return err
	}
	for _, st := range states {
		if src := st.Source; src != nil && (src.State != holdfast.SourceOK || src.Message != "") {
			if err := c.printf("\n%s: table %s: %s. %s\n", st.Collection, src.Table, loadedOf(*src), src.Message); err != nil {
				return err
			}
		}
	}
	if dead > 0 {
		return c.printf("\n%s wait to be looked at: `holdfast dlq`\n", plural(dead, "dead letter"))
	}
	return nil
}

// everything reads all pages of a list.
func everything[T any](ctx context.Context, cl *client, path string) ([]T, error) {
	var all []T
	cursor := ""
	for {
		q := url.Values{"limit": {"1000"}}
		if cursor != "" {
			q.Set("cursor", cursor)
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		var page listing[T]
		if err := cl.get(ctx, path+sep+q.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if cursor = page.Next; cursor == "" {
			return all, nil
		}
	}
}

type searchFlags struct {
	k      int
	filter string
	mode   string
	fields []string
}

func (c *cli) searchCommand() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use: "search COLLECTION QUERY", Short: "Search a collection", Args: cobra.MinimumNArgs(2),
		Example: `  holdfast search tickets "parcel arrived broken"
  holdfast search tickets "cannot log in" --filter '{"status":"open"}' -k 3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.look(cmd.Context(), func(cl *client) error {
				return c.search(cmd.Context(), cl, args[0], strings.Join(args[1:], " "), f)
			})
		},
	}
	cmd.Flags().IntVarP(&f.k, "k", "k", 5, "most results")
	cmd.Flags().StringVar(&f.filter, "filter", "", "condition on metadata, as JSON")
	cmd.Flags().StringVar(&f.mode, "mode", "hybrid", "hybrid, vector or lexical")
	cmd.Flags().StringSliceVar(&f.fields, "fields", nil, "fields of the record to show")
	return cmd
}

type answer struct {
	Results []api.SearchResult `json:"results"`
	TookMS  float64            `json:"took_ms"`
}

func (c *cli) search(ctx context.Context, cl *client, collection, query string, f searchFlags) error {
	body := map[string]any{"query": query, "k": f.k, "mode": f.mode}
	if f.filter != "" {
		filter, err := record.ParseFields([]byte(f.filter))
		if err != nil {
			return usage("--filter: %v", err)
		}
		body["filter"] = filter
	}
	if f.fields != nil {
		body["fields"] = f.fields
	}
	var got answer
	if err := cl.do(ctx, http.MethodPost, collectionPath(collection, "search"), body, &got); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(got)
	}
	if len(got.Results) > 0 {
		return c.printHits(got)
	}
	var st holdfast.Status
	if err := cl.get(ctx, collectionPath(collection, "status"), &st); err != nil {
		return err
	}
	if st.PendingChanges > 0 {
		return fault.New(fault.Unavailable, "nothing was found yet: %s of %s not indexed; `holdfast status %s` follows it",
			plural(st.PendingChanges, "change"), collection, collection)
	}
	return c.printf("Nothing was found; everything is indexed.\n")
}

func (c *cli) printHits(got answer) error {
	width, ok := terminal(c.out)
	if !ok {
		width = 100
	}
	for i, r := range got.Results {
		text := strings.Join(strings.Fields(r.Passage.Text), " ")
		if err := c.printf("%d. %s  %s\n   %s\n", i+1, r.ID, meta(r.Fields), shorten(text, 2*width-6)); err != nil {
			return err
		}
	}
	return c.printf("%s in %.1f ms\n", plural(int64(len(got.Results)), "result"), got.TookMS)
}

// meta prints metadata fields in one line.
func meta(fields record.Fields) string {
	var parts []string
	for _, name := range sortedKeys(fields) {
		parts = append(parts, fmt.Sprintf("%s=%v", name, fields[name]))
	}
	return strings.Join(parts, " ")
}

func (c *cli) recordsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "records", Short: "Read, write and delete records"}
	list := &cobra.Command{
		Use: "list COLLECTION", Short: "List record ids with their versions", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.look(cmd.Context(), func(cl *client) error {
				var page listing[api.Record]
				if err := cl.get(cmd.Context(), collectionPath(args[0], "records")+"?limit=100", &page); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(page)
				}
				rows := make([][]string, len(page.Items))
				for i, r := range page.Items {
					rows[i] = []string{r.ID, fmt.Sprint(r.Version), ago(r.UpdatedAt)}
				}
				return c.table([]string{"ID", "VERSION", "UPDATED"}, rows)
			})
		},
	}
	get := &cobra.Command{
		Use: "get COLLECTION ID", Short: "Print a record", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.look(cmd.Context(), func(cl *client) error {
				var r api.Record
				if err := cl.get(cmd.Context(), collectionPath(args[0], "records", segment(args[1])), &r); err != nil {
					return err
				}
				return c.printJSON(r)
			})
		},
	}
	put := c.recordWriter("put COLLECTION ID FIELDS", "Write a record from a JSON object (- for standard input)", http.MethodPut)
	patch := c.recordWriter("patch COLLECTION ID FIELDS", "Merge a JSON object into a record (- for standard input)", http.MethodPatch)
	del := &cobra.Command{
		Use: "delete COLLECTION ID", Short: "Delete a record", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd.Context(), func(cl *client) error {
				return cl.do(cmd.Context(), http.MethodDelete, collectionPath(args[0], "records", segment(args[1])), nil, nil)
			})
		},
	}
	cmd.AddCommand(list, get, put, patch, del, c.explainCommand())
	return cmd
}

func (c *cli) recordWriter(use, short, method string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			data := []byte(args[2])
			if args[2] == "-" {
				var err error
				if data, err = readInput("-"); err != nil {
					return err
				}
			}
			fields, err := record.ParseFields(data)
			if err != nil {
				return err
			}
			var body any = fields
			if method == http.MethodPut {
				body = map[string]any{"fields": fields}
			}
			return c.change(cmd.Context(), func(cl *client) error {
				var w api.Written
				if err := cl.do(cmd.Context(), method, collectionPath(args[0], "records", segment(args[1])), body, &w); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(w)
				}
				return c.printf("%s: version %d\n", w.ID, w.Version)
			})
		},
	}
}

func (c *cli) runsCommand() *cobra.Command {
	var limit int
	var state string
	cmd := &cobra.Command{
		Use: "runs [ID]", Short: "List runs, or show one", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.look(cmd.Context(), func(cl *client) error {
				if len(args) == 1 {
					return c.showRun(cmd.Context(), cl, args[0])
				}
				q := url.Values{"limit": {fmt.Sprint(limit)}}
				if state != "" {
					q.Set("state", state)
				}
				return c.listRuns(cmd.Context(), cl, q)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "most runs")
	cmd.Flags().StringVar(&state, "state", "", "only runs in this state")
	return cmd
}

func (c *cli) listRuns(ctx context.Context, cl *client, q url.Values) error {
	var page listing[api.Run]
	if err := cl.get(ctx, "/v1/runs?"+q.Encode(), &page); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(page)
	}
	if len(page.Items) == 0 {
		return c.printf("Nothing has run yet. Runs start when records are written.\n")
	}
	rows := make([][]string, len(page.Items))
	for i, r := range page.Items {
		steps := make([]string, len(r.Steps))
		for k, s := range r.Steps {
			steps[k] = s.Name + ":" + s.State
		}
		rows[i] = []string{r.ID, r.Pipeline, r.State, ago(r.StartedAt), took(r), strings.Join(steps, " ")}
	}
	return c.table([]string{"RUN", "PIPELINE", "STATE", "STARTED", "TOOK", "STEPS"}, rows)
}

func took(r api.Run) string {
	if r.FinishedAt == nil {
		return "-"
	}
	return r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond).String()
}

func (c *cli) showRun(ctx context.Context, cl *client, id string) error {
	var r api.Run
	if err := cl.get(ctx, "/v1/runs/"+url.PathEscape(id), &r); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(r)
	}
	if err := c.printf("%s  %s  %s  %s\n", r.ID, r.Pipeline, r.State, took(r)); err != nil {
		return err
	}
	var rows [][]string
	for _, s := range r.Steps {
		rows = append(rows, []string{s.Name, s.State, "", string(s.Output), ""})
		for _, a := range s.Attempts {
			rows = append(rows, []string{"", a.State, fmt.Sprintf("attempt %d", a.Number), a.Kind, a.Error})
		}
	}
	return c.table([]string{"STEP", "STATE", "", "", ""}, rows)
}

func (c *cli) dlqCommand() *cobra.Command {
	var collection string
	cmd := &cobra.Command{
		Use: "dlq", Short: "List dead letters: items that failed for good", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.look(cmd.Context(), func(cl *client) error { return c.listLetters(cmd.Context(), cl, collection) })
		},
	}
	cmd.PersistentFlags().StringVar(&collection, "collection", "", "only of this collection")
	var all bool
	replay := &cobra.Command{
		Use: "replay [ID…]", Short: "Try dead letters again: the given ones, a collection's, or --all",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && collection == "" && !all {
				return usage("name dead letters, a --collection, or --all")
			}
			body := map[string]any{}
			if len(args) > 0 {
				body["ids"] = args
			}
			if collection != "" {
				body["collection"] = collection
			}
			return c.change(cmd.Context(), func(cl *client) error {
				var got struct {
					Replayed int64 `json:"replayed"`
				}
				if err := cl.do(cmd.Context(), http.MethodPost, "/v1/dead-letters:replay", body, &got); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.printf("%s put back; what fails again returns to `holdfast dlq`\n", plural(got.Replayed, "dead letter"))
			})
		},
	}
	replay.Flags().BoolVar(&all, "all", false, "replay every dead letter")
	cmd.AddCommand(replay)
	return cmd
}

func (c *cli) listLetters(ctx context.Context, cl *client, collection string) error {
	path := "/v1/dead-letters"
	if collection != "" {
		path += "?" + url.Values{"collection": {collection}}.Encode()
	}
	var page listing[api.DeadLetter]
	if err := cl.get(ctx, path, &page); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(page)
	}
	if len(page.Items) == 0 {
		return c.printf("There are no dead letters.\n")
	}
	rows := make([][]string, len(page.Items))
	for i, d := range page.Items {
		rows[i] = []string{d.ID, d.Collection, d.Record, d.Pipeline + "/" + d.Step, d.Kind, fmt.Sprint(d.Attempts), ago(d.LastAt), d.Message}
	}
	if err := c.table([]string{"ID", "COLLECTION", "RECORD", "STEP", "KIND", "TRIES", "LAST", "WHY"}, rows); err != nil {
		return err
	}
	if page.Next != "" {
		return c.printf("… and more\n")
	}
	return nil
}

func (c *cli) rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rebuild COLLECTION", Short: "Restore an index from records and stored vectors, without a call to a model", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				var got flow.Rebuilt
				if err := cl.do(cmd.Context(), http.MethodPost, collectionPath(args[0], "index:rebuild"), nil, &got); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.printf("%s: %s of %s put back in %v; embedding calls: 0\n", args[0],
					plural(got.Passages, "passage"), plural(got.Records, "record"), got.Took.Round(time.Millisecond))
			})
		},
	}
}
