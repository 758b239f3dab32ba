// Package names finds the names of people, places and organisations in text.
//
// The tagger is a conditional random field with its weights embedded (package crf).
// After it the text is looked at once more for what a single sentence does not show: the
// same name elsewhere nearby, the labels of a chat, greetings, signatures, forms.
// What is said about a place in a text depends on the 4 KiB around it at most, and
// takes time linear in the text, whatever the text is. It never fails on malformed
// text. Spans lie on token bounds: a title (Dr, Frau), a possessive 's, and punctuation
// around a name are not part of it, but the full stop of a last initial is. A street with its house number is one location;
// its town is another.
package names

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"sync"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// Label is the kind of a name.
type Label uint8

// The labels.
const (
	Person       = Label(crf.Person)
	Location     = Label(crf.Location)
	Organisation = Label(crf.Organisation)
)

// String gives the label in capitals, as placeholders write it.
func (l Label) String() string {
	switch l {
	case Person:
		return "PERSON"
	case Location:
		return "LOCATION"
	case Organisation:
		return "ORGANISATION"
	}
	return fmt.Sprintf("Label(%d)", uint8(l))
}

// Span is a name in a text.
type Span struct {
	Start, End int     // byte offsets, half open
	Label      Label   //
	Score      float32 // estimated probability, 0 to 1, that span and label are right
}

// Options say how eager the tagger is. The zero value aims at the best balance.
type Options struct {
	// Recall finds more names, and more that are none.
	Recall bool
	// Threshold leaves out spans with a lower score. 0 keeps all.
	Threshold float32
}

// A bias, in nats, is taken from the score of a token being no name: with 1.5 a token is
// named although being none is thought e^1.5 = 4.5 times as likely. A name that is missed
// costs more than a word that is hidden, so there is some bias always.
const (
	plainBias  = 0.3
	recallBias = 1.5
)

// revision changes whenever the second look at a text does.
const revision = 4

//go:embed weights.bin
var weights []byte

// Tagger finds names. It is safe for concurrent use.
type Tagger struct {
	model   *crf.Model
	version string
	scratch sync.Pool // of *memory
}

type memory struct {
	crf      *crf.Scratch
	spans    []crf.Span // the tagger's
	refined  []crf.Span
	document document
}

// Load reads the embedded weights. It takes some tens of milliseconds: call it once.
func Load() (*Tagger, error) { return New(weights) }

// New makes a tagger of other weights, as tools/names writes them.
func New(weights []byte) (*Tagger, error) {
	model, digest, err := crf.Decode(weights)
	if err != nil {
		return nil, fmt.Errorf("load names tagger: %w", err)
	}
	t := &Tagger{model: model, version: fmt.Sprintf("names-%d.%d-%s", revision, crf.Revision, hex.EncodeToString(digest[:8]))}
	t.scratch.New = func() any { return &memory{crf: model.NewScratch()} }
	return t, nil
}

// Version names code and weights: two taggers of one version find the same spans.
func (t *Tagger) Version() string { return t.version }

// Tag appends the names in text to dst, in order and without overlaps.
func (t *Tagger) Tag(dst []Span, text string, opts Options) []Span {
	m := t.scratch.Get().(*memory) // New makes nothing else
	bias := float32(plainBias)
	if opts.Recall {
		bias = recallBias
	}
	m.spans = m.crf.Tag(m.spans[:0], text, bias, 0)
	m.refined = m.document.refine(m.refined[:0], text, m.crf.Candidates(), m.spans)
	for _, s := range m.refined {
		if s.Score < opts.Threshold {
			continue
		}
		dst = append(dst, Span{Start: s.Start, End: s.End, Label: Label(s.Kind), Score: s.Score})
	}
	t.scratch.Put(m)
	return dst
}
