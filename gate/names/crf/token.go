package crf

import (
	"unicode"
	"unicode/utf8"
)

// Limits that keep every decision local. Together with maxRunBytes they bound how
// far text can influence a label: three tokens and gaps on either side of a run.
const (
	maxWordBytes  = 64  // a longer word is junk: never part of a name
	maxChunkBytes = 512 // a longer stretch without white space is no URL or mail address
	maxGapBytes   = 64  // a longer stretch of white space ends the context
)

// Class is the kind of a token.
type Class uint8

// The classes. Tokens of the last three are never part of a span.
const (
	Word   Class = iota // letters, perhaps with digits
	Number              // digits only
	Punct               // one rune that is neither
	Break               // line break, tab, or long white space
	Junk                // over-long word
	URL                 // URL or mail address, whole
)

// Token is a stretch of text. Adjacent tells that no white space precedes it.
type Token struct {
	Start, End int
	Class      Class
	Adjacent   bool
	Hash       uint64 // of the exact bytes
}

// Scanner cuts text into tokens, in one pass and without allocating.
type Scanner struct {
	text     string
	pos      int
	chunkEnd int // the text before it was examined for URLs
}

// Reset makes s scan text from its beginning.
func (s *Scanner) Reset(text string) { *s = Scanner{text: text} }

const (
	cOther byte = iota
	cLower
	cUpper
	cDigit
	cSpace
	cLine
	cHigh
)

// ascii classifies bytes; bytes from 0x80 need their rune.
var ascii = func() (t [256]byte) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z':
			t[c] = cLower
		case c >= 'A' && c <= 'Z':
			t[c] = cUpper
		case c >= '0' && c <= '9':
			t[c] = cDigit
		case c == ' ':
			t[c] = cSpace
		case c == '\n' || c == '\r' || c == '\t' || c == '\v' || c == '\f':
			t[c] = cLine
		case c >= utf8.RuneSelf:
			t[c] = cHigh
		}
	}
	return t
}()

// urlByte marks the bytes that a URL or mail address is made of here.
var urlByte = func() (t [256]bool) {
	for c := range t {
		t[c] = ascii[c] == cLower || ascii[c] == cUpper || ascii[c] == cDigit
	}
	for _, c := range []byte("._%+-@:/?=&#~!$*") {
		t[c] = true
	}
	return t
}()

// runeClass classifies a rune beyond ASCII as cLower (any letter, mark or joiner),
// cDigit, cSpace, cLine or cOther. Upper case is told apart when features are made.
func runeClass(r rune) byte {
	switch {
	case r == utf8.RuneError:
		return cOther
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return cLine
	case invisible(r) || unicode.IsLetter(r) || unicode.IsMark(r):
		return cLower
	case unicode.IsDigit(r):
		return cDigit
	case unicode.IsSpace(r):
		return cSpace
	}
	return cOther
}

// invisible tells runes that may hide inside a word without changing how it looks.
func invisible(r rune) bool {
	return r == 0xAD || r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x2069 || r == 0xFEFF
}

