package main_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres"
)

// TestInvariant8KillAnythingOnPostgres kills one of three workers, the server
// or PostgreSQL itself, time and again, while records are ingested, and starts
// it again. In the end no acknowledged record is missing from search, none is
// there twice, and no vector that was durable was computed again.
func TestInvariant8KillAnythingOnPostgres(t *testing.T) {
	const kills = 12
	database := testpg.StartVector(t)
	fake := newProvider(t)
	dir := onPostgres(t, database.URL(), fmt.Sprintf(
		"index: pgvector\nmodels:\n  - {name: fake, provider: openai, url: %q, model: fake, dimensions: 4}\n", fake.URL+"/v1"))
	s := serve(t, dir)
	var workers [3]*server
	for i := range workers {
		workers[i] = work(t, dir)
	}
	s.must(t, http.MethodPut, "/v1/collections/kill", map[string]any{"content": []string{"body"}, "metadata": []string{"n"}, "model": "fake"}, nil)
	space := fingerprint(t, s)
	rng := rand.New(rand.NewPCG(8, 16))
	acknowledged := 0
	for round := range kills {
		// Each of them in turn, at a moment that chance chooses.
		life := time.Duration(rng.IntN(400)) * time.Millisecond
		victim, again := s.kill, func() { s = serve(t, dir) }
		switch i := round % 6; {
		case i < len(workers):
			victim, again = workers[i].kill, func() { workers[i] = work(t, dir) }
		case i%2 == 1:
			victim, again = func() { database.Kill(t) }, func() { database.Restart(t) }
		}
		acknowledged, _ = ingest(t, s, acknowledged, life, victim)
		again()
		before := durable(t, openSchema(t, dir, database.URL()), space, fake.counts)
		t.Cleanup(func() { recomputed(t, before, fake) })
	}
	st := s.settle(t, "kill")
	if st.Dead != 0 {
		t.Errorf("%d dead letters", st.Dead)
	}
	twice := 0
	for _, n := range fake.counts() {
		if n > 1 {
			twice++
		}
	}
	t.Logf("%d records acknowledged over %d kills; %d of %d texts were computed again, in flight when they were lost",
		acknowledged, kills, twice, len(fake.counts()))
	for n := 0; n < acknowledged; n += perSearch {
		checkRange(t, s, n, min(n+perSearch, acknowledged))
	}
}

// perSearch is how many records one search is to find.
const perSearch = 100

// checkRange searches for what all of the records say, and wants each of
// those with these numbers once.
func checkRange(t *testing.T, s *server, from, to int) {
	t.Helper()
	var got struct {
		Results []struct {
			ID string `json:"id"`
		} `json:"results"`
	}
	s.must(t, http.MethodPost, "/v1/collections/kill/search", map[string]any{
		"query": "engine room", "k": to - from, "mode": "lexical", "filter": map[string]any{"n": map[string]int{"$gte": from, "$lt": to}},
	}, &got)
	found := map[string]int{}
	for _, r := range got.Results {
		found[r.ID]++
	}
	for n := from; n < to; n++ {
		if id := fmt.Sprintf("r%d", n); found[id] != 1 {
			t.Errorf("record %s was acknowledged and is in the results %d times", id, found[id])
		}
	}
}

// work starts a worker and waits until it works.
func work(t *testing.T, dir string) *server {
	t.Helper()
	w := &server{cmd: command(context.Background(), t, dir, "worker", "--listen", "127.0.0.1:0"), log: &lockedBuffer{}}
	w.cmd.Stderr = w.log
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.kill)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "listening on "); ok {
			w.base = "http://" + at
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return w
		}
	}
	t.Fatalf("the worker ended before it worked: %s", w.log)
	return nil
}

// openSchema opens the records of a configuration by onPostgres.
func openSchema(t *testing.T, dir, url string) record.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, Schema: schemaOf(t, dir)})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestWorker has a worker do what a command wrote, and answer its operator.
func TestWorker(t *testing.T) {
	dir := onPostgres(t, testpg.Vector(t), "index: pgvector\n")
	writeFile(t, dir+"/c.yaml", "collection: notes\ncontent: [body]\n")
	if _, stderr, code := holdfast(t, dir, "apply", "-f", "c.yaml"); code != 0 {
		t.Fatal(stderr)
	}
	w := work(t, dir)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		if code, err := w.call(t.Context(), http.MethodGet, path, nil, nil); err != nil || code != http.StatusOK {
			t.Errorf("%s: %d, %v", path, code, err)
		}
	}
	if code, err := w.call(t.Context(), http.MethodGet, "/v1/collections", nil, nil); err != nil || code != http.StatusNotFound {
		t.Errorf("a worker answers %d to what is none of its business: %v", code, err)
	}
	if _, stderr, code := holdfast(t, dir, "records", "put", "notes", "n1", `{"body":"The harbour froze over."}`); code != 0 {
		t.Fatal(stderr)
	}
	out, stderr, code := holdfast(t, dir, "search", "notes", "harbour", "--json")
	if code != 0 || !strings.Contains(out, `"n1"`) {
		t.Errorf("exit %d: %s%s\n%s", code, out, stderr, w.log)
	}
}
