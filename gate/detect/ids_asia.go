package detect

import "strings"

// asianIDs are the identifiers of Asia, Australia and Africa.
var asianIDs = []idRule{
	{typ: INAadhaar, rule: "in-aadhaar", pics: "999999999999 9999_9999_9999 9999-9999-9999", ctx: ctxAadhaar, grouped: 0.7, ok: aadhaar},
	{typ: INPAN, rule: "in-pan", pics: "AAAAA9999A", ctx: ctxPAN | ctxTax, plain: 0.7, ok: inPAN},
	{typ: AUTFN, rule: "au-tfn", pics: "999999999 999_999_999 999-999-999", ctx: ctxTFN | ctxTax, ok: tfn},
	{typ: AUMedicare, rule: "au-medicare", pics: "9999999999 9999_99999_9", ctx: ctxMedicare, grouped: 0.5, ok: medicare},
	{typ: AUABN, rule: "au-abn", pics: "99999999999 99_999_999_999", ctx: ctxABN, grouped: 0.6, ok: abn},
	{typ: AUACN, rule: "au-acn", pics: "999999999 999_999_999", ctx: ctxABN, ok: acn},
	{typ: ZAID, rule: "za-id", pics: "9999999999999 999999_9999_999", ctx: ctxZA | ctxID, plain: 0.5, grouped: 0.8, ok: zaID},
	{typ: SGNRIC, rule: "sg-nric", pics: "A9999999A", ctx: ctxNRIC, plain: 0.85, ok: nric},
	{typ: KRRRN, rule: "kr-rrn", pics: "9999999999999 999999-9999999", ctx: ctxKR, words: "주민등록|주민번호", grouped: 0.8, ok: rrn},
	{typ: CNID, rule: "cn-resident-id", pics: "99999999999999999X", words: "身份证|公民身份号码", ctx: ctxID | ctxKR, plain: 0.9, ok: cnID},
	{typ: THTNIN, rule: "th-tnin", pics: "9999999999999 9-9999-99999-99-9 9_9999_99999_99_9", ctx: ctxOther, words: "ประชาชน", grouped: 0.85, ok: thai},
	{typ: JPMyNumber, rule: "jp-my-number", pics: "999999999999 9999-9999-9999 9999_9999_9999", ctx: ctxOther, words: "マイナンバー|個人番号", ok: myNumber},
}

// Verhoeff's scheme: the multiplication of the dihedral group D5 and the permutation (J. Verhoeff, Error Detecting
// Decimal Codes, 1969).
var (
	verhoeffD = [10]string{
		"0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
		"5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
	}
	verhoeffP = [8]string{
		"0123456789", "1576283094", "5803796142", "8916043527",
		"9453126870", "4286573901", "2793806415", "7046913258",
	}
)

// aadhaar: UIDAI: twelve digits that begin with 2 to 9, the last by Verhoeff.
func aadhaar(d []byte) bool { return d[0] >= '2' && verhoeff(d) }

// inPAN: Income Tax Department of India: the fourth letter is the kind of holder.
func inPAN(c []byte) bool { return strings.IndexByte("ABCFGHLJPTK", c[3]) >= 0 }

// tfn: Australian Taxation Office: weights 1 4 3 7 5 8 6 9 10, modulo 11.
func tfn(d []byte) bool {
	return !allSame(d) && weighted(d, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0
}

// medicare: Services Australia: first digit 2 to 6, the ninth checks the first eight, the tenth counts issues.
func medicare(d []byte) bool {
	return d[0] >= '2' && d[0] <= '6' && weighted(d, 1, 3, 7, 9, 1, 3, 7, 9)%10 == digit(d[8]) && d[9] != '0'
}

// abn: Australian Business Register: one less in the first digit, weights 10 1 3 5 …, modulo 89.
func abn(d []byte) bool {
	return d[0] != '0' && (weighted(d, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}

// acn: Australian Securities and Investments Commission: weights 8 to 1, modulo 10.
func acn(d []byte) bool {
	return (10-weighted(d, 8, 7, 6, 5, 4, 3, 2, 1)%10)%10 == digit(d[8]) && !allSame(d)
}

// zaID: South African Department of Home Affairs: date, serial, citizenship 0 to 2, Luhn.
func zaID(d []byte) bool {
	return date(num(d[4:6]), num(d[2:4])) && d[10] <= '2' && luhn(d)
}

// nric: Singapore ICA: weights 2 7 6 5 4 3 2, an offset for T, G (4) and M (3), and a letter by series.
func nric(c []byte) bool {
	sum := weighted(c[1:8], 2, 7, 6, 5, 4, 3, 2)
	switch c[0] {
	case 'T':
		sum += 4
		fallthrough
	case 'S':
		return "JZIHGFEDCBA"[sum%11] == c[8]
	case 'G':
		sum += 4
		fallthrough
	case 'F':
		return "XWUTRQPNMLK"[sum%11] == c[8]
	case 'M':
		return "XWUTRQPNJLK"[(sum+3)%11] == c[8]
	}
	return false
}

// rrn: Korean Ministry of the Interior and Safety: date and sex or century; numbers since October 2020 have no check.
func rrn(d []byte) bool {
	return date(num(d[4:6]), num(d[2:4])) && (d[6] >= '1' && d[6] <= '4' || d[6] == '9' || d[6] == '0')
}

// cnID: GB 11643-1999: region, date of birth, serial, and ISO 7064 mod 11-2.
func cnID(c []byte) bool {
	if y := num(c[6:10]); y < 1900 || y > 2100 || !date(num(c[12:14]), num(c[10:12])) || c[0] == '0' || c[0] == '9' {
		return false
	}
	return "10X98765432"[weighted(c, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)%11] == c[17]
}

// thai: Department of Provincial Administration: weights 13 to 2, modulo 11.
func thai(d []byte) bool {
	return d[0] != '0' && (11-weighted(d, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10 == digit(d[12])
}

// myNumber: Japanese ministerial ordinance 85 of 2014: weights 6 5 4 3 2 7 6 5 4 3 2, modulo 11.
func myNumber(d []byte) bool {
	r := weighted(d, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
	if r <= 1 {
		return d[11] == '0'
	}
	return 11-r == digit(d[11])
}
