package index

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/holdfast/holdfast/gate"
)

const (
	// maxTerm bounds a term in bytes: of longer words the beginning counts, so
	// that a pasted key or encoded blob costs one term and can still be found.
	maxTerm = 64
	// maxParts bounds an identifier's parts, beyond which it has no whole.
	maxParts = 8
)

// Tokenize calls yield with each term of the display form, in order; the
// bytes are valid only during the call.
//
// Words are runs of letters, digits, marks and "_", lower-cased, compatibility
// variants unified and Latin, Greek and Cyrillic accents dropped; English
// possessives and plurals lose their "s". A pseudonym is one term; the label
// of a replaced value is none. What is joined by "-", "." and the like and
// holds a digit (ERR-1042, v2.3.1) gives its parts and the whole. Scripts
// that do not part words by spaces give characters and pairs of them.
func Tokenize(c gate.Clean, yield func(term []byte)) {
	t := tokenizer{text: c.Display(), labels: c.Values(), yield: yield}
	t.all()
}

// QueryTerms returns the distinct terms by which a query finds texts: those
// of its display form and the pseudonyms of the names it may hold.
func QueryTerms(c gate.Clean) []string {
	var out []string
	add := func(term []byte) {
		if !slices.Contains(out, string(term)) {
			out = append(out, string(term))
		}
	}
	t := tokenizer{text: c.Display(), labels: c.Values(), yield: add, query: true}
	t.all()
	for _, term := range c.Terms() {
		add(fold(nil, term))
	}
	return out
}

type tokenizer struct {
	text   string
	labels map[gate.Entity]int
	yield  func([]byte)
	query  bool // a run of characters is asked for by its pairs alone
	// buf holds the parts folded so far, separated by "-".
	buf      []byte
	parts    int
	singular []byte
}

