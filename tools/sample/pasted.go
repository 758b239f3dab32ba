package main

import (
	"fmt"
	"strings"
	"time"
)

// withTable is a letter with rows copied from a spreadsheet.
func (x *writer) withTable(n int) *text {
	table := x.table().machine()
	rest := max(n-table.words(), 45)
	return join("\n\n", x.line("greeting", x.casing), x.paragraphs(x.story(rest*6/10, true)), x.line("table.intro", x.casing), table,
		x.paragraphs(x.story(rest*4/10, false)), x.signature())
}

// withLog is a letter with lines copied from a log.
func (x *writer) withLog(n int) *text {
	log := x.log().machine()
	rest := max(n-log.words(), 45)
	return join("\n\n", x.line("greeting", x.casing), x.paragraphs(x.story(rest*6/10, true)), x.line("log.intro", x.casing), log,
		x.paragraphs(x.story(rest*4/10, false)), x.signature())
}

// cell is a value of a table or log with its kind.
type cell struct{ s, kind string }

// tablesOf says which tables go with a topic: contacts, deliveries, payments, devices, staff, order lines.
var tablesOf = map[string][]int{
	"refund": {2, 5, 1}, "login": {0, 4}, "damage": {1, 5}, "router": {3}, "invoice": {2, 5}, "export": {0, 1, 4}, "api": {0, 1, 3},
	"app": {1, 3}, "cancel": {2, 5}, "privacy": {0, 4}, "address": {1}, "twofa": {0, 4}, "outage": {3, 1}, "sensor": {3},
	"payment": {2, 5}, "staff": {4, 0},
}

func (x *writer) table() *text {
	w := x.w
	other := func() *customer { return newCustomer(w.rng, w.cust.country) }
	var head []string
	var row func() []cell
	day := func() string { return w.created.AddDate(0, 0, -w.between(1, 60)).Format("2006-01-02") }
	kind := pick(w.rng, tablesOf[x.topic])
	if w.impersonal {
		kind = 5
	}
	switch kind {
	case 0:
		head = []string{"name", "email", "phone", "last_order"}
		row = func() []cell {
			c := other()
			return []cell{{c.full(), tPerson}, {c.mail, tMail}, {c.phone, tPhone}, {w.fill("TW-%#####"), ""}}
		}
	case 1:
		head = []string{"date", "order", "recipient", "address", "status"}
		row = func() []cell {
			c := other()
			return []cell{{day(), ""}, {w.fill("TW-%#####"), ""}, {c.full(), tPerson}, {c.address, tPlace}, {pick(w.rng, list("delivered; lost; returned; in transit; damaged; unknown")), ""}}
		}
	case 2:
		head = []string{"booked", "payee", "iban", "amount", "reference"}
		row = func() []cell {
			c := other()
			return []cell{{day(), ""}, {c.full(), tPerson}, {c.iban, tIBAN}, {w.fill("%##.%#"), ""}, {w.fill("INV-%####"), ""}}
		}
	case 3:
		head = []string{"device", "serial", "ip", "firmware", "last_seen"}
		row = func() []cell {
			return []cell{{pick(w.rng, products["hardware"]), ""}, {"MRL" + w.fill("%####"), ""}, {ipv4(w.rng), tIP}, {w.fill("%.#.##"), ""}, {day(), ""}}
		}
	case 4:
		head = []string{"employee", "born", "id", "mail", "shift"}
		row = func() []cell {
			c := other()
			return []cell{{c.last + ", " + c.first, tPerson}, {birthday(w.rng, c), tBirth}, {c.id, c.idKind}, {c.mail, tMail}, {pick(w.rng, list("early; late; night; off; holiday")), ""}}
		}
	default:
		head = []string{"date", "order", "item", "qty", "amount"}
		row = func() []cell {
			return []cell{{day(), ""}, {w.fill("TW-%#####"), ""}, {pick(w.rng, products["goods"]), ""}, {w.fill("%"), ""}, {w.fill("%#.##"), ""}}
		}
	}
	t := &text{}
	open, sep, end := "", pick(w.rng, []string{",", ";", "\t"}), ""
	pipes := w.chance(0.45)
	if pipes {
		open, sep, end = "| ", " | ", " |"
	}
	t.raw(open + strings.Join(head, sep) + end + "\n")
	if pipes {
		t.raw("|" + strings.Repeat("---|", len(head)) + "\n")
	}
	for i := range w.between(3, 8) {
		if i > 0 {
			t.raw("\n")
		}
		t.raw(open)
		for j, c := range row() {
			if j > 0 {
				t.raw(sep)
			}
			quote := !pipes && strings.Contains(c.s, sep)
			if quote {
				t.raw(`"`)
			}
			t.value(c.s, c.kind, true)
			if quote {
				t.raw(`"`)
			}
		}
		t.raw(end)
	}
	return t
}

