package holdfast_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/snapshot"
)

func (r *rig) pinned(name string) snapshot.Snapshot {
	r.Helper()
	one, err := r.CreateSnapshot(r.Context(), "notes", name)
	if err != nil {
		r.Fatalf("create snapshot: %v", err)
	}
	return one
}

// export returns the files of a snapshot.
func (r *rig) export(name string) (records, passages []byte) {
	r.Helper()
	one, err := r.Snapshot(r.Context(), "notes", name)
	if err != nil {
		r.Fatalf("find snapshot: %v", err)
	}
	var files [2]bytes.Buffer
	for i, file := range []string{snapshot.RecordsFile, snapshot.PassagesFile} {
		if err := r.ExportSnapshot(r.Context(), one, file, &files[i]); err != nil {
			r.Fatalf("export %s: %v", file, err)
		}
	}
	return files[0].Bytes(), files[1].Bytes()
}

type exportedRow struct {
	Record int64     `parquet:"record"`
	Text   string    `parquet:"text"`
	Vector []float32 `parquet:"vector,list"`
}

func read[T any](tb testing.TB, file []byte) []T {
	tb.Helper()
	rows, err := parquet.Read[T](bytes.NewReader(file), int64(len(file)))
	if err != nil {
		tb.Fatalf("read Parquet: %v", err)
	}
	return rows
}

func notes(d *record.Declaration) {
	d.Classification = map[string]record.Classification{"state": record.Public, "owner": record.Confidential}
}

// A snapshot gives the same bytes after many edits, sweeps of all that is not
// referred to, packing, and a restart.
func TestASnapshotStaysTheSame(t *testing.T) {
	t.Parallel()
	r := start(t, setup{retention: flow.Retention{Versions: 1, Runs: 1, Embeddings: 1}})
	r.declare("notes", notes)
	const n = 40
	for i := range n {
		r.write("notes", put(fmt.Sprint("id-", i), fmt.Sprintf("note %d says what was at first", i), "state", "open", "owner", "nobody else"))
	}
	r.settle("notes")
	one := r.pinned("first")
	if one.Records != n || one.Passages < n || one.Change == 0 || one.Digest.IsZero() {
		t.Errorf("snapshot %+v", one)
	}
	records, passages := r.export("first")
	for round := range 3 {
		for i := range n {
			r.write("notes", put(fmt.Sprint("id-", i), fmt.Sprintf("note %d says other things, %d", i, round), "state", "closed"))
		}
		r.write("notes", remove(fmt.Sprint("id-", round)))
		r.settle("notes")
		r.sweep(false)
	}
	if got := r.sweep(false); got.Embeddings.Vectors >= 4*n {
		t.Errorf("nothing was swept: %+v", got)
	}
	r = r.reopen()
	againRecords, againPassages := r.export("first")
	if !bytes.Equal(records, againRecords) || !bytes.Equal(passages, againPassages) {
		t.Error("the same snapshot gives other bytes")
	}
	rows := read[exportedRow](t, passages)
	if len(rows) != int(one.Passages) || !strings.Contains(rows[0].Text, "at first") || len(rows[0].Vector) != one.Dimensions {
		t.Errorf("%d rows, the first %+v", len(rows), rows[0])
	}
	fields := read[struct {
		Record int64  `parquet:"record"`
		Fields string `parquet:"fields"`
	}](t, records)
	if len(fields) != n || fields[0].Fields != `{"state":"open"}` {
		t.Errorf("%d records, the first %+v: only public fields may leave", len(fields), fields[0])
	}
	history, err := historyOf(r, one.Collection, "id-7")
	if err != nil || len(history) != 2 || history[1].Version != 1 {
		t.Errorf("versions %+v, %v: the pinned one must stay", history, err)
	}
	if err := r.DeleteSnapshot(t.Context(), "notes", "first"); err != nil {
		t.Error(err)
	}
	for range 2 {
		r.sweep(false)
	}
	if got := r.sweep(false); got.Embeddings.Vectors != n-1 {
		t.Errorf("what only the snapshot referred to stays: %+v", got)
	}
	if left, err := os.ReadDir(r.path("embeddings/snapshots")); err == nil && len(left) > 0 {
		t.Errorf("objects %v", left)
	}
}

func historyOf(r *rig, c record.CollectionID, id string) (out []record.Record, err error) {
	err = r.store.View(r.Context(), func(tx record.Tx) error {
		found, err := tx.Records().Get(r.Context(), c, []string{id})
		if err == nil {
			out, err = tx.Records().History(r.Context(), found[0].Ref, 0)
		}
		return err
	})
	return out, err
}

// Values, and the ids that records have outside, are not in what a snapshot
// stores and exports.
func TestASnapshotHoldsNoValues(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.declare("notes", notes, func(d *record.Declaration) { d.Policy = "default" })
	r.write("notes", put("id-canary", "Write to zora.kowalczyk@example.net about it.", "state", "open", "owner", "owner-canary"))
	r.settle("notes")
	one := r.pinned("first")
	records, passages := r.export("first")
	stored := storedOf(t, r, one)
	for name, file := range map[string][]byte{"records": records, "passages": passages, "stored": stored} {
		for _, canary := range []string{"kowalczyk", "id-canary", "owner-canary"} {
			if bytes.Contains(file, []byte(canary)) {
				t.Errorf("%s hold %q", name, canary)
			}
		}
	}
}

func storedOf(t *testing.T, r *rig, one snapshot.Snapshot) (all []byte) {
	t.Helper()
	for _, o := range []snapshot.Object{one.RecordsObject, one.PassagesObject} {
		b, err := os.ReadFile(filepath.Join(r.path("embeddings"), o.Key))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

func TestSnapshotsAreNamedOnce(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.declare("notes")
	r.write("notes", put("a", "a note"))
	r.settle("notes")
	r.pinned("first")
	if _, err := r.CreateSnapshot(t.Context(), "notes", "first"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same name again: %v", err)
	}
	if _, err := r.CreateSnapshot(t.Context(), "notes", "../first"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no name: %v", err)
	}
	r.pinned("second")
	all, err := r.Snapshots(t.Context(), "notes", "first", 10)
	if err != nil || len(all) != 1 || all[0].Name != "second" {
		t.Errorf("listed %+v, %v", all, err)
	}
	if _, err := r.Snapshot(t.Context(), "notes", "third"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a third: %v", err)
	}
	if err := r.DropCollection(t.Context(), "notes"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(r.path("embeddings/snapshots")); err == nil && len(left) > 0 {
		t.Errorf("a dropped collection leaves %v", left)
	}
}

// A damaged object is noticed, and nothing of it exported.
func TestADamagedSnapshotIsNoticed(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	r.declare("notes")
	r.write("notes", put("a", "a note about something"))
	r.settle("notes")
	one := r.pinned("first")
	path := filepath.Join(r.path("embeddings"), one.PassagesObject.Key)
	b, err := os.ReadFile(path) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.ExportSnapshot(t.Context(), one, snapshot.PassagesFile, &out); fault.KindOf(err) != fault.Internal || out.Len() > 0 {
		t.Errorf("exported %d bytes, %v", out.Len(), err)
	}
	if text, err := json.Marshal(one); err != nil || len(text) > 4096 {
		t.Errorf("a document of %d bytes, %v", len(text), err)
	}
}
