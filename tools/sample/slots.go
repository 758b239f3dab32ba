package main

import (
	"fmt"
	"strconv"
	"strings"
)

// The types of personal data, by the names that Presidio uses where it has one.
const (
	tPerson = "PERSON"
	tPlace  = "LOCATION"
	tOrg    = "ORGANIZATION"
	tMail   = "EMAIL_ADDRESS"
	tPhone  = "PHONE_NUMBER"
	tCard   = "CREDIT_CARD"
	tIBAN   = "IBAN_CODE"
	tIP     = "IP_ADDRESS"
	tBirth  = "DATE_OF_BIRTH"
	tSecret = "SECRET"
	tID     = "*" // a national id: its own type comes from the customer
)

// slot makes a value. With kind empty it is no personal data. A fixed value keeps its case.
type slot struct {
	kind  string
	fixed bool
	value func(*world) string
}

func plain(f func(*world) string) slot         { return slot{value: f} }
func code(f func(*world) string) slot          { return slot{fixed: true, value: f} }
func pii(k string, f func(*world) string) slot { return slot{kind: k, value: f} }
func exact(k string, f func(*world) string) slot {
	return slot{kind: k, fixed: true, value: f}
}

func oneOf(s string) slot {
	l := list(s)
	return plain(func(w *world) string { return pick(w.rng, l) })
}

// steady keeps the same value all through a ticket.
func steady(name string, s slot) slot {
	inner := s.value
	s.value = func(w *world) string { return w.once(name, func() string { return inner(w) }) }
	return s
}

func number(lo, hi int) slot {
	return plain(func(w *world) string { return strconv.Itoa(w.between(lo, hi)) })
}

var products = map[string][]string{
	"hardware": list("Marlow M2 router; Marlow M3 Pro; Jasper Hub; Oriel thermostat; Beatrix indoor camera; Beatrix Cam 4; Stella mesh kit; Harvey doorbell; Otto smart plug; Marlow Mini; Oriel Duo; Quinn label printer; Quinn 80 receipt printer; Jasper Hub Plus"),
	"software": list("Tidewell Desk; Tidewell Ledger; Tidewell Sync; Ledger Plus; Desk for Teams; Tidewell Forms; Penny; Tidewell Insights; Ledger Essentials; Tidewell Shifts"),
	"app":      list("Tidewell app; Oriel app; Beatrix Viewer; Tidewell Driver app; Jasper Home app; Ledger Mobile; Parcel Pal"),
	"plan":     list("Starter plan; Team plan; Stella plan; Business plan; Family plan; Pro subscription; Victoria tier; Annual plan; Solo plan"),
	"goods":    list("oak side table; espresso machine; box of printer paper; standing desk; garden lamp set; winter duvet; toolbox; Quinn 80 receipt printer; ceramic dinner set; bookcase; cast-iron pan; child's bicycle; office chair; microphone kit; aquarium pump; framed print; wine rack; rucksack; 27-inch monitor; coffee grinder"),
}

func productOf(kind string) slot {
	return plain(func(w *world) string {
		return w.once("product."+kind, func() string { return pick(w.rng, products[kind]) })
	})
}

func slots() map[string]slot {
	m := map[string]slot{}
	personSlots(m)
	personalSlots(m)
	codeSlots(m)
	for k := range products {
		m[k] = productOf(k)
	}
	m["amount"] = steady("amount", code(func(w *world) string { return w.money(900) }))
	m["amount2"] = code(func(w *world) string { return w.money(160) })
	m["date"] = code((*world).day)
	m["future"] = code(func(w *world) string { return w.dayAt(w.between(2, 35)) })
	m["n"] = number(2, 9)
	m["nn"] = number(10, 60)
	m["nnn"] = number(100, 950)
	m["pct"] = plain(func(w *world) string { return strconv.Itoa(w.between(2, 98)) + "%" })
	m["hour"] = plain(func(w *world) string {
		if w.language != "en" {
			return strconv.Itoa(w.between(8, 19))
		}
		return pick(w.rng, []string{strconv.Itoa(w.between(1, 11)) + pick(w.rng, []string{"am", "pm"}), fmt.Sprintf("%d:%02d", w.between(8, 19), 15*w.intn(4)), strconv.Itoa(w.between(1, 11)) + " o'clock"})
	})
	m["clock"] = plain(func(w *world) string { return fmt.Sprintf("%02d:%02d", w.intn(24), w.intn(60)) })
	m["weekday"] = oneOf("Monday; Tuesday; Wednesday; Thursday; Friday; Saturday; Sunday")
	m["month"] = oneOf("January; February; March; April; May; June; July; August; September; October; November; December")
	m["browser"] = oneOf("Firefox; Chrome; Safari; Edge; Chrome on Windows; Safari on the iPad; Firefox on Linux; Brave; Opera")
	m["os"] = oneOf("Windows 11; macOS 15; Ubuntu 24.04; iOS 18.2; Android 15; Windows 10; iPadOS 18; Android 14; ChromeOS")
	m["handset"] = oneOf("Pixel 8; iPhone 15; Galaxy S23; an old Moto; Fairphone 5; iPhone SE; my tablet; Galaxy A54; Xperia 10; OnePlus 12")
	m["carrier"] = oneOf("Swiftmoor; Parcel Pal; Tidewell Post; Swiftmoor Express; Nightjar Freight; your own driver; the courier")
	m["region"] = oneOf("eu-west-2; us-east; the EU region; ap-south; eu-central; us-west-1; the Frankfurt cluster; the Dublin zone")
	m["system"] = oneOf("our shop; the warehouse system; our ERP; the nightly job; a small Python script; the reporting dashboard; our booking site; the mobile backend; a spreadsheet add-on; our till software")
	m["department"] = oneOf("accounts; the billing team; logistics; tier two; the network team; compliance; returns; the warehouse; the data protection team; engineering; finance")
	return m
}

