package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/holdfast/holdfast/flow"
)

func (c *cli) eraseCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "erase COLLECTION ID…", Short: "Delete records for good, with all that was made of them", Args: cobra.MinimumNArgs(2),
		Long: "Deletes records with their versions, passages, index entries and dead letters, takes them out of snapshots, and deletes the\n" +
			"embeddings that nothing else refers to. It cannot be undone. Up to 1,000 records at a time.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes {
				if err := c.confirm(fmt.Sprintf("Erase %s of %s? This cannot be undone.", plural(int64(len(args)-1), "record"), args[0])); err != nil {
					return err
				}
			}
			return c.with(cmd.Context(), func(cl *client) error {
				var got flow.EraseReport
				err := cl.do(cmd.Context(), http.MethodPost, collectionPath(args[0])+"/records:erase", map[string][]string{"ids": args[1:]}, &got)
				if err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.table([]string{"ERASED", ""}, [][]string{
					{"records", fmt.Sprint(got.Records)},
					{"older versions", fmt.Sprint(got.Versions)},
					{"passages", fmt.Sprint(got.Passages)},
					{"dead letters", fmt.Sprint(got.DeadLetters)},
					{"snapshots issued anew", fmt.Sprint(got.Snapshots)},
					{"embeddings", fmt.Sprint(got.Embeddings)},
					{"segments written anew or removed", fmt.Sprint(got.Segments.Rewritten + got.Segments.Removed)},
					{"run", got.Run},
				})
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// confirm asks on a terminal; elsewhere it takes --yes.
func (c *cli) confirm(question string) error {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return usage("there is no terminal to ask on; add --yes")
	}
	if err := c.printf("%s [y/N] ", question); err != nil {
		return err
	}
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return usage("no answer: %v", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return usage("nothing was erased")
	}
	return nil
}
