//go:build unix

package testpg

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing" //nolint:depguard // only tests import this package; arch_test.go sees to it
)

// Cluster is a private PostgreSQL server.
type Cluster struct {
	dir  string
	ctl  string // pg_ctl
	opts string // of the server
	cred *syscall.Credential

	supervisor *exec.Cmd
	pipe       io.WriteCloser // its end ends the server
}

// create makes a cluster and starts it.
func create(i installation, durable bool) (_ *Cluster, err error) {
	c := &Cluster{opts: "-c listen_addresses='' -c max_connections=100 -c shared_buffers=128MB -c max_wal_size=2GB -c log_min_messages=fatal"}
	if !durable {
		c.opts += " -c fsync=off -c full_page_writes=off -c synchronous_commit=off"
	}
	if c.cred, err = unprivileged(); err != nil {
		return nil, err
	}
	// A socket's path has at most 107 characters, so a test's own folder may be too long.
	if c.dir, err = os.MkdirTemp("/tmp", "holdfast-pg-"); err != nil {
		return nil, fmt.Errorf("make a folder for a cluster: %w", err)
	}
	if err := c.settle(&i); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	c.opts += " -k " + c.dir
	c.ctl = i.ctl
	out, err := c.command(i.initdb, "-D", c.data(), "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--locale=C", "-N").CombinedOutput()
	if err == nil {
		err = c.start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a cluster: %w: %s", err, out), os.RemoveAll(c.dir))
	}
	return c, nil
}

// settle gives the cluster's folder to the user that runs the server, with a
// copy of programs that this user may not reach where they are.
func (c *Cluster) settle(i *installation) error {
	if c.cred == nil {
		return nil
	}
	if i.within != "" {
		programs := filepath.Join(c.dir, "programs")
		if err := os.CopyFS(programs, os.DirFS(i.within)); err != nil {
			return fmt.Errorf("copy PostgreSQL's programs: %w", err)
		}
		*i = cachedIn(programs)
	}
	return filepath.WalkDir(c.dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(c.cred.Uid), int(c.cred.Gid)) //nolint:gosec // our own folder, which nobody else can write to
	})
}

// unprivileged is who runs the server when we are root, which PostgreSQL
// refuses to run as; nil is ourselves.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no credential is an answer
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("neither user postgres nor user nobody exists, and root may not run PostgreSQL")
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// command runs as the server's user, in a session of its own, so that what
// ends the test's process group leaves it to clean up.
func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // PostgreSQL's own programs
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.cred, Setsid: true}
	return cmd
}

// supervise starts the server, then waits for a word or the end of the pipe:
// "keep" leaves the data for another start.
const supervise = `
ctl=$1 dir=$2 opts=$3
"$ctl" -D "$dir/data" -l "$dir/log" -o "$opts" -w -t 120 start >/dev/null 2>&1 || { echo failed; tail -n 5 "$dir/log"; exit 1; }
echo started
read -r word
"$ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1
[ "$word" = keep ] || rm -rf "$dir"
`

func (c *Cluster) start() error {
	cmd := c.command("/bin/sh", "-c", supervise, "supervise", c.ctl, c.dir, c.opts)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewReader(out)
	if word, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(word) != "started" {
		rest, _ := io.ReadAll(lines) // the reason, if it says one
		return errors.Join(fmt.Errorf("the server does not start: %s", rest), err, cmd.Wait())
	}
	c.supervisor, c.pipe = cmd, in
	return nil
}

func (c *Cluster) end(word string) error {
	if c.pipe == nil {
		return nil
	}
	_, err := io.WriteString(c.pipe, word+"\n")
	err = errors.Join(err, c.pipe.Close(), c.supervisor.Wait())
	c.pipe = nil
	return err
}

// Kill stops the server as a crash does: every connection ends at once,
// nothing is written out.
func (c *Cluster) Kill(tb testing.TB) {
	tb.Helper()
	if err := c.end("keep"); err != nil {
		tb.Fatal(err)
	}
}

// Restart starts a server that was killed; it recovers from its log.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	if err := c.start(); err != nil {
		tb.Fatal(err)
	}
}
