package builtin

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxWordRunes is the longest word that is looked up in pieces; a longer one is one unknown token, as in the reference.
const maxWordRunes = 100

// placeholderRunes bounds what may stand between the brackets of a placeholder.
const placeholderRunes = 32

// scanner cuts text into BERT's basic tokens, normalised as for bert-base-uncased: control characters dropped, Chinese
// characters apart, decomposed (NFD) with non-spacing marks dropped, lower case, punctuation apart.
// It allocates nothing and holds one word, so the length of the text does not matter.
type scanner struct {
	text        string
	pos         int
	word        [maxWordRunes * utf8.UTFMax]byte
	n           int  // bytes of word in use
	runes       int  // runes of the word, counted past maxWordRunes too
	placeholder bool // the word is the inside of a placeholder such as [PERSON]
}

// asciiClass says what the scanner does with an ASCII byte.
type asciiClass uint8

const (
	asciiWord asciiClass = iota
	asciiSpace
	asciiPunct
	asciiDrop
)

var (
	asciiClasses = classifyASCII()
	asciiLower   = lowerASCII()
)

func classifyASCII() (classes [utf8.RuneSelf]asciiClass) {
	for b := range classes {
		switch {
		case b == '\t' || b == '\n' || b == '\r' || b == ' ':
			classes[b] = asciiSpace
		case b < ' ' || b == 0x7f:
			classes[b] = asciiDrop
		case b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z':
			classes[b] = asciiWord
		default:
			classes[b] = asciiPunct
		}
	}
	return classes
}

func lowerASCII() (lower [utf8.RuneSelf]byte) {
	for b := range lower {
		lower[b] = byte(b)
		if b >= 'A' && b <= 'Z' {
			lower[b] = byte(b) + 'a' - 'A'
		}
	}
	return lower
}

// next moves to the next word and reports whether there is one. The word is in s.word[:s.n] unless s.runes exceeds
// maxWordRunes.
func (s *scanner) next() bool {
	s.n, s.runes, s.placeholder = 0, 0, false
	for s.pos < len(s.text) {
		b := s.text[s.pos]
		if b >= utf8.RuneSelf {
			if s.scanRune() {
				return true
			}
			continue
		}
		switch asciiClasses[b] {
		case asciiWord:
			s.appendByte(asciiLower[b])
			s.pos++
		case asciiSpace:
			s.pos++
			if s.runes > 0 {
				return true
			}
		case asciiDrop:
			s.pos++
		case asciiPunct:
			if s.runes > 0 {
				return true
			}
			if b == '[' && s.scanPlaceholder() {
				return true
			}
			s.appendByte(b)
			s.pos++
			return true
		}
	}
	return s.runes > 0
}

// scanRune consumes one rune beyond ASCII and reports whether the word is complete. A rune that is a word of its own
// is left for the next call if a word is pending.
func (s *scanner) scanRune() bool {
	r, size := utf8.DecodeRuneInString(s.text[s.pos:])
	switch classify(r) {
	case classDrop:
		s.pos += size
		return false
	case classSpace:
		s.pos += size
		return s.runes > 0
	case classAlone:
		if s.runes > 0 {
			return true
		}
		s.pos += size
		s.appendDecomposed(r)
		return s.runes > 0
	case classLetter:
	}
	s.pos += size
	s.appendDecomposed(r)
	return false
}

// scanPlaceholder consumes a type placeholder of the embed form, such as [PERSON] or [CREDIT_CARD].
func (s *scanner) scanPlaceholder() bool {
	rest := s.text[s.pos+1:]
	for i := range min(len(rest), placeholderRunes+1) {
		switch b := rest[i]; {
		case b >= 'A' && b <= 'Z', i > 0 && (b == '_' || b >= '0' && b <= '9'):
		case b == ']' && i > 1:
			for j := range i {
				s.appendByte(asciiLower[rest[j]])
			}
			s.pos += i + 2
			s.placeholder = true
			return true
		default:
			return false
		}
	}
	return false
}

func (s *scanner) appendByte(b byte) {
	s.runes++
	if s.runes <= maxWordRunes {
		s.word[s.n] = b
		s.n++
	}
}

func (s *scanner) appendRune(r rune) {
	if r = unicode.ToLower(r); r < utf8.RuneSelf {
		s.appendByte(byte(r)) //nolint:gosec // below RuneSelf
		return
	}
	s.runes++
	if s.runes <= maxWordRunes {
		s.n += utf8.EncodeRune(s.word[s.n:], r)
	}
}

// appendDecomposed appends the canonical decomposition of r without its non-spacing marks.
func (s *scanner) appendDecomposed(r rune) {
	const (
		base, last    = 0xAC00, 0xD7A3 // Hangul syllables decompose by arithmetic (The Unicode Standard, 3.12)
		lead, vow, tr = 0x1100, 0x1161, 0x11A7
		vows, trails  = 21, 28
	)
	if r >= base && r <= last {
		i := r - base
		s.appendRune(lead + i/(vows*trails))
		s.appendRune(vow + i%(vows*trails)/trails)
		if t := i % trails; t > 0 {
			s.appendRune(tr + t)
		}
		return
	}
	var buf [utf8.UTFMax]byte
	d := norm.NFD.Properties(buf[:utf8.EncodeRune(buf[:], r)]).Decomposition()
	if d == nil {
		if !isMark(r) {
			s.appendRune(r)
		}
		return
	}
	for len(d) > 0 {
		r, size := utf8.DecodeRune(d)
		d = d[size:]
		if !isMark(r) {
			s.appendRune(r)
		}
	}
}

// class says what the scanner does with a rune.
type class uint8

const (
	classLetter class = iota
	classSpace
	classAlone // punctuation or a Chinese character: a word of its own
	classDrop
)

func classify(r rune) class {
	switch {
	case r == utf8.RuneError:
		return classDrop
	case unicode.Is(laterThanReference, r):
		return classLetter
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co):
		return classDrop
	case unicode.In(r, unicode.Z):
		return classSpace
	case isChinese(r) || isPunct(r):
		return classAlone
	}
	return classLetter
}

// isPunct includes two characters that were punctuation in Unicode 8, and those that decompose to ASCII punctuation
// (a backquote and the negated relations).
func isPunct(r rune) bool {
	switch r {
	case 0x166D, 0x111C9, 0x1FEF, '≠', '≮', '≯':
		return true
	}
	return unicode.IsPunct(r)
}

// isMark differs from today's category in two signs, which changed theirs after Unicode 8.
func isMark(r rune) bool {
	return r == 0x1734 || r != 0x111C9 && unicode.Is(unicode.Mn, r) && !unicode.Is(laterThanReference, r)
}

// isChinese reports whether r is in the CJK blocks that the reference sets apart.
func isChinese(r rune) bool {
	switch {
	case r < 0x3400:
		return false
	case r <= 0x4DBF, r >= 0x4E00 && r <= 0x9FFF, r >= 0xF900 && r <= 0xFAFF:
		return true
	case r < 0x20000:
		return false
	}
	// The reference starts extension E at 2B920, not at 2B820 as the block does.
	return r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2B81F || r >= 0x2B920 && r <= 0x2CEAF || r >= 0x2F800 && r <= 0x2FA1F
}
