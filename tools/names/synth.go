package main

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate/names/crf"
)

//go:embed templates/*.txt
var templateFiles embed.FS

// testTexts is the size of the generated test set.
const testTexts = 600

// A language's templates, and the cultures its people mostly are of.
type language struct {
	file     string
	share    int
	cultures []string
}

var languages = []language{
	{"en", 46, nil},
	{"decoy", 20, nil},
	{"de", 9, []string{"de_DE", "de_AT", "de_CH", "tr_TR", "pl_PL"}},
	{"fr", 6, []string{"fr_FR", "fr_FR", "fr_BE", "ar_DZ", "fr"}},
	{"es", 6, []string{"es_ES", "es_MX", "es_CO", "es_AR", "es"}},
	{"it", 3, []string{"it_IT", "it"}},
	{"nl", 3, []string{"nl_NL", "nl_BE", "nl"}},
	{"pt", 3, []string{"pt_BR", "pt_PT", "pt"}},
	{"pl", 2, []string{"pl_PL", "pl"}},
	{"sv", 2, []string{"sv_SE", "fi_FI", "da_DK", "no_NO"}},
	{"tr", 1, []string{"tr_TR", "tr"}},
}

// generator fills templates. The test's are in a file of their own.
type generator struct {
	rng       *rand.Rand
	pools     *Pools
	templates map[string][]string
}

func newGenerator(rng *rand.Rand, pools *Pools) *generator {
	g := &generator{rng: rng, pools: pools, templates: map[string][]string{}}
	files := []string{"test"}
	for _, l := range languages {
		files = append(files, l.file)
	}
	for _, file := range files {
		data, err := templateFiles.ReadFile("templates/" + file + ".txt")
		if err != nil {
			panic(err) // embedded: a missing file is a defect of this program
		}
		for line := range strings.Lines(string(data)) {
			line = strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(strings.TrimSuffix(line, "\n"))
			g.templates[file] = append(g.templates[file], line)
		}
	}
	return g
}

func syntheticTraining(rng *rand.Rand, pools *Pools, n int) []Example {
	g := newGenerator(rng, pools)
	examples := make([]Example, n)
	for i := range examples {
		examples[i] = g.text()
	}
	return examples
}

// syntheticTest uses templates that training never saw; its names are of the same lists.
func syntheticTest(pools *Pools) []Set {
	g := newGenerator(rand.New(rand.NewPCG(99, 9)), pools)
	examples := make([]Example, testTexts)
	for i := range examples {
		examples[i] = g.textOf(language{file: "test"}, 1)
	}
	return []Set{{"generated", examples}}
}

// text makes one to five filled templates of one language, in one of several dresses.
func (g *generator) text() Example {
	lang := languages[0]
	n := g.rng.IntN(101)
	for _, l := range languages {
		if n -= l.share; n < 0 {
			lang = l
			break
		}
	}
	return g.textOf(lang, 1+g.rng.IntN(4))
}

func (g *generator) textOf(lang language, parts int) Example {
	b := &builder{g: g, lang: lang}
	separator := pick(g.rng, []string{" ", " ", "\n", "\n\n"})
	for i := range parts {
		if i > 0 {
			b.text.WriteString(separator)
		}
		file := lang.file
		if i > 0 && file == "en" && g.rng.IntN(4) == 0 {
			file = "decoy"
		}
		b.fill(pick(g.rng, g.templates[file]))
	}
	e := Example{Text: b.text.String(), Spans: b.spans}
	switch g.rng.IntN(12) {
	case 0, 1:
		e = recased(e, strings.ToLower)
	case 2:
		e = recased(e, strings.ToUpper)
	}
	return e
}

type builder struct {
	text    strings.Builder
	g       *generator
	lang    language
	culture *Culture
	spans   []crf.Span
}

func (b *builder) span(kind crf.Kind, name string) {
	start := b.text.Len()
	b.text.WriteString(name)
	end := start + len(strings.TrimRight(name, ". "))
	b.spans = append(b.spans, crf.Span{Start: start, End: end, Kind: kind})
}