func personSlots(m map[string]slot) {
	m["me"] = pii(tPerson, func(w *world) string { return w.cust.full() })
	m["mefirst"] = pii(tPerson, func(w *world) string { return w.cust.first })
	m["menick"] = pii(tPerson, func(w *world) string { return w.cust.nick })
	m["melast"] = pii(tPerson, func(w *world) string { return w.cust.last })
	m["meinitials"] = pii(tPerson, func(w *world) string { return firstRune(w.cust.first) + "." + firstRune(w.cust.last) + "." })
	m["mecaps"] = pii(tPerson, func(w *world) string { return strings.ToUpper(w.cust.full()) })
	m["melastfirst"] = pii(tPerson, func(w *world) string { return w.cust.last + ", " + w.cust.first })
	m["agent"] = pii(tPerson, func(w *world) string { return w.agent.full() })
	m["agentfirst"] = pii(tPerson, func(w *world) string { return w.agent.first })
	m["agent2"] = pii(tPerson, func(w *world) string { return w.agent2.full() })
	m["agent2first"] = pii(tPerson, func(w *world) string { return w.agent2.first })
	m["colleague"] = pii(tPerson, func(w *world) string { return w.colleague.mention(w.rng) })
	m["colleaguefirst"] = pii(tPerson, func(w *world) string { return w.colleague.first })
	m["colleaguelast"] = pii(tPerson, func(w *world) string { return w.colleague.last })
	m["third"] = pii(tPerson, func(w *world) string { return newPerson(w.rng, w.cust.country).mention(w.rng) })
	m["thirdfirst"] = pii(tPerson, func(w *world) string { return newPerson(w.rng, w.cust.country).first })
	m["thirdlast"] = pii(tPerson, func(w *world) string { return newPerson(w.rng, w.cust.country).last })
	m["family"] = pii(tPerson, func(w *world) string { return newPerson(w.rng, w.cust.country).first + " " + w.cust.last })
}

func personalSlots(m map[string]slot) {
	m["company"] = pii(tOrg, func(w *world) string { return w.cust.company })
	m["company2"] = pii(tOrg, func(w *world) string { return company(w.rng, w.colleague.last) })
	m["city"] = pii(tPlace, func(w *world) string { return w.cust.city })
	m["city2"] = pii(tPlace, func(w *world) string { _, c := addressIn(w.rng, w.cust.country); return c })
	m["address"] = pii(tPlace, func(w *world) string { return w.cust.address })
	m["address2"] = pii(tPlace, func(w *world) string { a, _ := addressIn(w.rng, w.cust.country); return a })
	m["mail"] = pii(tMail, func(w *world) string { return w.cust.mail })
	m["mail2"] = pii(tMail, func(w *world) string { return mailAddress(w.rng, w.cust.person) })
	m["colleaguemail"] = pii(tMail, func(w *world) string { return w.colleague.mail })
	m["hiddenmail"] = pii(tMail, func(w *world) string { return obfuscated(w.rng, w.cust.mail) })
	m["agentmail"] = pii(tMail, func(w *world) string { return w.agent.mail })
	m["phone"] = exact(tPhone, func(w *world) string { return w.cust.phone })
	m["phone2"] = exact(tPhone, func(w *world) string { return phoneIn(w.rng, w.cust.country) })
	m["card"] = exact(tCard, func(w *world) string { return w.cust.card })
	m["iban"] = exact(tIBAN, func(w *world) string { return w.cust.iban })
	m["ip"] = exact(tIP, func(w *world) string { return ip(w.rng) })
	m["myip"] = steady("myip", exact(tIP, func(w *world) string { return ip(w.rng) }))
	m["ipv4"] = exact(tIP, func(w *world) string { return ipv4(w.rng) })
	m["dob"] = exact(tBirth, func(w *world) string { return birthday(w.rng, w.cust) })
	m["id"] = exact(tID, func(w *world) string { return w.cust.id })
	m["key"] = exact(tSecret, func(w *world) string { return apiKey(w.rng) })
	m["oldkey"] = steady("oldkey", exact(tSecret, func(w *world) string { return apiKey(w.rng) }))
	m["password"] = exact(tSecret, func(w *world) string { return password(w.rng) })
	m["userinfo"] = exact(tSecret, func(w *world) string {
		user := pick(w.rng, []string{"admin", "report", "svc_sync", "import", ascii(w.cust.first), "backup"})
		return user + ":" + strings.Map(func(r rune) rune {
			if strings.ContainsRune("#%?$", r) {
				return 'x'
			}
			return r
		}, password(w.rng))
	})
	m["idname"] = plain(func(w *world) string { return pick(w.rng, idNames[w.cust.idKind]) })
}

