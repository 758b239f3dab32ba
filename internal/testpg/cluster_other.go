//go:build !unix

package testpg

import (
	"errors"
	"testing" //nolint:depguard // only tests import this package; arch_test.go sees to it
)

// Cluster is a private PostgreSQL server; only Unix has them here.
type Cluster struct{ dir string }

func create(installation, bool) (*Cluster, error) {
	return nil, errors.New("private clusters are started on Unix only")
}

func (*Cluster) end(string) error { return nil }

// Kill has no server to kill.
func (*Cluster) Kill(testing.TB) {}

// Restart has no server to start.
func (*Cluster) Restart(testing.TB) {}
