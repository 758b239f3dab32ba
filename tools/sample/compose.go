package main

import (
	"math"
	"slices"
	"strings"
)

// maxRepeat bounds how often one sentence skeleton may be written over the whole set.
const maxRepeat = 5

// writer writes one ticket.
type writer struct {
	*generator
	w      *world
	topic  string
	lang   string
	casing casing // the customer's; agents write properly
	taken  map[*sequence]bool
	told   map[string]int // kinds of personal data brought up so far
}

// expand writes a sequence of the grammar to t.
func (x *writer) expand(s *sequence, t *text) {
	for _, n := range s.nodes {
		switch {
		case n.choice != nil:
			if a := n.choice.choose(x.w.rng, x.w.impersonal, nil); a != nil {
				x.expand(a, t)
			}
		case n.ref != "":
			x.reference(n.ref, t)
		default:
			t.literal(n.lit)
		}
	}
}

func (x *writer) reference(name string, t *text) {
	if s, ok := x.slots[name]; ok {
		kind := s.kind
		if kind == tID {
			kind = x.w.cust.idKind
		}
		t.value(s.value(x.w), kind, s.fixed)
		return
	}
	if a := x.g.rules[name].choose(x.w.rng, x.w.impersonal, nil); a != nil {
		x.expand(a, t)
	}
}

// rule finds the rule of a name in the writer's language.
func (x *writer) rule(name string) string {
	if x.lang != "en" {
		return x.lang + "." + name
	}
	return name
}

// manner is how a sentence is put.
type manner int

const (
	verbatim manner = iota // as the grammar has it
	sentence               // with a full stop
	clause                 // a sentence that may get a lead ("To be honest, …") and a tail
)

// say writes one alternative of a rule that this ticket has not used and whose sentences are still rare in the set.
// It returns nil if there is none.
func (x *writer) say(name string, m manner) *text { return x.sayIn(name, m, x.casing) }

func (x *writer) sayIn(name string, m manner, c casing) *text {
	rule := x.g.rules[x.rule(name)]
	if rule == nil {
		return nil
	}
	for range 30 {
		a := rule.choose(x.w.rng, x.w.impersonal, x.taken)
		if a == nil {
			return nil
		}
		t := &text{capital: m != verbatim, casing: c}
		if m == clause && x.w.chance(0.22) {
			x.reference(x.rule("lead"), t)
			t.literal(" ")
		}
		x.expand(a, t)
		if m != verbatim {
			x.finish(t, m)
		}
		if x.rare(t) {
			x.taken[a] = true
			return t
		}
	}
	return nil
}

// finish adds a tail and the full stop.
func (x *writer) finish(t *text, m manner) {
	if len(t.b) == 0 || slices.Contains([]byte(".?!:)"), t.b[len(t.b)-1]) {
		return
	}
	if asks(t.String()) {
		t.raw("?")
		return
	}
	if m == clause && x.w.chance(0.1) {
		x.reference(x.rule("tail"), t)
	}
	t.raw(".")
}

// asks tells whether a sentence is a question by its first word.
func asks(s string) bool {
	first, rest, _ := strings.Cut(s, " ")
	if second, _, _ := strings.Cut(rest, " "); slices.Contains([]string{"like", "take", "send"}, second) {
		return false // "would like", in notes
	}
	return slices.Contains([]string{"could", "can", "would", "will", "who", "may"}, strings.ToLower(first))
}

// rare tells whether the set can take the sentences of t once more, and counts them if so.
func (x *writer) rare(t *text) bool {
	keys := skeletons(t.String(), t.marks)
	for _, k := range keys {
		if x.seen[k] >= maxRepeat {
			return false
		}
	}
	for _, k := range keys {
		x.seen[k]++
	}
	return true
}

// target draws how many words a text shall have: log-normal, with a heavier end.
func (x *writer) target() int {
	if x.w.chance(0.032) {
		return x.w.between(500, 575)
	}
	n := int(math.Exp(math.Log(158) + 0.52*x.w.normal()))
	return min(max(n, 56), 480)
}

