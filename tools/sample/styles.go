package main

import (
	"fmt"
	"strings"
	"time"
)

// mail is a letter of about n words from the customer.
func (x *writer) mail(n int) *text {
	return join("\n\n", x.line("greeting", x.casing), x.paragraphs(x.story(n, true)), x.signature())
}

// signature closes a letter, from a bare name to a block with everything.
func (x *writer) signature() *text {
	t := x.line("closing", x.casing)
	if x.w.impersonal {
		return t
	}
	t.raw("\n")
	t.add(x.line("signed", x.casing))
	if x.w.chance(0.35) {
		t.raw("\n")
		t.add(x.line("block", asWritten))
	}
	return t
}

// answer is what an agent writes.
func (x *writer) answer(n int) *text {
	parts := []*text{x.sayIn("agent.open", sentence, asWritten)}
	total := 0
	for miss := 0; total < n && miss < 8; {
		t := x.sayIn(pick(x.w.rng, []string{x.topic + ".agent", x.topic + ".agent", "agent.work"}), sentence, asWritten)
		if t == nil {
			miss++
			continue
		}
		parts = append(parts, t)
		total += t.words()
	}
	parts = append(parts, x.sayIn("agent.close", sentence, asWritten))
	var kept []*text
	for _, p := range parts {
		if p != nil {
			kept = append(kept, p)
		}
	}
	sign := "agent.signed"
	if x.w.impersonal {
		sign = "agent.unsigned"
	}
	return join("\n\n", x.line("agent.greeting", asWritten), x.paragraphs(kept), x.line(sign, asWritten))
}

// thread is a letter above the one it answers, and at times a third.
func (x *writer) thread(n int) *text {
	top := n * x.w.between(35, 55) / 100
	first := join("\n\n", x.line("greeting", x.casing), x.paragraphs(x.story(max(top, 25), true)), x.signature())
	old := x.answer(max((n-top)/2, 18))
	if n > 170 && x.w.chance(0.6) {
		was := join("\n\n", x.line("greeting", x.casing), x.paragraphs(x.story(max((n-top)/3, 20), false)))
		old = join("\n\n", old, join("\n", x.header(x.w.created.Add(-50*time.Hour), false), was.quoted("> ")))
	}
	return join("\n\n", first, join("\n", x.header(x.w.created.Add(-20*time.Hour), true), old.quoted("> ")))
}

// header stands above a quoted letter, in the manner of several mail programs.
func (x *writer) header(at time.Time, fromAgent bool) *text {
	p := x.w.cust.person
	if fromAgent {
		p = x.w.agent
	}
	t := &text{}
	form := x.w.intn(4)
	if x.w.impersonal {
		form = 4
	}
	switch form {
	case 0:
		t.raw(at.Format("On Mon, 2 Jan 2006 at 15:04, "))
		x.named(t, p)
		t.raw(" wrote:")
	case 1:
		t.raw("-----Original Message-----\nFrom: ")
		t.value(p.full(), tPerson, true)
		t.raw(at.Format("\nSent: 02 January 2006 15:04\nTo: "))
		if fromAgent {
			t.value(x.w.cust.full(), tPerson, true)
		} else {
			t.raw("Tidewell Support")
		}
		t.raw("\n")
	case 2:
		t.raw("From: ")
		x.named(t, p)
		t.raw(at.Format("\nDate: Mon, 02 Jan 2006 15:04:05 +0000\nReference: "))
		t.value(uuid(x.w.rng), "", true)
		t.raw("\n")
	case 3:
		t.raw(at.Format("2006-01-02 15:04 GMT "))
		t.value(p.full(), tPerson, true)
		t.raw(":")
	default:
		t.raw(at.Format("On 2 Jan 2006 at 15:04, Tidewell Support wrote:"))
	}
	return t.machine()
}

func (x *writer) named(t *text, p person) {
	t.value(p.full(), tPerson, true)
	t.raw(" <")
	t.value(p.mail, tMail, true)
	t.raw(">")
}

