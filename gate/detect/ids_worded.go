package detect

import "strings"

// wordedIDs are identifiers whose form many other numbers have: words that their issuer or its language uses must
// stand near. The words are looked for only once form and check digit fit, so they cost nothing elsewhere.
//
//nolint:misspell // most of the words are not English
var wordedIDs = []idRule{
	{typ: USNPI, rule: "us-npi", pics: "9999999999 9999-999-999", words: "npi|national provider|provider id|provider number", must: true, ok: npi},
	{typ: USMBI, rule: "us-mbi", pics: "9XX9XX9XX99 9XX9-XX9-XX99", words: "mbi|medicare|beneficiary", plain: 0.5, grouped: 0.7, ok: mbi},
	{typ: USCLIA, rule: "us-clia", pics: "99A9999999", words: "clia|laboratory|lab", must: true, ok: clia},
	{typ: UKDriving, rule: "uk-driving-licence", pics: "XXXXX999999XXXXX XXXXX_999999_XXX_XX XXXXX_999999_XXXXX", words: "dvla|driving|licence|driver|license", plain: 0.75, grouped: 0.75, ok: dvla},
	{typ: UKPassport, rule: "uk-passport", pics: "999999999", words: "british passport|uk passport|hmpo|united kingdom passport", must: true, ok: always},
	{typ: DEPension, rule: "de-rentenversicherung", pics: "99999999A999 99_999999_A_999 99_999999_A_99_9", words: "rentenversicherung|rentenversicherungsnummer|rvnr|sozialversicherungsnummer|versicherungsnummer|svnr|social security", plain: 0.8, grouped: 0.95, ok: rvnr},
	{typ: DEHealth, rule: "de-krankenversicherung", pics: "A999999999", words: "krankenversicherung|krankenversichertennummer|krankenkasse|versichertennummer|versichertennr|kvnr|gesundheitskarte|egk|health insurance", must: true, ok: kvnr},
	{typ: DEDoctor, rule: "de-lanr", pics: "999999999", words: "lanr|arztnummer|arzt-nr|lebenslange arztnummer", must: true, ok: lanr},
	{typ: DEPractice, rule: "de-bsnr", pics: "999999999", words: "bsnr|betriebsstatte|betriebsstattennummer|vertragsarztpraxis", must: true, ok: bsnr},
	{typ: DEPassport, rule: "de-passport", pics: "AXXXXXXXX", words: "reisepass|reisepassnummer|passnummer|passnr|pass-nr|german passport|deutscher pass", must: true, ok: dePassport},
	{typ: DEPassport, rule: "de-passport", pics: "AXXXXXXXX9", words: "reisepass|reisepassnummer|passnummer|passnr|pass-nr|german passport|deutscher pass", must: true, plain: 0.93, ok: dePassportChecked},
	{typ: DEDriving, rule: "de-fuehrerschein", pics: "XXXXXXXXXXX", words: "fuhrerschein|fuehrerschein|fahrerlaubnis|fuhrerscheinnummer|fuehrerscheinnummer|driving licence|driver license", must: true, ok: fuehrerschein},
	{typ: ESPassport, rule: "es-passport", pics: "AAA999999", words: "pasaporte|spanish passport", must: true, ok: always},
	{typ: ITPassport, rule: "it-passport", pics: "AA9999999", words: "passaporto|italian passport", must: true, ok: always},
	{typ: ITIDCard, rule: "it-identity-card", pics: "AA9999999 AA_9999999", words: itCardWords, must: true, ok: always},
	{typ: ITIDCard, rule: "it-identity-card", pics: "AA99999AA AA_99999_AA", words: itCardWords, must: true, ok: func(c []byte) bool { return c[0] == 'C' }},
	{typ: ITIDCard, rule: "it-identity-card", pics: "9999999AA 9999999_AA", words: itCardWords, must: true, ok: always},
	{typ: ITDriving, rule: "it-driver-license", pics: "AA9999999A", words: itDriverWords, must: true, ok: always},
	{typ: ITDriving, rule: "it-driver-license", pics: "A9XXXXXXXA", words: itDriverWords, must: true, ok: func(c []byte) bool { return c[0] == 'U' && c[1] == '1' }},
	{typ: INGSTIN, rule: "in-gstin", pics: "99AAAAA9999AXAX", words: "gst|gstin|gst no|gst number", plain: 0.85, ok: gstin},
	{typ: INVoter, rule: "in-voter", pics: "AAA9999999", words: "voter|epic|elector|election|matdata|मतदाता", must: true, ok: always},
	{typ: INPassport, rule: "in-passport", pics: "A9999999", words: "indian passport|passport india|passport no|passport number|passport|पासपोर्ट", must: true, ok: inPassport},
	{typ: KRPassport, rule: "kr-passport", pics: "A99999999 A999A9999", words: "여권|여권번호|korean passport|passport korea|republic of korea", must: true, ok: krPassport},
	{typ: KRPassport, rule: "kr-passport", pics: "A999A9999", words: "여권|여권번호|korean passport|passport|passport korea", must: true, ok: krPassport},
	{typ: KRBusiness, rule: "kr-brn", pics: "9999999999 999-99-99999", words: "사업자|사업자등록번호|brn|business registration", grouped: 0.55, ok: krBRN},
	{typ: KRForeigner, rule: "kr-frn", pics: "9999999999999 999999-9999999", words: "외국인|외국인등록번호|frn|foreigner|alien registration", grouped: 0.8, ok: frn},
	{typ: KRDriving, rule: "kr-driver-license", pics: "999999999999 99-99-999999-99", words: "운전면허|면허번호|driver|driving|license", grouped: 0.65, ok: krDriver},
	{typ: SEOrg, rule: "se-organisationsnummer", pics: "9999999999 999999-9999", words: "organisationsnummer|orgnr|org.nr|org nr|organisationsnr|company number|bolag|foretag", must: true, ok: orgnr},
	{typ: SGUEN, rule: "sg-uen", pics: "99999999A", words: "uen|acra|unique entity|business registration|company registration", must: true, ok: uenBusiness},
	{typ: SGUEN, rule: "sg-uen", pics: "999999999A", words: "uen|acra|unique entity|business registration|company registration", plain: 0.5, ok: uenCompany},
	{typ: SGUEN, rule: "sg-uen", pics: "A99AA9999A", words: "uen|acra|unique entity|business registration|company registration", plain: 0.6, ok: uenOther},
	{typ: NGNIN, rule: "ng-nin", pics: "99999999999", words: "nin|nimc|national identification number|national identity number|nigeria|nigerian", must: true, ok: verhoeff},
	{typ: PHTIN, rule: "ph-tin", pics: "999999999999 999-999-999-999", words: phTINWords, must: true, ok: func(d []byte) bool { return !allSame(d) }},
	{typ: PHTIN, rule: "ph-tin", pics: "999999999 999-999-999", words: phTINWords, must: true, ok: func(d []byte) bool { return !allSame(d) }},
	{typ: PHUMID, rule: "ph-umid", pics: "999999999999 9999-9999999-9", words: "umid|crn|unified multi-purpose|common reference number|sss|gsis", grouped: 0.6, ok: always},
	{typ: PHHealth, rule: "ph-philhealth", pics: "999999999999 99-999999999-9", words: "philhealth|phil health|pin", grouped: 0.55, ok: always},
	{typ: PHPassport, rule: "ph-passport", pics: "A9999999A", words: "philippine passport|pasaporte|passport", must: true, ok: func(c []byte) bool { return c[0] == 'P' && (c[8] == 'A' || c[8] == 'B' || c[8] == 'C') }},
	{typ: ZACompany, rule: "za-company-registration", pics: "999999999999 9999/999999/99", words: "cipc|registration|reg no|company|pty", plain: -1, grouped: 0.6, ok: zaCompany},
	{typ: ZATax, rule: "za-income-tax-number", pics: "9999999999 9999/999/99/9 9999_999_999", words: "sars|income tax|tax number|tax reference|inkomstebelasting", must: true, ok: zaTax},
	{typ: ZAVAT, rule: "za-vat-number", pics: "9999999999", words: "vat|btw|vat number|vat no", must: true, ok: func(d []byte) bool { return d[0] == '4' && luhn(d) }},
	{typ: ZAPassport, rule: "za-passport", pics: "A99999999", words: "south african passport|passport|paspoort", must: true, ok: func(c []byte) bool { return strings.IndexByte("ADMTP", c[0]) >= 0 }},
	{typ: ZADriving, rule: "za-driver-license", pics: "XXXXXXXXXXXX", words: "bestuurslisensie|rybewys|south african driver|natis|driver's licence|drivers licence|licence number", must: true, ok: zaDriver},
	{typ: ZATraffic, rule: "za-traffic-register-number", pics: "9999999999999", words: "traffic register|trn|natis", must: true, ok: always},
	{typ: NZIRD, rule: "nz-ird", pics: "999999999 999-999-999 999_999_999", words: "ird|inland revenue|tax number", must: true, ok: nzIRD},
	{typ: NZIRD, rule: "nz-ird", pics: "99999999 99-999-999 99_999_999", words: "ird|inland revenue|tax number", must: true, ok: nzIRD},
	{typ: NZNHI, rule: "nz-nhi", pics: "AAA9999", words: "nhi|national health index|patient|hospital", must: true, ok: nzNHI},
	{typ: NZNHI, rule: "nz-nhi", pics: "AAA99AA", words: "nhi|national health index|patient|hospital", must: true, ok: nzNHINew},
	{typ: IMEI, rule: "imei", pics: "999999999999999 99-999999-999999-9 99_999999_999999_9", words: "imei|device id|handset|gerat", must: true, ok: luhn},
	{typ: VIN, rule: "vin", pics: "XXXXXXXXXXXXXXXXX", words: "vin|chassis|vehicle identification|fahrgestellnummer|fin|bastidor|telaio|chassisnummer|numero de serie", plain: 0.5, ok: vin},
	{typ: VIN, rule: "vin", pics: "XXXXXXXXXXXXXXXXX", words: "vin|chassis|vehicle identification|fahrgestellnummer|fahrzeug-identifizierungsnummer|bastidor|telaio|chassisnummer", must: true, ok: vinShape},
}

