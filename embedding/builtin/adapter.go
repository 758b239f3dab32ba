package builtin

import (
	"context"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/gate"
)

// Embedder is the model as an embedding.Embedder. It makes no requests and costs nothing.
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
		Tokenizer:  tokenizer,
	}
}

// tokenizer names the rules by which text becomes tokens. Change it whenever any text would have other tokens or
// weights, so that vectors of both kinds never meet.
const tokenizer = "bert-base-uncased, placeholders at an eighth"

// Embed embeds the embed form of texts. No text fails.
func (e *Embedder) Embed(ctx context.Context, _ embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	dims := e.model.Dimensions()
	values := make([]float32, 0, len(texts)*dims)
	vectors := make([]embedding.Vector, len(texts))
	var usage embedding.Usage
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
