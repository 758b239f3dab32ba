package detect

import "strings"

// How much a token looks made up, as passwords are.
const (
	notMadeUp  = iota
	wordsMade  // words joined, with figures or a sign: orbit-velvet-39
	likelyMade // capitals inside and figures: CopperMagpie60
	surelyMade // signs among letters and figures, or letters replaced by figures: Xk29!dd, p3bbl3
)

const (
	minMadeUp = 6
	maxMadeUp = 48
)

// madeUp judges a token by its form alone.
func madeUp(w string) int {
	if len(w) < minMadeUp || len(w) > maxMadeUp || isDigit(w[0]) && !hasLetter(w[:len(w)/2]) {
		return notMadeUp
	}
	if w[0] == '*' || w[0] == '&' || w[0] == '0' && w[1]|0x20 == 'x' || strings.HasSuffix(w, "*") {
		return notMadeUp // a pointer, a number, or emphasis
	}
	var low, up, figures, signs, joins, between, steps, run, longest int
	hex := true
	for i := range len(w) {
		c := w[i]
		prev, next := at(w, i-1), at(w, i+1)
		if run++; !isLower(c) {
			run = 0
		}
		longest = max(longest, run)
		switch {
		case isLower(c):
			low++
			if isUpper(prev) && i > 1 && isAlnum(at(w, i-2)) {
				steps++
			}
		case isUpper(c):
			up++
			if isLower(prev) {
				steps++
			}
		case isDigit(c):
			figures++
			if lower[prev] != 0 && lower[next] != 0 {
				between++
			}
		case c == '-' || c == '_' || c == '.':
			joins++
		case strings.IndexByte("!#$%&?", c) >= 0:
			signs++
		case c == '^' || c == '+' || c == '~' || c == '*':
		default:
			return notMadeUp
		}
		hex = hex && hexValue(c) >= 0
	}
	switch {
	case low+up < 3 || low == 0 && signs == 0, hex, fileName(w):
		return notMadeUp
	case signs > 0 && figures > 0:
		return surelyMade
	case between >= 2 && joins == 0 && low > 0 && low+up >= max(5, figures):
		return surelyMade
	case low > 0 && up > 0 && figures > 0 && joins == 0 && longest <= 4 && turns(w) >= 5:
		return surelyMade
	case signs > 0 && joins > 0:
		return wordsMade
	case joins == 0 && low > 0 && up >= 3 && steps >= 5 && longest <= 4 && len(w) >= 10:
		return likelyMade
	case joins == 0 && figures > 0 && twoWords(w):
		return likelyMade
	case joins > 0 && joinedWords(w):
		if strings.IndexByte(w, '_') > 0 && up > 0 && figures > 0 {
			return likelyMade
		}
		return wordsMade
	}
	return notMadeUp
}

// fileName reports whether w ends as the name of a file does: ".csv", ".tar.gz", ".csv?".
func fileName(w string) bool {
	w = strings.TrimRight(w, "?!")
	k := strings.LastIndexByte(w, '.')
	if k <= 0 || len(w)-k < 3 || len(w)-k > 6 {
		return false
	}
	for i := k + 1; i < len(w); i++ {
		if !isLower(w[i]) {
			return false
		}
	}
	return true
}

// twoWords reports whether w is two capitalised words and figures: CopperMagpie60.
func twoWords(w string) bool {
	i := 0
	for range 2 {
		k := i + 1
		for k < len(w) && isLower(w[k]) {
			k++
		}
		if !isUpper(w[i]) || k-i < 4 || k >= len(w) {
			return false
		}
		i = k
	}
	for ; i < len(w); i++ {
		if !isDigit(w[i]) {
			return false
		}
	}
	return true
}

// joinedWords reports whether w is two or more words of three letters or more with one sign between them, and figures
// at the end: orbit-velvet-39, thistle_Pickle1.
func joinedWords(w string) bool {
	sep, words, figures := byte(0), 0, false
	for i := 0; i < len(w); {
		k := i
		for k < len(w) && lower[w[k]] != 0 {
			k++
		}
		if k-i >= 3 {
			words++
		} else if k > i {
			return false
		}
		for i = k; i < len(w) && isDigit(w[i]); i++ {
			figures = true
		}
		if i == len(w) {
			// A last part of figures alone has two or more; behind dots there is no other, as names in code have.
			return words >= 2 && figures && (sep == '_' || i-k >= 2) && (sep != '.' || at(w, k-1) == '.')
		}
		if figures || sep != 0 && w[i] != sep || isAlnum(w[i]) {
			return false
		}
		sep = w[i]
		i++
	}
	return false
}

// token around i: what stands between spaces, quotes and brackets.
func (sc *scan) around(i int) (start, end int) {
	v := sc.v
	start, end = i, i
	for start > 0 && i-start < maxMadeUp && !endsToken(v[start-1]) {
		start--
	}
	for end < len(v) && end-i < maxMadeUp && !endsToken(v[end]) {
		end++
	}
	for end > start && strings.IndexByte(".:-", v[end-1]) >= 0 {
		end--
	}
	return start, end
}

func endsToken(c byte) bool {
	return c <= ' ' || c >= 0x80 || strings.IndexByte("\"'`,;()[]{}<>|=:", c) >= 0
}

// secretAround finds a made-up token at pos, which holds a figure, where the text speaks of passwords or of something
// that was given, written down or tried.
func (sc *scan) secretAround(pos int) {
	if pos < sc.madeEnd {
		return
	}
	v := sc.v
	s, e := sc.around(pos)
	sc.madeEnd = e
	if e > s && sc.inURL(s) || e-s < minMadeUp || at(v, e) == '@' || at(v, e) == '(' || at(v, e) == '[' || at(v, e) == '=' && at(v, e+1) != ' ' {
		return
	}
	w := v[s:e]
	made := madeUp(w)
	if made == notMadeUp || strings.Contains(w, "...") || placeholder(w) {
		return
	}
	c := sc.look(s)
	if p := strings.TrimRight(v[max(0, s-4):s], " "); p != "" && strings.IndexByte("=&|!+<>*([{", p[len(p)-1]) >= 0 && (c.near&ctxPassword == 0 || p[len(p)-1] == '=') ||
		strings.HasPrefix(v[e:], " {") {
		return // an operand in code
	}
	quoted := strings.IndexByte("\"'`", at(v, s-1)) >= 0 && s > 0
	switch {
	case c.near&ctxPassword != 0 && (made >= likelyMade || quoted):
		sc.add(s, e, Secret, "password", 0.65)
	case c.near&(ctxPassword|ctxGiven) != 0:
		sc.add(s, e, Secret, "password", 0.5)
	case c.far&ctxPassword != 0 && (made >= likelyMade || lineStart(v, s)):
		sc.add(s, e, Secret, "password", 0.5)
	case c.near&ctxUse != 0 && made >= likelyMade && (quoted && v[s-1] != '`' || strings.ContainsAny(w, "!$&?") && w[len(w)-1] != '?'):
		sc.add(s, e, Secret, "password", 0.45)
	case quoted && made == surelyMade && c.far&ctxGiven != 0:
		sc.add(s, e, Secret, "password", 0.45)
	}
}

// lineStart reports whether nothing but a short prefix such as "it was" stands before s on its line.
func lineStart(v string, s int) bool {
	for i := s; i > 0 && s-i < 24; i-- {
		if v[i-1] == '\n' || v[i-1] == ':' || v[i-1] == '>' {
			return true
		}
	}
	return s < 24
}
