package detect

import "strings"

// npi: Centers for Medicare and Medicaid Services, "Requirements for National Provider Identifier": Luhn over the
// number behind the prefix 80840, which adds 24; the first digit is 1 or 2.
func npi(d []byte) bool {
	return (d[0] == '1' || d[0] == '2') && luhn(append([]byte("80840"), d...))
}

// mbi: CMS, "Understanding the Medicare Beneficiary Identifier Format": which places hold a letter, without S, L, O,
// I, B and Z, and which a digit.
func mbi(c []byte) bool {
	const pic = "CAN9AN9AA99" // C 1 to 9, A a letter, N either
	for i, ch := range c {
		letter := !isDigit(ch)
		if letter && strings.IndexByte("SLOIBZ", ch) >= 0 {
			return false
		}
		switch pic[i] {
		case 'C':
			if letter || ch == '0' {
				return false
			}
		case 'A':
			if !letter {
				return false
			}
		case '9':
			if letter {
				return false
			}
		}
	}
	return true
}

// clia: CMS, CLIA numbers: two digits for the state, D, seven digits.
func clia(c []byte) bool { return c[2] == 'D' }

// dvla: the Driver and Vehicle Licensing Agency's driver number: five letters of the surname filled up with 9, the
// decade, month (5 more in its first digit for women) and day of birth, the year, two initials or 9, and three
// characters of the agency's.
func dvla(c []byte) bool {
	filled := false
	for i, ch := range c[:5] {
		switch {
		case ch == '9' && i > 0:
			filled = true
		case isDigit(ch) || filled:
			return false
		}
	}
	month := num(c[6:8])
	if month > 50 {
		month -= 50
	}
	initial := func(ch byte) bool { return !isDigit(ch) || ch == '9' }
	return date(num(c[8:10]), month) && initial(c[11]) && initial(c[12]) && (c[11] != '9' || c[12] == '9') && !isDigit(c[14]) && !isDigit(c[15])
}

// rvnr: § 147 SGB VI and the Verordnung über die Versicherungsnummer: the letter as two digits, weights
// 2 1 2 5 7 1 2 1 2 1 2 1, the products' digits added, modulo 10.
func rvnr(c []byte) bool {
	if c[8] < 'A' || c[8] > 'Z' || !date(max(1, num(c[2:4])%50), num(c[4:6])) {
		return false
	}
	var d [13]byte
	copy(d[:], c[:8])
	k := int(c[8]-'A') + 1
	d[8], d[9] = "0123456789"[k/10], "0123456789"[k%10]
	copy(d[10:], c[9:12])
	sum := 0
	for i, w := range [...]int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1} {
		p := digit(d[i]) * w
		sum += p/10 + p%10
	}
	return sum%10 == digit(d[12])
}

// kvnr: § 290 SGB V, GKV-Spitzenverband, Richtlinie zur Krankenversichertennummer: the letter as two digits, weights
// 1 and 2 in turn, the products' digits added, modulo 10.
func kvnr(c []byte) bool {
	k := int(c[0]-'A') + 1
	d := append([]byte{"0123456789"[k/10], "0123456789"[k%10]}, c[1:9]...)
	sum := 0
	for i, ch := range d {
		p := digit(ch) * (1 + i%2)
		sum += p/10 + p%10
	}
	return sum%10 == digit(c[9])
}

// lanr: Kassenärztliche Bundesvereinigung, Arztnummern-Richtlinie § 75 SGB V: weights 4 and 9 over six digits; what is
// missing to the next ten is the seventh.
func lanr(d []byte) bool {
	return !allSame(d[:7]) && (10-weighted(d, 4, 9, 4, 9, 4, 9)%10)%10 == digit(d[6])
}

// bsnr: likewise, § 6: the first two digits are the association of physicians.
func bsnr(d []byte) bool {
	return strings.Contains(" 01 02 03 17 20 35 38 46 51 52 71 72 73 74 78 79 80 81 83 85 88 91 93 94 95 96 98 99 ", " "+string(d[:2])+" ")
}

