package names

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// How far one mention of a name may decide about another, in bytes. With the tagger's
// own context (under 1.5 KiB) and the lines that cues look at, it all stays below 4 KiB.
const (
	nameReach  = 1280 // a name found with confidence, for the same word elsewhere
	labelReach = 1024 // a known person who speaks, for the other speakers of a chat
)

// sure is the score from which a name found once is looked for elsewhere, and echo what is kept of
// the score there.
const (
	sure = 0.5
	echo = 0.95
)

// Limits of a name that is put together from its words.
const (
	maxNameBytes = 96
	maxNameWords = 4
)

// maxKept is how many words a call's scratch memory may hold to be used again.
const maxKept = 1 << 16

// document looks at a text again after the tagger: a person who is named once in a way
// that leaves no doubt is found wherever the same words stand nearby.
type document struct {
	text  string
	words []word
	spans []crf.Span // the tagger's
	found []piece
	near  map[uint64]sighting
}

// word is a word with what is known about it here.
type word struct {
	crf.Candidate
	span  int     // the index of the tagger's span that covers it, or -1
	score float32 // that it is part of a person's name; 0 where nothing says so
	fresh float32 // the same, from a sighting that is still being spread
	style uint64  // of the speaker's label that begins with it, or 0
	twice bool    // that label stands nearby again
}

// sighting is where a name was seen last, and how surely.
type sighting struct {
	at    int
	score float32
}

// piece is a span of the result before adjacent ones are joined.
type piece struct {
	crf.Span
	added bool // not the tagger's
}

// refine appends to dst the names in text, given the tagger's words and spans of it.
func (d *document) refine(dst []crf.Span, text string, words []crf.Candidate, spans []crf.Span) []crf.Span {
	d.text, d.spans = text, spans
	d.read(words)
	d.cues()
	d.recur()
	d.spread(labelReach, styleOf, knownSpeaker)
	d.spread(nameReach, nameOf, clearName)
	d.complete()
	d.convert()
	d.collect()
	dst = d.join(dst)
	d.text, d.spans = "", nil
	if cap(d.words) > maxKept {
		*d = document{}
	}
	return dst
}

// read notes which span covers which word.
func (d *document) read(words []crf.Candidate) {
	d.words = slices.Grow(d.words[:0], len(words))
	at := 0
	for _, w := range words {
		for at < len(d.spans) && d.spans[at].End <= w.Start {
			at++
		}
		now := word{Candidate: w, span: -1}
		if at < len(d.spans) && d.spans[at].Start < w.End {
			now.span = at
			if d.spans[at].Kind == crf.Person {
				now.score = d.spans[at].Score
			}
		}
		d.words = append(d.words, now)
		if w.Case == crf.Address {
			d.readMail(w)
		}
	}
}

// readMail adds the names in ann.lee@example.org as words of their own.
func (d *document) readMail(w crf.Candidate) {
	local, _, ok := strings.Cut(d.text[w.Start:w.End], "@")
	if !ok || len(local) > maxNameBytes {
		return
	}
	first, last, ok := strings.Cut(strings.TrimRight(local, "0123456789"), ".")
	if !ok || !letters(first) || !letters(last) {
		return
	}
	for _, part := range [2]string{first, last} {
		d.words = append(d.words, word{Candidate: crf.Candidate{Start: w.Start, End: w.End, Hash: crf.FoldHash(part), Case: crf.Address}, span: -1, score: cueMail})
	}
}

func letters(s string) bool {
	for _, c := range []byte(s) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return s != ""
}

// recur notes which labels stand again within reach.
func (d *document) recur() {
	if d.near == nil {
		d.near = map[uint64]sighting{}
	}
	clear(d.near)
	for i := range d.words {
		w := &d.words[i]
		if w.style == 0 {
			continue
		}
		if seen, ok := d.near[w.Hash]; ok && w.Start-d.words[seen.at].Start <= labelReach {
			w.twice, d.words[seen.at].twice = true, true
		}
		d.near[w.Hash] = sighting{at: i}
	}
}

// spread carries what is certain about one word to words of the same key within reach,
// before and after it. What is found in this way spreads no further.
func (d *document) spread(reach int, key func(*word) uint64, certain func(*word) bool) {
	for _, forward := range [2]bool{true, false} {
		clear(d.near)
		for n := range d.words {
			i := n
			if !forward {
				i = len(d.words) - 1 - n
			}
			w := &d.words[i]
			k := key(w)
			if k == 0 {
				continue
			}
			if w.score >= sure && certain(w) {
				d.near[k] = sighting{w.Start, w.score}
			} else if seen, ok := d.near[k]; ok && max(w.Start-seen.at, seen.at-w.Start) <= reach {
				w.fresh = max(w.fresh, seen.score*echo)
			}
		}
	}
	for i := range d.words {
		w := &d.words[i]
		if w.fresh == 0 {
			continue
		}
		if w.style != 0 && w.score == 0 { // the whole label
			for j := range d.phrase(i) {
				d.words[i+j].score = max(d.words[i+j].score, w.fresh)
			}
		}
		w.score, w.fresh = max(w.score, w.fresh), 0
	}
}

