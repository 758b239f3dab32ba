package gate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// surrogate invents a value of the same kind: names of the same culture and
// gender, numbers that are written alike and pass the same check. It is the
// same for the same value, key and domain. There are fewer invented values
// than real ones, so two values may get one surrogate.
func (t *transformer) surrogate(e Entity, value string) (string, bool) {
	switch e {
	case "PERSON":
		return t.surrogateName(value)
	case "EMAIL_ADDRESS":
		return t.surrogateEmail(value), true
	case "ORGANIZATION":
		return t.pick(companies, "company", canonical(value)) + " " + t.pick(companyForms, "form", canonical(value)), true
	case "LOCATION":
		return t.surrogatePlace(value), true
	case "DATE_TIME", "DATE_OF_BIRTH":
		return shiftDate(value, t.shiftDays(0), false)
	case "SECRET", "URL", "CRYPTO", "IP_ADDRESS", "MAC_ADDRESS":
		return "", false // nothing is gained by one that looks real
	}
	return t.surrogateNumber(e, value)
}

func (t *transformer) pick(list []string, parts ...string) string {
	return list[t.choice(len(list), parts...)]
}

// other picks one of a list that is not the value itself.
func (t *transformer) other(list []string, value string, parts ...string) string {
	i := t.choice(len(list), parts...)
	if foldText(list[i]) == foldText(value) {
		i = (i + 1) % len(list)
	}
	return list[i]
}

// surrogateName replaces each word of a name by one of its role. A word says
// its culture and gender itself where it is known, so that a query's word is
// replaced alike.
func (t *transformer) surrogateName(value string) (string, bool) {
	var parts []word
	for w := range nameWords(value) {
		parts = append(parts, w)
	}
	var b strings.Builder
	end := 0
	for i, w := range parts {
		if end > 0 {
			b.WriteString(between(value[end:w.start]))
		}
		b.WriteString(t.nameWord(value[w.start:w.end], i == len(parts)-1 && i > 0))
		end = w.end
	}
	return b.String(), end > 0
}

// nameWord replaces a word of a name; last says that it would be a surname if
// nothing else is known of it.
func (t *transformer) nameWord(w string, last bool) string {
	folded := foldText(w)
	known, ok := nameIndex()[folded]
	role := known.role
	if !ok {
		known.culture, role = cultureOf(folded, w), anyGiven
		if last {
			role = surname
		}
	}
	if utf8.RuneCountInString(w) == 1 {
		return likeCase(w, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[t.choice(26, "initial", folded):][:1])
	}
	c := cultures[known.culture]
	list := c.surnames
	switch role {
	case female:
		list = c.female
	case male:
		list = c.male
	case anyGiven:
		list = slices.Concat(c.female, c.male)
	case surname:
	}
	return likeCase(w, t.other(list, w, "name", string(role), folded))
}

// nameTerms are the surrogates under which a query's word may stand in an index.
func (t *transformer) nameTerms(w string) []string {
	a, b := t.nameWord(w, false), t.nameWord(w, true)
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// likeCase writes a word in capitals, small or with an initial capital, as
// another one is written.
func likeCase(like, w string) string {
	first, size := utf8.DecodeRuneInString(like)
	switch {
	case !unicode.IsUpper(first):
		return strings.ToLower(w)
	case len(like) > size && like == strings.ToUpper(like):
		return strings.ToUpper(w)
	}
	r, n := utf8.DecodeRuneInString(w)
	return string(unicode.ToUpper(r)) + w[n:]
}

// surrogateEmail is at a domain that is reserved for examples (RFC 2606).
func (t *transformer) surrogateEmail(value string) string {
	key := canonical(value)
	c := cultures[t.choice(len(latinCultures), "culture", key)]
	given := foldText(t.pick(slices.Concat(c.female, c.male), "given", key))
	last := foldText(t.pick(c.surnames, "surname", key))
	local, _, _ := strings.Cut(value, "@")
	sep := ""
	for _, s := range []string{".", "_", "-"} {
		if strings.Contains(local, s) {
			sep = s
			break
		}
	}
	return fmt.Sprintf("%s%s%s%d@example.%s", given, sep, last, 10+t.choice(990, "number", key),
		[]string{"com", "net", "org"}[t.choice(3, "domain", key)])
}

// surrogatePlace is a street address for what has a number, else a town.
func (t *transformer) surrogatePlace(value string) string {
	key := canonical(value)
	town := t.other(towns, value, "town", key)
	if !strings.ContainsFunc(value, unicode.IsDigit) {
		return town
	}
	return fmt.Sprintf("%d %s, %s", 1+t.choice(240, "house", key), t.pick(streets, "street", key), town)
}

// tries bounds the search for a number that passes the check; one in a
// hundred or more does for every check in use.
const tries = 4000

// surrogateNumber invents digits and letters in the places of the old ones
// until the detector takes the result for the same type: so the check digit is right.
func (t *transformer) surrogateNumber(e Entity, value string) (string, bool) {
	key := canonical(value)
	keep := kept(e, value)
	checked := t.recognised(e, value)
	for n := range tries {
		candidate := t.scramble(value, keep, fmt.Sprint("number ", e, " ", n), key)
		if candidate != value && (!checked || t.recognised(e, candidate)) {
			return candidate, true
		}
	}
	return "", false
}

// kept is how many leading bytes say what a number is, and no more: a country,
// a dialling code, the kind of a card.
func kept(e Entity, value string) int {
	switch {
	case e == "IBAN_CODE" || e == "EU_VAT":
		return min(2, len(value))
	case e == "CREDIT_CARD":
		return 1
	case e == "PHONE_NUMBER" && strings.HasPrefix(value, "+"):
		return min(4, len(value)) // +44 or +1 and a little
	case e == "PHONE_NUMBER":
		return min(2, len(value))
	}
	return 0
}

func (t *transformer) recognised(e Entity, value string) bool {
	for _, f := range t.patterns.Scan(nil, value) {
		if Entity(f.Type) == e && f.Start == 0 && f.End == len(value) {
			return true
		}
	}
	return false
}

// scramble puts keyed letters and digits in the places of others.
func (t *transformer) scramble(value string, keep int, parts ...string) string {
	sum := t.keyed(parts...)
	next := 0
	draw := func(n byte) byte {
		if next == len(sum) {
			sum, next = t.keyed(append(parts, string(sum[:]))...), 0
		}
		next++
		return sum[next-1] % n
	}
	out := []byte(value)
	for i, c := range out {
		switch {
		case i < keep:
		case c >= '0' && c <= '9':
			out[i] = '0' + draw(10)
		case c >= 'A' && c <= 'Z':
			out[i] = 'A' + draw(26)
		case c >= 'a' && c <= 'z':
			out[i] = 'a' + draw(26)
		}
	}
	return string(out)
}
