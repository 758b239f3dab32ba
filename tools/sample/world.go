package main

import (
	"fmt"
	"strings"
	"time"
)

type date struct{ year, month, day int }

// customer is a person with everything a ticket could give away about them. It stays the same in all their tickets.
type customer struct {
	person
	country string
	born    date
	phone   string
	address string
	city    string
	company string
	title   string
	card    string
	iban    string
	id      string
	idKind  string
}

func newCustomer(r *rng, country string) *customer {
	c := &customer{person: newPerson(r, country), country: country, phone: phoneIn(r, country), card: cardNumber(r), iban: iban(r, country)}
	c.born = date{r.between(1944, 2006), r.between(1, 12), r.between(1, 28)}
	c.address, c.city = addressIn(r, country)
	c.company = company(r, c.last)
	c.title = pick(r, titles)
	holder := country
	if c.id, c.idKind = nationalID(r, holder, c.born); c.id == "" {
		c.id, c.idKind = nationalID(r, "NL", c.born)
	}
	return c
}

var titles = list("Office Manager; Head of Operations; Bookkeeper; IT Administrator; Team Lead, Logistics; Warehouse Supervisor; Practice Manager; Director; Purchasing; Site Engineer; Founder; Accounts Payable; Store Manager; Systems Engineer; Facilities; Events Coordinator; Owner; Customer Success; Deputy Head Teacher; Property Manager")

var (
	companyHeads = names("Alderway Brackenfield Cobalt Dunlin Eastmere Ferrow Gablestone Harrowgate Inkwell Juno Kestrel Larkhill Mossbank Northlight Ostrel Pinecroft Quillon Redshank Saltmarsh Thornbury Umbra Vantor Wickfield Yarrow Zephyr Blauwerk Morgentau Solaria Puente Lumière Kornfeld Varde Tallis Orchid Bramble")
	companyTails = list("Logistics; Dental; & Sons; Interiors; Foods Ltd; GmbH; Consulting; Bikes; Veterinary Clinic; Architects; Optics BV; Print Works; LLC; Energy; Catering; Studios; Partners LLP; Nurseries; Freight Inc.; Labs; SARL; S.L.; Physio; Roofing; Hotels; Analytics")
)

func company(r *rng, last string) string {
	if r.chance(0.15) {
		return last + " " + pick(r, companyTails)
	}
	return pick(r, companyHeads) + " " + pick(r, companyTails)
}

// world is what one ticket is about.
type world struct {
	*rng
	cust       *customer
	agent      person
	agent2     person
	colleague  person
	created    time.Time
	impersonal bool
	language   string
	fixed      map[string]string // values that stay the same within a ticket
}

// once keeps the first value made for a name in this ticket.
func (w *world) once(name string, value func() string) string {
	if v, ok := w.fixed[name]; ok {
		return v
	}
	v := value()
	w.fixed[name] = v
	return v
}

