package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/holdfast/holdfast/fault"
)

func TestKindSurvivesWrapping(t *testing.T) {
	err := fmt.Errorf("read page: %w", fault.New(fault.Unavailable, "open source: %w", io.ErrUnexpectedEOF))
	if got := fault.KindOf(err); got != fault.Unavailable {
		t.Fatalf("kind = %v", got)
	}
	if !fault.Retryable(err) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%v lost its cause", err)
	}
	if got, want := err.Error(), "read page: open source: unexpected EOF"; got != want {
		t.Fatalf("message = %q, want %q", got, want)
	}
}

func TestPublicHidesInternalDetail(t *testing.T) {
	if got := fault.Public(errors.New("table x is missing")); got == "table x is missing" {
		t.Fatal("internal detail shown")
	}
	if got, want := fault.Public(fault.Field("chunking.max", "must be above target")), "chunking.max: must be above target"; got != want {
		t.Fatalf("got %q", got)
	}
}

func TestContextErrorsAreUnavailable(t *testing.T) {
	for _, err := range []error{context.Canceled, context.DeadlineExceeded} {
		if !fault.Retryable(fmt.Errorf("embed: %w", err)) {
			t.Errorf("%v is not retryable", err)
		}
	}
}

func TestKindNamesRoundTrip(t *testing.T) {
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if got := fault.ParseKind(k.String()); got != k {
			t.Errorf("ParseKind(%q) = %v", k.String(), got)
		}
	}
}
