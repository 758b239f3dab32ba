package detect

// nordicIDs are the personal numbers of the northern countries.
var nordicIDs = []idRule{
	{typ: SEPersonal, rule: "se-personnummer", pics: "9999999999 999999-9999 999999_9999", ctx: ctxNordic | ctxID, grouped: 0.7, ok: personnummer},
	{typ: SEPersonal, rule: "se-personnummer", pics: "999999999999 99999999-9999 99999999_9999", ctx: ctxNordic | ctxID, plain: 0.55, grouped: 0.9, ok: personnummer12},
	{typ: NOPersonal, rule: "no-fodselsnummer", pics: "99999999999 999999_99999 999999-99999", ctx: ctxNordic | ctxID, plain: 0.6, grouped: 0.85, ok: fodselsnummer},
	{typ: DKCPR, rule: "dk-cpr", pics: "9999999999 999999-9999", ctx: ctxCPR, grouped: 0.5, ok: cpr},
	{typ: FIPersonal, rule: "fi-hetu", pics: "999999A999X", ctx: ctxNordic | ctxID, plain: 0.9, ok: hetuLetter},
	{typ: FIPersonal, rule: "fi-hetu", pics: "999999999X 999999-999X", ctx: ctxNordic | ctxID, grouped: 0.9, ok: hetu},
}

// personnummer: Skatteverket, SKV 704: YYMMDD, three digits and a Luhn digit; coordination numbers add 60 to the day.
func personnummer(d []byte) bool {
	day := num(d[4:6])
	if day > 60 {
		day -= 60
	}
	return date(day, num(d[2:4])) && luhn(d)
}

func personnummer12(d []byte) bool {
	c := num(d[:2])
	return c >= 18 && c <= 20 && personnummer(d[2:])
}

// fodselsnummer: Skatteetaten: two check digits modulo 11; D numbers add 40 to the day, others 40 or 80 to the month.
func fodselsnummer(d []byte) bool {
	day, month := num(d[:2]), num(d[2:4])
	if day > 40 {
		day -= 40
	}
	return date(day, month%40) && weighted(d, 3, 7, 6, 1, 8, 9, 4, 5, 2, 1)%11 == 0 &&
		weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0
}

// cpr: the Danish CPR office gave up the modulo 11 check in 2007, so only the date can be checked.
func cpr(d []byte) bool { return date(num(d[:2]), num(d[2:4])) }

const hetuChecks = "0123456789ABCDEFHJKLMNPRSTUVWXY"

// hetu: the Finnish Digital and Population Data Services Agency: the nine digits modulo 31.
func hetu(d []byte) bool {
	return date(num(d[:2]), num(d[2:4])) && hetuChecks[num(d[:9])%31] == d[9]
}

// hetuLetter is a hetu with the century sign A to F or U to Y, as for births from 2000 on.
func hetuLetter(d []byte) bool {
	if s := d[6]; s > 'F' && (s < 'U' || s > 'Y') {
		return false
	}
	var b [10]byte
	copy(b[:6], d)
	copy(b[6:], d[7:])
	return hetu(b[:])
}
