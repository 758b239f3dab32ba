// Package fault gives errors a kind, so that each is handled once and in the
// same way everywhere: the API maps a kind to a status, an engine asks whether
// a retry is worth it, and a dead letter records it.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says who can do something about an error.
type Kind uint8

// The kinds. An error that carries none is Internal.
const (
	Internal    Kind = iota // our defect: its text is for the log, not for the caller
	Invalid                 // the input is wrong: the caller must change it
	NotFound                // what was named does not exist
	Conflict                // the state has moved on: read again, then decide
	Denied                  // the caller may not do this
	Unavailable             // something we depend on is down, slow or full: try again later
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "denied", "unavailable"}

// String names the kind as it stands in dead letters and problem documents.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// ParseKind is the inverse of String; an unknown name is Internal.
func ParseKind(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return Kind(k)
		}
	}
	return Internal
}

// Error is an error of a kind. Its message must hold no personal data: it is
// logged, stored in dead letters and, except for Internal, shown to callers.
type Error struct {
	Kind Kind
	Msg  string
	// Field names the input that is wrong, as a path such as "chunking.max"; may be empty.
	Field string
	// RetryAfter is how long the other side asked us to wait; 0 if it did not say.
	RetryAfter time.Duration
	Err        error // the cause; may be nil
}

// Error joins field, message and cause.
func (e *Error) Error() string {
	s := e.Msg
	if e.Field != "" {
		s = e.Field + ": " + s
	}
	if e.Err == nil {
		return s
	}
	if cause := e.Err.Error(); cause != "" {
		s += ": " + cause
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind. A %w verb keeps its cause.
func New(kind Kind, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: kind, Msg: err.Error(), Err: hidden{errors.Unwrap(err)}.orNil()}
}

// Field makes an Invalid error that names the input at fault.
func Field(field, format string, args ...any) error {
	return &Error{Kind: Invalid, Field: field, Msg: fmt.Sprintf(format, args...)}
}

// As gives err a kind, unless it is nil.
func As(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Msg: err.Error(), Err: hidden{err}}
}

// hidden keeps a cause reachable for errors.Is without printing it twice.
type hidden struct{ err error }

func (h hidden) Error() string { return "" }
func (h hidden) Unwrap() error { return h.err }
func (h hidden) orNil() error {
	if h.err == nil {
		return nil
	}
	return h
}

// KindOf finds the kind of err; the outermost Error in the chain decides.
// A cancelled or expired context is Unavailable.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Internal
}

// Retryable reports whether the same input may succeed later.
func Retryable(err error) bool { return KindOf(err) == Unavailable }

// RetryAfter is the wait that the other side asked for, or 0.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}

// Public is the text that may be shown to whoever caused err: internal
// errors keep their detail for the log.
func Public(err error) string {
	if KindOf(err) == Internal {
		return "internal error; the server's log has the detail"
	}
	return err.Error()
}
