package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// modelInfo is a configured model, as models --json prints it.
type modelInfo struct {
	Name        string `json:"name"`
	Provider    string `json:"provider"`
	Identity    string `json:"identity"`
	Dimensions  int    `json:"dimensions"`
	MaxTokens   int    `json:"max_tokens,omitempty"`
	Fingerprint string `json:"fingerprint"`
}

func (c *cli) modelsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "models", Short: "List the embedding models that declarations may name", Args: cobra.NoArgs,
		Long: `Lists the models of the configuration, and the one inside the binary. Two models
with different fingerprints make vectors that are never compared.`,
		RunE: func(*cobra.Command, []string) error {
			embedders, err := c.embedders()
			if err != nil {
				return err
			}
			all := []modelInfo{}
			for _, name := range slices.Sorted(maps.Keys(embedders)) {
				m := embedders[name].Model()
				all = append(all, modelInfo{name, m.Provider, m.Identity, m.Dimensions, m.MaxTokens, m.Fingerprint().String()})
			}
			if c.json {
				return c.printJSON(listing[modelInfo]{Items: all})
			}
			rows := make([][]string, len(all))
			for i, m := range all {
				rows[i] = []string{m.Name, m.Provider, m.Identity, fmt.Sprint(m.Dimensions), m.Fingerprint[:12]}
			}
			return c.table([]string{"NAME", "PROVIDER", "MODEL", "DIMENSIONS", "FINGERPRINT"}, rows)
		},
	}
}
