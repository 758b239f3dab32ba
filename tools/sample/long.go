package main

import "time"

// long is the one long record: a review of an incident.
func (gen *generator) long(created time.Time) (*ticket, error) {
	w := gen.newWorld(created)
	w.impersonal, w.language = false, "en"
	x := &writer{generator: gen, w: w, lang: "en", topic: "api", taken: map[*sequence]bool{}}
	body := x.paragraphs(x.story(600, true))
	return gen.finish("T-LONG", "report", x, x.line("api.subject", asWritten), body), nil
}
