// Package testpg finds or starts a PostgreSQL for tests.
//
// HOLDFAST_TEST_POSTGRES names a server to use. Without it the system's own
// binaries make a private cluster, one for a test process, reached through a
// socket in a folder of its own. The cluster ends with the process, however
// that ends: a supervisor waits for the end of a pipe that the process holds,
// then stops the server and deletes its folder.
package testpg

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing" //nolint:depguard // only tests import this package; arch_test.go sees to it
)

// Env names the variable that holds the URL of a server to use.
const Env = "HOLDFAST_TEST_POSTGRES"

// shared is the cluster of this test process. It is kept in reach: were it
// collected, its pipe would be closed.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

// URL returns the URL of a database that the test may use; other tests use it
// too, so each works in a schema of its own (see Schema). Without a server and
// without binaries the test is skipped, or fails where CI is "true".
func URL(tb testing.TB) string {
	tb.Helper()
	if u := os.Getenv(Env); u != "" {
		return u
	}
	shared.once.Do(func() { shared.cluster, shared.err = create(false) })
	if shared.err != nil {
		missing(tb, shared.err)
	}
	return shared.cluster.URL()
}

// Schema makes a name for a schema that nobody uses.
func Schema() string { return "test_" + strings.ToLower(rand.Text()[:16]) }

// Start starts a cluster that only this test uses, so that it can be killed.
// It writes to disk as a real one does. It ends with the test.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	c, err := create(true)
	if err != nil {
		missing(tb, err)
	}
	tb.Cleanup(func() {
		if err := c.end("drop"); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func missing(tb testing.TB, err error) {
	tb.Helper()
	if os.Getenv("CI") == "true" {
		tb.Fatalf("there is no PostgreSQL for tests: %v; run scripts/postgres.sh, or set %s", err, Env)
	}
	tb.Skipf("there is no PostgreSQL for tests: %v; run scripts/postgres.sh, or set %s", err, Env)
}

// binary finds one of PostgreSQL's programs: the newest of Debian's folders,
// then the PATH.
func binary(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	if len(found) > 0 {
		return slices.MaxFunc(found, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b) // 9 before 10
			}
			return strings.Compare(a, b)
		}), nil
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", name, err)
	}
	return path, nil
}

// URL reaches the cluster's database.
func (c *Cluster) URL() string {
	q := url.Values{"host": {c.dir}, "user": {"holdfast"}}
	return "postgres:///postgres?" + q.Encode()
}
