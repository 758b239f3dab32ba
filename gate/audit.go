package gate

import (
	"fmt"
	"strings"
)

// Leaks looks at clean text anew, with every detector, and counts by type what
// stands in it in clear though the policy does not keep it: sure are those
// that the policy would transform, doubtful those below its threshold.
func (g *Gate) Leaks(p *Policy, class string, c Clean) (sure, doubtful map[Entity]int, err error) {
	sure, doubtful = map[Entity]int{}, map[Entity]int{}
	found, err := g.AnalyzeUnder(p, NewRaw(c.display))
	if err != nil {
		return nil, nil, err
	}
	for _, f := range found {
		r := p.rule(class, f)
		switch {
		case r.Action == Keep || c.transformed(f.Start, f.End):
		case f.Score >= r.MinScore:
			sure[f.Entity]++
		default:
			doubtful[f.Entity]++
		}
	}
	return sure, doubtful, nil
}

// transformed reports whether a span of the display form touches what the
// gate put there.
func (c Clean) transformed(start, end int) bool {
	for _, m := range c.marks {
		if m.entity != "" && m.d < end && start < m.d+m.dn {
			return true
		}
	}
	return false
}

// Probes are for an audit of vectors: the embed form of a part of a text with
// its first transformed value in clear, and the same with invented values in
// its place. If a vector that was made of the bare type is nearest to the
// first of them more often than chance has it, it gives values away. They are
// for models in this process alone. Nil means that there is no such value.
func (g *Gate) Probes(p *Policy, class string, text Raw, start, end, invented int) []Clean {
	raw := text.Reveal()
	if start < 0 || end > len(raw) || start >= end {
		return nil
	}
	found, err := g.AnalyzeUnder(p, text)
	if err != nil {
		return nil
	}
	chosen := resolve(p, class, raw, found)
	marks := make([]mark, 0, len(chosen))
	at := -1
	for _, f := range chosen {
		if f.Start < start || f.End > end {
			continue
		}
		if at < 0 {
			at = len(marks)
		}
		marks = append(marks, mark{entity: f.Entity, s: f.Start - start, sn: f.End - f.Start, replaced: "[" + string(f.Entity) + "]"})
	}
	if at < 0 {
		return nil
	}
	part := raw[start:end]
	value := part[marks[at].s : marks[at].s+marks[at].sn]
	out := make([]Clean, 0, 1+invented)
	for n := range 1 + invented {
		own := append([]mark{}, marks...)
		entity := own[at].entity
		own[at].entity, own[at].replaced = "", value // stands as it is, also for models
		if n > 0 {
			t := transformer{Gate: g, policy: &Policy{Domain: fmt.Sprint("probe ", n)}}
			invention, ok := t.surrogate(entity, value)
			if !ok {
				invention = t.scramble(value, 0, "probe", strings.ToLower(value))
			}
			own[at].replaced = invention
		}
		out = append(out, build(part, own))
	}
	return out
}
