// Package sample holds the support tickets of the demo and the labels of the personal data in them. All of it is
// invented by tools/sample; nobody in it exists.
package sample

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"iter"
)

//go:embed tickets.jsonl
var tickets []byte

//go:embed labels.jsonl
var labels []byte

// LongID is the id of the one long record.
const LongID = "T-LONG"

// Tickets returns the records as JSON lines, each {"id": …, "fields": {…}}.
func Tickets() []byte { return bytes.Clone(tickets) }

// Records yields the records one by one: one JSON document each.
func Records() iter.Seq[[]byte] { return lines(tickets) }

// Label is what is known of one record: where personal data lies in its content fields.
type Label struct {
	ID    string `json:"id"`
	Spans []Span `json:"spans"`
}

// Span is a range of a field's UTF-8 text, in bytes, end exclusive. Type is the name of an entity, by Presidio's names
// where it has one, else DATE_OF_BIRTH or SECRET.
type Span struct {
	Field string `json:"field"`
	Start int    `json:"start"`
	End   int    `json:"end"`
	Type  string `json:"type"`
}

// Labels returns the labels of all records, in the order of Records.
func Labels() ([]Label, error) {
	var out []Label
	for line := range lines(labels) {
		var l Label
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("read labels of the sample, line %d: %w", len(out)+1, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func lines(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for line := range bytes.Lines(b) {
			if !yield(bytes.Clone(bytes.TrimSuffix(line, []byte{'\n'}))) {
				return
			}
		}
	}
}
