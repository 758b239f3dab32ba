package pgvector

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// A record's metadata is an array of facts, so that one index finds all of
// them. A fact is the field's name, after its length, and the value: its kind
// and its bytes. Numbers and times are written so that the order of facts is
// theirs, and both zeros are one. That a field has a value is a fact too.
const hasValue = 0xff // no kind that gate.Value.Key begins with

func ofField(field string) []byte {
	return append(binary.AppendUvarint(nil, uint64(len(field))), field...)
}

func fact(field string, v gate.Value) []byte {
	key := v.Key()
	out := append(ofField(field), key[0])
	if n, ordered := v.Ordered(); ordered {
		return binary.BigEndian.AppendUint64(out, ascending(n))
	}
	return append(out, key[1:]...)
}

// ascending maps numbers to integers of the same order.
func ascending(n float64) uint64 {
	if n == 0 {
		n = 0 // not -0
	}
	b := math.Float64bits(n)
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// factsOf lists the facts of metadata as an array literal.
func factsOf(m index.Meta) string {
	var b strings.Builder
	add := func(f []byte) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"\\x%x"`, f)
	}
	for field, values := range m {
		if len(values) > 0 {
			add(append(ofField(field), hasValue))
		}
		for _, v := range values {
			if !v.Absent() {
				add(fact(field, v))
			}
		}
	}
	return "{" + b.String() + "}"
}

// condition is an index.Filter in SQL, on m.facts.
type condition struct {
	args []any
}

func (c *condition) arg(v any) string {
	c.args = append(c.args, v)
	return fmt.Sprintf("$%d", len(c.args))
}

func (c *condition) of(f *index.Filter) string {
	switch f.Op {
	case index.All:
		return "(" + c.join("true", " AND ", f.Sub) + ")"
	case index.Any:
		return "(" + c.join("false", " OR ", f.Sub) + ")"
	case index.Not:
		return "NOT (" + c.join("false", " OR ", f.Sub) + ")"
	case index.In:
		facts := [][]byte{}
		for _, v := range f.Values {
			if !v.Absent() {
				facts = append(facts, fact(f.Field, v))
			}
		}
		return c.any(facts)
	case index.Exists:
		return c.any([][]byte{append(ofField(f.Field), hasValue)})
	case index.Range:
		return c.between(f)
	}
	return "false"
}

func (c *condition) join(none, with string, sub []index.Filter) string {
	parts := []string{none}
	for i := range sub {
		if i == 0 {
			parts = parts[:0]
		}
		parts = append(parts, c.of(&sub[i]))
	}
	return strings.Join(parts, with)
}

// any is true if the record has one of the facts; false, not null, if it has
// no metadata at all.
func (c *condition) any(facts [][]byte) string {
	return "coalesce(m.facts && " + c.arg(facts) + "::bytea[], false)"
}

// between asks for a fact from one to another. Facts of one field and kind
// have one length, so their order is that of their numbers.
func (c *condition) between(f *index.Filter) string {
	var parts []string
	for _, kind := range orderedKinds {
		from, to := append(ofField(f.Field), kind), append(ofField(f.Field), kind)
		low, high, possible := uint64(0), uint64(math.MaxUint64), true
		for _, end := range []struct {
			bound *index.Bound
			at    *uint64
			inner uint64 // what excludes the bound itself
		}{{f.Min, &low, 1}, {f.Max, &high, math.MaxUint64}} {
			if end.bound == nil {
				continue
			}
			n, ordered := end.bound.Value.Ordered()
			possible = possible && ordered && end.bound.Value.Key()[0] == kind
			*end.at = ascending(n)
			if end.bound.Open {
				*end.at += end.inner
			}
		}
		if possible && low <= high {
			parts = append(parts, fmt.Sprintf("EXISTS (SELECT FROM unnest(m.facts) f WHERE f BETWEEN %s::bytea AND %s::bytea)",
				c.arg(binary.BigEndian.AppendUint64(from, low)), c.arg(binary.BigEndian.AppendUint64(to, high))))
		}
	}
	if len(parts) == 0 {
		return "false"
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// orderedKinds are how the keys of numbers and times begin: what gate.Value
// writes, since its kinds are its own.
var orderedKinds = func() (out []byte) {
	for kind := range byte(hasValue) {
		v := gate.ParseKey(string(append([]byte{kind}, make([]byte, 8)...)))
		if _, ordered := v.Ordered(); ordered {
			out = append(out, kind)
		}
	}
	return out
}()

// where is what a filter adds to a query on entries e: a join and a condition.
func where(f *index.Filter, args ...any) (join, matches string, all []any) {
	if f == nil {
		return "", "true", args
	}
	c := condition{args: args}
	text := c.of(f)
	return " LEFT JOIN {meta} m ON m.record = e.record", text, c.args
}
