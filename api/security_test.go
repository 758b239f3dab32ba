package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/api"
)

// TestWhoIsLocal sends one request in the name of many.
func TestWhoIsLocal(t *testing.T) {
	w := newWorld(t)
	w.declare()
	self := strings.TrimPrefix(w.url, "http://")
	for _, c := range []struct {
		name    string
		status  int
		headers []string
	}{
		{"this machine", 200, nil},
		{"localhost", 200, []string{"Host", "localhost:7420"}},
		{"IPv6", 200, []string{"Host", "[::1]:7420", from, "[::1]:4711"}},
		{"own page", 200, []string{"Origin", w.url, "Sec-Fetch-Site", "same-origin"}},
		{"typed into a browser", 200, []string{"Sec-Fetch-Site", "none"}},

		{"other machine", 403, []string{from, "203.0.113.9:4711"}},
		{"no address at all", 403, []string{from, "@"}},
		{"rebound name", 403, []string{"Host", "evil.example:7420"}},
		{"name that begins well", 403, []string{"Host", "localhost.evil.example"}},
		{"name that looks like an address", 403, []string{"Host", "127.0.0.1.evil.example"}},
		{"page from elsewhere", 403, []string{"Origin", "https://evil.example"}},
		{"page on another port", 403, []string{"Origin", "http://127.0.0.1:1"}},
		{"page without an origin", 403, []string{"Origin", "null"}},
		{"page that claims to be ours", 403, []string{"Origin", "http://evil.example@" + self + ".evil.example"}},
		{"script from elsewhere", 403, []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}},
		{"script from another port", 403, []string{"Sec-Fetch-Site", "same-site"}},
		{"form from elsewhere", 403, []string{"Origin", "https://evil.example", "Content-Type", "text/plain"}},
		{"through a proxy", 403, []string{"X-Forwarded-For", "203.0.113.9"}},
		{"through another proxy", 403, []string{"Forwarded", "for=203.0.113.9"}},

		{"owner's token", 200, []string{from, "203.0.113.9:4711", "Authorization", "Bearer " + token}},
		{"wrong token", 403, []string{from, "203.0.113.9:4711", "Authorization", "Bearer " + token + "x"}},
		{"empty token", 403, []string{from, "203.0.113.9:4711", "Authorization", "Bearer "}},
		{"token without its scheme", 403, []string{from, "203.0.113.9:4711", "Authorization", token}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := w.send("PUT", tickets+"/records/1", `{"fields":{"subject":"a"}}`, c.headers...)
			if r.status != c.status {
				t.Fatalf("answered %d, want %d: %s", r.status, c.status, r.text)
			}
			if c.status == 403 {
				w.problem(r)
			}
			entry := items(w.ok(http.StatusOK, "GET", "/v1/audit?limit=1", ""))[0]
			if entry["action"] != "write" || entry["resource"] != "tickets" || entry["allowed"] != (c.status == 200) {
				t.Errorf("the trail says %v", entry)
			}
		})
	}
}

// TestEveryRouteAsksForAccess goes through the description.
func TestEveryRouteAsksForAccess(t *testing.T) {
	w := newWorld(t)
	paths, _ := w.ok(http.StatusOK, "GET", "/openapi.json", "").body["paths"].(map[string]any)
	open := map[string]bool{"/healthz": true, "/readyz": true, "/health": true}
	for path, methods := range paths {
		if open[path] {
			continue
		}
		for method := range methods.(map[string]any) {
			at := strings.NewReplacer("{collection}", "tickets", "{id}", "1").Replace(path)
			// The body is malformed, too long to be sent, and never looked at.
			if r := w.send(strings.ToUpper(method), at, "{", from, "203.0.113.9:4711"); r.status != http.StatusForbidden {
				t.Errorf("%s %s answered a stranger %d: %s", method, at, r.status, r.text)
			}
		}
	}
}

func TestPathsAndMethodsThatAreNone(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v1", 404, ""},
		{"GET", "/v1/", 404, ""},
		{"GET", "/v1/nothing", 404, ""},
		{"POST", "/nothing", 404, ""},
		{"PUT", tickets + "//records/1", 404, ""},
		{"PUT", tickets + "/../tickets/records/1", 404, ""},
		{"PUT", "/v1/collections//", 404, ""},
		{"POST", "/v1/collections", 405, "GET"},
		{"PATCH", tickets, 405, "GET, PUT, DELETE"},
		{"GET", tickets + "/search", 405, "POST"},
		{"POST", "/healthz", 405, "GET"},
		{"OPTIONS", tickets, 405, "GET, PUT, DELETE"},
		{"GET", "/v1/dead-letters:replay", 405, "POST"},
	} {
		r := w.ok(c.status, c.method, c.path, "")
		if got := r.header.Get("Allow"); got != c.allow {
			t.Errorf("%s %s allows %q, want %q", c.method, c.path, got, c.allow)
		}
	}
	for _, path := range []string{"/", "/search", "/v2/x"} {
		if r := w.ok(http.StatusOK, "GET", path, ""); !strings.Contains(r.text, "console") {
			t.Errorf("%s answered %s", path, r.text)
		}
	}
}

