package holdfast_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/fault"
)

// An erasure removes a record with all that was made of it, also from
// snapshots, and nothing that others use.
func TestErase(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.declare("notes", notes)
	const secret, shared = "the erased words of alpha", "what both of them say"
	r.write("notes", put("a", "an older text about alpha"), put("b", shared), put("c", "the words of gamma"))
	r.settle("notes")
	r.write("notes", put("a", secret), put("d", shared))
	r.settle("notes")
	before := r.pinned("first")
	_, oldPassages := r.export("first")
	if !bytes.Contains(oldPassages, []byte("alpha")) {
		t.Error("the test looks for the wrong text")
	}
	got, err := r.Erase(t.Context(), admin, "notes", []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Records != 2 || got.Versions != 1 || got.Passages != 2 || got.Snapshots != 1 || got.Embeddings != 1 {
		t.Errorf("erased %+v", got)
	}
	r.wantFound("notes", "alpha")
	r.wantFound("notes", "both", "d")
	r.wantFound("notes", "gamma", "c")
	if _, err := r.Explain(t.Context(), "notes", "a"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("an erased record is explained: %v", err)
	}
	after, err := r.Snapshot(t.Context(), "notes", "first")
	if err != nil || after.Digest == before.Digest || after.Records != 2 || after.Erased != 2 || len(after.Old) != 0 {
		t.Errorf("snapshot %+v, %v", after, err)
	}
	if _, passages := r.export("first"); bytes.Contains(passages, []byte("alpha")) {
		t.Error("an export holds an erased text")
	}
	err = filepath.WalkDir(r.path("embeddings"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path) //nolint:gosec // a file of the test
		if strings.Contains(string(b), "alpha") {
			t.Errorf("%s holds an erased text", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	trail, _, err := r.AuditTrail(t.Context(), 0, 10)
	if err != nil || len(trail) < 2 || trail[0].Action != "erase" || strings.Contains(trail[0].Resource, "/a") {
		t.Errorf("audit trail %+v, %v", trail, err)
	}
	if _, err := r.Erase(t.Context(), admin, "notes", []string{"c", "a"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("erased what is not there: %v", err)
	}
	r.write("notes", put("a", "alpha comes back"))
	r.settle("notes")
	r.wantFound("notes", "alpha", "a")
	r.wantFound("notes", "gamma", "c")
}
