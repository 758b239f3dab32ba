package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Filter is a condition on a record's metadata. A field that holds a list
// matches if one of its elements does; a missing field matches only $exists
// false, $ne, $nin and $not.
type Filter struct {
	Op     FilterOp
	Field  string   // of a leaf
	Values []any    // of a leaf: one, or many for In
	Sub    []Filter // of And, Or, Not
}

// FilterOp is what a node of a Filter asks.
type FilterOp string

// Inner nodes hold other filters, leaves compare one field.
const (
	And    FilterOp = "$and"
	Or     FilterOp = "$or"
	Not    FilterOp = "$not"
	In     FilterOp = "$in"
	GT     FilterOp = "$gt"
	GTE    FilterOp = "$gte"
	LT     FilterOp = "$lt"
	LTE    FilterOp = "$lte"
	Exists FilterOp = "$exists"
)

const maxFilterDepth = 16

// ParseFilter reads the JSON form, {"status":"open","priority":{"$gte":2}}.
// Only metadata fields of the declaration may be named. Empty input is no
// condition.
func (d *Declaration) ParseFilter(data json.RawMessage) (Filter, error) {
	if len(bytes.TrimSpace(data)) == 0 || string(bytes.TrimSpace(data)) == "null" {
		return Filter{Op: And}, nil
	}
	fields, err := ParseFields(data)
	if err != nil {
		return Filter{}, fault.Field("filter", "must be a JSON object such as {\"status\":\"open\"}")
	}
	return d.parseObject("filter", map[string]any(fields), 0)
}

func (d *Declaration) parseObject(at string, object map[string]any, depth int) (Filter, error) {
	all := Filter{Op: And}
	if depth > maxFilterDepth {
		return all, fault.Field("filter", "is nested more than %d deep", maxFilterDepth)
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		f, err := d.parseKey(at+"."+key, key, object[key], depth)
		if err != nil {
			return all, err
		}
		all.Sub = append(all.Sub, f)
	}
	return all, nil
}

func (d *Declaration) parseKey(at, key string, value any, depth int) (Filter, error) {
	switch op := FilterOp(key); {
	case op == Not:
		object, ok := value.(map[string]any)
		if !ok {
			return Filter{}, fault.Field(at, "must be an object")
		}
		sub, err := d.parseObject(at, object, depth+1)
		return Filter{Op: Not, Sub: []Filter{sub}}, err
	case op == And || op == Or:
		list, ok := value.([]any)
		if !ok || len(list) == 0 {
			return Filter{}, fault.Field(at, "must be a list of objects")
		}
		out := Filter{Op: op}
		for i, e := range list {
			object, ok := e.(map[string]any)
			if !ok {
				return Filter{}, fault.Field(fmt.Sprintf("%s[%d]", at, i), "must be an object")
			}
			sub, err := d.parseObject(fmt.Sprintf("%s[%d]", at, i), object, depth+1)
			if err != nil {
				return Filter{}, err
			}
			out.Sub = append(out.Sub, sub)
		}
		return out, nil
	case strings.HasPrefix(key, "$"):
		return Filter{}, fault.Field(at, "unknown operator; here $and, $or and $not may stand")
	case !slices.Contains(d.Metadata, key):
		return Filter{}, fault.Field(at, "is not a metadata field; there are: %s", strings.Join(d.Metadata, ", "))
	}
	return parseLeaf(at, key, value)
}

func parseLeaf(at, field string, value any) (Filter, error) {
	object, ok := value.(map[string]any)
	if !ok {
		if !scalar(value) {
			return Filter{}, fault.Field(at, "must be a single value or an object of operators; use $in for a list")
		}
		return Filter{Op: In, Field: field, Values: []any{value}}, nil
	}
	all := Filter{Op: And}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		f, err := parseOperator(at+"."+key, field, key, object[key])
		if err != nil {
			return Filter{}, err
		}
		all.Sub = append(all.Sub, f)
	}
	if len(all.Sub) == 0 {
		return Filter{}, fault.Field(at, "has no operator")
	}
	return all, nil
}

func parseOperator(at, field, key string, value any) (Filter, error) {
	leaf := Filter{Op: FilterOp(key), Field: field, Values: []any{value}}
	switch key {
	case "$in", "$nin":
		list, ok := value.([]any)
		if !ok || slices.ContainsFunc(list, func(v any) bool { return !scalar(v) }) {
			return Filter{}, fault.Field(at, "must be a list of single values")
		}
		leaf = Filter{Op: In, Field: field, Values: list}
	case "$exists":
		if _, ok := value.(bool); !ok {
			return Filter{}, fault.Field(at, "must be true or false")
		}
	case "$eq", "$ne", "$gt", "$gte", "$lt", "$lte":
		if !scalar(value) {
			return Filter{}, fault.Field(at, "must be a single value")
		}
		if key == "$eq" || key == "$ne" {
			leaf.Op = In
		}
	case "$not":
		sub, err := parseLeaf(at, field, value)
		return Filter{Op: Not, Sub: []Filter{sub}}, err
	default:
		return Filter{}, fault.Field(at, "unknown operator; use $eq, $ne, $in, $nin, $gt, $gte, $lt, $lte, $exists or $not")
	}
	if key == "$ne" || key == "$nin" {
		return Filter{Op: Not, Sub: []Filter{leaf}}, nil
	}
	return leaf, nil
}

func scalar(v any) bool {
	switch v.(type) {
	case string, bool, json.Number:
		return true
	}
	return false
}

// Match decides the filter on a record's own fields.
func (f Filter) Match(fields Fields) bool {
	switch f.Op {
	case And:
		return !slices.ContainsFunc(f.Sub, func(s Filter) bool { return !s.Match(fields) })
	case Or:
		return slices.ContainsFunc(f.Sub, func(s Filter) bool { return s.Match(fields) })
	case Not:
		return !f.Sub[0].Match(fields)
	case Exists:
		v, has := fields[f.Field]
		return (has && v != nil) == (f.Values[0] == true)
	case In, GT, GTE, LT, LTE:
	}
	switch v := fields[f.Field].(type) {
	case nil, map[string]any:
		return false
	case []any:
		return slices.ContainsFunc(v, f.matchScalar)
	default:
		return f.matchScalar(v)
	}
}

func (f Filter) matchScalar(have any) bool {
	return slices.ContainsFunc(f.Values, func(want any) bool {
		c, ok := compare(have, want)
		if !ok {
			return false
		}
		switch f.Op {
		case In:
			return c == 0
		case GT:
			return c > 0
		case GTE:
			return c >= 0
		case LT:
			return c < 0
		case LTE:
			return c <= 0
		case And, Or, Not, Exists:
		}
		return false
	})
}

// compare orders two values of one type; times are compared as times,
// whatever their zone.
func compare(a, b any) (int, bool) {
	switch x := a.(type) {
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return 0, false
		}
		p, errP := x.Float64()
		q, errQ := y.Float64()
		if errP != nil || errQ != nil {
			return strings.Compare(x.String(), y.String()), x == y
		}
		return cmpFloat(p, q), true
	case string:
		y, ok := b.(string)
		if !ok {
			return 0, false
		}
		if s, ok := gate.ParseTime(x); ok {
			if t, ok := gate.ParseTime(y); ok {
				return s.Compare(t), true
			}
		}
		return strings.Compare(x, y), true
	case bool:
		y, ok := b.(bool)
		if !ok || x == y {
			return 0, ok
		}
		if x {
			return 1, true
		}
		return -1, true
	}
	return 0, false
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