func TestBodiesThatAreTooLong(t *testing.T) {
	w := newWorld(t)
	w.declare()
	for _, path := range []string{tickets, tickets + "/records/1", "/v1/dead-letters:replay"} {
		method := "PUT"
		if strings.HasSuffix(path, "replay") {
			method = "POST"
		}
		r, err := w.try(method, path, repeated(`{"a":"`, 65<<20, `"}`))
		must(t, err)
		if r.status != http.StatusRequestEntityTooLarge {
			t.Fatalf("%s answered %d: %s", path, r.status, r.text)
		}
		w.problem(r)
	}
	// Just below the limit it is a record like others.
	r, err := w.try("PUT", tickets+"/records/1", repeated(`{"fields":{"note":"`, 63<<20, `"}}`))
	must(t, err)
	if r.status != http.StatusOK {
		t.Errorf("63 MiB answered %d: %s", r.status, r.text)
	}
}

// panicking decides nothing.
type panicking struct{}

func (panicking) Decide(context.Context, access.Principal, access.Action, string) access.Decision {
	panic("canary7 of a decision")
}

func TestPanicsAreProblems(t *testing.T) {
	w := newWorld(t, func(c *holdfast.Config) { c.Access = panicking{} })
	for _, path := range []string{"/panic", "/v1/collections", "/metrics"} {
		if r := w.ok(http.StatusInternalServerError, "GET", path, ""); strings.Contains(r.text, "canary7") {
			t.Errorf("%s tells what happened: %s", path, r.text)
		}
	}
	log := w.log.String()
	if strings.Contains(log, "canary7") {
		t.Errorf("the log quotes a panic: %s", log)
	}
	if n := strings.Count(log, "request panicked"); n != 3 || !strings.Contains(log, "Decide") {
		t.Errorf("the log tells of %d panics: %s", n, log)
	}
}

// TestStrangersCannotHoldConnections: whoever is denied and sends slowly is
// cut off, though the body is never read.
func TestStrangersCannotHoldConnections(t *testing.T) {
	w := newWorld(t)
	own := api.New(api.Config{App: w.app, Log: slog.New(slog.DiscardHandler)})
	request := "PUT " + tickets + "/records/1 HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n{"
	server := httptest.NewServer(own)
	defer server.Close()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, request)
	must(t, err)
	got, err := io.ReadAll(conn) // ends when the server closes the connection
	if err != nil || !bytes.HasPrefix(got, []byte("HTTP/1.1 403")) || !bytes.Contains(got, []byte("Connection: close")) {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestErrorsNeverQuote sends a value in every place of a request where a
// client could put one by mistake.
func TestErrorsNeverQuote(t *testing.T) {
	const canary = "Canary7@example.com"
	w := newWorld(t)
	w.declare()
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/v1/collections/" + canary, ""},
		{"PUT", "/v1/collections/" + canary, `{"content":["a"]}`},
		{"DELETE", "/v1/collections/" + canary, ""},
		{"PUT", tickets + "/records/" + canary + "%00", `{"fields":{}}`},
		{"GET", tickets + "/records/" + canary, ""},
		{"PATCH", tickets + "/records/" + canary, `{"a":1}`},
		{"DELETE", tickets + "/records/" + canary, ""},
		{"PUT", tickets + "/records/1", `{"fields":"` + canary + `"}`},
		{"PUT", tickets + "/records/1", `{"fields":{}} ` + canary},
		{"PUT", tickets + "/records/1", canary},
		{"PUT", tickets + "/records/1", `{"` + canary + `":1,"fields":{}}`},
		{"PUT", tickets + "/records/1", `{"fields":{"` + canary + `":1,"` + canary + `":2}}`},
		{"GET", tickets + "/records?limit=" + canary, ""},
		{"GET", "/v1/runs/" + canary, ""},
		{"GET", "/v1/runs?state=" + canary, ""},
		{"GET", "/v1/audit?cursor=" + canary, ""},
		{"GET", "/v1/dead-letters?collection=" + canary, ""},
		{"POST", "/v1/dead-letters:replay", `{"collection":"` + canary + `"}`},
		{"POST", "/v1/" + canary, ""},
		{"POST", tickets + "/search", canary},
		{"POST", tickets + "/search", `{"query":{"a":"` + canary + `"}}`},
		{"POST", "/v1/collections/" + canary + "/search", `{"query":"a"}`},
	} {
		r := w.send(c.method, c.path, c.body)
		if r.status < 400 || r.status >= 500 {
			t.Errorf("%s %s answered %d", c.method, c.path, r.status)
			continue
		}
		w.problem(r)
		if strings.Contains(r.text, "Canary7") {
			t.Errorf("%s %s is answered with %s", c.method, c.path, r.text)
		}
	}
	if log := w.log.String(); strings.Contains(log, "Canary7") {
		t.Errorf("the log quotes a request: %s", log)
	}
	if r := w.ok(http.StatusOK, "GET", "/v1/audit?limit=1000", ""); strings.Contains(r.text, "Canary7") {
		t.Errorf("the trail quotes a request: %s", r.text)
	}
}
