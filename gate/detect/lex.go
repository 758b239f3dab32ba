package detect

import "math/bits"

// Classes of bytes: what the main loop does on meeting one.
const (
	clsOther  = iota // skip
	clsLetter        // an ASCII letter begins a word
	clsDigit         // an ASCII digit begins a token
	clsMark          // a punctuation mark that a detector is triggered by
)

var class = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = clsLetter, clsLetter
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = clsDigit
	}
	for _, c := range []byte("@:=-\n+(~") {
		t[c] = clsMark
	}
	return t
}()

// lower maps ASCII letters to lower case and everything else to zero.
var lower = func() (t [256]byte) {
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-32] = c, c
	}
	return t
}()

func isDigit(c byte) bool { return c-'0' < 10 }
func isAlnum(c byte) bool { return lower[c] != 0 || c-'0' < 10 }
func isUpper(c byte) bool { return c-'A' < 26 }
func isLower(c byte) bool { return c-'a' < 26 }

// byteAt is v[i], or 0 outside.
func (sc *scan) byteAt(i int) byte {
	if i < 0 || i >= len(sc.v) {
		return 0
	}
	return sc.v[i]
}

// The kinds of candidates that wait for their context.
const (
	candNumber uint8 = iota // a token with a digit, or a short word before one
	candPlus                // '+' or '(' before a digit: a telephone number
	candMonth               // the name of a month
	candStreet              // a word such as "street"; arg is its kind
	candCode                // a token of letters and digits: wallets, identifiers
)

type cand struct {
	pos, end int
	kind     uint8
	arg      uint8
}

// lex is the pass over the view.
func (sc *scan) lex() {
	v := sc.v
	for i := 0; i < len(v); sc.steps++ {
		switch class[v[i]] {
		case clsOther:
			i++
		case clsMark:
			i = sc.punct(i)
		default:
			if n := plainWord(v, i); n > 0 {
				i += n
				continue
			}
			i = sc.word(i)
		}
	}
}

// plainWord is the length of the word at i if it is short, no keyword, and no part of a number or token; otherwise 0.
// That is most words of a text.
func plainWord(v string, i int) int {
	if i+9 >= len(v) {
		return 0
	}
	x := load(v, i) | 0x20*lanes
	m := others(x)
	k := bits.TrailingZeros64(m) &^ 7
	n := k / 8
	if m == 0 || n < 2 {
		return 0
	}
	if c := v[i+n]; (c != ' ' || isDigit(v[i+n+1])) && (n < 4 || isDigit(c) || c == '_' || c == '-' || c == '.') {
		return 0
	}
	if tags[slot(mix(0, x&(1<<k-1)))] != 0 {
		return 0
	}
	return n
}

// word reads the run of ASCII letters and digits at i and returns its end.
func (sc *scan) word(i int) int {
	v, start := sc.v, i
	size, h := letters(v, i)
	i += size
	if i < len(v) && isDigit(v[i]) {
		for i < len(v) && isAlnum(v[i]) {
			i++
		}
		sc.cands = append(sc.cands, cand{start, i, candNumber, 0})
		if i-start >= 12 || connected(v, i) {
			sc.token(start, i)
		}
		return i
	}
	n := i - start
	if n == 1 && v[start]|0x20 == 'c' && i+1 < len(v) && v[i] == '/' && (v[i+1] == ' ' || isUpper(v[i+1])) { // "C/ Mayor 5"
		sc.cands = append(sc.cands, cand{start, i + 1, candStreet, 2})
	}
	if n >= 2 && n <= maxKeyword {
		if k := lookup(h, v[start:i]); k != nil {
			sc.keyword(k, start, i)
		}
	}
	if n <= 3 && i+1 < len(v) && (v[i] == ' ' || v[i] == '-') && isDigit(v[i+1]) {
		// "AB 12 34 56 C", "X-1234567-L", "CHE-123.456.789"
		sc.cands = append(sc.cands, cand{start, i, candNumber, 1})
	}
	if n >= 12 || connected(v, i) {
		sc.token(start, i)
	}
	return i
}

// connected reports whether the run that ends at i goes on behind '_', '-' or '.', as tokens with a prefix do.
func connected(v string, i int) bool {
	return i+1 < len(v) && (v[i] == '_' || v[i] == '-' || v[i] == '.') && (isAlnum(v[i+1]) || v[i+1] == '-' || v[i+1] == '_')
}

// punct dispatches on the mark at i and returns where to go on.
func (sc *scan) punct(i int) int {
	switch sc.v[i] {
	case '\n':
		sc.line++
		sc.lines = append(sc.lines, i+1)
	case '@':
		sc.email(i)
	case ':':
		if i+2 < len(sc.v) && sc.v[i+1] == '/' && sc.v[i+2] == '/' {
			sc.url(i)
			return i + 3
		}
		sc.hexColon(i)
		sc.assign(i)
	case '=':
		sc.assign(i)
	case '-':
		if i+10 < len(sc.v) && sc.v[i+1] == '-' {
			return sc.pem(i)
		}
		sc.macAt(i, '-')
	case '+', '(':
		if c := sc.byteAt(i + 1); isDigit(c) || c == '(' || c == '+' || c == ' ' && isDigit(sc.byteAt(i+2)) {
			sc.cands = append(sc.cands, cand{i, i + 1, candPlus, 0})
		}
	case '~':
		sc.azureSecret(i)
	}
	return i + 1
}

// inName reports whether the word [s, e) is part of a name in code: left.Op, LOGIN_FAILURE, entered().
func inName(v string, s, e int) bool {
	n := at(v, e)
	return at(v, s-1) == '_' || at(v, s-1) == '.' || n == '_' || n == '(' || n == '[' || n == '.' && isAlnum(at(v, e+1))
}

// keyword notes a context word and runs what it triggers.
func (sc *scan) keyword(k *keyword, start, end int) {
	if k.kinds != 0 && (k.kinds&(ctxGiven|ctxUse) == 0 && end-start != 2 || !inName(sc.v, start, end)) {
		sc.marks = append(sc.marks, mark{start, end, sc.line, k.kinds})
	}
	switch k.act {
	case actNone:
	case actAt:
		sc.emailAt(start, end)
	case actPassword:
		sc.passwordWord(start, end)
	case actBearer:
		sc.bearer(start, end)
	case actWWW:
		sc.www(start, end)
	case actMonth:
		sc.cands = append(sc.cands, cand{start, end, candMonth, k.arg})
	case actWiFi:
		sc.wifiKey(start, end)
	case actUser:
		sc.userPassword(end)
	case actMode:
		sc.prefixedKey(start, end)
	case actPlate:
		sc.plate(start, end)
	case actRegister:
		sc.register(start, end)
	case actNRP:
		sc.nrp(start, end)
	case actDigit:
		sc.spelt(start)
	case actCode:
		sc.codeWord(start, end)
	case actStreet:
		sc.cands = append(sc.cands, cand{start, end, candStreet, k.arg})
	}
}

// classify decides what waited for its context.
func (sc *scan) classify() {
	for i := range sc.cands {
		c := &sc.cands[i]
		switch c.kind {
		case candNumber:
			sc.number(c)
		case candPlus:
			sc.look(c.pos)
			sc.phone(c.pos)
		case candMonth:
			sc.monthDate(c)
		case candStreet:
			sc.street(c)
		case candCode:
			sc.wallet(c.pos, c.end)
		}
	}
}
