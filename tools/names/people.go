package main

import (
	"math/rand/v2"
	"strings"
)

// familiar are the cultures met most often in the text that is gated; half of the
// generated people are of one of them, the rest of any.
var familiar = []string{"us", "us", "us", "us", "en", "en_GB", "en_US", "en_IE", "de_DE", "de_AT", "fr_FR", "es_ES", "es_MX", "it_IT", "nl_NL", "pt_BR", "pl_PL", "sv_SE", "en_IN", "tr_TR", "id_ID", "ro_RO", "hr_HR", "ru_RU-latn", "uk_UA-latn", "ko-latn", "ja-latn", "vi-latn", "zh-latn", "in-latn", "in-latn", "af-latn", "af-latn", "uk-latn"}

func (p *Pools) culture(rng *rand.Rand) *Culture {
	if p.byCode == nil {
		p.byCode = map[string]int{}
		for i, c := range p.Cultures {
			p.byCode[c.Code] = i
		}
	}
	if rng.Float64() < 0.65 {
		if i, ok := p.byCode[pick(rng, familiar)]; ok {
			return &p.Cultures[i]
		}
	}
	if rng.Float64() < 0.1 {
		return &p.Cultures[rng.IntN(len(p.Cultures))]
	}
	return &p.Cultures[pick(rng, p.latin)]
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

func (c *Culture) given(rng *rand.Rand) string   { return pick(rng, c.Given) }
func (c *Culture) surname(rng *rand.Rand) string { return pick(rng, c.Surname) }

var nobility = []string{"van der", "van", "de", "de la", "von", "van den", "bin", "al", "del", "di", "da", "dos", "ter", "El", "Al", "Ben", "Mac", "St.", "von der", "ibn", "della", "le", "De", "Van", "Di", "La", "Du"}

// person makes a full name, in one of the ways people write them.
func (c *Culture) person(rng *rand.Rand) string {
	given, surname := c.given(rng), c.surname(rng)
	switch rng.IntN(24) {
	case 0:
		return given + " " + pick(rng, nobility) + " " + surname
	case 1:
		return given + " " + surname + "-" + c.surname(rng)
	case 2:
		return given + "-" + c.given(rng) + " " + surname
	case 3:
		return initial(given) + ". " + surname
	case 4:
		return initial(given) + ". " + initial(c.given(rng)) + ". " + surname
	case 5:
		return given + " " + initial(c.given(rng)) + ". " + surname
	case 6:
		return given + " " + c.given(rng) + " " + surname
	case 7:
		return given + " " + surname + " " + c.surname(rng)
	case 8:
		return given + " " + pick(rng, []string{"O'", "O’", "Mc", "Mac", "D'", "d'", "Fitz"}) + surname
	case 9:
		return initial(given) + " " + surname
	}
	return given + " " + surname
}

func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return ""
}

// place is a city or a region.
func (p *Pools) place(rng *rand.Rand) string {
	if rng.Float64() < 0.3 {
		return pick(rng, p.Regions)
	}
	return pick(rng, p.Cities)
}
