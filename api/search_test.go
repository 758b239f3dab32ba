package api_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/fault"
)

func TestSearch(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"printer","body":"The printer on the third floor makes noises.","status":"open","priority":2,"tags":["vip","eu"],"note":"x"}`)
	w.put("2", `{"subject":"coffee","body":"The coffee machine leaks.","status":"closed","priority":5,"tags":[]}`)
	w.put("3", `{"subject":"printer","body":"Paper is stuck in the printer.","status":"closed","priority":9}`)
	w.settled()
	for _, c := range []struct{ name, body, want string }{
		{"hybrid by default", `{"query":"printer noises"}`, "1 3"},
		{"vector", `{"query":"printer noises","mode":"vector","k":2}`, "1 3"},
		{"lexical", `{"query":"leaks","mode":"lexical"}`, "2"},
		{"k", `{"query":"printer","k":1}`, "1"},
		{"equal", `{"query":"printer","filter":{"status":"closed"},"mode":"lexical"}`, "3"},
		{"range", `{"query":"the","filter":{"priority":{"$gte":2,"$lt":9}},"mode":"lexical"}`, "1 2"},
		{"list", `{"query":"the","filter":{"tags":{"$in":["vip","none"]}},"mode":"lexical"}`, "1"},
		{"not", `{"query":"printer","filter":{"$not":{"status":"open"}},"mode":"lexical"}`, "3"},
		{"or", `{"query":"printer machine","filter":{"$or":[{"priority":2},{"priority":5}]},"mode":"lexical"}`, "1 2"},
		{"exists", `{"query":"printer","filter":{"tags":{"$exists":false}},"mode":"lexical"}`, "3"},
		{"empty filter", `{"query":"leaks","filter":{},"mode":"lexical"}`, "2"},
		{"null filter", `{"query":"leaks","filter":null,"mode":"lexical"}`, "2"},
		{"nothing", `{"query":"zebra","mode":"lexical"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.ok(http.StatusOK, "POST", tickets+"/search", c.body)
			got := map[string]bool{}
			for _, hit := range results(r) {
				id, _ := hit["id"].(string)
				if got[id] {
					t.Errorf("record %s comes twice", id)
				}
				got[id] = true
			}
			for id := range strings.FieldsSeq(c.want) {
				if !got[id] {
					t.Errorf("record %s is missing: %s", id, r.text)
				}
			}
			if c.name != "hybrid by default" && len(got) != len(strings.Fields(c.want)) && !strings.Contains(c.body, `"k":1`) {
				t.Errorf("want %s, got %s", c.want, r.text)
			}
			if !strings.Contains(r.text, `"results":[`) || r.body["took_ms"] == nil {
				t.Errorf("got %s", r.text)
			}
		})
	}

	hit := results(w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"noises","k":1,"mode":"lexical"}`))[0]
	passage, _ := hit["passage"].(map[string]any)
	fields, _ := hit["fields"].(map[string]any)
	body := "The printer on the third floor makes noises."
	if passage["text"] != body || passage["field"] != "body" || passage["start"] != 0.0 || passage["end"] != float64(len(body)) {
		t.Errorf("got passage %v", passage)
	}
	if len(fields) != 3 || fields["status"] != "open" || hit["version"] != 1.0 || hit["score"] == nil {
		t.Errorf("got %v", hit)
	}
	hit = results(w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"noises","k":1,"mode":"lexical","fields":["note","missing"]}`))[0]
	if fields, _ := hit["fields"].(map[string]any); len(fields) != 1 || fields["note"] != "x" {
		t.Errorf("got fields %v", fields)
	}
	hit = results(w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"noises","k":1,"mode":"lexical","fields":[]}`))[0]
	if fields, _ := hit["fields"].(map[string]any); fields == nil || len(fields) != 0 {
		t.Errorf("got fields %v", hit["fields"])
	}
}

func TestSearchesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.declare()
	for _, c := range []struct {
		name, body string
		status     int
		says       string
	}{
		{"no query", `{}`, 422, "query"},
		{"empty query", `{"query":""}`, 422, "query"},
		{"long query", `{"query":"` + strings.Repeat("x", 65<<10) + `"}`, 422, "query"},
		{"query of a wrong type", `{"query":["canary7"]}`, 422, "body.query"},
		{"unknown name", `{"query":"canary7","limit":3}`, 422, "body.limit"},
		{"k below", `{"query":"canary7","k":0}`, 422, "body.k"},
		{"k above", `{"query":"canary7","k":1001}`, 422, "body.k"},
		{"k is no integer", `{"query":"canary7","k":1.5}`, 422, "body.k"},
		{"k is no number", `{"query":"canary7","k":"canary7"}`, 422, "body.k"},
		{"k is absurd", `{"query":"canary7","k":1e999}`, 400, "type or out of range"},
		{"mode", `{"query":"canary7","mode":"canary7"}`, 422, "body.mode"},
		{"freshness", `{"query":"canary7","min_freshness":-1}`, 422, "body.min_freshness"},
		{"freshness ahead", `{"query":"canary7","min_freshness":99}`, 422, "min_freshness"},
		{"filter is a list", `{"query":"canary7","filter":["canary7"]}`, 422, "filter"},
		{"filter of content", `{"query":"canary7","filter":{"body":"canary7"}}`, 422, "filter.body"},
		{"unknown operator", `{"query":"canary7","filter":{"priority":{"$near":"canary7"}}}`, 422, "filter.priority.$near"},
		{"operator deep down", `{"query":"canary7","filter":{"$or":[{"status":"a"},{"$not":{"priority":{"$in":"canary7"}}}]}}`, 422, "filter.$or[1].$not.priority.$in"},
		{"list without $in", `{"query":"canary7","filter":{"tags":["canary7"]}}`, 422, "filter.tags"},
		{"name twice in the filter", `{"query":"canary7","filter":{"status":"a","status":"canary7"}}`, 422, "filter"},
		{"too deep", `{"query":"canary7","filter":` + strings.Repeat(`{"$not":`, 40) + `{}` + strings.Repeat("}", 40) + `}`, 422, "deep"},
		{"malformed", `{"query":"canary7",`, 400, "byte"},
		{"no object", `"canary7"`, 422, "body"},
		{"nothing", ``, 400, "required"},
		{"1 MiB", `{"query":"` + strings.Repeat("x", 1<<20) + `"}`, 413, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.ok(c.status, "POST", tickets+"/search", c.body)
			if !strings.Contains(r.text, c.says) {
				t.Errorf("the problem does not say %q: %s", c.says, r.text)
			}
			if strings.Contains(r.text, "canary7") {
				t.Errorf("the problem quotes the caller: %s", r.text)
			}
		})
	}
	if r := w.ok(http.StatusUnsupportedMediaType, "POST", tickets+"/search", `{"query":"x"}`, "Content-Type", "text/canary7"); strings.Contains(r.text, "canary7") {
		t.Errorf("the problem quotes the caller: %s", r.text)
	}
	w.ok(http.StatusNotFound, "POST", "/v1/collections/nothing/search", `{"query":"x"}`)
	if strings.Contains(w.log.String(), "canary7") {
		t.Errorf("the log quotes the caller: %s", w.log)
	}
}

func TestSearchSeesWhatItAskedFor(t *testing.T) {
	w := newWorld(t)
	w.declare()
	for i := range 20 {
		n := w.put("1", fmt.Sprintf(`{"subject":"word%d"}`, i))
		body := fmt.Sprintf(`{"query":"word%d","mode":"lexical","min_freshness":%v}`, i, n)
		if r := w.ok(http.StatusOK, "POST", tickets+"/search", body); len(results(r)) != 1 {
			t.Fatalf("change %v is not searchable: %s", n, r.text)
		}
	}
}

// TestSearchIsFreshBesideADeadLetter: a change that cannot be indexed holds
// nobody up.
func TestSearchIsFreshBesideADeadLetter(t *testing.T) {
	w := newWorld(t)
	w.model.word.Store("poison")
	w.declare()
	n := w.put("1", `{"subject":"poison"}`)
	r := w.ok(http.StatusOK, "POST", tickets+"/search", fmt.Sprintf(`{"query":"poison","mode":"lexical","min_freshness":%v}`, n))
	if len(results(r)) != 0 {
		t.Errorf("got %s", r.text)
	}
}

// TestInvariant6NoHitIsStale searches while writers change, delete and
// declare: every hit must be a version that was current when the search
// began or later, and match the filter.
func TestInvariant6NoHitIsStale(t *testing.T) {
	const records, rounds = 8, 60
	w := newWorld(t)
	w.declare()
	var mu sync.Mutex
	floor := map[string]float64{} // the last version that was acknowledged
	gone := map[string]float64{}  // the version of the last deletion acknowledged
	var wg sync.WaitGroup
	for id := range records {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(id))) //nolint:gosec // a repeatable test
			for range rounds {
				name := fmt.Sprint(id)
				method, body, path := "PUT", fmt.Sprintf(`{"fields":{"subject":"word w%d","status":"s%d"}}`, rnd.IntN(9), rnd.IntN(2)), tickets+"/records/"+name
				switch rnd.IntN(4) {
				case 0:
					method, body = "DELETE", ""
				case 1:
					method, body = "PATCH", fmt.Sprintf(`{"status":"s%d"}`, rnd.IntN(2))
				}
				r, err := w.try(method, path, strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				if r.status == http.StatusNotFound {
					continue
				}
				version, _ := r.body["version"].(float64)
				if r.status != http.StatusOK || version == 0 {
					t.Errorf("%s answered %d: %s", method, r.status, r.text)
				}
				mu.Lock()
				floor[name] = version
				if method == "DELETE" {
					gone[name] = version
				}
				mu.Unlock()
			}
		})
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				before, dead := maps.Clone(floor), maps.Clone(gone)
				mu.Unlock()
				r, err := w.try("POST", tickets+"/search", strings.NewReader(`{"query":"word","k":50,"filter":{"status":"s1"}}`))
				if err != nil || r.status != http.StatusOK {
					t.Errorf("search answered %d: %s, %v", r.status, r.text, err)
					return
				}
				for _, hit := range results(r) {
					id, _ := hit["id"].(string)
					fields, _ := hit["fields"].(map[string]any)
					version, _ := hit["version"].(float64)
					if version < before[id] || version <= dead[id] || fields["status"] != "s1" {
						t.Errorf("hit %v, but version %v was acknowledged before, deletion %v", hit, before[id], dead[id])
					}
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	readers.Wait()
	w.settled()
	// At rest the search knows exactly the records that match.
	want := map[string]bool{}
	for _, r := range items(w.ok(http.StatusOK, "GET", tickets+"/records", "")) {
		id, _ := r["id"].(string)
		if f, _ := r["fields"].(map[string]any); f["status"] == "s1" {
			want[id] = true
		}
	}
	found := results(w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"word","k":50,"filter":{"status":"s1"}}`))
	for _, hit := range found {
		id, _ := hit["id"].(string)
		if !want[id] {
			t.Errorf("record %s should not be found", id)
		}
	}
	if len(found) != len(want) {
		t.Errorf("found %d records, want %d", len(found), len(want))
	}
}

