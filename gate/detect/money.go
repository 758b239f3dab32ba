package detect

import "crypto/sha256"

// luhn is the check of ISO/IEC 7812-1 annex B over ASCII digits.
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// issuer reports whether cards of n digits are issued under the number's first digits (ISO/IEC 7812; the networks'
// published ranges), and how sure that makes us.
func issuer(d []byte) float32 {
	n := len(d)
	p := 0
	for _, c := range d[:6] {
		p = p*10 + int(c-'0')
	}
	in := func(lo, hi int) bool { return p >= lo && p <= hi }
	switch {
	case in(400000, 499999): // Visa
		switch n {
		case 16:
			return 0.85
		case 13, 19:
			return 0.5
		}
	case in(510000, 559999), in(222100, 272099): // Mastercard
		if n == 16 {
			return 0.85
		}
	case in(340000, 349999), in(370000, 379999): // American Express
		if n == 15 {
			return 0.85
		}
	case in(601100, 601199), in(644000, 659999), in(622126, 622925): // Discover
		if n == 16 || n == 19 {
			return 0.8
		}
	case in(300000, 305999), in(309500, 309599), in(360000, 369999), in(380000, 399999): // Diners Club
		if n == 14 {
			return 0.6
		}
		if n == 16 {
			return 0.6
		}
	case in(352800, 358999): // JCB
		if n == 16 {
			return 0.8
		}
	case in(620000, 629999), in(810000, 817199): // UnionPay
		if n >= 16 && n <= 19 {
			return 0.6
		}
	case in(220000, 220499): // Mir
		if n >= 16 && n <= 19 {
			return 0.6
		}
	case in(500000, 509999), in(560000, 589999), in(600000, 699999): // Maestro, RuPay, Elo, Hipercard
		if n >= 12 && n <= 19 {
			return 0.3
		}
	}
	return 0
}

// card finds a payment card number: length, issuer and check digit must fit, and the groups must be those of a card.
func (sc *scan) card(r *run, ctx context) {
	for n := min(19, r.n); n >= 12; n-- {
		if !r.allDigits(n) || !r.whole(sc.v, n) {
			continue
		}
		base := issuer(r.c[:n])
		if base == 0 || !luhn(r.c[:n]) || allSame(r.c[:n]) {
			continue
		}
		grouped := r.ends&(1<<(n-1)-1) != 0
		if grouped && !r.cardGroups(n) || r.breaks(n) > 1 {
			if !ctx.any(ctxCard) {
				continue
			}
			base -= 0.2
		} else if grouped {
			base += 0.1
		}
		bonus := ctx.bonus(ctxCard)
		if !grouped && n > 16 && bonus == 0 {
			continue // one in ten numbers of this length passes
		}
		if base < 0.6 && bonus == 0 {
			continue
		}
		if ctx.near&ctxOrder != 0 && bonus == 0 && !grouped {
			base -= 0.2
		}
		sc.add(r.at[0], r.at[n-1]+1, CreditCard, "credit-card", min(base, 0.9)+0.1*bonus)
		return
	}
}

// cardGroups reports whether n digits are grouped as cards are: by four, 4-6-5, 4-6-4, or digit by digit.
func (r *run) cardGroups(n int) bool {
	e := r.ends & (1<<(n-1) - 1)
	switch {
	case n == 15 && e == 1<<3|1<<9, n == 14 && e == 1<<3|1<<9:
		return r.sep[3] == r.sep[9]
	case n == 19 && e == 1<<5:
		return true
	}
	size := 4
	if e&1 != 0 {
		size = 1
	}
	want := uint64(0)
	for k := size; k < n; k += size {
		want |= 1 << (k - 1)
	}
	return e == want
}

func allSame(d []byte) bool {
	for _, c := range d {
		if c != d[0] {
			return false
		}
	}
	return true
}

