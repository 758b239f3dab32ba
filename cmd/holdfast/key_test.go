package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new key would open none of the seals, so a lost one is never replaced.
func TestALostKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	declaration := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(declaration, []byte("collection: c\ncontent: [body]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := holdfast(t, dir, "apply", "-f", declaration); code != 0 {
		t.Fatal(stderr)
	}
	key := filepath.Join(dir, "data", "key")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := holdfast(t, dir, "status")
	if code != 1 || !strings.Contains(stderr, "restore it from a backup") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if _, err := os.Stat(key); err == nil {
		t.Error("a new key was made")
	}
}
