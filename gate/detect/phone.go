package detect

import (
	"slices"
	"strings"
)

// DefaultRegions are the countries whose national telephone formats are tried when Options names none.
var DefaultRegions = []string{
	"US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "AT", "CH", "IE", "PT", "PL", "SE", "DK", "NO", "FI", "AU", "NZ", "IN", "BR",
	"MX", "ZA", "SG", "JP", "CN",
}

// regionSet orders the regions by how their national numbers begin.
type regionSet struct {
	plans *plans
	trunk []*plan // written with a leading 0
	bare  []*plan // written without
}

// bareRegions write national numbers without the trunk prefix 0. Italy keeps its 0 as part of the number, mobile
// numbers have none.
var bareRegions = []string{"US", "CA", "ES", "PT", "PL", "DK", "NO", "CZ", "IT", "GR", "LU", "SG", "MX", "BR", "IN", "HK", "CN", "MT", "LV", "EE"}

func newRegions(names []string) (regionSet, error) {
	if len(names) == 0 {
		names = DefaultRegions
	}
	p, err := loadPlans()
	s := regionSet{plans: p}
	if err != nil {
		return s, err
	}
	for _, n := range names {
		r := p.region[n]
		if r == nil {
			return s, unknownOption("region", n)
		}
		bare := slices.Contains(bareRegions, n)
		if bare {
			s.bare = append(s.bare, r)
		}
		if !bare || n == "IT" || n == "CN" || n == "IN" || n == "BR" {
			s.trunk = append(s.trunk, r)
		}
	}
	return s, nil
}

const maxPhoneGroups = 15

// dialled is a telephone number as written.
type dialled struct {
	digits [18]byte
	n      int
	plus   bool // begins with '+' or 00
	paren  bool // an area code in brackets
	open   bool // a bracket was not closed
	loose  bool // a space follows the sign it begins with
	groups int
	ends   [maxPhoneGroups]int // where each group ends in the view
	upTo   [maxPhoneGroups]int // digits up to there
	seps   [maxPhoneGroups]byte
}

// readPhone parses what looks like a telephone number at i: groups of digits with up to three separating characters.
func (d *dialled) read(v string, i int) {
	*d = dialled{}
	open := 0
	for i < len(v) && (v[i] == '+' || v[i] == '(') {
		if v[i] == '+' {
			if d.plus {
				return
			}
			d.plus = true
		} else {
			if open++; open > 1 {
				return
			}
			d.paren, d.open = true, true
		}
		if i++; at(v, i) == ' ' && isDigit(at(v, i+1)) { // "( 415 ) 555 - 0132"
			d.loose = true
			i++
		}
	}
	for d.groups < maxPhoneGroups {
		from := d.n
		for i < len(v) && isDigit(v[i]) {
			if d.n == len(d.digits) {
				return
			}
			d.digits[d.n] = v[i]
			d.n++
			i++
		}
		if d.n == from || i < len(v) && lower[v[i]] != 0 && (v[i]|0x20 != 'x' || !isDigit(at(v, i+1))) {
			d.n = from
			return
		}
		d.ends[d.groups], d.upTo[d.groups] = i, d.n
		d.groups++
		// The trunk prefix in "+44 (0)20" is not dialled.
		if d.plus && open > 0 && d.n-from == 1 && d.digits[from] == '0' && at(v, i) == ')' {
			d.n = from
			d.groups--
		}
		var sep byte
		j := i
	separators:
		for j < len(v) && j < i+3 {
			switch v[j] {
			case ' ', '-', '.', '/':
				if sep != 0 && sep != ')' && (v[j] != ' ' && sep != ' ') {
					break separators
				}
				if sep == 0 || sep == ' ' || sep == ')' {
					sep = v[j]
				}
			case '\n':
				if j > i {
					return
				}
				sep = '\n'
			case '(':
				if open++; open > 1 || d.groups > 1 || !d.plus {
					return
				}
				d.paren, d.open = true, true
				if sep == 0 {
					sep = '('
				}
			case ')':
				if !d.open {
					return
				}
				d.open = false
				sep = ')'
			default:
				break separators
			}
			j++
		}
		if j == i || j >= len(v) || !isDigit(v[j]) || sep == '/' && v[i] == ' ' && v[j-1] == ' ' && d.n >= 8 { // another one
			return
		}
		if d.groups < maxPhoneGroups {
			d.seps[d.groups] = sep
		}
		i = j
	}
}

