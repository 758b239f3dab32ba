package detect

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// folded maps offsets of a view back to the original text.
//
// The view is made by step, which turns one character (or escape) of the text into at most two bytes of the view.
// Keeping every shift would cost more memory than the text where most characters fold, so only checkpoints are kept,
// one per foldStride bytes of text, and step is replayed from the nearest.
type folded struct {
	text  string
	plain int // the view equals the text up to here
	same  bool
	marks []checkpoint
}

type checkpoint struct{ view, orig int }

const foldStride = 64

// foldTrigger marks the bytes at which a character may begin whose folded form differs from itself.
var foldTrigger = func() (t [256]bool) {
	for c := 0x80; c < 0x100; c++ {
		t[c] = true
	}
	for _, c := range []byte("&%\\<*") {
		t[c] = true
	}
	return t
}()

// view returns the folded text. Text without anything to fold is returned as it is, without a copy.
func (f *folded) view(text string) string {
	f.text, f.marks = text, f.marks[:0]
	i := nextFold(text, 0)
	f.plain, f.same = i, i == len(text)
	if f.same {
		return text
	}
	var b strings.Builder
	b.Grow(len(text) + 16)
	b.WriteString(text[:i])
	next := i
	for i < len(text) {
		if i >= next {
			f.marks = append(f.marks, checkpoint{b.Len(), i})
			next = i + foldStride
		}
		if !foldTrigger[text[i]] {
			j := i + 1
			for j < len(text) && j < next && !foldTrigger[text[j]] {
				j++
			}
			b.WriteString(text[i:j])
			i = j
			continue
		}
		out, n, w := step(text, i)
		switch {
		case n < 0:
			b.WriteString(text[i : i+w])
		case n == 1:
			b.WriteByte(out[0])
		case n == 2:
			b.WriteByte(out[0])
			b.WriteByte(out[1])
		}
		i += w
	}
	return b.String()
}

// nextFold is where the next trigger stands, from i on.
func nextFold(text string, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if x := load(text, i); (x|zeros(x^'&'*lanes)|zeros(x^'%'*lanes)|zeros(x^'\\'*lanes)|zeros(x^'<'*lanes)|zeros(x^'*'*lanes))&laneTops != 0 {
			break
		}
	}
	for i < len(text) && !foldTrigger[text[i]] {
		i++
	}
	return i
}

// zeros marks by its top bit the lowest lane of x that is zero, and perhaps lanes above it.
func zeros(x uint64) uint64 { return (x - lanes) &^ x }

// start is where in the text the character begins that gave byte v of the view.
func (f *folded) start(v int) int { s, _ := f.char(v); return s }

// end is where in the text the character ends that gave byte v-1 of the view; v > 0.
func (f *folded) end(v int) int { _, e := f.char(v - 1); return e }

func (f *folded) char(v int) (start, end int) {
	if f.same || v < f.plain {
		return v, v + 1
	}
	k := sort.Search(len(f.marks), func(k int) bool { return f.marks[k].view > v }) - 1
	at, i := f.marks[k].view, f.marks[k].orig
	for i < len(f.text) {
		n, w := 1, 1
		if foldTrigger[f.text[i]] {
			_, n, w = step(f.text, i)
			if n < 0 {
				n = w
			}
		}
		if v < at+n {
			return i, i + w
		}
		at, i = at+n, i+w
	}
	return len(f.text), len(f.text)
}

// step folds the character at text[i], a trigger: n bytes of out stand for text[i:i+w]. n < 0 keeps them as they are.
func step(text string, i int) (out [2]byte, n, w int) {
	switch text[i] {
	case '&':
		return entity(text, i)
	case '%':
		if i+2 < len(text) {
			hi, lo := hexValue(text[i+1]), hexValue(text[i+2])
			if c := hi<<4 | lo; hi >= 2 && lo >= 0 && c < 0x7f {
				return [2]byte{byte(c)}, 1, 3 //nolint:gosec // printable ASCII
			}
		}
		return out, -1, 1
	case '\\':
		return escape(text, i)
	case '<', '*':
		if w = markup(text, i); w > 0 {
			return out, 0, w
		}
		return out, -1, 1
	}
	r, w := utf8.DecodeRuneInString(text[i:])
	if r == utf8.RuneError && w <= 1 {
		return [2]byte{0xff}, 1, 1
	}
	out, n = foldRune(r)
	return out, n, w
}

// escape folds the escapes of JSON and most programming languages that can hide a value or glue a letter to it.
func escape(text string, i int) (out [2]byte, n, w int) {
	if i+1 >= len(text) {
		return out, -1, 1
	}
	switch text[i+1] {
	case 'n', 'r':
		return [2]byte{'\n'}, 1, 2
	case 't':
		return [2]byte{'\t'}, 1, 2
	case '"', '/', '\'':
		return [2]byte{text[i+1]}, 1, 2
	case 'u':
		if i+5 < len(text) {
			r := rune(0)
			for _, c := range []byte(text[i+2 : i+6]) {
				h := hexValue(c)
				if h < 0 {
					return out, -1, 1
				}
				r = r<<4 | rune(h) //nolint:gosec // a hexadecimal digit
			}
			if r >= 0x20 && (r < 0xd800 || r > 0xdfff) {
				if out, n = foldRune(r); n >= 0 {
					return out, n, 6
				}
			}
		}
	}
	return out, -1, 1
}

