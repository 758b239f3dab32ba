package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/holdfast/holdfast/gate/names/crf"
)

//go:embed lexicon/lexicon.tsv.gz
var lexiconFile []byte

// wordsFile lists frequent words of several languages, a line each.
//
//go:embed lexicon/words.txt
var wordsFile string

// romanisedFile lists names of cultures that the other lists have in their own script
// only, or few of: by hand, frequent ones, a line for each culture and kind.
//
//go:embed lexicon/romanised.txt
var romanisedFile string

// Pools are the names that generated text draws from.
type Pools struct {
	Cultures []Culture
	Cities   []string // weighted: large ones appear more than once
	Regions  []string
	Words    []string   // frequent lower-case words
	Foreign  [][]string // words of other languages
	byCode   map[string]int
	latin    []int // the cultures that write with Latin letters
}

// Culture holds the names of people of one language and country.
type Culture struct {
	Code           string
	Given, Surname []string
}

// readLexicon reads the committed lists into the tagger's lexicon, the facts it holds, and the pools.
func readLexicon() (*crf.Lexicon, map[uint64]crf.Facts, *Pools, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(lexiconFile))
	if err != nil {
		return nil, nil, nil, err
	}
	facts := map[uint64]crf.Facts{}
	pools := &Pools{}
	given, surname, foreign := map[string][]string{}, map[string][]string{}, map[string][]string{}
	scanner := bufio.NewScanner(zipped)
	for scanner.Scan() {
		f := strings.Split(scanner.Text(), "\t")
		if len(f) != 4 {
			return nil, nil, nil, fmt.Errorf("lexicon: %d columns, want 4", len(f))
		}
		bin, err := strconv.Atoi(f[2])
		if err != nil {
			return nil, nil, nil, fmt.Errorf("lexicon: %w", err)
		}
		learn(facts, f[0], f[1], uint32(bin), f[3]) //nolint:gosec // G115: bins and clusters are small
		switch f[0] {
		case "G":
			given[f[3]] = append(given[f[3]], f[1])
		case "S":
			surname[f[3]] = append(surname[f[3]], f[1])
		case "C":
			if latin(f[1]) {
				for range bin {
					pools.Cities = append(pools.Cities, f[1])
				}
			}
		case "R":
			if latin(f[1]) {
				pools.Regions = append(pools.Regions, f[1])
			}
		case "W":
			if bin >= 2 && f[3] == "en" {
				pools.Words = append(pools.Words, f[1])
			} else if f[3] != "en" {
				foreign[f[3]] = append(foreign[f[3]], f[1])
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, nil, nil, err
	}
	for line := range strings.Lines(wordsFile) {
		code, list, _ := strings.Cut(line, ":")
		for word := range strings.FieldsSeq(list) {
			learn(facts, "W", word, 3, code)
			if code != "en" {
				foreign[code] = append(foreign[code], word)
			}
		}
	}
	for line := range strings.Lines(romanisedFile) {
		head, list, _ := strings.Cut(line, ":")
		code, kind, _ := strings.Cut(head, " ")
		for name := range strings.FieldsSeq(list) {
			// Long, So and Min are words first: the lexicon does not call them names.
			clear := len(name) > 2 && facts[crf.FoldHash(name)].Common < 2
			switch kind {
			case "given":
				given[code] = append(given[code], name)
			case "surname":
				surname[code] = append(surname[code], name)
			}
			switch {
			case !clear:
			case kind == "given":
				learn(facts, "G", name, 2, code)
			case kind == "surname":
				learn(facts, "S", name, 2, code)
			case kind == "part": // of a given name with a hyphen
				learn(facts, "G", name, 1, code)
			}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(foreign)) {
		if len(foreign[code]) >= 50 {
			pools.Foreign = append(pools.Foreign, foreign[code])
		}
	}
	for _, code := range slices.Sorted(maps.Keys(given)) {
		if len(given[code]) >= 20 && len(surname[code]) >= 20 {
			pools.Cultures = append(pools.Cultures, Culture{code, given[code], surname[code]})
			if latin(given[code][0]) && latin(surname[code][0]) {
				pools.latin = append(pools.latin, len(pools.Cultures)-1)
			}
		}
	}
	entries := make(map[uint64]crf.Entry, len(facts))
	for h, f := range facts {
		entries[h] = f.Pack()
	}
	return crf.NewLexicon(entries), facts, pools, nil
}

// learn adds one row to the facts of the words it consists of.
func learn(facts map[uint64]crf.Facts, kind, text string, bin uint32, group string) {
	words := split(text)
	if len(words) == 0 {
		return
	}
	change := func(h uint64, f func(*crf.Facts)) {
		now := facts[h]
		f(&now)
		facts[h] = now
	}
	hashes := make([]uint64, len(words))
	for i, w := range words {
		hashes[i] = crf.FoldHash(w)
	}
	for i, h := range hashes {
		if particles[strings.ToLower(words[i])] || kind != "W" && kind != "K" && len(words[i]) < 2 {
			continue
		}
		change(h, func(f *crf.Facts) {
			switch kind {
			case "G":
				f.Given = max(f.Given, bin)
			case "S":
				f.Surname = max(f.Surname, bin)
			case "C":
				if len(words) > 1 {
					f.Place = max(f.Place, 1)
				} else {
					f.Place = max(f.Place, min(bin, 3))
				}
			case "R":
				if len(words) == 1 && bin >= 2 {
					f.Region = 1
				} else {
					f.Place = max(f.Place, 1)
				}
			case "W":
				f.Common = max(f.Common, bin+1)
			case "K":
				n, err := strconv.Atoi(group)
				if err == nil {
					f.Static, f.Sentence = bin, uint32(n) //nolint:gosec // G115: clusters are small
				}
			}
		})
	}
	if (kind == "C" || kind == "R") && (len(words) == 2 || len(words) == 3) {
		h := crf.PhraseHash(hashes[0], hashes[1])
		if len(words) == 3 {
			h = crf.PhraseHash(h, hashes[2])
		}
		change(hashes[0], func(f *crf.Facts) { f.Phrase = 1 })
		change(h, func(f *crf.Facts) { f.Place = 3 })
	}
}

// particles are parts of names that say nothing alone.
var particles = map[string]bool{
	"de": true, "la": true, "le": true, "les": true, "of": true, "the": true, "and": true, "van": true, "von": true, "del": true, "di": true, "da": true,
	"do": true, "dos": true, "das": true, "der": true, "den": true, "el": true, "al": true, "am": true, "an": true, "im": true, "in": true, "on": true,
	"a": true, "y": true, "e": true, "et": true, "und": true, "i": true, "sur": true, "en": true, "bei": true, "ob": true, "upon": true, "les-": true, "du": true, "des": true,
}

// split cuts a name at white space and hyphens that do not join, as the tokens would be.
func split(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == ')' || r == ',' || r == '/' })
}

func latin(name string) bool {
	return strings.IndexFunc(name, func(r rune) bool { return r >= 0x250 && (r < 0x1E00 || r > 0x1EFF) && unicode.IsLetter(r) }) < 0
}
