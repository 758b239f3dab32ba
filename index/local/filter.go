package local

import (
	"math"
	"slices"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/index"
)

// condition is an index.Filter with its field looked up and its values ready
// for many records.
type condition struct {
	op     index.FilterOp
	field  uint32
	values map[gate.Value]struct{} // of an In with many
	leaf   *index.Filter
	sub    []condition
}

// manyValues is where looking a value up beats comparing with each.
const manyValues = 8

// noField stands for a field that no record has.
const noField = math.MaxUint32

func (s *state) compile(f *index.Filter) condition {
	c := condition{op: f.Op, field: noField, leaf: f}
	if n, known := s.fields[f.Field]; known {
		c.field = n
	}
	if f.Op == index.In && len(f.Values) > manyValues {
		c.values = make(map[gate.Value]struct{}, len(f.Values))
		for _, v := range f.Values {
			c.values[v] = struct{}{}
		}
	}
	for i := range f.Sub {
		c.sub = append(c.sub, s.compile(&f.Sub[i]))
	}
	return c
}

func (c *condition) match(values []fieldValue) bool {
	switch c.op {
	case index.All:
		for i := range c.sub {
			if !c.sub[i].match(values) {
				return false
			}
		}
		return true
	case index.Any:
		return c.any(values)
	case index.Not:
		return !c.any(values)
	case index.In, index.Range, index.Exists:
		for i := range values {
			if values[i].field == c.field && c.holds(&values[i].value) {
				return true
			}
		}
	}
	return false
}

func (c *condition) any(values []fieldValue) bool {
	for i := range c.sub {
		if c.sub[i].match(values) {
			return true
		}
	}
	return false
}

// holds decides a leaf on one value.
func (c *condition) holds(v *gate.Value) bool {
	switch c.op {
	case index.In:
		if c.values == nil {
			return slices.Contains(c.leaf.Values, *v)
		}
		_, in := c.values[*v]
		return in
	case index.Range:
		return c.leaf.Within(*v)
	case index.Exists:
		return true
	case index.All, index.Any, index.Not:
	}
	return false
}

// look returns the rows as they are now, those alive whose record matches.
// The filter is decided once for each record.
func (s *state) look(f *index.Filter) rows {
	r := s.view()
	if f == nil {
		return r
	}
	c := s.compile(f)
	matching := make([]bool, len(s.records))
	for i := range s.records {
		matching[i] = c.match(s.records[i].values)
	}
	for row := range r.alive.all() {
		if !matching[r.record[row]] {
			r.alive.clear(row)
		}
	}
	return r
}