const (
	itCardWords   = "carta d'identita|carta di identita|carta identita|documento|cie|italian identity card|italian id"
	itDriverWords = "patente|patente di guida|italian driving licence|italian driver license"
	phTINWords    = "tin|bir|tax identification|taxpayer"
)

// firstWords are the first words of what the rules ask for. They are keywords, so that a number with none of them around
// it costs no search.
func firstWords() string {
	var b strings.Builder
	for _, list := range [][]idRule{euIDs, nordicIDs, americanIDs, asianIDs, wordedIDs} {
		for i := range list {
			for w := range strings.SplitSeq(list[i].words, "|") {
				n, _ := letters(w, 0)
				b.WriteString(strings.ToLower(w[:n]))
				b.WriteByte(' ')
			}
		}
	}
	return b.String()
}

// mayBeWorded reports whether a word that some rule asks for can stand near the value at s: a keyword, or one of a script
// that keywords are not written in.
func (sc *scan) mayBeWorded(s int, ctx context) bool {
	if ctx.any(ctxWorded) {
		return true
	}
	if sc.fold.same {
		return false
	}
	for _, c := range []byte(sc.v[max(0, s-64):min(len(sc.v), s+64)]) {
		if c >= 0x80 {
			return true
		}
	}
	return false
}

// surroundings are the words around one value, in lower case.
type surroundings struct {
	start, end         int // of the value; what they are of
	near, behind, head string
}

