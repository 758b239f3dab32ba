package builtin

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// The file holds the ids that huggingface/tokenizers 0.23.3 gives (tools/distill/golden.py).
func TestTokensMatchReference(t *testing.T) {
	m, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open("testdata/wordpiece.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(unzipped)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var text string
		var want []int32
		if err := json.Unmarshal(lines.Bytes(), &[]any{&text, &want}); err != nil {
			t.Fatal(err)
		}
		var got []int32
		for s := (&scanner{text: text}); s.next(); {
			got = m.ids(s, got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n got %v\nwant %v", text, got, want)
		}
		if m.Tokens(text) != len(want) {
			t.Errorf("%q: %d tokens, want %d", text, m.Tokens(text), len(want))
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if n < 3000 {
		t.Errorf("only %d strings", n)
	}
}

func TestParseRefusesDamage(t *testing.T) {
	damage := map[string]func([]byte) []byte{
		"empty":         func([]byte) []byte { return nil },
		"other magic":   func(b []byte) []byte { b[0] ^= 1; return b },
		"other version": func(b []byte) []byte { b[8]++; return b },
		"cut short":     func(b []byte) []byte { return b[:len(b)-1] },
		"longer":        func(b []byte) []byte { return append(b, 0) },
		"a bit flipped": func(b []byte) []byte { b[len(b)/2] ^= 4; return b },
		"huge count":    func(b []byte) []byte { b[19] = 0xff; return b },
		"no dimensions": func(b []byte) []byte { b[12], b[13] = 0, 0; return b },
	}
	for name, change := range damage {
		if _, err := parse(change(bytes.Clone(modelFile))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// The sums in lanes must be those of plain arithmetic, over more tokens than a lane holds without a flush.
func TestSumMatchesPlainArithmetic(t *testing.T) {
	m, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	s := m.sum()
	want := make([]int64, m.table.dims)
	heaviest := int32(slices.Index(m.table.weights, slices.Max(m.table.weights))) //nolint:gosec // an id
	for i := range int32(3000) {
		id, shift := i*7, uint8(i%4)
		if i%2 == 0 {
			id, shift = heaviest, 0
		}
		s.add(id, shift)
		for d := range want {
			want[d] += (int64(m.table.rows[int(id)*m.table.dims+d]) - bias) * int64(m.table.weights[id]>>shift)
		}
	}
	s.drain()
	s.flush()
	if !slices.Equal(s.total, want) {
		t.Error("sums differ")
	}
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := parse(modelFile); err != nil {
			b.Fatal(err)
		}
	}
}
