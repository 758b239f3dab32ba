package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folder makes files in a new folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// succeed runs a command that has to.
func succeed(t testing.TB, dir string, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := holdfast(t, dir, args...)
	if code != 0 {
		t.Fatalf("holdfast %s: exit %d\n%s\n%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout, stderr
}

// ids lists the records of a collection.
func ids(t testing.TB, dir, collection string) []string {
	t.Helper()
	out, _ := succeed(t, dir, "--json", "records", "list", collection)
	var page struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, r := range page.Items {
		all = append(all, r.ID)
	}
	return all
}

// loaded is the last line of `ingest --json`.
type loaded struct {
	Written   int64 `json:"written"`
	Unchanged int64 `json:"unchanged"`
	Refused   int64 `json:"refused"`
	Repeated  int64 `json:"duplicate_ids"`
	Status    struct {
		Records int64 `json:"records"`
	} `json:"status"`
}

func lastLine(t testing.TB, out string) (got loaded) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not a JSON line: %s", line)
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

const notes = "collection: notes\ncontent: [body]\nmetadata: [n]\n"

// TestIngestTellsEveryBadLine: every kind of malformed line in one file is
// told with its line and reason, and the rest is loaded.
func TestIngestTellsEveryBadLine(t *testing.T) {
	t.Parallel()
	lines := []struct{ text, why string }{
		{`{"id":"wrapped","fields":{"body":"a note"}}`, ""},
		{`{"id":"cut","fields":{"body":"no end`, "the JSON ends too early"},
		{`{"fields":{"body":"no id"}}`, "id: is missing"},
		{`{"id":true,"body":"wrong type"}`, "id: must be a string or a number"},
		{`{"id":"x","fields":"wrong type"}`, "fields: must be an object"},
		{`{"id":"x","body":"one","body":"two"}`, "a name stands twice"},
		{`{"id":"x","fields":{"body":"one","body":"two"}}`, "a name stands twice"},
		{`["x"]`, "the line must be a JSON object"},
		{`words`, "the line must be a JSON object"},
		{"{\"id\":\"x\",\"body\":\"\xff\"}", "not valid UTF-8"},
		{`{"id":"` + strings.Repeat("x", 600) + `"}`, "at most 512"},
		{`{"id":7,"body":"the id is a number"}`, ""},
		{`{"id":"wrapped","body":"the same id again"}`, ""},
	}
	var text strings.Builder
	for _, l := range lines {
		text.WriteString(l.text + "\n")
	}
	dir := folder(t, map[string]string{"notes.jsonl": text.String(), "notes.yaml": notes})
	out, errOut, code := holdfast(t, dir, "ingest", "-f", "notes.yaml", "notes.jsonl")
	if code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	bad := 0
	for i, l := range lines {
		at := fmt.Sprintf("notes.jsonl:%d: ", i+1)
		_, told, found := strings.Cut(errOut, at)
		switch {
		case l.why == "" && found:
			t.Errorf("line %d is fine, but: %s", i+1, told)
		case l.why != "" && !strings.Contains(strings.SplitN(told, "\n", 2)[0], l.why):
			t.Errorf("line %d: %q, want %q", i+1, told, l.why)
		}
		if l.why != "" {
			bad++
		}
	}
	for _, want := range []string{"3 records written", fmt.Sprintf("%d refused", bad), "1 id came more than once; the last one stands"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in the summary: %s", want, out)
		}
	}
	if got := strings.Join(ids(t, dir, "notes"), " "); got != "7 wrapped" {
		t.Errorf("records %s", got)
	}
	if rec, _ := succeed(t, dir, "records", "get", "notes", "wrapped"); !strings.Contains(rec, "the same id again") {
		t.Errorf("not the last one stands: %s", rec)
	}
	out, _, code = holdfast(t, dir, "--json", "ingest", "-f", "notes.yaml", "notes.jsonl")
	if got := lastLine(t, out); code != 1 || got.Refused != int64(bad) || got.Written+got.Unchanged != 3 || strings.Count(out, "\n") != bad+1 {
		t.Errorf("as JSON: exit %d, %+v\n%s", code, got, out)
	}
}

// TestIngestLongLine: a line of 100 MB is refused without being held in
// memory.
func TestIngestLongLine(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"notes.yaml": notes})
	cmd := command(t.Context(), t, dir, "ingest", "-f", "notes.yaml", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	part := bytes.Repeat([]byte("x"), 1<<20)
	_, err = io.WriteString(stdin, `{"id":"a","body":"before"}`+"\n"+`{"id":"long","body":"`)
	for i := 0; i < 100 && err == nil; i++ {
		_, err = stdin.Write(part)
	}
	if err == nil {
		_, err = io.WriteString(stdin, `"}`+"\n"+`{"id":"b","body":"after"}`+"\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("ended with %v, want exit 1", err)
	}
	if want := "-:2: the line is longer than 16 MiB"; !strings.Contains(errOut.String(), want) {
		t.Errorf("%q is not told: %s", want, &errOut)
	}
	if got := strings.Join(ids(t, dir, "notes"), " "); got != "a b" {
		t.Errorf("records %s", got)
	}
	if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && used.Maxrss > 250<<10 {
		t.Errorf("%d MiB of memory were used", used.Maxrss>>10)
	}
}

// manyNotes has content in few of its records, so that indexing takes no time.
func manyNotes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":\"r%06d\",\"n\":%d,\"text\":%q}\n", i, i, strings.Repeat("some words ", 20))
	}
	return b.String()
}

