package main_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/record"
)

// tickets are rows with a field for every role. Names and addresses are
// invented.
func tickets() (header []string, rows [][]string) {
	header = []string{"no", "subject", "body", "status", "priority", "agent", "customer_email", "opened", "paid", "remark"}
	people := []string{"Anna Karlsson", "Tomás Herrera", "Mei Tanaka"}
	for i := range 60 {
		rows = append(rows, []string{
			fmt.Sprintf("T-%d", 1000+i),
			fmt.Sprintf("Parcel %d has not arrived", i),
			fmt.Sprintf("Hello, my name is %s and the parcel that I ordered %d days ago has not arrived. Could you please look into this?", people[i%3], i),
			[]string{"open", "closed", "waiting"}[i%3], fmt.Sprint(i % 4), people[i%3],
			fmt.Sprintf("customer%d@example.com", i), fmt.Sprintf("2025-03-%02dT10:00:00Z", i%28+1), fmt.Sprint(i%2 == 0), "",
		})
	}
	return header, rows
}

func asCSV(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	w := csv.NewWriter(&b)
	header, rows := tickets()
	if err := w.WriteAll(append([][]string{header}, rows...)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func asJSONLines(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	header, rows := tickets()
	for _, row := range rows {
		m := map[string]any{"tags": []string{"parcel", row[3]}, "order": map[string]any{"lines": 2}}
		for i, v := range row {
			m[header[i]] = v
		}
		m["priority"], m["paid"] = json.Number(row[4]), row[8] == "true"
		line, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// TestInit: fields get their roles by what is in them, personal fields stay
// out, and what is proposed can be loaded.
func TestInit(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"tickets.csv": asCSV(t), "tickets.jsonl": asJSONLines(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{name: text})
			out, told := succeed(t, dir, "init", name)
			all, err := record.ParseDeclarations([]byte(out))
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			d := all[0]
			slices.Sort(d.Content)
			if got := strings.Join(d.Content, " "); d.Collection != "tickets" || got != "body subject" || d.Title != "subject" {
				t.Errorf("collection %s, content %s, title %s", d.Collection, got, d.Title)
			}
			for _, want := range []string{"status", "priority", "opened", "paid"} {
				if !slices.Contains(d.Metadata, want) {
					t.Errorf("%s is no metadata: %v", want, d.Metadata)
				}
			}
			for _, personal := range []string{"agent", "customer_email", "no", "remark", "order"} {
				if slices.Contains(d.Metadata, personal) || slices.Contains(d.Content, personal) {
					t.Errorf("%s has a role", personal)
				}
			}
			if got := d.Enums["status"]; !slices.Equal(got, []string{"closed", "open", "waiting"}) {
				t.Errorf("status is one of %v", got)
			}
			if d.Classification["body"] != record.Confidential || d.Classification["status"] != record.Internal {
				t.Errorf("classification %v", d.Classification)
			}
			for _, value := range []string{"Karlsson", "Herrera", "Tanaka", "customer7", "T-1007"} {
				if strings.Contains(out+told, value) {
					t.Errorf("a value is printed:\n%s%s", out, told)
				}
			}
			if !strings.Contains(told, "ingest --id no -f tickets.yaml "+name) {
				t.Errorf("the next command is not told: %s", told)
			}
			succeed(t, dir, "init", name, "-o", "tickets.yaml")
			succeed(t, dir, "ingest", "--id", "no", "-f", "tickets.yaml", name)
			if got := ids(t, dir, "tickets"); len(got) != 60 {
				t.Errorf("%d records", len(got))
			}
		})
	}
}

func TestInitReplacesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"tickets.csv": asCSV(t), "tickets.yaml": "mine"})
	_, told, code := holdfast(t, dir, "init", "tickets.csv", "-o", "tickets.yaml")
	if code != 1 || !strings.Contains(told, "is there already") {
		t.Errorf("exit %d: %s", code, told)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "tickets.yaml")) //nolint:gosec // in a folder of the test's own
	if err != nil || string(kept) != "mine" {
		t.Errorf("%q, %v", kept, err)
	}
}

func TestInitWithoutContent(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, `{"id":"p%d","price":%d,"state":"%s"}`+"\n", i, i, []string{"sold", "kept"}[i%2])
	}
	dir := folder(t, map[string]string{"prices.jsonl": b.String()})
	out, told, code := holdfast(t, dir, "init", "prices.jsonl")
	if code != 1 || out != "" || !strings.Contains(told, "no field of prices.jsonl holds text") {
		t.Errorf("exit %d: %s%s", code, out, told)
	}
}
