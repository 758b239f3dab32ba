package gate

import (
	"fmt"
	"log/slog"
)

// Secret is what a pseudonym stands for, on its way into the vault. However
// it is printed, logged or encoded it shows only Redacted.
type Secret struct {
	Token   string
	subject string
	value   string
}

// Format writes Redacted for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Redacted)) }

// LogValue logs Redacted.
func (Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText encodes Redacted.
func (Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
