// Command embedder must not compile: it embeds text that has not passed the gate.
package main

import (
	"context"

	"github.com/holdfast/holdfast/embedding"
)

func send(e embedding.Embedder) {
	_, _, _ = e.Embed(context.Background(), embedding.ForPassage, []string{"raw text"})
}

func main() { _ = send }