// styleOf is the key of a speaker's label. A form has labels of the plain style too, each once.
func styleOf(w *word) uint64 {
	if w.style&stamped == 0 && !w.twice {
		return 0
	}
	return w.style
}

// knownSpeaker tells labels that show a text to be a chat.
func knownSpeaker(w *word) bool { return w.Named }

// nameOf is the key of a word that may be a name wherever it stands.
func nameOf(w *word) uint64 {
	if w.Common > 1 || w.End-w.Start < 3 || particles[w.Hash] || w.Title || w.Case == crf.Initial || w.Case == crf.Address && w.score == 0 {
		return 0
	}
	return w.Hash
}

// particles are parts of names that say nothing alone, by their folded form's hash.
var particles = func() map[uint64]bool {
	m := map[uint64]bool{}
	for p := range strings.FieldsSeq("and bei das del della den der des die dos les mac sur the und upon van von") {
		m[crf.FoldHash(p)] = true
	}
	return m
}()

// clearName tells names that are written as such.
func clearName(w *word) bool { return w.Case != crf.Lower || w.Named }

// gap is what stands between word i and the next.
func (d *document) gap(i int) string {
	if i < 0 || i+1 >= len(d.words) || d.words[i+1].Start < d.words[i].End { // a mail address and its parts
		return "\n"
	}
	return d.text[d.words[i].End:d.words[i+1].Start]
}

// adjoins tells whether word i+1 goes on where word i ends, as in Ann Lee and A. Lee.
func (d *document) adjoins(i int) bool {
	switch d.gap(i) {
	case " ":
		return true
	case ". ", ".":
		return d.words[i].Case == crf.Initial
	}
	return false
}

// phrase counts the words of the name that may begin with word i.
func (d *document) phrase(i int) int {
	n := 1
	lower := d.words[i].Case == crf.Lower
	for n < maxNameWords && d.adjoins(i+n-1) {
		if next := &d.words[i+n]; next.Case == crf.Address || (next.Case == crf.Lower) != lower {
			break
		}
		n++
	}
	return n
}

// phraseEnd is where the name of n words from i ends, the full stop after an initial included.
func (d *document) phraseEnd(i, n int) int {
	last := &d.words[i+n-1]
	if n > 1 && last.Case == crf.Initial && strings.HasPrefix(d.text[last.End:], ".") {
		return last.End + 1
	}
	return last.End
}

// complete adds to a name the word beside it that is a name too, or an initial.
func (d *document) complete() {
	for i := range d.words {
		w := &d.words[i]
		if w.score > 0 || w.span >= 0 || w.Case == crf.Lower || w.Case == crf.Address || w.Title || w.Common > 1 && w.Case != crf.Initial {
			continue
		}
		dotted := strings.HasPrefix(d.text[w.End:], ".")
		if i > 0 && d.words[i-1].score > 0 && d.words[i-1].Case != crf.Address && d.gap(i-1) == " " && (w.Case == crf.Initial && dotted || w.Named && w.Case == d.words[i-1].Case) {
			w.fresh = d.words[i-1].score
		}
		if i+1 < len(d.words) && d.words[i+1].score > 0 && d.words[i+1].Case != crf.Address && d.adjoins(i) && (w.Case == crf.Initial && dotted || w.Given && w.Case == d.words[i+1].Case) {
			w.fresh = max(w.fresh, d.words[i+1].score)
		}
	}
	for i := range d.words {
		w := &d.words[i]
		w.score, w.fresh = max(w.score, w.fresh), 0
	}
}

// convert makes persons of places and organisations that are less certain than what
// their words are elsewhere, and of organisations all of whose words a cue announced.
func (d *document) convert() {
	for i := 0; i < len(d.words); {
		at := d.words[i].span
		end := i + 1
		for end < len(d.words) && d.words[end].span == at {
			end++
		}
		if at >= 0 && (d.politeness(at, d.words[i:end]) || d.germanNoun(at, d.words[i:end])) {
			d.spans[at].End = d.spans[at].Start
		} else if at >= 0 && d.spans[at].Kind != crf.Person {
			s := &d.spans[at]
			score, covered, plain, announced := float32(0), 0, true, s.Kind == crf.Organisation
			for _, w := range d.words[i:end] {
				score = max(score, w.score)
				covered += w.End - w.Start
				announced = announced && w.score >= cueUnknown
				plain = plain && (w.score > 0 || w.Named && w.Common < 2 && w.Case == d.words[i].Case)
			}
			if (score > s.Score || announced) && plain && s.End-s.Start-covered < end-i {
				s.Kind, s.Score = crf.Person, score
			}
		}
		i = end
	}
}

