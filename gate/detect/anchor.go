package detect

import "strings"

// An address is found from either end: from a word for a street (address.go), or from its postcode, which is where
// this file begins. Behind an anchor that is plainly a postcode the street may have any name: the words before it are
// walked back to the house number.

// maxWalk is how far an address reaches back from its postcode.
const maxWalk = 96

// anchored is the score of an address with street and postcode: as sure as any, so that of two the longer stays.
const anchored = 0.97

// anchor looks for a postcode in the token [i, e) and for the address that ends with it.
func (sc *scan) anchor(i, e int) {
	v := sc.v
	if e-i > 6 || e-i < 2 {
		return
	}
	p := at(v, i-1)
	if p != ' ' && p != '\n' && p != '-' && p != ',' {
		return
	}
	if !isDigit(v[i]) {
		end := ukPostcodeAt(v, i, true)
		if end == 0 {
			if end = canadian(v, i); end == 0 {
				end = provincial(v, i)
			}
		}
		if end == 0 {
			end = eircode(v, i)
		}
		if end > 0 {
			sc.numberFirst(i, end)
		}
		return
	}
	n := 0
	for isDigit(at(v, i+n)) {
		n++
	}
	if i+n != e || n < 2 {
		return
	}
	switch {
	case n == 5 && state(v, i):
		end := e
		if at(v, e) == '-' {
			if f, k := figures(v, e+1, 4); f >= 0 && k == e+5 {
				end = k
			}
		}
		sc.numberFirst(i-3, end)
		return
	case n == 4 && australian(v, i):
		sc.numberFirst(i, e)
		return
	case n == 6 && v[i] != '0' && (p == ' ' || p == '-') && sc.label(i)&ctxOrder == 0: // India
		sc.numberFirst(i, e)
		return
	case n == 5 && at(v, e) == '-': // Brazil
		if f, k := figures(v, e+1, 3); f >= 0 && k == e+4 && !isAlnum(at(v, k)) {
			if strings.HasSuffix(v[max(0, i-4):i], "CEP ") {
				i -= 4
			}
			sc.nameFirst(i, k)
		}
		return
	}
	// The continent: the town stands behind its postcode.
	end := e
	switch {
	case n == 4 && at(v, e) == ' ' && isUpper(at(v, e+1)) && isUpper(at(v, e+2)) && at(v, e+3) == ' ': // 1015 CJ
		end = e + 3
	case n == 3 && at(v, e) == ' ' && isDigit(at(v, e+1)) && isDigit(at(v, e+2)) && at(v, e+3) == ' ': // 412 38
		end = e + 3
	case n == 2 && at(v, e) == '-': // 80-269
		f, k := figures(v, e+1, 3)
		if f < 0 || k != e+4 {
			return
		}
		end = k
	case n != 4 && n != 5:
		return
	}
	if at(v, end) != ' ' {
		return
	}
	town := capitalised(v, end+1)
	if town == 0 {
		k := end + 1
		for k < len(v) && k-end < 24 && lower[v[k]] != 0 {
			k++
		}
		if k-end < 4 || n == 4 {
			return
		}
		town = k // in small letters: only where the street is too
		if !sc.smallStreet(i) {
			return
		}
	}
	if p == '-' {
		if k := i - 1; k > 1 && isUpper(v[k-1]) && (v[k-2] == ' ' || v[k-2] == '\n' || isUpper(v[k-2]) && (at(v, k-3) == ' ' || at(v, k-3) == '\n')) { // D-34147, CH-1020
			for i = k; isUpper(v[i-1]); i-- {
				continue
			}
		} else {
			return
		}
	}
	if n == 4 && end == e && (v[i] == '1' && v[i+1] >= '8' || v[i] == '2' && v[i+1] <= '1') && sc.ctx.bonus(ctxAddress) == 0 && !sc.streetWordBefore(i) {
		return // a year
	}
	sc.nameFirst(i, town)
}