func at(v string, i int) byte {
	if i < 0 || i >= len(v) {
		return 0
	}
	return v[i]
}

// phone decides whether a telephone number begins at i, a digit, '+' or '('; sc.ctx is its context. The numbering
// plans are those of libphonenumber's metadata; they are asked only about what is formatted or introduced as a number to dial.
func (sc *scan) phone(i int) {
	if i < sc.phoneEnd {
		return
	}
	v, d := sc.v, &sc.dial
	if p := at(v, i-1); isAlnum(p) || p == '/' && isAlnum(at(v, i-2)) && !isDigit(at(v, i-2)) && v[i] != '+' && v[i] != '(' || p == '+' || p == '$' || p == '#' || p == '_' || p == '=' && v[i] == '+' && at(v, i-2) == '+' ||
		p == '(' && v[i] != '+' && v[i] != '(' && d.paren {
		return
	}
	sc.dialStart = i
	d.read(v, i)
	if d.n < 6 || d.open || d.loose && sc.label(i)&ctxPhone == 0 {
		return
	}
	// The middle of a chain of digit groups is no place for a national number to begin.
	sc.midChain = (at(v, i-1) == ' ' || at(v, i-1) == '\n') && isDigit(at(v, i-2)) && sc.phoneEnd != i-1
	international := d.plus
	digits := 0
	if !d.plus && d.n > 9 && d.upTo[0] >= 2 && d.digits[0] == '0' && d.digits[1] == '0' && d.digits[2] != '0' && d.digits[2] != '1' {
		international, digits = true, 2
	}
	last := d.groups - 1
	if international { // a whole number that ends its line does not go on in the next
		for g := 1; g <= last; g++ {
			if n := d.upTo[g-1]; d.seps[g] == '\n' && n >= 9 && n-digits <= 15 && sc.international(d, digits, n) > 0 {
				last = g - 1
			}
		}
	}
	for g := last; g >= 0; g-- {
		n := d.upTo[g]
		if n < 6 || n-digits > 15 || !sc.phoneEndOK(d.ends[g]) {
			continue
		}
		var score float32
		if international {
			score = sc.international(d, digits, n)
		} else {
			score = sc.national(d, g, n)
		}
		if score == 0 {
			continue
		}
		end := sc.extension(d.ends[g])
		sc.phoneEnd = end
		sc.add(i, end, Phone, "phone", score)
		return
	}
}

// phoneEndOK reports whether a number may end at i.
func (sc *scan) phoneEndOK(i int) bool {
	c, n := at(sc.v, i), at(sc.v, i+1)
	switch c {
	case '-', '.', '/', ':', ',':
		return !isDigit(n) || c == ',' || c == '/'
	case '%', '_':
		return false
	}
	return true
}

// extension extends a number that ends at i by "ext. 12", "x12" or "Durchwahl 12".
func (sc *scan) extension(i int) int {
	v, j := sc.v, i
	for j < len(v) && j < i+2 && (v[j] == ' ' || v[j] == ',') {
		j++
	}
	for _, w := range [...]string{"extension", "ext", "x", "durchwahl", "dw"} {
		if len(v)-j <= len(w) || !strings.EqualFold(v[j:j+len(w)], w) {
			continue
		}
		k := j + len(w)
		for k < len(v) && k < j+len(w)+3 && (v[k] == '.' || v[k] == ' ' || v[k] == ':') {
			k++
		}
		e := k
		for e < len(v) && e < k+7 && isDigit(v[e]) {
			e++
		}
		if e > k && e < k+7 && !isAlnum(at(v, e)) {
			return e
		}
		return i
	}
	return i
}

// international scores digits[from:n] behind '+' or 00.
func (sc *scan) international(d *dialled, from, n int) float32 {
	if n-from < 7 || d.digits[from] == '0' {
		return 0
	}
	national, shared := sc.s.regions.plans.find(d.digits[from:n])
	bonus := sc.ctx.bonus(ctxPhone)
	possible := false
	for _, p := range shared {
		if p.valid(national) {
			if from == 2 {
				return 0.7 + 0.25*bonus
			}
			return 0.9 + 0.09*bonus
		}
		possible = possible || p.possible(len(national))
	}
	if d.plus && possible && n-from >= 9 {
		return 0.6 + 0.3*bonus
	}
	return 0
}

