package local

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// restless makes background work go on at all times.
var restless = limits{log: 1, dead: 1}

const testDims = 4

func TestConformWhileRebuilding(t *testing.T) {
	conform.Index(t, func(tb testing.TB) func() index.Opener {
		dir := tb.TempDir()
		return func() index.Opener {
			o := openIn(tb, dir)
			o.limits = restless
			return o
		}
	})
}

func openIn(tb testing.TB, dir string) *Opener {
	tb.Helper()
	o, err := Open(Config{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

var testSpec = index.Spec{Name: "x", Dimensions: testDims}

func open(tb testing.TB, o *Opener) *local {
	tb.Helper()
	ix, err := o.Open(tb.Context(), testSpec)
	if err != nil {
		tb.Fatal(err)
	}
	return ix.(*handle).local
}

var testGate = sync.OnceValues(func() (*gate.Gate, error) {
	return gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
})

func clean(tb testing.TB, text string) gate.Clean {
	tb.Helper()
	g, err := testGate()
	if err != nil {
		tb.Fatal(err)
	}
	keep := gate.Policy{Name: "keep", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
	res := g.Clean(tb.Context(), &keep, []gate.Raw{gate.NewRaw(text)})[0]
	if res.Err != nil {
		tb.Fatal(res.Err)
	}
	return res.Clean
}

// numbered is the n-th of a series of batches: each replaces some passages of
// the ones before, and together they leave no doubt which of them took effect.
func numbered(tb testing.TB, n int) index.Batch {
	tb.Helper()
	g, err := testGate()
	if err != nil {
		tb.Fatal(err)
	}
	b := index.Batch{Meta: map[int64]index.Meta{int64(n % 5): {"n": g.Metadata("n", float64(n), nil)}}, Delete: []int64{int64(n % 7)}}
	text := clean(tb, fmt.Sprintf("batch number%d of words%d", n, n%3))
	for i := range 3 {
		b.Upsert = append(b.Upsert, index.Entry{
			ID: int64(n%4*3 + i + 1), Record: int64(n % 5), Tag: uint64(n), Text: text, Vector: []float32{1, float32(n), float32(i), 0}, //nolint:gosec // not negative
		})
	}
	if n%6 == 5 {
		b.Forget = []int64{int64(n % 5)}
	}
	return b
}

// dump writes down all that a state answers from.
func dump(s *state) string {
	var lines []string
	for id, row := range s.row {
		var terms []string
		for word, count := range s.rows.termsOf(row) {
			terms = append(terms, fmt.Sprint(s.words[word], "*", count))
		}
		slices.Sort(terms)
		lines = append(lines, fmt.Sprint("passage ", id, s.records[s.rows.record[row]].id, s.rows.tags[row], s.rows.length[row], terms, s.rows.vector(row, s.dims)))
	}
	f := s.freeze()
	for _, rec := range f.records {
		for _, v := range rec.values {
			lines = append(lines, fmt.Sprintf("meta %d %s %x", rec.id, f.fields[v.field], v.value.Key()))
		}
	}
	for n, w := range s.words {
		if live := s.lists[n].live; live > 0 {
			lines = append(lines, fmt.Sprint("word ", w, live))
		}
	}
	slices.Sort(lines)
	return strings.Join(append(lines, fmt.Sprint("total ", s.total)), "\n")
}

// TestDamage breaks the files of an index in every place. It must open as it
// was, or without the batch that was being written, or as damaged: never as
// anything else.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	o := openIn(t, dir)
	x := open(t, o)
	var states []string
	apply := func(n int) {
		if err := x.Apply(t.Context(), numbered(t, n)); err != nil {
			t.Fatal(err)
		}
		states = append(states, dump(x.state))
	}
	for n := range 8 {
		apply(n)
	}
	if err := x.close(); err != nil {
		t.Fatal(err)
	}
	o = openIn(t, dir)
	x = open(t, o)
	for n := 8; n < 12; n++ {
		apply(n)
	}
	x.abandon()
	last, before := states[len(states)-1], states[len(states)-2]

	folder := filepath.Join(dir, testSpec.Name)
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 {
		t.Fatalf("%d files, %v; want a snapshot and a log", len(files), err)
	}
	outcomes := map[string]int{}
	for _, file := range files {
		whole, err := os.ReadFile(filepath.Join(folder, file.Name())) //nolint:gosec // our own file
		if err != nil {
			t.Fatal(err)
		}
		isLog := strings.HasPrefix(file.Name(), logPrefix)
		check := func(what string, data []byte) {
			t.Helper()
			got, err := reopened(t, folder, file.Name(), data)
			switch {
			case errors.Is(err, index.ErrDamaged):
				outcomes["damaged"]++
			case err != nil:
				t.Fatalf("%s of %s: %v", what, file.Name(), err)
			case !isLog:
				t.Fatalf("%s of %s was not noticed", what, file.Name())
			case got == last:
				outcomes["as it was"]++
			case got == before:
				outcomes["without the last batch"]++
			case bytes.HasPrefix(whole, data) && slices.Contains(states[7:], got):
				// A log that was cut short elsewhere cannot know what is missing.
				outcomes["cut short"]++
			default:
				t.Fatalf("%s of %s: the index holds what was never applied:\n%s", what, file.Name(), got)
			}
		}
		for at := range whole {
			check(fmt.Sprint("cut at ", at), whole[:at])
			for _, mask := range []byte{0xff, 1 << (at % 8)} {
				flipped := bytes.Clone(whole)
				flipped[at] ^= mask
				check(fmt.Sprint("flip at ", at), flipped)
			}
		}
		check("garbage after the end", append(bytes.Clone(whole), whole[len(whole)/2:]...))
		check("zeros after the end", append(bytes.Clone(whole), make([]byte, 5000)...))
	}
	for _, want := range []string{"damaged", "as it was", "without the last batch", "cut short"} {
		if outcomes[want] == 0 {
			t.Errorf("no damage had the outcome %q: %v", want, outcomes)
		}
	}
}

// reopened opens a copy of the folder in which one file holds other data.
func reopened(t *testing.T, folder, name string, data []byte) (string, error) {
	t.Helper()
	dir := t.TempDir()
	place := filepath.Join(dir, testSpec.Name)
	if err := os.CopyFS(place, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(place, name), data, 0o600); err != nil { //nolint:gosec // our own file
		t.Fatal(err)
	}
	for again := range 2 { // what was cut off stays so
		x, err := openIn(t, dir).load(testSpec)
		if err != nil {
			return "", err
		}
		got := dump(x.state)
		x.abandon()
		if again == 1 {
			return got, os.RemoveAll(dir)
		}
	}
	return "", nil
}

// TestOtherVersions opens folders whose files are sound, but of the format
// that another version has written.
func TestOtherVersions(t *testing.T) {
	for _, prefix := range []string{logPrefix, snapshotPrefix} {
		dir := t.TempDir()
		x := open(t, openIn(t, dir))
		if err := x.Apply(t.Context(), numbered(t, 0)); err != nil {
			t.Fatal(err)
		}
		if err := x.close(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, testSpec.Name, prefix+"*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		data[len(fileMagic)-1]--
		binary.LittleEndian.PutUint32(data[headerSize-4:], crc32.Checksum(data[:headerSize-4], crcTable))
		if err := os.WriteFile(files[0], data, 0o600); err != nil { //nolint:gosec // our own file
			t.Fatal(err)
		}
		_, err = openIn(t, dir).Open(t.Context(), testSpec)
		if !errors.Is(err, index.ErrDamaged) || !strings.Contains(err.Error(), "another version") {
			t.Fatalf("a %s of another version: %v", prefix, err)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	for _, prefix := range []string{logPrefix, snapshotPrefix} {
		dir := t.TempDir()
		x := open(t, openIn(t, dir))
		for n := range 4 {
			if err := x.Apply(t.Context(), numbered(t, n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := x.close(); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, testSpec.Name, prefix+"*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		if err := os.Remove(files[0]); err != nil {
			t.Fatal(err)
		}
		o := openIn(t, dir)
		if _, err := o.Open(t.Context(), testSpec); !errors.Is(err, index.ErrDamaged) {
			t.Fatalf("without its %s: %v", prefix, err)
		}
		if err := o.Drop(t.Context(), testSpec.Name); err != nil {
			t.Fatal(err)
		}
		if n := len(open(t, o).state.row); n != 0 {
			t.Fatalf("dropped and opened, it holds %d passages", n)
		}
	}
}

// faultyLog is a log file whose operations can be made to fail.
type faultyLog struct {
	logFile
	write, sync, truncate error
}

func (f *faultyLog) WriteAt(b []byte, at int64) (int, error) {
	if f.write != nil {
		n, err := f.logFile.WriteAt(b[:len(b)/2], at)
		return n, errors.Join(f.write, err)
	}
	return f.logFile.WriteAt(b, at)
}

func (f *faultyLog) Sync() error { return errors.Join(f.sync, f.logFile.Sync()) }

func (f *faultyLog) Truncate(n int64) error {
	if f.truncate != nil {
		return f.truncate
	}
	return f.logFile.Truncate(n)
}

func TestRefusedBatchesStayAway(t *testing.T) {
	broken := errors.New("broken")
	for name, f := range map[string]faultyLog{
		"write": {write: broken}, "sync": {sync: broken},
		"write and truncate": {write: broken, truncate: broken}, "sync and truncate": {sync: broken, truncate: broken},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := open(t, openIn(t, dir))
			apply := func(n int) error { return x.Apply(t.Context(), numbered(t, n)) }
			if err := apply(0); err != nil {
				t.Fatal(err)
			}
			held := dump(x.state)
			healthy := x.disk.log
			f.logFile = healthy
			x.disk.log = &f
			for range 2 {
				if err := apply(1); fault.KindOf(err) != fault.Unavailable || !errors.Is(err, broken) {
					t.Fatalf("error %v", err)
				}
			}
			if dump(x.state) != held {
				t.Fatal("a refused batch took effect")
			}
			x.disk.log = healthy
			if err := apply(2); err != nil {
				t.Fatal(err)
			}
			held = dump(x.state)
			x.abandon()
			if dump(open(t, openIn(t, dir)).state) != held {
				t.Fatal("a refused batch came back")
			}
		})
	}
}

// TestCutTailIsReported looks for the warning that an operator can act on.
func TestCutTailIsReported(t *testing.T) {
	dir := t.TempDir()
	x := open(t, openIn(t, dir))
	if err := x.Apply(t.Context(), numbered(t, 0)); err != nil {
		t.Fatal(err)
	}
	size := x.disk.size
	if _, err := x.disk.log.WriteAt([]byte("half a batch"), size); err != nil {
		t.Fatal(err)
	}
	x.abandon()
	var logged bytes.Buffer
	o, err := Open(Config{Dir: dir, Logger: slog.New(slog.NewTextHandler(io.Writer(&logged), nil))})
	if err != nil {
		t.Fatal(err)
	}
	if got := open(t, o).disk.size; got != size || !strings.Contains(logged.String(), "cut off") {
		t.Fatalf("size %d, want %d; logged %q", got, size, logged.String())
	}
}

// TestSnapshotsPutOff keeps the files of a snapshot from being made: batches
// are taken up and durable all the same.
func TestSnapshotsPutOff(t *testing.T) {
	for _, name := range []string{fileName(logPrefix, 1), fileName(snapshotPrefix, 1) + tmpSuffix} {
		dir := t.TempDir()
		o := openIn(t, dir)
		o.limits = restless
		x := open(t, o)
		obstacle := filepath.Join(dir, testSpec.Name, name)
		if err := os.Mkdir(obstacle, 0o700); err != nil {
			t.Fatal(err)
		}
		for n := range 20 {
			if err := x.Apply(t.Context(), numbered(t, n)); err != nil {
				t.Fatal(err)
			}
			x.work.Wait()
			if n == 10 {
				if err := os.RemoveAll(obstacle); err != nil {
					t.Fatal(err)
				}
			}
		}
		if x.disk.snapshot == 0 {
			t.Errorf("no snapshot after %s was out of the way", name)
		}
		held := dump(x.state)
		x.abandon()
		if dump(open(t, openIn(t, dir)).state) != held {
			t.Fatalf("%s: opened again it differs", name)
		}
	}
}
