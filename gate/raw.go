package gate

import (
	"fmt"
	"log/slog"
)

// Redacted is what a Raw shows of itself.
const Redacted = "[redacted]"

// Raw is text as its owner wrote it. However it is printed, logged or
// encoded it shows only Redacted; Reveal is the one way to its content.
type Raw struct{ text string }

// NewRaw wraps text that has not passed the gate.
func NewRaw(text string) Raw { return Raw{text} }

// Reveal returns the text itself. The import test lists who may call it.
func (r Raw) Reveal() string { return r.text }

// Len is the length of the text in bytes.
func (r Raw) Len() int { return len(r.text) }

// String returns Redacted.
func (Raw) String() string { return Redacted }

// GoString returns Redacted, so that %#v shows no more than %v.
func (Raw) GoString() string { return Redacted }

// Format writes Redacted for every verb.
func (Raw) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// LogValue logs Redacted.
func (Raw) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText encodes Redacted.
func (Raw) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