// entityNames are the HTML entities that occur in obfuscated values.
var entityNames = map[string]byte{
	"amp": '&', "lt": '<', "gt": '>', "quot": '"', "apos": '\'', "nbsp": ' ', "commat": '@', "period": '.',
	"colon": ':', "hyphen": '-', "dash": '-', "plus": '+', "lowbar": '_', "num": '#', "sol": '/', "lpar": '(', "rpar": ')',
}

func entity(text string, i int) (out [2]byte, n, w int) {
	j := i + 1
	for j < len(text) && j < i+12 && text[j] != ';' {
		j++
	}
	if j >= len(text) || text[j] != ';' || j == i+1 {
		return out, -1, 1
	}
	body, w := text[i+1:j], j+1-i
	if body[0] != '#' {
		if c, ok := entityNames[body]; ok {
			return [2]byte{c}, 1, w
		}
		return out, -1, 1
	}
	base, digits := 10, body[1:]
	if digits != "" && digits[0]|0x20 == 'x' {
		base, digits = 16, digits[1:]
	}
	r := 0
	for _, c := range []byte(digits) {
		h := hexValue(c)
		if h < 0 || h >= base || r > utf8.MaxRune {
			return out, -1, 1
		}
		r = r*base + h
	}
	if digits == "" || r < 0x20 || r > utf8.MaxRune {
		return out, -1, 1
	}
	out, n = foldRune(rune(r))
	if n < 0 {
		return out, -1, 1
	}
	return out, n, w
}