var monthNames = map[string][]string{
	"en": names("January February March April May June July August September October November December"),
	"de": names("Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
	"es": names("enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
	"fr": names("janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
}

// birthday writes a date of birth in one of the ways of the country.
func birthday(r *rng, c *customer) string {
	d := c.born
	lang := countries[c.country].lang
	month := monthNames[lang][d.month-1]
	if lang != "en" {
		switch r.intn(3) {
		case 0:
			return fmt.Sprintf("%02d.%02d.%d", d.day, d.month, d.year)
		case 1:
			return fmt.Sprintf("%02d/%02d/%d", d.day, d.month, d.year)
		}
		switch lang {
		case "de":
			return fmt.Sprintf("%d. %s %d", d.day, month, d.year)
		case "es":
			return fmt.Sprintf("%d de %s de %d", d.day, month, d.year)
		}
		return fmt.Sprintf("%d %s %d", d.day, month, d.year)
	}
	switch r.intn(6) {
	case 0:
		return fmt.Sprintf("%d-%02d-%02d", d.year, d.month, d.day)
	case 1:
		return fmt.Sprintf("%d %s %d", d.day, month, d.year)
	case 2:
		return fmt.Sprintf("%s %d, %d", month, d.day, d.year)
	case 3:
		return fmt.Sprintf("%d %s %02d", d.day, month[:3], d.year%100)
	}
	if c.country == "US" || c.country == "CA" {
		return fmt.Sprintf("%02d/%02d/%d", d.month, d.day, d.year)
	}
	return fmt.Sprintf("%02d/%02d/%d", d.day, d.month, d.year)
}

// day writes a day shortly before the ticket.
func (w *world) day() string {
	return w.dayAt(-w.between(1, 40))
}

// dayAt writes the day so many days from the ticket.
func (w *world) dayAt(days int) string {
	t := w.created.AddDate(0, 0, days)
	switch w.language {
	case "de":
		return pick(w.rng, []string{t.Format("02.01."), t.Format("02.01.2006"), fmt.Sprintf("%d. %s", t.Day(), monthNames["de"][t.Month()-1])})
	case "es":
		return fmt.Sprintf("%d de %s", t.Day(), monthNames["es"][t.Month()-1])
	case "fr":
		return fmt.Sprintf("%d %s", t.Day(), monthNames["fr"][t.Month()-1])
	}
	return t.Format(pick(w.rng, []string{"2 January", "January 2", "2 Jan", "2006-01-02", "02/01/2006", "Monday 2 January", "Jan 2"}))
}

func (w *world) money(most int) string {
	n := fmt.Sprintf("%d.%02d", w.between(4, most), pick(w.rng, []int{0, 0, 50, 90, 95, 99, w.intn(100)}))
	switch w.cust.country {
	case "US", "CA", "AU":
		return "$" + n
	case "GB":
		return "£" + n
	case "DE", "AT", "FR", "ES", "IT", "BE", "NL", "IE":
		if w.language != "en" {
			return strings.Replace(n, ".", ",", 1) + " €"
		}
		return "€" + n
	case "IN":
		return "Rs. " + n
	}
	return n + " EUR"
}

// obfuscated hides a mail address from simple-minded collectors, as people do.
func obfuscated(r *rng, mail string) string {
	local, host, _ := strings.Cut(mail, "@")
	spoken := func(s, dot string) string { return strings.ReplaceAll(s, ".", dot) }
	switch r.intn(9) {
	case 0:
		return spoken(local, " dot ") + " at " + spoken(host, " dot ")
	case 1:
		return local + "(at)" + host
	case 2:
		return local + " [at] " + spoken(host, " [dot] ")
	case 3:
		return local + " @ " + host
	case 4:
		return local[:2] + "\u200b" + local[2:] + "@" + host
	case 5:
		return local + "＠" + host
	case 6:
		return local + " AT " + spoken(host, " DOT ")
	case 7:
		return spoken(local, "(dot)") + "(at)" + spoken(host, "(dot)")
	default:
		return local + "@" + strings.Replace(host, ".", "\u200b.", 1)
	}
}

func ipv4(r *rng) string {
	switch r.intn(8) {
	case 0:
		return r.fill("192.168.%.1##")
	case 1:
		return fmt.Sprintf("10.%d.%d.%d", r.intn(256), r.intn(256), r.between(1, 254))
	case 2, 3, 4:
		return fmt.Sprintf("203.0.113.%d", r.between(1, 254))
	case 5:
		return fmt.Sprintf("192.0.2.%d", r.between(1, 254))
	default:
		return fmt.Sprintf("198.51.100.%d", r.between(1, 254))
	}
}

// ip is of the ranges for documentation (RFC 5737, RFC 3849) or private.
func ip(r *rng) string {
	if r.chance(0.12) {
		return "2001:db8:" + r.chars(hexChars[1:], 1) + r.chars(hexChars, 3) + "::" + r.chars(hexChars[1:], 1) + r.chars(hexChars, 2)
	}
	return ipv4(r)
}

var words = names("copper lantern walnut pebble comet saddle thistle marble velvet puffin ginger anchor cactus ribbon falcon meadow turnip zephyr bramble magpie biscuit harbor icicle mango nutmeg orbit parsley quartz rocket sparrow tundra violin willow pickle")

func password(r *rng) string {
	a, b := pick(r, words), pick(r, words)
	title := func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
	switch r.intn(7) {
	case 0:
		return title(a) + r.fill("####") + pick(r, []string{"!", "$", "?", "#"})
	case 1:
		return a + "-" + b + "-" + r.fill("##")
	case 2:
		return title(a) + title(b) + r.fill("##")
	case 3:
		return r.chars(base62+"!$%#", 12)
	case 4:
		return strings.NewReplacer("a", "4", "e", "3", "o", "0", "i", "1").Replace(a+b) + r.fill("%")
	case 5:
		return a + "_" + title(b) + pick(r, []string{"1", "12", "123", "2024", "2025", "!"})
	default:
		return title(a) + "." + b + "." + r.fill("##")
	}
}

// apiKey has the outer form of a real kind of key, and says that it is none.
func apiKey(r *rng) string {
	switch r.intn(11) {
	case 0:
		return "AKIA" + r.chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 9) + "EXAMPLE"
	case 1:
		return "ghp_" + r.chars(base62, 29) + "EXAMPLE"
	case 2:
		return "xoxb-" + r.fill("%#########-%#########-") + r.chars(base62, 17) + "EXAMPLE"
	case 3:
		return "sk_test_" + r.chars(base62, 17) + "EXAMPLE"
	case 4:
		return "AIza" + r.chars(base62+"_-", 28) + "EXAMPLE"
	case 5:
		return "glpat-" + r.chars(base62+"_-", 13) + "EXAMPLE"
	case 6:
		return "tdw_live_" + r.chars(hexChars, 32)
	case 7:
		return "tdw_test_" + r.chars(base62, 28)
	case 8:
		return "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOi" + r.chars(base62, 30) + "." + r.chars(base62+"_-", 43)
	case 9:
		return r.chars(hexChars, 40)
	default:
		return "SG." + r.chars(base62, 15) + "EXAMPLE." + r.chars(base62+"_-", 36) + "EXAMPLE"
	}
}

func uuid(r *rng) string {
	return r.chars(hexChars, 8) + "-" + r.chars(hexChars, 4) + "-4" + r.chars(hexChars, 3) + "-" + r.chars("89ab", 1) + r.chars(hexChars, 3) + "-" + r.chars(hexChars, 12)
}