// ideograph tells runes of scripts that are written without spaces; each is a token.
func ideograph(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// at classifies the rune at i and gives its width.
func (s *Scanner) at(i int) (class byte, width int, r rune) {
	c := s.text[i]
	if c < utf8.RuneSelf {
		return ascii[c], 1, rune(c)
	}
	r, width = utf8.DecodeRuneInString(s.text[i:])
	return runeClass(r), width, r
}

// Next returns the next token; ok is false at the end of the text.
func (s *Scanner) Next() (t Token, ok bool) {
	text := s.text
	start := s.pos
	i := start
	lines := 0
	for i < len(text) {
		class, width := ascii[text[i]], 1
		if class == cHigh {
			class, width, _ = s.at(i)
		}
		if class == cLine {
			if text[i] == '\n' || text[i] == '\t' {
				lines++
			} else if lines == 0 {
				lines = 1
			}
		} else if class != cSpace {
			break
		}
		i += width
	}
	if lines > 0 || i-start > maxGapBytes {
		s.pos = i
		return Token{Start: start, End: i, Class: Break, Hash: breakHash(text[start:i], lines)}, true
	}
	if i >= len(text) {
		s.pos = i
		return Token{}, false
	}
	t = Token{Start: i, Adjacent: i == start && i > 0}
	if i >= s.chunkEnd && urlByte[text[i]] && s.url(i) {
		t.End, t.Class, t.Hash = s.chunkEnd, URL, classHash(URL)
		s.pos = t.End
		return t, true
	}
	class, width, r := s.at(i)
	switch class {
	case cDigit, cLower, cUpper:
		t.End, t.Class = s.word(i, width, r)
	default:
		t.End, t.Class = i+width, Punct
	}
	if t.End-t.Start > maxWordBytes {
		t.Class, t.Hash = Junk, classHash(Junk)
	} else {
		t.Hash = hashString(text[t.Start:t.End])
	}
	s.pos = t.End
	return t, true
}

// url examines the chunk that begins at i, sets chunkEnd to its end, and tells
// whether it is a URL or a mail address.
func (s *Scanner) url(i int) bool {
	text := s.text
	j, found := i, false
	for j < len(text) && urlByte[text[j]] {
		switch text[j] {
		case '@':
			found = found || j > i && j+1 < len(text) && alnum(text[j-1]) && alnum(text[j+1])
		case ':':
			found = found || j+2 < len(text) && text[j+1] == '/' && text[j+2] == '/'
		case '.':
			found = found || j == i+3 && (text[i:j] == "www" || text[i:j] == "WWW")
		}
		j++
	}
	s.chunkEnd = j
	return found && j-i <= maxChunkBytes
}

func alnum(c byte) bool { return ascii[c] >= cLower && ascii[c] <= cDigit }

// word returns the end of the word that begins at i. Apostrophes, hyphens and
// underscores may join letters; a possessive 's and a French elision do not.
func (s *Scanner) word(i, width int, first rune) (end int, class Class) {
	text := s.text
	start := i
	letters := ascii[text[i]] != cDigit
	i += width
	if first >= utf8.RuneSelf && ideograph(first) {
		return i, Word
	}
	for i < len(text) {
		c := text[i]
		switch ascii[c] {
		case cLower, cUpper:
			letters = true
			i++
			continue
		case cDigit:
			i++
			continue
		case cHigh:
			class, width, r := s.at(i)
			if class == cLower && !ideograph(r) || class == cDigit {
				letters = letters || class == cLower
				i += width
				continue
			}
			if r == '’' && s.joins(start, i, width) {
				i += width
				continue
			}
		case cOther:
			if c == '_' || c == '\'' && s.joins(start, i, 1) || c == '-' && s.hyphenates(start, i) {
				i++
				continue
			}
		}
		break
	}
	if !letters {
		return i, Number
	}
	return i, Word
}

// joins tells whether the apostrophe at i is inside the word that begins at start.
func (s *Scanner) joins(start, i, width int) bool {
	text, next := s.text, i+width
	if next >= len(text) || i-start > maxWordBytes {
		return false
	}
	class, w, _ := s.at(next)
	if class != cLower && class != cUpper {
		return false
	}
	if (text[next] == 's' || text[next] == 'S') && !s.letterAt(next+w) {
		return false
	}
	switch i - start {
	case 1: // l'Italie, d'Anna; but O'Brien, D'Angelo, o'brien
		return text[start] < 'a' || text[start] == 'o'
	case 2:
		return text[start:i] != "qu"
	}
	return true
}

// maxSyllable is the longest part after a hyphen that belongs to a capitalised word.
const maxSyllable = 4

// hyphenates tells whether the hyphen at i joins two parts of the same case, Jean-Luc
// and well-known, or a syllable, Ji-woo; but not Paris-based.
func (s *Scanner) hyphenates(start, i int) bool {
	if i+1 >= len(s.text) || i-start > maxWordBytes {
		return false
	}
	class, _, r := s.at(i + 1)
	if class != cLower && class != cUpper {
		return false
	}
	first, _ := utf8.DecodeRuneInString(s.text[start:])
	if unicode.IsUpper(first) == unicode.IsUpper(r) {
		return true
	}
	end := i + 1
	for end < len(s.text) && ascii[s.text[end]] == cLower {
		end++
	}
	return i-start <= maxSyllable+1 && end-i-1 <= maxSyllable && !s.letterAt(end)
}

func (s *Scanner) letterAt(i int) bool {
	if i >= len(s.text) {
		return false
	}
	class, _, _ := s.at(i)
	return class == cLower || class == cUpper || class == cDigit
}

func breakHash(gap string, lines int) uint64 {
	switch {
	case len(gap) > maxGapBytes || lines > 1:
		return classHash(Break)
	case gap[0] == '\t':
		return mix(classHash(Break), 1)
	}
	return mix(classHash(Break), 2)
}

func classHash(c Class) uint64 { return mix(0x9E3779B97F4A7C15, uint64(c)+101) }

// mix folds b into a; the multiplier and shift are those of the SplitMix64 finaliser
// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
func mix(a, b uint64) uint64 {
	h := (a ^ b*0x9E3779B97F4A7C15) * 0xBF58476D1CE4E5B9
	return h ^ h>>29
}

// hashString hashes the bytes of s, eight at a time.
func hashString(s string) uint64 {
	h := uint64(len(s)) * 0x94D049BB133111EB
	for len(s) >= 8 {
		v := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = mix(h, v)
		s = s[8:]
	}
	var v uint64
	for i := range len(s) {
		v |= uint64(s[i]) << (8 * i)
	}
	return mix(h, v)
}