// checkpointed waits until a load has saved how far it is.
func checkpointed(t testing.TB, dir string, ended <-chan error) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := filepath.Glob(filepath.Join(dir, "data", "ingest", "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return
		}
		select {
		case err := <-ended:
			t.Fatalf("the load ended before it could be interrupted: %v", err)
		case <-tick.C:
		}
	}
}

var goingOn = regexp.MustCompile(`going on after line (\d+)`)

// TestIngestResumes: a load that is interrupted or killed goes on after the
// last acknowledged line, and nothing is missing then.
func TestIngestResumes(t *testing.T) {
	t.Parallel()
	const total = 40_000
	for name, signal := range map[string]os.Signal{"interrupted": os.Interrupt, "killed": os.Kill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"notes.jsonl": manyNotes(total), "notes.yaml": notes})
			s := serve(t, dir)
			args := []string{"--json", "ingest", "-f", "notes.yaml", "notes.jsonl"}
			cmd := command(t.Context(), t, dir, args...)
			var errOut bytes.Buffer
			cmd.Stderr = &errOut
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			checkpointed(t, dir, ended)
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err == nil {
				t.Fatal("the load was done before it was interrupted")
			}
			if signal == os.Interrupt && (cmd.ProcessState.ExitCode() != 1 || !strings.Contains(errOut.String(), "run the same command again to go on")) {
				t.Errorf("exit %d: %s", cmd.ProcessState.ExitCode(), &errOut)
			}
			out, told := succeed(t, dir, args...)
			if !goingOn.MatchString(told) {
				t.Errorf("it did not go on: %s", told)
			}
			if got := lastLine(t, out); got.Written+got.Unchanged != total || got.Status.Records != total || got.Refused != 0 {
				t.Errorf("%+v", got)
			}
			var r struct{ ID string }
			s.must(t, http.MethodGet, fmt.Sprintf("/v1/collections/notes/records/r%06d", total-1), nil, &r)
			if left, _ := filepath.Glob(filepath.Join(dir, "data", "ingest", "*")); len(left) > 0 {
				t.Errorf("checkpoints are left: %v", left)
			}
		})
	}
}

// TestIngestBeginsAnew: after --restart, with a changed file, or in a
// collection that was declared anew, nothing is taken as loaded.
func TestIngestBeginsAnew(t *testing.T) {
	t.Parallel()
	const total = 3000
	dir := folder(t, map[string]string{"notes.jsonl": manyNotes(total), "notes.yaml": notes})
	s := serve(t, dir)
	args := []string{"--json", "ingest", "-f", "notes.yaml", "notes.jsonl"}
	succeed(t, dir, args...)
	// A row that is refused for ever keeps nothing back: the checkpoint of a
	// load that broke off is what one of these would go on from.
	interrupted := func() {
		t.Helper()
		cmd := command(t.Context(), t, dir, "ingest", "-f", "notes.yaml", "notes.jsonl", "-")
		stdin, err := cmd.StdinPipe() // which stays open, so the load cannot end
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = stdin.Close() }()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		checkpointed(t, dir, ended)
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil {
			t.Fatal("the load was not interrupted")
		}
	}
	whole := func(why string, args []string) {
		t.Helper()
		out, told := succeed(t, dir, args...)
		if goingOn.MatchString(told) || strings.Contains(told, "loaded before") {
			t.Errorf("%s: it went on: %s", why, told)
		}
		if got := lastLine(t, out); got.Written+got.Unchanged != total {
			t.Errorf("%s: %+v", why, got)
		}
	}
	interrupted()
	whole("--restart", append(args, "--restart"))
	interrupted()
	path := filepath.Join(dir, "notes.jsonl")
	if err := os.WriteFile(path, []byte(strings.Replace(manyNotes(total), "some words", "other words", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	whole("a changed file", args)
	interrupted()
	s.must(t, http.MethodDelete, "/v1/collections/notes", nil, nil)
	whole("another collection of that name", args)
}

// TestIngestCSV: what spreadsheets write, and rows that are not as long as
// the header.
func TestIngestCSV(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"orders.csv": "\uFEFFOrder;Text;Price\r\nA-1;\"two\r\nlines; \"\"quoted\"\"\";3.5\r\nA-2;short\r\nA-3;\"last\";4\r\n",
		"o.yaml":     "collection: orders\ncontent: [Text]\nmetadata: [Price]\n",
	})
	out, errOut, code := holdfast(t, dir, "ingest", "-f", "o.yaml", "orders.csv")
	if code != 1 || !strings.Contains(errOut, `no column "id"; name the one that holds the ids with --id (there are: Order, Text, Price)`) {
		t.Errorf("exit %d: %s%s", code, out, errOut)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
		t.Error("a data folder was made for a file that cannot be loaded")
	}
	_, errOut, code = holdfast(t, dir, "ingest", "-f", "o.yaml", "--id", "Order", "orders.csv")
	if code != 1 || !strings.Contains(errOut, "orders.csv:4: the row has 2 values, the header 3") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	if got := strings.Join(ids(t, dir, "orders"), " "); got != "A-1 A-3" {
		t.Errorf("records %s", got)
	}
	found, _ := succeed(t, dir, "--json", "search", "orders", "lines quoted", "--filter", `{"Price":{"$lt":4}}`)
	if !strings.Contains(found, `"A-1"`) || strings.Contains(found, `"A-3"`) {
		t.Errorf("a price is no number: %s", found)
	}
}

