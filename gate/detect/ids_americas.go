package detect

import "strings"

// americanIDs are the identifiers of the Americas.
var americanIDs = []idRule{
	{typ: USSSN, rule: "us-ssn", pics: "999999999 999-99-9999", ctx: ctxSSN, grouped: 0.85, ok: ssn},
	{typ: USSSN, rule: "us-ssn", pics: "999999999 999_99_9999 999.99.9999", ctx: ctxSSN, grouped: 0.5, ok: ssn},
	{typ: USITIN, rule: "us-itin", pics: "999999999 999-99-9999 999_99_9999", ctx: ctxITIN | ctxTax, grouped: 0.6, ok: itin},
	{typ: ABARouting, rule: "us-aba-routing", pics: "999999999 9999-9999-9", ctx: ctxBank, ok: aba},
	{typ: CASIN, rule: "ca-sin", pics: "999999999 999_999_999 999-999-999", ctx: ctxSIN, grouped: 0.45, ok: sin},
	{typ: BRCPF, rule: "br-cpf", pics: "99999999999 999.999.999-99", ctx: ctxCPF, grouped: 0.95, ok: cpf},
	{typ: BRCNPJ, rule: "br-cnpj", pics: "99999999999999 99.999.999/9999-99", ctx: ctxCNPJ, plain: 0.5, grouped: 0.95, ok: cnpj},
	{typ: CLRUT, rule: "cl-rut", pics: "99999999X 99.999.999-X 99999999-X", ctx: ctxRUT, grouped: 0.7, ok: rut},
	{typ: ARCUIT, rule: "ar-cuit", pics: "99999999999 99-99999999-9", ctx: ctxRUT, grouped: 0.85, ok: cuit},
	{typ: MedicalLicense, rule: "us-dea", pics: "AA9999999", ctx: ctxDEA, ok: dea},
	{typ: MXCURP, rule: "mx-curp", pics: "AAAA999999AAAAAAX9", ctx: ctxCURP, plain: 0.9, ok: curp},
}

// ssn: Social Security Administration, POMS RM 10201.035: areas 000, 666 and 900 to 999, group 00 and serial 0000
// were never issued.
func ssn(d []byte) bool {
	area := num(d[:3])
	return area != 0 && area != 666 && area < 900 && num(d[3:5]) != 0 && num(d[5:]) != 0 && !allSame(d)
}

// itin: Internal Revenue Manual 3.21.263: 9, then 50 to 65, 70 to 88, 90 to 92 or 94 to 99 as fourth and fifth digit.
func itin(d []byte) bool {
	g := num(d[3:5])
	return d[0] == '9' && (g >= 50 && g <= 65 || g >= 70 && g <= 88 || g >= 90 && g != 93)
}

// aba: American Bankers Association routing number: weights 3 7 1, modulo 10.
func aba(d []byte) bool {
	p := num(d[:2])
	return (p >= 1 && p <= 12 || p >= 21 && p <= 32 || p >= 61 && p <= 72 || p == 80) && weighted(d, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0
}

// sin: Employment and Social Development Canada: Luhn; 8 is not issued, 0 is set aside for examples.
func sin(d []byte) bool { return d[0] != '8' && luhn(d) && !allSame(d) }

// cpf: Receita Federal: two check digits modulo 11.
func cpf(d []byte) bool {
	return !allSame(d) && brCheck(weighted(d, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == digit(d[9]) &&
		brCheck(weighted(d, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)) == digit(d[10])
}

// cnpj: likewise, for legal persons.
func cnpj(d []byte) bool {
	return !allSame(d) && brCheck(weighted(d, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) == digit(d[12]) &&
		brCheck(weighted(d, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) == digit(d[13])
}

func brCheck(sum int) int {
	if r := sum % 11; r >= 2 {
		return 11 - r
	}
	return 0
}

// rut: Chilean Registro Civil: weights 3 2 7 6 5 4 3 2, modulo 11, 10 written K.
func rut(d []byte) bool {
	return "0K987654321"[weighted(d, 3, 2, 7, 6, 5, 4, 3, 2)%11] == d[8]
}

// cuit: Argentine AFIP: weights 5 4 3 2 7 6 5 4 3 2, modulo 11, behind a prefix for the kind of person.
func cuit(d []byte) bool {
	switch num(d[:2]) {
	case 20, 23, 24, 25, 26, 27, 30, 33, 34:
		return weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
	}
	return false
}

// dea: Drug Enforcement Administration, 21 CFR 1301: the second, fourth and sixth digit count twice, modulo 10.
func dea(c []byte) bool {
	return strings.IndexByte("ABCDEFGHJKLMPRSTUX", c[0]) >= 0 && weighted(c[2:], 1, 2, 1, 2, 1, 2)%10 == digit(c[8])
}

// curp: RENAPO, Diario Oficial of 18 October 2021: the values of the first 17 characters (N before Ñ before O) times
// 18 to 2, modulo 10.
func curp(c []byte) bool {
	if c[10] != 'H' && c[10] != 'M' && c[10] != 'X' || !date(num(c[8:10]), num(c[6:8])) {
		return false
	}
	sum := 0
	for i, ch := range c[:17] {
		k := 0
		switch {
		case isDigit(ch):
			k = digit(ch)
		case ch > 'N':
			k = int(ch-'A') + 11
		default:
			k = int(ch-'A') + 10
		}
		sum += k * (18 - i)
	}
	return (10-sum%10)%10 == digit(c[17])
}
