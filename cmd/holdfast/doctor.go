package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/api"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record/sqlite"
)

func (c *cli) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use: "doctor", Short: "Look for what is wrong, and say what to do", Args: cobra.NoArgs,
		Long: `Checks the configuration, the data folder and its permissions, its owner, the
database, every index against its passages, free space and the clock. Exits
with 1 if a check fails.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.doctor(cmd.Context()) },
	}
}

// finding is the outcome of one check.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warn or fail
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"` // what to do about it
}

// checkup gathers findings.
type checkup struct {
	*cli
	found []finding
}

func (u *checkup) ok(check, format string, args ...any) {
	u.found = append(u.found, finding{Check: check, State: "ok", Detail: fmt.Sprintf(format, args...)})
}

func (u *checkup) warn(check, do, format string, args ...any) {
	u.found = append(u.found, finding{check, "warn", fmt.Sprintf(format, args...), do})
}

func (u *checkup) fail(check, do, format string, args ...any) {
	u.found = append(u.found, finding{check, "fail", fmt.Sprintf(format, args...), do})
}

func (c *cli) doctor(ctx context.Context) error {
	u := &checkup{cli: c}
	u.configuration()
	if u.folder() {
		u.permissions()
		u.space()
		u.clock()
		u.state(ctx)
	}
	if c.config.Database.used() {
		u.database(ctx)
	}
	if c.json {
		if err := c.printJSON(listing[finding]{Items: u.found}); err != nil {
			return err
		}
	} else if err := u.print(); err != nil {
		return err
	}
	failed := int64(0)
	for _, f := range u.found {
		if f.State == "fail" {
			failed++
		}
	}
	if failed > 0 {
		return fault.New(fault.Invalid, "%s failed", plural(failed, "check"))
	}
	return nil
}

func (u *checkup) print() error {
	for _, f := range u.found {
		if err := u.printf("%-5s %-14s %s\n", f.State, f.Check, f.Detail); err != nil {
			return err
		}
		if f.Do != "" {
			if err := u.printf("%-20s → %s\n", "", f.Do); err != nil {
				return err
			}
		}
	}
	return nil
}

// configuration was read already, or the command would not run.
func (u *checkup) configuration() {
	const check = "configuration"
	for _, p := range u.config.Policies {
		if err := p.Validate(); err != nil {
			u.fail(check, "correct the policy in holdfast.yaml", "policy %s: %v", p.Name, err)
		}
	}
	models, err := u.embedders()
	if err != nil {
		u.fail(check, "correct `models:` in holdfast.yaml", "%v", err)
		return
	}
	u.ok(check, "%s, %s", plural(int64(len(models)), "model"), plural(int64(len(u.config.Policies)+1), "policy"))
}

// folder reports whether there is a data folder to look into.
func (u *checkup) folder() bool {
	const check = "data folder"
	info, err := os.Stat(u.config.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		u.ok(check, "%s is not there yet; the first command that writes makes it", u.config.Data)
		return false
	case err != nil:
		u.fail(check, "name a folder that you may read with --data", "%v", err)
		return false
	case !info.IsDir():
		u.fail(check, "name a folder with --data", "%s is no folder", u.config.Data)
		return false
	}
	u.ok(check, "%s", u.config.Data)
	return true
}

// permissions: the folder holds raw records and the key that seals them.
func (u *checkup) permissions() {
	const check = "permissions"
	if runtime.GOOS == "windows" {
		return // the mode says nothing there
	}
	before := len(u.found)
	for _, name := range []string{".", "key", "owner.json", "holdfast.db"} {
		path := filepath.Join(u.config.Data, name)
		info, err := os.Stat(path)
		if err != nil {
			continue // what is missing is told elsewhere
		}
		mode, want := info.Mode().Perm(), fs.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if mode&^want == 0 {
			continue
		}
		do := fmt.Sprintf("chmod %o %s", want, path)
		if name == "holdfast.db" {
			u.warn(check, do, "%s may be read by others (%o)", path, mode)
			continue
		}
		u.fail(check, do, "%s may be read by others (%o)", path, mode)
	}
	if len(u.found) == before {
		u.ok(check, "only you may read the records and the key")
	}
}

// Space below which work soon stops.
const (
	littleSpace = 1 << 30
	noSpace     = 100 << 20
)

func (u *checkup) space() {
	const check, do = "disk", "make room, or move the data folder"
	free, known := freeSpace(u.config.Data)
	switch {
	case !known:
	case free < noSpace:
		u.fail(check, do, "%d MiB are free", free>>20)
	case free < littleSpace:
		u.warn(check, do, "%d MiB are free", free>>20)
	default:
		u.ok(check, "%.1f GiB are free", float64(free)/(1<<30))
	}
}