// fill writes a template: {X} are slots, everything else stands for itself.
func (b *builder) fill(template string) {
	for template != "" {
		open := strings.IndexByte(template, '{')
		if open < 0 {
			b.text.WriteString(template)
			return
		}
		b.text.WriteString(template[:open])
		template = template[open:]
		end := strings.IndexByte(template, '}')
		if end < 0 || !b.slot(template[1:end]) {
			b.text.WriteByte('{')
			template = template[1:]
			continue
		}
		template = template[end+1:]
	}
}

// slot writes one slot; it reports whether there is such a slot.
func (b *builder) slot(name string) bool {
	r, p := b.g.rng, b.g.pools
	b.culture = p.culture(r)
	if len(b.lang.cultures) > 0 && r.IntN(5) > 0 {
		if i, ok := p.byCode[pick(r, b.lang.cultures)]; ok {
			b.culture = &p.Cultures[i]
		}
	}
	c := b.culture
	switch name {
	case "P":
		b.span(crf.Person, b.plain(c.person(r)))
	case "PU":
		b.span(crf.Person, strings.ToUpper(c.person(r)))
	case "p":
		b.span(crf.Person, strings.ToLower(c.person(r)))
	case "G":
		given := c.given(r)
		if r.IntN(25) == 0 {
			given += "-" + c.given(r)
		}
		b.span(crf.Person, b.plain(given))
	case "g":
		b.span(crf.Person, strings.ToLower(c.given(r)))
	case "S":
		b.follow(b.plain(b.surname()))
	case "s":
		b.follow(strings.ToLower(c.surname(r)))
	case "I":
		b.follow(initial(c.given(r)) + "." + pick(r, []string{"", " " + initial(c.given(r)) + "."}))
	case "GI":
		b.span(crf.Person, c.given(r)+" "+initial(c.surname(r)))
		b.text.WriteByte('.')
	case "PI":
		b.span(crf.Person, c.surname(r)+", "+c.given(r))
	case "SG":
		b.span(crf.Person, strings.ToUpper(c.surname(r)+"/"+c.given(r)))
	case "TS", "TP":
		b.text.WriteString(pick(r, titlesOf) + " ")
		person := b.surname()
		if name == "TP" {
			person = c.person(r)
		}
		b.span(crf.Person, person)
	case "C":
		b.span(crf.Location, pick(r, p.Cities))
	case "CU":
		b.span(crf.Location, strings.ToUpper(pick(r, p.Cities)))
	case "c":
		b.span(crf.Location, strings.ToLower(pick(r, p.Cities)))
	case "R":
		b.span(crf.Location, pick(r, p.Regions))
	case "US":
		b.span(crf.Location, pick(r, states))
	case "A":
		b.span(crf.Location, b.address())
	case "AU":
		b.span(crf.Location, strings.ToUpper(b.address()))
	case "a":
		b.span(crf.Location, strings.ToLower(b.address()))
	case "FAC":
		b.span(crf.Location, pick(r, []string{c.surname(r), c.given(r) + " " + c.surname(r), capital(pick(r, p.Words)), pick(r, p.Cities)})+
			pick(r, []string{" House", " Hotel", " Hall", " Bridge", " Station", " Airport", " Park", " Castle", " Tower", " Square", " Center", " Gym", " Valley", " Island", " River", " Lake"}))
	case "STREET":
		b.span(crf.Location, b.street())
	case "O":
		b.span(crf.Organisation, b.organisation())
	case "OU":
		b.span(crf.Organisation, strings.ToUpper(b.organisation()))
	case "o":
		b.span(crf.Organisation, strings.ToLower(b.organisation()))
	case "UNI":
		b.span(crf.Organisation, b.university())
	case "CLUB":
		b.span(crf.Organisation, pick(r, p.Cities)+pick(r, []string{" United", " FC", " City", " Rovers", " Wanderers", " Athletic", " Tigers", " Bulls", " Lions"}))
	default:
		return b.filler(name)
	}
	return true
}

