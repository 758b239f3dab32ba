package gate

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// spelled are the letters that stay after decomposition though people write
// them with plain ones.
var spelled = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ð': "d", 'ł': "l", 'þ': "th", 'ħ': "h", 'ı': "i",
}

// foldRune is a character in lower case without its accent.
func foldRune(r rune) string {
	r = unicode.ToLower(r)
	if s, ok := spelled[r]; ok {
		return s
	}
	var buf [utf8.UTFMax]byte
	n := utf8.EncodeRune(buf[:], r)
	var b strings.Builder
	for _, c := range string(norm.NFKD.Bytes(buf[:n])) {
		if !mark0300(c) {
			b.WriteRune(unicode.ToLower(c))
		}
	}
	return b.String()
}

// foldText is a text in lower case without accents: Müller, MÜLLER and Muller
// are one name.
func foldText(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for _, r := range s {
		b.WriteString(foldRune(r))
	}
	return b.String()
}
