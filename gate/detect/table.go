package detect

import "strings"

// Limits of tables: how long a row may be, how many columns count, and how far above a row its header may stand. The
// sum of the first and the last keeps decisions within 4 KiB.
const (
	maxRow     = 1 << 10
	maxColumns = 32
	maxHeader  = 3 << 10
)

// row is how a line is divided: by tabs, bars, semicolons or commas.
type row struct {
	sep   byte // 0: not at all
	cells int
}

// grid is the table around the line that was looked at last. A header is the first of several lines that are divided
// alike.
type grid struct {
	line    int // the line; -1 before the first
	row     row
	head    int // its header; -1 where none is near enough
	named   int // the header that columns is of; -1: none
	columns [maxColumns]kinds
	// Where column counting stands in the line.
	counted, at, column int
	quoted              bool
}

// lineOf moves the cursor of lines to the one that holds pos. Values come in order, give or take a few bytes.
func (sc *scan) lineOf(pos int) int {
	l := sc.atLine
	for l+1 < len(sc.lines) && sc.lines[l+1] <= pos {
		l++
	}
	for l > 0 && sc.lines[l] > pos {
		l--
	}
	sc.atLine = l
	return l
}

// lineText is line l without its end; empty where it is too long for a row.
func (sc *scan) lineText(l int) string {
	start, end := sc.lines[l], len(sc.v)
	if l+1 < len(sc.lines) {
		end = sc.lines[l+1] - 1
	}
	if end-start > maxRow {
		return ""
	}
	return strings.TrimSuffix(sc.v[start:end], "\r")
}

func rowOf(line string) row {
	for _, by := range [...]string{"|", "\t", ";", ","} {
		n, sep := strings.Count(line, by), by[0]
		if n == 0 {
			continue
		}
		if strings.IndexByte(line, '"') >= 0 {
			n = 0
			quoted := false
			for i := range len(line) {
				switch line[i] {
				case '"':
					quoted = !quoted
				case sep:
					if !quoted {
						n++
					}
				}
			}
			if n == 0 {
				continue
			}
		}
		return row{sep, n + 1}
	}
	return row{}
}

// header is the name of the column of the value that was looked at last, as its table gives it.
func (sc *scan) header() string {
	t := &sc.grid
	if !sc.headed {
		return ""
	}
	column := 0
	for cell := range strings.SplitSeq(sc.lineText(t.head), string(rune(t.row.sep))) {
		if column == t.column {
			if !columnName(cell) {
				return ""
			}
			return cell
		}
		column++
	}
	return ""
}

// column is what the header above pos says about the column that pos is in.
func (sc *scan) column(pos int) kinds {
	sc.tabled, sc.headed = false, false
	l := sc.lineOf(pos)
	t := &sc.grid
	if l < t.line {
		return 0
	}
	if l > t.line {
		sc.divide(l)
	}
	if t.row.sep == 0 || t.head < 0 || t.head == l || sc.fold.start(pos)-sc.fold.start(sc.lines[t.head]) > maxHeader {
		return 0
	}
	if t.named != t.head {
		sc.nameColumns(t)
	}
	sc.tabled = t.columns != [maxColumns]kinds{}
	if t.counted != l || pos < t.at {
		t.counted, t.at, t.column, t.quoted = l, sc.lines[l], 0, false
	}
	for ; t.at < pos; t.at++ {
		sc.steps++
		switch sc.v[t.at] {
		case '"':
			t.quoted = !t.quoted
		case t.row.sep:
			if !t.quoted {
				t.column++
			}
		}
	}
	if t.column >= maxColumns {
		return 0
	}
	sc.headed = true
	return t.columns[t.column]
}

// divide moves t on to line l. Each line is divided once.
func (sc *scan) divide(l int) {
	t := &sc.grid
	from := l
	for from-1 > t.line && sc.lines[from-1] >= sc.lines[l]-maxHeader {
		from--
	}
	if from-1 > t.line { // what lies between is too far away to hold the header
		t.row, t.head = rowOf(sc.lineText(from-1)), -1
	}
	for ; from <= l; from++ {
		sc.steps++
		r := rowOf(sc.lineText(from))
		if r != t.row || r.sep == 0 {
			t.row, t.head = r, from
		}
	}
	t.line = l
}

