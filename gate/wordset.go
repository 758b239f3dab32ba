package gate

import (
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// wordSet finds any of millions of phrases in a text in one pass: an
// open-addressed table of 64-bit hashes of the phrases and of their
// beginnings, word by word, about 24 bytes a phrase of one or two words.
//
// The hashes are of folded words, so that case, accents and what stands
// between words make no difference. That one of ten million phrases is taken
// for another in a text of a billion words has odds of about 1 in 2,000.
type wordSet struct {
	table []uint64 // hashes; the two lowest bits say what a hash is of
	used  int
	most  int // words of the longest phrase
}

const (
	isPhrase    = 1
	isBeginning = 2
	kindBits    = 3
)

// maxPhrase bounds a phrase in words; what is longer counts by its beginning.
const maxPhrase = 16

func newWordSet(phrases int) *wordSet {
	return &wordSet{table: make([]uint64, 1<<bits.Len(uint(max(phrases, 4)*3/2)))}
}

func (s *wordSet) add(phrase string) {
	var h uint64
	n := 0
	for w := range words(phrase) {
		if n > 0 {
			s.put(h, isBeginning)
		}
		h = join(h, w.hash)
		if n++; n == maxPhrase {
			break
		}
	}
	if n > 0 {
		s.put(h, isPhrase)
		s.most = max(s.most, n)
	}
}

func (s *wordSet) put(h, kind uint64) {
	if s.used*4 >= len(s.table)*3 {
		old := s.table
		s.table, s.used = make([]uint64, 2*len(old)), 0
		for _, e := range old {
			if e != 0 {
				s.put(e&^kindBits, e&kindBits)
			}
		}
	}
	h &^= kindBits
	mask := uint64(len(s.table) - 1) //nolint:gosec // not negative
	for i := h >> 8 & mask; ; i = (i + 1) & mask {
		switch {
		case s.table[i] == 0:
			s.table[i] = h | kind
			s.used++
			return
		case s.table[i]&^kindBits == h:
			s.table[i] |= kind
			return
		}
	}
}

// kind says what a hash is of: isPhrase, isBeginning, both or neither.
func (s *wordSet) kind(h uint64) uint64 {
	h &^= kindBits
	mask := uint64(len(s.table) - 1) //nolint:gosec // not negative
	for i := h >> 8 & mask; s.table[i] != 0; i = (i + 1) & mask {
		if s.table[i]&^kindBits == h {
			return s.table[i] & kindBits
		}
	}
	return 0
}

// has reports whether the whole text is one of the phrases.
func (s *wordSet) has(text string) bool {
	var h uint64
	n := 0
	for w := range words(text) {
		if n++; n > s.most {
			return false
		}
		h = join(h, w.hash)
	}
	return n > 0 && s.kind(h)&isPhrase != 0
}

// find calls yield with each phrase that stands in a text, in the order of
// their ends; phrases may overlap.
func (s *wordSet) find(text string, yield func(start, end int)) {
	open := make([]phraseAt, 0, maxPhrase+1) // beginnings that may go on
	for w := range words(text) {
		next := open[:0]
		for _, o := range append(open, phraseAt{start: w.start, end: w.start}) {
			if o.end != w.start && !near(text[o.end:w.start]) {
				continue
			}
			o.hash, o.end = join(o.hash, w.hash), w.end
			kind := s.kind(o.hash)
			if kind&isPhrase != 0 {
				yield(o.start, o.end)
			}
			if kind&isBeginning != 0 {
				next = append(next, o)
			}
		}
		open = next
	}
}

type phraseAt struct {
	start, end int
	hash       uint64
}

// near reports whether what stands between two words lets them be one phrase.
func near(between string) bool {
	if len(between) > 4 {
		return false
	}
	for i := range len(between) {
		switch between[i] {
		case '!', '?', ';', ':', '(', ')', '<', '>', '{', '}', '[', ']', '|', '\t':
			return false
		}
	}
	return true
}

// word is a run of letters and digits; a character of a script without spaces
// is a word by itself.
type word struct {
	start, end int
	hash       uint64
}

// words goes through the words of a text, hashed in folded form.
func words(text string) func(yield func(word) bool) { return runs(text, lone) }

// nameWords goes through the words of a name: what is written without spaces
// is one.
func nameWords(text string) func(yield func(word) bool) {
	return runs(text, func(rune) bool { return false })
}

func runs(text string, lone func(rune) bool) func(yield func(word) bool) {
	return func(yield func(word) bool) {
		for i := 0; i < len(text); {
			r, size := rune(text[i]), 1
			if r >= utf8.RuneSelf {
				r, size = utf8.DecodeRuneInString(text[i:])
			}
			if !wordChar(r) {
				i += size
				continue
			}
			w := word{start: i}
			h := uint64(hashSeed)
			for alone := lone(r); ; {
				h = foldHash(h, r)
				i += size
				if i >= len(text) || alone {
					break
				}
				if r, size = rune(text[i]), 1; r >= utf8.RuneSelf {
					r, size = utf8.DecodeRuneInString(text[i:])
				}
				if !wordChar(r) && !unicode.IsMark(r) || lone(r) {
					break
				}
			}
			w.end, w.hash = i, h
			if !yield(w) {
				return
			}
		}
	}
}

const (
	hashSeed  = 0x9e3779b97f4a7c15
	hashPrime = 0xff51afd7ed558ccd
)

func foldHash(h uint64, r rune) uint64 {
	switch {
	case r >= 'A' && r <= 'Z':
		r += 'a' - 'A'
	case r >= utf8.RuneSelf:
		for _, c := range foldRune(r) {
			h = mix(h, uint64(c)) //nolint:gosec // a rune is not negative
		}
		return h
	}
	return mix(h, uint64(r)) //nolint:gosec // a rune is not negative
}

func mix(h, x uint64) uint64 {
	h = (h ^ x) * hashPrime
	return h ^ h>>32
}

// join hashes a phrase that goes on with a word; never 0 but for kind bits.
func join(phrase, word uint64) uint64 {
	return mix(mix(phrase, word), hashSeed) | 1<<63
}

func wordChar(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// lone characters are of scripts that part no words.
func lone(r rune) bool {
	return r >= 0x0e00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// mark0300 is a combining mark of the scripts whose accents are dropped.
func mark0300(r rune) bool { return r >= 0x300 && r <= 0x36f }
