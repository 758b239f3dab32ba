package detect

import "strings"

// euIDs are the identifiers of Europe outside the north. A space in a picture is written "_".
var euIDs = []idRule{
	{typ: UKNHS, rule: "uk-nhs", pics: "9999999999 999_999_9999 999-999-9999", ctx: ctxNHS | ctxHealth, ok: nhs},
	{typ: UKNINO, rule: "uk-nino", pics: "AA999999A AA_99_99_99_A AA-99-99-99-A AA_999999_A", ctx: ctxNINO, plain: 0.8, grouped: 0.9, ok: nino},
	{typ: ESNIF, rule: "es-nif", pics: "99999999A 99999999-A 99999999_A 99.999.999-A", ctx: ctxNIF, plain: 0.85, grouped: 0.85, ok: nif},
	{typ: ESNIE, rule: "es-nie", pics: "A9999999A A-9999999-A A9999999-A", ctx: ctxNIF, plain: 0.85, grouped: 0.9, ok: nie},
	{typ: ITFiscal, rule: "it-fiscal-code", pics: "AAAAAAXXAXXAXXXA AAAAAA_XXAXX_AXXXA", ctx: ctxFiscal, plain: 0.95, grouped: 0.95, ok: codiceFiscale},
	{typ: ITVAT, rule: "it-vat", pics: "99999999999", ctx: ctxVAT, ok: func(d []byte) bool { return luhn(d) && !allSame(d) }},
	{typ: DETaxID, rule: "de-tax-id", pics: "99999999999 99_999_999_999", ctx: ctxSteuer | ctxTax, grouped: 0.7, ok: steuerID},
	{typ: DETaxNumber, rule: "de-steuernummer", pics: "99999999999 999/999/99999 999/9999/9999", words: steuerWords, must: true, plain: -1, grouped: 0.6, ok: always},
	{typ: DETaxNumber, rule: "de-steuernummer", pics: "9999999999 99/999/99999 99999/99999", words: steuerWords, must: true, grouped: 0.6, ok: always},
	{typ: DEIDCard, rule: "de-id-card", pics: "AXXXXXXXX9", ctx: ctxID | ctxPassport, ok: idCard},
	{typ: FRNIR, rule: "fr-nir", pics: "99999X999999999 9_99_99_9X_999_999_99 9_99_99_9X_999_999 9.99.99.9X.999.999.99", ctx: ctxNIR, plain: 0.8, grouped: 0.95, ok: nir},
	{typ: NLBSN, rule: "nl-bsn", pics: "999999999 9999.99.999 999.999.999 999_999_999", ctx: ctxBSN, ok: bsn},
	{typ: BENN, rule: "be-national-number", pics: "99999999999 99.99.99-999.99 999999-999.99 99.99.99-999-99 999999_999_99 99_99_99_999_99", ctx: ctxBE | ctxID, plain: 0.5, grouped: 0.9, ok: belgian},
	{typ: PTNIF, rule: "pt-nif", pics: "999999999 999_999_999", ctx: ctxNIF, ok: ptNIF},
	{typ: CHAHV, rule: "ch-ahv", pics: "9999999999999 999.9999.9999.99 999_9999_9999_99", ctx: ctxAHV, plain: 0.8, grouped: 0.97, ok: ahv},
	{typ: ATSVNR, rule: "at-svnr", pics: "9999999999 9999_999999 9999-999999", ctx: ctxAHV, ok: svnr},
	{typ: IEPPS, rule: "ie-pps", pics: "9999999A", ctx: ctxOther, plain: 0.5, ok: pps},
	{typ: IEPPS, rule: "ie-pps", pics: "9999999AA", ctx: ctxOther, plain: 0.5, ok: pps},
	{typ: PLPESEL, rule: "pl-pesel", pics: "99999999999", ctx: ctxPESEL, plain: 0.45, ok: pesel},
	{typ: ROCNP, rule: "ro-cnp", pics: "9999999999999", ctx: ctxOther, ok: cnp},
	{typ: HROIB, rule: "hr-oib", pics: "99999999999", ctx: ctxOther, ok: mod1110},
	{typ: TRTCKN, rule: "tr-tckn", pics: "99999999999", ctx: ctxOther, ok: tckn},
	{typ: ILID, rule: "il-id", pics: "999999999", ctx: ctxOther, ok: luhn},
}

const steuerWords = "steuernummer|steuernr|steuer-nr|st.-nr|st-nr|finanzamt|german tax number"

// idCard: German Bundesdruckerei, after ICAO Doc 9303: weights 7 3 1, modulo 10, letters from 10.
func idCard(c []byte) bool {
	if strings.IndexByte("CFGHJKLMNPRTVWXYZ", c[0]) < 0 {
		return false
	}
	sum, figures := 0, 0
	for i, ch := range c[:9] {
		k := int(ch-'A') + 10
		if isDigit(ch) {
			k = digit(ch)
			figures++
		}
		sum += k * [...]int{7, 3, 1}[i%3]
	}
	return figures >= 4 && sum%10 == digit(c[9])
}

// nhs: NHS Data Dictionary, NHS NUMBER: weights 10 to 2, modulo 11.
func nhs(d []byte) bool {
	if allSame(d) {
		return false
	}
	k := 11 - weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return k != 10 && k%11 == digit(d[9])
}

// nino: HMRC, National Insurance Manual NIM39110: the letters that are not used and the suffix A to D.
func nino(d []byte) bool {
	if d[8] <= 'D' && d[0] == 'Q' && d[1] == 'Q' {
		return true // set aside for examples
	}
	if strings.IndexByte("DFIQUV", d[0]) >= 0 || strings.IndexByte("DFIQUVO", d[1]) >= 0 || d[8] > 'D' {
		return false
	}
	switch string(d[:2]) {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return false
	}
	return true
}

const nifLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

// nif: Spain, Ministerio del Interior: the letter is the number modulo 23.
func nif(d []byte) bool { return nifLetters[num(d[:8])%23] == d[8] }

// nie: likewise, with X, Y and Z as 0, 1 and 2.
func nie(d []byte) bool {
	return d[0] >= 'X' && d[0] <= 'Z' && nifLetters[(int(d[0]-'X')*10000000+num(d[1:8]))%23] == d[8]
}

// codiceFiscale: Agenzia delle Entrate, D.M. 12 March 1974 n. 2227. Letters L to V stand for digits in homonyms.
func codiceFiscale(c []byte) bool {
	const odd = "\x01\x00\x05\x07\x09\x0d\x0f\x11\x13\x15\x02\x04\x12\x14\x0b\x03\x06\x08\x0c\x0e\x10\x0a\x16\x19\x18\x17"
	for _, i := range [...]int{6, 7, 9, 10, 12, 13, 14} {
		if !isDigit(c[i]) && strings.IndexByte("LMNPQRSTUV", c[i]) < 0 {
			return false
		}
	}
	if strings.IndexByte("ABCDEHLMPRST", c[8]) < 0 {
		return false
	}
	sum := 0
	for i, ch := range c[:15] {
		k := int(ch) - 'A'
		if isDigit(ch) {
			k = digit(ch)
		}
		if i%2 == 0 {
			k = int(odd[k])
		}
		sum += k
	}
	return c[15] == byte('A'+sum%26)
}

// steuerID: § 139b AO with the check digit of ISO 7064 mod 11,10; of the first ten digits one occurs twice or three
// times and the first is not 0.
func steuerID(d []byte) bool {
	var count [10]int
	for _, c := range d[:10] {
		count[digit(c)]++
	}
	twice := 0
	for _, n := range count {
		if n > 3 {
			return false
		}
		if n > 1 {
			twice++
		}
	}
	return d[0] != '0' && twice == 1 && mod1110(d)
}

// nir: INSEE; the key is 97 minus the number modulo 97, Corsica's 2A and 2B counting as 19 and 18.
func nir(d []byte) bool {
	if d[0] != '1' && d[0] != '2' {
		return false
	}
	var b [15]byte
	copy(b[:], d)
	switch {
	case isDigit(d[6]):
	case d[5] == '2' && d[6] == 'A':
		b[5], b[6] = '1', '9'
	case d[5] == '2' && d[6] == 'B':
		b[5], b[6] = '1', '8'
	default:
		return false
	}
	m := num(d[3:5])
	if m < 1 || m > 12 && (m < 20 || m > 42) && m < 50 {
		return false
	}
	return 97-num(b[:13])%97 == num(d[13:])
}

// bsn: the Dutch "elfproef" of the Burgerservicenummer (RvIG), with weight -1 for the last digit.
func bsn(d []byte) bool { return !allSame(d) && weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1)%11 == 0 }

// belgian: Rijksregister, royal decree of 3 April 1984: 97 minus the first nine digits modulo 97, with a 2 before
// them for births from 2000.
func belgian(d []byte) bool {
	m := num(d[2:4])
	if m%20 > 12 || m%20 == 0 || m > 52 || num(d[4:6]) > 31 {
		return false
	}
	n, check := num(d[:9]), num(d[9:])
	return 97-n%97 == check || 97-(2000000000+n)%97 == check
}

// ptNIF: Autoridade Tributária: weights 9 to 2, modulo 11.
func ptNIF(d []byte) bool {
	if d[0] == '0' || d[0] == '4' {
		return false
	}
	k := 11 - weighted(d, 9, 8, 7, 6, 5, 4, 3, 2)%11
	if k > 9 {
		k = 0
	}
	return k == digit(d[8])
}

// ahv: Swiss Zentrale Ausgleichsstelle: country code 756 and the check digit of EAN-13.
func ahv(d []byte) bool {
	return string(d[:3]) == "756" && weighted(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1)%10 == 0
}

// svnr: Austrian Dachverband der Sozialversicherungsträger: the fourth digit checks the others, modulo 11.
func svnr(d []byte) bool {
	return d[0] != '0' && date(num(d[4:6]), min(num(d[6:8]), 12)) && weighted(d, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == digit(d[3])
}

// pps: Irish Department of Social Protection: weights 8 to 2, a second letter counting 9 times, modulo 23.
func pps(d []byte) bool {
	sum := weighted(d, 8, 7, 6, 5, 4, 3, 2)
	if len(d) == 9 {
		if d[8] > 'I' && d[8] != 'W' {
			return false
		}
		if d[8] != 'W' {
			sum += 9 * int(d[8]-'A'+1)
		}
	}
	return d[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum%23]
}

// pesel: Polish act on population registration: weights 1 3 7 9; the century is in the month.
func pesel(d []byte) bool {
	return date(num(d[4:6]), num(d[2:4])%20) && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)%10 == 0
}

// cnp: Romanian Cod Numeric Personal: weights 279146358279, modulo 11, 10 counting as 1.
func cnp(d []byte) bool {
	k := weighted(d, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9) % 11
	if k == 10 {
		k = 1
	}
	return d[0] != '0' && date(num(d[5:7]), num(d[3:5])) && k == digit(d[12])
}

// tckn: Turkish NVI: two check digits.
func tckn(d []byte) bool {
	if d[0] == '0' {
		return false
	}
	odd, even := weighted(d, 1, 0, 1, 0, 1, 0, 1, 0, 1), weighted(d, 0, 1, 0, 1, 0, 1, 0, 1)
	return ((odd*7-even)%10+10)%10 == digit(d[9]) && (odd+even+digit(d[9]))%10 == digit(d[10])
}
