package detect

import "strings"

// numericDate finds a date in figures at [i, e), the first of its three parts: 1985-03-12, 12/03/1985, 12.03.85.
// A time of day behind it belongs to it.
func (sc *scan) numericDate(i, e int) {
	v := sc.v
	sep := at(v, e)
	if sep != '-' && sep != '/' && sep != '.' {
		return
	}
	if p := at(v, i-1); isAlnum(p) || p == '.' || p == '$' || p == '/' {
		return
	}
	b, j := figures(v, e+1, 2)
	if b < 0 || at(v, j) != sep {
		return
	}
	c, k := figures(v, j+1, 4)
	if c < 0 || isDigit(at(v, k)) || lower[at(v, k)] != 0 && at(v, k) != 'T' || (at(v, k) == sep || at(v, k) == '.') && isDigit(at(v, k+1)) {
		return
	}
	a, _ := figures(v, i, 4)
	if a < 0 || e-i == 3 || k-j-1 == 3 {
		return
	}
	short := false
	switch {
	case e-i == 4 && k-j-1 <= 2:
		if a < 1800 || a > 2199 || !date(c, b) {
			return
		}
	case e-i <= 2 && k-j-1 == 4:
		if c < 1800 || c > 2199 || !date(a, b) && !date(b, a) {
			return
		}
	case e-i <= 2 && k-j-1 == 2:
		if !date(a, b) && !date(b, a) {
			return
		}
		short = true // "1.2.03" may as well be a version
	default:
		return
	}
	sc.reportDate(i, timeOfDay(v, k), short)
}

// figures reads up to limit digits at i.
func figures(v string, i, limit int) (n, end int) {
	end = i
	for end < len(v) && end-i < limit && isDigit(v[end]) {
		n = n*10 + digit(v[end])
		end++
	}
	if end == i {
		return -1, i
	}
	return n, end
}

// timeOfDay extends a date that ends at i by a time: "T10:20:30.5Z", " 10:20 pm", "T10:20:30+02:00".
func timeOfDay(v string, i int) int {
	c := at(v, i)
	if c != 'T' && c != ' ' {
		return i
	}
	h, j := figures(v, i+1, 2)
	if h < 0 || h > 24 || at(v, j) != ':' {
		return i
	}
	m, k := figures(v, j+1, 2)
	if m < 0 || m > 59 || k-j != 3 {
		return i
	}
	if at(v, k) == ':' {
		if s, n := figures(v, k+1, 2); s >= 0 {
			k = n
			if c := at(v, k); c == '.' || c == ',' {
				if f, n := figures(v, k+1, 9); f >= 0 {
					k = n
				}
			}
		}
	}
	switch at(v, k) {
	case 'Z':
		k++
	case '+', '-':
		if z, n := figures(v, k+1, 4); z >= 0 {
			k = n
			if at(v, k) == ':' {
				_, k = figures(v, k+1, 2)
			}
		}
	}
	return k
}

// reportDate says whether [i, e) is a date of birth or any date. weak dates need the context.
func (sc *scan) reportDate(i, e int, weak bool) {
	switch {
	case sc.label(i)&ctxBirth != 0, bornBefore(sc.v, i):
		sc.add(i, e, DateOfBirth, "date-of-birth", 0.95)
	case sc.ctx.near&ctxBirth != 0 && !weak:
		sc.add(i, e, DateOfBirth, "date-of-birth", 0.75)
	case sc.ctx.far&ctxBirth != 0 && !weak:
		sc.add(i, e, DateOfBirth, "date-of-birth", 0.5)
	case weak:
		sc.add(i, e, DateTime, "date", 0.3)
	default:
		sc.add(i, e, DateTime, "date", 0.35)
	}
}

// bornBefore recognises what is too short for a keyword: "né le", "née le", "*" as on German forms, "o".
func bornBefore(v string, i int) bool {
	w := v[max(0, i-8):i]
	for _, s := range [...]string{" ne le ", "\nne le ", "(ne le ", "nee le ", "Ne le ", "Nee le ", " ne en ", "nato il ", "*", "* "} {
		if strings.HasSuffix(w, s) {
			return s[0] != '*' || strings.HasSuffix(v[max(0, i-3):i], " "+s) || strings.HasSuffix(v[max(0, i-3):i], "("+s)
		}
	}
	return false
}

// monthDate finds a date around the name of a month: 12 March 1985, March 12th, 1985, 12. März 1985, 12 de marzo de
// 1985, March 1985.
func (sc *scan) monthDate(c *cand) {
	v := sc.v
	start, end := c.pos, c.end
	// The day before it.
	i := start
	for _, of := range [...]string{" de ", " of ", ". ", "-", " ", ".", "/"} {
		if strings.HasSuffix(v[max(0, i-4):i], of) {
			i -= len(of)
			break
		}
	}
	if i > 2 && i < start {
		switch strings.ToLower(v[i-2 : i]) {
		case "st", "nd", "rd", "th", "er":
			i -= 2
		}
	}
	day := false
	if d := digitsBefore(v, i); d > 0 && d <= 2 && i < start && !isAlnum(at(v, i-d-1)) {
		if n := num([]byte(v[i-d : i])); n >= 1 && n <= 31 {
			start, day = i-d, true
		}
	}
	// The day or the year behind it.
	j := end
	if at(v, j) == '.' {
		j++
	}
	if !day && at(v, j) == ' ' {
		if n, k := figures(v, j+1, 2); n >= 1 && n <= 31 && !isDigit(at(v, k)) {
			switch strings.ToLower(v[k:min(len(v), k+2)]) {
			case "st", "nd", "rd", "th":
				k += 2
			}
			if !isAlnum(at(v, k)) && at(v, k) != ':' && at(v, k) != '%' {
				day, end, j = true, k, k
			}
		}
	}
	year := false
	for _, gap := range [...]string{", ", " , ", " de ", " del ", " ", "-", ",", "/"} {
		if !strings.HasPrefix(v[j:], gap) {
			continue
		}
		if n, k := figures(v, j+len(gap), 4); k-j-len(gap) == 4 && n >= 1800 && n < 2200 && !isAlnum(at(v, k)) {
			end, year = k, true
			break
		}
		if gap == "-" && day {
			if n, k := figures(v, j+1, 2); n >= 0 && k == j+3 && !isAlnum(at(v, k)) {
				end, year = k, true
				break
			}
		}
	}
	if !day && !year || !day && isLower(v[c.pos]) && c.end-c.pos <= 3 {
		return
	}
	sc.look(c.pos)
	if year && day {
		end = timeOfDay(v, end)
	}
	sc.reportDate(start, end, !year)
}

func digitsBefore(v string, i int) int {
	n := 0
	for i-n > 0 && n < 5 && isDigit(v[i-n-1]) {
		n++
	}
	return n
}
