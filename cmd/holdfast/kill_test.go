package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
)

// provider is an OpenAI-compatible endpoint that outlives the server under
// test and remembers every text it was asked to embed.
type provider struct {
	*httptest.Server
	mu    sync.Mutex
	asked map[string]int
}

func newProvider(t *testing.T) *provider {
	p := &provider{asked: map[string]int{}}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Input []string `json:"input"`
			Model string   `json:"model"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		type item struct {
			Object    string    `json:"object"`
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		}
		data := make([]item, len(in.Input))
		p.mu.Lock()
		for i, text := range in.Input {
			p.asked[text]++
			d := digest.Of("fake", text)
			data[i] = item{Object: "embedding", Index: i, Embedding: []float32{float32(d[0]) + 1, float32(d[1]), float32(d[2]), float32(d[3])}}
		}
		p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"object": "list", "model": in.Model, "data": data, "usage": map[string]int{"prompt_tokens": 1, "total_tokens": 1},
		})
	}))
	t.Cleanup(p.Close)
	return p
}

// counts copies how often each text was asked for.
func (p *provider) counts() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]int, len(p.asked))
	maps.Copy(out, p.asked)
	return out
}

// TestInvariant8KillAnything kills the server twenty times in a row while
// records are ingested. In the end no acknowledged record is missing from
// search, none is there twice, and no vector that was durable was computed
// again.
func TestInvariant8KillAnything(t *testing.T) {
	const kills = 20
	dir := t.TempDir()
	fake := newProvider(t)
	config := fmt.Sprintf("models:\n  - {name: fake, provider: openai, url: %q, model: fake, dimensions: 4}\n", fake.URL+"/v1")
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, dir)
	s.must(t, http.MethodPut, "/v1/collections/kill", map[string]any{"content": []string{"body"}, "metadata": []string{"n"}, "model": "fake"}, nil)
	space := fingerprint(t, s)
	rng := rand.New(rand.NewPCG(8, 8))
	acknowledged := 0
	for range kills {
		life := time.Duration(rng.IntN(400)) * time.Millisecond
		var refused string
		if acknowledged, refused = ingest(t, s, acknowledged, life, s.kill); refused != "" {
			t.Fatalf("line refused: %s", refused)
		}
		before := durable(t, openFolder(t, dir), space, fake.counts)
		s = serve(t, dir)
		recomputed(t, before, fake)
		t.Cleanup(func() { recomputed(t, before, fake) })
	}
	st := s.settle(t, "kill")
	if st.Dead != 0 {
		t.Errorf("%d dead letters", st.Dead)
	}
	t.Logf("%d records acknowledged over %d kills", acknowledged, kills)
	for n := range acknowledged {
		checkFound(t, s, n)
	}
}

func fingerprint(t *testing.T, s *server) digest.Digest {
	t.Helper()
	var st status
	s.must(t, http.MethodGet, "/v1/collections/kill/status", nil, &st)
	space, err := digest.Parse(st.Generation.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return space
}

// ingest streams records and kills something after a time. It returns how many
// records, numbered from 0, are acknowledged, and why one was refused, if one
// was; the next call sends what comes after them, some of it for the second time.
func ingest(t *testing.T, s *server, acknowledged int, life time.Duration, kill func()) (_ int, refused string) {
	t.Helper()
	body, feed := newFeed(acknowledged)
	killed := make(chan struct{})
	time.AfterFunc(life, func() {
		defer close(killed)
		kill()
		feed.stop() // else the client waits for the rest of the body
	})
	defer func() { <-killed }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.base+"/v1/collections/kill/records:batch", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return acknowledged, ""
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		var r struct {
			ID    string `json:"id"`
			Error string `json:"error"`
		}
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			break // the line that the kill cut off
		}
		if r.Error != "" {
			return acknowledged, r.Error
		}
		acknowledged++
	}
	return acknowledged, ""
}

func text(n int) string {
	return fmt.Sprintf("Entry number%d of the log tells of event%d in the engine room.", n, n*7919%100003)
}

// openFolder opens the records that a killed server has left.
func openFolder(t *testing.T, dir string) record.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "data", "holdfast.db")})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// durable finds which of the texts seen so far have a stored vector, and how
// often each of them was asked for; it closes the store.
func durable(t *testing.T, store record.Store, space digest.Digest, asked func() map[string]int) map[string]int {
	t.Helper()
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	seen := asked()
	addresses := make([]digest.Digest, 0, len(seen))
	by := map[digest.Digest]string{}
	for text := range seen {
		a := embedding.Address(space, digest.Of("text", "", text))
		addresses = append(addresses, a)
		by[a] = text
	}
	out := map[string]int{}
	err := store.View(t.Context(), func(tx record.Tx) error {
		have, err := tx.Vectors().Load(t.Context(), addresses)
		seen = asked() // where others go on, what is durable by now was asked for by now
		for a := range have {
			out[by[a]] = seen[by[a]]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recomputed fails if a text that was durable has been asked for since.
func recomputed(t *testing.T, before map[string]int, p *provider) {
	t.Helper()
	now := p.counts()
	for text, n := range before {
		if now[text] != n {
			t.Fatalf("a durable vector was computed again (%d calls, then %d)", n, now[text])
		}
	}
}

func checkFound(t *testing.T, s *server, n int) {
	t.Helper()
	var got struct {
		Results []struct {
			ID string `json:"id"`
		} `json:"results"`
	}
	word := strings.Fields(text(n))[1]
	s.must(t, http.MethodPost, "/v1/collections/kill/search", map[string]any{"query": word, "k": 5, "mode": "lexical"}, &got)
	found := 0
	for _, r := range got.Results {
		if r.ID == fmt.Sprintf("r%d", n) {
			found++
		}
	}
	if found != 1 {
		t.Errorf("record r%d was acknowledged and is in the results %d times", n, found)
	}
}

// feed writes up to perLife lines for as long as somebody reads them, and
// leaves the stream open.
type feed struct {
	w       *io.PipeWriter
	stopped chan struct{}
	done    chan struct{}
}

// perLife bounds what one life is sent, so that the test stays short.
const perLife = 400

func newFeed(from int) (io.Reader, *feed) {
	r, w := io.Pipe()
	f := &feed{w: w, stopped: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for n := from; n < from+perLife; n++ {
			line := fmt.Sprintf(`{"id":"r%d","fields":{"body":%q,"n":%d}}`+"\n", n, text(n), n)
			if _, err := io.WriteString(w, line); err != nil {
				return
			}
		}
		<-f.stopped
	}()
	return r, f
}

func (f *feed) stop() {
	close(f.stopped)
	_ = f.w.CloseWithError(context.Canceled)
	<-f.done
}
