// Package builtin is the embedding model inside the binary: a static table of WordPiece vectors, distilled from
// all-MiniLM-L6-v2 (tools/distill) in the way of model2vec. A text's vector is the weighted sum of its tokens' vectors,
// brought to length 1. There is no network, no cgo and no limit on the length of a text; its language is English.
//
// The same text has the same vector, to the bit, on every processor.
package builtin

import (
	"fmt"
	"sync"
)

// Model is the static embedding model. It is immutable and safe for concurrent use.
type Model struct {
	revision   string
	table      table
	vocabulary vocabulary
	sums       sync.Pool // of *sum: what one text needs, so that Encode allocates nothing
}

// placeholderShift lowers the weight of a type placeholder to an eighth. Placeholders such as [PERSON] stand in almost
// every text that has passed the gate, so they say little about it, but they must not be lost: a text of nothing else
// still has a direction, that of the words in the brackets.
const placeholderShift = 3

var load = sync.OnceValues(func() (*Model, error) {
	m, err := parse(modelFile)
	if err != nil {
		return nil, fmt.Errorf("load built-in model: %w; the binary is damaged, install it again", err)
	}
	return m, nil
})

// Load returns the model, parsed and checked against its digest on the first call.
func Load() (*Model, error) { return load() }

// Dimensions is the length of the model's vectors.
func (m *Model) Dimensions() int { return m.table.dims }

// Revision is the SHA-256 digest, in hex, of the vocabulary and the table.
func (m *Model) Revision() string { return m.revision }

// Encode appends the vector of text to dst. Its length is 1. A text without a known token (empty, or only characters
// that the vocabulary lacks) has the unit vector of the last dimension, the one in which texts differ least.
func (m *Model) Encode(dst []float32, text string) []float32 {
	dst, _ = m.encode(dst, text)
	return dst
}

// encode is Encode and Tokens in one pass.
func (m *Model) encode(dst []float32, text string) ([]float32, int) {
	s := m.sum()
	tokens := 0
	var buf [maxWordRunes]int32
	scan := scanner{text: text}
	for scan.next() {
		ids, shift := m.ids(&scan, buf[:0]), uint8(0)
		tokens += len(ids)
		if scan.placeholder {
			shift = placeholderShift
			tokens += 1 - len(ids)
		}
		for _, id := range ids {
			s.add(id, shift)
		}
	}
	dst = s.normalised(dst)
	clear(s.total)
	m.sums.Put(s)
	return dst, tokens
}

// Tokens is the number of tokens in text, without BERT's [CLS] and [SEP]; a placeholder is one.
func (m *Model) Tokens(text string) int {
	var buf [maxWordRunes]int32
	n := 0
	scan := scanner{text: text}
	for scan.next() {
		if scan.placeholder {
			n++
			continue
		}
		n += len(m.ids(&scan, buf[:0]))
	}
	return n
}

// ids appends the token ids of the scanner's word. Of a placeholder it spells the words.
func (m *Model) ids(s *scanner, ids []int32) []int32 {
	if s.runes > maxWordRunes {
		return append(ids, m.vocabulary.unknown)
	}
	if !s.placeholder {
		return m.vocabulary.spell(s.word[:s.n], ids)
	}
	start := 0
	for i := range s.n + 1 {
		if i == s.n || s.word[i] == '_' {
			ids = m.vocabulary.spell(s.word[start:i], ids)
			start = i + 1
		}
	}
	return ids
}

func (m *Model) sum() *sum {
	if s, ok := m.sums.Get().(*sum); ok {
		return s
	}
	return &sum{table: &m.table, lanes: make([]uint64, m.table.dims/2), total: make([]int64, m.table.dims)}
}
