package main

import (
	"fmt"
	"strings"
)

// place is a city with the start of its postcodes.
type place struct{ city, code string }

// country says how people of a country write addresses and telephone numbers. In patterns '#' is any digit, '%' one
// from 1 to 9.
type country struct {
	lang    string
	places  []place
	streets []string
	// address takes number, street, postcode, city by {n} {s} {p} {c}.
	addresses []string
	// Phones are of ranges kept for fiction where the country has one: NANP 555-01xx, Ofcom's and ARCEP's drama
	// numbers, Bundesnetzagentur's media numbers, PTS's and ACMA's fictitious numbers.
	phones []string
}

func places(s string) []place {
	var out []place
	for f := range strings.SplitSeq(s, ";") {
		city, code, _ := strings.Cut(f, "/")
		out = append(out, place{strings.TrimSpace(city), strings.TrimSpace(code)})
	}
	return out
}

func list(s string) []string {
	out := strings.Split(s, ";")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}

var countryNames = names("US GB IE DE AT CH FR BE ES IT NL PL SE IN AU CA BR")

var countryWeights = []int{28, 25, 4, 8, 1, 1, 4, 1, 6, 4, 4, 4, 3, 6, 5, 4, 2}

var countries = map[string]country{
	"US": {
		"en", places("Portland/OR 972##; Austin/TX 787##; Columbus/OH 432##; Boise/ID 837##; Tucson/AZ 857##; Raleigh/NC 276##; Madison/WI 537##; Denver/CO 802##; Omaha/NE 681##; Albany/NY 122##; Savannah/GA 314##; Tacoma/WA 984##; Des Moines/IA 503##; Chicago/IL 606##; Brooklyn/NY 112##; San Diego/CA 921##"),
		list("Maple Ave; Old Mill Rd; Cedar Street; W Juniper Ln; N Harbor Blvd; Quail Hollow Dr; Sycamore Ct; E 14th St; Prairie View Rd; Lakeshore Drive; Magnolia Way; Elm Street; Birchwood Terrace; Copper Canyon Trl; SW Alder St; Church Street; Dogwood Cir; Hickory Ridge Road"),
		[]string{"{n} {s}, {c}, {p}", "{n} {s}, Apt {u}, {c}, {p}", "{n} {s} #{u}, {c} {p}", "{n} {s}, {c} {p}"},
		list("(212) 555-01##; 415-555-01##; 303.555.01##; +1 617 555 01##; 312 555 01##; (503) 555-01##; +1-206-555-01##; 512-555-01##; 1 404 555 01##; 614.555.01##; (919)555-01##; +1 (702) 555-01##; 60255501##"),
	},
	"GB": {
		"en", places("Leeds/LS# %@@; Bristol/BS# %@@; Norwich/NR# %@@; Glasgow/G## %@@; Cardiff/CF## %@@; Sheffield/S## %@@; Exeter/EX# %@@; York/YO## %@@; Brighton/BN# %@@; Manchester/M## %@@; Hull/HU# %@@; London/SE## %@@; London/N## %@@; Inverness/IV# %@@; Stockport/SK# %@@; Derby/DE## %@@"),
		list("Station Road; Church Lane; Mill Hill; Victoria Terrace; Kingsway; The Crescent; Albion Street; Orchard Close; Queens Road; Beech Grove; Chapel Street; Park View; Tanners Row; Gasworks Lane; Meadow Rise; Castle Street; Harbour Walk; St Anne's Road"),
		[]string{"{n} {s}, {c}, {p}", "{n} {s}, {c} {p}", "Flat {u}, {n} {s}, {c} {p}", "{n}a {s}, {c}, {p}"},
		list("020 7946 0###; 0117 496 0###; 0161 496 0###; +44 20 7946 0###; 0121 496 0###; +44 131 496 0###; (0141) 496 0###; 028 9649 6###; 029 2018 0###; +44 (0)113 496 0###; 01144960###"),
	},
	"IE": {
		"en", places("Dublin/D0% X###; Cork/T12 ##P#; Galway/H91 ##R#; Limerick/V94 ##C#"),
		list("Patrick Street; Quay Road; Bóthar na Trá; Sandymount Avenue; Abbey Lane; Shandon Street; Distillery Road"),
		[]string{"{n} {s}, {c}, {p}", "{n} {s}, {c}"},
		list("01 900 %###; +353 1 900 %###; 085 %## ####; +353 85 %## ####"),
	},
	"DE": {
		"de", places("Hannover/301##; Leipzig/041##; Köln/506##; Hamburg/220##; Freiburg/791##; Kassel/341##; Nürnberg/904##; Rostock/180##; Dortmund/441##; Augsburg/861##; München/803##; Berlin/104##; Göttingen/370##; Mainz/551##"),
		list("Lindenstraße; Bahnhofstr.; Am Mühlenbach; Goethestraße; Kastanienallee; Hauptstraße; Schillerplatz; Ringstr.; Birkenweg; An der Alten Ziegelei; Rosenweg; Gartenstraße; Hinter den Höfen; Marktplatz; Kirchgasse"),
		[]string{"{s} {n}, {p} {c}", "{s} {n}a, {p} {c}", "{s} {n}, D-{p} {c}"},
		list("030 23125 ###; 069 90009 ###; 040 66969 ###; 0221 4710 ###; 089 99998 ###; +49 30 23125###; +49 (0)69 90009-###; 0171 39200##; 0049 40 66969###; 089/99998###; +49 171 39200##"),
	},
	"AT": {
		"de", places("Wien/10%0; Graz/80%0; Linz/40%0; Salzburg/50%0"),
		list("Mariahilfer Zeile; Landstraßer Gürtel; Kärntner Ring; Herrengasse; Am Schöpfwerk; Alserbachgasse"),
		[]string{"{s} {n}/{u}, {p} {c}", "{s} {n}, {p} {c}", "{s} {n}, A-{p} {c}"},
		list("01 533####; +43 1 533 ####; 0316 873###%; 0664 %######"),
	},
	"CH": {
		"de", places("Zürich/80##; Bern/30##; Basel/40##; Luzern/60##; Lausanne/10##"),
		list("Seestrasse; Dorfstrasse; Rue du Lac; Bahnhofplatz; Kirchweg; Chemin des Vignes"),
		[]string{"{s} {n}, {p} {c}", "{s} {n}, CH-{p} {c}"},
		list("044 555 ## ##; +41 44 555 ## ##; 079 %## ## ##; +41 79 %## ## ##"),
	},
	"FR": {
		"fr", places("Lyon/6900%; Nantes/44000; Lille/59000; Toulouse/31000; Rennes/35000; Grenoble/38000; Montpellier/34000; Dijon/21000; Angers/49000; Paris/7501%; Bordeaux/33000; Brest/29200"),
		list("rue des Lilas; avenue Jean-Moulin; rue de la République; boulevard Voltaire; impasse du Moulin; rue Pasteur; chemin des Vignes; place du Marché; quai de la Fosse; allée des Tilleuls; rue du Four; cours Gambetta"),
		[]string{"{n} {s}, {p} {c}", "{n} bis {s}, {p} {c}", "{n}, {s}, {p} {c}"},
		list("01 99 00 ## ##; 02 61 91 ## ##; 03 53 01 ## ##; 04 65 71 ## ##; 05 36 49 ## ##; +33 1 99 00 ## ##; 01.99.00.##.##; +33 (0)4 65 71 ## ##; 01990012##"),
	},
	"BE": {
		"fr", places("Bruxelles/10%0; Gent/9000; Liège/4000; Antwerpen/2000; Namur/5000"),
		list("rue Haute; Kerkstraat; chaussée de Wavre; Veldstraat; place Saint-Lambert"),
		[]string{"{s} {n}, {p} {c}", "{s} {n} bte {u}, {p} {c}"},
		list("02 555 ## ##; +32 2 555 ## ##; 0470 ## ## ##; +32 470 ## ## ##"),
	},
	"ES": {
		"es", places("Valencia/460##; Zaragoza/500##; Sevilla/410##; Bilbao/480##; Granada/180##; Murcia/300##; Valladolid/470##; Gijón/332##; Málaga/290##; Madrid/280##; Barcelona/080##; Cádiz/110##"),
		list("Calle Mayor; Avda. de la Constitución; C/ San Vicente; Paseo de la Alameda; Calle del Pozo; Plaza de los Naranjos; C/ Real; Ronda de Levante; Calle Olivar; Camino Viejo; C/ Doctor Esquerra; Travesía del Horno"),
		[]string{"{s}, {n}, {p} {c}", "{s} {n}, {u}º B, {p} {c}", "{s}, {n}, {u}º izq., {p} {c}"},
		list("912 34% ###; 600 %## ###; +34 931 23 ## ##; 954 12# ###; +34 600 ### ###; 6%0 ## ## ##; 96% 1## ###"),
	},
	"IT": {
		"en", places("Bologna/401##; Torino/101##; Verona/371##; Bari/701##; Milano/201##; Padova/351##; Napoli/801##"),
		list("Via Garibaldi; Via dei Mille; Corso Vittorio; Piazza San Marco; Via delle Rose; Viale Europa; Via Roma"),
		[]string{"{s} {n}, {p} {c}", "{s}, {n} - {p} {c}"},
		list("06 1234 5%##; 02 1234 %##; 347 %## ####; +39 347 %## ####; +39 06 1234 5%##"),
	},
	"NL": {
		"en", places("Utrecht/35## @@; Groningen/97## @@; Haarlem/20## @@; Arnhem/68## @@; Breda/48## @@; Leiden/23## @@; Eindhoven/56## @@"),
		list("Kerkstraat; Oudegracht; Molenweg; Dorpsstraat; Prinsengracht; Wilgenlaan; Havenstraat; Burgemeester Hulstlaan"),
		[]string{"{s} {n}, {p} {c}", "{s} {n}-{u}, {p} {c}"},
		list("020 555 %###; 010 555 %###; 06 1%######; +31 6 1%######; +31 20 555 %###; 06-1%######"),
	},
	"PL": {
		"en", places("Kraków/30-###; Wrocław/50-###; Gdańsk/80-###; Poznań/60-###; Łódź/90-###; Warszawa/02-###"),
		list("ul. Kwiatowa; ul. Długa; al. Jana Pawła; ul. Polna; ul. Ogrodowa; os. Słoneczne"),
		[]string{"{s} {n}/{u}, {p} {c}", "{s} {n}, {p} {c}"},
		list("22 123 4# ##; +48 22 123 4# ##; 501 %## ###; +48 501 %## ###"),
	},
	"SE": {
		"en", places("Göteborg/41# ##; Malmö/21# ##; Uppsala/75# ##; Umeå/90# ##; Stockholm/11# ##"),
		list("Storgatan; Kungsgatan; Björkvägen; Skolgatan; Drottninggatan; Hamngatan"),
		[]string{"{s} {n}, {p} {c}", "{s} {n} B, {p} {c}"},
		list("08-465 004 ##; 031-390 06 ##; 070-174 06 ##; +46 70 174 06 ##; +46 8 465 004 ##"),
	},
	"IN": {
		"en", places("Pune/4110##; Bengaluru/5600##; Kochi/6820##; Jaipur/3020##; Kolkata/7000##; Hyderabad/5000##"),
		list("MG Road; 4th Cross, Indiranagar; Lake Gardens; Station Road; Civil Lines; 12th Main; Park Street; Jubilee Colony"),
		[]string{"{n}, {s}, {c} {p}", "Flat {u}, {n} {s}, {c} - {p}", "#{n}, {s}, {c} {p}"},
		list("98765 4####; +91 98765 4####; 080 4123 4###; +91-98765-4####; +91 80 4123 4###"),
	},
	"AU": {
		"en", places("Geelong/VIC 32##; Hobart/TAS 70##; Newcastle/NSW 23##; Fremantle/WA 61##; Cairns/QLD 48##; Melbourne/VIC 30##"),
		list("Banksia Street; Esplanade; Wattle Grove; Collins Parade; Jetty Road; Murray Street; Kookaburra Close"),
		[]string{"{n} {s}, {c} {p}", "{u}/{n} {s}, {c} {p}", "Unit {u}, {n} {s}, {c} {p}"},
		list("02 5550 %###; (03) 7010 %###; 0491 570 156; 0491 570 006; +61 491 570 110; 07 5550 %###; +61 3 7010 %###; 0491 571 266"),
	},
	"CA": {
		"en", places("Halifax/NS B3# %@%; Winnipeg/MB R3# %@%; Kelowna/BC V1# %@%; Ottawa/ON K1# %@%; Toronto/ON M4# %@%; Saskatoon/SK S7# %@%"),
		list("Spruce Avenue; Lakeview Drive; Queen Street E; Rue Principale; Birch Cove Lane; Portage Ave; Garrison Road"),
		[]string{"{n} {s}, {c}, {p}", "{u}-{n} {s}, {c} {p}"},
		list("416-555-01##; (604) 555-01##; 514 555 01##; +1 902 555 01##; 204.555.01##"),
	},
	"BR": {
		"en", places("Curitiba/80###-###; Recife/50###-###; Campinas/13###-###; Porto Alegre/90###-###"),
		list("Rua das Flores; Av. Brasil; Rua XV de Novembro; Travessa da Paz; Rua São João"),
		[]string{"{s}, {n}, {c}, {p}", "{s}, {n}, apto {u}, {c} - CEP {p}"},
		list("(11) 9%###-####; +55 21 2%##-####; +55 11 9%###-####; (41) 9%###-####"),
	},
}

func postcode(r *rng, pattern string) string {
	b := []byte(r.fill(pattern))
	for i, c := range b {
		if c == '@' {
			b[i] = "ABDEFGHJLNPRSTUWXYZ"[r.intn(19)]
		}
	}
	return string(b)
}

// addressIn invents an address; it is one line.
func addressIn(r *rng, name string) (line, city string) {
	c := countries[name]
	p := pick(r, c.places)
	rep := strings.NewReplacer("{n}", fmt.Sprint(r.between(1, 240)), "{s}", pick(r, c.streets), "{p}", postcode(r, p.code),
		"{c}", p.city, "{u}", fmt.Sprint(r.between(1, 40)))
	return rep.Replace(pick(r, c.addresses)), p.city
}

func phoneIn(r *rng, name string) string { return r.fill(pick(r, countries[name].phones)) }
