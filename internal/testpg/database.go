package testpg

import (
	"context"
	"net/url"
	"strings"
	"testing" //nolint:depguard // only tests import this package; arch_test.go sees to it

	"github.com/jackc/pgx/v5"
)

// Database makes a database of its own on a server, and returns its URL. It
// is dropped when the test ends, whoever is connected.
func Database(tb testing.TB, server string) string {
	tb.Helper()
	admin, err := pgx.Connect(tb.Context(), server)
	if err != nil {
		tb.Fatal(err)
	}
	name := Schema()
	if _, err := admin.Exec(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx := context.WithoutCancel(tb.Context())
		if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			tb.Error(err)
		}
		if err := admin.Close(ctx); err != nil {
			tb.Error(err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatal(err)
	}
	u.Path = "/" + name
	q := u.Query()
	// A user called holdfast would make his tables in schema holdfast.
	q.Set("options", "-csearch_path=public")
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	return u.String()
}
