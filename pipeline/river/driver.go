package river

import (
	"context"
	"database/sql"
	"log/slog"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivershared/baseservice"
	"github.com/riverqueue/river/rivershared/riverpilot"
	"github.com/riverqueue/river/rivertype"
)

// driver is River's SQLite driver without the parts that don't serve one
// process over one connection:
//
//   - its notifier polls a table every 50 ms and writes a row for each insert.
//     Without a listener River wakes its producer directly, which is what
//     Engine.Wake wants;
//   - its completer marks a job completed up to 250 ms after the worker
//     returned, whoever holds the job by then (it checks the state, not the
//     attempt): a job that a fast retry has started again would be lost. The
//     engine settles every job itself, in the transaction of the work.
//
// Both seams (PluginPilot and the pilot) are River's own but carry no promise:
// all River modules stay pinned to one version.
type driver struct {
	*riversqlite.Driver
	pilot *pilot
}

func newDriver(db *sql.DB) *driver {
	return &driver{Driver: riversqlite.New(db), pilot: &pilot{}}
}

func (*driver) SupportsListener() bool            { return false }
func (*driver) SupportsListenNotify() bool        { return false }
func (*driver) PluginInit(*baseservice.Archetype) {}
func (d *driver) PluginPilot() riverpilot.Pilot   { return d.pilot }

type pilot struct {
	riverpilot.StandardPilot
	notify func(context.Context, []*rivertype.JobInsertResult)
}

func (p *pilot) PilotInit(_ *baseservice.Archetype, params *riverpilot.PilotInitParams) {
	p.notify = params.NotifyNonTxJobInsert
}

// JobSetStateIfRunningMany does nothing: only the engine changes a job's state.
func (*pilot) JobSetStateIfRunningMany(context.Context, riverdriver.Executor, *riverdriver.JobSetStateIfRunningManyParams) ([]*rivertype.JobRow, error) {
	return nil, nil
}

// quiet passes on River's warnings and errors, not its chatter.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
