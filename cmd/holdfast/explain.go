package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
)

func (c *cli) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use: "explain COLLECTION ID", Short: "Show the chain from a record to what is searched", Args: cobra.ExactArgs(2),
		Long: "Shows where a record comes from and what became of it: versions, policy and chunking, findings by type, passages,\n" +
			"embeddings and where they lie, runs, what awaits indexing. It prints no value and no text.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				var e holdfast.Explanation
				if err := cl.get(cmd.Context(), collectionPath(args[0], "records", segment(args[1]), "explain"), &e); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(e)
				}
				return c.printExplanation(e)
			})
		},
	}
}

func (c *cli) printExplanation(e holdfast.Explanation) error {
	r := e.Record
	state := fmt.Sprintf("version %d, content of version %d, change %d", r.Version, r.ContentVersion, r.Change)
	if r.Deleted {
		state = fmt.Sprintf("deleted by version %d, change %d", r.Version, r.Change)
	}
	rows := [][]string{
		{e.Collection + "/" + r.ID, state},
		{"internal id", fmt.Sprint(r.Ref)},
		{"from", e.Source},
		{"written", fmt.Sprintf("%s, %s", r.UpdatedAt.UTC().Format("2006-01-02 15:04:05 MST"), ago(r.UpdatedAt))},
		{"kept versions", fmt.Sprint(r.Versions)},
		{"runs", orNone(strings.Join(e.Runs, " "))},
	}
	if err := c.table([]string{"RECORD", ""}, rows); err != nil {
		return err
	}
	places := map[string]holdfast.ExplainedEmbedding{}
	for _, v := range e.Embeddings {
		places[v.Address] = v
	}
	for _, g := range e.Generations {
		if err := c.printGeneration(g, places); err != nil {
			return err
		}
	}
	if len(e.DeadLetters) == 0 {
		return nil
	}
	rows = nil
	for _, d := range e.DeadLetters {
		rows = append(rows, []string{fmt.Sprint(d.ID), d.Step, d.Kind, fmt.Sprint(d.Attempts), ago(d.LastAt), d.Message})
	}
	return c.section([]string{"DEAD LETTER", "STEP", "KIND", "TRIES", "LAST", "WHY"}, rows)
}

// section is a table after an empty line; without rows it is nothing.
func (c *cli) section(heading []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	if err := c.printf("\n"); err != nil {
		return err
	}
	return c.table(heading, rows)
}

func (c *cli) printGeneration(g holdfast.ExplainedGeneration, places map[string]holdfast.ExplainedEmbedding) error {
	pending := "nothing"
	if g.Pending != nil {
		pending = fmt.Sprintf("change %d, %s, leased %d times before", g.Pending.Change, g.Pending.State, g.Pending.Attempts)
	}
	err := c.section([]string{fmt.Sprintf("GENERATION %d", g.ID), g.State}, [][]string{
		{"model", fmt.Sprintf("%s, %d dimensions, fingerprint %s", g.Model, g.Dimensions, brief(g.Space))},
		{"policy", fmt.Sprintf("%s, recipe %s", g.Policy, g.Recipe)},
		{"chunking", fmt.Sprintf("target %d, at most %d tokens", g.Chunking.Target, g.Chunking.Max)},
		{"awaits indexing", pending},
	})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, f := range g.Findings {
		rows = append(rows, []string{f.Field, f.Entity, fmt.Sprint(f.Count)})
	}
	if err := c.section([]string{"FIELD", "FOUND", "TIMES"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, p := range g.Passages {
		v := places[p.Embedding]
		where := v.Where
		if v.Where == "segment" {
			where = fmt.Sprintf("%s at %d", brief(v.Segment[strings.LastIndexByte(v.Segment, '/')+1:]), v.Offset)
		}
		rows = append(rows, []string{
			fmt.Sprint(p.ID), p.Field, fmt.Sprint(p.Ordinal), fmt.Sprintf("%d–%d", p.Start, p.End), p.State, brief(p.Text), brief(p.Embedding), where,
		})
	}
	return c.section([]string{"PASSAGE", "FIELD", "NO", "SPAN", "STATE", "TEXT", "EMBEDDING", "LIES"}, rows)
}

// brief is the beginning of a digest, for people.
func brief(digest string) string { return digest[:min(12, len(digest))] }

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
