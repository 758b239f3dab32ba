package attach

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Types whose values are equal exactly if their texts are, and which compare
// quickly. Others are compared as text, or by their bytes.
var exact = []uint32{16, 20, 21, 23, 26, 1082, 1083, 1114, 1184, 2950} // bool, int8, int2, int4, oid, date, time, timestamp, timestamptz, uuid

// Types whose text depends on settings of the session.
var unsettled = []uint32{17, 700, 701, 1082, 1083, 1114, 1184, 1186, 1266} // bytea, float4, float8, date, time, timestamp, timestamptz, interval, timetz

const timestampType = 1114

func (c column) exact() bool { return c.enum || slices.Contains(exact, c.oid) }
func (c column) text() bool  { return c.oid == 25 || c.oid == 1043 } // text, varchar

// id is the expression for the id of a row known as alias.
func (t *table) id(alias string) string {
	parts := make([]string, len(t.keys))
	for i, k := range t.keys {
		parts[i] = alias + "." + quote(k.name) + "::text"
		if len(t.keys) > 1 && !k.exact() {
			parts[i] = "replace(replace(" + parts[i] + ", '%', '%25'), '/', '%2F')"
		}
	}
	return strings.Join(parts, " || '/' || ")
}

// sameKey is the condition that rows o and n have one id.
func (t *table) sameKey(o, n string) string {
	parts := make([]string, len(t.keys))
	for i, k := range t.keys {
		cast := ""
		switch {
		case k.text():
			cast = ` COLLATE "C"`
		case !k.exact():
			cast = `::text COLLATE "C"`
		}
		name := "." + quote(k.name) + cast
		parts[i] = o + name + " = " + n + name
	}
	return strings.Join(parts, " AND ")
}

var unescape = strings.NewReplacer("%2F", "/", "%25", "%")

var uuidText = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// split takes an id apart, one text for each column of the key; ok is false
// if no row can have it.
func (t *table) split(id string) (parts []string, ok bool) {
	if len(t.keys) == 1 {
		parts = []string{id}
	} else if parts = strings.Split(id, "/"); len(parts) != len(t.keys) {
		return nil, false
	}
	for i, k := range t.keys {
		if len(t.keys) > 1 {
			parts[i] = unescape.Replace(parts[i])
		}
		switch k.base {
		case "bigint", "integer", "smallint":
			bits := map[string]int{"bigint": 64, "integer": 32, "smallint": 16}[k.base]
			if _, err := strconv.ParseInt(parts[i], 10, bits); err != nil {
				return nil, false
			}
		case "uuid":
			if !uuidText.MatchString(parts[i]) {
				return nil, false
			}
		}
	}
	return parts, true
}

// typed is the key of a row known as alias, for comparison with the texts
// that arguments from $first on hold.
func (t *table) typed(alias string, first int) (key, args string) {
	var names, values []string
	for i, k := range t.keys {
		names = append(names, alias+"."+quote(k.name))
		values = append(values, "$"+strconv.Itoa(first+i)+"::text::"+k.base)
	}
	return strings.Join(names, ", "), strings.Join(values, ", ")
}

func (t *table) order(alias string) string {
	var names []string
	for _, k := range t.keys {
		names = append(names, alias+"."+quote(k.name))
	}
	return strings.Join(names, ", ")
}
