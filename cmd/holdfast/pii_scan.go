package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/cmd/holdfast/pii"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func (c *cli) scanCommand() *cobra.Command {
	s := &scanning{cli: c}
	cmd := &cobra.Command{
		Use: "scan [PATH…|-]", Short: "Report what a policy would transform in files, folders or a stream", Args: cobra.ArbitraryArgs,
		Long: `Reports what the policy would transform, by type, place and confidence; with
--all also what it keeps. With --fail-on it fails if there is anything of these
types, which makes it a commit hook:

  holdfast pii scan --fail-on any $(git diff --cached --name-only)`,
		Example: `  holdfast pii scan src/ docs/
  holdfast pii scan --fail-on SECRET,CREDIT_CARD --sarif pii.sarif .`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{pii.Stdin}
			}
			return s.run(cmd.Context(), input{paths: args})
		},
	}
	s.add(cmd)
	cmd.Flags().BoolVar(&s.show, "show-values", false, "print the values that were found")
	cmd.Flags().BoolVar(&s.all, "all", false, "report what the policy keeps, too")
	cmd.Flags().Float32Var(&s.least, "min-score", 0, "leave out what is less sure, 0 to 1")
	cmd.Flags().StringSliceVar(&s.failOn, "fail-on", nil, "fail (exit code 1) on these types, or any")
	cmd.Flags().StringVar(&s.sarif, "sarif", "", "write a SARIF 2.1.0 file (- for standard output)")
	return cmd
}

// scanning is one call of scan or analyze.
type scanning struct {
	*cli
	piiFlags
	all    bool
	least  float32
	failOn []string
	sarif  string

	summary pii.Summary
	kept    []pii.Place // for SARIF
	more    bool        // than fit there
	lines   *tabwriter.Writer
	printed int
}

