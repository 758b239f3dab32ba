package detect

import "math/bits"

// maxRun is how many characters of a number are looked at; the longest identifier, an IBAN, has 34.
const maxRun = 40

// run is a number as written: letters and digits in groups, with one separator between groups.
type run struct {
	n      int
	c      [maxRun]byte // the characters, letters in upper case
	at     [maxRun]int  // where each stands in the view
	sep    [maxRun]byte // the separator behind each, where a group ends there
	digits uint64       // bit i: c[i] is a digit
	ends   uint64       // bit i: a group ends behind c[i]
}

// read parses the run at i. Groups are separated by single spaces or line breaks throughout, or by single dots,
// dashes and slashes throughout; a word ends it.
func (r *run) read(v string, i int) {
	r.n, r.digits, r.ends = 0, 0, 0
	spaced, groups := byte(0), 0
	for r.n < maxRun {
		from := r.n
		letters := 0
		for i < len(v) && r.n < maxRun && isAlnum(v[i]) {
			c := v[i]
			if isDigit(c) {
				r.digits |= 1 << r.n
			} else {
				c &^= 0x20
				letters++
			}
			r.c[r.n], r.at[r.n] = c, i
			r.n++
			i++
		}
		if groups > 0 && letters > 1 && letters == r.n-from && (letters > 2 || isLower(v[i-1])) { // the next word of the text
			r.n = from
			return
		}
		groups++
		r.ends |= 1 << (r.n - 1)
		r.sep[r.n-1] = 0
		if i >= len(v) || r.n == maxRun && isAlnum(v[i]) {
			if r.n == maxRun && i < len(v) && isAlnum(v[i]) {
				r.ends &^= 1 << (r.n - 1) // cut inside a group
			}
			return
		}
		c, j := v[i], i+1
		switch c {
		case '\r', '\n':
			if c == '\r' && j < len(v) && v[j] == '\n' {
				j++
			}
			c = '\n'
		case ' ', '-', '.', '/':
		default:
			return
		}
		kind := byte('.')
		if c == ' ' || c == '\n' {
			kind = ' '
		}
		if spaced == 0 {
			spaced = kind
		}
		if j >= len(v) || !isAlnum(v[j]) || kind != spaced || groups == 12 && r.n > 12 {
			return
		}
		r.sep[r.n-1] = c
		i = j
	}
}

// grouping is a way to write an identifier in groups.
type grouping struct {
	ends uint64 // as run.ends, without the last group
	seps string // the separators in order
}

// parseGrouping reads a picture such as "999.999.999-99".
func parseGrouping(pic string) grouping {
	var g grouping
	n := 0
	for i := range len(pic) {
		if isAlnum(pic[i]) {
			n++
			continue
		}
		g.ends |= 1 << (n - 1)
		g.seps += pic[i : i+1]
	}
	return g
}

// inGroups reports whether the first n characters of r are grouped as g says.
func (r *run) inGroups(n int, g grouping) bool {
	if r.ends&(1<<(n-1)-1) != g.ends {
		return false
	}
	for e, k := g.ends, 0; e != 0; e, k = e&(e-1), k+1 {
		if sep := r.sep[bits.TrailingZeros64(e)]; sep != g.seps[k] && (sep != '\n' || g.seps[k] != ' ') {
			return false
		}
	}
	return true
}

// whole reports whether the first n characters end where a group does and nothing goes on directly behind them that
// would make them part of something longer.
func (r *run) whole(v string, n int) bool {
	if n > r.n || r.ends>>(n-1)&1 == 0 {
		return false
	}
	i := r.at[n-1] + 1
	if i+1 >= len(v) {
		return true
	}
	switch v[i] {
	case '-':
		return !isAlnum(v[i+1])
	case '.', '/', ':', ',':
		return !isDigit(v[i+1]) || v[i] == ','
	case '_', '%', '@', '=':
		return v[i] == '=' || v[i] == '%' && !isAlnum(v[i+1])
	}
	return true
}

// allDigits reports whether the first n characters are digits.
func (r *run) allDigits(n int) bool {
	m := uint64(1)<<n - 1
	return r.digits&m == m
}

// uniform reports whether the first n characters are not grouped, or all groups but the last have the same size and
// the separators are all the same.
func (r *run) uniform(n int) bool {
	e := r.ends & (1<<(n-1) - 1)
	if e == 0 {
		return true
	}
	size := bits.TrailingZeros64(e) + 1
	sep := r.sep[size-1]
	at := 0
	for ; e != 0; e &= e - 1 {
		k := bits.TrailingZeros64(e)
		if k+1-at != size || r.sep[k] != sep {
			return false
		}
		at = k + 1
	}
	return n-at <= size
}

// hasBreak reports whether a line break separates two of the first n characters.
func (r *run) breaks(n int) int {
	k := 0
	for e := r.ends & (1<<(n-1) - 1); e != 0; e &= e - 1 {
		if r.sep[bits.TrailingZeros64(e)] == '\n' {
			k++
		}
	}
	return k
}

// number decides what the token that begins at c.pos is.
func (sc *scan) number(c *cand) {
	v, i := sc.v, c.pos
	if i < sc.numEnd {
		return
	}
	ctx := sc.look(i)
	inner := false // the token goes on from one before it
	if p := sc.byteAt(i - 1); p == '-' || p == '.' || p == '/' || p == ':' || p == '_' || p == '+' || p == '@' {
		q := sc.byteAt(i - 2)
		inner = isDigit(q) || p == '-' && isAlnum(q) || p == '+' || p == '@'
	}
	if ctx.any(ctxPassword|ctxGiven) || ctx.near&ctxUse != 0 {
		sc.secretAround(i)
		ctx = sc.look(i)
	}
	if ctx.near&ctxKey != 0 && c.end-i >= 20 {
		sc.keyInContext(i, c.end)
	}
	digit := isDigit(v[i])
	if digit && c.end-i == 1 && sc.singles(i) {
		return
	}
	if digit && !inner {
		if sc.byteAt(c.end) == '.' && c.end-i <= 3 && sc.ipv4(i) {
			return
		}
		sc.phone(i)
		if c.end-i <= 3 {
			sc.age(i, c.end)
		}
		if c.end-i <= 4 {
			sc.numericDate(i, c.end)
			sc.germanStreet(i, c.end)
		}
		if c.end-i == 5 {
			sc.plainPostcode(i, c.end)
		}
		if c.end-i >= 3 && c.end-i <= 8 && ctx.near&(ctxPIN|ctxCVV) != 0 {
			sc.pin(i, c.end)
		}
	}
	if c.arg == 0 {
		sc.anchor(i, c.end)
	}
	if inner {
		return
	}
	if !digit {
		sc.ukPostcode(i, c.end)
	}
	if !digit {
		sc.iban(i)
	}
	r := &sc.num
	r.read(v, i)
	if r.n < 6 {
		return
	}
	if !digit {
		sc.vat(r, ctx)
	} else {
		sc.card(r, ctx)
	}
	if r.n >= 7 {
		sc.identifier(r, ctx)
	}
	if c.arg == 0 {
		sc.labelled(r, ctx)
	}
}

// singles reports whether the digit at i goes on a chain of digits written one by one, which was read from its start.
func (sc *scan) singles(i int) bool {
	p, q, d := sc.byteAt(i-1), sc.byteAt(i-2), sc.byteAt(i-3)
	return (p == ' ' || p == '-' || p == '\n') && isDigit(q) && !isAlnum(d)
}
