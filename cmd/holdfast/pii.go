package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/cmd/holdfast/pii"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func (c *cli) piiCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "pii", Short: "The privacy gate on texts, files, folders and streams"}
	cmd.AddCommand(c.analyzeCommand(), c.anonymizeCommand(), c.deanonymizeCommand(), c.scanCommand(), c.benchCommand(),
		c.classifyCommand(), c.auditCommand(), c.piiTestCommand(), c.entitiesCommand())
	return cmd
}

// piiFlags are what several of the commands take.
type piiFlags struct {
	policyName, format, class string
	show                      bool
}

func (f *piiFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.policyName, "policy", "default", "privacy policy: its name in the configuration, or a YAML file")
	cmd.Flags().StringVar(&f.format, "format", "", "text, jsonl or csv (default: by the file's name; standard input is text)")
}

func (f *piiFlags) layout() (pii.Format, error) {
	format := pii.Format(f.format)
	if !slices.Contains([]pii.Format{pii.Auto, pii.Text, pii.JSON, pii.CSV}, format) {
		return "", usage("--format %q is not a format; use text, jsonl or csv", f.format)
	}
	return format, nil
}

// input is what a command works on: paths that exist, or else words.
type input struct {
	paths []string
	words string
}

func inputOf(args []string) (input, error) {
	if len(args) == 0 {
		if _, typed := terminal(os.Stdin); typed {
			return input{}, usage("give a text, a file, a folder, or - for standard input")
		}
		return input{paths: []string{pii.Stdin}}, nil
	}
	for _, a := range args {
		if a != pii.Stdin && !exists(a) {
			return input{words: strings.Join(args, " ")}, nil
		}
	}
	return input{paths: args}, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// policyOf finds a policy by name, or reads it from a file.
func (c *cli) policyOf(name string) (*gate.Policy, error) {
	if ext := filepath.Ext(name); ext != ".yaml" && ext != ".yml" {
		return c.policy(name)
	}
	all, err := readPolicies(name)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, fault.New(fault.Invalid, "%s holds %d policies; name a file with one", name, len(all))
	}
	return &all[0], nil
}

