package gate

import (
	"fmt"
	"slices"
	"strings"
)

// Entity is the type of a value that was found, by Presidio's name where it
// has one: PERSON, EMAIL_ADDRESS, CREDIT_CARD, …
type Entity string

// Clean is text that has passed the gate. Only this package can make one;
// the zero value is empty text.
type Clean struct {
	display string
	embed   string
	marks   []mark
	source  int // offset in the original field at which the text begins
	srcEnd  int
	terms   []string
}

// mark is a place where the clean text differs from the original. The three
// spans are offsets into the display form, the embed form and the original.
type mark struct {
	entity   Entity // "" for a repair (an invalid byte, a control character) that hides no value
	d, e, s  int
	dn, en   int // lengths
	sn       int
	replaced string // the display form, while a Clean is being built
}

// Display is the form for people, lexical search and language models.
func (c Clean) Display() string { return c.display }

// Embed is the form for embedding models: every value is its bare type.
func (c Clean) Embed() string { return c.embed }

// Terms are further lexical terms under which a query may find the text: the
// pseudonyms that the query's words would have as parts of a name.
func (c Clean) Terms() []string { return c.terms }

// Source is the span of the original field that the text was made from.
func (c Clean) Source() (start, end int) { return c.source, c.srcEnd }

// Empty reports whether there is no text.
func (c Clean) Empty() bool { return c.display == "" }

// Values counts the transformed values by type.
func (c Clean) Values() map[Entity]int {
	n := map[Entity]int{}
	for _, m := range c.marks {
		if m.entity != "" {
			n[m.entity]++
		}
	}
	return n
}

// Whole moves a cut position of the embed form out of a transformed value:
// the answer is at or before it, and Cut accepts it.
func (c Clean) Whole(at int) int {
	if i := c.markAt(at); i >= 0 {
		return c.marks[i].e
	}
	return at
}

// markAt finds the mark that has at strictly inside its embed span, or -1.
func (c Clean) markAt(at int) int {
	i, _ := slices.BinarySearchFunc(c.marks, at, func(m mark, at int) int { return m.e - at })
	if i--; i >= 0 && c.marks[i].e < at && at < c.marks[i].e+c.marks[i].en {
		return i
	}
	return -1
}

// Cut returns the part between two offsets of the embed form. A piece of
// clean text is clean; to cut inside a transformed value is an error.
func (c Clean) Cut(from, to int) (Clean, error) {
	if from < 0 || to < from || to > len(c.embed) {
		return Clean{}, fmt.Errorf("cut %d:%d of %d bytes", from, to, len(c.embed))
	}
	if c.markAt(from) >= 0 || c.markAt(to) >= 0 {
		return Clean{}, fmt.Errorf("cut %d:%d runs through a transformed value", from, to)
	}
	lo, _ := slices.BinarySearchFunc(c.marks, from, func(m mark, at int) int { return m.e - at })
	hi, _ := slices.BinarySearchFunc(c.marks, to, func(m mark, at int) int { return m.e - at })
	d0, s0 := c.outside(lo, from)
	d1, s1 := c.outside(hi, to)
	out := Clean{display: c.display[d0:d1], embed: c.embed[from:to], source: s0, srcEnd: s1}
	if lo < hi {
		out.marks = make([]mark, hi-lo)
		for i, m := range c.marks[lo:hi] {
			m.d, m.e, m.s = m.d-d0, m.e-from, m.s-s0
			out.marks[i] = m
		}
	}
	return out, nil
}

// outside translates an embed offset that lies before mark i (and after mark
// i-1) into a display offset and an offset of the original field.
func (c Clean) outside(i, at int) (d, s int) {
	if i == 0 {
		return at, c.source + at
	}
	p := c.marks[i-1]
	past := at - (p.e + p.en)
	return p.d + p.dn + past, c.source + p.s + p.sn + past
}

// build makes Clean text from an original and the marks that stand for parts
// of it: sorted by s, not overlapping, with entity, s, sn and replaced set.
func build(original string, marks []mark) Clean {
	c := Clean{srcEnd: len(original), marks: marks}
	if len(marks) == 0 {
		c.display, c.embed, c.marks = original, original, nil
		return c
	}
	var display, embed strings.Builder
	display.Grow(len(original) + 16*len(marks))
	embed.Grow(len(original) + 8*len(marks))
	at := 0
	for i := range marks {
		m := &marks[i]
		display.WriteString(original[at:m.s])
		embed.WriteString(original[at:m.s])
		m.d, m.e = display.Len(), embed.Len()
		display.WriteString(m.replaced)
		if m.entity == "" {
			embed.WriteString(m.replaced)
		} else {
			embed.WriteByte('[')
			embed.WriteString(string(m.entity))
			embed.WriteByte(']')
		}
		m.dn, m.en = display.Len()-m.d, embed.Len()-m.e
		at = m.s + m.sn
		m.replaced = ""
	}
	display.WriteString(original[at:])
	embed.WriteString(original[at:])
	c.display, c.embed = display.String(), embed.String()
	return c
}