// TestIngestFolder: text and Markdown files become records, and nothing is
// written twice.
func TestIngestFolder(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"docs/guide.md": "# How to begin\n\nTurn the key.", "docs/sub/notes.txt": "Plain notes about kelp.",
		"docs/latin1.txt": "caf\xe9", "docs/archive.txt": "PK\x00", "docs/main.go": "package main",
	})
	out, errOut, code := holdfast(t, dir, "ingest", "docs")
	if code != 1 || !strings.Contains(out, "2 records written, 1 refused") {
		t.Errorf("exit %d: %s", code, out)
	}
	for _, want := range []string{"latin1.txt: the text is not valid UTF-8", "archive.txt: is a binary file; skipped", "skipped 1 file", "declared for documents"} {
		if !strings.Contains(errOut, want) {
			t.Errorf("%q is not told: %s", want, errOut)
		}
	}
	found, _ := succeed(t, dir, "--json", "search", "docs", "kelp", "--mode", "lexical")
	if !strings.Contains(found, `"id": "sub/notes.txt"`) {
		t.Errorf("found: %s", found)
	}
	if err := os.Remove(filepath.Join(dir, "docs", "latin1.txt")); err != nil {
		t.Fatal(err)
	}
	if out, _ := succeed(t, dir, "ingest", "docs"); !strings.Contains(out, "0 records written, 2 unchanged") {
		t.Errorf("again: %s", out)
	}
}

func TestIngestOfNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"notes.yaml": notes, "notes.jsonl": "", "other.csv": "id,body\n"})
	_, errOut := succeed(t, dir, "ingest", "-f", "notes.yaml", "notes.jsonl", "other.csv")
	for _, name := range []string{"notes.jsonl", "other.csv"} {
		if !strings.Contains(errOut, name+": holds no records") {
			t.Errorf("nothing is told of %s: %s", name, errOut)
		}
	}
	_, errOut, code := holdfast(t, dir, "ingest", "-c", "unknown", "notes.jsonl")
	if code != 1 || !strings.Contains(errOut, "holdfast init notes.jsonl -o unknown.yaml") {
		t.Errorf("exit %d: %s", code, errOut)
	}
}

// TestDryRun: what the gate finds is shown in counts and clean text, and
// nothing is left behind.
func TestDryRun(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 30 {
		fmt.Fprintf(&text, `{"id":"t%d","body":"Please write to Anna Karlsson at anna.karlsson@example.com about the parcel number %d that has not arrived."}`+"\n", i, i)
	}
	text.WriteString("{broken\n")
	dir := folder(t, map[string]string{"tickets.jsonl": text.String()})
	out, errOut, code := holdfast(t, dir, "ingest", "--dry-run", "tickets.jsonl")
	if code != 1 || !strings.Contains(errOut, "tickets.jsonl:31: ") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	for _, want := range []string{"30 records, 30 passages", "EMAIL_ADDRESS", "PERSON", "nothing was stored"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not told: %s", want, out)
		}
	}
	for _, value := range []string{"Karlsson", "anna.karlsson"} {
		if strings.Contains(out+errOut, value) {
			t.Errorf("a value is printed: %s%s", out, errOut)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "tickets.jsonl" {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// private reports whether a file is readable by its user only.
func private(t testing.TB, path string) bool {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()&(fs.ModePerm^0o700) == 0
}
