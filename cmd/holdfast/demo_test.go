package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What `demo --json` promises.
type demoFigures struct {
	Data string `json:"data"`
	Kept bool   `json:"kept"`
	Load struct {
		Records int `json:"records"`
	} `json:"load"`
	Index struct {
		Values   int `json:"values"`
		Passages int `json:"passages"`
		Calls    int `json:"embedding_calls"`
		Computed int `json:"embeddings_computed"`
		Reused   int `json:"embeddings_reused"`
		Vectors  int `json:"vectors_indexed"`
	} `json:"index"`
	Accuracy struct {
		Labelled  int     `json:"labelled"`
		Findings  int     `json:"findings"`
		Recall    float64 `json:"recall"`
		Precision float64 `json:"precision"`
	} `json:"accuracy"`
	Searches []struct {
		Results []struct {
			ID string `json:"id"`
		} `json:"results"`
	} `json:"searches"`
	Metadata struct {
		Records int `json:"records"`
		Calls   int `json:"embedding_calls"`
		Before  int `json:"found_before"`
		After   int `json:"found_after"`
	} `json:"metadata"`
	Edit struct {
		Passages int `json:"passages"`
		Computed int `json:"embeddings_computed"`
		Reused   int `json:"embeddings_reused"`
	} `json:"edit"`
	Poison struct {
		Failed struct {
			Step    string `json:"step"`
			Kind    string `json:"kind"`
			Message string `json:"message"`
		} `json:"failed"`
		Open  int  `json:"open_letters"`
		Found bool `json:"found_after"`
	} `json:"poison"`
}

func TestDemo(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept")
	out, errOut, code := holdfast(t, dir, "demo", "--json", "--keep", "--data", kept)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	var f demoFigures
	if err := json.Unmarshal([]byte(out), &f); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	checkDemo(t, f)
	if f.Data != kept || !f.Kept {
		t.Errorf("data is in %s, kept: %t", f.Data, f.Kept)
	}

	// Other commands work on the folder that was kept.
	out, errOut, code = holdfast(t, dir, "status", "--json", "--data", kept)
	var st struct {
		Items []status `json:"items"`
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil || code != 0 {
		t.Fatalf("status: exit code %d, %v: %s", code, err, errOut)
	}
	if len(st.Items) != 1 || st.Items[0].Records != 2001 || st.Items[0].Pending != 0 || st.Items[0].Dead != 0 {
		t.Errorf("status says %+v", st.Items)
	}
	out, errOut, code = holdfast(t, dir, "search", "tickets", "umbrella stand", "--data", kept)
	if code != 0 || !strings.Contains(out, "T-POISON") {
		t.Errorf("search: exit code %d: %s%s", code, out, errOut)
	}

	// A second run works on a fresh folder and deletes that one only.
	out, errOut, code = holdfast(t, dir, "demo", "--data", kept)
	if code != 0 {
		t.Fatalf("second run: exit code %d: %s", code, errOut)
	}
	if !strings.Contains(out, "Every stage did what it claims.") || strings.Contains(out, "\x1b") {
		t.Errorf("printed without a terminal: %q", out)
	}
	if left, _ := filepath.Glob(filepath.Join(kept, "demo-*")); left != nil {
		t.Errorf("the second run left %q", left)
	}
	if _, err := os.Stat(filepath.Join(kept, "holdfast.db")); err != nil {
		t.Errorf("the second run touched what the first kept: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("the demo used the configured data folder")
	}
}

func checkDemo(t *testing.T, f demoFigures) {
	t.Helper()
	ix, m, e, p := f.Index, f.Metadata, f.Edit, f.Poison
	switch {
	case f.Load.Records != 2000:
		t.Errorf("%d records were loaded", f.Load.Records)
	case ix.Passages < 2000 || ix.Vectors != ix.Passages || ix.Computed+ix.Reused != ix.Passages || ix.Calls == 0 || ix.Values == 0:
		t.Errorf("index: %+v", ix)
	case f.Accuracy.Labelled < 10_000 || f.Accuracy.Findings != ix.Values:
		t.Errorf("accuracy is of other values than those transformed: %+v, %d", f.Accuracy, ix.Values)
	case f.Accuracy.Recall <= 0.5 || f.Accuracy.Recall > 1 || f.Accuracy.Precision <= 0.5 || f.Accuracy.Precision > 1:
		t.Errorf("accuracy: %+v", f.Accuracy)
	case m.Records != 500 || m.Calls != 0 || m.Before != 0 || m.After != 500:
		t.Errorf("metadata: %+v", m)
	case e.Passages < 10 || e.Computed < 1 || e.Computed > 3 || e.Computed+e.Reused != e.Passages:
		t.Errorf("edit: %+v", e)
	case p.Failed.Step != "gate" || p.Failed.Kind != "invalid" || p.Failed.Message == "" || p.Open != 0 || !p.Found:
		t.Errorf("poison: %+v", p)
	}
	for i, s := range f.Searches {
		if len(s.Results) == 0 {
			t.Errorf("search %d found nothing", i+1)
		}
	}
	if len(f.Searches) != 3 {
		t.Errorf("%d searches", len(f.Searches))
	}
}

// Ctrl-C in the middle leaves nothing behind.
func TestDemoInterrupted(t *testing.T) {
	dir := t.TempDir()
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := command(t.Context(), t, dir, "demo")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "1  Load") {
	}
	if left, _ := os.ReadDir(tmp); len(left) != 1 {
		t.Errorf("%d data folders while it runs", len(left))
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stdout); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(errOut.String(), "interrupted") {
		t.Errorf("exit code %d: %s", code, &errOut)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
