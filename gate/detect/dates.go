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
	score := float32(0)
	switch {
	case sc.label(i)&ctxBirth != 0 && sc.label(i)&ctxOrder == 0 || bornBefore(sc.v, i, weak):
		score = 0.95
	case sc.bornEnd > 0 && i-sc.bornEnd <= 12 && i > sc.bornEnd && !sc.tabled && strings.IndexByte(sc.v[sc.bornEnd:i], '\n') < 0 && hasLetter(sc.v[sc.bornEnd:i]): // "12/03/1985, not 12/03/1958"
		score = 0.6
	default:
		score = sc.bornNear(i, e)
		if weak && score > 0 {
			score -= 0.1
		}
	}
	switch {
	case score >= 0.4:
		sc.bornEnd = e
		sc.add(i, e, DateOfBirth, "date-of-birth", score)
	case weak:
		sc.add(i, e, DateTime, "date", 0.3)
	default:
		sc.add(i, e, DateTime, "date", 0.35)
	}
}

// bornNear scores what words for birth in the window say about the date [i, e). A word counts for the first date
// behind it, and not across a line that names something else: "Born on: …\nNoticed on: 2025-03-01".
func (sc *scan) bornNear(i, e int) float32 {
	if !sc.ctx.any(ctxBirth) || sc.tabled && sc.col&ctxBirth == 0 || sc.ctx.near&ctxVersion != 0 && sc.ctx.near&ctxBirth == 0 || otherDate(sc.v, i) {
		return 0
	}
	v, last := sc.v, -1
	for k := sc.at; k < len(sc.marks) && sc.marks[k].start < e+farAfter; k++ {
		m := &sc.marks[k]
		switch {
		case m.kinds&ctxBirth == 0:
		case m.start < i:
			last = k
		case last < 0 && m.start >= e && m.start-e <= 12 && !strings.ContainsAny(v[e:m.start], "\n.;"): // "12.03.1985 geboren"
			return 0.6
		}
	}
	if last < 0 || sc.marks[last].end <= sc.bornEnd || i-sc.marks[last].end > farBefore {
		return 0
	}
	gap := v[sc.marks[last].end:i]
	if nl := strings.LastIndexByte(gap, '\n'); nl >= 0 && strings.IndexByte(gap[:nl], '?') < 0 {
		if own := strings.TrimSpace(gap[nl+1:]); own != "" && strings.IndexByte(":=.", own[len(own)-1]) >= 0 {
			return 0 // the line has a label of its own
		}
		if above := strings.TrimRight(gap[:nl], " \r"); strings.HasSuffix(above, ":") && strings.IndexByte(above, '\n') >= 0 {
			return 0 // so has the line above
		}
	}
	if len(gap) <= nearBefore {
		return 0.75
	}
	return 0.55
}

// otherDate reports whether the word before i says what other date follows: "due", "since", "until".
func otherDate(v string, i int) bool {
	e := i
	for e > 0 && i-e < 3 && (v[e-1] == ' ' || v[e-1] == ':') {
		e--
	}
	s := e
	for s > 0 && e-s < 12 && lower[v[s-1]] != 0 {
		s--
	}
	switch strings.ToLower(v[s:e]) {
	case "due", "until", "till", "since", "by", "expires", "valid", "from", "dated", "ordered", "paid", "delivered", "shipped", "received", "version",
		"released", "before", "after", "seit", "bis", "vom", "gultig", "depuis", "avant", "desde", "hasta", "jusqu":
		return true
	}
	return false
}

// bornBefore recognises what is no keyword: "né le", "née le", "d.o.b.", "b.", "*" as on German forms.
func bornBefore(v string, i int, weak bool) bool {
	from := max(0, i-20)
	var buf [20]byte
	w := buf[:0]
	for _, c := range []byte(v[from:i]) {
		if isUpper(c) {
			c |= 0x20
		}
		if c == '\n' {
			c = ' '
		}
		w = append(w, c)
	}
	s := strings.TrimRight(string(w), " :=\t\"'")
	if s == "" {
		return false
	}
	if k := len(s) - 1; s[k] == '*' && (k == 0 && from == 0 || k > 0 && (s[k-1] == ' ' || s[k-1] == '(')) {
		return !weak && i-from-k <= 3 && (at(v, from+k+1) != ' ' || at(v, from+k-1) == '(' || at(v, from+k-1) == ' ')
	}
	if rest, ok := strings.CutSuffix(s, " on"); ok && !weak { // "turned 40 on"
		rest = strings.TrimRight(rest, "0123456789")
		if strings.HasSuffix(rest, " turned ") || strings.HasSuffix(rest, " turns ") || strings.HasSuffix(rest, "turning ") {
			return true
		}
	}
	for _, x := range [...]string{
		"d.o.b", "d.o.b.", "d. o. b.", "d/o/b", "ne le", "nee le", "ne(e) le", "ne(e)", "ne/e le", "ne en", "nee en",
		"nato il", "nata il", "f. nac.", "fec. nac.", "f.nac.", " b.", "(b.", " *",
	} {
		if rest, ok := strings.CutSuffix(s, x); ok && (!weak || x[0] != ' ' && x[0] != '(') && (x[0] == ' ' || x[0] == '(' || rest == "" || lower[rest[len(rest)-1]] == 0) {
			return true
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
	if day && !year && start < c.pos { // "12 Mar 85", "12. März '85"
		for _, gap := range [...]string{" '", " ", "/", ", "} {
			if !strings.HasPrefix(v[j:], gap) {
				continue
			}
			k := j + len(gap)
			if n, z := figures(v, k, 2); n >= 0 && z == k+2 && !isAlnum(at(v, z)) && at(v, z) != ':' && at(v, z) != '%' && (at(v, z) != '.' && at(v, z) != ',' || !isDigit(at(v, z+1))) {
				sc.look(c.pos)
				sc.reportDate(start, z, true)
				return
			} else if n >= 0 && z == k+2 && at(v, z) == ',' {
				if sc.look(c.pos); sc.col&ctxBirth != 0 {
					sc.reportDate(start, z, true)
					return
				}
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
