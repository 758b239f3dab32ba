package main

import (
	"fmt"
	"time"
)

// longID is the id of the one long record.
const longID = "T-LONG"

// long makes the one long record, a review of an incident of about 3,000 words.
func (gen *generator) long(created time.Time) *ticket {
	w := gen.newWorld(created)
	w.cust = gen.customers[0]
	w.impersonal, w.language = false, "en"
	x := &writer{generator: gen, w: w, lang: "en", topic: "outage", taken: map[*sequence]bool{}, told: map[string]int{}}
	var parts []*text
	for i := 1; ; i++ {
		name := fmt.Sprintf("long.p%02d", i)
		if gen.g.rules[name] == nil {
			break
		}
		parts = append(parts, x.line(name, asWritten))
		if i == 28 {
			parts = append(parts, x.timeline())
		}
	}
	return gen.finish(longID, "report", x, x.line("long.subject", asWritten), join("\n\n", parts...))
}

func (x *writer) timeline() *text {
	t := &text{}
	at := time.Date(2026, 3, 14, 18, 41, 0, 0, time.UTC)
	for i := range 44 {
		if i > 0 {
			t.raw("\n")
		}
		t.raw(at.Format("02 Jan 15:04  "))
		t.add(x.line("long.event", asWritten))
		at = at.Add(time.Duration(x.w.between(9, 92)) * time.Minute)
	}
	return t
}
