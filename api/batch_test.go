package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
)

const batchPath = tickets + "/records:batch"

// answerLine is a line of a batch's answer.
type answerLine struct {
	Line    int
	ID      string
	Version int64
	Error   string
}

// batch sends lines and returns the answers.
func (w *world) batch(body io.Reader) []answerLine {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+batchPath, body)
	must(w.t, err)
	resp, err := http.DefaultClient.Do(req)
	must(w.t, err)
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		w.t.Fatalf("the batch answered %d as %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	var out []answerLine
	dec := json.NewDecoder(resp.Body)
	for dec.More() {
		var l answerLine
		must(w.t, dec.Decode(&l))
		out = append(out, l)
	}
	return out
}

func TestBatchAnswersEveryLine(t *testing.T) {
	w := newWorld(t)
	w.declare()
	lines := []struct{ line, id, says string }{
		{`{"id":"1","fields":{"subject":"a"}}`, "1", ""},
		{`{"id":"canary7"`, "", "byte"},
		{`canary7`, "", "byte"},
		{`[1]`, "", "JSON object"},
		{`{"fields":{"subject":"a"}}`, "", "id"},
		{`{"id":7,"fields":{}}`, "", "id"},
		{`{"id":"","fields":{}}`, "", "id"},
		{`{"id":"a\u0000b","fields":{}}`, "", "id"},
		{`{"id":"` + strings.Repeat("x", 513) + `","fields":{}}`, "", "id"},
		{`{"id":"2"}`, "", "fields"},
		{`{"id":"2","fields":"canary7"}`, "", "fields"},
		{`{"id":"2","fields":{"a":1,"a":"canary7"}}`, "", "twice"},
		{`{"id":"2","id":"3","fields":{}}`, "", "twice"},
		{`{"id":"2","fields":{},"canary7":1}`, "", "beside"},
		{`{"id":"2","delete":"canary7"}`, "", "delete"},
		{`{"id":"2","fields":{},"delete":true}`, "", "delete"},
		{`{"id":"nobody","delete":true}`, "", "no such record"},
		{"{\"id\":\"2\",\"fields\":{\"a\":\"\xff\"}}", "", "UTF-8"},
		{``, "-", ""},
		{"  \t\r", "-", ""},
		{`{"id":"1","fields":{"subject":"b"}}`, "1", ""},
		{`{"id":"2","fields":{"subject":"a"},"delete":false}`, "2", ""},
		{`{"id":"1","delete":true}` + "\r", "1", ""},
		{`{"id":"3","fields":{}}`, "3", ""}, // no newline at the end
	}
	var body []string
	for _, l := range lines {
		body = append(body, l.line)
	}
	got := w.batch(strings.NewReader(strings.Join(body, "\n")))
	next := 0
	for i, want := range lines {
		if want.id == "-" {
			continue // blank lines count and have no answer
		}
		a := got[next]
		next++
		switch {
		case a.Line != i+1 || a.ID != want.id:
			t.Errorf("line %d %q answered %+v", i+1, want.line, a)
		case want.id == "" && (a.Error == "" || a.Version != 0 || !strings.Contains(a.Error, want.says) || strings.Contains(a.Error, "canary")):
			t.Errorf("line %d %q answered %+v", i+1, want.line, a)
		case want.id != "" && (a.Error != "" || a.Version == 0):
			t.Errorf("line %d %q answered %+v", i+1, want.line, a)
		}
	}
	if next != len(got) {
		t.Errorf("%d answers, want %d", len(got), next)
	}
	if got[next-2].Version != 3 {
		t.Errorf("the third write of a record made version %d", got[next-2].Version)
	}
	if strings.Contains(w.log.String(), "canary7") {
		t.Error("the log quotes a line")
	}
}

func TestBatchesThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.ok(http.StatusNotFound, "POST", batchPath, "")
	w.declare()
	if got := w.batch(strings.NewReader("")); len(got) != 0 {
		t.Errorf("an empty body answered %v", got)
	}
	if got := w.batch(strings.NewReader("\n\n\n")); len(got) != 0 {
		t.Errorf("blank lines answered %v", got)
	}
}

