package detect

import "strings"

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
	for range 4 {
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
		if strings.HasSuffix(v[max(0, i-4):i], s) && !isAlnum(at(v, i-len(s)-1)) {
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
		sc.add(i, end, UKPostcode, "uk-postcode", 0.55+0.35*bonus)
		return
	}
	if sc.ctx.near&ctxPostcode != 0 || e-i == 3 {
		if end := canadian(sc.v, i); end > 0 {
			sc.add(i, end, Location, "ca-postcode", 0.5+0.35*bonus)
		}
	}
}

// germanPostcode are the words by which a German postcode is known.
var germanPostcode = []string{"plz", "postleitzahl", "postleitzahlen"}

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
		typ := Location
		if end == e && sc.worded(i, e, germanPostcode) {
			typ = DEPostcode
		}
		sc.add(i, end, typ, "postcode", 0.75)
		return
	}
	if i >= 5 && v[i-1] == ' ' && v[i-4] == ' ' && usStates[v[i-3:i-1]] && at(v, i-5) == ',' {
		sc.add(i-3, end, Location, "us-zip", 0.65)
	}
}
