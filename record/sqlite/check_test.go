package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast/holdfast/record/sqlite"
)

// TestCheck: a database is found sound, and one with a page overwritten is
// found damaged.
func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holdfast.db")
	s, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Check(t.Context(), path); err != nil {
		t.Fatalf("a new database: %v", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // in a folder of the test's own
	if err != nil {
		t.Fatal(err)
	}
	junk := make([]byte, 8192)
	for i := range junk {
		junk[i] = 0x5a
	}
	if _, err := f.WriteAt(junk, 2*8192); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sqlite.Check(t.Context(), path); err == nil {
		t.Fatal("a damaged database was found sound")
	}
}
