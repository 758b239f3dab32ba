package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
)

func (c *cli) modelsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "models", Short: "The embedding models: where they stand, what they cost, whether they are still the same", Args: cobra.NoArgs,
		Long: `Lists the models of the configuration, and the one inside the binary. Two models
with different fingerprints make vectors that are never compared.

States: ok; down (it does not answer); waiting (its provider asks for patience);
over budget; held (its provider has changed it under the same name); changed
(the name stands for another model than collections were built with). What a
model that is not ok should embed waits, and is not lost.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.listModels(cmd.Context(), cl) })
		},
	}
	canary := &cobra.Command{
		Use: "canary [MODEL]", Short: "Embed fixed sentences again: has a provider changed its model?", Args: cobra.MaximumNArgs(1),
		Long: `Embeds fixed sentences again and compares the vectors with those of when the
model was first used. A model that has changed is held: nothing is embedded with
it until it is accepted or replaced. Exits with 1 if a model is held.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.canary(cmd.Context(), cl, args) })
		},
	}
	accept := &cobra.Command{
		Use: "accept MODEL", Short: "Take a model that is held as it is now", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				if err := cl.do(cmd.Context(), http.MethodPost, modelPath(args[0], "accept"), nil, nil); err != nil {
					return err
				}
				return c.printf("%s is taken as it is now\n", args[0])
			})
		},
	}
	cmd.AddCommand(c.costCommand(), canary, accept)
	return cmd
}

func modelPath(model, verb string) string {
	return "/v1/embedding-models/" + url.PathEscape(model) + "/" + verb
}

func (c *cli) listModels(ctx context.Context, cl *client) error {
	var got listing[api.Model]
	if err := cl.get(ctx, "/v1/embedding-models", &got); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(got)
	}
	rows := make([][]string, len(got.Items))
	for i, m := range got.Items {
		price := "free"
		if m.Price > 0 {
			price = fmt.Sprintf("%g / 1M", m.Price)
		}
		rows[i] = []string{m.Name, m.Identity, fmt.Sprint(m.Dimensions), m.Fingerprint[:12], price, m.State, strings.Join(append(m.Collections, m.Stale...), ", ")}
	}
	if err := c.table([]string{"NAME", "MODEL", "DIMENSIONS", "FINGERPRINT", "PRICE", "STATE", "COLLECTIONS"}, rows); err != nil {
		return err
	}
	for _, m := range got.Items {
		if m.Why != "" {
			if err := c.printf("%s: %s\n", m.Name, m.Why); err != nil {
				return err
			}
		}
		for _, b := range m.Budgets {
			if err := c.printf("budget of %s: %.4f of %g this %s\n", b.Of, b.Spent, b.Budget, b.Period); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *cli) canary(ctx context.Context, cl *client, names []string) error {
	if len(names) == 0 {
		var got listing[api.Model]
		if err := cl.get(ctx, "/v1/embedding-models", &got); err != nil {
			return err
		}
		for _, m := range got.Items {
			names = append(names, m.Name)
		}
	}
	type checked struct {
		Model string `json:"model"`
		api.CanaryResult
	}
	all, held := []checked{}, int64(0)
	for _, name := range names {
		one := checked{Model: name}
		if err := cl.do(ctx, http.MethodPost, modelPath(name, "canary"), nil, &one.CanaryResult); err != nil {
			return err
		}
		all = append(all, one)
		verdict := "the same as before"
		switch {
		case one.Held:
			held++
			verdict = "another model than before: it is held; see `holdfast models`"
		case one.First:
			verdict = "noted; later ones are compared with this"
		}
		if !c.json {
			if err := c.printf("%-16s distance %.2g: %s\n", name, one.Distance, verdict); err != nil {
				return err
			}
		}
	}
	if c.json {
		if err := c.printJSON(listing[checked]{Items: all}); err != nil {
			return err
		}
	}
	if held > 0 {
		return fault.New(fault.Conflict, "%s changed by its provider and held", plural(held, "model"))
	}
	return nil
}

func (c *cli) costCommand() *cobra.Command {
	var by, since string
	cmd := &cobra.Command{
		Use: "cost", Short: "What models have cost, and what reuse has saved", Args: cobra.NoArgs,
		Long: `Adds up what calls to models have cost, by collection, model or day (UTC), in the
currency of price_per_million_tokens. What reuse saved is an estimate: the tokens
of texts whose vectors were there already, at today's price.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.costs(cmd.Context(), cl, by, since) })
		},
	}
	cmd.Flags().StringVar(&by, "by", string(holdfast.ByCollection), "collection, model or day")
	cmd.Flags().StringVar(&since, "since", "", "first day, as 2026-03-01, or how far back, as 30d (default: all that is kept)")
	return cmd
}

// sinceDay reads a day or a number of days back.
func sinceDay(text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	if _, err := time.Parse(time.DateOnly, text); err == nil {
		return text, nil
	}
	var days int
	if n, err := fmt.Sscanf(text, "%dd", &days); n != 1 || err != nil || days < 0 {
		return "", usageError{fmt.Errorf("--since %q is neither a day, such as 2026-03-01, nor a number of days, such as 30d", text)}
	}
	return now.UTC().AddDate(0, 0, -days).Format(time.DateOnly), nil
}

func (c *cli) costs(ctx context.Context, cl *client, by, since string) error {
	day, err := sinceDay(since, time.Now())
	if err != nil {
		return err
	}
	q := url.Values{"by": {by}}
	if day != "" {
		q.Set("since", day)
	}
	var got api.Costs
	if err := cl.get(ctx, "/v1/costs?"+q.Encode(), &got); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(got)
	}
	rows := make([][]string, 0, len(got.Items)+1)
	for _, e := range append(got.Items, got.Total) {
		rows = append(rows, []string{
			e.Of, fmt.Sprint(e.Requests), fmt.Sprint(e.Tokens), fmt.Sprint(e.Computed), fmt.Sprint(e.Reused),
			fmt.Sprintf("%.4f", e.Spent), fmt.Sprint(e.SavedTokens), fmt.Sprintf("%.4f", e.Saved),
		})
	}
	return c.table([]string{strings.ToUpper(by), "REQUESTS", "TOKENS", "COMPUTED", "REUSED", "SPENT", "TOKENS SAVED", "SAVED"}, rows)
}
