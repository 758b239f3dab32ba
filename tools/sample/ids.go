package main

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// luhnDigit returns the digit that completes a number under ISO/IEC 7812-1.
func luhnDigit(s string) int {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return (10 - sum%10) % 10
}

// cardPrefixes are of the test ranges that payment processors publish.
var cardPrefixes = []struct {
	prefix string
	length int
}{
	{"411111", 16},
	{"424242", 16},
	{"400005", 16},
	{"401288", 16},
	{"555555", 16},
	{"510510", 16},
	{"520082", 16},
	{"222300", 16},
	{"378282", 15},
	{"371449", 15},
	{"601111", 16},
	{"353011", 16},
	{"360700", 14},
}

func cardNumber(r *rng) string {
	c := pick(r, cardPrefixes)
	s := c.prefix + r.chars(digits, c.length-len(c.prefix)-1)
	s += strconv.Itoa(luhnDigit(s))
	switch {
	case r.chance(0.25):
		return s
	case len(s) == 15:
		return s[:4] + " " + s[4:10] + " " + s[10:]
	case len(s) == 14:
		return s[:4] + " " + s[4:10] + " " + s[10:]
	case r.chance(0.3):
		return group(s, 4, "-")
	default:
		return group(s, 4, " ")
	}
}

// brokenCard looks like a card number and fails its checksum: a near miss.
func brokenCard(r *rng) string {
	s := r.fill("4%##############")[:15]
	return group(s+strconv.Itoa((luhnDigit(s)+r.between(1, 9))%10), 4, " ")
}

func group(s string, n int, sep string) string {
	var parts []string
	for len(s) > n {
		parts = append(parts, s[:n])
		s = s[n:]
	}
	return strings.Join(append(parts, s), sep)
}

// bbans gives the structure of the part after the check digits of an IBAN (SWIFT IBAN Registry), for countries whose
// account numbers have no check of their own: '#' is a digit, '@' a letter.
var bbans = map[string]string{
	"DE": "##################", "GB": "@@@@##############", "NL": "@@@@##########", "AT": "################",
	"CH": "#####000000######", "IE": "@@@@##############", "SE": "####################",
}

var ibanCountries = names("DE GB NL AT IE FR ES BE IT PL")

// iban invents an account number of the country, or of a European one if the country has none.
func iban(r *rng, country string) string {
	for {
		switch country {
		case "FR":
			return ibanOf(r, country, frenchBBAN(r))
		case "ES":
			bank, account := r.fill("%#######"), r.chars(digits, 10)
			return ibanOf(r, country, bank+spanishDigit("00"+bank)+spanishDigit(account)+account)
		case "BE":
			s := r.fill("%#########")
			n, _ := strconv.Atoi(s)
			return ibanOf(r, country, s+fmt.Sprintf("%02d", (n-1)%97+1))
		case "IT":
			s := r.chars(digits, 22)
			return ibanOf(r, country, italianLetter(s)+s)
		case "PL":
			bank, sum := r.fill("%######"), 0
			for i, w := range []int{3, 9, 7, 1, 3, 9, 7} {
				sum += w * int(bank[i]-'0')
			}
			return ibanOf(r, country, bank+strconv.Itoa((10-sum%10)%10)+r.chars(digits, 16))
		}
		if pattern := bbans[country]; pattern != "" {
			b := []byte(r.fill(pattern))
			for i, c := range b {
				if c == '@' {
					b[i] = uppers[r.intn(26)]
				}
			}
			return ibanOf(r, country, string(b))
		}
		country = pick(r, ibanCountries)
	}
}

// spanishDigit is a dígito de control of a Spanish account.
func spanishDigit(s string) string {
	sum := 0
	for i, w := range []int{1, 2, 4, 8, 5, 10, 9, 7, 3, 6} {
		sum += w * int(s[i]-'0')
	}
	d := 11 - sum%11
	if d >= 10 {
		d = 11 - d
	}
	return strconv.Itoa(d)
}

// frenchBBAN ends in the clé RIB, 97 − (89·bank + 15·branch + 3·account) mod 97.
func frenchBBAN(r *rng) string {
	bank, branch, account := r.between(10000, 49999), r.between(0, 99999), r.between(1, 99999999)
	key := 97 - (89*bank+15*branch+3*account)%97
	return fmt.Sprintf("%05d%05d%011d%02d", bank, branch, account, key)
}

func ibanOf(r *rng, country, bban string) string {
	s := country + ibanCheck(country, bban) + bban
	switch {
	case r.chance(0.3):
		return s
	case r.chance(0.08):
		return strings.ToLower(group(s, 4, " "))
	default:
		return group(s, 4, " ")
	}
}