// follow writes a name that belongs to the person just written if only a space is between them.
func (b *builder) follow(name string) {
	last := len(b.spans) - 1
	if last < 0 || b.spans[last].Kind != crf.Person {
		b.span(crf.Person, name)
		return
	}
	if between := b.text.String()[b.spans[last].End:]; between != " " && between != ". " {
		b.span(crf.Person, name)
		return
	}
	start := b.spans[last].Start
	b.spans = b.spans[:last]
	b.span(crf.Person, name)
	b.spans[last].Start = start
}

// plain sometimes leaves marks out, as many people do when they type.
func (b *builder) plain(name string) string {
	if b.g.rng.IntN(4) > 0 {
		return name
	}
	return strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "é", "e", "è", "e", "á", "a", "í", "i", "ó", "o", "ñ", "n", "ç", "c", "ł", "l", "ş", "s", "ı", "i", "ğ", "g", "š", "s", "č", "c").Replace(name)
}

func (b *builder) surname() string {
	r, c := b.g.rng, b.culture
	switch r.IntN(16) {
	case 0:
		return c.surname(r) + "-" + c.surname(r)
	case 1:
		return pick(r, nobility) + " " + c.surname(r)
	case 2:
		return pick(r, []string{"O'", "O’", "Mc", "Mac", "D'"}) + c.surname(r)
	}
	return c.surname(r)
}

var titlesOf = []string{
	"Mr", "Mr.", "Mrs", "Mrs.", "Ms", "Ms.", "Miss", "Dr", "Dr.", "Prof.", "Professor", "Sir", "Mr.", "Mrs.",
}

var states = strings.Split("Alabama,Alaska,Arizona,Arkansas,California,Colorado,Connecticut,Delaware,Florida,Georgia,Hawaii,Idaho,Illinois,Indiana,Iowa,Kansas,Kentucky,Louisiana,Maine,Maryland,Massachusetts,Michigan,Minnesota,Mississippi,Missouri,Montana,Nebraska,Nevada,New Hampshire,New Jersey,New Mexico,New York,North Carolina,North Dakota,Ohio,Oklahoma,Oregon,Pennsylvania,Rhode Island,South Carolina,South Dakota,Tennessee,Texas,Utah,Vermont,Virginia,Washington,West Virginia,Wisconsin,Wyoming", ",")

func (b *builder) street() string {
	r := b.g.rng
	base := pick(r, []string{b.culture.surname(r), capital(pick(r, b.g.pools.Words)), pick(r, b.g.pools.Cities), pick(r, []string{"Main", "High", "Station", "Church", "Park", "Oak", "Elm", "Maple", "Mill", "King", "Queen", "Victoria", "First", "Second", "5th", "42nd"})})
	switch b.lang.file {
	case "de":
		return pick(r, []string{base + "straße", base + "str.", base + "weg", base + " Straße", base + "-Allee", "Am " + base, base + "platz", base + "gasse"})
	case "fr":
		return pick(r, []string{"rue ", "rue de ", "avenue ", "boulevard ", "place ", "Rue du ", "impasse "}) + base
	case "es":
		return pick(r, []string{"Calle ", "Calle de ", "Avenida ", "Avda. ", "Plaza ", "C/ ", "Paseo "}) + base
	case "it":
		return pick(r, []string{"Via ", "Viale ", "Piazza ", "Corso ", "via "}) + base
	case "nl":
		return base + pick(r, []string{"straat", "laan", "weg", "plein", "gracht", "kade"})
	case "pt":
		return pick(r, []string{"Rua ", "Avenida ", "Av. ", "Travessa ", "Praça "}) + base
	case "pl":
		return pick(r, []string{"ul. ", "al. ", "ulica "}) + base
	case "sv":
		return base + pick(r, []string{"gatan", "vägen", "torget"})
	case "tr":
		return base + pick(r, []string{" Caddesi", " Sokak", " Cad.", " Sk."})
	}
	return base + pick(r, []string{" Street", " St", " St.", " Road", " Rd", " Avenue", " Ave", " Ave.", " Lane", " Drive", " Dr", " Blvd", " Boulevard", " Way", " Court", " Place", " Close", " Square", " Terrace", " Crescent", " Parkway", " Hill"})
}