// nameColumns reads the header. A cell that does not read like a name of a column makes it none.
func (sc *scan) nameColumns(t *grid) {
	t.named = t.head
	clear(t.columns[:])
	line := sc.lineText(t.head)
	personal, n := kinds(0), 0
	for cell := range strings.SplitSeq(line, string(rune(t.row.sep))) {
		if n == maxColumns {
			break
		}
		if !columnName(cell) || cell == "" && t.row.sep != '|' {
			clear(t.columns[:])
			return
		}
		k := wordKinds(cell)
		t.columns[n] = k
		personal |= k
		n++
	}
	if personal&(ctxBirth|ctxPhone|ctxMail|ctxAddress) == 0 {
		return
	}
	for i := range t.columns { // beside birthdays an "id" is a person's
		if t.columns[i]&ctxID != 0 {
			t.columns[i] &^= ctxOrder
		}
	}
}

func columnName(cell string) bool {
	words := 0
	if cell = strings.TrimSpace(cell); cell != "" && lower[cell[0]] == 0 && cell[0] != '"' && cell[0] < 0x80 && cell[0] != '#' && strings.Trim(cell, "-") != "" {
		return false // a bullet
	}
	for i := range len(cell) {
		c := cell[i]
		if isDigit(c) || strings.IndexByte("?!:={}[]<>", c) >= 0 || c == '.' && i+1 < len(cell) && cell[i+1] == ' ' && i > 5 || c == '(' && i > 0 && cell[i-1] != ' ' {
			return false
		}
		if lower[c] != 0 && (i == 0 || lower[cell[i-1]] == 0) {
			words++
		}
	}
	return len(cell) <= 36 && words <= 4
}

// wordKinds is the context that the words of s give.
func wordKinds(s string) kinds {
	k := kinds(0)
	for i := 0; i < len(s); {
		n, h := letters(s, i)
		if n >= 2 && n <= maxKeyword {
			if w := lookup(h, s[i:i+n]); w != nil {
				k |= w.kinds
			}
		}
		i += max(n, 1)
	}
	return k
}

// passwordColumn handles a word for password at s that may name a column: it reports the cells below it.
func (sc *scan) passwordColumn(s int) {
	l := len(sc.lines) - 1
	start := sc.lines[l]
	if s-start > maxRow || start < sc.columnEnd {
		return
	}
	sc.columnEnd = start + 1 // one look at each line
	next := func(i int) (line string, end int) {
		end = len(sc.v)
		if k := strings.IndexByte(sc.v[i:min(end, i+maxRow+1)], '\n'); k >= 0 {
			end = i + k
		} else if end-i > maxRow {
			return "", i
		}
		return strings.TrimSuffix(sc.v[i:end], "\r"), end + 1
	}
	line, i := next(start)
	r := rowOf(line)
	if r.sep == 0 || r.cells > maxColumns || l > 0 && rowOf(sc.lineText(l-1)) == r {
		return
	}
	var is [maxColumns]bool
	n := 0
	for cell := range strings.SplitSeq(line, string(rune(r.sep))) {
		if !columnName(cell) || cell == "" && r.sep != '|' {
			return
		}
		is[n] = wordKinds(cell)&ctxPassword != 0
		n++
	}
	for i < len(sc.v) && i-start < maxHeader {
		line, after := next(i)
		if rowOf(line) != r {
			return
		}
		at, column, quoted := 0, 0, false
		for k := 0; k <= len(line); k++ {
			switch {
			case k < len(line) && line[k] == '"':
				quoted = !quoted
			case k == len(line) || line[k] == r.sep && !quoted:
				if is[column] {
					sc.passwordCell(i+at, i+k)
				}
				column, at = column+1, k+1
			}
		}
		i = after
	}
}

func (sc *scan) passwordCell(s, e int) {
	v := sc.v
	for s < e && strings.IndexByte(" \"'`", v[s]) >= 0 {
		s++
	}
	for e > s && strings.IndexByte(" \"'`", v[e-1]) >= 0 {
		e--
	}
	if e-s >= 4 && hasLetter(v[s:e]) && (hasDigit(v[s:e]) || classes(v[s:e]) > 1) && strings.IndexByte(v[s:e], ' ') < 0 {
		sc.password(s, e, true, 0.8)
	}
}
