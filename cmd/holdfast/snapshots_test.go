package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSnapshotCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	declaration := "collection: notes\ncontent: [body]\nmetadata: [state]\nclassification: {state: public}\n"
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte(declaration), 0o600); err != nil {
		t.Fatal(err)
	}
	must := func(args ...string) string {
		t.Helper()
		out, errOut, code := holdfast(t, dir, args...)
		if code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errOut)
		}
		return out
	}
	must("apply", "-f", "notes.yaml")
	must("records", "put", "notes", "a", `{"body":"what it said at first","state":"open"}`)
	if out := must("snapshots", "create", "notes", "march"); !strings.Contains(out, "1 record, 1 passage") || !strings.Contains(out, "state") {
		t.Errorf("created\n%s", out)
	}
	must("snapshots", "export", "notes", "march", "-o", "one")
	must("records", "put", "notes", "a", `{"body":"what it says now"}`)
	must("records", "delete", "notes", "a")
	must("snapshots", "export", "notes", "march", "-o", "two")
	for _, file := range []string{"manifest.json", "records.parquet", "passages.parquet"} {
		one, err := os.ReadFile(filepath.Join(dir, "one", file)) //nolint:gosec // a file of the test
		if err != nil {
			t.Fatal(err)
		}
		two, err := os.ReadFile(filepath.Join(dir, "two", file)) //nolint:gosec // a file of the test
		if err != nil || len(one) == 0 || !bytes.Equal(one, two) {
			t.Errorf("%s: %d bytes, then %d, %v", file, len(one), len(two), err)
		}
	}
	if out := must("snapshots", "list", "notes"); !strings.Contains(out, "march") {
		t.Errorf("listed\n%s", out)
	}
	must("snapshots", "show", "notes", "march")
	must("snapshots", "delete", "notes", "march")
	if _, errOut, code := holdfast(t, dir, "snapshots", "show", "notes", "march"); code != 1 || !strings.Contains(errOut, "no such snapshot") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}