func (b *builder) address() string {
	r := b.g.rng
	number := fmt.Sprint(1 + r.IntN(pick(r, []int{40, 200, 9000})))
	if r.IntN(10) == 0 {
		number += pick(r, []string{"a", "b", "B", "c"})
	}
	street := strings.TrimRight(b.street(), ".")
	switch b.lang.file {
	case "de", "es", "it", "nl", "pt", "pl", "sv", "tr":
		return street + pick(r, []string{" ", " ", ", "}) + number
	}
	return number + " " + street
}

var (
	suffixes = map[string][]string{
		"de": {" GmbH", " AG", " GmbH & Co. KG", " KG", " e.V."},
		"fr": {" SA", " SARL", " SAS"},
		"es": {" S.A.", " S.L.", " SL"},
		"it": {" S.p.A.", " S.r.l.", " Srl"},
		"nl": {" B.V.", " BV", " NV"},
		"pt": {" Ltda", " S.A.", " Lda"},
		"pl": {" Sp. z o.o.", " S.A."},
		"sv": {" AB", " ApS", " Oy"},
		"tr": {" A.Ş.", " Ltd. Şti."},
		"en": {" Inc", " Inc.", " Ltd", " Limited", " LLC", " Corp", " Corp.", " Corporation", " PLC", " Co.", " & Co", " Group", " Holdings", " Partners", " Associates", " Bank", " Insurance", " Logistics", " Energy", " Systems", " Technologies", " Solutions", " Software", " Capital", " Consulting", " Industries", " Foods", " Airlines", " Motors", " Pharma", " Media", " Records", " Hospital", " Council", " Police", " Foundation", " Trust", " Institute", " Agency"},
	}
	syllables = []string{"ac", "al", "an", "ar", "be", "ber", "ca", "cor", "da", "di", "el", "en", "fi", "for", "ge", "in", "ka", "la", "le", "lo", "lux", "ma", "mi", "mo", "na", "ne", "no", "on", "or", "pa", "pro", "qua", "ra", "ri", "ro", "sa", "si", "so", "ta", "ter", "ti", "tra", "ul", "va", "ve", "vi", "xa", "ya", "za", "zo", "nex", "syn", "tech", "soft", "net", "gen", "bio"}
	known     = strings.Split("Google,Microsoft,Apple,Amazon,Facebook,Twitter,Netflix,IBM,Intel,Oracle,SAP,Siemens,Bosch,BMW,Volkswagen,Toyota,Honda,Ford,Tesla,Boeing,Airbus,Lufthansa,Ryanair,Vodafone,Telekom,Orange,AT&T,Verizon,Comcast,HSBC,Barclays,Lloyds,Santander,Deutsche Bank,Goldman Sachs,JPMorgan,Citibank,Wells Fargo,Visa,PayPal,UPS,FedEx,DHL,Royal Mail,Walmart,Tesco,Aldi,Lidl,IKEA,Nestlé,Unilever,Pfizer,Novartis,Bayer,Roche,Shell,BP,Exxon,NASA,FBI,CIA,NHS,BBC,CNN,Reuters,NATO,UNESCO,the United Nations,the European Commission,UN,EU,WHO,IMF,Samsung,Sony,LG,Nokia,Ericsson,Cisco,Dell,HP,Adobe,Salesforce,Uber,Airbnb,Spotify,YouTube,Instagram,Starbucks,McDonald's,Nike,Adidas,Disney,Heinz,Allianz,AXA,Zurich Insurance,Generali,ING,BNP Paribas,Credit Suisse,UBS,Accenture,Deloitte,KPMG,PwC,Ernst & Young,Manchester United,Chelsea,Arsenal,Barcelona,Real Madrid,Harvard,MIT,Stanford,Oxford,Cambridge", ",")
)

