package detect

import "strings"

const maxAddress = 72 // how far an address reaches on each side of its street

// street finds a street address around a word for a street; c.arg says on which side its name and number stand.
func (sc *scan) street(c *cand) {
	sc.look(c.pos)
	if c.arg&1 != 0 && sc.streetAfterName(c.pos, c.end) {
		return
	}
	if c.arg&4 != 0 && sc.streetAfterNumber(c.pos, c.end) {
		return
	}
	if c.arg&2 != 0 {
		sc.streetBeforeNumber(c.pos, c.end)
	}
	if c.arg&8 != 0 {
		sc.postBox(c.pos, c.end)
	}
}

// addAddress reports a street in [s, e), with what follows as far as it is a town with a postcode.
func (sc *scan) addAddress(s, e int, base float32) {
	s = unitBefore(sc.v, s)
	e = unitAfter(sc.v, e)
	if tail := sc.townAfter(e); tail > e {
		e, base = tail, max(base, 0.93)
	} else {
		e = bareTown(sc.v, e)
	}
	sc.add(s, e, Location, "street-address", min(0.97, base+0.25*sc.ctx.bonus(ctxAddress)))
}

// bareTown extends a street that ends at e by a town without a postcode: ", Cork".
func bareTown(v string, e int) int {
	if at(v, e) != ',' || at(v, e+1) != ' ' || !isUpper(at(v, e+2)) {
		return e
	}
	i := e + 2
	for range 2 {
		k := i
		for k < len(v) && k-i < 24 && (lower[v[k]] != 0 || v[k] == '-' || v[k] >= 0x80) {
			k++
		}
		if k-i < 3 || isUpper(at(v, i+1)) && !isUpper(v[e-1]) || monthName(v[i:k]) {
			return e
		}
		if f, z := figures(v, k+1, 2); f > 0 && at(v, k) == ' ' && atSentenceEnd(v, z) { // "Dublin 1"
			return z
		}
		if c := at(v, k); c != ' ' || isDigit(at(v, k+1)) {
			if c == ' ' || isAlnum(c) || c == '@' || c == '\'' {
				return e
			}
			return k
		}
		if !isUpper(at(v, k+1)) {
			return k
		}
		i = k + 1
	}
	return e
}

// streetAfterName handles "12 Baker Street", "221B Baker St", "1600 Pennsylvania Avenue".
func (sc *scan) streetAfterName(s, e int) bool {
	v := sc.v
	floor := max(0, s-maxAddress)
	i, words, capitals := s, 0, 0
	for words < 5 {
		if i == 0 || v[i-1] != ' ' {
			return false
		}
		w := i - 1
		if at(v, w-1) == '.' {
			w--
		}
		k := w
		for k > floor && (isAlnum(v[k-1]) || v[k-1] == '\'' || v[k-1] == '-' || v[k-1] == '/') {
			k--
		}
		if k == w {
			return false
		}
		word := v[k:w]
		if isDigit(word[0]) && !ordinal(word) {
			if words == 0 || w != i-1 || !houseNumber(word) || isAlnum(at(v, k-1)) || strings.IndexByte(".$:#_", at(v, k-1)) >= 0 && k > 0 {
				return false
			}
			return sc.numberedStreet(k, s, e, words, capitals)
		}
		if isUpper(word[0]) || isDigit(word[0]) {
			capitals++
		}
		words++
		i = k
	}
	return false
}