// provincial reads the two halves of a Canadian code behind the abbreviation of a province, whatever their kind.
func provincial(v string, i int) int {
	if i < 3 || v[i-1] != ' ' || !provinces[v[i-3:i-1]] || len(v) < i+7 || v[i+3] != ' ' || !isUpper(v[i]) || !isDigit(v[i+1]) {
		return 0
	}
	for _, c := range []byte(v[i+2:i+3] + v[i+4:i+7]) {
		if !isAlnum(c) {
			return 0
		}
	}
	if isAlnum(at(v, i+7)) {
		return 0
	}
	return i + 7
}

var provinces = map[string]bool{
	"AB": true, "BC": true, "MB": true, "NB": true, "NL": true, "NS": true, "NT": true, "NU": true, "ON": true, "PE": true,
	"QC": true, "SK": true, "YT": true,
}

// eircode reads an Irish postcode at i: a routing key such as V94 or D6W and a unique identifier of four.
func eircode(v string, i int) int {
	if i+3 > len(v) || strings.IndexByte("ACDEFHKNPRTVWXY", v[i]) < 0 || !isDigit(v[i+1]) || !isDigit(v[i+2]) && v[i+2] != 'W' {
		return 0
	}
	j := i + 3
	if at(v, j) == ' ' {
		j++
	}
	if j+4 > len(v) || isAlnum(at(v, j+4)) {
		return 0
	}
	figures := 0
	for _, c := range []byte(v[j : j+4]) {
		if isDigit(c) {
			figures++
		} else if strings.IndexByte("ACDEFHKNPRTVWXY", c) < 0 {
			return 0
		}
	}
	if figures == 0 {
		return 0
	}
	return j + 4
}

// back reads the word that ends at or before i, behind separators. It returns the word and what separates it from i;
// ok is false where the address cannot go on.
func back(v string, i, floor int) (start, end int, comma, ok bool) {
	end = i
	breaks := 0
	for end > floor {
		c := v[end-1]
		switch {
		case c == ',' || c == ';':
			comma = true
		case c == '\n':
			comma = true
			if breaks++; breaks > 1 {
				return 0, 0, false, false
			}
		case c == '-' && at(v, end-2) == ' ':
			comma = true
		case c == ' ' && end-2 > floor && v[end-2] == ' ' && v[end-3] == ' ':
			return 0, 0, false, false // columns
		case c == ' ' || c == '\r':
		case c == '.' && end >= 4 && isDigit(v[end-2]) && at(v, end) == ' ' && (v[end-3] == ' ' || v[end-4] == ' '): // an ordinal
		case c == '.' && end >= 2 && lower[v[end-2]] != 0: // an abbreviation, or the end of a sentence
			k := end - 1
			for k > floor && lower[v[k-1]] != 0 {
				k--
			}
			if end-1-k > 4 && !strings.HasSuffix(v[k:end-1], "str") {
				return 0, 0, false, false
			}
		default:
			goto word
		}
		end--
	}
word:
	start = end
	for start > floor && (isAlnum(v[start-1]) || v[start-1] >= 0x80 || v[start-1] == '\'' || v[start-1] == '/' || v[start-1] == '-') {
		start--
	}
	for start < end && v[start] == '-' {
		start++
	}
	return start, end, comma, start < end && (end < i || i == floor)
}

// unitWords stand before the number of a flat or floor.
var unitWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`apt apartment flat unit suite ste floor room apto bte bus app appt appartement int interno esc
		puerta piso wohnung whg og stock hus lgh lok m kat no nr number`) {
		m[w] = true
	}
	return m
}()

