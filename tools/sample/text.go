package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mark is a range of a text that the grammar did not write: a value. Kind is the label of personal data,
// empty for anything else (an order number, a product).
type mark struct {
	start, end int
	kind       string
}

// text grows by literals and values and remembers where the values lie.
type text struct {
	b       []byte
	marks   []mark
	capital bool // the next literal starts a sentence
	casing  casing
}

// casing is how a writer treats capitals.
type casing int

const (
	asWritten casing = iota
	allLower
	allUpper
)

func (c casing) apply(s string) string {
	switch c {
	case allLower:
		return strings.ToLower(s)
	case allUpper:
		return strings.ToUpper(s)
	case asWritten:
	}
	return s
}

// literal appends words of the grammar.
func (t *text) literal(s string) {
	if n := len(t.b); n == 0 || t.b[n-1] == ' ' {
		s = strings.TrimLeft(s, " ") // an empty alternative stood between two blanks
	}
	if n := len(t.b); n > 0 && s != "" && t.b[n-1] == ' ' && (s[0] == ',' || s[0] == '?') {
		t.b = t.b[:n-1] // likewise before a comma
	}
	t.capital = t.capital || strings.HasSuffix(string(t.b), "? ")
	if s == "" {
		return
	}
	s = t.casing.apply(s)
	if t.capital {
		r, n := utf8.DecodeRuneInString(s)
		if r != ' ' {
			t.capital = false
			if t.casing != allLower {
				s = string(unicode.ToUpper(r)) + s[n:]
			}
		}
	}
	t.b = append(t.b, s...)
}

// raw appends layout: it is neither words nor a value.
func (t *text) raw(s string) { t.b = append(t.b, s...) }

// value appends a value and marks it. A value with a fixed form (a key, a number) keeps its case.
func (t *text) value(s, kind string, fixed bool) {
	if s == "" {
		return
	}
	if !fixed {
		s = t.casing.apply(s)
	}
	if t.capital && kind == "" && !fixed && t.casing != allLower {
		r, n := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	t.capital = false
	t.marks = append(t.marks, mark{len(t.b), len(t.b) + len(s), kind})
	t.b = append(t.b, s...)
}

// add appends another text with its marks.
func (t *text) add(o *text) {
	off := len(t.b)
	for _, m := range o.marks {
		t.marks = append(t.marks, mark{m.start + off, m.end + off, m.kind})
	}
	t.b = append(t.b, o.b...)
}

// quoted returns the text with prefix before every line.
func (t *text) quoted(prefix string) *text {
	out := &text{b: make([]byte, 0, len(t.b)+len(t.b)/8)}
	at := make([]int, len(t.b)+1)
	line := true
	for i, c := range t.b {
		if line {
			p := prefix
			if c == '\n' || c == '>' {
				p = strings.TrimRight(prefix, " ")
			}
			out.b = append(out.b, p...)
		}
		at[i] = len(out.b)
		out.b = append(out.b, c)
		line = c == '\n'
	}
	at[len(t.b)] = len(out.b)
	for _, m := range t.marks {
		out.marks = append(out.marks, mark{at[m.start], at[m.end-1] + 1, m.kind})
	}
	return out
}

// machine marks all of the text as not written by the grammar: a table, a log, the head of a mail.
func (t *text) machine() *text {
	t.marks = append([]mark{{0, len(t.b), ""}}, t.marks...)
	return t
}

func (t *text) String() string { return string(t.b) }

func (t *text) words() int { return len(strings.Fields(string(t.b))) }

// personal tells whether the text holds personal data.
func (t *text) personal() bool {
	for _, m := range t.marks {
		if m.kind != "" {
			return true
		}
	}
	return false
}

// skeletons returns the sentences of the text of more than four words, with "_" for every value and number:
// what is left is what the grammar wrote.
func skeletons(s string, marks []mark) []string {
	var b strings.Builder
	pos := 0
	for _, m := range marks {
		if m.start < pos {
			continue
		}
		b.WriteString(s[pos:m.start])
		b.WriteByte('_')
		pos = m.end
	}
	b.WriteString(s[pos:])
	var out []string
	for _, sentence := range strings.FieldsFunc(b.String(), func(r rune) bool {
		return r == '.' || r == '!' || r == '?' || r == '\n'
	}) {
		if k := skeleton(sentence); wordy(k) > 4 {
			out = append(out, k)
		}
	}
	return out
}

// wordy counts the words of a skeleton that are more than a placeholder.
func wordy(k string) int {
	n := 0
	for w := range strings.FieldsSeq(k) {
		if strings.IndexFunc(w, unicode.IsLetter) >= 0 {
			n++
		}
	}
	return n
}

// skeleton normalises a sentence: lower case, single blanks, "_" for a run of digits, no punctuation at its ends.
func skeleton(s string) string {
	var b strings.Builder
	blank, gap := false, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || r == '>' || r == '|':
			blank = true
			continue
		case unicode.IsDigit(r) || r == '_':
			if gap && !blank {
				continue
			}
			r, gap = '_', true
		default:
			gap = false
		}
		if blank && b.Len() > 0 {
			b.WriteByte(' ')
		}
		blank = false
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Trim(b.String(), " ,;:-–()\"'*")
}