// clock: leases and retries go by the time of day.
func (u *checkup) clock() {
	const check = "clock"
	info, err := os.Stat(filepath.Join(u.config.Data, "holdfast.db"))
	if err == nil && time.Until(info.ModTime()) > time.Minute {
		u.warn(check, "set the clock", "the database was written %s in the future", time.Until(info.ModTime()).Round(time.Second))
		return
	}
	u.ok(check, "%s", time.Now().Format(time.RFC3339))
}

// state looks at what the folder holds: through its owner if it has one,
// otherwise after a look at the database file.
func (u *checkup) state(ctx context.Context) {
	if u.config.Database.used() {
		return // it holds nothing that is not elsewhere too
	}
	if !u.hasData() {
		u.ok("database", "there is none yet; the first command that writes makes it")
		return
	}
	if _, err := os.Stat(u.config.KeyFile); err != nil {
		u.fail("key", "restore the file `key` from a backup; a new one cannot open what was sealed before", "the key of this data folder is missing")
		return
	}
	if _, err := masterKey(u.config.KeyFile, true); err != nil {
		u.fail("key", "restore the file `key` from a backup", "%v", err)
		return
	}
	lock := flock.New(filepath.Join(u.config.Data, "lock"))
	free, err := lock.TryLock()
	if err != nil {
		u.fail("owner", "check the folder's permissions", "lock: %v", err)
		return
	}
	if !free {
		cl := u.knock(ctx)
		if cl == nil {
			u.fail("owner", "if it was just started, wait a moment; otherwise end the process that holds "+lock.Path(), "a process has locked the folder and does not answer")
			return
		}
		u.ok("owner", "a running holdfast answers at %s", strings.TrimPrefix(cl.base, "http://"))
		u.ok("database", "in use, so its file is not checked; stop the owner for that")
		u.collections(ctx, cl)
		u.models(ctx, cl)
		return
	}
	u.ok("owner", "nobody else works on the folder")
	err = sqlite.Check(ctx, filepath.Join(u.config.Data, "holdfast.db"))
	if unlock := lock.Unlock(); unlock != nil {
		u.fail("owner", "", "unlock: %v", unlock)
		return
	}
	if err != nil {
		u.fail("database", "restore the data folder from a backup", "%v", err)
		return
	}
	u.ok("database", "its file is sound")
	if err := u.with(ctx, func(cl *client) error { u.collections(ctx, cl); return nil }); err != nil {
		u.fail("owner", "", "open the data folder: %v", err)
	}
}

// database asks the database through a process of its own: it opens all that
// others must agree on, and does no work.
func (u *checkup) database(ctx context.Context) {
	const check = "database"
	if err := u.look(ctx, func(cl *client) error {
		u.ok(check, "%s answers; key and bucket are the ones that it is used with", u.config.place())
		u.collections(ctx, cl)
		return nil
	}); err != nil {
		u.fail(check, "see docs/postgresql.md", "%v", err)
	}
}

// collections compares every index with its passages.
func (u *checkup) collections(ctx context.Context, cl *client) {
	all, err := everything[api.Collection](ctx, cl, "/v1/collections")
	if err != nil {
		u.fail("collections", "", "%v", err)
		return
	}
	for _, col := range all {
		check := col.Name
		var got holdfast.IndexCheck
		if err := cl.get(ctx, collectionPath(col.Name, "index"), &got); err != nil {
			u.fail(check, "holdfast rebuild "+col.Name, "index: %v", err)
			continue
		}
		switch {
		case !got.Sound():
			u.fail(check, "holdfast rebuild "+col.Name, "the index holds %d of %s", got.Indexed, plural(got.Passages, "passage"))
		case got.Pending > 0:
			u.ok(check, "%s; %s being indexed", plural(got.Passages, "passage"), plural(got.Pending, "change"))
		default:
			u.ok(check, "%s, all indexed", plural(got.Passages, "passage"))
		}
		var st holdfast.Status
		if err := cl.get(ctx, collectionPath(col.Name, "status"), &st); err == nil && st.DeadLetters > 0 {
			u.warn(check, "holdfast dlq --collection "+col.Name, "%s", plural(st.DeadLetters, "dead letter"))
		}
	}
}

// models reports those that are not called for now, and why.
func (u *checkup) models(ctx context.Context, cl *client) {
	const check = "models"
	var got listing[api.Model]
	if err := cl.get(ctx, "/v1/embedding-models", &got); err != nil {
		u.fail(check, "", "%v", err)
		return
	}
	for _, m := range got.Items {
		if m.State == "ok" {
			u.ok(check, "%s is ready", m.Name)
		} else {
			u.warn(check, "see `holdfast models` and docs/models.md", "%s is %s: %s", m.Name, m.State, m.Why)
		}
	}
}
