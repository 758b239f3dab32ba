package index

import (
	"slices"

	"github.com/holdfast/holdfast/gate"
)

// Filter is a condition on a record's metadata as an index holds it. It may
// let through more than the caller asked for, since order among hashed texts
// is not known here; whoever asked decides again on the record itself.
type Filter struct {
	Op     FilterOp
	Field  string
	Values []gate.Value // In: any of these
	Min    *Bound       // Range
	Max    *Bound
	Sub    []Filter // All, Any, Not
}

// FilterOp is what a node of a Filter asks.
type FilterOp uint8

// All of no conditions is true, Any of none is not, and Not means that none of
// its conditions holds. A field that holds several values matches if one of
// them does.
const (
	All FilterOp = iota
	Any
	Not
	In
	Range
	Exists
)

// Bound is an end of a range of numbers or times.
type Bound struct {
	Value gate.Value
	Open  bool // the bound itself is outside
}

// Match decides the filter on a record's metadata. A nil filter matches.
func (f *Filter) Match(m Meta) bool {
	if f == nil {
		return true
	}
	match := func(s Filter) bool { return s.Match(m) }
	switch f.Op {
	case All:
		return !slices.ContainsFunc(f.Sub, func(s Filter) bool { return !s.Match(m) })
	case Any:
		return slices.ContainsFunc(f.Sub, match)
	case Not:
		return !slices.ContainsFunc(f.Sub, match)
	case In:
		return slices.ContainsFunc(m[f.Field], func(v gate.Value) bool { return slices.Contains(f.Values, v) })
	case Range:
		return slices.ContainsFunc(m[f.Field], f.Within)
	case Exists:
		return len(m[f.Field]) > 0
	}
	return false
}

// Within decides a Range on one value.
func (f *Filter) Within(v gate.Value) bool {
	at, ok := v.Ordered()
	if !ok {
		return false
	}
	if f.Min != nil {
		low, _ := f.Min.Value.Ordered()
		if !v.SameKind(f.Min.Value) || at < low || at == low && f.Min.Open {
			return false
		}
	}
	if f.Max != nil {
		high, _ := f.Max.Value.Ordered()
		if !v.SameKind(f.Max.Value) || at > high || at == high && f.Max.Open {
			return false
		}
	}
	return true
}