// politeness tells whether all words of a span, which are words, are of a greeting or closing and none is a name too:
// "Buenas tardes".
func (d *document) politeness(span int, words []word) bool {
	covered := 0
	for _, w := range words {
		if vocabulary[w.Hash]&(greeting|filler|closing|polite) == 0 || w.Named {
			return false
		}
		covered += w.End - w.Start
	}
	return d.spans[span].End-d.spans[span].Start-covered < len(words)
}

// collect lists the tagger's spans, less those that became empty, and those of the words that were found beside them.
func (d *document) collect() {
	d.found = d.found[:0]
	at := 0
	for i := range d.words {
		w := &d.words[i]
		if w.span >= 0 || w.score == 0 || w.Case == crf.Address || d.inIdentifier(w) {
			continue
		}
		for ; at < len(d.spans) && d.spans[at].Start < w.Start; at++ {
			d.keep(d.spans[at])
		}
		d.found = append(d.found, piece{crf.Span{Start: w.Start, End: w.End, Kind: crf.Person, Score: w.score}, true})
	}
	for ; at < len(d.spans); at++ {
		d.keep(d.spans[at])
	}
}

func (d *document) keep(s crf.Span) {
	if s.End > s.Start {
		d.found = append(d.found, piece{Span: s})
	}
}

// inIdentifier tells whether the word is part of a path, an identifier or a placeholder.
func (d *document) inIdentifier(w *word) bool {
	if w.Start > 0 {
		switch d.text[w.Start-1] {
		case '/', '\\', '@', '#', '_', '-', '.', '$', '%', '&', '=':
			return true
		case '[', '{', '<':
			return w.Case == crf.Upper
		}
	}
	if w.End+1 >= len(d.text) {
		return false
	}
	switch d.text[w.End] {
	case '/', '\\', '@', '_', '-', '=', '&':
		return true
	case '.', ':':
		r, _ := utf8.DecodeRuneInString(d.text[w.End+1:])
		return w.Case != crf.Initial && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '/' || r == '\\')
	}
	return false
}

// join appends the pieces to dst, those that are one name as one span.
func (d *document) join(dst []crf.Span) []crf.Span {
	for i := 0; i < len(d.found); {
		end := i + 1
		for end < len(d.found) && d.oneName(&d.found[end-1], &d.found[end]) {
			end++
		}
		s := d.found[i].Span
		if last := d.found[end-1].End; last-s.Start <= maxNameBytes {
			s.End = last
			for _, p := range d.found[i+1 : end] {
				s.Score = max(s.Score, p.Score)
			}
			i = end
		} else { // too long for a name: its pieces, whatever comes before and after
			i++
			for i < end {
				dst = append(dst, d.stopped(s))
				s = d.found[i].Span
				i++
			}
		}
		dst = append(dst, d.stopped(s))
	}
	return dst
}

// oneName tells whether two pieces are words of one name.
func (d *document) oneName(a, b *piece) bool {
	if a.Kind != crf.Person || b.Kind != crf.Person {
		return false
	}
	switch d.text[a.End:b.Start] {
	case " ":
		return a.added || b.added
	case ".", ". ":
		_, initial := d.endsInInitial(a.Span)
		return initial && (a.added || b.added)
	case ", ":
		return d.surnameFirst(a, b)
	}
	return false
}

// surnameFirst tells names in the order Lee, Ann from lists.
func (d *document) surnameFirst(a, b *piece) bool {
	i, ok := slices.BinarySearchFunc(d.words, a.Start, func(w word, at int) int { return w.Start - at })
	if !ok || i+1 >= len(d.words) || d.words[i].End != a.End || d.words[i+1].Start != b.Start || d.words[i+1].End != b.End {
		return false
	}
	if d.words[i].Given || d.words[i].Case != d.words[i+1].Case || d.words[i+1].Surname && !d.words[i+1].Given {
		return false
	}
	listed := func(i, person int) bool {
		switch d.gap(i) {
		case ", ", "; ", " and ", " & ", " und ", " y ", " et ":
			return d.words[person].score > 0
		}
		return false
	}
	return !listed(i-1, i-1) && !listed(i+1, i+2)
}

// endsInInitial tells whether the last word of s is one capital, and whether it is its only word.
func (d *document) endsInInitial(s crf.Span) (alone, initial bool) {
	name := d.text[s.Start:s.End]
	r, n := utf8.DecodeLastRuneInString(name)
	if !unicode.IsUpper(r) {
		return false, false
	}
	if n == len(name) {
		return true, true
	}
	before := name[len(name)-n-1]
	return false, before == ' ' || before == '.' || before == '-'
}

// stopped takes the full stop of a final initial into the name.
func (d *document) stopped(s crf.Span) crf.Span {
	if s.Kind == crf.Person && strings.HasPrefix(d.text[s.End:], ".") {
		if alone, initial := d.endsInInitial(s); initial && !alone {
			s.End++
		}
	}
	return s
}
