package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// upgradeFlags say what to build a collection with.
type upgradeFlags struct {
	to, policy, judgements, standby, reason string
	content                                 []string
	target, max                             int
	overlap, loss                           float64
	manual, yes                             bool
}

// upgradeCommands change what a collection is built with.
func (c *cli) upgradeCommands() []*cobra.Command {
	var f upgradeFlags
	upgrade := &cobra.Command{
		Use: "upgrade COLLECTION --to MODEL", Short: "Plan another model, chunking, policy or content, and build it once approved", Args: cobra.ExactArgs(1),
		Long: `Forecasts what it takes, and asks. Once approved, a new generation is built beside
the active one while changes flow to both; it is evaluated on sampled queries (and
on judgements, if you have them), and switched to if it meets the thresholds. The
old one is fed on for a while, so that ` + "`holdfast models rollback`" + ` returns to it at once.

Judgements are JSON Lines: {"query": "…", "relevant": {"record id": 1, …}}`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.upgrade(cmd.Context(), cl, args[0], &f) })
		},
	}
	flags := upgrade.Flags()
	flags.StringVar(&f.to, "to", "", "the model, as the configuration names it")
	flags.StringVar(&f.policy, "policy", "", "the privacy policy; without any other change, gate anew")
	flags.StringSliceVar(&f.content, "content", nil, "the fields to embed")
	flags.IntVar(&f.target, "chunk-target", 0, "tokens of a passage to aim at")
	flags.IntVar(&f.max, "chunk-max", 0, "most tokens of a passage")
	flags.StringVar(&f.judgements, "judgements", "", "file of judged queries (- for standard input)")
	flags.StringVar(&f.standby, "standby", "", "how long the old generation is fed after the switch (default 72h)")
	flags.Float64Var(&f.overlap, "min-overlap", 0, "least mean overlap@10 with the old generation (default 0.3)")
	flags.Float64Var(&f.loss, "max-loss", 0, "most nDCG@10 that may be lost on the judgements (default 0.02)")
	flags.BoolVar(&f.manual, "manual", false, "leave the switch to `holdfast models switch`")
	flags.BoolVar(&f.yes, "yes", false, "approve at once")
	flags.StringVar(&f.reason, "reason", "", "why; it is kept with the upgrade")

	list := &cobra.Command{
		Use: "upgrades COLLECTION", Short: "List a collection's upgrades with their evaluations", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.look(cmd.Context(), func(cl *client) error { return c.listUpgrades(cmd.Context(), cl, args[0]) })
		},
	}
	all := []*cobra.Command{upgrade, list}
	for _, v := range []struct {
		verb, short string
		of          []flow.UpgradeState
	}{
		{"approve", "Approve the planned upgrade, and wait until it is built", []flow.UpgradeState{flow.Planned}},
		{"abort", "Give the upgrade up before its switch; the active generation is as it was", []flow.UpgradeState{flow.Planned, flow.Building, flow.Held}},
		{"switch", "Switch to what is built and held", []flow.UpgradeState{flow.Held}},
		{"rollback", "Return to the old generation at once, while it is on standby", []flow.UpgradeState{flow.Switched}},
		{"retire", "End the standby before its time", []flow.UpgradeState{flow.Switched, flow.RolledBack}},
	} {
		var reason string
		cmd := &cobra.Command{
			Use: v.verb + " COLLECTION", Short: v.short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.with(cmd.Context(), func(cl *client) error {
					u, err := newestUpgrade(cmd.Context(), cl, args[0], v.of)
					if err != nil {
						return err
					}
					return c.act(cmd.Context(), cl, u, v.verb, reason)
				})
			},
		}
		if v.verb == "approve" || v.verb == "abort" {
			cmd.Flags().StringVar(&reason, "reason", "", "why; it is kept with the upgrade")
		}
		all = append(all, cmd)
	}
	return all
}

