package detect

import "strings"

// vatRule is the form of a country's VAT identification number behind its prefix (Council Directive 2006/112/EC,
// article 215; the European Commission's VIES FAQ for the structures).
type vatRule struct {
	prefix string
	pic    string // as in idRule, without separators; a literal letter other than A and X stands for itself
	ok     func(d []byte) bool
	plain  float32 // the score without context
}

var vatRules = []vatRule{
	{"AT", "U99999999", vatAT, 0.9},
	{"BE", "9999999999", func(d []byte) bool { return d[0] <= '1' && 97-num(d[:8])%97 == num(d[8:]) }, 0.85},
	{"BG", "999999999", always, 0},
	{"BG", "9999999999", always, 0},
	{"CY", "99999999A", always, 0},
	{"CZ", "99999999", always, 0},
	{"DE", "999999999", func(d []byte) bool { return d[0] != '0' && mod1110(d) }, 0.8},
	{"DK", "99999999", func(d []byte) bool { return weighted(d, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 }, 0.7},
	{"EE", "999999999", func(d []byte) bool { return weighted(d, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0 }, 0.7},
	{"EL", "999999999", vatEL, 0.7},
	{"ES", "X9999999X", vatES, 0.6},
	{"FI", "99999999", func(d []byte) bool { return weighted(d, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0 }, 0.7},
	{"FR", "XX999999999", vatFR, 0.85},
	{"GB", "999999999", vatGB, 0.7},
	{"HR", "99999999999", mod1110, 0.7},
	{"HU", "99999999", func(d []byte) bool { return weighted(d, 9, 7, 3, 1, 9, 7, 3, 1)%10 == 0 }, 0.6},
	{"IE", "9X99999A", always, 0},
	{"IE", "9999999AA", pps, 0.7},
	{"IT", "99999999999", luhn, 0.8},
	{"LT", "999999999", always, 0},
	{"LU", "99999999", func(d []byte) bool { return num(d[:6])%89 == num(d[6:]) }, 0.85},
	{"LV", "99999999999", always, 0},
	{"MT", "99999999", func(d []byte) bool { return weighted(d, 3, 4, 6, 7, 8, 9, 10, 1)%37 == 0 }, 0.7},
	{"NL", "999999999B99", always, 0.8},
	{"PL", "9999999999", func(d []byte) bool { return weighted(d, 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == digit(d[9]) }, 0.7},
	{"PT", "999999999", ptNIF, 0.7},
	{"RO", "99999999", always, 0},
	{"SE", "999999999901", func(d []byte) bool { return luhn(d[:10]) }, 0.85},
	{"SI", "99999999", always, 0},
	{"SK", "9999999999", func(d []byte) bool { return num(d)%11 == 0 }, 0.7},
	{"CHE", "999999999", func(d []byte) bool { return (11-weighted(d, 5, 4, 3, 2, 7, 6, 5, 4)%11)%11 == digit(d[8]) }, 0.85},
}

// vatAT: Luhn over eight digits with 4 added.
func vatAT(c []byte) bool {
	d := c[1:]
	sum := 4
	for i := range 7 {
		k := digit(d[i]) * (1 + i%2)
		sum += k/10 + k%10
	}
	return (10-sum%10)%10 == digit(d[7])
}

func vatEL(d []byte) bool {
	return weighted(d, 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == digit(d[8])
}

// vatES: a NIF, a NIE, or the code of a legal person, whose control is not checked here.
func vatES(c []byte) bool {
	switch {
	case isDigit(c[0]):
		return !isDigit(c[8]) && nif(c)
	case c[0] >= 'X' && c[0] <= 'Z':
		return !isDigit(c[8]) && nie(c)
	}
	return strings.IndexByte("ABCDEFGHJNPQRSUVW", c[0]) >= 0
}

// vatFR: two characters of key and the SIREN; a numeric key is 12 plus three times the SIREN modulo 97, modulo 97.
func vatFR(c []byte) bool {
	if !luhn(c[2:11]) {
		return false
	}
	return !isDigit(c[0]) || !isDigit(c[1]) || (12+3*(num(c[2:])%97))%97 == num(c[:2])
}

// vatGB: HMRC: weights 8 to 2 and the last two digits, modulo 97, old or new style.
func vatGB(d []byte) bool {
	n := weighted(d, 8, 7, 6, 5, 4, 3, 2) + num(d[7:9])
	return n%97 == 0 || (n+55)%97 == 0
}

// vat finds VAT identification numbers with their country's prefix.
func (sc *scan) vat(r *run, ctx context) {
	if isDigit(r.c[1]) {
		return
	}
	for i := range vatRules {
		v := &vatRules[i]
		p, n := len(v.prefix), len(v.prefix)+len(v.pic)
		if n > r.n || string(r.c[:p]) != v.prefix || !fits(v.pic, r.c[p:n]) || !r.whole(sc.v, n) || r.breaks(n) > 0 {
			continue
		}
		bonus := ctx.bonus(ctxVAT)
		if !v.ok(r.c[p:n]) || v.plain == 0 && bonus == 0 {
			continue
		}
		end := r.at[n-1] + 1
		base := max(v.plain, 0.5)
		if isLower(sc.v[r.at[0]]) { // "de 123456789" is a preposition
			if base -= 0.3; bonus == 0 {
				continue
			}
		}
		typ := EUVAT
		if v.prefix == "DE" {
			typ = DEVAT
		}
		sc.add(r.at[0], end, typ, "eu-vat", min(0.97, base+0.3*bonus))
		return
	}
}

func fits(pic string, c []byte) bool {
	for i := range len(pic) {
		switch p := pic[i]; p {
		case '9':
			if !isDigit(c[i]) {
				return false
			}
		case 'A':
			if isDigit(c[i]) {
				return false
			}
		case 'X':
		default:
			if c[i] != p {
				return false
			}
		}
	}
	return true
}