func (sc *scan) numberedStreet(k, s, e, words, capitals int) bool {
	v := sc.v
	if capitals < words || !isUpper(v[s]) {
		// All in lower case: only what is plainly a street, with a short name.
		if capitals > 0 && words != capitals || words > 2 || !plainStreet(v[s:e]) || notStreetName(v[k:s]) {
			return false
		}
	}
	num := k
	for isDigit(at(v, num)) {
		num++
	}
	year := num-k == 4 && (v[k] == '1' && v[k+1] == '9' || v[k] == '2' && v[k+1] == '0')
	if at(v, e) == '.' && e-s <= 4 {
		e++
	}
	base := float32(0.65)
	if year && sc.ctx.bonus(ctxAddress) == 0 && sc.townAfter(e) == e {
		return false
	}
	if at(v, e) == ' ' { // "5th Avenue NW"
		for _, d := range [...]string{"NW", "NE", "SW", "SE", "N", "S", "E", "W", "North", "South", "East", "West"} {
			if strings.HasPrefix(v[e+1:], d) && !isAlnum(at(v, e+1+len(d))) && !isDigit(at(v, e+2+len(d))) {
				e += 1 + len(d)
				break
			}
		}
	}
	sc.addAddress(k, e, base)
	return true
}

func ordinal(w string) bool {
	n := len(w)
	if n < 3 {
		return false
	}
	switch strings.ToLower(w[n-2:]) {
	case "st", "nd", "rd", "th":
		return isDigit(w[n-3])
	}
	return false
}

// houseNumber reports whether w is like 12, 12a, 12-14 or 12/3.
func houseNumber(w string) bool {
	n, i := 0, 0
	for i < len(w) && isDigit(w[i]) {
		n, i = n+1, i+1
	}
	if n == 0 || n > 5 {
		return false
	}
	if i < len(w) && (w[i] == '-' || w[i] == '/') {
		k := i + 1
		for i = k; i < len(w) && isDigit(w[i]); i++ {
			continue
		}
		if i == k || i-k > 5 {
			return false
		}
	}
	return i == len(w) || i+1 == len(w) && lower[w[i]] != 0
}

func plainStreet(w string) bool {
	switch strings.ToLower(w) {
	case "street", "avenue", "boulevard", "road", "lane", "drive", "ave", "blvd", "rd", "crescent", "terrace":
		return true
	}
	return false
}

func notStreetName(s string) bool {
	for w := range strings.FieldsSeq(s) {
		switch strings.ToLower(w) {
		case "the", "of", "a", "in", "on", "by", "to", "and", "or", "per", "lane", "way", "mile", "miles", "km", "minute", "minutes",
			"hour", "day", "days", "year", "years", "different", "more", "other", "city", "major", "main-line", "is", "was", "new", "down":
			return true
		}
	}
	return false
}

// streetAfterNumber handles "12 rue de la Paix", "12 bis, avenue Foch".
func (sc *scan) streetAfterNumber(s, e int) bool {
	v := sc.v
	i := s
	for i > 0 && i > s-2 && (v[i-1] == ' ' || v[i-1] == ',') {
		i--
	}
	for _, w := range [...]string{" bis", " ter", " bis,", " ter,"} {
		if i < s && strings.HasSuffix(v[max(0, i-5):i], w) {
			i -= len(w)
			break
		}
	}
	k := i
	for k > 0 && i-k < 6 && isAlnum(v[k-1]) {
		k--
	}
	if i == s || k == i || !houseNumber(v[k:i]) || isAlnum(at(v, k-1)) {
		return false
	}
	end, ok := streetName(v, e)
	if !ok {
		return false
	}
	sc.addAddress(k, end, 0.7)
	return true
}

// postBox handles "P.O. Box 123", "Postfach 12 34 56".
func (sc *scan) postBox(s, e int) {
	v := sc.v
	if v[s]|0x20 == 'b' {
		k := s
		for k > 0 && s-k < 6 && strings.IndexByte("PpOo. ", v[k-1]) >= 0 {
			k--
		}
		for k < s && v[k] == ' ' {
			k++
		}
		if w := strings.ToLower(v[k:s]); w != "po " && w != "p.o. " && w != "p.o " && w != "p. o. " || isAlnum(at(v, k-1)) {
			return
		}
		s = k
	}
	if at(v, e) != ' ' || !isDigit(at(v, e+1)) {
		return
	}
	end := e + 1
	for end < len(v) && end-e < 12 && (isDigit(v[end]) || v[end] == ' ' && isDigit(at(v, end+1))) {
		end++
	}
	sc.addAddress(s, end, 0.6)
}

