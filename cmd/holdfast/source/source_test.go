package source

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes a file and opens it as a source.
func write(t *testing.T, name, content string, o Options) *Source {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func rowsOf(s *Source, from Mark) []Row { return slices.Collect(s.Rows(from)) }

// brief shows a row in one line: where, and the record or the reason.
func brief(r Row) string {
	if r.Err != nil {
		return fmt.Sprintf("%d: %v", r.Line, r.Err)
	}
	if r.Delete {
		return fmt.Sprintf("%d: delete %s", r.Line, r.ID)
	}
	return fmt.Sprintf("%d: %s %s", r.Line, r.ID, r.Fields)
}

func check(t *testing.T, s *Source, want ...string) {
	t.Helper()
	var got []string
	for _, r := range rowsOf(s, Mark{}) {
		got = append(got, brief(r))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestJSONLines(t *testing.T) {
	s := write(t, "a.jsonl", "\uFEFF"+`{"id":"a","fields":{"x":1.50}}
{"x":"flat","id":"b","y":[1, 2]}

{"id":7}
{"id":"c","delete":true}
{"id":"d","fields":{"x":1},"more":2}`, Options{})
	check(t, s, `1: a {"x":1.50}`, `2: b {"x":"flat","y":[1, 2]}`, `4: 7 {}`, `5: delete c`, `6: d {"fields":{"x":1},"more":2}`)
}

func TestJSONLinesByAnotherID(t *testing.T) {
	s := write(t, "a.jsonl", `{"no":"T-1","id":5,"x":1}
{"id":5}`, Options{ID: "no"})
	check(t, s, `1: T-1 {"id":5,"x":1}`, `2: no: is missing; it was named as the id`)
}

func TestJSONLinesRefused(t *testing.T) {
	for line, why := range map[string]string{
		`{"id":"a"`:                     "the JSON ends too early",
		`{"id":"a","x":1,"x":2}`:        "a name stands twice",
		`{"id":"a","x":{"y":1,"y":2}}`:  "a name stands twice",
		`{"id":"a","id":"b"}`:           "a name stands twice",
		`{"x":1}`:                       "id: is missing",
		`{"id":null,"x":1}`:             "id: is missing",
		`{"id":{},"x":1}`:               "id: must be a string or a number",
		`{"id":"","x":1}`:               "id: is missing",
		`{"id":"a\u0000","x":1}`:        "id: holds a control character",
		`{"id":"a","fields":"text"}`:    "fields: must be an object",
		`{"id":"a"} {"id":"b"}`:         "there is more after the JSON object",
		`[1]`:                           "the line must be a JSON object",
		`plain words`:                   "the line must be a JSON object",
		"{\"id\":\"a\",\"x\":\"\xff\"}": "not valid UTF-8",
	} {
		s := write(t, "a.jsonl", `{"id":"first"}`+"\n"+line+"\n"+`{"id":"last"}`, Options{})
		got := rowsOf(s, Mark{})
		if len(got) != 3 || got[0].Err != nil || got[2].ID != "last" {
			t.Errorf("%q: the rows around it were not read", line)
			continue
		}
		if err := got[1].Err; err == nil || !strings.Contains(err.Error(), why) || got[1].Line != 2 {
			t.Errorf("%q: line %d: %v, want 2: %s", line, got[1].Line, err, why)
		}
	}
}

func TestCSV(t *testing.T) {
	s := write(t, "a.csv", "\uFEFF\"id\";Order No;Text;Price;Paid;;Zip\r\n"+
		"1;A;\"line one\r\nline two; \"\"quoted\"\"\";3.50;true;;01234\r\n"+
		"2;B\r\n"+
		"\r\n"+
		"3;C;;4;FALSE;;99999\r\n"+
		"4;\"open;x;1;true;;1\r\n"+
		"5;D;x;5;true;;2\r\n"+
		"6;a\"b;x;1;true;;2\r\n"+
		";E;x;1;true;;2\r\n"+
		"7;\xff;x;1;true;;2\r\n"+
		"8;F;last;1;false;;3", Options{})
	check(t, s,
		`2: 1 {"Order_No":"A","Text":"line one\nline two; \"quoted\"","Price":3.50,"Paid":true,"Zip":"01234"}`,
		`4: the row has 2 values, the header 7`,
		`6: 3 {"Order_No":"C","Price":4,"Paid":false,"Zip":"99999"}`,
		`7: a quote is left open, or something follows the one that closes a value`,
		`8: 5 {"Order_No":"D","Text":"x","Price":5,"Paid":true,"Zip":"2"}`,
		`9: a value that is not in quotes holds a quote; write it as "…""…"`,
		`10: id: is missing`,
		`11: Order_No: is not valid UTF-8; save the file as UTF-8`,
		`12: 8 {"Order_No":"F","Text":"last","Price":1,"Paid":false,"Zip":"3"}`,
	)
}

func TestCSVBlankLinesBeforeTheHeader(t *testing.T) {
	s := write(t, "a.csv", "\r\n\nid;text\n1;a,b\n", Options{})
	check(t, s, `4: 1 {"text":"a,b"}`)
}

// TestCSVOpenQuote: a quote that nothing closes costs its own row only,
// however many rows follow.
func TestCSVOpenQuote(t *testing.T) {
	const after = 50_000
	var b strings.Builder
	b.WriteString("id,text\n0,\"never closed\n")
	for i := range after {
		fmt.Fprintf(&b, "r%d,text\n", i)
	}
	s := write(t, "a.csv", b.String(), Options{})
	got := rowsOf(s, Mark{})
	if len(got) != after+1 || got[0].Err == nil || got[0].Line != 2 {
		t.Fatalf("%d rows, the first: %s", len(got), brief(got[0]))
	}
	for i, r := range got[1:] {
		if r.Err != nil || r.ID != fmt.Sprintf("r%d", i) || r.Line != int64(i+3) {
			t.Fatalf("row %d: %s", i, brief(r))
		}
	}
}

// TestLongLines: a line beyond the limit is refused wherever it stands, and
// not kept.
func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", MaxRow)
	s := write(t, "a.jsonl", `{"id":"a"}`+"\n"+`{"id":"`+long+`"}`+"\n"+`{"id":"b"}`, Options{})
	check(t, s, `1: a {}`, `2: the line is longer than 16 MiB`, `3: b {}`)
	s = write(t, "a.csv", "id,text\n1,a\n2,\"open\n3,"+long+"\n4,d\n", Options{})
	check(t, s, `2: 1 {"text":"a"}`, `3: the line is longer than 16 MiB`, `4: the line is longer than 16 MiB`, `5: 4 {"text":"d"}`)
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, why string }{
		"array.json":  {`[{"id":1}]`, "is one JSON array"},
		"pretty.json": {"{\n \"id\": 1\n}", "JSON over several lines"},
		"utf16.csv":   {"\xff\xfei\x00d\x00", "is UTF-16"},
		"binary":      {"\x7fELF\x00\x01", "is a binary file"},
		"noid.csv":    {"name,text\nx,y\n", `has no column "id"`},
		"twice.csv":   {"id,a,a\n", "columns 2 and 3 have the same name"},
		"bad.gz":      {"not gzip", "is not in gzip form"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, want %s", name, err, c.why)
		}
	}
}

func TestGzip(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, `{"id":"a"}`+"\n"+`{"id":"b"}`+"\n"+`{"id":"c"}`); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	whole := b.String()
	s := write(t, "a.jsonl.gz", whole, Options{})
	all := rowsOf(s, Mark{})
	check(t, s, "1: a {}", "2: b {}", "3: c {}")
	if rest := rowsOf(s, all[0].End); len(rest) != 2 || rest[0].ID != "b" || rest[0].Line != 2 {
		t.Errorf("from the second row on: %v", rest)
	}
	if s.Position() != int64(len(whole)) {
		t.Errorf("read %d of %d bytes", s.Position(), len(whole))
	}
	s = write(t, "cut.jsonl.gz", whole[:len(whole)-12], Options{})
	got := rowsOf(s, Mark{})
	if last := got[len(got)-1]; last.Err == nil || !strings.Contains(last.Err.Error(), "breaks off") {
		t.Errorf("a cut file ends with %s", brief(last))
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"README":          "Just words.",
		"a/guide.md":      "---\nauthor: x\n---\n```\n# not this\n```\n\n## The guide ##\n\ntext",
		"a/plain.txt":     "no heading here",
		"a/under.rst":     "Overline\n========\n",
		"b/front.md":      "---\ntitle: \"From the front\"\n---\n# Later\n",
		"b/latin1.txt":    "caf\xe9",
		"b/tag.md":        "#hashtag is no heading",
		"b/zip.txt":       "PK\x00\x01",
		"b/empty.md":      " \n",
		"c.go":            "package c",
		".git/HEAD.md":    "# not looked at",
		".hidden.md":      "# not looked at",
		"z with space.md": "# Spaced",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	titles, others := map[string]string{}, map[string]string{}
	for _, r := range rowsOf(s, Mark{}) {
		rel, err := filepath.Rel(dir, r.File)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Err != nil:
			others[filepath.ToSlash(rel)] = r.Err.Error()
		case r.Skipped != "":
			others[filepath.ToSlash(rel)] = r.Skipped
		default:
			var f struct{ Title, Body, Path, Modified string }
			if err := json.Unmarshal(r.Fields, &f); err != nil {
				t.Fatal(err)
			}
			if f.Path != r.ID || f.Body == "" || f.Modified == "" {
				t.Errorf("%s: incomplete: %+v", r.ID, f)
			}
			titles[r.ID] = f.Title
		}
	}
	if want := map[string]string{
		"README": "README", "a/guide.md": "The guide", "a/plain.txt": "plain.txt", "a/under.rst": "Overline", "b/front.md": "From the front",
		"b/tag.md": "tag.md", "z with space.md": "Spaced",
	}; !maps.Equal(titles, want) {
		t.Errorf("titles %v, want %v", titles, want)
	}
	if want := map[string]string{
		"b/latin1.txt": "the text is not valid UTF-8; save the file as UTF-8", "b/zip.txt": "is a binary file", "b/empty.md": "is empty", "c.go": OtherKind,
	}; !maps.Equal(others, want) {
		t.Errorf("others %v, want %v", others, want)
	}
}