// TestDropWhileIndexing: the runs of a dropped collection end quietly, nobody
// waits for it for ever, and the next collection of its name is a new one.
func TestDropWhileIndexing(t *testing.T) {
	w := newWorld(t)
	for round := range 5 {
		w.declare()
		var body strings.Builder
		for i := range 600 {
			fmt.Fprintf(&body, "{\"id\":\"r%d\",\"fields\":{\"subject\":\"round%d word%d\"}}\n", i, round, i)
		}
		w.batch(strings.NewReader(body.String()))
		waited := make(chan error, 1)
		go func() { waited <- w.app.WaitIndexed(t.Context(), "tickets", nil) }()
		w.ok(http.StatusNoContent, "DELETE", tickets, "")
		if err := <-waited; err != nil && fault.KindOf(err) != fault.NotFound {
			t.Errorf("waiting ended with %v", err)
		}
	}
	w.declare()
	w.put("1", `{"subject":"round9"}`)
	w.settled()
	if r := w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"round0 round1 round9","k":50}`); len(results(r)) != 1 {
		t.Errorf("got %s", r.text)
	}
	if r := w.ok(http.StatusOK, "GET", "/v1/dead-letters", ""); len(items(r)) != 0 {
		t.Errorf("a dropped collection left dead letters: %s", r.text)
	}
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			t.Errorf("a drop is no trouble, but the log says %s", line)
		}
	}
}
