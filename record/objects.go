package record

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast/holdfast/fault"
)

// Object is a small document that a part keeps: a plan, a cursor, a bucket, a
// schedule, a setting. It holds ids, numbers and names, never personal data.
type Object struct {
	Kind, Key string
	Version   int64 // counts writes since it was created, from 1
	Data      json.RawMessage
	UpdatedAt time.Time
}

// Decode reads the document into v.
func (o *Object) Decode(v any) error {
	if err := json.Unmarshal(o.Data, v); err != nil {
		return fault.New(fault.Internal, "read the %s %q: %w", o.Kind, o.Key, err)
	}
	return nil
}

// AnyVersion makes Put store a document whatever is there.
const AnyVersion int64 = -1

// MaxObject is the most bytes that a document may have as JSON.
const MaxObject = 1 << 20

// Objects keeps documents by kind and key.
type Objects interface {
	// Get finds a document; fault.NotFound if there is none. What an Update
	// has got stays as it is until it ends, so that read, decide and Put is safe.
	Get(ctx context.Context, kind, key string) (Object, error)
	// Put stores data, as JSON, if the document's version is still the one
	// given, 0 if it must not exist; fault.Conflict otherwise.
	Put(ctx context.Context, kind, key string, data any, ifVersion int64) (Object, error)
	// Delete deletes a document; fault.NotFound if there is none.
	Delete(ctx context.Context, kind, key string) error
	// List returns up to limit documents of a kind whose keys begin with
	// prefix and come after the given one, by key (bytewise).
	List(ctx context.Context, kind, prefix, after string, limit int) ([]Object, error)
}

// EncodeObject checks what is to be put, and is what every driver stores.
func EncodeObject(kind, key string, data any) (json.RawMessage, error) {
	for _, n := range [...]struct{ field, name string }{{"kind", kind}, {"key", key}} {
		if n.name == "" || len(n.name) > MaxID || !utf8.ValidString(n.name) || strings.ContainsFunc(n.name, unicode.IsControl) {
			return nil, fault.Field(n.field, "must be 1 to %d bytes of UTF-8 without control characters", MaxID)
		}
	}
	b, err := json.Marshal(data)
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "write the %s %q as JSON: %w", kind, key, err)
	case len(b) > MaxObject:
		return nil, fault.New(fault.Invalid, "the %s %q has %d bytes; at most %d are allowed", kind, key, len(b), MaxObject)
	case !utf8.Valid(b):
		return nil, fault.New(fault.Invalid, "the %s %q is not UTF-8", kind, key)
	}
	return b, nil
}

// ObjectMoved is the error of a Put whose document has another version.
func ObjectMoved(kind, key string) error {
	return fault.New(fault.Conflict, "the %s %q has changed in the meantime; read it again", kind, key)
}
