package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// readSilver reads text that another model labelled (see silver/label.py). Labels that
// the lexicon does not support are taken for unknown, and so are likely names without a label.
func readSilver(path string, facts map[uint64]crf.Facts) ([]Example, error) {
	file, err := os.Open(path) //nolint:gosec // G304: the path is the operator's
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // read only
	var examples []Example
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		var line struct {
			Text  string   `json:"text"`
			Spans [][3]any `json:"spans"`
		}
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		e := Example{Text: line.Text}
		labelled := make([]bool, len(e.Text)+1)
		for _, s := range line.Spans {
			start, end := int(s[0].(float64)), int(s[1].(float64)) // label.py writes numbers
			label := fmt.Sprint(s[2])
			for i := start; i < end; i++ {
				labelled[i] = true
			}
			e.silver(facts, start, end, label)
		}
		e.doubt(facts, labelled)
		examples = append(examples, e)
	}
	return examples, scanner.Err()
}

// silver takes one label over, or notes that it is unknown.
func (e *Example) silver(facts map[uint64]crf.Facts, start, end int, label string) {
	name := e.Text[start:end]
	for _, tail := range []string{"'s", "’s", "'"} {
		name = strings.TrimSuffix(name, tail)
	}
	name = strings.TrimRight(name, " .,:;!?\n")
	words := split(name)
	kind, known := crf.Person, false
	switch label {
	case "PERSON":
		for _, w := range words {
			f := facts[crf.FoldHash(w)]
			known = known || f.Given > 0 || f.Surname > 0 && f.Common < 2
		}
		known = known && len(words) <= 4
	case "GPE", "LOC":
		kind = crf.Location
		for _, w := range words {
			f := facts[crf.FoldHash(w)]
			known = known || f.Place > 0 || f.Region > 0
		}
	case "ORG":
		kind = crf.Organisation
		known = len(words) > 1 && len(words) <= 5
	case "PRODUCT", "WORK_OF_ART", "EVENT", "FAC":
	default:
		return
	}
	for i, w := range words {
		first, _ := utf8.DecodeRuneInString(w)
		if !unicode.IsUpper(first) && (i == 0 || !particles[w]) {
			known = false
		}
	}
	if !known || strings.ContainsAny(name, "0123456789@_/\n<>()[]\"*=") {
		e.Unknown = append(e.Unknown, [2]int{start, end})
		return
	}
	e.Spans = append(e.Spans, crf.Span{Start: start, End: start + len(name), Kind: kind})
}

// doubt notes capitalised words without a label that are likely to be names.
func (e *Example) doubt(facts map[uint64]crf.Facts, labelled []bool) {
	var scanner crf.Scanner
	scanner.Reset(e.Text)
	for t, ok := scanner.Next(); ok; t, ok = scanner.Next() {
		if t.Class != crf.Word || labelled[t.Start] {
			continue
		}
		word := e.Text[t.Start:t.End]
		first, _ := utf8.DecodeRuneInString(word)
		f := facts[crf.FoldHash(word)]
		if unicode.IsUpper(first) && f.Common < 3 && (f.Given >= 2 || f.Surname >= 2 || f.Place >= 2 || f.Region > 0) {
			e.Unknown = append(e.Unknown, [2]int{t.Start, t.End})
		}
	}
}
