package main_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary builds the real binary once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "holdfast-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "holdfast")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput() //nolint:gosec // fixed command, once for all tests
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// command prepares a run of the binary with nothing of the caller's settings.
func command(ctx context.Context, t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...) //nolint:gosec // our own binary
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOLDFAST_DATA="+filepath.Join(dir, "data"))
	return cmd
}

// holdfast runs a command to its end.
func holdfast(t testing.TB, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := command(t.Context(), t, dir, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// server is a running `holdfast serve`.
type server struct {
	base string
	cmd  *exec.Cmd
	log  *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var consoleLine = regexp.MustCompile(`console +(http://[^/]+)/`)

// serve starts a server and waits until it listens.
func serve(t testing.TB, dir string) *server {
	t.Helper()
	s := &server{cmd: command(context.Background(), t, dir, "serve", "--listen", "127.0.0.1:0"), log: &lockedBuffer{}}
	s.cmd.Stderr = s.log
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
	t.Fatalf("serve ended before it listened: %s", s.log)
	return nil
}

// kill is kill -9.
func (s *server) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// call sends a request with a JSON body and decodes the answer, if any.
func (s *server) call(ctx context.Context, method, path string, in, out any) (int, error) {
	var body io.Reader
	switch b := in.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		data, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, body)
	if err != nil {
		return 0, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, err
	}
	if out != nil {
		if err := json.Unmarshal(data, out); err != nil {
			return resp.StatusCode, fmt.Errorf("decode %q: %w", data, err)
		}
	}
	return resp.StatusCode, nil
}

// must is call for a request that has to succeed.
func (s *server) must(t testing.TB, method, path string, in, out any) {
	t.Helper()
	code, err := s.call(t.Context(), method, path, in, out)
	if err != nil || code >= 300 {
		t.Fatalf("%s %s: %d, %v\n%s", method, path, code, err, s.log)
	}
}

type status struct {
	Records    int64 `json:"records"`
	Pending    int64 `json:"pending_changes"`
	Dead       int64 `json:"dead_letters"`
	Latest     int64 `json:"latest_change"`
	Generation struct {
		Fingerprint string `json:"fingerprint"`
	} `json:"generation"`
}

// settle waits until nothing is pending: a search that asks for the newest
// change returns when it is indexed.
func (s *server) settle(t testing.TB, collection string) status {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		var st status
		if _, err := s.call(ctx, http.MethodGet, "/v1/collections/"+collection+"/status", nil, &st); err != nil {
			t.Fatalf("status: %v\n%s", err, s.log)
		}
		if st.Pending == 0 {
			return st
		}
		if _, err := s.call(ctx, http.MethodPost, "/v1/collections/"+collection+"/search",
			map[string]any{"query": "x", "k": 1, "mode": "lexical", "min_freshness": st.Latest}, nil); err != nil {
			t.Fatalf("wait for freshness with %d pending: %v\n%s", st.Pending, err, s.log)
		}
	}
}