func (b *builder) organisation() string {
	r := b.g.rng
	suffix := ""
	options := suffixes[b.lang.file]
	if options == nil || r.IntN(4) == 0 {
		options = suffixes["en"]
	}
	if r.IntN(5) > 0 {
		suffix = pick(r, options)
	}
	switch r.IntN(9) {
	case 0, 1:
		return pick(r, known)
	case 2:
		return b.culture.surname(r) + " & " + b.culture.surname(r) + pick(r, []string{"", suffix})
	case 3:
		return b.culture.surname(r) + suffix
	case 4:
		return pick(r, []string{"University of ", "Bank of ", "Port of ", "Diocese of ", "Ministry of ", "Department of ", "Bank of "}) + pick(r, []string{pick(r, b.g.pools.Cities), capital(pick(r, b.g.pools.Words)), pick(r, b.g.pools.Regions)})
	case 5:
		return pick(r, b.g.pools.Cities) + pick(r, []string{" City Council", " University", " General Hospital", " Police Department", " Airport", " Chamber of Commerce", " Savings Bank", " High School", " Times", " Daily News"})
	case 6:
		return capital(pick(r, b.g.pools.Words)) + " " + capital(pick(r, b.g.pools.Words)) + pick(r, options)
	case 7:
		return capital(pick(r, b.g.pools.Words)) + pick(r, options)
	}
	third := r.IntN(2) == 1
	name := pick(r, syllables) + pick(r, syllables)
	if third {
		name += pick(r, syllables)
	}
	return capital(name) + suffix
}

func (b *builder) university() string {
	r := b.g.rng
	city := pick(r, b.g.pools.Cities)
	return pick(r, []string{"University of " + city, city + " University", "the University of " + city, b.culture.surname(r) + " College", "Technical University of " + city, city + " State University"})
}

func capital(word string) string {
	r, n := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r)) + word[n:]
}

// filler writes the slots that name nothing.
func (b *builder) filler(name string) bool {
	r := b.g.rng
	write := func(format string, args ...any) { fmt.Fprintf(&b.text, format, args...) }
	switch name {
	case "W":
		b.text.WriteString(capital(pick(r, b.g.pools.Words)))
	case "w":
		b.text.WriteString(pick(r, b.g.pools.Words))
	case "X":
		list := pick(r, b.g.pools.Foreign)
		for i := range 3 + r.IntN(8) {
			word := pick(r, list)
			if i == 0 {
				word = capital(word)
			} else {
				word = " " + word
			}
			b.text.WriteString(word)
		}
	case "NG":
		b.text.WriteString(b.culture.given(r))
	case "WU":
		b.text.WriteString(strings.ToUpper(pick(r, b.g.pools.Words)))
	case "Q":
		write("\"The %s\"", capital(pick(r, b.g.pools.Words)))
	case "N":
		write("%d", r.IntN(pick(r, []int{10, 100, 1000, 1000000})))
	case "NN":
		write("%02d", 1+r.IntN(28))
	case "Y":
		write("%d", 1900+r.IntN(125))
	case "D":
		day, month, year := 1+r.IntN(28), r.IntN(12), 1950+r.IntN(76)
		switch r.IntN(4) {
		case 0:
			write("%d %s %d", day, months[month], year)
		case 1:
			write("%s %d, %d", months[month], day, year)
		case 2:
			write("%02d.%02d.%d", day, month+1, year)
		default:
			write("%d-%02d-%02d", year, month+1, day)
		}
	case "MON":
		b.text.WriteString(pick(r, months))
	case "DAY":
		b.text.WriteString(pick(r, days))
	case "TM":
		write("%02d:%02d", r.IntN(24), r.IntN(60))
	case "M":
		write("%s%d.%02d", pick(r, []string{"$", "€", "£", "EUR ", "USD "}), r.IntN(5000), r.IntN(100))
	case "ID":
		write("%s%d", pick(r, []string{"#", "A-", "INV-", "TK", "DE", "ORD", ""}), 1000+r.IntN(900000))
	case "PH":
		write("+%d %d %d", 1+r.IntN(98), 100+r.IntN(900), 100000+r.IntN(9000000))
	case "E":
		write("%s%d@example.%s", pick(r, b.g.pools.Words), r.IntN(100), pick(r, []string{"com", "org", "net"}))
	case "MSG":
		b.text.WriteString(pick(r, messages))
	case "BROWSER":
		b.text.WriteString(pick(r, browsers))
	case "DEP":
		b.text.WriteString(pick(r, departments))
	case "PROD":
		b.text.WriteString(b.product())
	case "JOB":
		b.text.WriteString(pick(r, jobs))
	case `"`:
		b.text.WriteString(`{"`)
	default:
		return false
	}
	return true
}

