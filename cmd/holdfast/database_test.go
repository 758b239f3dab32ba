package main_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/internal/testpg"
)

// onPostgres writes a configuration that names a schema of its own, and more,
// and returns the folder.
func onPostgres(t *testing.T, url, more string) string {
	t.Helper()
	schema := testpg.Schema()
	t.Setenv("HOLDFAST_TEST_DB", url)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "schema"), schema)
	configure(t, dir, fmt.Sprintf("database: {url_env: HOLDFAST_TEST_DB, schema: %s}\n%s", schema, more))
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+", "+schema+"_index CASCADE"); err != nil {
			t.Error(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func schemaOf(t *testing.T, dir string) string {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join(dir, "schema")) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	return string(schema)
}

func configure(t *testing.T, dir, text string) {
	t.Helper()
	writeFile(t, filepath.Join(dir, "holdfast.yaml"), text)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil { //nolint:gosec // the test's own folder
		t.Fatal(err)
	}
}

// fails runs a command that must fail and say something.
func fails(t *testing.T, dir, says string, args ...string) {
	t.Helper()
	_, stderr, code := holdfast(t, dir, args...)
	if code != 1 || !strings.Contains(stderr, says) {
		t.Errorf("%v: exit %d, %q does not say %q", args, code, stderr, says)
	}
}

// TestServeOnPostgres walks through a life with one server and the index in
// its data folder: another process is refused while it lives, and the index
// is made again where the folder is new.
func TestServeOnPostgres(t *testing.T) {
	dir := onPostgres(t, testpg.URL(t), "")
	writeFile(t, filepath.Join(dir, "c.yaml"), "collection: notes\ncontent: [body]\n")
	if _, stderr, code := holdfast(t, dir, "apply", "-f", "c.yaml"); code != 0 {
		t.Fatal(stderr)
	}
	s := serve(t, dir)
	s.must(t, http.MethodPut, "/v1/collections/notes/records/n1", map[string]any{"fields": map[string]any{"body": "The harbour froze over."}}, nil)
	s.settle(t, "notes")
	found := func() {
		t.Helper()
		out, stderr, code := holdfast(t, dir, "search", "notes", "harbour", "--json")
		if code != 0 || !strings.Contains(out, `"n1"`) {
			t.Errorf("exit %d: %s%s", code, out, stderr)
		}
	}
	found() // asks the server

	// A data folder elsewhere, with the same key.
	config, err := os.ReadFile(filepath.Join(dir, "holdfast.yaml")) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	configure(t, elsewhere, string(config)+fmt.Sprintf("key_file: %s\nbucket: %s\n", filepath.Join(dir, "data", "key"), filepath.Join(dir, "data", "embeddings")))
	fails(t, elsewhere, "`index: local`", "status")
	fails(t, elsewhere, "workers need", "worker")

	s.kill()
	found()
	dir = elsewhere
	if _, stderr, code := holdfast(t, dir, "rebuild", "notes"); code != 0 { // joins the one that starts by itself
		t.Fatal(stderr)
	}
	found()
	if out, stderr, code := holdfast(t, dir, "doctor"); code != 0 || !strings.Contains(out, "answers") {
		t.Errorf("doctor: exit %d\n%s%s", code, out, stderr)
	}
}

// TestWhatProcessesMustAgreeOn has them refuse a key or a bucket that is not
// the database's.
func TestWhatProcessesMustAgreeOn(t *testing.T) {
	dir := onPostgres(t, testpg.URL(t), "")
	if _, stderr, code := holdfast(t, dir, "status"); code != 0 {
		t.Fatal(stderr)
	}
	config, err := os.ReadFile(filepath.Join(dir, "holdfast.yaml")) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	configure(t, elsewhere, string(config))
	fails(t, elsewhere, "key file", "status")
	if _, err := os.Stat(filepath.Join(elsewhere, "data", "key")); err == nil {
		t.Error("another key was made")
	}
	other := filepath.Join(elsewhere, "other")
	writeFile(t, other, strings.Repeat("ab", 32)+"\n")
	configure(t, elsewhere, string(config)+"key_file: "+other+"\n")
	fails(t, elsewhere, "not the one that this database is used with", "status")

	configure(t, elsewhere, string(config)+"key_file: "+filepath.Join(dir, "data", "key")+"\n")
	fails(t, elsewhere, "the bucket is not the one", "status")
	configure(t, elsewhere, string(config)+"bucket: s3://somewhere\n")
	fails(t, dir, "HOLDFAST_UNSET", "status", "--config", unsetURL(t))
	t.Setenv("HOLDFAST_KEY_FILE", filepath.Join(dir, "data", "key"))
	fails(t, elsewhere, "s3://somewhere", "status")
	t.Setenv("HOLDFAST_BUCKET", "file://"+filepath.ToSlash(filepath.Join(dir, "data", "embeddings")))
	if _, stderr, code := holdfast(t, elsewhere, "status"); code != 0 {
		t.Error(stderr)
	}
}

func unsetURL(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "unset.yaml")
	writeFile(t, path, "database: {url_env: HOLDFAST_UNSET}\n")
	return path
}

// A worker without a database says what it needs.
func TestWorkerNeedsADatabase(t *testing.T) {
	fails(t, t.TempDir(), "a worker needs a database", "worker")
}