// dePassport: Passverwaltungsvorschrift: one of C, F, G, H, J, K, then digits and consonants.
func dePassport(c []byte) bool {
	if strings.IndexByte("CFGHJK", c[0]) < 0 {
		return false
	}
	figures := 0
	for _, ch := range c[1:9] {
		if isDigit(ch) {
			figures++
		} else if strings.IndexByte("CFGHJKLMNPRTVWXYZ", ch) < 0 {
			return false
		}
	}
	return figures >= 2
}

// dePassportChecked is one with the check digit of ICAO Doc 9303.
func dePassportChecked(c []byte) bool { return dePassport(c) && idCard(c) }

// fuehrerschein: Fahrerlaubnis-Verordnung, annex 8: the tenth character checks the first nine, weights 9 to 1, modulo
// 11, X for ten; letters count from 10.
func fuehrerschein(c []byte) bool {
	sum, figures := 0, 0
	for i, ch := range c[:9] {
		k := int(ch-'A') + 10
		if isDigit(ch) {
			k = digit(ch)
			figures++
		}
		sum += k * (9 - i)
	}
	return figures >= 2 && "0123456789X"[sum%11] == c[9]
}

// gstin: Goods and Services Tax Network: state, PAN, entity, Z, and a check character: values in base 36 weighted 1 and
// 2 in turn, quotient and remainder by 36 added.
func gstin(c []byte) bool {
	if s := num(c[:2]); s < 1 || s > 38 && s != 97 && s != 99 || c[13] != 'Z' || !inPAN(c[2:12]) {
		return false
	}
	const base = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	sum := 0
	for i, ch := range c[:14] {
		p := strings.IndexByte(base, ch) * (1 + i%2)
		sum += p/36 + p%36
	}
	return base[(36-sum%36)%36] == c[14]
}

// inPassport: Ministry of External Affairs: a letter but Q, X or Z, a digit from 1, five digits, a digit from 1.
func inPassport(c []byte) bool {
	return strings.IndexByte("QXZ", c[0]) < 0 && c[1] != '0' && c[7] != '0'
}

// krPassport: Korean Ministry of Foreign Affairs: the kind of passport, then eight digits, or since 2021 a letter among them.
func krPassport(c []byte) bool { return strings.IndexByte("MSRODG", c[0]) >= 0 }

// krBRN: Korean National Tax Service: weights 1 3 7 1 3 7 1 3 5, the tens of the last product added, modulo 10.
func krBRN(d []byte) bool {
	sum := weighted(d, 1, 3, 7, 1, 3, 7, 1, 3, 5) + digit(d[8])*5/10
	return !allSame(d) && (10-sum%10)%10 == digit(d[9])
}

// frn: Korean Ministry of Justice: as a resident's number, with 5 to 8 for the sex and century of foreigners.
func frn(d []byte) bool {
	return date(num(d[4:6]), num(d[2:4])) && d[6] >= '5' && d[6] <= '8'
}

// krDriver: Korean National Police Agency: the region of issue, 11 to 28.
func krDriver(d []byte) bool {
	r := num(d[:2])
	return r >= 11 && r <= 28
}

// orgnr: Skatteverket, SKV 709: Luhn, and at least 20 in the place of a person's month.
func orgnr(d []byte) bool { return d[2] >= '2' && luhn(d) }

// The three forms of a Unique Entity Number, Accounting and Corporate Regulatory Authority of Singapore: registered
// businesses, local companies, and others.
func uenBusiness(c []byte) bool {
	return "XMKECAWLJDB"[weighted(c, 10, 4, 9, 3, 8, 2, 7, 1)%11] == c[8]
}

func uenCompany(c []byte) bool {
	y := num(c[:4])
	return y >= 1800 && y <= 2100 && "ZKCMDNERGWH"[weighted(c, 10, 8, 6, 4, 9, 7, 5, 3, 1)%11] == c[9]
}

