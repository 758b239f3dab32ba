package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
)

func TestRuns(t *testing.T) {
	w := newWorld(t)
	if r := w.ok(http.StatusOK, "GET", "/v1/runs", ""); !strings.Contains(r.text, `"items":[]`) {
		t.Errorf("no runs are listed as %s", r.text)
	}
	w.declare()
	for i := range 5 {
		w.put(fmt.Sprint(i), `{"subject":"a"}`)
		w.settled()
	}
	var ids []string
	path := "/v1/runs?limit=2&pipeline=index&state=succeeded"
	for path != "" {
		r := w.ok(http.StatusOK, "GET", path, "")
		for _, run := range items(r) {
			id, _ := run["id"].(string)
			ids = append(ids, id)
		}
		path = ""
		if next, more := r.body["next"].(string); more {
			path = "/v1/runs?limit=2&pipeline=index&state=succeeded&cursor=" + next
		}
	}
	if len(slices.Compact(slices.Clone(ids))) != 5 || !slices.IsSortedFunc(ids, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Fatalf("runs %v", ids)
	}
	r := w.ok(http.StatusOK, "GET", "/v1/runs/"+ids[0], "")
	var steps []string
	list, _ := r.body["steps"].([]any)
	for _, s := range objects(list) {
		name, _ := s["name"].(string)
		steps = append(steps, name)
		attempts, _ := s["attempts"].([]any)
		if s["state"] != "succeeded" || len(attempts) != 1 || objects(attempts)[0]["number"] != 1.0 {
			t.Errorf("got step %v", s)
		}
	}
	if r.body["pipeline"] != "index" || r.body["state"] != "succeeded" || r.body["started_at"] == nil || r.body["finished_at"] == nil ||
		strings.Join(steps, " ") != "gate split embed index" {
		t.Errorf("got %s", r.text)
	}
	if r := w.ok(http.StatusOK, "GET", "/v1/runs?pipeline=none", ""); !strings.Contains(r.text, `"items":[]`) {
		t.Errorf("got %s", r.text)
	}
	w.ok(http.StatusNotFound, "GET", "/v1/runs/none", "")
	w.ok(http.StatusUnprocessableEntity, "GET", "/v1/runs?state=odd", "")
	for _, limit := range []string{"0", "-1", "1001", "x"} {
		w.ok(http.StatusUnprocessableEntity, "GET", "/v1/runs?limit="+limit, "")
	}
}

