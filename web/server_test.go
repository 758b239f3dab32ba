package web_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// server is a running `holdfast serve` of the built binary.
type server struct {
	base string
	cmd  *exec.Cmd
}

var consoleLine = regexp.MustCompile(`console +(http://[^/]+)/`)

// serve builds the binary and starts it on data of its own, with a model
// named "small" at the given address.
func serve(t *testing.T, model string) *server {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "holdfast")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/holdfast").CombinedOutput() //nolint:gosec // our own code
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	config := "models:\n  - {name: small, provider: openai, url: \"" + model + "/v1\", model: fake, dimensions: 8, max_tokens: 512}\n"
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{cmd: exec.CommandContext(t.Context(), binary, "serve", "--listen", "127.0.0.1:0")} //nolint:gosec // our own binary
	s.cmd.Dir = dir
	s.cmd.Env = append(os.Environ(), "HOLDFAST_DATA="+filepath.Join(dir, "data"))
	var stderr bytes.Buffer
	s.cmd.Stderr = &stderr
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if m := consoleLine.FindStringSubmatch(lines.Text()); m != nil {
			s.base = m[1]
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return s
		}
	}
	s.kill()
	t.Fatalf("serve ended before it listened: %s", &stderr)
	return nil
}

func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// call sends a request and decodes the answer.
func (s *server) call(t *testing.T, method, path, body string, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s", method, path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// longNote has several passages, and characters of two and three bytes in
// the first ones.
var longNote = strings.Repeat("Die Größe der Rückgabe – für die Straße – prüfen wir. ", 60) +
	"Write to billing@holdfast.example about the refund. The last paragraph alone speaks of an escalation to the team."

// load declares two collections and waits until all that can be indexed is:
// two of the articles are refused by the model.
func load(t *testing.T, s *server) {
	t.Helper()
	var ignored any
	s.call(t, http.MethodPut, "/v1/collections/notes", `{"content":["body"],"metadata":["status"]}`, &ignored)
	s.call(t, http.MethodPut, "/v1/collections/articles", `{"content":["body"],"model":"small"}`, &ignored)
	put := func(collection, id, body string) {
		fields, err := json.Marshal(map[string]any{"fields": map[string]string{"body": body}})
		if err != nil {
			t.Fatal(err)
		}
		s.call(t, http.MethodPut, fmt.Sprintf("/v1/collections/%s/records/%s", collection, id), string(fields), &ignored)
	}
	put("notes", "n-1", longNote)
	put("notes", "n-2", "The delivery was late and the box was wet.")
	put("notes", "n-3", "A password reset loops without end.")
	put("articles", "a-1", "This article is forbidden.")
	put("articles", "a-2", "This one is forbidden as well.")
	// Dead letters don't count as pending, so both come to rest.
	var status struct {
		Pending int64 `json:"pending_changes"`
	}
	for _, collection := range []string{"notes", "articles"} {
		for status.Pending = 1; status.Pending > 0; {
			s.call(t, http.MethodGet, "/v1/collections/"+collection+"/status", "", &status)
		}
	}
}
