package detect

import "strings"

// Phrases that make a number of years an age, without accents. What stands behind begins with the word; what stands
// before ends with it.
var (
	ageBehind = strings.Split(" years old| year old|-year-old|-years-old| yrs old| y/o| yo | y.o.| years of age| jahre alt|-jahrig|jahrig| jahre jung|"+
		" anos de edad| anos de idade| ans et | anni di eta| jaar oud| ar gammal| lat | yasinda", "|")
	ageBefore = strings.Split("aged |age: |age |age of |ages |im alter von |alter: |alter |edad: |edad |de edad |idade: |age = |agee de |age de |tiene |tengo |"+
		"eta: |eta |di anni |leeftijd: |leeftijd |alder: |turned |turning |turns ", "|")
)

// age finds the age of a person at the number [i, e).
func (sc *scan) age(i, e int) {
	v := sc.v
	n, k := figures(v, i, 3)
	if k != e || n < 1 || n > 120 || v[i] == '0' {
		return
	}
	behind, before := v[e:min(len(v), e+20)], v[max(0, i-16):i]
	for _, w := range ageBehind {
		if startsWith(behind, w) && (w != " lat " || endsWith(before, "ma ")) {
			sc.add(i, e, Age, "age", 0.8)
			return
		}
	}
	if c := at(v, e); c == '%' || c == '.' && isDigit(at(v, e+1)) || c == ':' || c == '/' || c == '-' && isDigit(at(v, e+1)) {
		return
	}
	for _, w := range ageBefore {
		if endsWith(before, w) && lower[at(v, i-len(w)-1)] == 0 && (strings.IndexByte(":=", w[len(w)-2]) >= 0 || ageFits(w, behind)) {
			sc.add(i, e, Age, "age", 0.75)
			return
		}
	}
}

// ageFits reports whether what stands behind a number goes with the word before it: "turned 40 in May", not "turned 40
// people away"; "tiene 41 años".
func ageFits(word, behind string) bool {
	years := startsWith(behind, " anos") || startsWith(behind, " ans") || startsWith(behind, " anni")
	switch word {
	case "tiene ", "tengo ":
		return years
	case "turned ", "turning ", "turns ", "age ", "alter ", "eta ", "edad ", "leeftijd ":
		if years || at(behind, 0) != ' ' || lower[at(behind, 1)] == 0 {
			return true
		}
		for _, w := range [...]string{" and ", " in ", " on ", " this ", " last "} {
			if startsWith(behind, w) {
				return true
			}
		}
		return false
	}
	return true
}

// startsWith and endsWith compare in any case.
func startsWith(s, w string) bool { return len(s) >= len(w) && strings.EqualFold(s[:len(w)], w) }

func endsWith(s, w string) bool { return len(s) >= len(w) && strings.EqualFold(s[len(s)-len(w):], w) }
