package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// Example is a text with the spans in it. Nothing is learnt or measured in unknown stretches.
type Example struct {
	Text    string
	Spans   []crf.Span
	Unknown [][2]int
}

// tokens is a sentence as the corpora have it: labels are "", or a kind with b telling that a span begins.
type tokens struct {
	words []string
	kinds []int // -1 outside, else a crf.Kind; unknown is -2
	begin []bool
}

const (
	outside = -1
	unknown = -2
)

// Corpus is one file's part for training and its part held out. The split is fixed:
// see holdOut.
type Corpus struct {
	Name        string
	Train, Test []tokens
}

// holdOut tells which sentences are never trained on: all of wnut17.dev and btc.a, the
// last fifth of btc.g, every fifth document of wikigold, and the last of five contracts.
func holdOut(name string, doc, sentence, sentences int) bool {
	switch name {
	case "wnut17.dev", "btc.a":
		return true
	case "btc.g":
		return sentence >= sentences*4/5
	case "wikigold":
		return doc%5 == 4
	case "sec-filings.FIN5":
		return doc == 5
	}
	return false
}

func readCorpora(dir string) ([]Corpus, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.conll"))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var corpora []Corpus
	for _, path := range paths {
		c, err := readCorpus(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		corpora = append(corpora, c)
	}
	if len(corpora) == 0 {
		return nil, fmt.Errorf("no *.conll files in %s", dir)
	}
	return corpora, nil
}

func readCorpus(path string) (Corpus, error) {
	c := Corpus{Name: strings.TrimSuffix(filepath.Base(path), ".conll")}
	file, err := os.Open(path) //nolint:gosec // G304: the path is the operator's
	if err != nil {
		return c, err
	}
	defer file.Close() //nolint:errcheck // read only
	var all []tokens
	var docs []int
	var now tokens
	doc := 0
	add := func() {
		if len(now.words) > 0 {
			repair(c.Name, &now)
			all, docs = append(all, now), append(docs, doc)
			now = tokens{}
		}
	}
	scanner := bufio.NewScanner(file)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) < 2 {
			add()
			continue
		}
		if fields[0] == "-DOCSTART-" {
			add()
			doc++
			continue
		}
		kind, begin := parseLabel(fields[len(fields)-1])
		now.words = append(now.words, strings.Join(fields[:1], ""))
		now.kinds = append(now.kinds, kind)
		now.begin = append(now.begin, begin)
	}
	add()
	for i, s := range all {
		if holdOut(c.Name, docs[i], i, len(all)) {
			c.Test = append(c.Test, s)
		} else {
			c.Train = append(c.Train, s)
		}
	}
	return c, scanner.Err()
}

// parseLabel maps the corpora's labels to ours. Products, works and miscellany are no names here.
func parseLabel(label string) (kind int, begin bool) {
	prefix, name, _ := strings.Cut(label, "-")
	switch strings.ToLower(name) {
	case "per", "person":
		return int(crf.Person), prefix == "B"
	case "loc", "location":
		return int(crf.Location), prefix == "B"
	case "org", "corporation", "group":
		return int(crf.Organisation), prefix == "B"
	}
	return outside, false
}

// repair makes the corpora agree with each other and with package names: "Borrower" and "Lender" are roles and no persons,
// "the Bank" is unknown; a handle's @ and a hashtag's # are not part of the name.
func repair(corpus string, s *tokens) {
	for i, word := range s.words {
		// A title is not part of a name, nor is the full stop after it.
		if s.kinds[i] == int(crf.Person) && (i == 0 || s.kinds[i-1] != s.kinds[i] || s.begin[i]) && i+1 < len(s.words) && s.kinds[i+1] == s.kinds[i] && (titles[strings.ToLower(strings.TrimSuffix(word, "."))] || word == ".") {
			s.kinds[i] = outside
			s.begin[i+1] = true
		}
		if corpus == "sec-filings.FIN5" {
			switch strings.ToLower(word) {
			case "borrower", "lender":
				s.kinds[i] = outside
			case "bank":
				s.kinds[i] = unknown
			}
		}
		if strings.HasPrefix(corpus, "btc") {
			// Quotes were escaped in the files.
			if word == `'"'` {
				s.words[i] = `"`
			}
			if (word == "@" || word == "#") && s.kinds[i] != outside {
				if i+1 < len(s.words) && s.kinds[i+1] == s.kinds[i] {
					s.begin[i+1] = true
				}
				s.kinds[i] = outside
			}
		}
	}
}

// titles are those that the corpora include in some names.
var titles = map[string]bool{
	"mr": true, "mrs": true, "ms": true, "miss": true, "dr": true, "prof": true, "professor": true, "doctor": true,
	"sir": true, "madame": true, "mister": true, "herr": true, "frau": true, "rev": true, "reverend": true,
}

// render joins the tokens to a text: spaced as in the file, or as a person would write it.
func (s tokens) render(spaced bool) Example {
	var b strings.Builder
	var e Example
	open := -1 // index of the span that may go on
	quoted := false
	for i, word := range s.words {
		if i > 0 && (spaced || wantSpace(s.words[i-1], word, quoted)) {
			b.WriteByte(' ')
		}
		if word == `"` {
			quoted = !quoted
		}
		start := b.Len()
		b.WriteString(word)
		kind := s.kinds[i]
		handle := !spaced && i > 0 && s.words[i-1] == "@"
		if len(word) > 1 && (word[0] == '#' || word[0] == '@') && kind >= 0 {
			start++
		}
		end := b.Len()
		switch {
		case kind == unknown || handle:
			e.Unknown = append(e.Unknown, [2]int{start, end})
			open = -1
			continue
		case kind == outside:
			open = -1
			continue
		}
		trimmed := start + len(strings.TrimRight(b.String()[start:end], ".,:;!?…"))
		if open >= 0 && !s.begin[i] && int(e.Spans[open].Kind) == kind {
			if trimmed > start {
				e.Spans[open].End = trimmed
			}
			continue
		}
		if trimmed > start {
			e.Spans = append(e.Spans, crf.Span{Start: start, End: trimmed, Kind: crf.Kind(kind)}) //nolint:gosec // G115: one of three
			open = len(e.Spans) - 1
		}
	}
	e.Text = b.String()
	return e
}

// wantSpace tells whether white space stands between two tokens in ordinary writing.
func wantSpace(left, right string, quoted bool) bool {
	switch right {
	case ".", ",", ":", ";", "!", "?", ")", "]", "}", "%", "'s", "’s", "'S", "n't", "'re", "'ve", "'ll", "'m", "'d", "...", "…", "\"),", "),", ").":
		return false
	case `"`:
		return !quoted
	}
	switch left {
	case "(", "[", "{", "$", "#", "@", "£", "€", "(\"":
		return false
	case `"`:
		return !quoted
	}
	return true
}
