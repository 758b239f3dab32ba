package holdfast_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

// canary is an invented value that must never leave the record store.
type canary struct {
	what     string
	value    string // all of it, or the part that says most
	sentence string // as somebody would write it
}

var canaries = []canary{
	{"name", "Thorneycroft", "Dear Gwendolyn Thorneycroft, thank you for your letter."},
	{"mail address", "g.vandermolen@quillmail.org", "Please answer to g.vandermolen@quillmail.org as soon as you can."},
	{"telephone", "+1 415 867 5309", "My phone number is +1 415 867 5309, call me any time."},
	{"card", "4539 1488 0343 6467", "The credit card 4539 1488 0343 6467 was charged twice."},
	{"IBAN", "DE89 3704 0044 0532 0130 00", "Pay it back to the IBAN DE89 3704 0044 0532 0130 00, please."},
	{"SSN", "536-90-4399", "My social security number is 536-90-4399."},
	{"key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "The token ghp_16C7e42F292c6912E7710c838347Ae178B4a does not work any more."},
	{"password", "Tr0ub4dorZx9", "My password: Tr0ub4dorZx9 is refused."},
	{"address", "1423 Wisteria Hollow Lane", "Send the parcel to 1423 Wisteria Hollow Lane, Springfield, IL 62704."},
}

// kept are canaries where text is not looked at: in metadata, in fields that
// nobody declared, in a record's id.
var kept = []canary{
	{what: "metadata", value: "Owner Brightwater-Okonkwo"},
	{what: "list in metadata", value: "tagged-Zsuzsanna-Halloran"},
	{what: "undeclared field", value: "Undeclared Featherstonehaugh"},
	{what: "record id", value: "id-of-Ottoline-Cholmondeley"},
	{what: "nested content", value: "Nested Marjoribanks"},
}

// plain leaves letters and digits, in lower case.
func plain(data []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, data)
}

// leaks lists the canaries that are in data: as they are, in any case, or
// without what separates their parts.
func leaks(data []byte) (found []string) {
	lower, bare := bytes.ToLower(data), plain(data)
	for _, c := range slices.Concat(canaries, kept) {
		value := []byte(c.value)
		if bytes.Contains(lower, bytes.ToLower(value)) || bytes.Contains(bare, plain(value)) {
			found = append(found, c.what)
		}
	}
	return found
}

func wantNoLeak(t *testing.T, where string, data []byte) {
	t.Helper()
	if found := leaks(data); len(found) > 0 {
		t.Errorf("%s shows: %v", where, found)
	}
}

