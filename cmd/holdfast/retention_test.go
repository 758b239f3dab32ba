package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSweepCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	configure := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	configure("retention: {versions: 1ns, runs: never, embeddings_unreferenced: 7d, audit: never}\n")
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte("collection: notes\ncontent: [body]\n"), 0o600); err != nil {
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
	must("records", "put", "notes", "a", `{"body":"what it said at first"}`)
	must("records", "put", "notes", "a", `{"body":"what it says now"}`)
	if out := must("sweep", "--dry-run"); !strings.Contains(out, "WOULD DELETE") {
		t.Errorf("a dry run printed\n%s", out)
	}
	var got struct {
		Versions   int `json:"versions"`
		Embeddings struct{ Vectors, Marked, Deleted int }
	}
	if err := json.Unmarshal([]byte(must("--json", "sweep")), &got); err != nil || got.Versions != 1 || got.Embeddings.Marked != 1 || got.Embeddings.Deleted != 0 {
		t.Errorf("swept %+v, %v", got, err)
	}
	for _, c := range []struct{ config, complaint string }{
		{"retention: {versions: soon}\n", "retention.versions"},
		{"retention: {runs: -3d}\n", "retention.runs"},
		{"retention: {audit: 90d}\n", "only ever appended"},
		{"retention:\n  version: 90d\n", "line 2"},
	} {
		configure(c.config)
		if _, errOut, code := holdfast(t, dir, "sweep"); code == 0 || !strings.Contains(errOut, c.complaint) {
			t.Errorf("%q: exit %d: %s", c.config, code, errOut)
		}
	}
}
