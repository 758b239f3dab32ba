package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRecordLifeCycle(t *testing.T) {
	w := newWorld(t)
	w.declare()
	path := tickets + "/records/42"
	for _, step := range []struct {
		name, method, body string
		headers            []string
		status             int
		version, content   float64
	}{
		{"create", "PUT", `{"fields":{"subject":"a","status":"open"}}`, nil, 200, 1, 1},
		{"same again", "PUT", `{"fields":{"subject":"a","status":"open"}}`, nil, 200, 1, 1},
		{"metadata", "PATCH", `{"status":"closed"}`, nil, 200, 2, 1},
		{"merge patch", "PATCH", `{"subject":"b","status":null}`, []string{"Content-Type", "application/merge-patch+json"}, 200, 3, 3},
		{"matching", "PUT", `{"fields":{"subject":"c"}}`, []string{"If-Match", `"3"`}, 200, 4, 4},
		{"not matching", "PUT", `{"fields":{"subject":"d"}}`, []string{"If-Match", `"3"`}, 412, 0, 0},
		{"patch not matching", "PATCH", `{"subject":"d"}`, []string{"If-Match", `"3"`}, 412, 0, 0},
		{"delete not matching", "DELETE", ``, []string{"If-Match", `"3"`}, 412, 0, 0},
		{"weak tags never match", "PUT", `{"fields":{}}`, []string{"If-Match", `W/"4"`}, 422, 0, 0},
		{"no version", "PUT", `{"fields":{}}`, []string{"If-Match", `"canary7"`}, 422, 0, 0},
		{"exists", "PUT", `{"fields":{"subject":"e"}}`, []string{"If-None-Match", "*"}, 412, 0, 0},
		{"must exist", "PUT", `{"fields":{"subject":"e"}}`, []string{"If-Match", "*"}, 200, 5, 5},
		{"delete", "DELETE", ``, nil, 200, 6, 6},
		{"delete again", "DELETE", ``, nil, 200, 6, 6},
		{"patch what is gone", "PATCH", `{"subject":"f"}`, nil, 404, 0, 0},
		{"must exist, but is gone", "PUT", `{"fields":{"subject":"e"}}`, []string{"If-Match", "*"}, 412, 0, 0},
		{"create anew", "PUT", `{"fields":{"subject":"g"}}`, []string{"If-None-Match", "*"}, 200, 7, 7},
	} {
		r := w.ok(step.status, step.method, path, step.body, step.headers...)
		if step.status != 200 {
			continue
		}
		if r.body["id"] != "42" || r.body["version"] != step.version || r.body["content_version"] != step.content {
			t.Errorf("%s: got %s", step.name, r.text)
		}
		if got, want := r.header.Get("ETag"), `"`+string('0'+byte(step.version))+`"`; got != want {
			t.Errorf("%s: ETag is %s, want %s", step.name, got, want)
		}
	}
	r := w.ok(http.StatusOK, "GET", path, "")
	if fields, _ := r.body["fields"].(map[string]any); fields["subject"] != "g" || r.header.Get("ETag") != `"7"` {
		t.Errorf("got %s", r.text)
	}
	w.ok(http.StatusNotFound, "DELETE", tickets+"/records/never", "")
	w.ok(http.StatusNotFound, "GET", tickets+"/records/never", "")
	w.ok(http.StatusNotFound, "PUT", "/v1/collections/nothing/records/1", `{"fields":{}}`)
}

func TestRecordBodiesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	w.declare()
	for _, body := range []string{
		`[]`, `null`, `7`, `{`, `{"fields":[]}`, `{"fields":null}`, `{}`, `{"fields":{}} {}`, `{"fields":{},"more":1}`,
		`{"fields":{"a":1,"a":2}}`, "{\"fields\":{\"a\":\"\xff\"}}", `{"subject":"canary7"}`,
	} {
		if r := w.ok(http.StatusUnprocessableEntity, "PUT", tickets+"/records/1", body); strings.Contains(r.text, "canary7") {
			t.Errorf("the answer quotes the body: %s", r.text)
		}
	}
	w.put("1", `{"subject":"a"}`)
	for _, body := range []string{`[]`, `null`, `"canary7"`, `{"a":1,"a":2}`} {
		w.ok(http.StatusUnprocessableEntity, "PATCH", tickets+"/records/1", body)
	}
	w.ok(http.StatusBadRequest, "PUT", tickets+"/records/1", "")
}

func TestRecordIDs(t *testing.T) {
	w := newWorld(t)
	w.declare()
	ids := []string{"a/b", "a//b", "..", ".", "100%", "%2F", "späße 你好", "a?b#c", "a:b", "records:batch", "'\"\\", strings.Repeat("x", 512)}
	for _, id := range ids {
		path := tickets + "/records/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		if r := w.ok(http.StatusOK, "PUT", path, `{"fields":{"subject":"x"}}`); r.body["id"] != id {
			t.Errorf("%q was written as %v", id, r.body["id"])
		}
		if r := w.ok(http.StatusOK, "GET", path, ""); r.body["id"] != id {
			t.Errorf("%q was read as %v", id, r.body["id"])
		}
	}
	seen := map[any]bool{}
	path := tickets + "/records?limit=5"
	for path != "" {
		r := w.ok(http.StatusOK, "GET", path, "")
		for _, item := range items(r) {
			seen[item["id"]] = true
		}
		path = ""
		if next, more := r.body["next"].(string); more {
			path = tickets + "/records?limit=5&cursor=" + url.QueryEscape(next)
		}
	}
	if len(seen) != len(ids) {
		t.Errorf("%d of %d ids are listed", len(seen), len(ids))
	}
	for _, bad := range []string{strings.Repeat("x", 513), "a%00b", "%FF", "a%0Ab"} {
		w.ok(http.StatusUnprocessableEntity, "PUT", tickets+"/records/"+bad, `{"fields":{}}`)
	}
}
