package pii_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/holdfast/holdfast/cmd/holdfast/pii"
	"github.com/holdfast/holdfast/gate"
)

var shared = sync.OnceValues(func() (*gate.Gate, error) { return gate.New(gate.Config{Key: make([]byte, gate.KeySize)}) })

func theGate(t testing.TB) *gate.Gate {
	t.Helper()
	g, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func examine(t *testing.T, dir string) (all []pii.Place) {
	t.Helper()
	p := gate.DefaultPolicy()
	x := &pii.Examiner{Gate: theGate(t), Policy: &p}
	for u, err := range pii.Units([]string{dir}, pii.Auto, nil) {
		if err != nil {
			t.Fatal(err)
		}
		found, err := x.Examine(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func TestPlacesAreWhereTheValuesAre(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.txt":       "first line\n\nmäil jane@example.com now\n",
		"b.csv":       "id;mail\n1;x\n2;\"two\nlines jane@example.com\"\n",
		"c.jsonl":     "{\"a\":\"x\"}\n{\"to\":{\"mail\":\"jane@example.com\"},\"ssn\":\"536-90-4399\"}\n",
		"sub/d.bin":   "jane@example.com\x00\x01",
		".git/config": "jane@example.com",
	})
	var got []string
	for _, p := range examine(t, dir) {
		name, err := filepath.Rel(dir, p.File)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s:%d:%d %s %s", name, p.Line, p.Column, p.Field, p.Entity))
		if p.Value != "" {
			t.Error("a value is shown unasked")
		}
	}
	slices.Sort(got)
	want := []string{"a.txt:3:6  EMAIL_ADDRESS", "b.csv:4:7 mail EMAIL_ADDRESS", "c.jsonl:2:1 ssn US_SSN", "c.jsonl:2:1 to.mail EMAIL_ADDRESS"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParquetIsRead(t *testing.T) {
	type row struct {
		Name string  `parquet:"name"`
		Mail *string `parquet:"mail,optional"`
		Rank int64   `parquet:"rank"`
	}
	mail := "jane@example.com"
	path := filepath.Join(t.TempDir(), "people.parquet")
	if err := parquet.WriteFile(path, []row{{"x", nil, 30}, {"y", &mail, 40}}); err != nil {
		t.Fatal(err)
	}
	found := examine(t, path)
	if len(found) != 1 || found[0].Line != 2 || found[0].Field != "mail" || found[0].Entity != "EMAIL_ADDRESS" {
		t.Errorf("found %+v", found)
	}
	var rows []pii.Row
	if err := pii.Rows(path, func(r pii.Row) error { rows = append(rows, r); return nil }); err != nil || len(rows) != 2 || rows[1]["rank"] != "40" {
		t.Errorf("rows %v, %v", rows, err)
	}
}

// endless is a stream of text with a value at every cut.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	const line = "the parcel came on time and nobody has complained about it so far in this long and quiet week\n"
	n := 0
	for n+len(line) <= len(p) && e.left > 0 {
		n += copy(p[n:], line)
		e.left -= len(line)
	}
	if n == 0 {
		n = copy(p, "\n")
		e.left--
	}
	return n, nil
}

func TestStreamsNeedBoundedMemory(t *testing.T) {
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	total, most := 0, uint64(0)
	for u, err := range pii.Units([]string{pii.Stdin}, pii.Auto, &endless{left: 64 << 20}) {
		if err != nil {
			t.Fatal(err)
		}
		if total += len(u.Text); !strings.HasSuffix(u.Text, "\n") {
			t.Fatal("a piece does not end with a line")
		}
		runtime.GC()
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc)
	}
	if total < 64<<20 {
		t.Errorf("saw %d bytes", total)
	}
	if grown := int64(most) - int64(before.HeapAlloc); grown > 16<<20 { //nolint:gosec // far below
		t.Errorf("64 MiB needed %d MiB", grown>>20)
	}
}

func TestAnonymizedFilesKeepTheirLayout(t *testing.T) {
	p := gate.Policy{Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Replace, MinScore: 0.4}}
	a := pii.Anonymizer{Gate: theGate(t), Policy: &p}
	for _, c := range []struct {
		format   pii.Format
		in, want string
	}{
		{pii.Text, "mail jane@example.com\n", "mail [EMAIL_ADDRESS]\n"},
		{pii.CSV, "id;mail\n7;jane@example.com\n", "id;mail\n7;[EMAIL_ADDRESS]\n"},
		{pii.JSON, `{"b":{"mail":["jane@example.com",true,null]},"a":1.50}`, `{"b":{"mail":["[EMAIL_ADDRESS]",true,null]},"a":1.50}` + "\n"},
	} {
		var out bytes.Buffer
		if err := a.Write(t.Context(), &out, strings.NewReader(c.in), c.format); err != nil || out.String() != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.format, out.String(), err, c.want)
		}
	}
}

