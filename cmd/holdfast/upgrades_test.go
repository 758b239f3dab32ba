package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpgradeCommands plans another upgrade after a switch: the way back, and
// the end of the standby, are for the one that was switched all the same.
func TestUpgradeCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte("collection: notes\ncontent: [body]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(code int, want string, args ...string) {
		t.Helper()
		out, errOut, got := holdfast(t, dir, args...)
		if got != code || !strings.Contains(out+errOut, want) {
			t.Fatalf("%v: exit %d, want %d and %q:\n%s%s", args, got, code, want, out, errOut)
		}
	}
	run(0, "", "apply", "-f", "notes.yaml")
	run(0, "", "records", "put", "notes", "a", `{"body":"The printer makes noises."}`)
	run(1, "has no upgrade", "models", "rollback", "notes")
	run(0, "searched by generation 2", "models", "upgrade", "notes", "--chunk-target", "100", "--chunk-max", "160", "--yes")
	run(0, "Nothing is built", "models", "upgrade", "notes", "--chunk-target", "80", "--chunk-max", "120")
	run(0, "searched by generation 1 again", "models", "rollback", "notes")
	run(0, "is aborted", "models", "retire", "notes")
	run(1, "plan again", "models", "approve", "notes")
}
