package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestCollections(t *testing.T) {
	w := newWorld(t)
	if r := w.ok(http.StatusOK, "GET", "/v1/collections", ""); !strings.Contains(r.text, `"items":[]`) || r.body["next"] != nil {
		t.Errorf("no collections are listed as %s", r.text)
	}
	w.declare()
	w.ok(http.StatusOK, "PUT", "/v1/collections/notes", `{"collection":"notes","content":["text"]}`)
	w.ok(http.StatusOK, "PUT", "/v1/collections/mails", "content: [text]\n", "Content-Type", "application/yaml")

	r := w.ok(http.StatusOK, "GET", tickets, "")
	d, _ := r.body["declaration"].(map[string]any)
	if r.body["name"] != "tickets" || d["policy"] != "default" || d["model"] != "builtin" || d["chunking"] == nil || r.body["created_at"] == nil {
		t.Errorf("got %s", r.text)
	}

	var names []string
	path := "/v1/collections?limit=2"
	for pages := 0; path != "" && pages < 5; pages++ {
		r := w.ok(http.StatusOK, "GET", path, "")
		for _, c := range items(r) {
			name, _ := c["name"].(string)
			names = append(names, name)
		}
		path = ""
		if next, more := r.body["next"].(string); more {
			path = "/v1/collections?limit=2&cursor=" + next
		}
	}
	if got := strings.Join(names, " "); got != "mails notes tickets" {
		t.Errorf("pages held %q", got)
	}

	w.ok(http.StatusNoContent, "DELETE", "/v1/collections/notes", "")
	w.ok(http.StatusNotFound, "DELETE", "/v1/collections/notes", "")
	w.ok(http.StatusNotFound, "GET", "/v1/collections/notes", "")
}

func TestDeclarationsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ name, path, body, says string }{
		{"unknown key", tickets, "{\n\"content\": [\"body\"],\n\"contents\": []}", "line 3"},
		{"unknown key in YAML", tickets, "content: [body]\nembedder: builtin\n", "line 2"},
		{"no content", tickets, `{}`, "content"},
		{"field twice", tickets, `{"content":["a"],"metadata":["a"]}`, "metadata[0]"},
		{"other name", tickets, `{"collection":"other","content":["a"]}`, "collection"},
		{"no such policy", tickets, `{"content":["a"],"policy":"none"}`, "policy"},
		{"no such model", tickets, `{"content":["a"],"model":"none"}`, "model"},
		{"chunking", tickets, `{"content":["a"],"chunking":{"target":1}}`, "chunking.target"},
		{"enum of content", tickets, `{"content":["a"],"enums":{"a":["x"]}}`, "enums.a"},
		{"name", "/v1/collections/Not%20a%20name", `{"content":["a"]}`, "collection"},
		{"malformed", tickets, `{"content":`, "line"},
		{"not an object", tickets, `7`, ""},
		{"empty name", "/v1/collections/%20", `{"content":["a"]}`, "collection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := w.ok(http.StatusUnprocessableEntity, "PUT", c.path, c.body); !strings.Contains(r.text, c.says) {
				t.Errorf("the problem does not name %s: %s", c.says, r.text)
			}
		})
	}
	w.ok(http.StatusBadRequest, "PUT", tickets, "")
	if r := w.ok(http.StatusOK, "GET", "/v1/collections", ""); len(items(r)) != 0 {
		t.Errorf("something was declared: %s", r.text)
	}
}

func TestDeclarationChanges(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"printer","body":"It makes noises.","colour":"red","status":"open"}`)
	w.settled()
	for _, c := range []struct {
		reason, body string
		passages     float64
	}{
		{"content", `{"content":["subject"],"metadata":["status","priority","tags"]}`, 1},
		{"model", `{"content":["subject","body"],"metadata":["status","priority","tags"],"model":"second"}`, 2},
		{"policy", `{"content":["subject","body"],"metadata":["status","priority","tags"],"policy":"other"}`, 2},
		{"chunking", `{"content":["subject","body"],"metadata":["status","priority","tags"],"chunking":{"target":100}}`, 2},
	} {
		t.Run(c.reason, func(t *testing.T) {
			r := w.ok(http.StatusAccepted, "PUT", tickets, c.body)
			plan, _ := r.body["plan"].(map[string]any)
			reasons, _ := plan["reasons"].([]any)
			if len(reasons) != 1 || reasons[0] != c.reason || plan["records"] != 1.0 || plan["passages"] != c.passages || plan["upgrade"] == "" {
				t.Errorf("got plan %v", plan)
			}
			stands := w.ok(http.StatusOK, "GET", tickets, "")
			if d, _ := stands.body["declaration"].(map[string]any); len(d["content"].([]any)) != 2 || d["model"] != "builtin" || d["policy"] != "default" {
				t.Errorf("the plan was put into effect: %s", stands.text)
			}
		})
	}

	// Metadata applies at once, to what is indexed already too.
	search := `{"query":"printer","filter":{"colour":"red"}}`
	w.ok(http.StatusUnprocessableEntity, "POST", tickets+"/search", search)
	r := w.ok(http.StatusOK, "PUT", tickets, `{"content":["subject","body"],"metadata":["status","colour"]}`)
	if r.body["plan"] != nil {
		t.Errorf("a change of metadata has a plan: %s", r.text)
	}
	w.settled()
	if r := w.ok(http.StatusOK, "POST", tickets+"/search", search); len(results(r)) != 1 {
		t.Errorf("got %s", r.text)
	}
	if r := w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"printer","filter":{"colour":"blue"}}`); len(results(r)) != 0 {
		t.Errorf("got %s", r.text)
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"printer"}`)
	w.settled()
	r := w.ok(http.StatusOK, "GET", tickets+"/status", "")
	g, _ := r.body["generation"].(map[string]any)
	for name, want := range map[string]any{"records": 1.0, "passages": 1.0, "pending_changes": 0.0, "lag_seconds": 0.0, "dead_letters": 0.0} {
		if r.body[name] != want {
			t.Errorf("%s is %v, want %v", name, r.body[name], want)
		}
	}
	if g["state"] != "active" || g["model"] != "builtin" {
		t.Errorf("got generation %v", g)
	}
	w.ok(http.StatusNotFound, "GET", "/v1/collections/nothing/status", "")
}
