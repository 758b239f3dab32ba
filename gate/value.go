package gate

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is a metadata value that may leave the record store: a number, a
// boolean, a time, a member of a declared enumeration, or the keyed hash of
// any other text. Only this package can make one from text. The zero value
// is "absent". Values are comparable with ==.
type Value struct {
	kind valueKind
	num  float64 // numbers, booleans (0, 1), times (Unix seconds)
	hash [16]byte
	enum string
}

type valueKind uint8

const (
	absent valueKind = iota
	number
	boolean
	moment
	enumerated
	hashed
)

// Absent reports whether there is no value.
func (v Value) Absent() bool { return v.kind == absent }

// Ordered reports whether the value can be compared by order, and its place.
func (v Value) Ordered() (float64, bool) {
	return v.num, v.kind == number || v.kind == moment
}

// Key is a compact, unique encoding for index structures: equal values have
// equal keys.
func (v Value) Key() string {
	switch v.kind {
	case number, boolean, moment:
		b := make([]byte, 1, 9)
		b[0] = byte(v.kind)
		return string(binary.BigEndian.AppendUint64(b, math.Float64bits(v.num)))
	case enumerated:
		return "e" + v.enum
	case hashed:
		return "h" + string(v.hash[:])
	case absent:
	}
	return ""
}

// ParseKey is the inverse of Key. A key of no known form is absent.
func ParseKey(key string) Value {
	if key == "" {
		return Value{}
	}
	switch k := valueKind(key[0]); {
	case key[0] == 'e':
		return Value{kind: enumerated, enum: key[1:]}
	case key[0] == 'h' && len(key) == 17:
		v := Value{kind: hashed}
		copy(v.hash[:], key[1:])
		return v
	case (k == number || k == boolean || k == moment) && len(key) == 9:
		return Value{kind: k, num: math.Float64frombits(binary.BigEndian.Uint64([]byte(key[1:])))}
	}
	return Value{}
}

// Metadata turns one metadata value of a record (as decoded from JSON) into
// what the index may hold. Lists give one Value for each element; objects
// and null give none. enum holds the field's declared enumeration, if any:
// its members travel as themselves, all other text as a keyed hash, except
// text in RFC 3339 form, which is a time.
func (g *Gate) Metadata(field string, value any, enum []string) []Value {
	if list, ok := value.([]any); ok {
		out := make([]Value, 0, len(list))
		for _, v := range list {
			if one := g.scalar(field, v, enum); !one.Absent() {
				out = append(out, one)
			}
		}
		return out
	}
	if one := g.scalar(field, value, enum); !one.Absent() {
		return []Value{one}
	}
	return nil
}

func (g *Gate) scalar(field string, value any, enum []string) Value {
	switch v := value.(type) {
	case bool:
		if v {
			return Value{kind: boolean, num: 1}
		}
		return Value{kind: boolean}
	case float64:
		return Value{kind: number, num: v}
	case int:
		return Value{kind: number, num: float64(v)}
	case int64:
		return Value{kind: number, num: float64(v)}
	case json.Number:
		if f, err := strconv.ParseFloat(v.String(), 64); err == nil {
			return Value{kind: number, num: f}
		}
		return g.hashValue(field, v.String())
	case string:
		if slices.Contains(enum, v) {
			return Value{kind: enumerated, enum: v}
		}
		if t, ok := ParseTime(v); ok {
			return Value{kind: moment, num: float64(t.UnixMicro()) / 1e6}
		}
		return g.hashValue(field, v)
	}
	return Value{}
}

// ParseTime reads a date or an RFC 3339 time.
func ParseTime(s string) (time.Time, bool) {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return time.Time{}, false
	}
	layout := time.RFC3339Nano
	if len(s) == 10 {
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, strings.ToUpper(s))
	return t, err == nil
}

func (g *Gate) hashValue(field, text string) Value {
	v := Value{kind: hashed}
	buf := make([]byte, 0, len(field)+1+len(text))
	buf = append(buf, field...)
	buf = append(buf, 0)
	buf = append(buf, text...)
	g.values.mac(v.hash[:0], buf)
	return v
}

// SameKind reports whether two values can be compared with one another.
func (v Value) SameKind(other Value) bool { return v.kind == other.kind }