// repeated reads as n bytes of x between two texts.
func repeated(before string, n int64, after string) io.Reader {
	return io.MultiReader(strings.NewReader(before), io.LimitReader(endless{}, n), strings.NewReader(after))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestBatchSkipsALineThatIsTooLong(t *testing.T) {
	w := newWorld(t)
	w.declare()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := w.batch(repeated(`{"id":"1","fields":{"body":"`, 100<<20, "\"}}\n"+`{"id":"2","fields":{"body":"a"}}`))
	runtime.ReadMemStats(&after)
	if len(got) != 2 || got[0].Line != 1 || !strings.Contains(got[0].Error, "16 MiB") || got[1].Line != 2 || got[1].ID != "2" {
		t.Fatalf("got %+v", got)
	}
	// What was allocated, freed or not: the first 16 MiB of the line, as a
	// buffer that doubles; 100 MiB would show.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 80<<20 {
		t.Errorf("a skipped line of 100 MiB cost %d MiB", grown>>20)
	}
	if got := w.batch(repeated("", 100<<20, "")); len(got) != 1 || got[0].Error == "" {
		t.Errorf("one endless line answered %+v", got)
	}
}

// lastReader tells when a body has been read.
type lastReader struct {
	io.Reader
	done chan struct{}
}

func (r *lastReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil {
		close(r.done)
	}
	return n, err
}

// TestBatchWithAClientThatReadsLast sends everything before it reads: if the
// server stopped reading until its answers are read, both would wait for ever.
// What is deleted was never there, so that only the stream is at work.
func TestBatchWithAClientThatReadsLast(t *testing.T) {
	const n = 200_000
	w := newWorld(t)
	w.declare()
	var body bytes.Buffer
	for i := range n {
		fmt.Fprintf(&body, "{\"id\":\"r%d\",\"delete\":true}\n", i)
	}
	sent := &lastReader{&body, make(chan struct{})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+batchPath, sent)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	<-sent.done
	count := 0
	for answers := bufio.NewScanner(resp.Body); answers.Scan(); count++ {
		if want := fmt.Sprintf(`{"line":%d,"error":"there is no such record"}`, count+1); answers.Text() != want {
			t.Fatalf("answer %d is %s, want %s", count+1, answers.Text(), want)
		}
	}
	if count != n {
		t.Errorf("%d answers, want %d", count, n)
	}
}

// TestBatchAnswersWhileItReads needs each answer before it sends more.
func TestBatchAnswersWhileItReads(t *testing.T) {
	w := newWorld(t)
	w.declare()
	out, in := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+batchPath, out)
	must(t, err)
	write := func(i int) {
		_, err := fmt.Fprintf(in, "{\"id\":\"r%d\",\"fields\":{}}\n", i)
		if err != nil {
			t.Error(err)
		}
	}
	go write(0)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	answers := bufio.NewScanner(resp.Body)
	for i := 1; i < 20; i++ {
		if !answers.Scan() {
			t.Fatalf("no answer to line %d", i)
		}
		write(i)
	}
	must(t, in.Close())
}

// TestBatchWithAClientThatGoes keeps what was acknowledged, and nothing of
// the line that was cut off.
func TestBatchWithAClientThatGoes(t *testing.T) {
	w := newWorld(t)
	w.declare()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+batchPath, out)
	must(t, err)
	go func() { _, _ = io.WriteString(in, `{"id":"kept","fields":{}}`+"\n") }()
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	if answers := bufio.NewScanner(resp.Body); !answers.Scan() {
		t.Fatal("no answer")
	}
	_, err = io.WriteString(in, `{"id":"cut`)
	must(t, err)
	cancel()
	_ = resp.Body.Close()
	_ = in.Close()
	w.ok(http.StatusOK, "GET", tickets+"/records/kept", "")
	if r := w.ok(http.StatusOK, "GET", tickets+"/records", ""); len(items(r)) != 1 {
		t.Errorf("got %s", r.text)
	}
}