// TestInvariant3NothingPersonalGetsThrough plants values everywhere a caller
// can, makes some of the records fail in every way, asks for them, and then
// looks at everything but the records themselves.
func TestInvariant3NothingPersonalGetsThrough(t *testing.T) {
	var log logs
	log.from = -100
	r := start(t, setup{log: log.logger(), retry: quick(2), policies: []gate.Policy{vaulted(t)}})
	r.declare("v", func(d *record.Declaration) { d.Policy, d.Subject = "vaulted", "owner" })
	r.declare("c", func(d *record.Declaration) { d.Policy, d.Metadata = "default", append(d.Metadata, "tags") })
	model := r.models[0]
	// This model's errors quote whatever it is given.
	model.fail(func(_ context.Context, text string) error {
		switch {
		case strings.Contains(text, "furious"):
			panic(text)
		case strings.Contains(text, "refusable"):
			return fault.New(fault.Invalid, "bad input: %s", text)
		case strings.Contains(text, "slow"):
			return fault.New(fault.Unavailable, "timeout: %s", text)
		}
		return nil
	}, nil)
	var letter strings.Builder
	for _, c := range canaries {
		letter.WriteString(c.sentence + " The harbour lantern has arrived. ")
	}
	more := []any{
		"state", "open", "owner", kept[0].value, "tags", []any{kept[1].value, "x"}, "remark", kept[2].value + letter.String(),
	}
	for id, body := range map[string]string{
		"well": letter.String(), kept[3].value: letter.String(), "refused": "refusable. " + letter.String(),
		"panics": "furious. " + letter.String(), "times out": "slow. " + letter.String(), "old": "harbour",
	} {
		r.write("c", put(id, body, more...))
	}
	nested := put("nested", "", more...)
	nested.Fields["body"] = map[string]any{"deep": kept[4].value}
	r.write("c", nested)
	r.settle("c")
	r.write("c", put("old", letter.String(), more...), patch("well", record.Fields{"owner": kept[0].value + "!"}), remove(kept[3].value))
	r.settle("c")
	if dead := r.dead("c"); len(dead) != 4 {
		t.Errorf("%d dead letters, want 4: %+v", len(dead), dead)
	}

	r.write("v", put("vaulted", letter.String(), more...), put("again", letter.String(), more...))
	r.settle("v")
	r.askEverything(t, letter.String())
	r.askVault(t, letter.String())
	metrics := httptest.NewRecorder()
	r.Metrics().Handler().ServeHTTP(metrics, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if !strings.Contains(metrics.Body.String(), `holdfast_gate_entities_total{action="pseudonym",entity="PERSON"}`) {
		t.Error("the metrics do not count persons")
	}
	wantNoLeak(t, "metrics", metrics.Body.Bytes())
	for _, text := range model.seen {
		wantNoLeak(t, "the model", []byte(text))
	}
	r.scanTables(t)
	scanFiles(t, r.dir)
	r.close() // which writes snapshots
	scanFiles(t, r.dir)
	wantNoLeak(t, "the log", []byte(log.String()))
}

// askEverything does with the canaries what a caller can do wrong and right.
func (r *rig) askEverything(t *testing.T, letter string) {
	t.Helper()
	id := kept[3].value
	var errs []error
	note := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("an error was expected")
		}
		errs = append(errs, err)
	}
	one := int64(77)
	done, err := r.Write(t.Context(), "c", []record.Write{
		patch(id+" missing", record.Fields{"body": letter}),
		{ID: "well", Fields: record.Fields{"body": letter}, IfVersion: &one},
		{ID: id + "\x00", Fields: record.Fields{"body": letter}},
		{ID: "bad", Fields: record.Fields{"body": letter, "n": make(chan int)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range done {
		note(w.Err)
	}
	_, err = r.Record(t.Context(), "c", id)
	note(err)
	for _, filter := range []string{
		`{"owner":{"$gte":["` + kept[0].value + `"]}}`, `{"owner":{"$near":"` + kept[0].value + `"}}`, `{"owner":"` + kept[0].value, `{"owner":{"x":"` + kept[0].value + `"}}`,
	} {
		_, err = r.Search(t.Context(), admin, "c", search.Query{Text: gate.NewRaw(letter), Filter: []byte(filter)})
		note(err)
	}
	for _, err := range errs {
		wantNoLeak(t, "an error", []byte(fmt.Sprintf("%v %+v %#v", err, err, err)))
	}
	for mode, want := range map[search.Mode]int{search.Hybrid: 2, search.Vector: 2, search.Lexical: 2} {
		got := r.find("c", letter, search.Query{Mode: mode, Filter: filterJSON(t, map[string]any{"tags": kept[1].value})})
		if len(got) != want {
			t.Errorf("%s finds %v", mode, ids(got))
		}
		for _, one := range got {
			wantNoLeak(t, "a passage", []byte(one.Passage.Text))
			wantNoLeak(t, "a formatted result", []byte(fmt.Sprintf("%v %+v %#v", one, one, one)))
			for field := range one.Fields {
				if !slices.Contains([]string{"state", "owner", "tags"}, field) {
					t.Errorf("field %s is returned unasked", field)
				}
			}
		}
	}
	r.askOverHTTP(t, letter)
	if _, err := r.Decide(t.Context(), access.Principal{Name: "nobody"}, access.Write, "c"); err != nil {
		t.Fatal(err)
	}
}

// askOverHTTP sends what is wrong; no answer quotes it.
func (r *rig) askOverHTTP(t *testing.T, letter string) {
	t.Helper()
	h := api.New(api.Config{App: r.App, Log: r.log, Token: "token"})
	path := "/v1/collections/c/records/" + strings.ReplaceAll(kept[3].value, " ", "%20")
	for _, c := range []struct{ method, path, body string }{
		{http.MethodGet, path, ""},
		{http.MethodGet, path + "%20missing", ""},
		{http.MethodPatch, path, `{"fields":{"body":"` + letter + `"}}`},
		{http.MethodPut, path, `{"fields":{"body":"` + letter + `"`},
		{http.MethodPut, path, `{"body":"` + letter + `"}`},
		{http.MethodPut, path, `{"fields":{"owner":"` + kept[0].value + `","owner":"x"}}`},
		{http.MethodPost, "/v1/collections/c/search", `{"query":"` + letter + `","k":-1}`},
		{http.MethodPost, "/v1/collections/c/search", `{"query":["` + letter + `"]}`},
		{http.MethodPost, "/v1/collections/c/search", `{"query":"` + letter + `","filter":{"owner":{"$near":"` + kept[0].value + `"}}}`},
		{http.MethodGet, "/v1/collections/" + strings.ReplaceAll(kept[0].value, " ", "%20") + "/status", ""},
		{http.MethodGet, "/v1/runs?state=" + strings.ReplaceAll(kept[0].value, " ", "%20"), ""},
	} {
		request := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		request.RemoteAddr, request.Host = "127.0.0.1:4000", "127.0.0.1"
		request.Header.Set("Authorization", "Bearer token")
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		if answer.Code < 400 || answer.Code == http.StatusUnauthorized {
			t.Errorf("%s answers %d", c.method, answer.Code)
		}
		wantNoLeak(t, fmt.Sprintf("%s, answer %d", c.method, answer.Code), answer.Body.Bytes())
	}
	// What is right leaves no trace in the audit trail either.
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPut, path, `{"fields":{"body":"` + letter + `"}}`},
		{http.MethodGet, path, ""},
		{http.MethodPost, "/v1/collections/c/search", `{"query":"` + letter + `"}`},
		{http.MethodDelete, path, ""},
	} {
		request := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
		request.RemoteAddr, request.Host = "127.0.0.1:4000", "127.0.0.1"
		request.Header.Set("Authorization", "Bearer token")
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		if answer.Code >= 300 {
			t.Errorf("%s answers %d: %s", c.method, answer.Code, answer.Body)
		}
	}
	r.settle("c")
}

// vaulted is a policy that does to values everything that can be undone: what
// they were is in the vault, or in the text, encrypted. Its list is a file:
// what stands in a policy itself is stored with every generation.
func vaulted(t *testing.T) gate.Policy {
	t.Helper()
	path := filepath.Join(t.TempDir(), "people.txt")
	if err := os.WriteFile(path, []byte("Gwendolyn Thorneycroft\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := gate.Policy{
		Name: "vaulted", Version: 1, Otherwise: gate.Rule{Action: gate.Pseudonym, Restore: true, MinScore: 0.3},
		Rules: gate.Rules{
			"EMAIL_ADDRESS": {Action: gate.Encrypt}, "CREDIT_CARD": {Action: gate.Format}, "PHONE_NUMBER": {Action: gate.Surrogate}, "SECRET": {Action: gate.Replace},
		},
		Deny: []*gate.List{{Entity: "PERSON", File: path}},
	}
	if err := p.Resolve(""); err != nil {
		t.Fatal(err)
	}
	return p
}

// askVault restores what the vault holds, in the ways in which one may not,
// and audits it; only the answer to who may tells values.
func (r *rig) askVault(t *testing.T, letter string) {
	t.Helper()
	if n := len(r.query("SELECT token FROM vault")); n == 0 {
		t.Error("the vault is empty")
	}
	shown := ""
	for _, one := range r.find("v", letter, search.Query{Mode: search.Lexical}) {
		shown += one.Passage.Text + " "
	}
	wantNoLeak(t, "a passage with pseudonyms", []byte(shown))
	restored, err := r.Restore(t.Context(), admin, shown, "proof for "+canaries[1].value)
	if err != nil || len(leaks([]byte(restored.Disclose()))) == 0 {
		t.Errorf("nothing is restored: %v", err)
	}
	wantNoLeak(t, "a formatted restored text", []byte(fmt.Sprintf("%v %+v %#v", restored, restored, restored)))
	_, denied := r.Restore(t.Context(), access.Principal{Name: "guest"}, shown, canaries[1].sentence)
	wantNoLeak(t, "a refusal", []byte(fmt.Sprint(denied)))
	found, err := r.AuditPrivacy(t.Context(), "v", 100)
	if err != nil {
		t.Fatal(err)
	}
	wantNoLeak(t, "an audit", []byte(fmt.Sprintf("%+v", found)))
	h := api.New(api.Config{App: r.App, Log: r.log, Token: "token"})
	for _, c := range []struct{ path, body string }{
		{"/v1/restore", `{"text":` + quoted(shown) + `}`},
		{"/v1/restore", `{"text":` + quoted(letter) + `,"purpose":7}`},
		{"/v1/keys:forget", `{"subject":` + quoted(kept[0].value+" nobody") + `}`},
		{"/analyze", `{"text":` + quoted(letter) + `,"language":"en","return_decision_process":true}`},
		{"/analyze", `{"text":` + quoted(letter) + `,"language":` + quoted(kept[0].value) + `}`},
		{"/anonymize", `{"text":` + quoted(letter) + `,"analyzer_results":[{"start":0,"end":100000,"score":1,"entity_type":` + quoted(kept[0].value) + `}]}`},
		{"/deanonymize", `{"text":` + quoted(letter) + `,"anonymizer_results":[{"start":"` + kept[0].value + `"}]}`},
	} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, strings.NewReader(c.body))
		request.Header.Set("Authorization", "Bearer token")
		request.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, request)
		wantNoLeak(t, fmt.Sprintf("%s, answer %d", c.path, answer.Code), answer.Body.Bytes())
	}
}