// log is a few lines of one of several kinds of log, or a stack trace.
func (x *writer) log() *text {
	kinds := []func(*text){x.accessLog, x.syslog, x.jsonLog, x.shell, x.javaTrace, x.pythonTrace, x.goPanic, x.console}
	if x.w.impersonal {
		kinds = kinds[4:]
	}
	t := &text{}
	fence := x.w.chance(0.3)
	if fence {
		t.raw("```\n")
	}
	pick(x.w.rng, kinds)(t)
	if fence {
		t.raw("\n```")
	}
	return t
}

func (x *writer) clock() func() time.Time {
	at := x.w.created.Add(-time.Duration(x.w.between(1, 600)) * time.Minute)
	return func() time.Time {
		at = at.Add(time.Duration(x.w.between(40, 9000)) * time.Millisecond)
		return at
	}
}

func (x *writer) accessLog(t *text) {
	w, now := x.w, x.clock()
	for i := range w.between(3, 8) {
		if i > 0 {
			t.raw("\n")
		}
		t.value(ipv4(w.rng), tIP, true)
		t.raw(now().Format(` - - [02/Jan/2006:15:04:05 +0000] "`) + pick(w.rng, []string{"GET ", "POST ", "PUT "}))
		t.raw(x.slots["endpoint"].value(w))
		if w.chance(0.3) {
			t.raw("?email=")
			t.value(newCustomer(w.rng, w.cust.country).mail, tMail, true)
		}
		t.raw(` HTTP/1.1" ` + pick(w.rng, []string{"200", "401", "429", "500", "502"}) + " " + w.fill("%###") + ` "-" "tidewell-sync/` + w.fill("%.#.#") + `"`)
	}
}

func (x *writer) syslog(t *text) {
	w, now := x.w, x.clock()
	for i := range w.between(4, 9) {
		if i > 0 {
			t.raw("\n")
		}
		t.raw(now().Format("Jan _2 15:04:05 ") + "marlow " + pick(w.rng, []string{"dhcpd", "hostapd", "kernel", "fwupd", "pppd"}) + w.fill("[%##]: "))
		switch w.intn(6) {
		case 0:
			t.raw("lease ")
			t.value(ipv4(w.rng), tIP, true)
			t.raw(" renewed for host-" + w.fill("##") + ", " + w.fill("%###") + "s")
		case 1:
			t.raw("firmware " + w.fill("%.#.##") + " checksum " + w.chars(hexChars, 16) + " mismatch, retry " + w.fill("%"))
		case 2:
			t.raw("wan: no carrier, last gateway ")
			t.value(ipv4(w.rng), tIP, true)
		case 3:
			t.raw("login failed for admin from ")
			t.value(ipv4(w.rng), tIP, true)
			t.raw(" port " + w.fill("5####"))
		case 4:
			t.raw("wpa: passphrase changed to '")
			t.value(password(w.rng), tSecret, true)
			t.raw("' by web ui")
		default:
			t.raw(pick(w.rng, list("watchdog: restarting radio; link down on eth; channel switch to; mesh peer lost, hop; dns timeout, upstream")) + w.fill(" %"))
		}
	}
}

func (x *writer) jsonLog(t *text) {
	w, now := x.w, x.clock()
	for i := range w.between(3, 6) {
		if i > 0 {
			t.raw("\n")
		}
		t.raw(now().Format(`{"ts":"2006-01-02T15:04:05.000Z","level":"`) + pick(w.rng, []string{"error", "warn", "info"}) + `","trace":"` + uuid(w.rng) + `",`)
		switch w.intn(4) {
		case 0:
			t.raw(`"msg":"invite sent","to":"`)
			t.value(newCustomer(w.rng, w.cust.country).mail, tMail, true)
			t.raw(`"}`)
		case 1:
			t.raw(`"msg":"rejected","client":"`)
			t.value(ip(w.rng), tIP, true)
			t.raw(w.fill(`","status":4##}`))
		case 2:
			t.raw(`"msg":"auth","authorization":"Bearer `)
			t.value(apiKey(w.rng), tSecret, true)
			t.raw(`"}`)
		default:
			t.raw(`"msg":"contact updated","contact":{"name":"`)
			c := newCustomer(w.rng, w.cust.country)
			t.value(c.full(), tPerson, true)
			t.raw(`","phone":"`)
			t.value(c.phone, tPhone, true)
			t.raw(`"}}`)
		}
	}
}