// streetName reads the name of a street in a Romance language behind i: capitalised words, joined by small ones.
func streetName(v string, i int) (end int, ok bool) {
	end = i
	for words := 0; words < 7 && end-i < maxAddress; words++ {
		j := i
		if at(v, j) == '.' {
			j++
		}
		switch {
		case at(v, j) == ' ':
			j++
		case words > 0 || at(v, j-1) != '/': // "C/Mayor"
			return end, ok
		}
		k := j
		for k < len(v) && k-j < 30 && (lower[v[k]] != 0 || v[k] == '\'' || v[k] == '-' || v[k] >= 0x80) {
			k++
		}
		if k == j {
			break
		}
		switch {
		case isUpper(v[j]) || k-j > 2 && v[j+1] == '\'':
			end, ok = k, true
		case k-j <= 3:
		default:
			return end, ok
		}
		i = k
	}
	return end, ok
}

// streetBeforeNumber handles "Calle Mayor 5", "Via Roma, 12", "Avenida de la Constitución nº 3".
func (sc *scan) streetBeforeNumber(s, e int) bool {
	v := sc.v
	if isLower(v[s]) {
		switch v[s:e] {
		case "calle", "avenida", "avda", "rua", "c/":
		default:
			return false // "via" and "largo" are words of their own
		}
	}
	end, ok := streetName(v, e)
	if !ok {
		return false
	}
	i := end
	for _, gap := range [...]string{", n. ", ", no. ", ", n", " n", " no. ", ", ", " ", ","} {
		if strings.HasPrefix(v[i:], gap) && isDigit(at(v, i+len(gap))) {
			i += len(gap)
			k := i
			for k < len(v) && k-i < 8 && (isAlnum(v[k]) || v[k] == '-' || v[k] == '/') {
				k++
			}
			if !houseNumber(v[i:k]) || at(v, k) == ':' || at(v, k) == '%' {
				return false
			}
			sc.addAddress(s, k, 0.65)
			return true
		}
	}
	return false
}

// germanic are endings of street names that their number follows, and how sure they make us.
var germanic = []struct {
	suffix string
	score  float32
}{
	{"strasse", 0.8},
	{"str", 0.7},
	{"straat", 0.8},
	{"gasse", 0.65},
	{"allee", 0.65},
	{"gracht", 0.7},
	{"gatan", 0.7},
	{"gade", 0.5},
	{"vagen", 0.6},
	{"veien", 0.6},
	{"laan", 0.6},
	{"plein", 0.55},
	{"platz", 0.5},
	{"weg", 0.6},
	{"ufer", 0.55},
	{"damm", 0.5},
	{"ring", 0},
	{"markt", 0},
	{"chaussee", 0.7},
	{"stieg", 0.5},
	{"vej", 0.6},
}

