package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/cmd/holdfast/pii"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func (c *cli) classifyCommand() *cobra.Command {
	var quasi, sensitive []string
	var rows int
	cmd := &cobra.Command{
		Use: "classify FILE|COLLECTION", Short: "Propose a classification for each field; measure the risk of finding people again", Args: cobra.ExactArgs(1),
		Long: `Looks at the names and the values of the fields of a CSV or JSON lines file, or
of a collection, and proposes a classification for each. With --quasi it
measures over all rows how well people hide among those that are alike in
these fields: k-anonymity, and l-diversity of the --sensitive ones.`,
		Example: `  holdfast pii classify customers.csv
  holdfast pii classify patients.csv --quasi age,zip,sex --sensitive diagnosis`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.classify(cmd.Context(), args[0], rows, &pii.Risk{Quasi: quasi, Sensitive: sensitive})
		},
	}
	cmd.Flags().StringSliceVar(&quasi, "quasi", nil, "fields that together could single out a person")
	cmd.Flags().StringSliceVar(&sensitive, "sensitive", nil, "fields that must not become known")
	cmd.Flags().IntVar(&rows, "rows", 1000, "rows to look at for the classification")
	return cmd
}

// errEnough ends the reading of rows.
var errEnough = errors.New("enough rows")

func (c *cli) classify(ctx context.Context, from string, rows int, risk *pii.Risk) error {
	g, err := ephemeralGate()
	if err != nil {
		return err
	}
	profile := &pii.Profile{Gate: g}
	seen := 0
	known := map[string]bool{}
	each := func(row pii.Row) error {
		if seen++; seen <= rows {
			if err := profile.Add(ctx, row); err != nil {
				return err
			}
		} else if len(risk.Quasi) == 0 {
			return errEnough
		}
		for name := range row {
			known[name] = true
		}
		if len(risk.Quasi) > 0 {
			risk.Add(row)
		}
		return ctx.Err()
	}
	if _, failed := os.Stat(from); failed == nil {
		err = pii.Rows(from, each)
	} else {
		err = c.with(ctx, func(cl *client) error { return collectionRows(ctx, cl, from, each) })
	}
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	for _, name := range slices.Concat(risk.Quasi, risk.Sensitive) {
		if !known[name] {
			return usage("there is no field %q", name)
		}
	}
	return c.printClasses(profile.Proposals(), risk)
}