func (c *cli) upgrade(ctx context.Context, cl *client, collection string, f *upgradeFlags) error {
	body := map[string]any{
		"model": f.to, "policy": f.policy, "standby": f.standby, "manual": f.manual, "min_overlap": f.overlap, "max_loss": f.loss,
	}
	if f.content != nil {
		body["content"] = f.content
	}
	if f.target > 0 || f.max > 0 {
		size := record.Chunking{Target: f.target, Max: f.max}
		if size.Target == 0 {
			size.Target = size.Max * 5 / 8
		}
		body["chunking"] = size
	}
	if f.judgements != "" {
		data, err := readInput(f.judgements)
		if err != nil {
			return err
		}
		if body["judgements"], err = readJudgements(data); err != nil {
			return fmt.Errorf("%s: %w", f.judgements, err)
		}
	}
	var u flow.Upgrade
	if err := cl.do(ctx, http.MethodPost, collectionPath(collection, "upgrades"), body, &u); err != nil {
		return err
	}
	if !c.json {
		if err := c.printForecast(&u); err != nil {
			return err
		}
	}
	approved, err := c.confirmed("Build it?", f.yes)
	switch {
	case err != nil:
		return err
	case approved:
		return c.act(ctx, cl, u, "approve", f.reason)
	case c.json:
		return c.printJSON(u)
	}
	return c.printf("Nothing is built. Approve with `holdfast models approve %s`, or forget it: a plan costs nothing.\n", collection)
}

func readJudgements(data []byte) (out []json.RawMessage, err error) {
	line := 0
	for text := range bytes.SplitSeq(data, []byte("\n")) {
		if line++; len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		if !json.Valid(text) {
			return nil, fault.New(fault.Invalid, "line %d is not JSON", line)
		}
		out = append(out, json.RawMessage(text))
	}
	return out, nil
}