func (c *cli) analyzeCommand() *cobra.Command {
	var f piiFlags
	var least float32
	cmd := &cobra.Command{
		Use: "analyze [TEXT|PATH…|-]", Short: "Find personal data: what, where, how sure", Args: cobra.ArbitraryArgs,
		Long: `Prints what the gate finds in a text, files, folders or standard input,
whatever a policy would do with it. The values themselves are printed only
with --show-values.`,
		Example: `  holdfast pii analyze "Please call Anna Karlsson on +46 8 123 456 78"
  holdfast pii analyze customers.csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := inputOf(args)
			if err != nil {
				return err
			}
			text, whole, err := c.whole(in, f.format)
			if err != nil {
				return err
			}
			if whole {
				return c.analyzeWhole(f, least, text)
			}
			s := &scanning{cli: c, piiFlags: f, all: true, least: least}
			return s.run(cmd.Context(), in)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.show, "show-values", false, "print the values that were found")
	cmd.Flags().Float32Var(&least, "min-score", 0, "leave out what is less sure, 0 to 1")
	return cmd
}

// found is a finding as it is printed for one text: offsets are in bytes.
type found struct {
	gate.Finding
	Value string `json:"value,omitempty"`
}

// whole reads an input that is one text, of which the machine-readable report
// is one document with offsets: words, a file or standard input.
func (c *cli) whole(in input, format string) (text string, ok bool, err error) {
	switch {
	case !c.json:
		return "", false, nil
	case in.words != "":
		return in.words, true, nil
	case len(in.paths) != 1 || format != "":
		return "", false, nil
	}
	if in.paths[0] == pii.Stdin {
		data, err := io.ReadAll(io.LimitReader(os.Stdin, gate.MaxText+1)) // the gate refuses what is longer
		return string(data), true, err
	}
	info, err := os.Stat(in.paths[0])
	if err != nil {
		return "", false, err
	}
	if !info.Mode().IsRegular() || info.Size() > gate.MaxText {
		return "", false, nil
	}
	data, err := readInput(in.paths[0])
	return string(data), true, err
}

func (c *cli) analyzeWhole(f piiFlags, least float32, text string) error {
	policy, err := c.policyOf(f.policyName)
	if err != nil {
		return err
	}
	g, err := ephemeralGate()
	if err != nil {
		return err
	}
	all, err := g.AnalyzeUnder(policy, gate.NewRaw(text))
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b gate.Finding) int { return a.Start - b.Start })
	items := make([]found, 0, len(all))
	for _, one := range all {
		if one.Score < least {
			continue
		}
		item := found{Finding: one}
		if f.show {
			item.Value = text[one.Start:one.End]
		}
		items = append(items, item)
	}
	return c.printJSON(listing[found]{Items: items})
}

func (c *cli) anonymizeCommand() *cobra.Command {
	var f piiFlags
	var output string
	cmd := &cobra.Command{
		Use: "anonymize [TEXT|FILE|-]", Short: "Print a text or file as a policy makes it", Args: cobra.ArbitraryArgs,
		Long: `Prints the clean form of a text, a file or standard input under a policy; JSON
lines and CSV keep their layout. Pseudonyms are those of the data folder, if
there is one; otherwise a key is made for this call and thrown away.`,
		Example: `  holdfast pii anonymize "Please call Anna Karlsson on +46 8 123 456 78"
  holdfast pii anonymize customers.csv -o clean.csv`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.anonymize(cmd.Context(), args, f, output) },
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.class, "class", "", "classification of the text: public, internal, confidential or restricted")
	cmd.Flags().StringVarP(&output, "output", "o", "", "file to write (default: standard output)")
	return cmd
}

func (c *cli) anonymize(ctx context.Context, args []string, f piiFlags, output string) (err error) {
	in, err := inputOf(args)
	if err != nil {
		return err
	}
	format, err := f.layout()
	if err != nil {
		return err
	}
	policy, err := c.policyOf(f.policyName)
	if err != nil {
		return err
	}
	g, err := c.gate()
	if err != nil {
		return err
	}
	if in.words != "" {
		return c.anonymizeWords(ctx, g, policy, f.class, in.words)
	}
	if len(in.paths) != 1 {
		return usage("name one file")
	}
	source, format, done, err := openInput(in.paths[0], format)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	out := c.out
	if output != "" {
		file, err := os.OpenFile(output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the caller names it
		if err != nil {
			return fault.New(fault.Invalid, "%w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	a := pii.Anonymizer{Gate: g, Policy: policy, Class: f.class}
	return a.Write(ctx, out, source, format)
}

func (c *cli) anonymizeWords(ctx context.Context, g *gate.Gate, p *gate.Policy, class, words string) error {
	r := g.CleanTexts(ctx, p, []gate.Text{{Raw: gate.NewRaw(words), Class: class}})[0]
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

// openInput opens a file or standard input.
func openInput(path string, format pii.Format) (io.Reader, pii.Format, func() error, error) {
	if path == pii.Stdin {
		return os.Stdin, format, func() error { return nil }, nil
	}
	in, own, done, err := pii.Open(path)
	if format == pii.Auto {
		format = own
	}
	return in, format, done, err
}

func (c *cli) deanonymizeCommand() *cobra.Command {
	var purpose string
	cmd := &cobra.Command{
		Use: "deanonymize --purpose PURPOSE [TEXT|FILE|-]", Short: "Turn pseudonyms and encrypted values back", Args: cobra.ArbitraryArgs,
		Long: `Turns the tokens in a text back into what they stand for, as far as the data
folder's vault and key know it. That needs a permission and a purpose, which
go into the audit trail.`,
		Example: `  holdfast pii deanonymize --purpose "ticket 4711: call back" PERSON_k7q2m9x4ab`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.deanonymize(cmd.Context(), args, purpose)
		},
	}
	cmd.Flags().StringVar(&purpose, "purpose", "", "what the values are needed for (required)")
	return cmd
}

func (c *cli) entitiesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "entities", Short: "List the types that the gate finds", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			all := gate.Entities()
			if c.json {
				return c.printJSON(listing[gate.Entity]{Items: all})
			}
			for _, e := range all {
				if err := c.printf("%s\n", e); err != nil {
					return err
				}
			}
			return nil
		},
	}
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

// location is where a place is, for people.
func location(p pii.Place) string {
	file := p.File
	if file == pii.Stdin || file == "" {
		file = ""
	} else {
		file += ":"
	}
	if p.Field != "" {
		return fmt.Sprintf("%s%d %s", file, p.Line, p.Field)
	}
	return fmt.Sprintf("%s%d:%d", file, p.Line, p.Column)
}