// collectionRows reads the records of a collection.
func collectionRows(ctx context.Context, cl *client, name string, each func(pii.Row) error) error {
	q := url.Values{"limit": {"100"}}
	for {
		var page listing[api.Record]
		if err := cl.get(ctx, collectionPath(name, "records")+"?"+q.Encode(), &page); err != nil {
			return err
		}
		for _, r := range page.Items {
			row := pii.Row{}
			for field, v := range r.Fields {
				row[field] = fmt.Sprint(v)
			}
			if err := each(row); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Set("cursor", page.Next)
	}
}

func (c *cli) printClasses(proposals []pii.Proposal, risk *pii.Risk) error {
	measured := risk.Measure()
	if c.json {
		out := map[string]any{"fields": proposals}
		if len(risk.Quasi) > 0 {
			out["risk"] = measured
		}
		return c.printJSON(out)
	}
	rows := make([][]string, len(proposals))
	classes := make([]string, len(proposals))
	for i, p := range proposals {
		rows[i] = []string{p.Field, p.Classification, fmt.Sprint(p.Values), fmt.Sprint(p.Distinct), p.Why}
		classes[i] = p.Field + ": " + p.Classification
	}
	if err := c.table([]string{"FIELD", "CLASSIFICATION", "VALUES", "DISTINCT", "WHY"}, rows); err != nil {
		return err
	}
	if err := c.printf("\nclassification: {%s}\n", strings.Join(classes, ", ")); err != nil {
		return err
	}
	if len(risk.Quasi) == 0 {
		return nil
	}
	if err := c.printf("\nBy %s: k = %d (%s in %s; %d alone, %d in groups below 5)\n", strings.Join(risk.Quasi, ", "), measured.K,
		plural(int64(measured.Rows), "row"), plural(int64(measured.Groups), "group"), measured.Unique, measured.Below5); err != nil {
		return err
	}
	for _, name := range risk.Sensitive {
		if err := c.printf("%s: l = %d\n", name, measured.L[name]); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) piiTestCommand() *cobra.Command {
	var show bool
	cmd := &cobra.Command{
		Use: "test POLICY.yaml CASES.yaml", Short: "Check a policy against cases: texts and what it must make of them", Args: cobra.ExactArgs(2),
		Long: `Each case is a text with what the policy must make of it; what is not given is
not checked. The key is one of zeros, so that pseudonyms are the same each time.

  - text: Write to jane.doe@example.com
    entities: [EMAIL_ADDRESS]
    actions: {EMAIL_ADDRESS: replace}
    output: Write to [EMAIL_ADDRESS]`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.testPolicy(cmd.Context(), args[0], args[1], show)
		},
	}
	cmd.Flags().BoolVar(&show, "show-values", false, "print texts where they differ")
	return cmd
}

func (c *cli) testPolicy(ctx context.Context, policyFile, casesFile string, show bool) error {
	policies, err := readPolicies(policyFile)
	if err != nil {
		return err
	}
	data, err := readInput(casesFile)
	if err != nil {
		return err
	}
	cases, err := pii.ParseCases(data)
	if err != nil {
		return fmt.Errorf("%s: %w", casesFile, err)
	}
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		return err
	}
	failed := 0
	for _, p := range policies {
		for i, one := range cases {
			diff, err := pii.Check(ctx, g, &p, one, show)
			if err != nil {
				return err
			}
			if len(diff) == 0 {
				continue
			}
			failed++
			name := fmt.Sprintf("%s version %d, case %d %s", p.Name, p.Version, i+1, one.Name)
			if err := c.printf("%s\n  %s\n", strings.TrimSpace(name), strings.Join(diff, "\n  ")); err != nil {
				return err
			}
		}
	}
	total := int64(len(policies) * len(cases))
	if failed > 0 {
		return fault.New(fault.Invalid, "%d of %s failed", failed, plural(total, "case"))
	}
	return c.printf("%s passed\n", plural(total, "case"))
}

func (c *cli) auditCommand() *cobra.Command {
	var sample int
	cmd := &cobra.Command{
		Use: "audit COLLECTION", Short: "Look for personal data in what a collection's index and vectors hold", Args: cobra.ExactArgs(1),
		Long: `Takes a sample of what is stored in the index and in the embedding store,
detects anew with the strictest setting, and tries to tell from the vectors
which of several values a text held. It fails if anything got through.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				var got holdfast.PrivacyAudit
				path := collectionPath(args[0], "privacy:audit") + "?sample=" + fmt.Sprint(sample)
				if err := cl.do(cmd.Context(), http.MethodPost, path, nil, &got); err != nil {
					return err
				}
				return c.printAudit(args[0], got)
			})
		},
	}
	cmd.Flags().IntVar(&sample, "sample", 500, "passages to look at")
	return cmd
}

func (c *cli) printAudit(name string, a holdfast.PrivacyAudit) error {
	if c.json {
		if err := c.printJSON(a); err != nil {
			return err
		}
	} else {
		if err := c.printf("%s: looked at %s with %d transformed values\n", name, plural(int64(a.Passages), "passage"), a.Values); err != nil {
			return err
		}
		for _, e := range sortedKeys(a.Found) {
			if err := c.printf("  %s: %d in clear text that the policy does not keep\n", e, a.Found[e]); err != nil {
				return err
			}
		}
		if err := c.printf("vectors: %s\n", a.InversionText()); err != nil {
			return err
		}
	}
	if !a.Sound() {
		return fault.New(fault.Invalid, "something personal got through; see above")
	}
	return nil
}
