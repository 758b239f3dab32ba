// Package embedding makes vectors from clean text, once each.
//
// A vector is an immutable artifact with a content address: the digest of
// the model's fingerprint and the embed form of the text. The Store claims
// addresses before a model is called, so that concurrent workers never
// compute one text twice, and keeps vectors inline in the record store until
// enough have gathered to be packed into an immutable segment object.
package embedding

import (
	"context"
	"fmt"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/gate"
)

// Model is one exact version of an embedding model.
type Model struct {
	Name       string // in the configuration; not part of the fingerprint
	Provider   string // "builtin", "openai", …
	Identity   string // the provider's name for it, with the endpoint's host where one name means different weights
	Revision   string // weights' digest or the provider's revision, if it tells
	Dimensions int
	Normalized bool // vectors have length 1
	MaxTokens  int  // longest text it takes; 0 if unbounded
	// QueryPrefix and PassagePrefix stand before the text where a model wants
	// it told apart.
	QueryPrefix, PassagePrefix string
	Tokenizer                  string
}

// Fingerprint addresses the space that a model's vectors live in. Vectors
// with different fingerprints are never compared.
func (m Model) Fingerprint() digest.Digest {
	return digest.Of("model", m.Provider, m.Identity, m.Revision, fmt.Sprint(m.Dimensions, m.Normalized),
		m.QueryPrefix, m.PassagePrefix, m.Tokenizer)
}

// Purpose says what a text is embedded for.
type Purpose uint8

// Passages are stored, queries are compared with them.
const (
	ForPassage Purpose = iota
	ForQuery
)

// Vector is the embedding of one text, or the reason why there is none.
// fault.Invalid means that this text will never have one; it does not touch
// the others of its batch.
type Vector struct {
	Values []float32
	Err    error
}

// Usage is what a call cost, as the provider counts.
type Usage struct {
	Requests int
	Tokens   int
}

// Embedder calls one model. It is safe for concurrent use and splits what it
// is given into requests that the provider accepts.
type Embedder interface {
	Model() Model
	// Embed returns one Vector for each text, in order. The error is for the
	// call as a whole: no text has a vector then.
	Embed(ctx context.Context, purpose Purpose, texts []gate.Clean) ([]Vector, Usage, error)
}

// TextDigest addresses a text by its embed form, within a tenant.
func TextDigest(tenant string, c gate.Clean) digest.Digest {
	return digest.Of("text", tenant, c.Embed())
}

// Address is where the vector of a text in a model's space is found.
func Address(space, text digest.Digest) digest.Digest {
	return digest.Of("embedding", string(space[:]), string(text[:]))
}