// ibanCheck computes the check digits of ISO 13616 (ISO 7064 mod 97-10).
func ibanCheck(country, bban string) string {
	return fmt.Sprintf("%02d", 98-mod97(bban+country+"00"))
}

func mod97(s string) int {
	m := 0
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			m = (m*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			m = (m*100 + int(c-'A') + 10) % 97
		}
	}
	return m
}

// nationalID returns an identity number that people of the country have, and its type.
func nationalID(r *rng, country string, born date) (string, string) {
	switch country {
	case "US":
		return usSSN(r), "US_SSN"
	case "GB":
		if r.chance(0.3) {
			return nhs(r), "UK_NHS"
		}
		return nino(r), "UK_NINO"
	case "DE":
		return deTaxID(r), "DE_TAX_ID"
	case "ES":
		if r.chance(0.25) {
			return esNIE(r), "ES_NIE"
		}
		return esNIF(r), "ES_NIF"
	case "FR":
		return frNIR(r, born), "FR_NIR"
	case "NL":
		return bsn(r), "NL_BSN"
	case "IT":
		return codiceFiscale(r, born), "IT_FISCAL_CODE"
	case "PL":
		return pesel(r, born), "PL_PESEL"
	case "SE":
		return personnummer(r, born), "SE_PERSONNUMMER"
	case "BR":
		return cpf(r), "BR_CPF"
	case "IN":
		if r.chance(0.5) {
			return aadhaar(r), "IN_AADHAAR"
		}
		return pan(r), "IN_PAN"
	case "AU":
		return tfn(r), "AU_TFN"
	case "CA":
		return sin(r), "CA_SIN"
	}
	return "", ""
}

func usSSN(r *rng) string {
	area := r.between(1, 899)
	if area == 666 {
		area = 667
	}
	s := fmt.Sprintf("%03d-%02d-%04d", area, r.between(1, 99), r.between(1, 9999))
	if r.chance(0.2) {
		return strings.ReplaceAll(s, "-", " ")
	}
	return s
}

func nino(r *rng) string {
	const first, second = "ABCEGHJKLMNPRSTWXYZ", "ABCEGHJKLMNPRSTWXYZ"
	for {
		p := r.chars(first, 1) + r.chars(second, 1)
		if strings.Contains("BG GB KN NK NT TN ZZ", p) {
			continue
		}
		s := p + " " + r.fill("## ## ##") + " " + r.chars("ABCD", 1)
		if r.chance(0.4) {
			return strings.ReplaceAll(s, " ", "")
		}
		return s
	}
}

// nhs ends in a check digit modulo 11; 999 is the range kept for tests.
func nhs(r *rng) string {
	for {
		s := "999" + r.fill("######")
		sum := 0
		for i := range 9 {
			sum += int(s[i]-'0') * (10 - i)
		}
		c := (11 - sum%11) % 11
		if c < 10 {
			s += strconv.Itoa(c)
			return s[:3] + " " + s[3:6] + " " + s[6:]
		}
	}
}

