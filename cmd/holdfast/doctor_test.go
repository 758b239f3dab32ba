package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/flock"
)

// checks runs the doctor and returns the state of each check.
func checks(t testing.TB, dir string) (states map[string]string, code int) {
	t.Helper()
	out, told, code := holdfast(t, dir, "--json", "doctor")
	var page struct {
		Items []struct{ Check, State, Detail, Do string } `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatalf("%v: %s%s", err, out, told)
	}
	states = map[string]string{}
	for _, c := range page.Items {
		if states[c.Check] != "fail" {
			states[c.Check] = c.State
		}
		if c.State == "fail" && c.Detail == "" {
			t.Errorf("%s fails without a reason", c.Check)
		}
	}
	return states, code
}

// sick makes a data folder with one record and spoils it.
func sick(t *testing.T, spoil func(data string)) string {
	t.Helper()
	dir := folder(t, map[string]string{"notes.yaml": notes, "notes.jsonl": `{"id":"a","body":"a note about kelp"}`})
	succeed(t, dir, "ingest", "-f", "notes.yaml", "notes.jsonl")
	if states, code := checks(t, dir); code != 0 || states["notes"] != "ok" || states["database"] != "ok" {
		t.Fatalf("before anything is spoiled: %v", states)
	}
	spoil(filepath.Join(dir, "data"))
	return dir
}

// TestDoctor: each fault is found by the check that is there for it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		check string
		spoil func(t *testing.T, data string) error
	}{
		"open folder": {"permissions", func(_ *testing.T, data string) error { return os.Chmod(data, 0o755) }},                       //nolint:gosec // that is the fault
		"open key":    {"permissions", func(_ *testing.T, data string) error { return os.Chmod(filepath.Join(data, "key"), 0o644) }}, //nolint:gosec // that is the fault
		"missing key": {"key", func(_ *testing.T, data string) error { return os.Remove(filepath.Join(data, "key")) }},
		"malformed key": {"key", func(_ *testing.T, data string) error {
			return os.WriteFile(filepath.Join(data, "key"), []byte("x"), 0o600)
		}},
		"deaf owner": {"owner", func(t *testing.T, data string) error {
			lock := flock.New(filepath.Join(data, "lock"))
			t.Cleanup(func() { _ = lock.Unlock() })
			return lock.Lock()
		}},
		"damaged database": {"database", func(_ *testing.T, data string) error {
			f, err := os.OpenFile(filepath.Join(data, "holdfast.db"), os.O_RDWR, 0) //nolint:gosec // in a folder of the test's own
			if err != nil {
				return err
			}
			if _, err := f.WriteAt([]byte(strings.Repeat("junk", 2048)), 2*8192); err != nil {
				return err
			}
			return f.Close()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := sick(t, func(data string) {
				if err := c.spoil(t, data); err != nil {
					t.Fatal(err)
				}
			})
			if states, code := checks(t, dir); code != 1 || states[c.check] != "fail" {
				t.Errorf("exit %d: %v", code, states)
			}
		})
	}
}

func TestDoctorBesideAServer(t *testing.T) {
	t.Parallel()
	dir := sick(t, func(string) {})
	serve(t, dir)
	if states, code := checks(t, dir); code != 0 || states["owner"] != "ok" || states["notes"] != "ok" {
		t.Errorf("exit %d: %v", code, states)
	}
	if card := filepath.Join(dir, "data", "owner.json"); !private(t, card) {
		t.Error("the owner's card may be read by others")
	}
}

func TestDoctorWithoutData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if states, code := checks(t, dir); code != 0 || states["data folder"] != "ok" {
		t.Errorf("exit %d: %v", code, states)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); !os.IsNotExist(err) {
		t.Error("looking made a data folder")
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"holdfast.yaml": "models:\n  - {name: far, provider: openai, url: 'http://127.0.0.1:9/v1', model: some-model, dimensions: 384}\n"})
	out, _ := succeed(t, dir, "--json", "models")
	var page struct {
		Items []struct {
			Name, Provider, Fingerprint string
			Dimensions                  int
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &page); err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 2 || page.Items[0].Name != "builtin" || page.Items[1].Name != "far" || page.Items[1].Dimensions != 384 ||
		page.Items[0].Fingerprint == page.Items[1].Fingerprint {
		t.Errorf("models %+v", page.Items)
	}
}

const letter = "Please call Anna Karlsson on +46 8 123 456 78"

func TestPIIAnalyze(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"letter.txt": letter})
	for _, args := range [][]string{{letter}, {"letter.txt"}} {
		out, _ := succeed(t, dir, append([]string{"--json", "pii", "analyze"}, args...)...)
		var page struct {
			Items []struct {
				Entity, Rule, Value string
				Start, End          int
			} `json:"items"`
		}
		if err := json.Unmarshal([]byte(out), &page); err != nil {
			t.Fatal(err)
		}
		spans := map[string]string{}
		for _, f := range page.Items {
			spans[f.Entity] = letter[f.Start:f.End]
			if f.Value != "" || f.Rule == "" {
				t.Errorf("%+v", f)
			}
		}
		if spans["PERSON"] != "Anna Karlsson" || spans["PHONE_NUMBER"] != "+46 8 123 456 78" {
			t.Errorf("found %v", spans)
		}
	}
	if out, _ := succeed(t, dir, "pii", "analyze", letter); strings.Contains(out, "Karlsson") {
		t.Errorf("values are printed unasked: %s", out)
	}
	if out, _ := succeed(t, dir, "pii", "analyze", "--show-values", letter); !strings.Contains(out, "Anna Karlsson") {
		t.Errorf("no values: %s", out)
	}
}

// TestPIIAnonymize: pseudonyms are the ones under which the data folder holds
// a text, and policies are those of the configuration.
func TestPIIAnonymize(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"notes.yaml": notes, "notes.jsonl": `{"id":"a","body":"` + letter + `"}`,
		"holdfast.yaml": "policies:\n  - {name: strict, version: 1, otherwise: {action: replace}}\n",
	})
	succeed(t, dir, "ingest", "-f", "notes.yaml", "notes.jsonl")
	out, _ := succeed(t, dir, "pii", "anonymize", letter)
	clean := strings.TrimSpace(out)
	if strings.Contains(clean, "Karlsson") || !strings.HasPrefix(clean, "Please call PERSON_") {
		t.Errorf("clean: %s", clean)
	}
	if found, _ := succeed(t, dir, "--json", "search", "notes", "call"); !strings.Contains(found, clean) {
		t.Errorf("stored: %s, want %s", found, clean)
	}
	if out, _ := succeed(t, dir, "pii", "anonymize", "--policy", "strict", letter); strings.TrimSpace(out) != "Please call [PERSON] on [PHONE_NUMBER]" {
		t.Errorf("strict: %s", out)
	}
	if _, told, code := holdfast(t, dir, "pii", "anonymize", "--policy", "none", letter); code != 1 || !strings.Contains(told, `no policy "none"`) {
		t.Errorf("exit %d: %s", code, told)
	}
}
