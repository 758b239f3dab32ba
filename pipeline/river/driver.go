package river

import (
	"context"
	"log/slog"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivershared/baseservice"
	"github.com/riverqueue/river/rivershared/riverpilot"
	"github.com/riverqueue/river/rivertype"
)

// driver is one of River's drivers without the parts that don't serve us:
//
//   - its notifier. Without a listener River wakes its producer directly, which
//     is what Engine.Wake wants; on SQLite it polls a table every 50 ms, on
//     PostgreSQL a notification inside a transaction makes all commits of the
//     cluster take turns;
//   - its completer marks a job completed up to 250 ms after the worker
//     returned, whoever holds the job by then (it checks the state, not the
//     attempt): a job that a fast retry has started again would be lost. The
//     engine settles every job itself, in the transaction of the work.
//
// Both seams (PluginPilot and the pilot) are River's own but carry no promise:
// all River modules stay pinned to one version.
type driver[T any] struct {
	riverdriver.Driver[T]
	pilot *pilot
}

func (driver[T]) SupportsListener() bool            { return false }
func (driver[T]) SupportsListenNotify() bool        { return false }
func (driver[T]) PluginInit(*baseservice.Archetype) {}
func (d driver[T]) PluginPilot() riverpilot.Pilot   { return d.pilot }

type pilot struct {
	riverpilot.StandardPilot
	notify func(context.Context, []*rivertype.JobInsertResult)
}

func (p *pilot) PilotInit(_ *baseservice.Archetype, params *riverpilot.PilotInitParams) {
	p.notify = params.NotifyNonTxJobInsert
}

// fetch makes River look for jobs at once.
func (p *pilot) fetch() {
	p.notify(context.Background(), []*rivertype.JobInsertResult{{Job: &rivertype.JobRow{Queue: queue}}})
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
