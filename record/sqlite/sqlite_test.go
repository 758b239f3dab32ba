package sqlite_test

import (
	"testing"

	"github.com/holdfast/holdfast/conform"
	"github.com/holdfast/holdfast/record"
)

func TestConformance(t *testing.T) {
	conform.Record(t, func(t *testing.T) record.Store { return openStore(t) })
}