// ibanLength is the length of an IBAN by country (SWIFT, IBAN Registry, release 99).
var ibanLength = map[[2]byte]int{
	{'A', 'D'}: 24, {'A', 'E'}: 23, {'A', 'L'}: 28, {'A', 'T'}: 20, {'A', 'Z'}: 28, {'B', 'A'}: 20, {'B', 'E'}: 16,
	{'B', 'G'}: 22, {'B', 'H'}: 22, {'B', 'I'}: 27, {'B', 'R'}: 29, {'B', 'Y'}: 28, {'C', 'H'}: 21, {'C', 'R'}: 22,
	{'C', 'Y'}: 28, {'C', 'Z'}: 24, {'D', 'E'}: 22, {'D', 'J'}: 27, {'D', 'K'}: 18, {'D', 'O'}: 28, {'E', 'E'}: 20,
	{'E', 'G'}: 29, {'E', 'S'}: 24, {'F', 'I'}: 18, {'F', 'K'}: 18, {'F', 'O'}: 18, {'F', 'R'}: 27, {'G', 'B'}: 22,
	{'G', 'E'}: 22, {'G', 'I'}: 23, {'G', 'L'}: 18, {'G', 'R'}: 27, {'G', 'T'}: 28, {'H', 'N'}: 28, {'H', 'R'}: 21,
	{'H', 'U'}: 28, {'I', 'E'}: 22, {'I', 'L'}: 23, {'I', 'Q'}: 23, {'I', 'S'}: 26, {'I', 'T'}: 27, {'J', 'O'}: 30,
	{'K', 'W'}: 30, {'K', 'Z'}: 20, {'L', 'B'}: 28, {'L', 'C'}: 32, {'L', 'I'}: 21, {'L', 'T'}: 20, {'L', 'U'}: 20,
	{'L', 'V'}: 21, {'L', 'Y'}: 25, {'M', 'C'}: 27, {'M', 'D'}: 24, {'M', 'E'}: 22, {'M', 'K'}: 19, {'M', 'N'}: 20,
	{'M', 'R'}: 27, {'M', 'T'}: 31, {'M', 'U'}: 30, {'N', 'I'}: 28, {'N', 'L'}: 18, {'N', 'O'}: 15, {'O', 'M'}: 23,
	{'P', 'K'}: 24, {'P', 'L'}: 28, {'P', 'S'}: 29, {'P', 'T'}: 25, {'Q', 'A'}: 29, {'R', 'O'}: 24, {'R', 'S'}: 22,
	{'R', 'U'}: 33, {'S', 'A'}: 24, {'S', 'C'}: 31, {'S', 'D'}: 18, {'S', 'E'}: 24, {'S', 'I'}: 19, {'S', 'K'}: 24,
	{'S', 'M'}: 27, {'S', 'O'}: 23, {'S', 'T'}: 25, {'S', 'V'}: 28, {'T', 'L'}: 23, {'T', 'N'}: 24, {'T', 'R'}: 26,
	{'U', 'A'}: 29, {'V', 'A'}: 22, {'V', 'G'}: 24, {'X', 'K'}: 20, {'Y', 'E'}: 30,
}

// iban finds an International Bank Account Number at i (ISO 13616; check digits by ISO 7064 mod 97-10), in any case,
// in one piece or in groups of any size separated by spaces, dashes, dots or a line break.
func (sc *scan) iban(i int) {
	v := sc.v
	if i+4 >= len(v) || lower[v[i]] == 0 || lower[v[i+1]] == 0 {
		return
	}
	var c [34]byte
	want := ibanLength[[2]byte{v[i] &^ 0x20, v[i+1] &^ 0x20}]
	if want == 0 {
		return
	}
	n, j, figures := 0, i, 0
	for n < want {
		if j >= len(v) {
			return
		}
		switch ch := v[j]; {
		case isDigit(ch):
			c[n] = ch
			n++
			figures++
		case lower[ch] != 0:
			if n == 2 || n == 3 {
				return
			}
			c[n] = ch &^ 0x20
			n++
		case ch == ' ' || ch == '-' || ch == '.' || ch == '\n' || ch == '\r':
			if next := sc.byteAt(j + 1); !isAlnum(next) && (ch != '\r' || next != '\n') {
				return
			}
		default:
			return
		}
		j++
	}
	if figures < 10 { // "be 48 bytes on 64 bit" passes the check
		return
	}
	if isAlnum(sc.byteAt(j)) || mod97(c[:n]) != 1 {
		return
	}
	sc.numEnd = max(sc.numEnd, j)
	sc.add(i, j, IBAN, "iban", 0.98)
}