// numberFirst finds the house number that begins an address with the postcode [pc, end): "216 Kingsway, York".
func (sc *scan) numberFirst(pc, end int) {
	v, floor := sc.v, max(0, pc-maxWalk)
	i, words, small, capitals := pc, 0, 0, 0
	for words < 11 {
		s, e, _, ok := back(v, i, floor)
		if !ok {
			return
		}
		w := v[s:e]
		switch {
		case isDigit(w[0]) && !ordinal(w):
			if !houseNumber(w) || words == 0 {
				return
			}
			ps, pe, _, pok := back(v, s, floor)
			low := strings.ToLower(v[ps:pe])
			if pok && unitWords[low] && words < 4 && !streetBetween(v[e:pc]) { // "…, Apt 4, Madison"
				i, words = ps, words+1
				continue
			}
			if at(v, s-1) == '#' && lower[v[pc]] != 0 && end-pc >= 8 { // "… Ave #4, Madison WI 53719"
				i, words = s-1, words+1
				continue
			}
			if isDigit(v[pc]) && end-pc == 6 && capitals == 0 && at(v, s-1) != '#' {
				return
			}
			if low == "box" || low == "postfach" {
				return
			}
			if small > 0 && (capitals > 0 || notStreetName(v[e:pc])) || isAlnum(at(v, s-1)) || strings.IndexByte(".$:_", at(v, s-1)) >= 0 && s > 0 && at(v, s-1) != ':' {
				return
			}
			if at(v, s-1) == '#' {
				s--
			}
			sc.add(unitBefore(v, s), end, Location, "street-address", anchored)
			return
		case isUpper(w[0]):
			if e < pc-4 || e == i { // not the abbreviation of a state
				capitals++
			}
		case w[0] >= 0x80, isDigit(w[0]), smallName[w], plainStreet(w):
		default:
			if small++; notStreetName(w) || len(w) > 14 {
				return
			}
		}
		words++
		i = s
	}
}

// streetBetween reports whether what follows a unit's number holds another number with a name behind it.
func streetBetween(s string) bool {
	for w := range strings.FieldsSeq(s) {
		if houseNumber(strings.TrimRight(w, ",")) {
			return true
		}
	}
	return false
}

var smallName = map[string]bool{
	"of": true, "the": true, "de": true, "la": true, "le": true, "na": true, "upon": true, "under": true, "on": true, "an": true,
	"du": true, "des": true, "del": true, "der": true, "den": true, "van": true, "dem": true, "di": true, "da": true, "do": true, "das": true,
	"dos": true, "las": true, "los": true, "y": true, "et": true, "e": true, "dei": true, "delle": true, "della": true, "degli": true, "st": true,
}

// streetKinds are the small words that begin the name of a street.
var streetKinds = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`ul al os pl aleja ulica osiedle plac place rue avenue av chaussee boulevard bd cours quai route allee
		impasse chemin square calle c paseo plaza avenida avda camino via viale piazza corso largo rua travessa alameda an am im in zum zur
		auf unter hinter vor alte alter neue alten rondweg laan weg burgemeester`) {
		m[w] = true
	}
	return m
}()

// nameFirst finds the street before the postcode and town [pc, end), its number behind its name ("Hinter den Höfen
// 90, 34147 Kassel") or, as in France, before it.
func (sc *scan) nameFirst(pc, end int) {
	v, floor := sc.v, max(0, pc-maxWalk)
	i := pc
	for words := range 9 {
		s, e, comma, ok := back(v, i, floor)
		if !ok || words == 0 && !comma {
			return
		}
		w := v[s:e]
		if isDigit(w[0]) && !ordinal(w) && houseNumber(w) {
			ps, pe, _, pok := back(v, s, floor)
			switch {
			case pok && (unitWords[strings.ToLower(v[ps:pe])] || isDigit(v[ps]) && houseNumber(v[ps:pe])): // a floor or flat
				i = ps
				if isDigit(v[ps]) {
					i = s
				}
				continue
			case segmentEnds(v, e):
				if pok && e-s <= 8 {
					sc.streetNamed(ps, pe, s, end)
				}
			case at(v, e) == ' ' && words > 0 && !isAlnum(at(v, s-1)):
				if notStreetName(v[e:pc]) || !sc.streetWordBefore(pc) && words > 5 {
					return
				}
				sc.add(unitBefore(v, s), end, Location, "street-address", anchored)
			}
			return
		}
		if isLower(w[0]) && len(w) > 4 && !smallName[w] && !streetKinds[w] && !unitWords[w] && !sc.smallStreet(pc) {
			return
		}
		i = s
	}
}

