package gate

import (
	"cmp"
	"context"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenChars is the length of a pseudonym's keyed part: 10 base-32 digits,
// 50 bits, so that among a million values of one type a chance collision has
// odds of about 1 in 2,000.
const tokenChars = 10

var tokenAlphabet = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// transformer is what turns the values of one text into what the policy says.
type transformer struct {
	*Gate
	policy  *Policy
	subject string // as declared
	record  string
	secrets []Secret
}

// transform is what stands in the display form for a value.
func (t *transformer) transform(r Rule, f Finding, value string) string {
	out, ok := "", false
	switch r.Action {
	case Redact:
		return ""
	case Mask:
		out, ok = mask(value, r.Keep), true
	case Hash:
		sum := t.keyed("hash", string(f.Entity), canonical(value))
		return string(f.Entity) + "_" + hex.EncodeToString(sum[:8])
	case Pseudonym:
		return t.pseudonym(r, f.Entity, value)
	case Encrypt:
		out, ok = t.encrypt(t.policy.Domain, f.Entity, value)
	case Surrogate:
		out, ok = t.surrogate(f.Entity, value)
	case Format:
		out, ok = t.encryptFormat(t.policy.Domain, f.Entity, value, false)
	case Shift:
		out, ok = shiftDate(value, t.shiftDays(r.Days), r.MonthFirst)
	case Generalise:
		out, ok = generalise(r, f.Entity, value)
	case Keep, Replace:
	}
	if !ok || firstBad(out) >= 0 {
		return "[" + string(f.Entity) + "]"
	}
	return out
}

// keyed is a MAC over parts, under the policy's domain.
func (t *transformer) keyed(parts ...string) [macSize]byte {
	var sum [macSize]byte
	body := strings.Join(parts, "\x00")
	if t.policy.Domain != "" {
		body = "domain\x00" + t.policy.Domain + "\x00" + body
	}
	t.pseudonyms.mac(sum[:0], []byte(body))
	return sum
}

// choice picks one of n by key.
func (t *transformer) choice(n int, parts ...string) int {
	sum := t.keyed(parts...)
	return int(binary.BigEndian.Uint64(sum[:8]) % uint64(n)) //nolint:gosec // below n
}

// shiftDays is how far the dates of a subject move: at least a day, at most
// limit, either way.
func (t *transformer) shiftDays(limit int) int {
	if limit == 0 {
		limit = 365
	}
	n := t.choice(2*limit, "shift", cmp.Or(t.subject, t.record)) - limit
	if n >= 0 {
		n++
	}
	return n
}

// pseudonym is deterministic for a tenant's key and the policy's domain.
// Tokens have one length for a type, so none is a prefix of another, and hold
// only letters, digits and "_", so they are safe in JSON and URLs and are one
// word to a tokenizer. A name has a token for each word, and what stood
// between the words.
func (t *transformer) pseudonym(r Rule, e Entity, value string) string {
	if e != "PERSON" {
		return t.token(r, e, canonical(value), value)
	}
	var b strings.Builder
	end := 0
	for w := range nameWords(value) {
		if end > 0 {
			b.WriteString(between(value[end:w.start]))
		}
		b.WriteString(t.token(r, e, foldText(value[w.start:w.end]), value[w.start:w.end]))
		end = w.end
	}
	if end == 0 {
		return t.token(r, e, canonical(value), value)
	}
	return b.String()
}

// between is what may stand between the tokens of a name: what parts words
// and is no word, or a space.
func between(s string) string {
	if strings.Trim(s, " \t\r\n,.'’-·") == "" && s != "" {
		return s
	}
	return " "
}

func (t *transformer) token(r Rule, e Entity, canonical, value string) string {
	sum := t.keyed(string(e), canonical)
	token := string(e) + "_" + tokenAlphabet.EncodeToString(sum[:])[:tokenChars]
	if r.Restore {
		t.secrets = append(t.secrets, Secret{Token: token, subject: t.subject, value: value})
	}
	return token
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

// queryClass is the classification of queries: none, so that rules by
// classification leave them alone.
const queryClass = ""

// Query passes a search query through the gate under the policy of the index
// that it will search. Its Terms let each word find a name that it is part of.
//
// A few words say little about whether one is a name, so a doubtful name in
// a query stays as it is: taken for a name, an ordinary word finds nothing.
func (g *Gate) Query(ctx context.Context, p *Policy, query Raw) (Clean, error) {
	const sure = 0.55
	person := Finding{Entity: "PERSON", Rule: "name"}
	names := p.rule(queryClass, person)
	strict := *p
	strict.Rules = make(Rules, len(p.Rules)+1)
	for key, r := range p.Rules {
		r.Restore = false // asking for a value keeps nothing
		strict.Rules[key] = r
	}
	strict.Otherwise.Restore = false
	names.MinScore, names.Restore = max(names.MinScore, sure), false
	strict.Rules["PERSON/name"] = names
	r := g.Clean(ctx, &strict, []Raw{query})[0]
	if r.Err != nil {
		return Clean{}, r.Err
	}
	made := p.made(person)
	t := &transformer{Gate: g, policy: &strict}
	text := query.Reveal()
	for w := range nameWords(text) {
		word := text[w.start:w.end]
		if made[Pseudonym] {
			r.Clean.terms = append(r.Clean.terms, t.token(Rule{}, "PERSON", foldText(word), ""))
		}
		if made[Surrogate] {
			r.Clean.terms = append(r.Clean.terms, t.nameTerms(word)...)
		}
	}
	return r.Clean, nil
}

// made lists what the policy makes of a finding in fields of any classification.
func (p *Policy) made(f Finding) map[Action]bool {
	out := map[Action]bool{p.rule(queryClass, f).Action: true}
	for class := range p.Classification {
		out[p.rule(class, f).Action] = true
	}
	return out
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