// national scores the first n digits, which end with group g, as a number of one of the regions.
func (sc *scan) national(d *dialled, g, n int) float32 {
	ctx := sc.ctx
	bonus := ctx.bonus(ctxPhone)
	if n < 7 && bonus < 1 || n > 13 || allSame(d.digits[:n]) || dateLike(d, g) {
		return 0
	}
	format := d.format(g)
	lab := sc.label(sc.dialStart)
	if lab&ctxOrder != 0 && lab&(ctxPhone|ctxNumber|ctxID) == 0 && format != formStrong {
		return 0
	}
	named, signed, asked := lab&ctxPhone != 0 || sc.another(), false, false
	switch {
	case named:
		bonus = max(bonus, 0.6)
	case bonus > 0:
		bonus = 0.6
	case ctx.any(ctxContact) && ctx.near&ctxOrder == 0 && sc.apart(d.ends[g]), format != formNone && ownNumber(sc.v, sc.dialStart):
		signed, bonus = true, 0.6
	case lab&ctxNumber != 0 && (lab|ctx.near)&ctxOrder == 0 && g == d.groups-1 && d.seps[1] != '.' && string(d.digits[:4]) != "0123" && (d.digits[0] == '0' || !thousands(d, g)) && (format != formNone || n >= 10):
		bonus, asked = 0.6, true
	}
	if sc.midChain && !named && !signed && !d.paren && d.seps[1] == ' ' {
		return 0
	}
	if format == formNone && !named && (n < 9 || !ownNumber(sc.v, sc.dialStart)) && (n < 10 || !signed && !asked) || format != formStrong && ctx.near&ctxOrder != 0 && ctx.near&ctxPhone == 0 {
		return 0
	}
	regions := sc.s.regions.bare
	if d.digits[0] == '0' {
		regions = sc.s.regions.trunk
	}
	if v, i := sc.v, sc.dialStart; !named && d.upTo[0] == 2 && at(v, i-1) == ' ' && isDigit(at(v, i-2)) != isDigit(at(v, i-3)) &&
		hexValue(at(v, i-2)) >= 0 && hexValue(at(v, i-3)) >= 0 {
		return 0 // a dump of bytes
	}
	if bonus == 0 && (format != formStrong || g+1 < d.groups && d.seps[g] == ' ' && d.seps[g+1] == ' ') {
		return 0
	}
	for _, p := range regions {
		if !p.validNational(d.digits[:n]) {
			continue
		}
		switch format {
		case formStrong:
			return 0.7 + 0.25*bonus
		case formGrouped:
			return 0.55 + 0.35*bonus
		}
		return 0.55 + 0.25*bonus
	}
	// Numbers set aside for fiction and newly opened ranges are not in the plans.
	if (named || signed && format != formNone) && n >= 7 && n <= 12 && (format != formNone || n >= 9) {
		return 0.55
	}
	if format == formStrong && d.paren && n == 10 {
		return 0.5
	}
	return 0
}

const (
	formNone    = iota // no groups
	formGrouped        // groups that a telephone number may have
	formStrong         // groups that little else has: (415) 555-0132, 415-555-0132, 06 12 34 56 78
)