// segmentEnds reports whether a house number that ends at e ends its part of the address: a comma, a break, a single
// letter, or the word for a flat follows.
func segmentEnds(v string, e int) bool {
	if c := at(v, e); c == ',' || c == '\n' || c == '\r' || c == ';' {
		return true
	}
	if at(v, e) != ' ' {
		return false
	}
	k := e + 1
	for k < len(v) && k-e < 8 && lower[v[k]] != 0 {
		k++
	}
	return k == e+1 || k == e+2 || unitWords[strings.ToLower(v[e+1:k])]
}

// streetNamed adds the address whose street's name ends with the word [s, e), before the number at number.
func (sc *scan) streetNamed(s, e, number, end int) {
	v, floor := sc.v, max(0, number-maxAddress)
	from, named := -1, false
	comma := false
	for words := 0; words < 6; words++ {
		w := v[s:e]
		low := strings.ToLower(w)
		kind := streetKinds[low] && (isUpper(w[0]) || !preposition(low))
		switch {
		case words > 0 && !comma && len(w) <= 2 && isDigit(w[0]) && at(v, e) == '.': // "Straße des 17. Juni"
		case isDigit(w[0]) || words > 0 && comma:
			words = 9
			continue
		case isUpper(w[0]) || w[0] >= 0x80:
			if k := wordKinds(w); k&(ctxOrder|ctxVersion|ctxCard|ctxPhone) != 0 || k&ctxAddress != 0 || words == 0 && monthName(low) && !sc.streetWordBefore(number) {
				words = 9
				continue
			}
			from, named = s, true
		case kind:
			from = s
		case smallName[low]:
		case !named && from < 0 && germanicName(low): // all in small letters
			from, named = s, true
		case from < 0 && words == 0 && sc.smallStreet(number):
			named = true
		default:
			words = 9
			continue
		}
		var ok bool
		if s, e, comma, ok = back(v, s, floor); !ok {
			break
		}
	}
	if from < 0 || !named {
		return
	}
	sc.add(from, end, Location, "street-address", anchored)
}

func preposition(w string) bool {
	switch w {
	case "an", "am", "im", "in", "zum", "zur", "auf", "unter", "hinter", "vor":
		return true
	}
	return false
}

func monthName(w string) bool {
	n, h := letters(w, 0)
	if n < len(w) {
		return false
	}
	k := lookup(h, w)
	return k != nil && k.act == actMonth
}

func germanicName(w string) bool {
	for _, g := range germanic {
		if strings.HasSuffix(w, g.suffix) && len(w) > len(g.suffix) {
			return true
		}
	}
	return false
}

// smallStreet reports whether a street in small letters stands before the postcode at pc.
func (sc *scan) smallStreet(pc int) bool {
	s := sc.v[max(0, pc-48):pc]
	for w := range strings.FieldsSeq(s) {
		if w = strings.TrimRight(w, ".,"); len(w) >= 3 && isLower(w[0]) && (germanicName(w) || len(w) > 2 && streetKinds[w] && !smallName[w] && len(w) > 3) {
			return true
		}
	}
	return false
}

// streetWordBefore reports whether a word that streets are named with stands before pc.
func (sc *scan) streetWordBefore(pc int) bool {
	for w := range strings.FieldsSeq(sc.v[max(0, pc-48):pc]) {
		w = strings.ToLower(strings.TrimRight(w, ".,"))
		if germanicName(w) || w == "strasse" || len(w) > 1 && streetKinds[w] && len(w) != 2 || w == "ul" || w == "al" || w == "os" || w == "bd" || w == "av" {
			return true
		}
	}
	return false
}
