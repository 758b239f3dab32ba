package builtin

import (
	"bytes"
	"unicode/utf8"
)

// BERT marks a piece that continues a word so.
const continuation = "##"

// unknown is the token of a word that cannot be spelled from the vocabulary.
const unknown = "[UNK]"

// pieces is one half of the WordPiece vocabulary, the pieces that start a word or those that continue one: a hash
// table with open addressing and linear probing. A lookup allocates nothing.
type pieces struct {
	slots   []slot
	mask    uint32
	longest int // bytes of the longest piece
}

// slot is free if text is nil.
type slot struct {
	text []byte
	hash uint32
	id   int32
}

// FNV-1a (Fowler, Noll, Vo), which can be computed for every prefix of a word in one pass.
const (
	hashSeed  uint32 = 2166136261
	hashPrime uint32 = 16777619
)

func newPieces(n int) pieces {
	size := 1
	for size < 2*n {
		size *= 2
	}
	return pieces{slots: make([]slot, size), mask: uint32(size - 1)} //nolint:gosec // a vocabulary is far below 2^31
}

func (p *pieces) add(text []byte, id int32) {
	h := hashSeed
	for _, b := range text {
		h = (h ^ uint32(b)) * hashPrime
	}
	i := h & p.mask
	for p.slots[i].text != nil {
		i = (i + 1) & p.mask
	}
	p.slots[i] = slot{text: text, hash: h, id: id}
	p.longest = max(p.longest, len(text))
}

func (p *pieces) find(text []byte, hash uint32) (int32, bool) {
	for i := hash & p.mask; p.slots[i].text != nil; i = (i + 1) & p.mask {
		if s := &p.slots[i]; s.hash == hash && bytes.Equal(s.text, text) {
			return s.id, true
		}
	}
	return 0, false
}

// longestPrefix returns the longest piece that starts text, and its length; 0 if there is none. scratch holds at least
// p.longest values.
func (p *pieces) longestPrefix(text []byte, scratch []uint32) (id int32, length int) {
	n := min(len(text), p.longest)
	h := hashSeed
	for i, b := range text[:n] {
		h = (h ^ uint32(b)) * hashPrime
		scratch[i] = h
	}
	for ; n > 0; n-- {
		if n < len(text) && !utf8.RuneStart(text[n]) {
			continue
		}
		if id, ok := p.find(text[:n], scratch[n-1]); ok {
			return id, n
		}
	}
	return 0, 0
}

// vocabulary spells words as token ids by WordPiece: greedily the longest piece first (Devlin et al. 2019).
type vocabulary struct {
	starts, continues pieces
	unknown           int32
}

// maxPieceBytes bounds the pieces a vocabulary may hold, so that the scratch space is on the stack.
const maxPieceBytes = 64

// spell appends the ids of the pieces of word, or the unknown token if the vocabulary cannot spell all of it.
func (v *vocabulary) spell(word []byte, ids []int32) []int32 {
	var scratch [maxPieceBytes]uint32
	from := len(ids)
	half := &v.starts
	for len(word) > 0 {
		id, n := half.longestPrefix(word, scratch[:])
		if n == 0 {
			return append(ids[:from], v.unknown)
		}
		ids = append(ids, id)
		word = word[n:]
		half = &v.continues
	}
	return ids
}