// TestSARIF checks what the schema of SARIF 2.1.0 (OASIS) requires, and what
// it bounds, of the parts that are used.
func TestSARIF(t *testing.T) {
	//nolint:gosec // an invented token
	places := examine(t, folder(t, map[string]string{"a file.txt": "mail jane@example.com\nkey ghp_16C7e42F292c6912E7710c838347Ae178B4a\n", "b.csv": "mail\njane@example.com\n"}))
	var out bytes.Buffer
	if err := pii.SARIF(&out, "1.0", places); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "jane@") || strings.Contains(out.String(), "ghp_") {
		t.Error("values are in it")
	}
	var log map[string]any
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	need := func(what string, v any, keys ...string) map[string]any {
		t.Helper()
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("%s is no object", what)
		}
		for _, k := range keys {
			if m[k] == nil {
				t.Errorf("%s lacks %s", what, k)
			}
		}
		return m
	}
	need("log", log, "version", "runs")
	if log["version"] != "2.1.0" {
		t.Errorf("version %v", log["version"])
	}
	run := need("run", log["runs"].([]any)[0], "tool", "results")
	driver := need("driver", need("tool", run["tool"], "driver")["driver"], "name", "rules")
	rules := driver["rules"].([]any)
	for _, r := range rules {
		need("rule", r, "id")
	}
	results := run["results"].([]any)
	if len(results) != 3 {
		t.Errorf("%d results, want 3", len(results))
	}
	for _, r := range results {
		one := need("result", r, "message", "ruleId", "level", "locations")
		need("message", one["message"], "text")
		if i := int(one["ruleIndex"].(float64)); rules[i].(map[string]any)["id"] != one["ruleId"] {
			t.Error("ruleIndex and ruleId differ")
		}
		if !slices.Contains([]any{"none", "note", "warning", "error"}, one["level"]) {
			t.Errorf("level %v", one["level"])
		}
		place := need("location", need("locations", one["locations"].([]any)[0], "physicalLocation")["physicalLocation"], "artifactLocation", "region")
		if uri := need("artifact", place["artifactLocation"], "uri")["uri"].(string); strings.Contains(uri, " ") {
			t.Errorf("not a URI: %s", uri)
		}
		region := need("region", place["region"], "startLine")
		if region["startLine"].(float64) < 1 {
			t.Error("lines begin with 1")
		}
		if column, ok := region["startColumn"].(float64); ok && (column < 1 || region["endColumn"].(float64) <= column) {
			t.Errorf("columns %v", region)
		}
	}
}

func TestFieldsAreClassified(t *testing.T) {
	p := &pii.Profile{Gate: theGate(t)}
	for i := range 40 {
		row := pii.Row{
			"id": fmt.Sprint(i), "contact": fmt.Sprintf("user%d@example.com", i), "state": "open", "userPassword": "x", "blob": "fine",
			"number": fmt.Sprintf("41111111111111%02d", i),
		}
		if i == 7 {
			row["blob"] = "mail jane@example.com"
		}
		if i%2 == 0 {
			row["number"] = "4111111111111111"
		}
		if err := p.Add(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"id": "internal", "contact": "confidential", "state": "internal", "userPassword": "restricted", "blob": "confidential", "number": "restricted"}
	for _, one := range p.Proposals() {
		if want[one.Field] != one.Classification {
			t.Errorf("%s is proposed as %s (%s), want %s", one.Field, one.Classification, one.Why, want[one.Field])
		}
	}
}

func TestRiskIsMeasured(t *testing.T) {
	r := &pii.Risk{Quasi: []string{"age", "zip"}, Sensitive: []string{"illness"}}
	for _, row := range []string{"30 a flu", "30 a flu", "30 a cold", "40 b flu", "40 b flu", "50 c flu"} {
		f := strings.Fields(row)
		r.Add(pii.Row{"age": f[0], "zip": f[1], "illness": f[2]})
	}
	got := r.Measure()
	if got.Rows != 6 || got.Groups != 3 || got.K != 1 || got.Unique != 1 || got.Below5 != 6 || got.L["illness"] != 1 {
		t.Errorf("measured %+v", got)
	}
}

func TestCasesOfAPolicy(t *testing.T) {
	p := gate.Policy{Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Replace, MinScore: 0.4}}
	cases, err := pii.ParseCases([]byte(`
- text: Write to jane.doe@example.com
  entities: [EMAIL_ADDRESS]
  actions: {EMAIL_ADDRESS: replace}
  output: Write to [EMAIL_ADDRESS]
- text: Write to jane.doe@example.com
  entities: [PERSON]
  actions: {EMAIL_ADDRESS: mask, PERSON: mask}
  output: Write to jane.doe@example.com
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{0, 6} {
		diff, err := pii.Check(t.Context(), theGate(t), &p, cases[i], false)
		if err != nil || len(diff) != want {
			t.Errorf("case %d: %q, %v", i+1, diff, err)
		}
		if strings.Contains(strings.Join(diff, ""), "jane") {
			t.Error("a value is shown unasked")
		}
	}
	if diff, err := pii.Check(t.Context(), theGate(t), &p, cases[1], true); err != nil || !strings.Contains(strings.Join(diff, ""), "jane") {
		t.Errorf("asked for values: %q, %v", diff, err)
	}
	if _, err := pii.ParseCases([]byte("- txt: x\n")); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("an unknown key: %v", err)
	}
}
