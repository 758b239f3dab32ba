package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres/attach"
)

// openSource opens what a declaration attaches its collection to. The
// database's URL holds a password, so it comes from the environment.
func (c *cli) openSource(d record.Declaration) (record.Source, error) {
	s, err := attach.Open(attach.Config{URL: os.Getenv(d.Source.Postgres.URLEnv), Declaration: d, Logger: c.log})
	if err != nil {
		return nil, err // and no interface that holds a nil
	}
	return s, nil
}

func (c *cli) sourcesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sources", Short: "Attach collections to tables of your own", Args: cobra.NoArgs,
		Long: `Lists the collections that are attached to a table or view of your own, and
how they follow it. A collection is attached by its declaration:

  source:
    postgres: {url_env: APP_DB, table: public.tickets, id: id}

Then "holdfast sources plan COLLECTION" prints what would be done at the
source, and "holdfast sources install COLLECTION" does it.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.listSources(cmd.Context(), cl) })
		},
	}
	plan := &cobra.Command{
		Use: "plan COLLECTION", Short: "Print what installing and removing would do at the source", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.planSource(cmd.Context(), cl, args[0]) })
		},
	}
	var takeOver, forget bool
	install := &cobra.Command{
		Use: "install COLLECTION", Short: "Put the change log into the source and begin to follow it", Args: cobra.ExactArgs(1),
		Long: "Puts the change log into the source, reads what is there and follows what changes. Doing so again amends what is there, and reads all rows again; what has not changed costs nothing.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.installSource(cmd.Context(), cl, args[0], takeOver) })
		},
	}
	install.Flags().BoolVar(&takeOver, "take-over", false, "take over the change log of another Holdfast")
	remove := &cobra.Command{
		Use: "remove COLLECTION", Short: "Take everything away that was put into the source", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				return c.sourceAction(cmd.Context(), cl, args[0], "remove", url.Values{"forget": {fmt.Sprint(forget)}})
			})
		},
	}
	remove.Flags().BoolVar(&forget, "forget", false, "leave the source as it is, for one that is no more")
	accept := &cobra.Command{
		Use: "accept COLLECTION", Short: "Let deletes go ahead that are held because most rows are gone", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.change(cmd.Context(), func(cl *client) error {
				return c.sourceAction(cmd.Context(), cl, args[0], "accept", nil)
			})
		},
	}
	cmd.AddCommand(plan, install, remove, accept)
	return cmd
}

// applySource shows what a declaration still needs at its source, and does it
// if yes says so.
func (c *cli) applySource(ctx context.Context, cl *client, d record.Declaration, yes bool) error {
	if !d.Attached() || c.json && !yes {
		return nil
	}
	var st holdfast.SourceStatus
	if err := cl.get(ctx, collectionPath(d.Collection, "source"), &st); err != nil || st.State == holdfast.SourceOK || st.State == holdfast.SourceLoading {
		return err
	}
	if yes {
		return c.installSource(ctx, cl, d.Collection, false)
	}
	return c.planSource(ctx, cl, d.Collection)
}

func (c *cli) listSources(ctx context.Context, cl *client) error {
	all, err := everything[api.Collection](ctx, cl, "/v1/collections")
	if err != nil {
		return err
	}
	type named struct {
		Collection string `json:"collection"`
		holdfast.SourceStatus
	}
	sources := []named{}
	for _, col := range all {
		if !col.Declaration.Attached() {
			continue
		}
		st := named{Collection: col.Name}
		if err := cl.get(ctx, collectionPath(col.Name, "source"), &st.SourceStatus); err != nil {
			return err
		}
		sources = append(sources, st)
	}
	if c.json {
		return c.printJSON(listing[named]{Items: sources})
	}
	if len(sources) == 0 {
		return c.printf("No collection is attached to a table; `holdfast sources --help` shows how.\n")
	}
	rows := make([][]string, len(sources))
	for i, st := range sources {
		rows[i] = []string{st.Collection, st.Table, loadedOf(st.SourceStatus), fmt.Sprint(st.Backlog), fmt.Sprint(len(st.Rejected)), st.Message}
	}
	if err := c.table([]string{"COLLECTION", "TABLE", "STATE", "BACKLOG", "REJECTED", ""}, rows); err != nil {
		return err
	}
	for _, st := range sources {
		for _, r := range st.Rejected {
			if err := c.printf("%s %s: %s\n", st.Collection, r.ID, r.Reason); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadedOf is a source's state in a word, with how far it is.
func loadedOf(st holdfast.SourceStatus) string {
	if st.State == holdfast.SourceLoading {
		return fmt.Sprintf("loading %d of about %d", st.Loaded, st.Rows)
	}
	return string(st.State)
}

func (c *cli) planSource(ctx context.Context, cl *client, collection string) error {
	var plan record.SourcePlan
	if err := cl.get(ctx, collectionPath(collection, "source", "plan"), &plan); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(plan)
	}
	if err := c.printTransactions("-- `holdfast sources install "+collection+"` runs:", plan.Install); err != nil {
		return err
	}
	if len(plan.Remove) == 0 {
		return c.printf("-- `holdfast sources remove %s` takes it all away again.\n", collection)
	}
	return c.printTransactions("-- `holdfast sources remove "+collection+"` runs:", plan.Remove)
}

func (c *cli) printTransactions(heading string, transactions [][]string) error {
	if len(transactions) == 0 {
		heading += "\n-- nothing: all is as it should be"
	}
	if err := c.printf("%s\n", heading); err != nil {
		return err
	}
	for _, t := range transactions {
		if err := c.printf("BEGIN;\n%s;\nCOMMIT;\n\n", strings.Join(t, ";\n")); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) installSource(ctx context.Context, cl *client, collection string, takeOver bool) error {
	if err := c.sourceAction(ctx, cl, collection, "install", url.Values{"take_over": {fmt.Sprint(takeOver)}}); err != nil {
		return err
	}
	if cl.owner == nil {
		return nil // the owner goes on by itself
	}
	if err := c.loaded(ctx, cl, collection); err != nil {
		return err
	}
	return c.settle(ctx, cl)
}

// loaded waits until the rows are copied that were there before.
func (c *cli) loaded(ctx context.Context, cl *client, collection string) error {
	p := c.newProgress("loading", -1)
	defer p.done()
	for {
		var st holdfast.SourceStatus
		if err := cl.get(ctx, collectionPath(collection, "source"), &st); err != nil {
			return err
		}
		switch st.State {
		case holdfast.SourceLoading:
			p.set(st.Loaded, st.Rows)
		case holdfast.SourceBroken, holdfast.SourceUnreachable:
			return fault.New(fault.Unavailable, "%s", st.Message)
		case holdfast.SourceOK, holdfast.SourceHeld, holdfast.SourceNotInstalled:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *cli) sourceAction(ctx context.Context, cl *client, collection, action string, q url.Values) error {
	var st holdfast.SourceStatus
	if err := cl.do(ctx, http.MethodPost, collectionPath(collection, "source:"+action)+"?"+q.Encode(), nil, &st); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(st)
	}
	return c.printf("%s: %s, table %s\n", collection, loadedOf(st), st.Table)
}
