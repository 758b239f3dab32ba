// Command gated shows that clean text is accepted.
package main

import (
	"context"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

func send(e embedding.Embedder, c gate.Clean) index.Entry {
	_, _, _ = e.Embed(context.Background(), embedding.ForPassage, []gate.Clean{c})
	return index.Entry{Text: c}
}

func main() { _ = send }
