package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres/attach"
)

// TestAnAttachedCollection goes from the declaration to the removal.
func TestAnAttachedCollection(t *testing.T) {
	url := testpg.Database(t, testpg.URL(t))
	db, err := pgx.Connect(t.Context(), url)
	must(t, err)
	exec := func(statement string) {
		t.Helper()
		_, err := db.Exec(t.Context(), statement)
		must(t, err)
	}
	exec("CREATE TABLE tickets (id bigint PRIMARY KEY, subject text, status text)")
	exec("INSERT INTO tickets VALUES (1, 'the parcel arrived broken', 'open')")
	w := newWorld(t, func(cfg *holdfast.Config) {
		cfg.Sources = func(d record.Declaration) (record.Source, error) {
			return attach.Open(attach.Config{URL: url, Declaration: d})
		}
	})
	const declaration = `{"content":["subject"],"metadata":["status"],"source":{"postgres":{"url_env":"APP_DB","table":"tickets","id":"id"}}}`
	w.ok(http.StatusOK, "PUT", tickets, declaration)
	if r := w.ok(http.StatusOK, "GET", tickets+"/source", ""); r.body["state"] != "not_installed" {
		t.Errorf("declared: %s", r.text)
	}
	if r := w.ok(http.StatusOK, "GET", tickets+"/source/plan", ""); !strings.Contains(r.text, "CREATE TRIGGER") {
		t.Errorf("the plan is %s", r.text)
	}
	w.ok(http.StatusOK, "POST", tickets+"/source:install", "")
	status := func(done func(holdfast.Status) bool) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			r := w.ok(http.StatusOK, "GET", tickets+"/status", "")
			var st holdfast.Status
			must(t, json.Unmarshal([]byte(r.text), &st))
			if done(st) {
				return
			}
			select {
			case <-tick.C:
			case <-t.Context().Done():
				t.Fatalf("the status stays %s", r.text)
			}
		}
	}
	status(func(st holdfast.Status) bool {
		return st.Source.State == holdfast.SourceOK && st.Records == 1 && st.PendingChanges == 0
	})
	const search = `{"query":"parcel broken"}`
	if r := w.ok(http.StatusOK, "POST", tickets+"/search", search); !strings.Contains(r.text, "parcel arrived") {
		t.Errorf("found %s", r.text)
	}
	for _, write := range [][3]string{
		{"PUT", "/records/1", `{"fields":{"subject":"x"}}`},
		{"PATCH", "/records/1", `{"subject":"x"}`},
		{"DELETE", "/records/1", ""},
		{"POST", "/records:batch", `{"id":"1","fields":{}}`},
	} {
		if r := w.ok(http.StatusConflict, write[0], tickets+write[1], write[2]); !strings.Contains(r.text, "write there") {
			t.Errorf("%s %s: %s", write[0], write[1], r.text)
		}
	}
	w.ok(http.StatusConflict, "POST", tickets+"/source:accept", "")
	w.ok(http.StatusConflict, "DELETE", tickets, "")
	exec("ALTER TABLE tickets RENAME TO elsewhere")
	if r := w.ok(http.StatusServiceUnavailable, "POST", tickets+"/search", search); !strings.Contains(r.text, "checked at their source") {
		t.Errorf("without a source: %s", r.text)
	}
	exec("ALTER TABLE elsewhere RENAME TO tickets")
	w.ok(http.StatusOK, "POST", tickets+"/search", search)
	w.ok(http.StatusOK, "POST", tickets+"/source:remove", "")
	w.ok(http.StatusNoContent, "DELETE", tickets, "")
	must(t, db.Close(t.Context()))
}

func TestNoSource(t *testing.T) {
	w := newWorld(t)
	w.declare()
	w.ok(http.StatusNotFound, "GET", tickets+"/source", "")
	w.ok(http.StatusConflict, "POST", tickets+"/source:install", "")
	w.ok(http.StatusUnprocessableEntity, "PUT", "/v1/collections/other",
		`{"content":["subject"],"source":{"postgres":{"url_env":"APP_DB","table":"tickets","id":"id"}}}`)
}
