package gate

import (
	"context"
	"encoding/base32"
	"encoding/hex"
	"maps"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenChars is the length of a pseudonym's keyed part: 10 base-32 digits,
// 50 bits, so that among a million values of one type a chance collision has
// odds of about 1 in 2,000.
const tokenChars = 10

var tokenAlphabet = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// transform is what stands in the display form for a value.
func (g *Gate) transform(r Rule, f Finding, value string) string {
	switch r.Action {
	case Mask:
		return mask(value, r.Keep)
	case Hash:
		var sum [macSize]byte
		g.pseudonyms.mac(sum[:0], []byte("hash\x00"+string(f.Entity)+"\x00"+canonical(value)))
		return string(f.Entity) + "_" + hex.EncodeToString(sum[:8])
	case Pseudonym:
		return g.pseudonym(f.Entity, value)
	case Keep, Replace:
	}
	return "[" + string(f.Entity) + "]"
}

// pseudonym is deterministic for a tenant's key. Tokens have one length for
// a type, so none is a prefix of another, and hold only letters, digits and
// "_", so they are safe in JSON and URLs and are one word to a tokenizer.
func (g *Gate) pseudonym(e Entity, value string) string {
	if e != "PERSON" {
		return g.token(e, canonical(value))
	}
	words := nameWords(value)
	if len(words) == 0 {
		return g.token(e, canonical(value))
	}
	for i, w := range words {
		words[i] = g.token(e, w)
	}
	return strings.Join(words, " ")
}

func (g *Gate) token(e Entity, canonical string) string {
	var sum [macSize]byte
	g.pseudonyms.mac(sum[:0], []byte(string(e)+"\x00"+canonical))
	return string(e) + "_" + tokenAlphabet.EncodeToString(sum[:])[:tokenChars]
}

// nameWords are the words of a name in lower case, without punctuation.
func nameWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	})
}

// canonical drops what people write differently: case, spaces, separators.
func canonical(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '@' || r == '.' {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

func mask(value string, keep int) string {
	chars := 0
	for _, r := range value {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			chars++
		}
	}
	// A value hardly longer than what would stay is masked whole.
	if chars < 2*keep {
		keep = 0
	}
	hide := chars - keep
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return r
		}
		if hide--; hide >= 0 {
			return '*'
		}
		return r
	}, value)
}

// Query passes a search query through the gate under the policy of the index
// that it will search. Its Terms let each word find a name that it is part of.
//
// A few words say little about whether one is a name, so a doubtful name in
// a query stays as it is: taken for a name, an ordinary word finds nothing.
func (g *Gate) Query(ctx context.Context, p *Policy, query Raw) (Clean, error) {
	const sure = 0.55
	names := p.rule(Finding{Entity: "PERSON", Rule: "name"})
	strict := *p
	strict.Rules = maps.Clone(p.Rules)
	if strict.Rules == nil {
		strict.Rules = map[string]Rule{}
	}
	strict.Rules["PERSON/name"] = Rule{Action: names.Action, Keep: names.Keep, MinScore: max(names.MinScore, sure)}
	r := g.Clean(ctx, &strict, []Raw{query})[0]
	if r.Err != nil {
		return Clean{}, r.Err
	}
	if names.Action != Pseudonym {
		return r.Clean, nil
	}
	for _, w := range nameWords(query.Reveal()) {
		r.Clean.terms = append(r.Clean.terms, g.token("PERSON", w))
	}
	return r.Clean, nil
}

// repair adds marks for what must not stand in clean text though it is no
// value: invalid UTF-8, control characters, and the invisible characters
// that reorder or hide text. marks are sorted and stay so.
func repair(text string, marks []mark) []mark {
	at := firstBad(text)
	if at < 0 {
		return marks
	}
	out := make([]mark, 0, len(marks)+8)
	next := 0
	for i := 0; i < len(text); {
		if next < len(marks) && i >= marks[next].s {
			out = append(out, marks[next])
			i = max(i, marks[next].s+marks[next].sn)
			next++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			out = append(out, mark{s: i, sn: size, replaced: "\uFFFD"})
		case invisible(r):
			out = append(out, mark{s: i, sn: size})
		}
		i += size
	}
	return append(out, marks[next:]...)
}

// firstBad finds the first character that repair would replace, or -1.
func firstBad(text string) int {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c == 0x7f {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size <= 1 || invisible(r) {
			return i
		}
		i += size
	}
	return -1
}

// invisible characters are dropped. The joiners U+200C and U+200D stay: they
// are spelling in several scripts and build emoji.
func invisible(r rune) bool {
	switch {
	case r < ' ':
		return r != '\n' && r != '\t' && r != '\r'
	case r == 0x7f, r >= 0x80 && r < 0xa0:
		return true
	case r == 0x200b, r == 0x2060, r == 0xfeff:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
		return true
	}
	return false
}