// mod97 is ISO 7064 mod 97-10 with the first four characters moved to the end and letters as 10 to 35.
func mod97(c []byte) int {
	m := 0
	for i := range c {
		ch := c[(i+4)%len(c)]
		if isDigit(ch) {
			m = (m*10 + int(ch-'0')) % 97
		} else {
			m = (m*100 + int(ch-'A') + 10) % 97
		}
	}
	return m
}

// wallet finds an address of a crypto-currency in the run [s, e): base58check (Bitcoin and its kin), bech32 and
// bech32m (BIP 173, BIP 350), or Ethereum's forty hexadecimal digits.
func (sc *scan) wallet(s, e int) {
	w := sc.v[s:e]
	c := sc.look(s)
	switch {
	case len(w) == 42 && w[0] == '0' && w[1]|0x20 == 'x':
		for i := 2; i < 42; i++ {
			if hexValue(w[i]) < 0 {
				return
			}
		}
		if distinct(w[2:]) < 8 {
			return // a constant
		}
		sc.add(s, e, Crypto, "ethereum-address", 0.8+0.15*c.bonus(ctxWallet))
	case len(w) >= 14 && len(w) <= 90 && bech32(w):
		sc.add(s, e, Crypto, "bech32-address", 0.98)
	case len(w) >= 25 && len(w) <= 36 && base58check(w):
		sc.add(s, e, Crypto, "base58-address", 0.95)
	}
}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

var base58Value = alphabetValues(base58Alphabet)

func alphabetValues(alphabet string) (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i := range len(alphabet) {
		t[alphabet[i]] = int8(i)
	}
	return t
}

// base58check decodes 25 bytes and compares the four check bytes: the double SHA-256 of the rest.
func base58check(w string) bool {
	var b [25]byte
	for i := range len(w) {
		d := int(base58Value[w[i]])
		if d < 0 {
			return false
		}
		for j := len(b) - 1; j >= 0; j-- {
			d += int(b[j]) * 58
			b[j] = byte(d & 0xff)
			d >>= 8
		}
		if d != 0 {
			return false
		}
	}
	first := sha256.Sum256(b[:21])
	second := sha256.Sum256(first[:])
	return [4]byte(second[:4]) == [4]byte(b[21:])
}

var bech32Value = alphabetValues("qpzry9x8gf2tvdw0s3jn54khce6mua7l")

// bech32 checks the code of BIP 173 or BIP 350 for addresses of Bitcoin, Litecoin and test networks.
func bech32(w string) bool {
	var low [90]byte
	upper, lowers := false, false
	for i := range len(w) {
		c := w[i]
		upper = upper || isUpper(c)
		lowers = lowers || isLower(c)
		if isUpper(c) {
			c |= 0x20
		}
		low[i] = c
	}
	if upper && lowers {
		return false
	}
	hrp := 0
	switch {
	case string(low[:3]) == "bc1", string(low[:3]) == "tb1":
		hrp = 2
	case string(low[:4]) == "ltc1":
		hrp = 3
	case string(low[:5]) == "bcrt1":
		hrp = 4
	default:
		return false
	}
	sum := uint32(1)
	feed := func(x uint32) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ x
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for _, c := range low[:hrp] {
		feed(uint32(c >> 5))
	}
	feed(0)
	for _, c := range low[:hrp] {
		feed(uint32(c & 31))
	}
	for _, c := range low[hrp+1 : len(w)] {
		x := bech32Value[c]
		if x < 0 {
			return false
		}
		feed(uint32(x))
	}
	return sum == 1 || sum == 0x2bc830a3
}

// distinct counts the different characters of s.
func distinct(s string) int {
	var seen [256]bool
	n := 0
	for i := range len(s) {
		if !seen[s[i]] {
			seen[s[i]] = true
			n++
		}
	}
	return n
}
