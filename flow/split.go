package flow

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// Split cuts clean text into passages at bounds that the text around them
// chooses, so that an edit moves only the bounds near it.
//
// A bound may stand at the end of a sentence, line or paragraph; inside a
// sentence only where the sentence is long; inside a word only where the word
// alone exceeds the maximum; inside a transformed value never. Of these
// places one becomes a bound if it outranks all others within half the target
// on either side, by kind (paragraphs before sentences before words) and then
// by a hash of the text before it. That is chunking by local extrema, as in
// Bjørner, Blass and Gurevich, "Content-dependent chunking for differential
// compression, the local maximum approach" (2010). What is still too long is
// cut in the same way from within.
func Split(c gate.Clean, size record.Chunking) ([]gate.Clean, error) {
	text := c.Embed()
	places := findPlaces(c, text, size.Max)
	var out []gate.Clean
	from := 0
	for _, to := range bounds(places, size) {
		lo, hi := trim(text, from, to)
		from = to
		if lo == hi {
			continue
		}
		piece, err := c.Cut(lo, hi)
		if err != nil {
			return nil, fmt.Errorf("split: %w", err)
		}
		out = append(out, piece)
	}
	return out, nil
}

// place is where a bound may stand.
type place struct {
	at     int // offset in the embed form, after any white space
	tokens int // tokens before it, from the start of the text
	rank   uint64
}

// Ranks order places by kind first; the low bits are a hash.
const (
	inWord uint64 = iota << 62
	atWord
	atSentence
	atParagraph
)

// longSentence is the share of the maximum beyond which a sentence may be
// cut between words.
const longSentence = 4

// findPlaces lists all places in order; the last is the end of the text.
func findPlaces(c gate.Clean, text string, most int) []place {
	var places []place
	var recent words
	tokens := 0
	first, before := 0, 0 // first place of this sentence, tokens before it
	for at := 0; at < len(text); {
		start := at
		word := wordEnd(text, at, 16*most)
		n := countTokens(text[at:word])
		if n > most {
			// A word longer than a passage: cut it at whole characters.
			if cut := c.Whole(hardCut(text, at, most)); cut > at {
				word, n = cut, countTokens(text[at:cut])
			}
		}
		tokens += n
		at = spaceEnd(text, word)
		kind := boundKind(text, start, word, at)
		if at == len(text) {
			kind = atParagraph
		}
		places = append(places, place{at: at, tokens: tokens, rank: kind | recent.push(text[start:word])>>2})
		if kind < atSentence {
			continue
		}
		// The sentence is complete. Between its words a bound may stand only
		// if it is long.
		if tokens-before <= most/longSentence {
			places[first] = places[len(places)-1]
			places = places[:first+1]
		}
		first, before = len(places), tokens
	}
	return places
}

// bounds chooses among places; the result ends with the last one.
func bounds(places []place, size record.Chunking) []int {
	if len(places) == 0 {
		return nil
	}
	var out []int
	window := size.Target / 2
	from, before := 0, 0 // index of the first place not yet bounded, tokens before it
	for i := range places {
		last := i == len(places)-1
		if !last && !extremum(places, i, window) {
			continue
		}
		out = cutLong(out, places[from:i+1], before, size)
		from, before = i+1, places[i].tokens
	}
	return out
}

// extremum reports whether place i outranks all places within window tokens
// on either side. The ends of the text are bounds too, so near them none is.
func extremum(places []place, i, window int) bool {
	p := places[i]
	if p.tokens < window || places[len(places)-1].tokens-p.tokens < window {
		return false
	}
	for j := i - 1; j >= 0 && p.tokens-places[j].tokens < window; j-- {
		if places[j].rank >= p.rank {
			return false
		}
	}
	for j := i + 1; j < len(places) && places[j].tokens-p.tokens < window; j++ {
		if places[j].rank > p.rank {
			return false
		}
	}
	return true
}

// cutLong appends the bounds of one stretch: its end and, while more than
// the maximum is left, the highest-ranking place that makes a passage of at
// least half the target and at most the maximum.
func cutLong(out []int, stretch []place, before int, size record.Chunking) []int {
	last := stretch[len(stretch)-1]
	for last.tokens-before > size.Max {
		best := -1
		for i, p := range stretch[:len(stretch)-1] {
			n := p.tokens - before
			if n > size.Max {
				break
			}
			// A short piece is better than one beyond the maximum, so the first
			// place stands in until one of enough tokens is found.
			if best < 0 || stretch[best].tokens-before < size.Target/2 || n >= size.Target/2 && p.rank >= stretch[best].rank {
				best = i
			}
		}
		if best < 0 {
			break
		}
		out = append(out, stretch[best].at)
		before = stretch[best].tokens
		stretch = stretch[best+1:]
	}
	return append(out, last.at)
}