// chat is a log of about n words.
func (x *writer) chat(n int) *text {
	form, at := x.w.intn(5), x.w.created
	who := x.w.intn(3)
	t := &text{}
	total := 0
	turn := func(agent bool, s *text) {
		if s == nil {
			return
		}
		if len(t.b) > 0 {
			t.raw("\n")
		}
		at = at.Add(time.Duration(x.w.between(8, 95)) * time.Second)
		x.speaker(t, form, who, at, agent)
		t.add(s)
		total += s.words() + 2
	}
	turn(true, x.sayIn("chat.hello", sentence, asWritten))
	turn(false, x.say("chat.hi", sentence))
	turn(false, x.say(x.topic+".open", sentence))
	for miss := 0; total < n-25 && miss < 12; {
		before := total
		switch x.w.weighted([]int{30, 22, 14, 14, 24, 9}) {
		case 0:
			turn(false, x.say(x.topic+".detail", sentence))
		case 1:
			turn(true, x.sayIn(x.topic+".agent", sentence, asWritten))
		case 2:
			turn(true, x.sayIn("chat.agent", sentence, asWritten))
			turn(false, x.say("chat.short", sentence))
		case 3:
			turn(false, x.say(pick(x.w.rng, []string{"tried", "effect", x.topic + ".tried"}), sentence))
		case 4:
			kind := x.kind()
			if a := x.say("chat.a."+kind, verbatim); a != nil {
				turn(true, x.sayIn("chat.q."+kind, sentence, asWritten))
				turn(false, a)
			}
		case 5:
			turn(false, x.say(x.topic+".ask", sentence))
		}
		if total == before {
			miss++
		}
	}
	turn(true, x.sayIn("agent.close", sentence, asWritten))
	turn(false, x.say("chat.bye", sentence))
	return t
}

// speaker opens a line of a chat log.
func (x *writer) speaker(t *text, form, who int, at time.Time, agent bool) {
	p, role := x.w.cust.person, "Visitor"
	if agent {
		p, role = x.w.agent, "Agent"
	}
	name, kind := p.full(), tPerson
	switch who {
	case 1:
		name = p.first
	case 2:
		name = p.first + " " + firstRune(p.last) + "."
	}
	if x.w.impersonal {
		name, kind = role, ""
	}
	switch form {
	case 0:
		t.raw(at.Format("[15:04:05] "))
		t.value(name, kind, true)
		t.raw(": ")
	case 1:
		t.raw(at.Format("15:04 "))
		t.value(name, kind, true)
		t.raw(" > ")
	case 2:
		t.raw(at.Format("(15:04) ") + role + " ")
		if kind != "" {
			t.value(name, kind, true)
		}
		t.raw(": ")
	case 3:
		t.value(name, kind, true)
		t.raw(at.Format(" · 15:04\n"))
	default:
		t.value(name, kind, true)
		t.raw(": ")
	}
}

// notes are what an agent jots down during a call.
func (x *writer) notes(n int) *text {
	t := x.line("note.head", asWritten)
	total := t.words()
	bullet := pick(x.w.rng, []string{"- ", "* ", "", "– "})
	put := func(s *text) {
		if s != nil {
			t.raw("\n" + bullet)
			t.add(s)
			total += s.words()
		}
	}
	put(x.sayIn(x.topic+".note", sentence, asWritten))
	for miss := 0; total < n && miss < 16; {
		before := total
		switch x.w.weighted([]int{40, 26, 26}) {
		case 0:
			put(x.sayIn(x.topic+".note", sentence, asWritten))
		case 1:
			put(x.sayIn("note.general", sentence, asWritten))
		case 2:
			put(x.sayIn("note."+x.kind(), sentence, asWritten))
		}
		if total == before {
			miss++
		}
	}
	put(x.sayIn("note.action", sentence, asWritten))
	return t
}

// form is a filled web form with a description of about n words.
func (x *writer) form(n int) *text {
	sep := pick(x.w.rng, []string{": ", ": ", " = ", " ..... ", ":\n"})
	upper := x.w.chance(0.25)
	t := &text{}
	field := func(rule string) {
		row := x.line(rule, asWritten)
		label, value, ok := strings.Cut(row.String(), "=>")
		if !ok || strings.TrimSpace(value) == "" {
			return
		}
		head := strings.TrimSpace(label)
		if upper {
			head = strings.ToUpper(head)
		}
		t.raw(head + sep)
		skip := strings.Index(row.String(), "=> ") + 3
		rest := &text{b: row.b[skip:]}
		for _, m := range row.marks {
			rest.marks = append(rest.marks, mark{m.start - skip, m.end - skip, m.kind})
		}
		t.add(rest)
		t.raw("\n")
	}
	rules := []string{"form.name", "form.mail", "form.phone", "form.address", "form.order", "form.birth", "form.product", "form.when", "form.account", "form.choice", "form.id"}
	if x.w.impersonal {
		rules = []string{"form.order", "form.product", "form.when", "form.choice"}
	}
	for i, r := range rules {
		if i == 0 || x.w.chance(0.62) {
			field(r)
		}
	}
	t.raw("\n" + fmt.Sprintf("%s%s\n", pick(x.w.rng, list(x.line("form.story", asWritten).String())), strings.TrimRight(sep, "\n ")))
	t.add(x.paragraphs(x.story(max(n-t.words(), 30), true)))
	return t
}