func hexValue(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// foldRune gives the plain form of r: n bytes of out, none where r is invisible, or n < 0 where r stays as it is.
func foldRune(r rune) (out [2]byte, n int) {
	one := func(c rune) ([2]byte, int) { return [2]byte{byte(c)}, 1 } //nolint:gosec // callers pass ASCII only
	switch {
	case r < 0x80:
		return one(r)
	case r < 0x370:
		if r >= 0x300 || r == 0xad { // combining marks, soft hyphen
			return out, 0
		}
		if r < 0x250 {
			if s := latin[r-0x80]; s[0] != 0 {
				if s[1] != 0 {
					return s, 2
				}
				return s, 1
			}
		}
		return out, -1
	case r < 0x530:
		if c := lookalike[r]; c != 0 {
			return one(rune(c))
		}
		return out, -1
	case r >= 0x660 && r <= 0x669: // Arabic-Indic digits
		return one('0' + r - 0x660)
	case r >= 0x6f0 && r <= 0x6f9: // extended Arabic-Indic digits
		return one('0' + r - 0x6f0)
	case r >= 0x966 && r <= 0x96f: // Devanagari digits
		return one('0' + r - 0x966)
	case r >= 0x1e00 && r < 0x1f00:
		if c := latinExt[r-0x1e00]; c != 0 {
			return one(rune(c))
		}
		return out, -1
	case r >= 0x2000 && r < 0x2070:
		return punctuation(r)
	case r == 0x2212 || r == 0xfe58 || r == 0xfe63 || r == 0x2500:
		return one('-')
	case r == 0x3000:
		return one(' ')
	case r == 0x3002:
		return one('.')
	case r == 0xfe6b:
		return one('@')
	case r == 0x180e || r == 0xfeff || r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0000 && r <= 0xe01ef:
		return out, 0 // separators without width, variation selectors, tags
	case r >= 0xff01 && r <= 0xff5e: // full-width forms
		return one(r - 0xff01 + '!')
	case r >= 0x1d400 && r < 0x1d6a4: // mathematical letters: 26 capitals, 26 small, again and again
		k := (r - 0x1d400) % 52
		if k < 26 {
			return one('A' + k)
		}
		return one('a' + k - 26)
	case r >= 0x1d7ce && r <= 0x1d7ff: // mathematical digits
		return one('0' + (r-0x1d7ce)%10)
	}
	return out, -1
}

// punctuation folds the block General Punctuation.
func punctuation(r rune) (out [2]byte, n int) {
	switch {
	case r <= 0x200a, r == 0x202f, r == 0x205f:
		return [2]byte{' '}, 1
	case r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060: // zero width, direction, invisible operators
		return out, 0
	case r <= 0x2015, r == 0x2043:
		return [2]byte{'-'}, 1
	case r == 0x2018, r == 0x2019, r == 0x201a, r == 0x201b, r == 0x2032:
		return [2]byte{'\''}, 1
	case r >= 0x201c && r <= 0x201f, r == 0x2033:
		return [2]byte{'"'}, 1
	case r == 0x2024:
		return [2]byte{'.'}, 1
	case r == 0x2028, r == 0x2029:
		return [2]byte{'\n'}, 1
	case r == 0x2044:
		return [2]byte{'/'}, 1
	case r == 0x2039:
		return [2]byte{'<'}, 1
	case r == 0x203a:
		return [2]byte{'>'}, 1
	}
	return out, -1
}

// latin holds the base letters of U+0080 to U+024F, so that context words need one spelling.
var latin = func() (t [0x250 - 0x80][2]byte) {
	for base, letters := range map[string]string{
		"A": "ÀÁÂÃÄÅĀĂĄǍ", "a": "àáâãäåāăąǎª", "C": "ÇĆĈĊČ", "c": "çćĉċč", "D": "ÐĎĐ", "d": "ðďđ",
		"E": "ÈÉÊËĒĔĖĘĚ", "e": "èéêëēĕėęě", "G": "ĜĞĠĢ", "g": "ĝğġģ", "H": "ĤĦ", "h": "ĥħ",
		"I": "ÌÍÎÏĨĪĬĮİ", "i": "ìíîïĩīĭįı", "J": "Ĵ", "j": "ĵ", "K": "Ķ", "k": "ķĸ", "L": "ĹĻĽĿŁ", "l": "ĺļľŀł",
		"N": "ÑŃŅŇ", "n": "ñńņňŉ", "O": "ÒÓÔÕÖØŌŎŐ", "o": "òóôõöøōŏőº", "R": "ŔŖŘ", "r": "ŕŗř",
		"S": "ŚŜŞŠȘ", "s": "śŝşšșſ", "T": "ŢŤŦȚ", "t": "ţťŧț", "U": "ÙÚÛÜŨŪŬŮŰŲ", "u": "ùúûüũūŭůűų",
		"W": "Ŵ", "w": "ŵ", "Y": "ÝŶŸ", "y": "ýÿŷ", "Z": "ŹŻŽ", "z": "źżž",
		"ss": "ß", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ", " ": "\u00a0", "\"": "«»", "'": "´",
	} {
		for _, r := range letters {
			copy(t[r-0x80][:], base)
		}
	}
	return t
}()

// latinExt holds base letters of Latin Extended Additional, which runs through the alphabet in order (Unicode 16).
var latinExt = func() (t [0x100]byte) {
	fill := func(from, to rune, upper, lower byte) {
		for r := from; r <= to; r++ {
			if r%2 == 0 {
				t[r-0x1e00] = upper
			} else {
				t[r-0x1e00] = lower
			}
		}
	}
	for _, x := range []struct {
		from, to rune
		c        byte
	}{
		{0x1e00, 0x1e01, 'A'},
		{0x1e02, 0x1e07, 'B'},
		{0x1e08, 0x1e09, 'C'},
		{0x1e0a, 0x1e13, 'D'},
		{0x1e14, 0x1e1d, 'E'},
		{0x1e1e, 0x1e1f, 'F'},
		{0x1e20, 0x1e21, 'G'},
		{0x1e22, 0x1e2b, 'H'},
		{0x1e2c, 0x1e2f, 'I'},
		{0x1e30, 0x1e35, 'K'},
		{0x1e36, 0x1e3d, 'L'},
		{0x1e3e, 0x1e43, 'M'},
		{0x1e44, 0x1e4b, 'N'},
		{0x1e4c, 0x1e53, 'O'},
		{0x1e54, 0x1e57, 'P'},
		{0x1e58, 0x1e5f, 'R'},
		{0x1e60, 0x1e69, 'S'},
		{0x1e6a, 0x1e71, 'T'},
		{0x1e72, 0x1e7b, 'U'},
		{0x1e7c, 0x1e7f, 'V'},
		{0x1e80, 0x1e89, 'W'},
		{0x1e8a, 0x1e8d, 'X'},
		{0x1e8e, 0x1e8f, 'Y'},
		{0x1e90, 0x1e95, 'Z'},
		{0x1ea0, 0x1eb7, 'A'},
		{0x1eb8, 0x1ec7, 'E'},
		{0x1ec8, 0x1ecb, 'I'},
		{0x1ecc, 0x1ee3, 'O'},
		{0x1ee4, 0x1ef1, 'U'},
		{0x1ef2, 0x1ef9, 'Y'},
	} {
		fill(x.from, x.to, x.c, x.c|0x20)
	}
	return t
}()

// lookalike holds Greek and Cyrillic letters that most typefaces draw as a Latin one (Unicode TR 39, confusables).
var lookalike = func() (t [0x530]byte) {
	pairs := []rune("ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXνvοoρpιiαaυuϲcϳj" +
		"АAВBЕEЅSІIЈJКKМMНHОOРPСCТTУYХXаaеeоoрpсcуyхxѕsіiјjԁdһhԛqԝwӏlүyғf")
	for i := 0; i+1 < len(pairs); i += 2 {
		t[pairs[i]] = byte(pairs[i+1])
	}
	return t
}()
