// Command sample writes the support tickets of the demo and the labels of the personal data in them. Everything in
// them is invented: names are joined at random from lists, numbers come from ranges kept for fiction and tests where
// there are any. The same seed gives the same bytes.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	seed := flag.Uint64("seed", defaultSeed, "seed of the generator")
	n := flag.Int("n", defaultCount, "number of tickets")
	out := flag.String("out", "cmd/holdfast/sample", "folder to write tickets.jsonl and labels.jsonl to")
	flag.Parse()
	if err := run(*seed, *n, *out); err != nil {
		fmt.Fprintln(os.Stderr, "sample:", err)
		os.Exit(1)
	}
}

const (
	defaultSeed  = 20260301
	defaultCount = 2000
)

func run(seed uint64, n int, dir string) error {
	tickets, err := generate(seed, n)
	if err != nil {
		return err
	}
	records, labels, err := encode(tickets)
	if err != nil {
		return err
	}
	for name, b := range map[string][]byte{"tickets.jsonl": records, "labels.jsonl": labels} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// ticket is a generated record with the marks of its content fields.
type ticket struct {
	id            string
	style, topic  string
	subject, body *text
	fields        fields
}

type fields struct {
	Subject  string   `json:"subject"`
	Body     string   `json:"body"`
	Status   string   `json:"status"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags"`
	Created  string   `json:"created_at"`
	Customer string   `json:"customer"`
	Mail     string   `json:"customer_email"`
}

// span is a labelled range, in bytes of a field's UTF-8 text.
type span struct {
	Field string `json:"field"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	Type  string `json:"type"`
}

func (t *ticket) spans() []span {
	out := []span{}
	for _, f := range []struct {
		name string
		text *text
	}{{"subject", t.subject}, {"body", t.body}} {
		for _, m := range f.text.marks {
			if m.kind != "" {
				out = append(out, span{f.name, m.start, m.end, m.kind})
			}
		}
	}
	return out
}

// encode writes the records and their labels as JSON lines.
func encode(tickets []*ticket) (records, labels []byte, err error) {
	var r, l bytes.Buffer
	re, le := json.NewEncoder(&r), json.NewEncoder(&l)
	re.SetEscapeHTML(false)
	for _, t := range tickets {
		if err := re.Encode(struct {
			ID     string `json:"id"`
			Fields fields `json:"fields"`
		}{t.id, t.fields}); err != nil {
			return nil, nil, err
		}
		if err := le.Encode(struct {
			ID    string `json:"id"`
			Spans []span `json:"spans"`
		}{t.id, t.spans()}); err != nil {
			return nil, nil, err
		}
	}
	return r.Bytes(), l.Bytes(), nil
}

// generator holds what tickets share.
type generator struct {
	*rng
	g         *grammar
	slots     map[string]slot
	seen      map[string]int
	customers []*customer
	agents    []person
}

// generate makes n tickets; the last is the long one.
func generate(seed uint64, n int) ([]*ticket, error) {
	gen := &generator{rng: &rng{seed}, slots: slots(), seen: map[string]int{}}
	var err error
	if gen.g, err = loadGrammar(gen.slots); err != nil {
		return nil, err
	}
	for range max(n*45/100, 1) {
		gen.customers = append(gen.customers, newCustomer(gen.rng, countryNames[gen.weighted(countryWeights)]))
	}
	for range 36 {
		p := newPerson(gen.rng, pick(gen.rng, countryNames))
		p.mail = ascii(p.first) + "@support.tidewell.example"
		gen.agents = append(gen.agents, p)
	}
	var out []*ticket
	at := time.Date(2025, 1, 2, 7, 30, 0, 0, time.UTC)
	step := 470 * 24 * time.Hour / time.Duration(n)
	for i := range n - 1 {
		created := at.Add(time.Duration(i)*step + time.Duration(gen.intn(int(step/time.Second)))*time.Second)
		t, err := gen.ticket(fmt.Sprintf("T-%d", 100001+i), created)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return append(out, gen.long(at.AddDate(1, 3, 0))), nil
}

var topics = names("refund login damage router invoice export api app cancel privacy address twofa outage sensor payment staff")

// foreignTopics are those that the German, Spanish and French grammars cover.
var foreignTopics = names("refund login damage invoice router cancel")

// ticket writes one ticket, as often as it takes to have 50 to 600 words.
func (gen *generator) ticket(id string, created time.Time) (*ticket, error) {
	for range 60 {
		w := gen.newWorld(created)
		x := &writer{generator: gen, w: w, lang: countries[w.cust.country].lang, taken: map[*sequence]bool{}, told: map[string]int{}}
		x.topic = pick(gen.rng, topics)
		if x.lang != "en" {
			if gen.chance(0.3) {
				x.lang = "en"
			} else {
				x.topic = pick(gen.rng, foreignTopics)
			}
		}
		w.language = x.lang
		switch {
		case gen.chance(0.05):
			x.casing = allLower
		case gen.chance(0.015):
			x.casing = allUpper
		}
		style, body := x.body()
		if n := body.words(); n < 50 || n > 600 || body.personal() == w.impersonal {
			continue
		}
		subject := x.line(x.topic+".subject", x.casing)
		return gen.finish(id, style, x, subject, body), nil
	}
	return nil, fmt.Errorf("ticket %s: no text of 50 to 600 words was found", id)
}

// body writes the text in one of the styles.
func (x *writer) body() (string, *text) {
	n := x.target()
	weights := []int{26, 19, 16, 11, 10, 8, 19}
	if x.lang != "en" {
		weights = []int{50, 30, 0, 0, 12, 4, 4}
	}
	if !strings.Contains("login router export api app outage sensor twofa", x.topic) {
		weights[6] = 0 // nobody pastes a log about a broken bookcase
	}
	switch x.w.weighted(weights) {
	case 0:
		return "mail", x.mail(n)
	case 1:
		return "thread", x.thread(max(n, 90))
	case 2:
		return "chat", x.chat(n)
	case 3:
		return "notes", x.notes(n)
	case 4:
		return "form", x.form(n)
	case 5:
		return "table", x.withTable(n)
	default:
		return "log", x.withLog(n)
	}
}

func (gen *generator) newWorld(created time.Time) *world {
	w := &world{rng: gen.rng, created: created, fixed: map[string]string{}, impersonal: gen.chance(0.105)}
	// Some customers write far more often than others.
	w.cust = gen.customers[min(gen.intn(len(gen.customers)), gen.intn(len(gen.customers)))]
	w.agent, w.agent2 = pick(gen.rng, gen.agents), pick(gen.rng, gen.agents)
	w.colleague = newPerson(gen.rng, w.cust.country)
	return w
}

// finish adds the metadata.
func (gen *generator) finish(id, style string, x *writer, subject, body *text) *ticket {
	f := fields{
		Subject: subject.String(), Body: body.String(),
		Status:   []string{"open", "pending", "solved", "closed"}[gen.weighted([]int{3, 2, 3, 4})],
		Priority: 1 + gen.weighted([]int{1, 5, 3, 1}),
		Created:  x.w.created.Format(time.RFC3339),
		Customer: x.w.cust.full(), Mail: x.w.cust.mail,
		Tags: []string{topicTags[x.topic][0]},
	}
	for _, tag := range append(topicTags[x.topic][1:], "vip", style, "lang-"+x.lang) {
		if gen.chance(0.3) {
			f.Tags = append(f.Tags, tag)
		}
	}
	return &ticket{id: id, style: style, topic: x.topic, subject: subject, body: body, fields: f}
}

var topicTags = map[string][]string{
	"refund": {"billing", "refund"}, "login": {"account", "login"}, "damage": {"delivery", "damage"},
	"router": {"hardware", "firmware", "router"}, "invoice": {"billing", "vat", "invoice"}, "export": {"data", "export"},
	"api": {"developer", "api", "limits"}, "app": {"mobile", "crash"}, "cancel": {"subscription", "cancellation"},
	"privacy": {"privacy", "gdpr"}, "address": {"delivery", "address"}, "twofa": {"account", "two-factor", "password"},
	"outage": {"incident", "outage"}, "sensor": {"hardware", "warranty", "smart-home"}, "payment": {"billing", "card"},
	"staff": {"account", "users", "roles"},
}
