package builtin_test

import (
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
)

func TestEmbedder(t *testing.T) {
	conform.Embedder(t, func(t *testing.T) embedding.Embedder {
		t.Helper()
		e, err := builtin.New()
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}
