package api_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestModelsAndCosts(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.put("1", `{"subject":"a parcel"}`)
	w.settled()
	r := w.ok(http.StatusOK, "GET", "/v1/embedding-models", "")
	if got := items(r); len(got) != 2 || got[0]["name"] != "builtin" || got[0]["state"] != "ok" || !strings.Contains(r.text, `"collections":["tickets"]`) {
		t.Errorf("models are %s", r.text)
	}
	if r := w.ok(http.StatusOK, "POST", "/v1/embedding-models/builtin/canary", ""); r.body["held"] != false || r.body["first"] != true {
		t.Errorf("the canary says %s", r.text)
	}
	w.ok(http.StatusNoContent, "POST", "/v1/embedding-models/builtin/accept", "")
	w.ok(http.StatusNotFound, "POST", "/v1/embedding-models/none/canary", "")
	for _, query := range []string{"", "?by=day&since=2020-01-01", "?by=model"} {
		r := w.ok(http.StatusOK, "GET", "/v1/costs"+query, "")
		total, _ := r.body["total"].(map[string]any)
		if total["computed"] != 1.0 || total["requests"].(float64) < 1 {
			t.Errorf("costs%s are %s", query, r.text)
		}
	}
	if r := w.ok(http.StatusOK, "GET", "/v1/costs?since=2999-01-01", ""); len(items(r)) != 0 {
		t.Errorf("of the future: %s", r.text)
	}
	w.ok(http.StatusUnprocessableEntity, "GET", "/v1/costs?since=soon", "")
}
