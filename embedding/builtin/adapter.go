package builtin

import (
	"context"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/gate"
)

// Embedder is the model as an embedding.Embedder. It costs nothing; a call to it counts as one request, as it would to
// any model, so that what is measured of an outside model can be seen with this one.
type Embedder struct {
	model *Model
}

// New returns the built-in embedder.
func New() (*Embedder, error) {
	m, err := Load()
	if err != nil {
		return nil, err
	}
	return &Embedder{model: m}, nil
}

// Model describes the model. A query and a passage are embedded alike, and there is no longest text.
func (e *Embedder) Model() embedding.Model {
	return embedding.Model{
		Name:       "builtin",
		Provider:   "builtin",
		Identity:   "static-minilm-l6",
		Revision:   e.model.Revision(),
		Dimensions: e.model.Dimensions(),
		Normalized: true,
		Tokenizer:  rules,
	}
}

// rules names those by which text becomes tokens. Change it whenever any text would have other tokens or weights, so
// that vectors of both kinds never meet.
const rules = "bert-base-uncased, placeholders at an eighth"

// Embed embeds the embed form of texts. No text fails.
func (e *Embedder) Embed(ctx context.Context, _ embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	dims := e.model.Dimensions()
	values := make([]float32, 0, len(texts)*dims)
	vectors := make([]embedding.Vector, len(texts))
	usage := embedding.Usage{Requests: min(len(texts), 1)}
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			return nil, embedding.Usage{}, err
		}
		var n int
		values, n = e.model.encode(values, text.Embed())
		vectors[i].Values = values[i*dims : (i+1)*dims : (i+1)*dims]
		usage.Tokens += n
	}
	return vectors, usage, nil
}

// Unfamiliar is the share of a text's words that the model does not know whole, 0 to 1: about 0.1 for English, 0.5 for
// Spanish, 0.6 for German. Placeholders and punctuation don't count.
func (e *Embedder) Unfamiliar(text gate.Clean) float32 {
	var buf [maxWordRunes]int32
	words, whole := 0, 0
	scan := scanner{text: text.Embed()}
	for scan.next() {
		if first, _ := utf8.DecodeRune(scan.word[:scan.n]); scan.placeholder || !unicode.In(first, unicode.L, unicode.N) {
			continue
		}
		words++
		if ids := e.model.ids(&scan, buf[:0]); len(ids) == 1 && ids[0] != e.model.vocabulary.unknown {
			whole++
		}
	}
	if words == 0 {
		return 0
	}
	return float32(words-whole) / float32(words)
}