func uenOther(c []byte) bool {
	const alphabet = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
	if c[0] != 'R' && c[0] != 'S' && c[0] != 'T' {
		return false
	}
	sum := -5
	for i, w := range [...]int{4, 3, 5, 3, 10, 2, 2, 5, 7} {
		k := strings.IndexByte(alphabet, c[i])
		if k < 0 {
			return false
		}
		sum += k * w
	}
	return alphabet[(sum%11+11)%11] == c[9]
}

// verhoeff is the check of Verhoeff over all digits; Nigeria's National Identity Management Commission uses it too.
func verhoeff(d []byte) bool {
	k := byte('0')
	for i := range d {
		k = verhoeffD[k-'0'][verhoeffP[i%8][d[len(d)-1-i]-'0']-'0']
	}
	return k == '0' && !allSame(d)
}

// zaCompany: Companies and Intellectual Property Commission: year, serial, and the kind of company.
func zaCompany(d []byte) bool {
	y := num(d[:4])
	return y >= 1800 && y <= 2100 && strings.Contains(" 06 07 08 09 10 11 12 20 21 22 23 24 25 26 30 31 ", " "+string(d[10:12])+" ")
}

// zaTax: South African Revenue Service: begins with 0 to 3 or 9; Luhn.
func zaTax(d []byte) bool { return (d[0] <= '3' || d[0] == '9') && luhn(d) }

// zaDriver: a South African licence: digits, then letters and digits, twelve in all.
func zaDriver(c []byte) bool {
	figures := 0
	for _, ch := range c {
		if isDigit(ch) {
			figures++
		}
	}
	return figures >= 6 && figures < 12
}

// nzIRD: Inland Revenue Department of New Zealand, "IRD numbers: validating": weights 3 2 7 6 5 4 3 2, modulo 11, and if
// that gives 10, 7 4 3 2 5 2 7 6.
func nzIRD(d []byte) bool {
	if len(d) == 8 {
		d = append([]byte("0"), d...)
	}
	if n := num(d); n < 10_000_000 || n > 150_000_000 {
		return false
	}
	k := (11 - weighted(d, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	if k == 10 {
		k = (11 - weighted(d, 7, 4, 3, 2, 5, 2, 7, 6)%11) % 11
	}
	return k == digit(d[8])
}

// nhiSum: HISO 10046: letters count from 1 without I and O, weights 7 to 2; −1 where a letter may not be.
func nhiSum(c []byte) int {
	const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	sum := 0
	for i := range 6 {
		k := digit(c[i])
		if !isDigit(c[i]) {
			if k = strings.IndexByte(letters, c[i]) + 1; k == 0 {
				return -1
			}
		}
		sum += k * (7 - i)
	}
	return sum
}

// nzNHI: three letters, three digits, and a check digit modulo 11.
func nzNHI(c []byte) bool {
	sum := nhiSum(c)
	return sum >= 0 && sum%11 != 0 && (11-sum%11)%10 == digit(c[6])
}

// nzNHINew: three letters, two digits, a letter, and a check letter modulo 23, for numbers issued from 2026.
func nzNHINew(c []byte) bool {
	sum := nhiSum(c)
	return sum >= 0 && "ABCDEFGHJKLMNPQRSTUVWXYZ"[22-sum%23] == c[6]
}

// vinShape: ISO 3779: no I, O or Q, and digits in the serial.
func vinShape(c []byte) bool {
	figures := 0
	for i, ch := range c {
		switch {
		case ch == 'I' || ch == 'O' || ch == 'Q' || i >= 13 && !isDigit(ch):
			return false
		case isDigit(ch):
			figures++
		}
	}
	return figures >= 6 && figures < 17
}

// vin: 49 CFR 565.15: the ninth character checks the others, modulo 11.
func vin(c []byte) bool {
	if !vinShape(c) {
		return false
	}
	sum := 0
	for i, w := range [...]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2} {
		k := digit(c[i])
		if !isDigit(c[i]) {
			k = digit("12345678012345070923456789"[c[i]-'A'])
		}
		sum += k * w
	}
	return "0123456789X"[sum%11] == c[8]
}
