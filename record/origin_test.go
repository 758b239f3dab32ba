package record_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

func TestDeclaringASource(t *testing.T) {
	const head = "collection: tickets\ncontent: [body]\nmetadata: [city]\n"
	for _, c := range []struct {
		source string
		id     []string
		fails  string // in the error; empty if it is valid
	}{
		{"source: {postgres: {url_env: APP_DB, table: public.tickets, id: id}}", []string{"id"}, ""},
		{"source: {postgres: {url_env: APP_DB, table: tickets, id: [a, b], fields: {city: address.city}, poll: updated_at}}", []string{"a", "b"}, ""},
		{"source: {postgres: {url_env: APP_DB, table: '\"odd.schema\".t', id: id, fields: {city: '\"a\"\"b\".c'}}}", []string{"id"}, ""},
		{"source: {}", nil, "names no kind"},
		{"source: {mysql: {}}", nil, "mysql"},
		{"source: {postgres: {table: tickets, id: id}}", nil, "url_env"},
		{"source: {postgres: {url_env: 'postgres://x', table: tickets, id: id}}", nil, "url_env"},
		{"source: {postgres: {url_env: APP_DB, table: a.b.c, id: id}}", nil, "table"},
		{"source: {postgres: {url_env: APP_DB, table: tickets}}", nil, "id"},
		{"source: {postgres: {url_env: APP_DB, table: tickets, id: [a, a]}}", nil, "twice"},
		{"source: {postgres: {url_env: APP_DB, table: tickets, id: id, fields: {city: 'address.'}}}", nil, "fields.city"},
		{"source: {postgres: {url_env: APP_DB, table: tickets, id: id, fields: {town: address}}}", nil, "neither content nor metadata"},
	} {
		all, err := record.ParseDeclarations([]byte(head + c.source))
		switch {
		case c.fails == "" && err != nil:
			t.Errorf("%s: %v", c.source, err)
		case c.fails == "" && !slices.Equal(all[0].Source.Postgres.ID, c.id):
			t.Errorf("%s: id %q", c.source, all[0].Source.Postgres.ID)
		case c.fails != "" && (fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: got %v, want %q", c.source, err, c.fails)
		}
	}
}

func TestSplitName(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string // nil if it is none
	}{
		{"a", []string{"a"}},
		{"a.b.0", []string{"a", "b", "0"}},
		{`"a.b".c`, []string{"a.b", "c"}},
		{`"a""b"`, []string{`a"b`}},
		{"", nil},
		{".a", nil},
		{"a.", nil},
		{"a..b", nil},
		{`"a`, nil},
		{`"a"b`, nil},
		{`""`, nil},
		{`a"b`, nil},
	} {
		got, err := record.SplitName(c.text)
		if (err == nil) != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
	}
}
