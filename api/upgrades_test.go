package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// upgraded waits until an upgrade is not being built any more.
func (w *world) upgraded(id string) reply {
	w.t.Helper()
	_, err := w.app.WaitUpgrade(w.t.Context(), id, nil)
	must(w.t, err)
	return w.ok(http.StatusOK, "GET", tickets+"/upgrades/"+id, "")
}

func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	w.declare()
	for n := range 20 {
		w.put(fmt.Sprint(n), fmt.Sprintf(`{"subject":"printer %d","body":"It makes noises, number %d."}`, n, n))
	}
	w.settled()
	w.ok(http.StatusOK, "POST", tickets+"/search", `{"query":"printer 7"}`)

	r := w.ok(http.StatusCreated, "POST", tickets+"/upgrades",
		`{"chunking":{"target":100,"max":160},"min_overlap":0.01,"judgements":[{"query":"printer 7","relevant":{"7":1}}]}`)
	id, _ := r.body["id"].(string)
	forecast, _ := r.body["forecast"].(map[string]any)
	if r.body["state"] != "planned" || forecast["records"] != 20.0 || forecast["passages"] != 40.0 {
		t.Errorf("got plan %s", r.text)
	}
	r = w.ok(http.StatusOK, "POST", tickets+"/upgrades/"+id+"/approve", `{"reason":"smaller passages"}`)
	if r.body["approved_for"] != "smaller passages" || r.body["approved_by"] == "" {
		t.Errorf("approved: %s", r.text)
	}
	r = w.upgraded(id)
	evaluation, _ := r.body["evaluation"].(map[string]any)
	if r.body["state"] != "switched" || evaluation["coverage"] != 1.0 || evaluation["judged"] != 1.0 || evaluation["new_ndcg_at_10"] != 1.0 {
		t.Fatalf("built: %s", r.text)
	}
	if r := w.ok(http.StatusOK, "GET", tickets, ""); !strings.Contains(r.text, `"target":100`) {
		t.Errorf("the declaration is %s", r.text)
	}
	w.ok(http.StatusConflict, "POST", tickets+"/upgrades/"+id+"/abort", `{}`)
	w.ok(http.StatusOK, "POST", tickets+"/upgrades/"+id+"/rollback", `{}`)
	if r := w.ok(http.StatusOK, "GET", tickets, ""); !strings.Contains(r.text, `"target":200`) {
		t.Errorf("after the way back the declaration is %s", r.text)
	}
	w.ok(http.StatusOK, "POST", tickets+"/upgrades/"+id+"/retire", "")
	if all := items(w.ok(http.StatusOK, "GET", tickets+"/upgrades", "")); len(all) != 1 || all[0]["id"] != id {
		t.Errorf("got %v", all)
	}
}

func TestUpgradeThatCannotBe(t *testing.T) {
	w := newWorld(t)
	w.declare()
	for _, c := range []struct {
		name, path, body string
		status           int
		says             string
	}{
		{"nothing differs", "/upgrades", `{}`, http.StatusConflict, "already"},
		{"unknown model", "/upgrades", `{"model":"nope"}`, http.StatusUnprocessableEntity, "model"},
		{"unknown field", "/upgrades", `{"kind":"second"}`, http.StatusUnprocessableEntity, "kind"},
		{"standby", "/upgrades", `{"model":"second","standby":"soon"}`, http.StatusUnprocessableEntity, "standby"},
		{"judgement of nobody", "/upgrades", `{"model":"second","judgements":[{"query":"x","relevant":{"none":1}}]}`, http.StatusUnprocessableEntity, "judgements[0]"},
		{"no such upgrade", "/upgrades/9.0001/approve", `{}`, http.StatusNotFound, "upgrade"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := w.ok(c.status, "POST", tickets+c.path, c.body); !strings.Contains(r.text, c.says) {
				t.Errorf("the problem does not say %q: %s", c.says, r.text)
			}
		})
	}
}