func TestDeadLetters(t *testing.T) {
	w := newWorld(t)
	w.declare()
	if r := w.ok(http.StatusOK, "GET", "/v1/dead-letters", ""); !strings.Contains(r.text, `"items":[]`) {
		t.Errorf("no dead letters are listed as %s", r.text)
	}
	w.model.word.Store("poison")
	w.put("good", `{"subject":"fine"}`)
	for i := range 4 {
		w.put(fmt.Sprint(i), `{"subject":"poison"}`)
	}
	w.settled()
	var letters []map[string]any
	path := "/v1/dead-letters?limit=3&collection=tickets"
	for path != "" {
		r := w.ok(http.StatusOK, "GET", path, "")
		letters = append(letters, items(r)...)
		path = ""
		if next, more := r.body["next"].(string); more {
			path = "/v1/dead-letters?limit=3&collection=tickets&cursor=" + next
		}
	}
	if len(letters) != 4 {
		t.Fatalf("%d letters", len(letters))
	}
	l := letters[0]
	if l["collection"] != "tickets" || l["pipeline"] != "index" || l["step"] != "embed" || l["kind"] != "invalid" || l["attempts"] != 1.0 ||
		!strings.Contains(fmt.Sprint(l["message"]), "the model refuses this text") || l["first_at"] == nil || l["last_at"] == nil {
		t.Errorf("got %v", l)
	}
	if st := w.ok(http.StatusOK, "GET", tickets+"/status", ""); st.body["dead_letters"] != 4.0 || st.body["pending_changes"] != 0.0 {
		t.Errorf("got %s", st.text)
	}

	replay := func(body string, want float64) {
		t.Helper()
		if r := w.ok(http.StatusOK, "POST", "/v1/dead-letters:replay", body); r.body["replayed"] != want {
			t.Errorf("%s answered %s, want %v", body, r.text, want)
		}
		w.settled()
	}
	open := func() []map[string]any { return items(w.ok(http.StatusOK, "GET", "/v1/dead-letters", "")) }

	replay(`{"ids":[]}`, 0)
	replay(`{"ids":["999"]}`, 0)
	// Replayed without a cure it is the same letter, tried more often.
	id := fmt.Sprint(l["id"])
	replay(`{"ids":["`+id+`"]}`, 1)
	if again := open(); len(again) != 4 || again[0]["id"] != id || again[0]["attempts"] != 2.0 || again[0]["first_at"] != l["first_at"] {
		t.Errorf("after a replay in vain: %v", again)
	}
	w.model.word.Store("")
	replay(`{"ids":["`+id+`"]}`, 1)
	if n := len(open()); n != 3 {
		t.Errorf("%d letters are open, want 3", n)
	}
	w.ok(http.StatusOK, "DELETE", tickets+"/records/1", "") // its letter ends with it
	w.settled()
	replay(`{"collection":"tickets"}`, 2)
	if n := len(open()); n != 0 {
		t.Errorf("%d letters are open", n)
	}
	replay(`{}`, 0)
	w.model.word.Store("poison")
	w.put("9", `{"subject":"poison again"}`)
	w.settled()
	w.model.word.Store("")
	replay(`{}`, 1)
	if r := w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"poison","k":50,"mode":"lexical"}`); len(results(r)) != 4 {
		t.Errorf("got %s", r.text)
	}

	w.ok(http.StatusNotFound, "POST", "/v1/dead-letters:replay", `{"collection":"nothing"}`)
	w.ok(http.StatusNotFound, "GET", "/v1/dead-letters?collection=nothing", "")
	for _, body := range []string{`{"ids":["canary7"]}`, `{"ids":"canary7"}`, `{"all":true}`, `[]`} {
		if r := w.ok(http.StatusUnprocessableEntity, "POST", "/v1/dead-letters:replay", body); strings.Contains(r.text, "canary7") {
			t.Errorf("got %s", r.text)
		}
	}
	if r := w.ok(http.StatusUnprocessableEntity, "GET", "/v1/dead-letters?cursor=canary7", ""); strings.Contains(r.text, "canary7") {
		t.Errorf("got %s", r.text)
	}
}

func TestRebuild(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"printer"}`)
	w.settled()
	r := w.ok(http.StatusOK, "POST", tickets+"/index:rebuild", "")
	if r.body["records"] != 1.0 || r.body["passages"] != 1.0 {
		t.Errorf("got %s", r.text)
	}
	if r := w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"printer"}`); len(results(r)) != 1 {
		t.Errorf("got %s", r.text)
	}
}

func TestReconcile(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"printer"}`)
	w.settled()
	for _, query := range []string{"", "?repair=true", "?repair=true&force=true"} {
		r := w.ok(http.StatusOK, "POST", tickets+"/index:reconcile"+query, "")
		if entries, _ := r.body["entries"].(map[string]any); entries["held"] != 1.0 || r.body["repaired"] != 0.0 {
			t.Errorf("%s: got %s", query, r.text)
		}
	}
	w.ok(http.StatusNotFound, "POST", "/v1/collections/nowhere/index:reconcile", "")
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if r := w.ok(http.StatusOK, "GET", path, ""); r.body["status"] == nil {
			t.Errorf("%s answered %s", path, r.text)
		}
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"Dear Maria Gonzalez, maria@example.com"}`)
	w.settled()
	w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"dear"}`)
	r := w.ok(http.StatusOK, "GET", "/metrics", "")
	for _, series := range []string{
		`holdfast_embedding_requests_total`, `holdfast_embedding_texts_total{result="computed"} 1`, `holdfast_embedding_texts_total{result="reused"} 0`,
		`holdfast_changes_pending{collection="tickets"} 0`, `holdfast_index_lag_seconds{collection="tickets"} 0`, `holdfast_dead_letters{collection="tickets"} 0`,
		`holdfast_gate_entities_total{action="pseudonym",entity="EMAIL_ADDRESS"} 1`, `holdfast_step_duration_seconds_count{pipeline="index",step="gate"} 1`,
		`holdfast_search_duration_seconds_count 1`, `holdfast_search_hits_dropped_total{reason="deleted"} 0`,
	} {
		if !strings.Contains(r.text, "\n"+series) {
			t.Errorf("%s is missing", series)
		}
	}
	if strings.Contains(r.text, "maria") || strings.Contains(r.text, "Gonzalez") {
		t.Error("a metric quotes a record")
	}
}

