package local_test

import (
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/index"
	"github.com/holdfast/holdfast/index/local"
)

func storage(tb testing.TB) func() index.Opener {
	dir := tb.TempDir()
	return func() index.Opener {
		o, err := local.Open(local.Config{Dir: dir})
		if err != nil {
			tb.Fatal(err)
		}
		return o
	}
}

func TestConform(t *testing.T) { conform.Index(t, storage) }