// surrounded gives the surroundings of the value [s, e) of the view. Many rules ask about one value.
func (sc *scan) surrounded(s, e int) *surroundings {
	const before, after = 64, 28
	a := &sc.words
	if a.start == s && a.end == e {
		return a
	}
	near := sc.v[max(0, s-before):s]
	if k := strings.LastIndex(near, "\n\n"); k >= 0 {
		near = near[k:]
	}
	behind := sc.v[e:min(len(sc.v), e+after)]
	if k := strings.IndexByte(behind, '\n'); k >= 0 {
		behind = behind[:k]
	}
	*a = surroundings{s, e, strings.ToLower(near), strings.ToLower(behind), strings.ToLower(sc.header())}
	return a
}

// worded reports whether one of the words stands near the value [s, e) of the view, or heads its column.
func (sc *scan) worded(s, e int, words []string) bool {
	a := sc.surrounded(s, e)
	for _, w := range words {
		if hasWord(a.near, w) || hasWord(a.behind, w) || a.head != "" && hasWord(a.head, w) {
			return true
		}
	}
	return false
}

// hasWord reports whether w stands in s with no letter right before or behind it.
func hasWord(s, w string) bool {
	for from := 0; ; {
		k := strings.Index(s[from:], w)
		if k < 0 {
			return false
		}
		k += from
		if z := k + len(w); lower[at(s, k-1)] == 0 && lower[at(s, z)] == 0 || w[0] >= 0x80 {
			return true
		}
		from = k + 1
	}
}