func quoted(s string) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// scanTables looks at every table of the database: the canaries are in the
// records, all of them, and in no other.
func (r *rig) scanTables(t *testing.T) {
	t.Helper()
	rows := 0
	for _, table := range r.query("SELECT name FROM sqlite_master WHERE type = 'table'") {
		var all []byte
		for _, row := range r.query(fmt.Sprintf("SELECT * FROM %q", table[0])) {
			for _, v := range row {
				all = fmt.Appendf(all, "%s\n", v)
			}
			rows++
		}
		switch table[0] {
		case "records":
			if found := leaks(all); len(found) != len(canaries)+len(kept) {
				t.Errorf("of the canaries only these were planted: %v", found)
			}
		case "record_versions":
		default:
			wantNoLeak(t, fmt.Sprintf("table %s", table[0]), all)
		}
	}
	if n := len(r.query("SELECT number FROM audit")); n == 0 || rows < 100 {
		t.Errorf("%d rows were looked at, %d of the audit trail", rows, n)
	}
}

// scanFiles looks at every file of a data folder but the database.
func scanFiles(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "holdfast.db") {
			return err
		}
		f, err := os.Open(path) //nolint:gosec // the test's own
		if err != nil {
			return err
		}
		data, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		files++
		name, err := filepath.Rel(dir, path)
		wantNoLeak(t, name, append(data, name...))
		return errors.Join(err, f.Close())
	})
	if err != nil || files == 0 {
		t.Errorf("looked at %d files: %v", files, err)
	}
}