// personalOf gives the kinds of personal data that tickets of a topic bring up, likeliest first.
var personalOf = map[string][]string{
	"refund":  names("iban card phone id person mail iban address card near"),
	"login":   names("mail password ip person hiddenmail phone dob near id"),
	"damage":  names("address phone person address mail dob near"),
	"router":  names("ip password ip phone person url address near"),
	"invoice": names("company iban address person mail company iban id near"),
	"export":  names("key mail person url hiddenmail key near"),
	"api":     names("key url ip key person mail near hiddenmail"),
	"app":     names("phone mail person hiddenmail dob near"),
	"cancel":  names("dob phone id card person iban address mail near"),
	"privacy": names("id dob id address mail hiddenmail phone person id"),
	"address": names("address address2 phone person city mail near"),
	"twofa":   names("phone mail id password dob id hiddenmail person ip"),
	"outage":  names("ip person company url phone city key near"),
	"sensor":  names("password ip address person phone near mail"),
	"payment": names("card iban id card phone person dob id near"),
	"staff":   names("person id mail person company dob phone password"),
}

// kind picks what personal data to bring up next; a ticket does so twice for each kind at most, but for people.
func (x *writer) kind() string {
	kinds := personalOf[x.topic]
	k := kinds[min(x.w.intn(len(kinds)), x.w.intn(len(kinds)))]
	if x.told[k] >= 2 {
		k = "person"
	}
	x.told[k]++
	return k
}

// story tells what the ticket is about in about n words: what happened, what was tried, what it led to, what is wanted.
func (x *writer) story(n int, opening bool) []*text {
	var open, detail, tried, effect, own, ask []*text
	total := 0
	put := func(list *[]*text, t *text) {
		if t != nil {
			*list = append(*list, t)
			total += t.words()
		}
	}
	if opening {
		put(&open, x.say(x.topic+".open", sentence))
	}
	put(&ask, x.say(pick(x.w.rng, []string{"ask", x.topic + ".ask"}), sentence))
	for miss := 0; total < n && miss < 12; {
		before := total
		switch x.w.weighted([]int{42, 12, 12, 20, 8, 5}) {
		case 0:
			put(&detail, x.say(x.topic+".detail", clause))
		case 1:
			put(&tried, x.say(pick(x.w.rng, []string{"tried", x.topic + ".tried"}), clause))
		case 2:
			put(&effect, x.say("effect", clause))
		case 3:
			put(&own, x.say("p."+x.kind(), sentence))
		case 4:
			put(&detail, x.say("aside", clause))
		case 5:
			put(&ask, x.say(pick(x.w.rng, []string{"ask", x.topic + ".ask"}), sentence))
		}
		if total == before {
			miss++
		}
	}
	out := slices.Concat(open, detail, tried, effect)
	for _, t := range own {
		out = slices.Insert(out, x.w.between(min(1, len(out)), len(out)), t)
	}
	return slices.Concat(out, ask)
}

// paragraphs sets sentences in short paragraphs.
func (x *writer) paragraphs(sentences []*text) *text {
	t := &text{}
	left := x.w.between(2, 5)
	for i, s := range sentences {
		if i > 0 {
			if left == 0 {
				t.raw("\n\n")
				left = x.w.between(1, 5)
			} else {
				t.raw(" ")
			}
		}
		t.add(s)
		left--
	}
	return t
}

// line writes one alternative of a rule as it is; repetition is no matter for so short a thing.
func (x *writer) line(name string, c casing) *text {
	t := &text{casing: c, capital: true}
	x.reference(x.rule(name), t)
	return t
}

func join(sep string, parts ...*text) *text {
	t := &text{}
	for _, p := range parts {
		if p == nil || len(p.b) == 0 {
			continue
		}
		if len(t.b) > 0 {
			t.raw(sep)
		}
		t.add(p)
	}
	return t
}
