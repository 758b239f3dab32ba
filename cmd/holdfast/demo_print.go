package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// paper is what the demo prints on: calm, within 96 columns, and in colour
// only where a terminal shows it and nobody asked for none (no-color.org).
type paper struct {
	w     io.Writer
	color bool
	width int
	err   error // the first failure to print
}

func newPaper(c *cli) *paper {
	if c.json {
		return &paper{w: io.Discard, width: 88}
	}
	width, isTerminal := terminal(c.out)
	if !isTerminal {
		return &paper{w: c.out, width: 88}
	}
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb"
	return &paper{w: c.out, color: !plain, width: max(60, min(width, 96))}
}

func (p *paper) print(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *paper) style(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *paper) bold(s string) string { return p.style("1", s) }
func (p *paper) dim(s string) string  { return p.style("2", s) }
func (p *paper) cyan(s string) string { return p.style("36", s) }

func (p *paper) gap() { p.print("\n") }

func (p *paper) heading(n int, title string) {
	p.print("%s\n", p.bold(fmt.Sprintf("%d  %s", n, title)))
}

// labelWidth is the column in which values begin, within the margin.
const (
	margin     = "   "
	labelWidth = 13
)

// row prints a value beside its label; further lines hang under the first.
func (p *paper) row(label, format string, args ...any) {
	lines := wrap(fmt.Sprintf(format, args...), p.width-len(margin)-labelWidth)
	for i, line := range lines {
		if i > 0 {
			label = ""
		}
		p.print("%s%s%s\n", margin, p.dim(pad(label, labelWidth)), line)
	}
}

// note prints a remark.
func (p *paper) note(format string, args ...any) {
	for _, line := range wrap(fmt.Sprintf(format, args...), p.width-len(margin)) {
		p.print("%s%s\n", margin, p.dim(line))
	}
}

// columns prints a table: names and words to the left, numbers to the right.
// The heading begins with "<" for what goes to the left.
func (p *paper) columns(heading []string, rows [][]string) {
	names, width, left := make([]string, len(heading)), make([]int, len(heading)), make([]bool, len(heading))
	for i, h := range heading {
		names[i], left[i] = strings.CutPrefix(h, "<")
	}
	rows = append([][]string{names}, rows...)
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if i > 0 {
				b.WriteString("  ")
			}
			if left[i] {
				b.WriteString(pad(cell, width[i]))
			} else {
				b.WriteString(pad("", width[i]-utf8.RuneCountInString(cell)) + cell)
			}
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = p.dim(line)
		}
		p.print("%s%s\n", margin, line)
	}
}

// hidden is how values look after the gate under the default policy.
var hidden = regexp.MustCompile(`\b[A-Z][A-Z_]*_[a-km-z2-9i]{10}\b|\[[A-Z][A-Z_]+\]|\*{2,}[* ]*\d{0,4}( \d{1,4})?`)

// passage shows a passage in two lines around what the words of the query
// find in it; what the gate has transformed stands out.
func (p *paper) passage(text string, words []string, indent int) {
	width := p.width - indent
	lines := wrap(excerpt(text, words, 2*width), width-2)
	if len(lines) > 2 {
		lines = append(lines[:1], lines[1]+" …")
	}
	for _, line := range lines {
		p.print("%s%s\n", pad("", indent), p.marked(line, words))
	}
}

// marked makes words bold that the query asks for, and gives what is hidden
// its colour.
func (p *paper) marked(line string, words []string) string {
	if !p.color {
		return line
	}
	tokens := strings.Split(hidden.ReplaceAllStringFunc(line, p.cyan), " ")
	for i, t := range tokens {
		if !strings.Contains(t, "\x1b") && match(t, words) != "" {
			tokens[i] = p.bold(t)
		}
	}
	return strings.Join(tokens, " ")
}

// excerpt cuts about n characters out of a text, where most of the words are.
func excerpt(text string, words []string, n int) string {
	tokens := strings.Fields(text)
	hits := make([]string, len(tokens))
	for i, t := range tokens {
		hits[i] = match(t, words)
	}
	best, from, to := -1, 0, 0
	for start := range tokens {
		// The first words stand in front of what is found, to read well.
		if start > 0 && hits[min(start+3, len(tokens)-1)] == "" {
			continue
		}
		found, size, end := map[string]bool{}, 0, start
		for end < len(tokens) && size+utf8.RuneCountInString(tokens[end]) <= n {
			size += utf8.RuneCountInString(tokens[end]) + 1
			if hits[end] != "" {
				found[hits[end]] = true
			}
			end++
		}
		if len(found) > best {
			best, from, to = len(found), start, end
		}
	}
	out := strings.Join(tokens[from:to], " ")
	if from > 0 {
		out = "… " + out
	}
	if to < len(tokens) {
		out += " …"
	}
	return out
}

// match finds the word of the query that a token begins like, or "". Short
// words say little; a pseudonym must be the same.
func match(token string, words []string) string {
	const shortest, stem = 4, 5
	token = strings.ToLower(strings.TrimFunc(token, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }))
	for _, w := range words {
		switch word := strings.ToLower(w); {
		case len(word) < shortest || len(token) < shortest:
		case strings.Contains(word, "_") && word == token, !strings.Contains(word, "_") && strings.HasPrefix(token, word[:min(len(word), stem)]):
			return w
		}
	}
	return ""
}

// wrap breaks a text into lines at spaces.
func wrap(s string, width int) []string {
	var lines []string
	line, size := "", 0
	for word := range strings.FieldsSeq(s) {
		n := utf8.RuneCountInString(word)
		if size > 0 && size+1+n > width {
			lines, line, size = append(lines, line), "", 0
		}
		if size > 0 {
			line, size = line+" ", size+1
		}
		line, size = line+word, size+n
	}
	return append(lines, line)
}

func pad(s string, n int) string {
	return s + strings.Repeat(" ", max(0, n-utf8.RuneCountInString(s)))
}

// comma writes a number with its thousands apart.
func comma[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// clock writes a time as people read it.
func clock(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func (d *demo) welcome() {
	d.print("%s\n", d.bold("Holdfast keeps vectors anchored to the records they came from."))
	fate := "deleted at the end; --keep keeps it"
	if d.figures.Kept {
		fate = "kept"
	}
	d.print("%s\n", d.dim("The tickets are invented: nobody in them exists. Nothing leaves this machine."))
	d.print("%s\n\n", d.dim("Data folder: "+d.figures.Data+" ("+fate+")"))
}

// farewell says where things are and what to do next.
func (d *demo) farewell(serving bool) {
	d.print("%s Every stage did what it claims.\n\n", d.bold("Done in "+clock(time.Duration(d.figures.Seconds*float64(time.Second)))+"."))
	at := ""
	if d.figures.Kept {
		at = " --data " + d.figures.Data
	}
	if d.figures.Kept {
		d.row("data", "%s", d.figures.Data)
		d.row("serve it", "holdfast serve%s", at)
		d.row("search it", "holdfast search tickets \"parcel never came\"%s", at)
	}
	d.row("your data", "holdfast init FILE proposes a declaration from JSONL or CSV,")
	d.row("", "holdfast ingest loads it, holdfast serve runs server and console")
	if serving {
		end := "Ctrl-C ends it and deletes the data folder."
		if d.figures.Kept {
			end = "Ctrl-C ends it."
		}
		d.print("\n%s\n%s\n", d.bold("The console is open at "+d.client.base+"/"), end)
	}
}
