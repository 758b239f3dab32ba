package detect

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// Values are hidden in base64, and digits in words. What is decoded or read is scanned as a text of its own; a finding
// in it covers all that it was made from.

const (
	maxEncoded = 4 << 10
	minEncoded = 12
	maxSpelt   = 96 // digits
	minSpelt   = 7
)

// within scans a text that was made from a part of this one.
func (sc *scan) within(text string) []Finding {
	in, _ := sc.s.scratch.Get().(*scan)
	in.reset(sc.s, text)
	in.nested = true
	in.lex()
	in.classify()
	found := in.settle(nil)
	sc.steps += in.steps
	in.v, in.fold.text, in.s, in.words = "", "", nil, surroundings{}
	sc.s.scratch.Put(in)
	return found
}

// encoded handles a run of letters and digits that begins at s: base64 (RFC 4648) of a text that holds a value.
func (sc *scan) encoded(s int) {
	if s < sc.encodedEnd || sc.nested {
		return
	}
	v := sc.v
	if c := at(v, s-1); s > 0 && csBase64.has(c) && c != '=' {
		return // the middle of one
	}
	end, limit := s, min(len(v), s+maxEncoded)
	for end < limit && csBase64.has(v[end]) && v[end] != '=' {
		end++
	}
	body := v[s:end]
	for end < limit && v[end] == '=' && end-s-len(body) < 2 {
		end++
	}
	sc.encodedEnd = end
	if len(body) < minEncoded || end == limit && limit < len(v) {
		return
	}
	code := base64.RawStdEncoding
	if strings.ContainsAny(body, "-_") {
		code = base64.RawURLEncoding
	}
	var first [6]byte
	if n, err := code.Decode(first[:], []byte(body[:8])); err != nil || !printable(string(first[:n]), true) {
		return
	}
	text, err := code.DecodeString(body)
	if err != nil || !printable(string(text), false) {
		return
	}
	if figuresIn(string(text)) < 5 && !strings.Contains(string(text), "@") && len(text) < 24 {
		return // a word
	}
	best := Finding{Score: 0.5}
	before := v[max(0, s-farBefore):s]
	for _, f := range sc.within(before + string(text)) {
		if f.Start >= len(before) && f.Score >= best.Score && f.Type != URL && f.Type != DateTime {
			best = f
		}
	}
	if best.Type != "" {
		sc.add(s, end, best.Type, best.Rule, min(best.Score, 0.9))
	}
}

// printable reports whether s is text without control characters; one that was cut may end in the middle of a character.
func printable(s string, cut bool) bool {
	for i, r := range s {
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f || r == utf8.RuneError && (!cut || i < len(s)-utf8.UTFMax) {
			return false
		}
	}
	return true
}

// digitWords are the digits in the languages of the keywords, and what is said between them.
var digitWords = func() map[string]string {
	m := map[string]string{
		"dash": "-", "hyphen": "-", "minus": "-", "strich": "-", "guion": "-", "tiret": "-", "dot": ".", "point": ".", "punkt": ".", "punto": ".", "plus": "+",
	}
	for i, list := range digitLists {
		for w := range strings.FieldsSeq(list) {
			m[w] = string(rune('0' + i))
		}
	}
	return m
}()

var digitLists = []string{
	"zero oh null cero nul nula", "one eins uno une un een", "two zwei zwo dos deux twee due", "three drei tres trois drie tre", "four vier cuatro quatre quattro",
	"five funf fuenf cinco cinq vijf cinque", "six sechs seis zes sei", "seven sieben siete sept zeven sette", "eight acht ocho huit otto", "nine neun nueve neuf negen nove",
}

// speech is digits as they are said, and the signs between them.
type speech struct {
	text     [maxSpelt]byte
	from, to [maxSpelt]int // where each was said
	n        int
	digits   int
	end      int // of the last word
}

func (d *speech) put(c byte, from, to int) {
	if d.n < maxSpelt {
		d.text[d.n], d.from[d.n], d.to[d.n] = c, from, to
		d.n++
		d.end = to
	}
	if isDigit(c) {
		d.digits++
	}
}

// read reads digits and signs in words from i on, and figures among them.
func (d *speech) read(v string, i int) {
	times := 1
	for d.n < maxSpelt {
		k := i
		for k < len(v) && k-i < 12 && isAlnum(v[k]) {
			k++
		}
		w := strings.ToLower(v[i:k])
		switch sign := digitWords[w]; {
		case w == "double":
			times = 2
		case w == "triple":
			times = 3
		case sign != "":
			for range times {
				d.put(sign[0], i, k)
			}
			times = 1
		case w != "" && figuresIn(w) == len(w):
			for j := range len(w) {
				d.put(w[j], i+j, i+j+1)
			}
		default:
			return
		}
		for i = k; i < len(v) && i-k < 3 && (v[i] == ' ' || v[i] == ',' || v[i] == '-' || v[i] == '\n'); i++ {
			continue
		}
		if i == k {
			return
		}
	}
}

// spelt handles a digit in words at s: "oh seven seven double zero nine …".
func (sc *scan) spelt(s int) {
	if s < sc.speltEnd || sc.nested {
		return
	}
	v := sc.v
	if k := max(0, s-5); strings.EqualFold(v[k:s], "plus ") {
		s = k
	}
	var d speech
	d.read(v, s)
	sc.speltEnd = max(d.end, s+1)
	for d.n > 0 && !isDigit(d.text[d.n-1]) {
		d.n--
	}
	if d.digits < minSpelt {
		return
	}
	before := v[max(0, s-farBefore):s]
	for _, f := range sc.within(before + string(d.text[:d.n]) + v[d.end:min(len(v), d.end+farAfter)]) {
		if a, b := f.Start-len(before), f.End-len(before); a >= 0 && b <= d.n && f.Score >= 0.5 && f.Type != URL && f.Type != DateTime {
			sc.add(d.from[a], d.to[b-1], f.Type, f.Rule, min(f.Score, 0.9))
		}
	}
}
