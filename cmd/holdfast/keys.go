package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gocloud.dev/secrets"
	_ "gocloud.dev/secrets/localsecrets" // base64key://

	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

func (c *cli) keysCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "keys", Short: "The vault's keys: list, rotate, retire; forget a subject",
		Long: `The vault keeps what pseudonyms of policies with ` + "`restore: true`" + ` stand for.
Every data subject has a data key, and the master keys wrap those.`,
	}
	list := &cobra.Command{
		Use: "list", Short: "List the master keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.listKeys(cmd.Context(), cl) })
		},
	}
	rotate := &cobra.Command{
		Use: "rotate", Short: "Make a new master key and wrap all data keys anew, while everything goes on", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				var got api.Rotated
				if err := cl.do(cmd.Context(), http.MethodPost, "/v1/keys:rotate", nil, &got); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.printf("key %s is in use; %s wrapped anew\n", got.ID, plural(int64(got.Rewrapped), "data key"))
			})
		},
	}
	retire := &cobra.Command{
		Use: "retire ID", Short: "Delete a master key that nothing needs any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				return cl.do(cmd.Context(), http.MethodDelete, "/v1/keys/"+url.PathEscape(args[0]), nil, nil)
			})
		},
	}
	forget := &cobra.Command{
		Use: "forget SUBJECT", Short: "Delete a subject's data key: its pseudonyms can never be restored again", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error {
				var got api.Forgotten
				if err := cl.do(cmd.Context(), http.MethodPost, "/v1/keys:forget", map[string]string{"subject": args[0]}, &got); err != nil {
					return err
				}
				if c.json {
					return c.printJSON(got)
				}
				return c.printf("%s forgotten\n", plural(got.Entries, "pseudonym"))
			})
		},
	}
	cmd.AddCommand(list, rotate, retire, forget)
	return cmd
}

func (c *cli) listKeys(ctx context.Context, cl *client) error {
	var got api.VaultKeys
	if err := cl.get(ctx, "/v1/keys", &got); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(got)
	}
	rows := make([][]string, len(got.Items))
	for i, k := range got.Items {
		use := "opens"
		if k.InUse {
			use = "in use"
		}
		rows[i] = []string{k.ID, use, fmt.Sprint(k.DataKeys)}
	}
	if err := c.table([]string{"KEY", "USE", "DATA KEYS"}, rows); err != nil {
		return err
	}
	return c.printf("%s in the vault\n", plural(got.Entries, "pseudonym"))
}

// keyring opens the vault's master keys, if a policy needs them or they are
// there; nil if not.
func (c *cli) keyring(ctx context.Context, dir string) (*gate.Keyring, error) {
	path := filepath.Join(dir, "vault-keys")
	_, err := os.Stat(path)
	if err != nil && !slices.ContainsFunc(c.config.Policies, gate.Policy.Restores) {
		return nil, nil //nolint:nilnil // there is no vault
	}
	wrap, err := c.config.Vault.keeper(ctx)
	if err != nil {
		return nil, err
	}
	return gate.OpenKeyring(ctx, gate.KeyringConfig{Path: path, Wrap: wrap})
}

// keeper opens what encrypts the file of the vault's keys, or nil.
func (v vaultConfig) keeper(ctx context.Context) (gate.Wrapper, error) {
	address := ""
	switch {
	case v.KeeperEnv != "":
		if address = os.Getenv(v.KeeperEnv); address == "" {
			return nil, fault.Field("vault.keeper_env", "the variable %s is not set", v.KeeperEnv)
		}
	case v.KeeperFile != "":
		text, err := os.ReadFile(v.KeeperFile)
		if err != nil {
			return nil, fault.New(fault.Invalid, "vault.keeper_file: %w", err)
		}
		address = strings.TrimSpace(string(text))
	default:
		return nil, nil
	}
	keeper, err := secrets.OpenKeeper(ctx, address)
	if err != nil {
		// The error may quote the address, which may be a key.
		return nil, fault.New(fault.Invalid, "vault: the keeper's URL is not one that this binary takes; it takes base64key://KEY with a key of 32 bytes")
	}
	return keeper, nil
}
