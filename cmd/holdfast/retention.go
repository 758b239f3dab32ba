package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
)

// retentionConfig says how long what is no longer in use is kept: 90d, 36h,
// or never (to delete it). Empty is the default.
type retentionConfig struct {
	Versions    string `koanf:"versions" yaml:"versions"`
	Runs        string `koanf:"runs" yaml:"runs"`
	Ledger      string `koanf:"ledger" yaml:"ledger"`
	Audit       string `koanf:"audit" yaml:"audit"`
	DeadLetters string `koanf:"dead_letters_resolved" yaml:"dead_letters_resolved"`
	Embeddings  string `koanf:"embeddings_unreferenced" yaml:"embeddings_unreferenced"`
}

func (r retentionConfig) parse() (flow.Retention, error) {
	var out flow.Retention
	for _, f := range []struct {
		name, value string
		to          *time.Duration
	}{
		{"versions", r.Versions, &out.Versions},
		{"runs", r.Runs, &out.Runs},
		{"dead_letters_resolved", r.DeadLetters, &out.DeadLetters},
		{"ledger", r.Ledger, &out.Ledger},
		{"embeddings_unreferenced", r.Embeddings, &out.Embeddings},
	} {
		var err error
		if *f.to, err = parseAge(f.value); err != nil {
			return out, fault.Field("retention."+f.name, "%v", err)
		}
	}
	if r.Audit != "" && r.Audit != "never" {
		return out, fault.Field("retention.audit", "must be never: the audit trail is only ever appended to")
	}
	return out, nil
}

// parseAge reads 90d, 36h, 10m or never; empty is 0.
func parseAge(s string) (time.Duration, error) {
	switch s {
	case "":
		return 0, nil
	case "never":
		return flow.Never, nil
	}
	days, isDays := strings.CutSuffix(s, "d")
	if isDays {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	} else if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return 0, fmt.Errorf("%q is not an age; write 90d, 36h or never", s)
}

func (c *cli) sweepCommand() *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use: "sweep", Short: "Delete what retention no longer keeps, now instead of daily", Args: cobra.NoArgs,
		Long: "Deletes old record versions, runs, resolved dead letters, what retired generations left, and embeddings that nothing\n" +
			"refers to, by the ages under `retention:` in holdfast.yaml. A server does so daily by itself.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				var got flow.SweepReport
				if err := cl.do(cmd.Context(), http.MethodPost, "/v1/retention:sweep?dry_run="+strconv.FormatBool(dryRun), nil, &got); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.printSwept(got)
			})
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "count, and delete nothing")
	return cmd
}

func (c *cli) printSwept(got flow.SweepReport) error {
	deleted := "DELETED"
	if got.DryRun {
		deleted = "WOULD DELETE"
	}
	rows := [][]string{
		{"record versions that were replaced", fmt.Sprint(got.Versions)},
		{"runs", fmt.Sprint(got.Runs)},
		{"resolved dead letters", fmt.Sprint(got.DeadLetters)},
		{"days of the cost ledger", fmt.Sprint(got.Ledger)},
		{"passages of retired generations", fmt.Sprint(got.Passages)},
		{"embeddings without a reference", fmt.Sprint(got.Embeddings.Deleted)},
		{"segments of deleted embeddings only", fmt.Sprint(got.Segments.Removed)},
		{"objects that nothing refers to", fmt.Sprint(got.Segments.Orphans)},
	}
	if err := c.table([]string{"WHAT", deleted}, rows); err != nil {
		return err
	}
	return c.printf("%s marked: they go when they have been without a reference long enough; %s written anew\n",
		plural(got.Embeddings.Marked, "embedding"), plural(int64(got.Segments.Rewritten), "segment"))
}
