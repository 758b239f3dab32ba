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
	}
	sc.add(s, e, Location, "street-address", min(0.97, base+0.25*sc.ctx.bonus(ctxAddress)))
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
		if !isUpper(v[s]) {
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

// europeanTown reads ", 10115 Berlin" at i: a separator, an optional country letter, four or five digits (or the
// Dutch 1012 AB), and a capitalised town. It returns where the town ends, or 0.
func (sc *scan) europeanTown(i, least int) int {
	v, j := sc.v, i
	for j < len(v) && j < i+4 && strings.IndexByte(" ,\n\r;", v[j]) >= 0 {
		j++
	}
	if j == i || j == i+1 && v[i] == ' ' && !isDigit(at(v, j)) {
		return 0
	}
	if isUpper(at(v, j)) && at(v, j+1) == '-' && isDigit(at(v, j+2)) { // D-10115
		j += 2
	}
	n, k := figures(v, j, 5)
	if n < 0 || k-j < least || k-j == 4 && j == i+1 && v[i] == ' ' || at(v, k) != ' ' {
		return 0
	}
	k++
	if k-j == 5 && isUpper(at(v, k)) && isUpper(at(v, k+1)) && at(v, k+2) == ' ' {
		k += 3
	}
	return capitalised(v, k)
}

// capitalised reads up to three capitalised words at i, joined by small ones, and returns their end, or 0.
func capitalised(v string, i int) int {
	end := 0
	for words := 0; words < 4; words++ {
		k := i
		for k < len(v) && k-i < 30 && (lower[v[k]] != 0 || v[k] == '-' || v[k] == '\'' || v[k] >= 0x80) {
			k++
		}
		switch {
		case k == i:
			return end
		case isUpper(v[i]) || v[i] >= 0x80:
			end = k
		case end == 0 || k-i > 3:
			return end
		}
		if at(v, k) != ' ' {
			return end
		}
		// A second word belongs to the town only where a small word or "Bad" joins them, or "am Main".
		if end == k && !joinsTown(v[i:k]) && !joiner(v, k+1) {
			return end
		}
		i = k + 1
	}
	return end
}

func joinsTown(w string) bool {
	switch strings.ToLower(w) {
	case "bad", "sankt", "st", "san", "santa", "saint", "le", "la", "los", "las", "el", "den", "new", "reggio", "sint", "neu", "alt", "frankfurt":
		return true
	}
	return false
}

func joiner(v string, i int) bool {
	for _, w := range [...]string{"am ", "an ", "a. ", "de ", "del ", "di ", "im ", "in der ", "ob ", "sur ", "aan ", "en "} {
		if strings.HasPrefix(v[i:], w) {
			k := i + len(w)
			return isUpper(at(v, k)) || w == "in der "
		}
	}
	return false
}

// townAfter reads a town with its postcode behind a street that ends at e: ", London NW1 6XE",
// "\nSpringfield, IL 62704", ", 75002 Paris". It returns where it ends, or e.
func (sc *scan) townAfter(e int) int {
	v := sc.v
	if t := sc.europeanTown(e, 4); t != 0 {
		return t
	}
	i, limit := e, min(len(v), e+maxAddress)
	for words := 0; words < 9 && i < limit; {
		if strings.IndexByte(" ,\n\r.", v[i]) >= 0 {
			i++
			continue
		}
		if !isAlnum(v[i]) {
			return e
		}
		k := i
		for k < limit && (isAlnum(v[k]) || v[k] == '\'' || v[k] == '-') {
			k++
		}
		w := v[i:k]
		if n := ukPostcodeAt(v, i, true); n > 0 {
			return n
		}
		if isDigit(w[0]) {
			if n, z := figures(v, i, 5); n >= 0 && z-i == 5 && !isDigit(at(v, z)) && state(v, i) {
				if at(v, z) == '-' {
					if n, y := figures(v, z+1, 4); n >= 0 && y == z+5 && !isAlnum(at(v, y)) {
						z = y
					}
				}
				if !isAlnum(at(v, z)) {
					return z
				}
			}
			if n, z := figures(v, i, 5); n >= 0 && z-i == 5 && at(v, z) == ' ' && i > e+1 && v[i-2] == ',' {
				if t := capitalised(v, z+1); t > 0 {
					return t
				}
			}
			if len(w) <= 3 && words > 0 || len(w) == 2 && lower[w[1]] != 0 { // a floor: "3º"
				words++
				i = k
				continue
			}
			if n, z := figures(v, i, 4); n >= 0 && z-i == 4 && !isAlnum(at(v, z)) && australian(v, i) {
				return z
			}
			return e
		}
		if n := canadian(v, i); n > 0 {
			return n
		}
		words++
		i = k
	}
	return e
}

// state reports whether a two-letter abbreviation in capitals, or a word in capitals, stands before i.
func state(v string, i int) bool {
	return i >= 3 && v[i-1] == ' ' && isUpper(v[i-2]) && isUpper(v[i-3]) && !isAlnum(at(v, i-4)) || i >= 3 && v[i-1] == ' ' &&
		v[i-2]|0x20 >= 'a' && usStates[strings.ToUpper(v[i-3:i-1])] && !isAlnum(at(v, i-4))
}

var usStates = func() map[string]bool {
	m := map[string]bool{}
	for s := range strings.FieldsSeq(`AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM
		NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR`) {
		m[s] = true
	}
	return m
}()

func australian(v string, i int) bool {
	for _, s := range [...]string{"NSW ", "VIC ", "QLD ", "SA ", "WA ", "TAS ", "ACT ", "NT "} {
		if strings.HasSuffix(v[max(0, i-4):i], s) {
			return true
		}
	}
	return false
}

// canadian reads "M5V 2T6" at i and returns its end, or 0.
func canadian(v string, i int) int {
	if i+7 > len(v) || !isUpper(v[i]) || !isDigit(v[i+1]) || !isUpper(v[i+2]) {
		return 0
	}
	j := i + 3
	if v[j] == ' ' || v[j] == '-' {
		j++
	}
	if j+3 > len(v) || !isDigit(v[j]) || !isUpper(v[j+1]) || !isDigit(v[j+2]) || isAlnum(at(v, j+3)) {
		return 0
	}
	return j + 3
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
	for _, w := range [...]string{"flat", "apt", "apt.", "apartment", "unit", "suite", "room"} {
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

// ukPostcodeAt reads a postcode of the Royal Mail (BS 7666) at i: A9, A99, A9A, AA9, AA99 or AA9A, a space, 9AA
// without the letters C I K M O V. It returns the end, or 0.
func ukPostcodeAt(v string, i int, anyCase bool) int {
	j := i
	letter := func(c byte) bool { return isUpper(c) || anyCase && isLower(c) }
	for letter(at(v, j)) && j-i < 2 {
		j++
	}
	if j == i || !isDigit(at(v, j)) {
		return 0
	}
	j++
	if isDigit(at(v, j)) || letter(at(v, j)) {
		j++
	}
	if at(v, j) != ' ' {
		return 0
	}
	j++
	if j+3 > len(v) || !isDigit(v[j]) || isAlnum(at(v, j+3)) {
		return 0
	}
	for _, c := range []byte(v[j+1 : j+3]) {
		if !letter(c) || strings.IndexByte("CIKMOV", c&^0x20) >= 0 {
			return 0
		}
	}
	return j + 3
}

// ukPostcode handles a token [i, e) that may be the first half of a British postcode.
func (sc *scan) ukPostcode(i, e int) {
	if e-i < 2 || e-i > 4 {
		return
	}
	bonus := sc.ctx.bonus(ctxPostcode | ctxAddress)
	if end := ukPostcodeAt(sc.v, i, bonus == 1); end > 0 {
		sc.add(i, end, Location, "uk-postcode", 0.55+0.35*bonus)
		return
	}
	if sc.ctx.near&ctxPostcode != 0 || e-i == 3 {
		if end := canadian(sc.v, i); end > 0 {
			sc.add(i, end, Location, "ca-postcode", 0.5+0.35*bonus)
		}
	}
}

// plainPostcode handles five digits [i, e): a postcode where a word says so, or behind a state of the USA.
func (sc *scan) plainPostcode(i, e int) {
	v := sc.v
	if n, k := figures(v, i, 5); n < 0 || k != e {
		return
	}
	end := e
	if at(v, e) == '-' {
		if n, k := figures(v, e+1, 4); n >= 0 && k == e+5 && !isAlnum(at(v, k)) {
			end = k
		}
	}
	if isAlnum(at(v, end)) {
		return
	}
	if sc.label(i)&ctxPostcode != 0 {
		sc.add(i, end, Location, "postcode", 0.75)
		return
	}
	if i >= 5 && v[i-1] == ' ' && v[i-4] == ' ' && usStates[v[i-3:i-1]] && at(v, i-5) == ',' {
		sc.add(i-3, end, Location, "us-zip", 0.65)
	}
}
