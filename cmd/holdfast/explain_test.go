package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExplainCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.yaml"), []byte("collection: notes\ncontent: [body]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"apply", "-f", "notes.yaml"},
		{"records", "put", "notes", "a", `{"body":"Write to zora.kowalczyk@example.net today."}`},
	} {
		if _, errOut, code := holdfast(t, dir, args...); code != 0 {
			t.Fatalf("%v: exit %d: %s", args, code, errOut)
		}
	}
	out, errOut, code := holdfast(t, dir, "records", "explain", "notes", "a")
	if code != 0 || strings.Contains(out, "kowalczyk") {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	for _, want := range []string{"notes/a", "version 1, content of version 1, change 1", "EMAIL_ADDRESS", "GENERATION 1", "recipe", "inline"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if out, _, code := holdfast(t, dir, "--json", "records", "explain", "notes", "a"); code != 0 || !strings.Contains(out, `"text_digest"`) {
		t.Errorf("exit %d: %s", code, out)
	}
	if _, errOut, code := holdfast(t, dir, "records", "explain", "notes", "b"); code != 1 || !strings.Contains(errOut, "no such record") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}