// germanStreet handles a number [i, e) behind the name of its street: "Hauptstraße 5, 10115 Berlin". A name without a
// telling end counts where postcode and town follow.
func (sc *scan) germanStreet(i, e int) {
	v := sc.v
	if at(v, i-1) != ' ' || isLower(at(v, e)) && isAlnum(at(v, e+1)) {
		return
	}
	w := i - 1
	if at(v, w-1) == '.' {
		w--
	}
	k := w
	for k > 0 && w-k < 40 && (lower[v[k-1]] != 0 || v[k-1] == '-') {
		k--
	}
	if w-k < 3 || isDigit(at(v, k-1)) {
		return
	}
	s, score, known := k, float32(0), false
	for _, g := range germanic {
		if w-k >= len(g.suffix) && strings.EqualFold(v[w-len(g.suffix):w], g.suffix) {
			score, known = g.score, true
			if w-k < len(g.suffix)+2 { // "Berliner Straße 5": the name stands before it
				b := k - 1
				n := b
				for n > 0 && b-n < 30 && (lower[v[n-1]] != 0 || v[n-1] == '-') {
					n--
				}
				if at(v, b) != ' ' || n == b || !isUpper(v[n]) || strings.IndexByte(" \n", at(v, k-1)) < 0 {
					return
				}
				s = n
			}
			break
		}
	}
	end := e
	if c := at(v, end); lower[c] != 0 && !isAlnum(at(v, end+1)) {
		end++
	} else if c == ' ' && isLower(at(v, end+1)) && at(v, end+1) <= 'h' && (at(v, end+2) == ',' || at(v, end+2) == '\n') {
		end += 2
	} else if (c == '-' || c == '/') && isDigit(at(v, end+1)) {
		_, end = figures(v, end+1, 4)
	}
	if isAlnum(at(v, end)) || at(v, end) == '%' || at(v, end) == ':' && isDigit(at(v, end+1)) || at(v, end) == '.' && isDigit(at(v, end+1)) {
		return
	}
	least := 5
	if known {
		least = 4
	}
	town := sc.europeanTown(end, least)
	switch {
	case town == 0 && !known, town == 0 && (!isUpper(v[s]) && score < 0.8 || score == 0):
		return
	case (town == 0 || !known) && e-i == 4 && (v[i] == '1' && v[i+1] == '9' || v[i] == '2' && v[i+1] == '0'):
		return // a year
	case !known:
		if !isUpper(v[s]) || monthName(v[s:w]) {
			return
		}
		s = nameBefore(v, s)
		score = 0.75
	}
	if town != 0 {
		end, score = town, max(score, 0.92)
	}
	sc.add(s, end, Location, "street-address", min(0.97, score+0.2*sc.ctx.bonus(ctxAddress)))
}

// nameBefore extends a name to the left by the small words of German street names: "Unter den Linden", "Am Markt".
func nameBefore(v string, s int) int {
	for range 2 {
		if at(v, s-1) != ' ' {
			return s
		}
		k := s - 1
		for k > 0 && s-k < 12 && lower[v[k-1]] != 0 {
			k--
		}
		switch strings.ToLower(v[k : s-1]) {
		case "am", "an", "im", "in", "zum", "zur", "auf", "unter", "der", "dem", "den", "alte", "alter", "altes", "neue", "neuer", "obere", "untere":
			s = k
		default:
			return s
		}
	}
	return s
}

// unitBefore extends a street at s to the left by "Flat 2, " and the like.
func unitBefore(v string, s int) int {
	i := s
	for i > 0 && s-i < 2 && (v[i-1] == ' ' || v[i-1] == ',') {
		i--
	}
	k := i
	for k > 0 && i-k < 5 && isAlnum(v[k-1]) {
		k--
	}
	if i == s || k == i || at(v, k-1) != ' ' {
		return s
	}
	for _, w := range [...]string{"flat", "apt", "apt.", "apartment", "unit", "suite", "room", "level", "floor", "lot"} {
		if j := k - 1 - len(w); j >= 0 && strings.EqualFold(v[j:k-1], w) && !isAlnum(at(v, j-1)) {
			return j
		}
	}
	return s
}

// unitAfter extends a street that ends at e by ", Apt 4B", " #5" and the like.
func unitAfter(v string, e int) int {
	i := e
	for i < len(v) && i < e+2 && (v[i] == ' ' || v[i] == ',') {
		i++
	}
	if i == e {
		return e
	}
	for _, w := range [...]string{"apartment ", "apt. ", "apt ", "suite ", "ste ", "unit ", "flat ", "floor ", "#"} {
		if len(v)-i <= len(w) || !strings.EqualFold(v[i:i+len(w)], w) {
			continue
		}
		j := i + len(w)
		k := j
		for k < len(v) && k-j < 6 && isAlnum(v[k]) {
			k++
		}
		if k > j && (isDigit(v[j]) || k-j == 1) {
			return k
		}
	}
	return e
}
