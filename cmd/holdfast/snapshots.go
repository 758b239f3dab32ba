package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/snapshot"
)

func (c *cli) snapshotsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "snapshots", Short: "Pin collections by name, and export them to Parquet",
		Long: "A snapshot is what a collection was at a change: public fields, clean passages, vectors. It can be exported with the same\n" +
			"bytes at any time, whatever has been written since; only an erasure changes it.",
	}
	var to string
	export := &cobra.Command{
		Use: "export COLLECTION NAME", Short: "Write a snapshot to Parquet files", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.with(cmd.Context(), func(cl *client) error { return c.exportSnapshot(cmd.Context(), cl, args[0], args[1], to) })
		},
	}
	export.Flags().StringVarP(&to, "output", "o", "", "folder to write to (default: the snapshot's name)")
	cmd.AddCommand(
		&cobra.Command{
			Use: "create COLLECTION NAME", Short: "Pin a collection as it is now", Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.with(cmd.Context(), func(cl *client) error {
					return c.showSnapshot(cmd.Context(), cl, http.MethodPost, collectionPath(args[0], "snapshots"), map[string]string{"name": args[1]})
				})
			},
		},
		&cobra.Command{
			Use: "list COLLECTION", Short: "List snapshots", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.with(cmd.Context(), func(cl *client) error { return c.listSnapshots(cmd.Context(), cl, args[0]) })
			},
		},
		&cobra.Command{
			Use: "show COLLECTION NAME", Short: "Show a snapshot", Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.with(cmd.Context(), func(cl *client) error {
					return c.showSnapshot(cmd.Context(), cl, http.MethodGet, snapshotPath(args[0], args[1]), nil)
				})
			},
		},
		export,
		&cobra.Command{
			Use: "delete COLLECTION NAME", Short: "Delete a snapshot; what only it refers to is swept later", Args: cobra.ExactArgs(2),
			RunE: func(cmd *cobra.Command, args []string) error {
				return c.with(cmd.Context(), func(cl *client) error {
					return cl.do(cmd.Context(), http.MethodDelete, snapshotPath(args[0], args[1]), nil, nil)
				})
			},
		})
	return cmd
}

func snapshotPath(collection, name string, rest ...string) string {
	return collectionPath(collection, append([]string{"snapshots", url.PathEscape(name)}, rest...)...)
}

func (c *cli) showSnapshot(ctx context.Context, cl *client, method, path string, body any) error {
	var s api.Snapshot
	if err := cl.do(ctx, method, path, body, &s); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(s)
	}
	rows := [][]string{
		{"digest", s.Digest},
		{"change", fmt.Sprint(s.Change)},
		{"holds", plural(s.Records, "record") + ", " + plural(s.Passages, "passage")},
		{"public fields", orNone(strings.Join(s.Fields, " "))},
		{"generation", fmt.Sprintf("%d: %s, %d dimensions, fingerprint %s, recipe %s", s.Generation, s.Model, s.Dimensions, brief(s.Space), brief(s.Recipe))},
		{"created", s.CreatedAt.UTC().Format("2006-01-02 15:04:05 MST")},
	}
	if s.Erased > 0 {
		rows = append(rows, []string{"erased", fmt.Sprintf("%s, last %s", plural(s.Erased, "record"), ago(s.ReissuedAt))})
	}
	return c.table([]string{"SNAPSHOT", s.Name}, rows)
}

func (c *cli) listSnapshots(ctx context.Context, cl *client, collection string) error {
	var page listing[api.Snapshot]
	if err := cl.get(ctx, collectionPath(collection, "snapshots")+"?limit=1000", &page); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(page)
	}
	if len(page.Items) == 0 {
		return c.printf("There are no snapshots. `holdfast snapshots create %s NAME` makes one.\n", collection)
	}
	rows := make([][]string, len(page.Items))
	for i, s := range page.Items {
		rows[i] = []string{s.Name, fmt.Sprint(s.Change), fmt.Sprint(s.Records), fmt.Sprint(s.Passages), ago(s.CreatedAt), brief(s.Digest)}
	}
	return c.table([]string{"NAME", "CHANGE", "RECORDS", "PASSAGES", "CREATED", "DIGEST"}, rows)
}

// exportManifest says what an export holds. It names no time, so that the
// same snapshot gives the same bytes.
type exportManifest struct {
	Snapshot   string       `json:"snapshot"`
	Digest     string       `json:"digest"`
	Collection string       `json:"collection"`
	Change     int64        `json:"change"`
	Model      string       `json:"model"`
	Space      string       `json:"fingerprint"`
	Dimensions int          `json:"dimensions"`
	Recipe     string       `json:"recipe"`
	Records    int64        `json:"records"`
	Passages   int64        `json:"passages"`
	Files      []exportFile `json:"files"`
}

type exportFile struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func (c *cli) exportSnapshot(ctx context.Context, cl *client, collection, name, dir string) error {
	var s api.Snapshot
	if err := cl.get(ctx, snapshotPath(collection, name), &s); err != nil {
		return err
	}
	if dir == "" {
		dir = name
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.New(fault.Unavailable, "create folder: %w", err)
	}
	m := exportManifest{
		Snapshot: s.Name, Digest: s.Digest, Collection: collection, Change: s.Change, Model: s.Model, Space: s.Space,
		Dimensions: s.Dimensions, Recipe: s.Recipe, Records: s.Records, Passages: s.Passages,
	}
	for _, file := range []string{snapshot.RecordsFile, snapshot.PassagesFile} {
		f, err := c.download(ctx, cl, snapshotPath(collection, name, "files", file), s.Digest, filepath.Join(dir, file))
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f)
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), append(text, '\n'), 0o600); err != nil {
		return fault.New(fault.Unavailable, "write manifest: %w", err)
	}
	if c.json {
		return c.printJSON(m)
	}
	return c.printf("%s of %s exported to %s: %s, %s\n", name, collection, dir, plural(s.Records, "record"), plural(s.Passages, "passage"))
}

// download fetches a file of a snapshot that must still have a digest.
func (c *cli) download(ctx context.Context, cl *client, path, digest, to string) (_ exportFile, err error) {
	resp, err := cl.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return exportFile{}, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if resp.Header.Get("ETag") != `"`+digest+`"` {
		return exportFile{}, fault.New(fault.Conflict, "an erasure has changed the snapshot meanwhile; export it again")
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the user names the folder
	if err != nil {
		return exportFile{}, fault.New(fault.Unavailable, "write file: %w", err)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), resp.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return exportFile{}, fault.New(fault.Unavailable, "write %s: %w", to, err)
	}
	return exportFile{Name: filepath.Base(to), Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}
