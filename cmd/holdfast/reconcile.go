package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
)

// reconcileConfig says when indexes are compared with the records by
// themselves, and how much a repair may delete.
type reconcileConfig struct {
	Every     string `koanf:"every" yaml:"every"`           // 1d, 12h or never; default 1d
	MaxDelete string `koanf:"max_delete" yaml:"max_delete"` // a share of the index; default 5%
}

func (r reconcileConfig) parse() (out holdfast.Reconciling, err error) {
	if out.Every, err = parseAge(r.Every); err != nil {
		return out, fault.Field("reconcile.every", "%v", err)
	}
	if r.MaxDelete == "" {
		return out, nil
	}
	share, isShare := strings.CutSuffix(r.MaxDelete, "%")
	n, err := strconv.ParseFloat(share, 64)
	if !isShare || err != nil || !(n > 0 && n <= 100) {
		return out, fault.Field("reconcile.max_delete", "%q is not a share; write 5%%", r.MaxDelete)
	}
	out.MaxDelete = n / 100
	return out, nil
}

func (c *cli) reconcileCommand() *cobra.Command {
	var how flow.Reconcile
	cmd := &cobra.Command{
		Use: "reconcile COLLECTION", Short: "Compare an index with the records, and repair it", Args: cobra.ExactArgs(1),
		Long: "Compares what the index really holds with the records and their passages. With --repair, what is missing or stale is put again\n" +
			"from stored vectors, without a call to a model, and what is orphaned or foreign is deleted.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				q := url.Values{"repair": {strconv.FormatBool(how.Repair)}, "force": {strconv.FormatBool(how.Force)}}
				var got flow.Reconciled
				if err := cl.do(cmd.Context(), http.MethodPost, collectionPath(args[0], "index:reconcile?"+q.Encode()), nil, &got); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.printReconciled(args[0], how, &got)
			})
		},
	}
	cmd.Flags().BoolVar(&how.Repair, "repair", false, "repair what is found")
	cmd.Flags().BoolVar(&how.Force, "force", false, "let the repair delete more than the set share of the index")
	return cmd
}

func (c *cli) printReconciled(collection string, how flow.Reconcile, got *flow.Reconciled) error {
	took := got.Took.Round(time.Millisecond)
	if got.Sound() {
		if err := c.printf("%s: the index agrees with the records: %s and the metadata of %s, compared in %v\n", collection,
			plural(got.Entries.Held, "entry"), plural(got.Metadata.Held, "record"), took); err != nil {
			return err
		}
	} else {
		var rows [][]string
		for _, part := range []struct {
			name string
			d    *flow.Differences
		}{{"entries", &got.Entries}, {"metadata", &got.Metadata}} {
			for _, kind := range []struct {
				name string
				f    flow.Found
			}{{"missing", part.d.Missing}, {"stale", part.d.Stale}, {"orphaned", part.d.Orphaned}, {"foreign", part.d.Foreign}} {
				if kind.f.Count > 0 {
					rows = append(rows, []string{part.name, kind.name, fmt.Sprint(kind.f.Count), strings.Trim(fmt.Sprint(kind.f.IDs), "[]")})
				}
			}
		}
		if err := c.table([]string{"PART", "KIND", "COUNT", "THE FIRST OF THEM"}, rows); err != nil {
			return err
		}
		ending := "nothing was changed; --repair repairs it"
		if how.Repair {
			ending = plural(got.Repaired, "difference") + " repaired; embedding calls: 0"
		}
		if err := c.printf("%s: compared in %v; %s\n", collection, took, ending); err != nil {
			return err
		}
	}
	if got.Unsettled > 0 {
		return c.printf("%s more that are changing now, or wait in the dead letters\n", plural(got.Unsettled, "difference"))
	}
	return nil
}