// boundKind says what ends at a word's end, given the white space after it.
func boundKind(text string, start, word, next int) uint64 {
	gap := text[word:next]
	switch {
	case strings.Count(gap, "\n") > 1:
		return atParagraph
	case strings.Contains(gap, "\n"):
		return atSentence
	case gap == "" && next < len(text):
		if r, _ := utf8.DecodeLastRuneInString(text[:word]); strings.ContainsRune("。！？", r) {
			return atSentence
		}
		if r, _ := utf8.DecodeLastRuneInString(text[:word]); wide(r) {
			return atWord
		}
		return inWord
	case endsSentence(text[start:word]) && !startsLower(text[next:]):
		return atSentence
	}
	return atWord
}

// endsSentence looks at a word with its punctuation. A full stop after one or
// two letters is more often an initial or an abbreviation.
func endsSentence(word string) bool {
	w := strings.TrimRight(word, `"')]}»”’*_`)
	r, size := utf8.DecodeLastRuneInString(w)
	switch r {
	case '!', '?', '…', '。', '！', '？':
		return true
	case '.':
		return utf8.RuneCountInString(w[:len(w)-size]) > 2
	}
	return false
}

func startsLower(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLower(r)
}

// wordEnd finds the end of the word that begins at at: the next white space,
// in scripts without spaces the next character, at most limit bytes on.
func wordEnd(text string, at, limit int) int {
	for i, r := range text[at:] {
		switch {
		case unicode.IsSpace(r), i >= limit, wide(r) && i > 0:
			return at + i
		case wide(r):
			// A wide character is a word, with the punctuation that follows it.
			end := at + utf8.RuneLen(r)
			for end < len(text) {
				p, size := utf8.DecodeRuneInString(text[end:])
				if !strings.ContainsRune("。！？，、；：）」』", p) {
					break
				}
				end += size
			}
			return end
		}
	}
	return len(text)
}

func spaceEnd(text string, at int) int {
	for i, r := range text[at:] {
		if !unicode.IsSpace(r) {
			return at + i
		}
	}
	return len(text)
}

// wide characters are words of their own.
func wide(r rune) bool {
	return r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// countTokens estimates what a word costs a model: WordPiece and BPE
// vocabularies hold common words whole and cut the rest into pieces of about
// four letters; each punctuation mark is a token.
func countTokens(word string) int {
	letters, marks := 0, 0
	for _, r := range word {
		switch {
		case r < utf8.RuneSelf && (r|0x20 >= 'a' && r|0x20 <= 'z'):
			letters++
		case wide(r):
			letters += 6
		case unicode.IsDigit(r):
			letters += 2
		case unicode.IsLetter(r) || unicode.IsMark(r):
			letters += 2
		default:
			marks++
		}
	}
	return marks + (letters+5)/6
}

// hardCut finds the end of the longest part of a word that is at most n tokens.
func hardCut(text string, at, n int) int {
	letters := 0
	for i, r := range text[at:] {
		if wide(r) || r >= utf8.RuneSelf {
			letters += 6
		} else {
			letters += 3
		}
		if letters > 3*n && i > 0 {
			return at + i
		}
	}
	return len(text)
}

func trim(text string, lo, hi int) (int, int) {
	t := text[lo:hi]
	left := strings.TrimLeftFunc(t, unicode.IsSpace)
	lo += len(t) - len(left)
	return lo, lo + len(strings.TrimRightFunc(left, unicode.IsSpace))
}

// words holds hashes of the last words: a place's rank depends on them alone.
type words struct {
	hashes [6]uint64
	next   int
}

// push adds a word and returns a hash of the last words, in order. The
// function decides where passages end, so it must never change.
func (w *words) push(word string) uint64 {
	h := uint64(0xcbf29ce484222325) // FNV-1a
	for i := range len(word) {
		h = (h ^ uint64(word[i])) * 0x100000001b3
	}
	w.hashes[w.next] = h
	w.next = (w.next + 1) % len(w.hashes)
	sum := uint64(0x9e3779b97f4a7c15)
	for i := range w.hashes {
		sum = (sum ^ w.hashes[(w.next+i)%len(w.hashes)]) * 0xbf58476d1ce4e5b9
		sum ^= sum >> 31
	}
	return sum
}