// confirmed asks on a terminal; elsewhere only --yes is a yes.
func (c *cli) confirmed(question string, yes bool) (bool, error) {
	if yes {
		return true, nil
	}
	if _, ok := terminal(c.errOut); !ok || c.json {
		return false, nil
	}
	if _, err := fmt.Fprintf(c.errOut, "%s [y/N] ", question); err != nil {
		return false, fmt.Errorf("ask: %w", err)
	}
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// newestUpgrade finds the newest upgrade that is in one of the states, past
// plans made since: a new plan must not stand in the way of a rollback. If
// there is none it is the newest of all, of which the server says why not.
func newestUpgrade(ctx context.Context, cl *client, collection string, states []flow.UpgradeState) (flow.Upgrade, error) {
	var all listing[flow.Upgrade]
	if err := cl.get(ctx, collectionPath(collection, "upgrades"), &all); err != nil {
		return flow.Upgrade{}, err
	}
	if len(all.Items) == 0 {
		return flow.Upgrade{}, fault.New(fault.NotFound, "%s has no upgrade; plan one with `holdfast models upgrade %s --to MODEL`", collection, collection)
	}
	at := slices.IndexFunc(all.Items, func(u flow.Upgrade) bool { return slices.Contains(states, u.State) })
	return all.Items[max(at, 0)], nil
}

// act does something with an upgrade, and stays until that is over.
func (c *cli) act(ctx context.Context, cl *client, u flow.Upgrade, verb, reason string) error {
	path := collectionPath(u.Collection, "upgrades", u.ID)
	if err := cl.do(ctx, http.MethodPost, path+"/"+verb, map[string]string{"reason": reason}, &u); err != nil {
		return err
	}
	if u.State == flow.Building {
		if err := c.followUpgrade(ctx, cl, path, &u); err != nil {
			return err
		}
	}
	if c.json {
		return c.printJSON(u)
	}
	return c.printUpgrade(&u)
}

func (c *cli) followUpgrade(ctx context.Context, cl *client, path string, u *flow.Upgrade) error {
	bar := c.newProgress("building", u.Forecast.Records)
	defer bar.done()
	look := time.NewTicker(300 * time.Millisecond)
	defer look.Stop()
	for u.State == flow.Building {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
		var st holdfast.Status
		err := cl.get(ctx, collectionPath(u.Collection, "status"), &st)
		if fault.Retryable(err) {
			continue // the upgrade goes on, whoever looks
		}
		if err != nil {
			return err
		}
		for _, g := range st.Others {
			if g.ID == int64(u.To) {
				bar.set(max(0, u.Forecast.Records-g.Pending), u.Forecast.Records)
			}
		}
		if err := cl.get(ctx, path, u); err != nil && !fault.Retryable(err) {
			return err
		}
	}
	return nil
}

func (c *cli) printForecast(u *flow.Upgrade) error {
	f := &u.Forecast
	rows := [][]string{
		{"changes", strings.Join(u.Reasons, ", ")},
		{"records", fmt.Sprint(f.Records)},
		{"passages", fmt.Sprint(f.Passages)},
		{"have a vector already", fmt.Sprint(f.Reused)},
		{"tokens to embed", fmt.Sprintf("about %d", f.Tokens)},
		{"price", fmt.Sprintf("about %.4f", f.Price)},
		{"feeding both, a day", fmt.Sprintf("about %.4f, for %v", f.StandbyPrice, u.Terms.Standby)},
	}
	if f.Seconds > 0 {
		rows = append(rows, []string{"time at the model's limits", time.Duration(f.Seconds * float64(time.Second)).Round(time.Second).String()})
	}
	return c.table([]string{"UPGRADE " + u.ID, u.Collection}, rows)
}

func (c *cli) printUpgrade(u *flow.Upgrade) error {
	if e := u.Evaluation; e != nil {
		rows := [][]string{
			{"overlap@10", "", fmt.Sprintf("%.2f on %d queries (%s)", e.Overlap, e.Queries, e.Source)},
			{"latency p50", fmt.Sprintf("%.1f ms", e.OldP50), fmt.Sprintf("%.1f ms", e.NewP50)},
			{"latency p95", fmt.Sprintf("%.1f ms", e.OldP95), fmt.Sprintf("%.1f ms", e.NewP95)},
			{"coverage", "", fmt.Sprintf("%.2f%%", 100*e.Coverage)},
		}
		if e.Judged > 0 {
			rows = append(rows, []string{fmt.Sprintf("nDCG@10 on %d judged", e.Judged), fmt.Sprintf("%.3f", e.OldNDCG), fmt.Sprintf("%.3f", e.NewNDCG)})
		}
		if err := c.table([]string{"EVALUATION", "OLD", "NEW"}, rows); err != nil {
			return err
		}
	}
	switch u.State {
	case flow.Held:
		return c.printf("Held: %s.\nSwitch all the same with `holdfast models switch %s`, or give up with `holdfast models abort %s`.\n", u.Note, u.Collection, u.Collection)
	case flow.Switched:
		return c.printf("%s is searched by generation %d. The old one is fed until %s; `holdfast models rollback %s` returns to it.\n",
			u.Collection, u.To, u.StandbyUntil.Local().Format(time.DateTime), u.Collection)
	case flow.RolledBack:
		return c.printf("%s is searched by generation %d again.\n", u.Collection, u.From)
	case flow.Planned, flow.Building, flow.Aborted, flow.Done:
	}
	return c.printf("Upgrade %s of %s is %s.\n", u.ID, u.Collection, u.State)
}

func (c *cli) listUpgrades(ctx context.Context, cl *client, collection string) error {
	var all listing[flow.Upgrade]
	if err := cl.get(ctx, collectionPath(collection, "upgrades"), &all); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(all)
	}
	if len(all.Items) == 0 {
		return c.printf("%s was never upgraded. Plan it with `holdfast models upgrade %s --to MODEL`.\n", collection, collection)
	}
	rows := make([][]string, len(all.Items))
	for i, u := range all.Items {
		overlap := "–"
		if u.Evaluation != nil {
			overlap = fmt.Sprintf("%.2f", u.Evaluation.Overlap)
		}
		rows[i] = []string{u.ID, string(u.State), strings.Join(u.Reasons, ", "), u.Declaration.Model, overlap, ago(u.PlannedAt), u.Note}
	}
	return c.table([]string{"ID", "STATE", "CHANGES", "MODEL", "OVERLAP@10", "PLANNED", "NOTE"}, rows)
}