func (x *writer) shell(t *text) {
	w := x.w
	t.raw("$ curl -i https://api.tidewell.example" + x.slots["endpoint"].value(w) + ` -H "Authorization: Bearer `)
	t.value(apiKey(w.rng), tSecret, true)
	t.raw("\"\nHTTP/2 " + pick(w.rng, []string{"401", "403", "429", "503"}) + "\nx-request-id: " + uuid(w.rng) + w.fill("\nretry-after: %#\n") + "$ export DATABASE_URL=postgres://")
	t.value(x.slots["userinfo"].value(w), tSecret, true)
	t.raw("@db" + w.fill("%") + ".example.net:5432/orders\n$ ping -c 1 ")
	addr := ipv4(w.rng)
	t.value(addr, tIP, true)
	t.raw("\n64 bytes from ")
	t.value(addr, tIP, true)
	t.raw(w.fill(": icmp_seq=1 ttl=5% time=%#.% ms"))
}

var (
	verbs   = names("sync export merge upload render parse flush refresh pair resolve commit dispatch")
	objects = names("Contact Order Invoice Shipment Device Session Ledger Webhook Address Payment Label Tenant")
)

func (x *writer) javaTrace(t *text) {
	w := x.w
	t.raw("java.lang." + pick(w.rng, names("IllegalStateException NullPointerException NumberFormatException UnsupportedOperationException")) + ": " + pick(w.rng, objects) + " " + uuid(w.rng) + " is not open")
	for range w.between(4, 8) {
		o := pick(w.rng, objects)
		t.raw("\n\tat com.tidewell." + strings.ToLower(o) + "." + o + "Service." + pick(w.rng, verbs) + "(" + o + w.fill("Service.java:%##)"))
	}
	t.raw("\nCaused by: java.net.SocketTimeoutException: Read timed out" + w.fill("\n\t... %# more"))
}

func (x *writer) pythonTrace(t *text) {
	w := x.w
	t.raw("Traceback (most recent call last):")
	for range w.between(2, 4) {
		o, v := strings.ToLower(pick(w.rng, objects)), pick(w.rng, verbs)
		t.raw(fmt.Sprintf("\n  File \"/srv/app/%s/%s.py\", line %d, in %s\n    return client.%s(%s_id=%d)", o, v, w.between(12, 900), v, v, o, w.between(100, 99999)))
	}
	t.raw("\ntidewell.errors." + pick(w.rng, []string{"RateLimited", "NotFound", "Conflict", "Unauthorized"}) + ": request " + uuid(w.rng) + " failed")
}

func (x *writer) goPanic(t *text) {
	w := x.w
	t.raw("panic: runtime error: index out of range " + w.fill("[%] with length %") + "\n\ngoroutine " + w.fill("%#") + " [running]:")
	for range w.between(2, 5) {
		o, v := strings.ToLower(pick(w.rng, objects)), pick(w.rng, verbs)
		t.raw("\ngithub.example/tidewell/" + o + "." + v + "(0xc000" + w.chars(hexChars, 6) + ")\n\t/src/" + o + "/" + v + ".go" + w.fill(":%# +0x") + w.chars(hexChars, 3))
	}
	t.raw("\nexit status 2 (build " + w.chars(hexChars, 12) + ")")
}

func (x *writer) console(t *text) {
	w := x.w
	for i := range w.between(3, 6) {
		if i > 0 {
			t.raw("\n")
		}
		o := pick(w.rng, objects)
		switch w.intn(3) {
		case 0:
			t.raw("Uncaught TypeError: Cannot read properties of undefined (reading '" + pick(w.rng, verbs) + "')\n    at " + o + w.fill(".render (app.%###") + w.chars(hexChars, 4) + w.fill(".js:%:%###)"))
		case 1:
			t.raw("GET https://desk.tidewell.example/api/" + strings.ToLower(o) + "/" + uuid(w.rng) + " " + pick(w.rng, []string{"403", "500", "net::ERR_TIMED_OUT"}))
		default:
			t.raw(w.fill("[hmr] ") + "module " + strings.ToLower(o) + "." + w.chars(hexChars, 8) + " disposed")
		}
	}
}
