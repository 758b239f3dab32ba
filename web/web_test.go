package web_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/web"
)

// manifest is what the console was built from and what came out.
const manifest = "manifest.sha256"

// TestTheBuildIsOfTheseSources fails when a source or a built file differs
// from what the last build wrote down.
func TestTheBuildIsOfTheseSources(t *testing.T) {
	f, err := os.Open(manifest)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	recorded := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		sum, name, _ := strings.Cut(lines.Text(), "  ")
		recorded[name] = sum
	}
	if len(recorded) == 0 {
		t.Fatalf("%s is empty", manifest)
	}
	for _, dir := range []string{"app", "dist"} {
		err := fs.WalkDir(os.DirFS("."), dir, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() {
				if entry.Name() == "node_modules" {
					return fs.SkipDir
				}
				return nil
			}
			data, err := os.ReadFile(name) //nolint:gosec // a file of this folder
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			if recorded[name] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s is not as it was at the last build; build the console again (README.md)", name)
			}
			delete(recorded, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range recorded {
		t.Errorf("%s was there at the last build and is gone; build the console again (README.md)", name)
	}
}

func TestHandlerServesTheApplicationAndItsAssets(t *testing.T) {
	assets, err := fs.Glob(os.DirFS("dist"), "assets/*")
	if err != nil || len(assets) == 0 {
		t.Fatalf("no assets: %v", err)
	}
	for _, tc := range []struct {
		path   string
		status int
		cache  string
		holds  string
	}{
		{"/", http.StatusOK, "no-cache", `<div id="app">`},
		{"/runs/abc", http.StatusOK, "no-cache", `<div id="app">`},
		{"/collections/a/records/x.y", http.StatusOK, "no-cache", `<div id="app">`},
		{"/theme.js", http.StatusOK, "no-cache", "localStorage"},
		{"/" + assets[0], http.StatusOK, "public, max-age=31536000, immutable", ""},
		{"/assets/gone.js", http.StatusNotFound, "", ""},
		{"/assets/", http.StatusOK, "no-cache", `<div id="app">`}, // no listing
		{"/v1/nothing", http.StatusNotFound, "", ""},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/", nil)
		r.URL.Path = tc.path
		web.Handler().ServeHTTP(w, r)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.holds) {
			t.Errorf("%s: %d, want %d with %q", tc.path, w.Code, tc.status, tc.holds)
		}
		if got := w.Header().Get("Cache-Control"); got != tc.cache {
			t.Errorf("%s: Cache-Control %q, want %q", tc.path, got, tc.cache)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'self'") {
			t.Errorf("%s: Content-Security-Policy %q", tc.path, csp)
		}
	}
}