// format judges how the groups up to g are written.
func (d *dialled) format(g int) int {
	if g == 0 {
		return formNone
	}
	size := func(k int) int {
		if k == 0 {
			return d.upTo[0]
		}
		return d.upTo[k] - d.upTo[k-1]
	}
	if d.paren {
		return formStrong
	}
	for k := 1; k <= g; k++ {
		if d.seps[k] == '\n' {
			return formNone
		}
	}
	same := true
	for k := 2; k <= g; k++ {
		same = same && d.seps[k] == d.seps[1]
	}
	switch {
	case g == 2 && size(0) == 3 && size(1) == 3 && size(2) == 4 && same && d.digits[0] >= '2' && d.digits[3] >= '2':
		if d.seps[1] == ' ' {
			return formGrouped + 1
		}
		return formStrong
	case g == 3 && size(0) == 1 && d.digits[0] == '1' && size(1) == 3 && size(2) == 3 && size(3) == 4:
		return formStrong
	case d.digits[0] == '0' && d.digits[1] == '0':
		return formNone
	case d.digits[0] == '0' && g == 4 && size(0) == 2 && size(1) == 2 && size(2) == 2 && size(3) == 2 && size(4) == 2:
		return formStrong // France
	case d.digits[0] == '0' && size(0) >= 3 && size(0) <= 6 && d.upTo[g] >= 9 && g <= 4:
		for k := 1; k <= g; k++ {
			if size(k) < 2 {
				return formNone
			}
		}
		return formStrong
	}
	for k := range g + 1 {
		if size(k) < 2 || size(k) > 8 {
			return formNone
		}
	}
	return formGrouped
}

// dateLike reports whether the groups up to g begin as a date does, in either order, or are times and amounts.
func dateLike(d *dialled, g int) bool {
	if g < 2 {
		return false
	}
	a, b, c := d.upTo[0], d.upTo[1]-d.upTo[0], d.upTo[2]-d.upTo[1]
	x, y, z := num(d.digits[:a]), num(d.digits[a:a+b]), num(d.digits[a+b:a+b+c])
	switch {
	case d.digits[0] != '0' && !d.paren && a < 3 && thousands(d, g):
		return true
	case a == 3 && b == 2 && c == 4: // the form of a social security number
		return true
	case a == 4 && b == 2 && c == 2 && x >= 1800 && x < 2200 && date(z, y):
		return true
	case a == 2 && b == 2 && c == 4 && z >= 1800 && z < 2200 && (date(x, y) || date(y, x)):
		return true
	case a == 2 && b == 2 && c == 2 && g == 2 && (date(x, y) || date(y, x)):
		return true
	}
	return false
}

// thousands reports whether all groups behind the first have three digits, as in 22 338 618.
func thousands(d *dialled, g int) bool {
	for k := 1; k <= g; k++ {
		if d.upTo[k]-d.upTo[k-1] != 3 {
			return false
		}
	}
	return true
}

// another reports whether the number under inspection follows a telephone number, as in "… / …" and "…, alt …".
func (sc *scan) another() bool {
	gap := sc.dialStart - sc.phoneEnd
	if sc.phoneEnd == 0 || gap < 1 || gap > 16 {
		return false
	}
	s := sc.v[sc.phoneEnd:sc.dialStart]
	for _, w := range [...]string{"/", ",", ";", "or", "alt", "and", "oder", "und", "ou", "o", "y", "et", "e", "also", "bzw", "|", "(", "&", "auch", ", or", ", alt", ", and", ", auch", "or on"} {
		if t := strings.Trim(s, " ."); t == w {
			return w != "," && w != ";" && w != "|" || len(s) <= 3
		}
	}
	return false
}

// apart reports whether the number under inspection, which ends at end, stands on a line of its own or between the
// marks that part the entries of a signature.
func (sc *scan) apart(end int) bool {
	v := sc.v
	part := func(c byte) bool { return c == 0 || c == '\n' || c == '\r' || c == '|' || c >= 0x80 || c == '\t' }
	i := sc.dialStart
	for i > 0 && (v[i-1] == ' ' || v[i-1] == '>' || v[i-1] == '*') {
		i--
	}
	for end < len(v) && v[end] == ' ' {
		end++
	}
	return part(at(v, i-1)) && part(at(v, end))
}

// ownNumber reports whether words such as "my number is" stand right before i.
func ownNumber(v string, i int) bool {
	if c := at(v, i-2); i < 8 || at(v, i-1) != ' ' || lower[c] == 0 && c != ':' && c != ',' {
		return false
	}
	w := strings.ToLower(v[max(0, i-28):i])
	for _, s := range [...]string{
		"my number", "our number", "old number", "number used to be", "old one was", "new one is", "neue nummer", "alte nummer", "numero antiguo",
		"nuevo numero", "ancien numero", "nouveau numero", "your number", "her number", "his number", "new number", "meine nummer", "ihre nummer", "mon numero", "mi numero", "mijn nummer",
	} {
		if strings.Contains(w, s) {
			return true
		}
	}
	return false
}