// product makes the name of a thing on sale. Many are called as people are.
func (b *builder) product() string {
	r := b.g.rng
	brand := b.culture.given(r)
	switch r.IntN(6) {
	case 0:
		brand = b.culture.surname(r)
	case 1, 2:
		brand = capital(pick(r, b.g.pools.Words))
	case 3:
		brand = capital(pick(r, syllables) + pick(r, syllables))
	}
	switch r.IntN(5) {
	case 0:
		return brand + " " + pick(r, editions)
	case 1:
		return brand + " " + pick(r, things) + " " + pick(r, editions)
	case 2:
		return brand + " " + capital(pick(r, things))
	}
	return brand + " " + pick(r, things)
}

var (
	browsers    = strings.Split("Safari,Chrome,Firefox,Edge,Opera,Brave,Internet Explorer,Thunderbird,Outlook", ",")
	departments = strings.Split("Formular,Portal,Konto,Postfach,Lager,Sekretariat,Kundencenter,Gerät,Netz,Modem,Telefon", ",")
	editions    = strings.Split("Mini,Max,Pro,Plus,Lite,Air,One,2,3,X,XL,S,Go,Home,200,3000,M2,T5,Pro 2", ",")
	things      = strings.Split("hub,plug,lamp,speaker,thermostat,kettle,camera,monitor,headset,keyboard,printer,scanner,scale,watch,tracker,doorbell,lock,sensor,charger,dock,tablet,phone,drone,vacuum,mower,heater,fan,blender,app,router,mixer,chair,desk,backpack,bike,tent,stove,projector,smart lock,air purifier,coffee machine,cloud backup,Cloud,Viewer,Cam,Sync,Desk", ",")
	// messages are lines that name nobody.
	messages = strings.Split(`Hi, is anybody there?|Let me check that for you.|Sure, one second.|I have been waiting for an hour now.|The light just keeps blinking.|No, that did not help.|Could you give me the order number?|It says the code has expired.|Thanks, that worked!|ok bye|I already tried turning it off and on.|Which version do you see?|The invoice shows the wrong amount.|Can I get a refund instead?|That will take two to three working days.|lol no|yes please|Is there anything else I can help you with?|My parcel never arrived.|I would rather talk to a human.|The app closes as soon as I open it.|Please restart the device.|Still nothing.|Thanks for your patience.|You charged me twice.|We have opened a case for you.|I need this before the weekend.|It was fine until yesterday.|The door was open and the box was gone.|Will do, thank you.|May I have your date of birth?|I can't find the settings page.|Nobody answered the phone.|Right, I will cancel it then.|Sorry about the trouble.|What is the status of my claim?|The screen stays black.|It happens every morning.|They promised a callback last week.|Fine, but please be quick.|hello??|Good news, it has shipped.|Never mind, found it.`, "|")

	months = strings.Split("January February March April May June July August September October November December", " ")
	days   = strings.Split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday", " ")
	jobs   = strings.Split("Sales Manager,Chief Executive Officer,CEO,CFO,Head of Marketing,Senior Engineer,Account Manager,Managing Director,President,Chairman,Vice President,Support Agent,Customer Success Manager,spokesman,spokeswoman,director,manager,chief executive,analyst,Professor of Physics,Office Manager,HR Business Partner,Team Lead", ",")
)