func TestAuditTrail(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.ok(http.StatusForbidden, "DELETE", tickets, "", from, "203.0.113.9:4711")
	w.ok(http.StatusForbidden, "GET", "/v1/collections/Canary7%40example.com", "", from, "203.0.113.9:4711")
	w.ok(http.StatusNoContent, "DELETE", tickets, "")
	var seen []string
	path := "/v1/audit?limit=2"
	for pages := 0; path != "" && pages < 10; pages++ {
		r := w.ok(http.StatusOK, "GET", path, "")
		for _, e := range items(r) {
			if e["action"] == "observe" && e["allowed"] == true {
				continue // these requests themselves
			}
			seen = append(seen, fmt.Sprint(e["principal"], " ", e["action"], " ", e["resource"], " ", e["allowed"]))
		}
		path = ""
		if next, more := r.body["next"].(string); more {
			path = "/v1/audit?limit=2&cursor=" + next
		}
	}
	want := []string{
		"loopback declare tickets true", "anonymous observe collections false", "anonymous declare tickets false", "loopback declare tickets true",
	}
	if !slices.Equal(seen, want) {
		t.Errorf("the trail says %q, want %q", seen, want)
	}
}

// TestNothingIsDoneAfterClose: a request that comes too late is refused, and
// does not bring the process down.
func TestNothingIsDoneAfterClose(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			action := []access.Action{access.Read, access.Write}[i%2]
			for {
				_, err := w.app.Decide(t.Context(), access.Principal{Name: "late", Local: true}, action, "tickets")
				if err != nil {
					if fault.KindOf(err) != fault.Unavailable {
						t.Errorf("refused with %v", err)
					}
					return
				}
			}
		})
	}
	w.end()
	wg.Wait()
}

// TestDescription checks that /openapi.json is a valid description in itself
// and names every route.
func TestDescription(t *testing.T) {
	w := newWorld(t)
	r := w.ok(http.StatusOK, "GET", "/openapi.json", "")
	if v, _ := r.body["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("it is of version %q", v)
	}
	paths, _ := r.body["paths"].(map[string]any)
	for path, methods := range map[string]string{
		"/v1/collections": "get", "/v1/collections/{collection}": "get put delete", "/v1/collections/{collection}/status": "get",
		"/v1/collections/{collection}/records": "get", "/v1/collections/{collection}/records/{id}": "get put patch delete",
		"/v1/collections/{collection}/records:batch": "post", "/v1/collections/{collection}/search": "post",
		"/v1/collections/{collection}/index:rebuild": "post", "/v1/collections/{collection}/index:reconcile": "post",
		"/v1/runs": "get", "/v1/runs/{id}": "get", "/v1/dead-letters": "get", "/v1/dead-letters:replay": "post", "/v1/audit": "get",
		"/healthz": "get", "/readyz": "get", "/metrics": "get",
	} {
		item, _ := paths[path].(map[string]any)
		for method := range strings.FieldsSeq(methods) {
			if _, ok := item[method].(map[string]any); !ok {
				t.Errorf("%s %s is missing", method, path)
			}
		}
	}
	ids := map[string]bool{}
	for path, item := range paths {
		for method, v := range item.(map[string]any) {
			op, _ := v.(map[string]any)
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] || op["summary"] == nil {
				t.Errorf("%s %s has the id %q", method, path, id)
			}
			ids[id] = true
			responses, _ := op["responses"].(map[string]any)
			if len(responses) == 0 {
				t.Errorf("%s %s has no responses", method, path)
			}
			if strings.HasPrefix(path, "/v1/") && !strings.Contains(fmt.Sprint(responses["default"]), "application/problem+json") {
				t.Errorf("%s %s has no problem document: %v", method, path, responses)
			}
			named := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1)
			params, _ := op["parameters"].([]any)
			for _, n := range named {
				if !slices.ContainsFunc(objects(params), func(p map[string]any) bool {
					return p["name"] == n[1] && p["in"] == "path" && p["required"] == true
				}) {
					t.Errorf("%s %s does not describe %s", method, path, n[1])
				}
			}
		}
	}
	// Every reference leads somewhere.
	components, _ := r.body["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(r.text, -1) {
		if schemas[ref[1]] == nil {
			t.Errorf("schema %s is missing", ref[1])
		}
	}
}
