package names

import (
	"strings"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// German writes nouns with a capital, as names are written. Behind an article or a preposition that is joined with one,
// a word that the lexicon does not know as a name is a noun far more often than a name.

// articles are German articles and what is declined like them.
var articles = set("der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner mein meine meinen meinem meiner sein seine " +
	"seinen seinem seiner unser unsere unseren unserem unserer dieser diese dieses diesen diesem jeder jede jedes jeden jedem am im vom zum zur beim ins ans")

// openers are words that begin a sentence or a phrase and are written with a capital there.
var openers = set("laut ohne nach trotz wegen gegen für mit bei seit vor unter über aus durch zwischen während zum zur beim im am")

func set(list string) map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(list) {
		m[w] = true
	}
	return m
}

// germanNoun tells whether a span that the tagger took for a person is a noun: an article stands before it or a joined
// preposition within it, or its first word opens a phrase, and the lexicon does not know it as a name. A surname that is
// a noun too, as many are, has to be doubtful and alone.
func (d *document) germanNoun(span int, words []word) bool {
	s := &d.spans[span]
	if s.Kind != crf.Person {
		return false
	}
	in := strings.Fields(strings.ToLower(d.text[s.Start:s.End]))
	opened := len(in) > 1 && openers[in[0]]
	named := false
	for i, w := range words {
		if i == 0 && opened {
			continue
		}
		if w.Given || w.score >= cueKnown {
			return false
		}
		named = named || w.Named
	}
	for _, w := range in[1:] {
		if joined[w] {
			return true
		}
	}
	if named {
		return len(in) == 1 && s.Score < doubtful && d.afterArticle(s.Start)
	}
	return opened || d.afterArticle(s.Start)
}

// doubtful is the score below which a surname behind an article is a noun.
const doubtful = 0.6

// joined are prepositions that hold an article; no name has one inside.
var joined = set("zum zur im am beim vom ins")

// afterArticle tells whether the word before at is an article.
func (d *document) afterArticle(at int) bool {
	before, ok := strings.CutSuffix(d.text[max(0, at-12):at], " ")
	return ok && articles[strings.ToLower(before[strings.LastIndexAny(before, " \n(\t")+1:])]
}