func TestStampTellsChange(t *testing.T) {
	s := write(t, "a.jsonl", `{"id":"a"}`, Options{})
	before, ok := s.Stamp()
	if again, _ := s.Stamp(); !ok || again != before {
		t.Fatalf("%v, then %v", before, again)
	}
	if err := os.WriteFile(s.Path, []byte(`{"id":"b"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if after, _ := s.Stamp(); after.Head == before.Head {
		t.Error("another content has the same stamp")
	}
	if _, ok := (&Source{Path: Stdin, Kind: JSONL}).Stamp(); ok {
		t.Error("standard input has a stamp")
	}
}

func inMemory(data []byte, kind Kind) *Source {
	return &Source{Path: Stdin, Kind: kind, id: "id", stdin: bytes.NewReader(data)}
}

// resumes checks that reading can stop after any row and go on there, that
// rows come in order, and that what is read is a JSON object.
func resumes(t *testing.T, data []byte, kind Kind) []Row {
	t.Helper()
	if kind == CSV && inMemory(data, kind).learn() != nil {
		return nil // refused as a whole
	}
	open := func() *Source {
		s := inMemory(data, kind)
		if kind == CSV {
			if err := s.learn(); err != nil {
				t.Fatal(err)
			}
			s.stdin = bytes.NewReader(data)
		}
		return s
	}
	all := rowsOf(open(), Mark{})
	line, offset := int64(0), int64(0)
	for i, r := range all {
		if r.Line <= line || r.End.Offset <= offset || r.End.Offset > int64(len(data)) || r.End.Line < r.Line {
			t.Fatalf("row %d: line %d after %d, end %v after %d of %d", i, r.Line, line, r.End, offset, len(data))
		}
		line, offset = r.Line, r.End.Offset
		if r.Err == nil && !r.Delete && !json.Valid(r.Fields) {
			t.Fatalf("row %d: fields are no JSON: %s", i, r.Fields)
		}
		if r.Err == nil && r.ID == "" {
			t.Fatalf("row %d has no id", i)
		}
	}
	for i, r := range all {
		if i > 8 && i < len(all)-8 {
			continue
		}
		rest := rowsOf(open(), r.End)
		if len(rest) != len(all)-i-1 {
			t.Fatalf("from row %d of %d on there are %d", i+1, len(all), len(rest))
		}
		for k, got := range rest {
			if want := all[i+1+k]; brief(got) != brief(want) || got.End != want.End {
				t.Fatalf("read on from row %d: %s, want %s", i+1, brief(got), brief(want))
			}
		}
	}
	return all
}

func FuzzJSONLines(f *testing.F) {
	f.Add([]byte("{\"id\":\"a\"}\n{\"id\":\"b\",\"fields\":{\"x\":1}}\r\n\n{\"id\":1,\"delete\":true}"))
	f.Add([]byte("\xef\xbb\xbf{\"id\":\"a\",\"a\":1,\"a\":2}\nnull\n{"))
	f.Fuzz(func(t *testing.T, data []byte) { resumes(t, data, JSONL) })
}

// FuzzCSV: where encoding/csv reads the whole of a file, so do we, with the
// same ids; elsewhere every mark is a place to go on from.
func FuzzCSV(f *testing.F) {
	f.Add([]byte("id,text\n1,a\n2,\"b\nc\"\n3,\"open\n4,d\n"))
	f.Add([]byte("\xef\xbb\xbfid;text\r\n1;\"a\"\"b\"\r\n\r\n2\r\n3;a\"b\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := resumes(t, data, CSV)
		s := inMemory(data, CSV)
		if err := s.learn(); err != nil {
			return
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte(byteOrderMark))))
		r.Comma = s.layout.comma
		whole, err := r.ReadAll()
		if err != nil || len(whole) == 0 {
			return
		}
		if len(got) != len(whole)-1 {
			t.Fatalf("%d rows, encoding/csv reads %d", len(got), len(whole)-1)
		}
		at := slices.IndexFunc(s.layout.columns, func(c column) bool { return c.name == "id" })
		for i, row := range got {
			if row.Err == nil && row.ID != whole[i+1][at] {
				t.Fatalf("row %d is not the one that encoding/csv reads", i)
			}
		}
	})
}

func BenchmarkRows(b *testing.B) {
	var lines, table strings.Builder
	table.WriteString("id,status,n,body\n")
	body := strings.Repeat("some words of text ", 50)
	for i := range 1000 {
		fmt.Fprintf(&lines, "{\"id\":\"r%d\",\"status\":\"open\",\"n\":%d,\"body\":%q}\n", i, i, body)
		fmt.Fprintf(&table, "r%d,open,%d,%q\n", i, i, body)
	}
	for name, text := range map[string]string{"a.jsonl": lines.String(), "a.csv": table.String()} {
		b.Run(name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), name)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
			s, err := Open(path, Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				for row := range s.Rows(Mark{}) {
					if row.Err != nil {
						b.Fatal(row.Err)
					}
				}
			}
		})
	}
}
