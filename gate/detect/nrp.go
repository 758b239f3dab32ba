package detect

import "strings"

// groupsOfPeople are nationalities, religions and political groups, in the forms that are said of a person. English
// demonyms after ISO 3166 and the CIA World Factbook's field "nationality", the larger religions, and words for
// political conviction; the same in a few languages for the countries met most often.
const groupsOfPeople = `afghan albanian algerian american angolan argentine argentinian armenian australian austrian azerbaijani bahraini
	bangladeshi belarusian belgian bolivian bosnian brazilian british bulgarian burmese cambodian cameroonian canadian chilean chinese
	colombian congolese croatian cuban cypriot czech danish dutch ecuadorian egyptian emirati english eritrean estonian ethiopian filipino
	filipina finnish french georgian german ghanaian greek guatemalan haitian honduran hungarian icelandic indian indonesian iranian iraqi
	irish israeli italian ivorian jamaican japanese jordanian kazakh kenyan korean kosovar kuwaiti kurdish kyrgyz laotian latvian lebanese
	liberian libyan lithuanian luxembourgish macedonian malaysian maltese mexican moldovan mongolian moroccan mozambican namibian nepali
	nepalese nicaraguan nigerian norwegian omani pakistani palestinian panamanian paraguayan peruvian polish portuguese qatari romanian
	russian rwandan salvadoran saudi scottish senegalese serbian singaporean slovak slovenian somali spanish sudanese swedish swiss syrian
	taiwanese tajik tanzanian thai tunisian turkish turkmen ugandan ukrainian uruguayan uzbek venezuelan vietnamese welsh yemeni zambian
	zimbabwean hispanic latino latina romani
	christian catholic protestant orthodox anglican lutheran methodist baptist evangelical pentecostal mormon quaker muslim islamic sunni
	shia shiite jewish jew hindu sikh buddhist jain taoist atheist agnostic zoroastrian
	democrat republican conservative socialist communist liberal anarchist marxist feminist unionist nationalist
	deutsch deutscher deutsche osterreicher osterreicherin schweizer schweizerin franzose franzosin italiener italienerin turke turkin
	pole polin russe russin syrer syrerin katholisch evangelisch muslimisch judisch muslim muslima konfessionslos
	alemana frances francesa italiano italiana espanol espanola mexicano mexicana argentino argentina colombiano colombiana catolico
	catolica musulman musulmana judio judia protestante
	francais francaise allemand allemande italien italienne espagnol espagnole marocain marocaine algerien algerienne tunisien tunisienne
	catholique juif juive`

// nrp reports a nationality, religion or political group at [s, e) where it is said of a person: as the value of a
// field, or as in "she is German", "a practising Catholic".
func (sc *scan) nrp(s, e int) {
	v := sc.v
	if at(v, s-1) == '-' || at(v, s-1) == '_' || at(v, e) == '-' || at(v, e) == '_' || at(v, e) == '/' {
		return
	}
	start := max(0, s-48)
	if k := strings.LastIndexByte(v[start:s], '\n'); k >= 0 {
		start += k + 1
	}
	before := strings.ToLower(v[start:s])
	trimmed := strings.TrimRight(before, " \"'")
	for _, f := range nrpFields {
		if k := strings.LastIndex(before, f); k >= 0 && (strings.HasSuffix(trimmed, ":") || strings.HasSuffix(trimmed, "=") || len(before)-k-len(f) <= 6) {
			sc.add(s, e, NRP, "nrp", 0.85)
			return
		}
	}
	if !isUpper(v[s]) && !strings.Contains(before, "ich bin ") && !strings.Contains(before, "soy ") && !strings.Contains(before, "suis ") {
		return
	}
	words := strings.Fields(before)
	if len(words) == 0 || !strings.HasSuffix(before, " ") || thing(v, e) {
		return
	}
	verb := false
	for i := len(words) - 1; i >= max(0, len(words)-5); i-- {
		switch w := words[i]; {
		case nrpBetween[w] && !verb:
		case nrpVerb[w] && !verb:
			verb = true
			if w == "i'm" || w == "he's" || w == "she's" || w == "bin" || w == "soy" || w == "suis" {
				sc.add(s, e, NRP, "nrp", 0.7)
				return
			}
		case verb && nrpSubject[w]:
			sc.add(s, e, NRP, "nrp", 0.7)
			return
		case verb && i == len(words)-2 && w != "it" && w != "this" && w != "that" && w != "which" && w != "there":
			// "Maria is German": a name before the verb
			k := start + strings.LastIndex(before, " "+words[i+1])
			if j := strings.LastIndex(strings.ToLower(v[start:k]), w); j >= 0 && isUpper(v[start+j]) {
				sc.add(s, e, NRP, "nrp", 0.6)
			}
			return
		default:
			return
		}
	}
}

var (
	//nolint:misspell // other languages
	nrpFields = strings.Split("nationality|citizenship|religion|religious affiliation|ethnicity|faith|political party|political affiliation|nationalitat|"+
		"staatsangehorigkeit|staatsburgerschaft|konfession|nacionalidad|ciudadania|nationalite|nazionalita|cittadinanza|religione|nationaliteit|nacionalidade|religiao", "|")
	nrpVerb    = wordSet("am is was are were i'm he's she's became remains bin ist war soy es suis est sono")
	nrpBetween = wordSet("a an the devout practising practicing observant lapsed proud native born ethnic also originally both ein eine una un une half not")
	nrpSubject = wordSet("i he she we they who patient client applicant customer employee husband wife mother father parents son daughter colleague neighbour " +
		"neighbor boss friend family er sie wir ich el ella il elle")
	nrpThings = wordSet("language languages version versions translation translations text texts keyboard market markets food bank banks government team teams law laws army " +
		"embassy office branch shop store site page pages film films wine cheese industry economy company companies customers")
)

func wordSet(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// thing reports whether a word for something that is no person stands behind e: "German version".
func thing(v string, e int) bool {
	if at(v, e) != ' ' {
		return false
	}
	k := e + 1
	for k < len(v) && k-e < 16 && lower[v[k]] != 0 {
		k++
	}
	return nrpThings[strings.ToLower(v[e+1:k])]
}
