package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

func TestParseFieldsRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"duplicate name":        `{"a":"secretvalue","a":2}`,
		"nested duplicate name": `{"a":{"b":"secretvalue","b":2}}`,
		"no object":             `["secretvalue"]`,
		"null":                  `null`,
		"truncated":             `{"a":"secretvalue`,
		"trailing":              `{"a":1} {"secretvalue":1}`,
		"bad UTF-8":             "{\"a\":\"secretvalue\xff\"}",
		"empty":                 ``,
	} {
		_, err := record.ParseFields([]byte(in))
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want an invalid fault", name, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error quotes the input: %v", name, err)
		}
	}
}

func TestFieldsKeepNumbersExact(t *testing.T) {
	const in = `{"big":9007199254740993,"price":0.10,"list":[1,"x",null,true],"o":{"k":{}}}`
	f, err := record.ParseFields([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := record.ParseFields(out)
	if err != nil || again["big"] != json.Number("9007199254740993") || again["price"] != json.Number("0.10") {
		t.Fatalf("round trip gave %s, %v", out, err)
	}
}

func TestFieldsNeverPrintValues(t *testing.T) {
	f := record.Fields{"body": "secretvalue"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "fields", f, "record", record.Record{Fields: f})
	for _, s := range []string{
		fmt.Sprint(f), fmt.Sprintf("%+v %#v %q %x", f, f, f, f), fmt.Sprintf("%v %+v", record.Record{Fields: f}, []record.Fields{f}),
	} {
		if strings.Contains(s, "secret") || strings.Contains(s, "736563") {
			t.Errorf("fields printed as %s", s)
		}
	}
}

func TestFilter(t *testing.T) {
	d := record.Declaration{Collection: "c", Content: []string{"body"}, Metadata: []string{"status", "priority", "tags", "at", "vip", "none"}}
	if err := d.Complete(); err != nil {
		t.Fatal(err)
	}
	f, err := record.ParseFields([]byte(`{"status":"open","priority":2,"tags":["a","b"],"at":"2026-03-01T12:00:00+02:00","vip":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]bool{
		``:                                           true,
		`{}`:                                         true,
		`{"status":"open"}`:                          true,
		`{"status":"shut"}`:                          false,
		`{"priority":2.0}`:                           true,
		`{"priority":{"$gte":2,"$lt":3}}`:            true,
		`{"priority":{"$gt":2}}`:                     false,
		`{"priority":"2"}`:                           false,
		`{"tags":{"$in":["b","z"]}}`:                 true,
		`{"tags":{"$nin":["b"]}}`:                    false,
		`{"tags":"a","status":{"$ne":"open"}}`:       false,
		`{"at":"2026-03-01T10:00:00Z"}`:              true,
		`{"at":{"$lt":"2026-03-01T10:00:01Z"}}`:      true,
		`{"vip":true}`:                               true,
		`{"none":{"$exists":false}}`:                 true,
		`{"none":{"$ne":1}}`:                         true,
		`{"none":1}`:                                 false,
		`{"$or":[{"status":"x"},{"priority":2}]}`:    true,
		`{"$not":{"status":"open"}}`:                 false,
		`{"$and":[{"vip":true},{"$not":{"vip":1}}]}`: true,
		`{"priority":{"$not":{"$gte":3}}}`:           true,
	} {
		got, err := d.ParseFilter([]byte(filter))
		if err != nil {
			t.Errorf("%s: %v", filter, err)
		} else if got.Match(f) != want {
			t.Errorf("%s matched: %v", filter, !want)
		}
	}
	for _, bad := range []string{`{"body":"x"}`, `{"x":1}`, `{"status":{"$regex":"x"}}`, `{"status":["a"]}`, `[]`, `{"$or":{}}`, `{"$nor":[]}`} {
		if _, err := d.ParseFilter([]byte(bad)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v, want an invalid fault", bad, err)
		}
	}
}

func TestDeclarationErrorsNameThePlace(t *testing.T) {
	for in, want := range map[string]string{
		"collection: t\ncontent: [a]\nmetadta: [b]\n":                      "line 3",
		"collection: T\ncontent: [a]\n":                                    "collection",
		"collection: t\n":                                                  "content",
		"collection: t\ncontent: [a]\nmetadata: [a]\n":                     "metadata[0]",
		"collection: t\ncontent: [a]\ntitle: z\n":                          "title",
		"collection: t\ncontent: [a]\nchunking: {target: 200, max: 100}\n": "chunking.max",
		"collection: t\ncontent: [a]\nclassification: {a: topsecret}\n":    "classification.a",
	} {
		_, err := record.ParseDeclarations([]byte(in))
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to name %s", in, err, want)
		}
	}
}

func TestMergePatch(t *testing.T) {
	f, _ := record.ParseFields([]byte(`{"a":1,"b":{"c":1,"d":2}}`))
	p, _ := record.ParseFields([]byte(`{"a":null,"b":{"c":3},"e":[]}`))
	got, err := json.Marshal(f.Merge(p))
	if want := `{"b":{"c":3,"d":2},"e":[]}`; err != nil || string(got) != want {
		t.Fatalf("got %s, %v", got, err)
	}
}

func TestContentThatIsNotTextIsRefused(t *testing.T) {
	f, err := record.ParseFields([]byte(`{"a":"x","b":["x",null,"y"],"c":1,"d":null,"e":true,"f":{"text":"x"},"g":["x",{"y":1}],"h":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a": "", "b": "", "c": "", "d": "", "e": "", "missing": "",
		"f": "f: must be text", "g": "g[1]: must be text", "h": "h[0]: must be text",
	} {
		switch err := f.CheckText(name); {
		case want == "" && err != nil:
			t.Errorf("%s: got %v, want none", name, err)
		case want != "" && (fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%s: got %v, want an invalid fault: %s", name, err, want)
		}
	}
}