var idNames = map[string][]string{
	"US_SSN": list("social security number; SSN; social"), "UK_NINO": list("National Insurance number; NI number; NINO"),
	"UK_NHS": list("NHS number"), "DE_TAX_ID": list("Steuer-ID; Steueridentifikationsnummer; steuerliche IdNr."),
	"ES_NIF": list("DNI; NIF"), "ES_NIE": list("NIE"), "FR_NIR": list("numéro de sécurité sociale; NIR; numéro de sécu"),
	"NL_BSN": list("BSN; burgerservicenummer"), "IT_FISCAL_CODE": list("codice fiscale"), "PL_PESEL": list("PESEL; PESEL number"),
	"SE_PERSONNUMMER": list("personnummer"), "BR_CPF": list("CPF"), "IN_AADHAAR": list("Aadhaar number; Aadhaar"),
	"IN_PAN": list("PAN; PAN card number"), "AU_TFN": list("tax file number; TFN"), "CA_SIN": list("social insurance number; SIN"),
}

// codeSlots are values that look like personal data or secrets and are none.
func codeSlots(m map[string]slot) {
	m["order"] = steady("order", code(func(w *world) string {
		return pick(w.rng, []string{w.fill("TW-%#####"), w.fill("#%######"), w.fill("ORD-2025-%####"), w.fill("SO%######")})
	}))
	m["order2"] = code(func(w *world) string { return w.fill("TW-%#####") })
	m["ticketno"] = code(func(w *world) string { return "T-" + w.fill("9#####") })
	m["invoice"] = steady("invoice", code(func(w *world) string {
		return pick(w.rng, []string{w.fill("INV-%####"), w.fill("2025/%####"), w.fill("RE-%###-##")})
	}))
	m["tracking"] = steady("tracking", code(func(w *world) string {
		return pick(w.rng, []string{w.fill("SWM%########GB"), w.fill("1Z%##E%#########"), w.fill("PP-####-####-####"), w.fill("NJF%#######")})
	}))
	m["version"] = code(func(w *world) string {
		return pick(w.rng, []string{w.fill("%.#.#"), w.fill("%.1#.%"), w.fill("v%.#"), w.fill("202%.#%"), w.fill("%.#.#-rc%"), w.fill("%.#.#.%##")})
	})
	m["sha"] = code(func(w *world) string { return w.chars(hexChars, pick(w.rng, []int{7, 7, 12})) })
	m["uuid"] = code(func(w *world) string { return uuid(w.rng) })
	m["serial"] = steady("serial", code(func(w *world) string {
		return pick(w.rng, []string{"MRL" + w.fill("%####") + w.chars(uppers, 2), w.fill("SN %###-####-##"), w.chars(uppers, 2) + w.fill("#%######")})
	}))
	m["errcode"] = code(func(w *world) string {
		return pick(w.rng, []string{w.fill("E-%##"), w.fill("0x80%#00%#"), w.fill("ERR_%###"), "HTTP " + pick(w.rng, []string{"403", "429", "500", "502", "401", "504"}), w.fill("code %##")})
	})
	m["badcard"] = code(func(w *world) string { return brokenCard(w.rng) })
	m["vatno"] = steady("vatno", code(func(w *world) string {
		return pick(w.rng, []string{w.fill("GB%########"), w.fill("IE%######T"), w.fill("DE%########")})
	}))
	m["endpoint"] = code(func(w *world) string {
		return pick(w.rng, list("/v2/contacts; /v1/orders; /v2/exports; /v1/invoices/batch; /v2/webhooks; /v1/search; /v2/shipments; /v1/devices"))
	})
	m["file"] = code(func(w *world) string {
		return pick(w.rng, []string{w.fill("export_2025-0%-1#.csv"), w.fill("IMG_%###.jpg"), w.fill("scan%##.pdf"), "contacts.xlsx", w.fill("backup-%##.zip"), "orders_final_v2.csv", w.fill("photo_%#.heic")})
	})
	m["serial2"] = code(func(w *world) string { return "MRL" + w.fill("%####") + w.chars(uppers, 2) })
	m["year"] = plain(func(w *world) string { return strconv.Itoa(w.between(2009, 2023)) })
	m["exp"] = code(func(w *world) string { return fmt.Sprintf("%02d/%d", w.between(1, 12), w.between(26, 30)) })
	m["claim"] = code(func(w *world) string {
		return pick(w.rng, []string{w.fill("CLM%#####"), w.fill("RMA-%####"), w.fill("C/2025/%###")})
	})
}
