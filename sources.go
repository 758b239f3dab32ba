package holdfast

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// SourceState is where an attached collection stands with its source.
type SourceState string

// The states of a source. Problems are retried; they end by themselves once
// what is wrong is mended.
const (
	SourceNotInstalled SourceState = "not_installed" // nothing is followed yet
	SourceLoading      SourceState = "loading"       // rows are read that were there before
	SourceOK           SourceState = "ok"
	SourceHeld         SourceState = "held"        // deletes wait to be accepted
	SourceUnreachable  SourceState = "unreachable" // its database cannot be reached now
	SourceBroken       SourceState = "broken"      // it is not as declared; the message says what to do
)

// SourceStatus says how an attached collection follows its source.
type SourceStatus struct {
	State   SourceState `json:"state"`
	Message string      `json:"message,omitempty"`
	Since   *time.Time  `json:"since,omitempty"` // of the problem
	Table   string      `json:"table"`
	Rows    int64       `json:"rows"`             // about, at the source
	Loaded  int64       `json:"loaded,omitempty"` // of what is being read from end to end
	Backlog int64       `json:"backlog"`          // entries that wait in the change log, at least
	// Missing is how many records would be deleted that have no row any more.
	Missing  int64         `json:"missing,omitempty"`
	Rejected []RejectedRow `json:"rejected,omitempty"` // up to 100
}

// RejectedRow is a row that cannot be a record.
type RejectedRow struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

func sourceStatus(ctx context.Context, tx record.Tx, c *record.Collection) (*SourceStatus, error) {
	if !c.Declaration.Attached() {
		return nil, nil //nolint:nilnil // it has none
	}
	f, _, err := flow.LoadFollowing(ctx, tx, c.ID)
	if err != nil {
		return nil, err
	}
	st := &SourceStatus{State: SourceOK, Table: c.Declaration.Source.Postgres.Table, Rows: f.Rows, Backlog: f.Backlog, Message: f.Warning}
	for _, id := range slices.Sorted(maps.Keys(f.Rejected)) {
		st.Rejected = append(st.Rejected, RejectedRow{ID: id, Reason: f.Rejected[id]})
	}
	for _, l := range f.Load {
		st.State = SourceLoading
		st.Loaded += l.Done
	}
	if f.Held != nil {
		st.State, st.Missing = SourceHeld, f.Held.Missing
		st.Message = "most rows are gone from the source; nothing is deleted, and search returns none of them. If that is right: `holdfast sources accept " + c.Name + "`"
	}
	if f.Token == "" || f.Declared == "" {
		st.State, st.Message = SourceNotInstalled, "see `holdfast sources plan "+c.Name+"`, then `holdfast sources install "+c.Name+"`"
		return st, nil
	}
	if f.Problem != "" {
		st.State, st.Message, st.Since = SourceBroken, f.Problem, &f.Since
		if fault.ParseKind(f.Kind) == fault.Unavailable {
			st.State = SourceUnreachable
		}
	}
	return st, nil
}

// attached finds a collection with its source.
func (a *App) attached(ctx context.Context, name string) (c record.Collection, src record.Source, f flow.Following, err error) {
	err = a.parts.Records.View(ctx, func(tx record.Tx) error {
		if c, err = tx.Collections().Get(ctx, name); err != nil {
			return err
		}
		f, _, err = flow.LoadFollowing(ctx, tx, c.ID)
		return err
	})
	if err == nil && !c.Declaration.Attached() {
		err = fault.New(fault.Conflict, "%s is attached to nothing; its declaration has no source", name)
	}
	if err == nil {
		src, err = a.parts.Sources.Of(&c)
	}
	return c, src, f, err
}

// PlanSource says what InstallSource and RemoveSource would do at the source
// of a collection, and changes nothing.
func (a *App) PlanSource(ctx context.Context, collection string) (record.SourcePlan, error) {
	_, src, f, err := a.attached(ctx, collection)
	if err != nil {
		return record.SourcePlan{}, err
	}
	if f.Token == "" {
		f.Token = "…"
	}
	return src.Plan(ctx, f.Token)
}

// InstallSource puts the change log into a collection's source and begins to
// follow it: what is there is read once, while changes are logged. To install
// again amends what is there. takeOver takes the log of another Holdfast.
func (a *App) InstallSource(ctx context.Context, collection string, takeOver bool) error {
	c, src, f, err := a.attached(ctx, collection)
	if err != nil {
		return err
	}
	// The token is kept first: were it lost, our own log would be another's.
	token := f.Token
	if token == "" {
		token = rand.Text()
		err := flow.AlterFollowing(ctx, a.parts.Records, c.ID, func(f *flow.Following) error {
			if f.Token != "" {
				token = f.Token
			}
			f.Token = token
			return nil
		})
		if err != nil {
			return err
		}
	}
	if err := src.Install(ctx, token, takeOver); err != nil {
		return err
	}
	shape, err := src.Inspect(ctx)
	if err != nil {
		return err
	}
	err = flow.AlterFollowing(ctx, a.parts.Records, c.ID, func(f *flow.Following) error {
		f.Begin(&c.Declaration, token, shape)
		return nil
	})
	a.follower.Wake()
	return err
}

// RemoveSource takes everything away that was put into a collection's source,
// and follows it no more. forget leaves the source as it is, for one that is
// no more. Records stay until the collection is dropped.
func (a *App) RemoveSource(ctx context.Context, collection string, forget bool) error {
	c, src, _, err := a.attached(ctx, collection)
	if err != nil {
		return err
	}
	if !forget {
		if err := src.Remove(ctx); err != nil {
			return err
		}
	}
	err = flow.AlterFollowing(ctx, a.parts.Records, c.ID, func(f *flow.Following) error {
		*f = flow.Following{Epoch: f.Epoch + 1}
		return nil
	})
	a.follower.Wake()
	return err
}

// AcceptDeletes lets deletes go ahead that are held because most rows of a
// source are gone.
func (a *App) AcceptDeletes(ctx context.Context, collection string) error {
	c, _, _, err := a.attached(ctx, collection)
	if err != nil {
		return err
	}
	err = flow.AlterFollowing(ctx, a.parts.Records, c.ID, func(f *flow.Following) error {
		if f.Held == nil {
			return fault.New(fault.Conflict, "%s holds no deletes back", collection)
		}
		f.Accepted, f.Compare = true, true
		return nil
	})
	a.follower.Wake()
	return err
}

// mayReattach refuses to leave a change log behind that nobody empties.
func (a *App) mayReattach(ctx context.Context, tx record.Tx, old *record.Collection, d *record.Declaration) error {
	if !old.Declaration.Attached() {
		return nil
	}
	before := old.Declaration.Source.Postgres
	if d.Attached() {
		after := d.Source.Postgres
		if before.URLEnv == after.URLEnv && before.Table == after.Table && (before.Poll == "") == (after.Poll == "") {
			return nil
		}
	}
	return a.mayDrop(ctx, tx, old)
}

func (a *App) mayDrop(ctx context.Context, tx record.Tx, c *record.Collection) error {
	if !c.Declaration.Attached() {
		return nil
	}
	f, _, err := flow.LoadFollowing(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	if f.Token != "" {
		return fault.New(fault.Conflict, "%s is attached to table %s; remove that first: `holdfast sources remove %s`",
			c.Name, c.Declaration.Source.Postgres.Table, c.Name)
	}
	return flow.DropFollowing(ctx, tx, c.ID)
}