func (s *scanning) run(ctx context.Context, in input) error {
	known := append(gate.Entities(), "any")
	policy, err := s.policyOf(s.policyName)
	if err != nil {
		return err
	}
	for _, d := range policy.Detectors {
		known = append(known, d.Entity)
	}
	for _, d := range policy.Deny {
		known = append(known, d.Entity)
	}
	for _, e := range s.failOn {
		if !slices.Contains(known, gate.Entity(e)) {
			return usage("--fail-on %q is not a type; `holdfast pii entities` lists them", e)
		}
	}
	format, err := s.layout()
	if err != nil {
		return err
	}
	g, err := ephemeralGate()
	if err != nil {
		return err
	}
	x := &pii.Examiner{Gate: g, Policy: policy, All: s.all, Values: s.show, Min: s.least}
	if in.words != "" {
		err = s.examine(ctx, x, pii.Unit{Line: 1, Text: in.words})
	} else {
		for u, bad := range pii.Units(in.paths, format, untilDone(ctx, os.Stdin)) {
			if err = cmpErr(bad, ctx.Err()); err == nil {
				err = s.examine(ctx, x, u)
			}
			if err != nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	return s.finish()
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func (s *scanning) examine(ctx context.Context, x *pii.Examiner, u pii.Unit) error {
	places, err := x.Examine(ctx, u)
	if err != nil {
		return fmt.Errorf("%s: %w", location(pii.Place{File: u.File, Line: u.Line, Field: u.Field, Column: 1}), err)
	}
	for _, p := range places {
		s.summary.Add(p)
		if s.sarif != "" {
			if len(s.kept) < pii.MaxResults {
				s.kept = append(s.kept, p)
			} else {
				s.more = true
			}
		}
		if s.sarif != "-" {
			if err := s.print(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// print writes places as they are found, so that a stream of any size can be
// examined; columns are aligned by the hundred.
func (s *scanning) print(p pii.Place) error {
	s.printed++
	if s.json {
		return json.NewEncoder(s.out).Encode(p)
	}
	if s.lines == nil {
		s.lines = tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	}
	cells := []string{location(p), string(p.Entity), fmt.Sprintf("%.2f", p.Score), p.Rule}
	if s.show {
		cells = append(cells, strings.Join(strings.Fields(strings.Map(printable, p.Value)), " "))
	}
	_, err := fmt.Fprintln(s.lines, strings.Join(cells, "\t"))
	if s.printed%100 == 0 {
		err = errors.Join(err, s.lines.Flush())
	}
	return err
}

func (s *scanning) finish() error {
	if s.lines != nil {
		if err := s.lines.Flush(); err != nil {
			return err
		}
	}
	sums := s.summary.List()
	if err := s.report(sums); err != nil {
		return err
	}
	if s.sarif != "" {
		if err := s.writeSARIF(); err != nil {
			return err
		}
	}
	var bad []string
	for _, one := range sums {
		if slices.Contains(s.failOn, "any") || slices.Contains(s.failOn, string(one.Entity)) {
			bad = append(bad, fmt.Sprintf("%s ×%d", one.Entity, one.Found))
		}
	}
	if len(bad) > 0 {
		return fault.New(fault.Invalid, "found %s", strings.Join(bad, ", "))
	}
	return nil
}

func (s *scanning) report(sums []pii.Sum) error {
	switch {
	case s.sarif == "-":
		return nil
	case s.json:
		return json.NewEncoder(s.out).Encode(map[string]any{"summary": sums})
	case len(sums) == 0:
		return s.printf("Nothing was found.\n")
	}
	rows := make([][]string, len(sums))
	for i, one := range sums {
		rows[i] = []string{string(one.Entity), fmt.Sprint(one.Found), fmt.Sprint(one.Files), fmt.Sprintf("%.2f", one.Lowest)}
	}
	if err := s.printf("\n"); err != nil {
		return err
	}
	return s.table([]string{"TYPE", "FOUND", "FILES", "LOWEST SCORE"}, rows)
}

func (s *scanning) writeSARIF() (err error) {
	if s.more {
		_, _ = fmt.Fprintf(s.errOut, "holdfast: the SARIF file holds the first %d results only\n", pii.MaxResults)
	}
	w := s.out
	if s.sarif != "-" {
		file, err := os.Create(s.sarif)
		if err != nil {
			return fault.New(fault.Invalid, "%w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		w = file
	}
	return pii.SARIF(w, buildVersion(), s.kept)
}

// deanonymize sends texts piece by piece to the owner of the vault. The first
// piece is read before the owner is asked for: a command that pipes into this
// one may be the owner until it ends.
func (c *cli) deanonymize(ctx context.Context, args []string, purpose string) error {
	if strings.TrimSpace(purpose) == "" {
		return usage("say with --purpose what the values are needed for; it is audited")
	}
	in, err := inputOf(args)
	if err != nil {
		return err
	}
	units := pii.Units(in.paths, pii.Text, untilDone(ctx, os.Stdin))
	if in.words != "" {
		units = func(yield func(pii.Unit, error) bool) { yield(pii.Unit{Text: in.words + "\n"}, nil) }
	}
	next, stop := iter.Pull2(units)
	defer stop()
	u, bad, more := next()
	total := api.Restored{}
	err = c.with(ctx, func(cl *client) error {
		for ; more; u, bad, more = next() {
			if bad != nil {
				return bad
			}
			var got api.Restored
			if err := cl.do(ctx, http.MethodPost, "/v1/restore", map[string]string{"text": u.Text, "purpose": purpose}, &got); err != nil {
				return err
			}
			total.Restored, total.Unknown = total.Restored+got.Restored, total.Unknown+got.Unknown
			if err := c.printf("%s", got.Text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.errOut, "%s restored, %d unknown\n", plural(int64(total.Restored), "token"), total.Unknown)
	return err
}

func (c *cli) benchCommand() *cobra.Command {
	return &cobra.Command{
		Use: "bench [FILE]", Short: "Measure the gate's speed on this machine, on a sample or a file of yours", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.bench(cmd.Context(), args) },
	}
}

// benchTime is how long each part is measured, at least.
const benchTime = time.Second

func (c *cli) bench(ctx context.Context, args []string) error {
	text := strings.Repeat("The router in the hall lost its connection again last night, and the engineer who came could not find out why. "+
		"Please call Margaret Okonkwo on +44 20 7946 0958 or write to margaret.okonkwo@example.com, card 4111 1111 1111 1111.\n", 500)
	if len(args) == 1 {
		data, err := os.ReadFile(args[0])
		if err != nil {
			return fault.New(fault.NotFound, "%w", err)
		}
		text = string(data[:min(len(data), 1<<20)])
	}
	g, err := c.gate()
	if err != nil {
		return err
	}
	policy := gate.DefaultPolicy()
	raw := gate.NewRaw(text)
	var rows [][]string
	speeds := map[string]float64{}
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"find", func() error { _, err := g.Analyze(raw); return err }},
		{"find and transform", func() error { return g.Clean(ctx, &policy, []gate.Raw{raw})[0].Err }},
	} {
		start, bytes := time.Now(), 0
		for time.Since(start) < benchTime {
			if err := part.do(); err != nil {
				return err
			}
			bytes += len(text)
		}
		speeds[part.name] = float64(bytes) / 1e6 / time.Since(start).Seconds()
		rows = append(rows, []string{part.name, fmt.Sprintf("%.1f", speeds[part.name])})
	}
	if c.json {
		return c.printJSON(speeds)
	}
	return c.table([]string{"PART", "MB/S ON ONE CORE"}, rows)
}