// deTaxID: eleven digits; of the first ten exactly one occurs twice; check digit by ISO 7064 mod 11,10.
func deTaxID(r *rng) string {
	order := []byte(digits)
	for i := len(order) - 1; i > 0; i-- {
		j := r.intn(i + 1)
		order[i], order[j] = order[j], order[i]
	}
	if order[0] == '0' {
		order[0], order[1] = order[1], order[0]
	}
	order[9] = order[r.between(1, 7)] // one digit twice, one not at all
	p := 10
	for _, c := range order {
		s := (int(c-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	s := string(order) + strconv.Itoa((11-p)%10)
	if r.chance(0.5) {
		return s[:2] + " " + s[2:5] + " " + s[5:8] + " " + s[8:]
	}
	return s
}

const dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

func esNIF(r *rng) string {
	n := r.between(10000000, 79999999)
	sep := pick(r, []string{"", "", "-", " "})
	return strconv.Itoa(n) + sep + string(dniLetters[n%23])
}

func esNIE(r *rng) string {
	p, n := r.intn(3), r.between(1000000, 9999999)
	return string("XYZ"[p]) + strconv.Itoa(n) + string(dniLetters[(p*10000000+n)%23])
}

// frNIR: sex, year, month, department, commune, order, and the key 97 − n mod 97.
func frNIR(r *rng, born date) string {
	s := fmt.Sprintf("%d%02d%02d%02d%03d%03d", r.between(1, 2), born.year%100, born.month, r.between(1, 19), r.between(1, 400), r.between(1, 300))
	n, _ := new(big.Int).SetString(s, 10)
	key := 97 - new(big.Int).Mod(n, big.NewInt(97)).Int64()
	if r.chance(0.3) {
		return fmt.Sprintf("%s%02d", s, key)
	}
	return fmt.Sprintf("%s %s %s %s %s %s %02d", s[:1], s[1:3], s[3:5], s[5:7], s[7:10], s[10:], key)
}

// bsn passes the Dutch eleven test.
func bsn(r *rng) string {
	for {
		s := r.fill("%#######")
		sum := 0
		for i := range 8 {
			sum += int(s[i]-'0') * (9 - i)
		}
		if c := sum % 11; c < 10 {
			return s + strconv.Itoa(c)
		}
	}
}

// codiceFiscale builds the sixteen characters of the Italian tax code (DM 23/12/1976) on random name consonants.
func codiceFiscale(r *rng, born date) string {
	const consonants, months = "BCDFGLMNPRSTVZ", "ABCDEHLMPRST"
	places := []string{"F205", "H501", "L219", "D612", "A944", "G273", "C351"}
	day := born.day
	if r.chance(0.5) {
		day += 40
	}
	s := r.chars(consonants, 6) + fmt.Sprintf("%02d%c%02d", born.year%100, months[born.month-1], day) + pick(r, places)
	return s + italianLetter(s)
}

// italianLetter is the check letter of an Italian tax code, and of a bank account too.
func italianLetter(s string) string {
	odd := map[byte]int{}
	for i, v := range []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21} {
		odd[digits[i]] = v
	}
	for i, v := range []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23} {
		odd[uppers[i]] = v
	}
	sum := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case i%2 == 0:
			sum += odd[c]
		case c <= '9':
			sum += int(c - '0')
		default:
			sum += int(c - 'A')
		}
	}
	return string(uppers[sum%26])
}

func pesel(r *rng, born date) string {
	month := born.month
	if born.year >= 2000 {
		month += 20
	}
	s := fmt.Sprintf("%02d%02d%02d%04d", born.year%100, month, born.day, r.between(0, 9999))
	sum := 0
	for i, w := range []int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3} {
		sum += int(s[i]-'0') * w
	}
	return s + strconv.Itoa((10-sum%10)%10)
}

func personnummer(r *rng, born date) string {
	s := fmt.Sprintf("%02d%02d%02d%03d", born.year%100, born.month, born.day, r.between(980, 999))
	c := strconv.Itoa(luhnDigit(s))
	return fmt.Sprintf("%d%s-%s%s", born.year/100, s[:6], s[6:], c)
}

func cpf(r *rng) string {
	s := r.fill("%########")
	for range 2 {
		sum := 0
		for i := range len(s) {
			sum += int(s[i]-'0') * (len(s) + 1 - i)
		}
		s += strconv.Itoa(sum * 10 % 11 % 10)
	}
	return s[:3] + "." + s[3:6] + "." + s[6:9] + "-" + s[9:]
}

func pan(r *rng) string {
	return r.chars(uppers, 3) + "P" + r.chars(uppers, 1) + r.fill("####") + r.chars(uppers, 1)
}

// aadhaar ends in a Verhoeff digit.
func aadhaar(r *rng) string {
	s := string(digits[r.between(2, 9)]) + r.fill("##########")
	s += strconv.Itoa(verhoeffDigit(s))
	return group(s, 4, " ")
}

// verhoeffDigit computes the check digit of Verhoeff, "Error Detecting Decimal Codes" (1969), in the dihedral group D5.
func verhoeffDigit(s string) int {
	mul := func(a, b int) int {
		switch {
		case a < 5 && b < 5:
			return (a + b) % 5
		case a < 5:
			return 5 + (a+b-5)%5
		case b < 5:
			return 5 + (a-5-b+5)%5
		default:
			return (a - b + 5) % 5
		}
	}
	step := []int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		for range (i + 1) % 8 {
			d = step[d]
		}
		c = mul(c, d)
	}
	if c == 0 || c >= 5 {
		return c
	}
	return 5 - c
}

func tfn(r *rng) string {
	for {
		s := r.fill("%########")
		sum := 0
		for i, w := range []int{1, 4, 3, 7, 5, 8, 6, 9, 10} {
			sum += int(s[i]-'0') * w
		}
		if sum%11 == 0 {
			return s[:3] + " " + s[3:6] + " " + s[6:]
		}
	}
}

func sin(r *rng) string {
	s := "0" + r.fill("#######") // a leading 0 is never issued to a person
	s += strconv.Itoa(luhnDigit(s))
	return s[:3] + " " + s[3:6] + " " + s[6:]
}
