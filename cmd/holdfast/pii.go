package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func (c *cli) piiCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "pii", Short: "Try the privacy gate on a text"}
	var show bool
	analyze := &cobra.Command{
		Use: "analyze [TEXT|FILE|-]", Short: "Find personal data: what, where, how sure", Args: cobra.ArbitraryArgs,
		Long: `Prints what the gate finds in a text, a file or standard input, whatever a
policy would do with it. Offsets are in bytes. The values themselves are
printed only with --show-values.`,
		Example: `  holdfast pii analyze "Please call Anna Karlsson on +46 8 123 456 78"`,
		RunE:    func(_ *cobra.Command, args []string) error { return c.analyze(args, show) },
	}
	analyze.Flags().BoolVar(&show, "show-values", false, "print the values that were found")
	var policy string
	anonymize := &cobra.Command{
		Use: "anonymize [TEXT|FILE|-]", Short: "Print a text as it would be stored and searched", Args: cobra.ArbitraryArgs,
		Long: `Prints the clean form of a text, a file or standard input under a policy.
Pseudonyms are those of the data folder, if there is one; otherwise a key is
made for this call and thrown away.`,
		Example: `  holdfast pii anonymize "Please call Anna Karlsson on +46 8 123 456 78"`,
		RunE:    func(cmd *cobra.Command, args []string) error { return c.anonymize(cmd.Context(), args, policy) },
	}
	anonymize.Flags().StringVar(&policy, "policy", "default", "privacy policy")
	cmd.AddCommand(analyze, anonymize)
	return cmd
}

// given reads what a command is to work on: words, a file's name, or
// standard input.
func given(args []string) (string, error) {
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		if _, typed := terminal(os.Stdin); typed && len(args) == 0 {
			return "", usage("give a text, a file, or - for standard input")
		}
		data, err := io.ReadAll(io.LimitReader(os.Stdin, gate.MaxText+1))
		return string(data), err
	}
	if len(args) == 1 {
		if info, err := os.Stat(args[0]); err == nil && info.Mode().IsRegular() {
			if info.Size() > gate.MaxText {
				return "", fault.New(fault.Invalid, "%s is larger than %d MiB, the most the gate takes", args[0], gate.MaxText>>20)
			}
			data, err := readInput(args[0])
			return string(data), err
		}
	}
	return strings.Join(args, " "), nil
}

// shown is a finding as it is printed.
type shown struct {
	gate.Finding
	Value string `json:"value,omitempty"`
}

func (c *cli) analyze(args []string, show bool) error {
	text, err := given(args)
	if err != nil {
		return err
	}
	g, err := ephemeralGate()
	if err != nil {
		return err
	}
	found, err := g.Analyze(gate.NewRaw(text))
	if err != nil {
		return err
	}
	slices.SortStableFunc(found, func(a, b gate.Finding) int { return a.Start - b.Start })
	all := make([]shown, len(found))
	for i, f := range found {
		if all[i].Finding = f; show {
			all[i].Value = text[f.Start:f.End]
		}
	}
	if c.json {
		return c.printJSON(listing[shown]{Items: all})
	}
	if len(all) == 0 {
		return c.printf("Nothing was found.\n")
	}
	heading := []string{"ENTITY", "START", "END", "SCORE", "RULE"}
	if show {
		heading = append(heading, "VALUE")
	}
	rows := make([][]string, len(all))
	for i, f := range all {
		rows[i] = []string{string(f.Entity), fmt.Sprint(f.Start), fmt.Sprint(f.End), fmt.Sprintf("%.2f", f.Score), f.Rule}
		if show {
			rows[i] = append(rows[i], strings.Join(strings.Fields(strings.Map(printable, f.Value)), " "))
		}
	}
	return c.table(heading, rows)
}

func (c *cli) anonymize(ctx context.Context, args []string, name string) error {
	text, err := given(args)
	if err != nil {
		return err
	}
	policy, err := c.policy(name)
	if err != nil {
		return err
	}
	g, err := c.gate()
	if err != nil {
		return err
	}
	r := g.Clean(ctx, policy, []gate.Raw{gate.NewRaw(text)})[0]
	if r.Err != nil {
		return r.Err
	}
	if c.json {
		return c.printJSON(struct {
			Text  string         `json:"text"`
			Items []gate.Finding `json:"items"`
		}{r.Clean.Display(), append([]gate.Finding{}, r.Findings...)})
	}
	return c.printf("%s\n", strings.TrimSuffix(r.Clean.Display(), "\n"))
}

// gate has the key of the records, so that pseudonyms are the ones that are
// stored; where there is none yet, one that is thrown away.
func (c *cli) gate() (*gate.Gate, error) {
	recognisers, err := c.recognisers()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.config.KeyFile); err != nil {
		return ephemeralGate(recognisers...)
	}
	key, err := masterKey(c.config.KeyFile, true)
	if err != nil {
		return nil, err
	}
	return gate.New(gate.Config{Key: key, Tenant: c.config.Tenant, Recognisers: recognisers})
}