func (t *tokenizer) all() {
	for i := 0; i < len(t.text); {
		if t.text[i] == '[' {
			if end := t.label(i); end > 0 {
				i = end
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(t.text[i:])
		switch {
		case !isWord(r):
			i += size
		case unspaced(r):
			i = t.run(i)
		default:
			i = t.words(i)
		}
	}
}

// label finds the end of a replaced value's label, such as [PERSON], that
// begins at i, or 0. What the text itself has in brackets is no label.
func (t *tokenizer) label(i int) int {
	n := strings.IndexByte(t.text[i:min(len(t.text), i+maxTerm)], ']')
	if n < 0 || t.labels[gate.Entity(t.text[i+1:i+n])] == 0 {
		return 0
	}
	return i + n + 1
}

// words takes the word at i and those joined to it, and returns their end.
func (t *tokenizer) words(i int) int {
	t.buf, t.parts = t.buf[:0], 0
	digits := false
	for {
		end := t.wordEnd(i)
		word := t.text[i:end]
		if cut := 4 * maxTerm; len(word) > cut {
			word = word[:cut]
		}
		start := len(t.buf)
		t.buf = fold(t.buf, word)
		t.parts++
		t.part(word, t.buf[start:])
		digits = digits || slices.ContainsFunc(t.buf[start:], digit)
		i = t.possessive(end)
		if t.parts == maxParts || i != end || !t.joined(i) {
			break
		}
		t.buf = append(t.buf, '-')
		i++
	}
	if t.parts > 1 && t.parts < maxParts && digits && len(t.buf) <= maxTerm {
		t.yield(t.buf)
	}
	return i
}

// part yields one word, given as written and folded, and what it is made of.
func (t *tokenizer) part(word string, folded []byte) {
	if len(folded) == 0 {
		return
	}
	if len(folded) > maxTerm {
		end := maxTerm
		for !utf8.RuneStart(folded[end]) {
			end--
		}
		t.yield(folded[:end])
		return
	}
	if pseudonym(word) {
		t.yield(folded)
		return
	}
	if slices.Contains(folded, '_') {
		t.yield(folded)
		for len(folded) > 0 {
			n := slices.Index(folded, '_')
			if n < 0 {
				n = len(folded)
			}
			if n > 0 {
				t.stem(folded[:n])
			}
			folded = folded[min(n+1, len(folded)):]
		}
		return
	}
	t.stem(folded)
	// ERR1042 is also found by ERR-1042, ERR and 1042.
	n := slices.IndexFunc(folded, digit)
	if n >= 2 && len(folded)-n >= 2 && !slices.ContainsFunc(folded[:n], notLetter) && !slices.ContainsFunc(folded[n:], notDigit) {
		t.yield(folded[:n])
		t.yield(folded[n:])
	}
}

// wordEnd finds where the word at i ends.
func (t *tokenizer) wordEnd(i int) int {
	for i < len(t.text) {
		r, size := utf8.DecodeRuneInString(t.text[i:])
		if !isWord(r) && !ignored(r) || unspaced(r) {
			break
		}
		i += size
	}
	return i
}

// possessive skips an English 's at i.
func (t *tokenizer) possessive(i int) int {
	rest := t.text[i:]
	for _, s := range [...]string{"'s", "'S", "\u2019s", "\u2019S"} {
		if after, ok := strings.CutPrefix(rest, s); ok {
			if r, _ := utf8.DecodeRuneInString(after); !isWord(r) {
				return i + len(s)
			}
		}
	}
	return i
}

// joined reports whether another word is joined to the one that ends at i.
func (t *tokenizer) joined(i int) bool {
	if i+1 >= len(t.text) || strings.IndexByte("-./:,", t.text[i]) < 0 {
		return false
	}
	r, _ := utf8.DecodeRuneInString(t.text[i+1:])
	return isWord(r) && !unspaced(r)
}

// run yields the characters and pairs of a run without spaces.
func (t *tokenizer) run(i int) int {
	start := i
	for i < len(t.text) {
		r, size := utf8.DecodeRuneInString(t.text[i:])
		if !unspaced(r) && !unicode.IsMark(r) && !ignored(r) {
			break
		}
		i += size
	}
	t.buf = fold(t.buf[:0], t.text[start:i])
	last, at := -1, 0 // where the last character and the current one begin
	for at < len(t.buf) {
		_, size := utf8.DecodeRune(t.buf[at:])
		end := at + size
		for end < len(t.buf) {
			r, size := utf8.DecodeRune(t.buf[end:])
			if !unicode.IsMark(r) {
				break
			}
			end += size
		}
		if last >= 0 {
			t.yield(t.buf[last:min(end, last+maxTerm)])
		}
		if !t.query || last < 0 && end == len(t.buf) {
			t.yield(t.buf[at:min(end, at+maxTerm)])
		}
		last, at = at, end
	}
	return i
}

// isWord reports whether a word may hold r.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// ignored reports whether r stands in a word without being part of it: the
// soft hyphen and the joiners.
func ignored(r rune) bool { return r == 0xad || r == 0x200c || r == 0x200d }

// unspaced reports whether r belongs to a script that writes words without
// spaces between them, or with too much attached to them.
func unspaced(r rune) bool {
	if r < 0xe00 {
		return false
	}
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar) ||
		r == 0x30fc || r == 0xff70 || r == 0xff9e || r == 0xff9f // long vowels and half-width sound marks
}

// pseudonym reports whether a word has the form that the gate gives to
// pseudonyms and hashes: a type in capitals, "_" and a token of fixed length.
func pseudonym(word string) bool {
	at := strings.LastIndexByte(word, '_')
	if at < 2 || len(word)-at-1 != 10 && len(word)-at-1 != 16 {
		return false
	}
	for i := range len(word) {
		c := word[i]
		upper, lower := 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z'
		if i < at && lower || i > at && upper || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func digit(c byte) bool     { return '0' <= c && c <= '9' }
func notDigit(c byte) bool  { return !digit(c) }
func notLetter(c byte) bool { return c < 'a' || 'z' < c }

// stem yields a word without the plural of English, by the rules of D. Harman,
// "How effective is suffixing?", JASIS 42(1), 1991, but fees and shoes lose
// their "s" too. Other languages' words lose little, and the same in texts and
// queries.
func (t *tokenizer) stem(w []byte) {
	n := len(w)
	switch {
	case n < 4 || w[n-1] != 's' || w[n-2] == 's' || w[n-2] == 'u' || slices.ContainsFunc(w, notLetter):
		t.yield(w)
	case n > 4 && w[n-2] == 'e' && w[n-3] == 'i':
		t.singular = append(append(t.singular[:0], w[:n-3]...), 'y')
		t.yield(t.singular)
	default:
		t.yield(w[:n-1])
	}
}

// fold appends the form in which a word is compared.
func fold(dst []byte, word string) []byte {
	start := len(dst)
	for _, r := range word {
		switch {
		case r < utf8.RuneSelf:
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			dst = append(dst, byte(r)) //nolint:gosec // ASCII
		case r < latinEnd:
			dst = append(dst, latin[r]...)
		default:
			return foldAny(dst[:start], word)
		}
	}
	return dst
}

// latinEnd is the end of the Latin blocks that latin covers.
const latinEnd = 0x250

// latin is the folded form of each character below latinEnd.
var latin = func() (table [latinEnd]string) {
	for r := rune(utf8.RuneSelf); r < latinEnd; r++ {
		table[r] = string(foldMarks(string(r)))
	}
	// Letters that Unicode does not decompose, as they are written without them.
	for pair := range strings.FieldsSeq("ßss æae Æae œoe Œoe øo Øo łl Łl đd Đd ðd Ðd þth Þth ħh Ħh ıi ŋn Ŋn ŧt Ŧt") {
		r, size := utf8.DecodeRuneInString(pair)
		table[r] = pair[size:]
	}
	return table
}()

// foldAny folds by the Unicode tables.
func foldAny(dst []byte, word string) []byte {
	for _, r := range foldMarks(word) {
		if r >= utf8.RuneSelf && r < latinEnd {
			dst = append(dst, latin[r]...)
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// foldMarks unifies case and compatibility variants and drops accents. Only
// the combining diacritical marks are accents: in other scripts marks are
// spelling. So is the breve of the Cyrillic short i.
func foldMarks(word string) []rune {
	var kept []rune
	for _, r := range norm.NFKD.String(word) {
		last := rune(0)
		if len(kept) > 0 {
			last = kept[len(kept)-1]
		}
		switch r = unicode.ToLower(r); {
		case 0x300 <= r && r <= 0x36f && (r != 0x306 || last != 'и'), ignored(r), !isWord(r):
			continue
		case r == 'ς':
			r = 'σ'
		}
		kept = append(kept, r)
	}
	return []rune(norm.NFC.String(string(kept)))
}
