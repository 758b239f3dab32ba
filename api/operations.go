package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// Run is one execution of a pipeline.
type Run struct {
	ID         string     `json:"id"`
	Pipeline   string     `json:"pipeline"`
	State      string     `json:"state"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Steps      []Step     `json:"steps" nullable:"false"`
}

// Step is one step of a run.
type Step struct {
	Name     string          `json:"name"`
	State    string          `json:"state"`
	Output   json.RawMessage `json:"output,omitempty" doc:"Counts, never text."`
	Attempts []Attempt       `json:"attempts" nullable:"false"`
}

// Attempt is one try at a step.
type Attempt struct {
	Number     int        `json:"number"`
	State      string     `json:"state"`
	Worker     string     `json:"worker,omitempty"`
	StartedAt  time.Time  `json:"started_at"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Kind       string     `json:"kind,omitempty"`
	Error      string     `json:"error,omitempty"`
}

func runOf(r record.Run) Run {
	out := Run{ID: r.ID, Pipeline: r.Pipeline, State: string(r.State), StartedAt: r.StartedAt, FinishedAt: optional(r.FinishedAt), Steps: []Step{}}
	for _, st := range r.Steps {
		step := Step{Name: st.Name, State: string(st.State), Output: st.Output, Attempts: []Attempt{}}
		for _, a := range st.Attempts {
			one := Attempt{
				Number: a.Number, State: string(a.State), Worker: a.Worker, StartedAt: a.StartedAt,
				FinishedAt: optional(a.FinishedAt), Error: a.Error,
			}
			if a.Error != "" {
				one.Kind = a.Kind.String()
			}
			step.Attempts = append(step.Attempts, one)
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// DeadLetter is an item that failed for good.
type DeadLetter struct {
	ID         string    `json:"id"`
	Collection string    `json:"collection"`
	Record     string    `json:"record"`
	Pipeline   string    `json:"pipeline"`
	Step       string    `json:"step"`
	Run        string    `json:"run,omitempty"`
	Kind       string    `json:"kind"`
	Message    string    `json:"message"`
	Attempts   int       `json:"attempts"`
	FirstAt    time.Time `json:"first_at"`
	LastAt     time.Time `json:"last_at"`
}

func deadLetterOf(d holdfast.DeadLetter) DeadLetter {
	return DeadLetter{
		ID: strconv.FormatInt(d.ID, 10), Collection: d.CollectionName, Record: d.RecordID, Pipeline: d.Pipeline, Step: d.Step, Run: d.Run,
		Kind: d.Kind.String(), Message: d.Message, Attempts: d.Attempts, FirstAt: d.FirstAt, LastAt: d.LastAt,
	}
}

type runsIn struct {
	Page
	Pipeline string `query:"pipeline"`
	State    string `query:"state" enum:"waiting,running,retrying,succeeded,failed,cancelled"`
}

type lettersIn struct {
	Page
	Collection string `query:"collection"`
}

type replayIn struct {
	Body struct {
		IDs        []string `json:"ids,omitempty" doc:"Dead letters to replay."`
		Collection string   `json:"collection,omitempty" doc:"Replay those of one collection."`
	}
}

type replayOut struct {
	Body struct {
		Replayed int `json:"replayed"`
	}
}

type sweepIn struct {
	DryRun bool `query:"dry_run" doc:"Count and delete nothing."`
}

type reconcileIn struct {
	InCollection
	Repair bool `query:"repair" doc:"repair what is found"`
	Force  bool `query:"force" doc:"delete more than the set share"`
}

type eraseIn struct {
	InCollection
	Body struct {
		IDs []string `json:"ids" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

type auditIn struct{ Page }

// AuditEntry is one decision.
type AuditEntry struct {
	At        time.Time `json:"at"`
	Principal string    `json:"principal"`
	Action    string    `json:"action"`
	Resource  string    `json:"resource"`
	Allowed   bool      `json:"allowed"`
	Reason    string    `json:"reason"`
}

func (s *server) operations() {
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/runs", Summary: "List runs"},
		access.Observe, "runs", func(ctx context.Context, in *runsIn) (*List[Run], error) {
			found, err := s.App.Runs(ctx, record.RunFilter{Pipeline: in.Pipeline, State: record.State(in.State), Before: in.Cursor, Limit: in.Limit + 1})
			if err != nil {
				return nil, err
			}
			items := make([]Run, len(found))
			for i, r := range found {
				items[i] = runOf(r)
			}
			return page(items, in.Limit, func(r Run) string { return r.ID }), nil
		})
	type runIn struct {
		ID string `path:"id"`
	}
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/runs/{id}", Summary: "Read run"},
		access.Observe, "runs", func(ctx context.Context, in *runIn) (*struct{ Body Run }, error) {
			r, err := s.App.PipelineRun(ctx, in.ID)
			return &struct{ Body Run }{runOf(r)}, err
		})
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/dead-letters", Summary: "List dead letters"},
		access.Observe, "dead-letters", s.letters)
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/dead-letters:replay", Summary: "Replay dead letters",
		Description: "Puts dead letters back into the queue: the given ones, those of a collection, or all. A letter stays open until its record is indexed.",
	}, access.Operate, "dead-letters", s.replay)
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/collections/{collection}/index:rebuild", Summary: "Rebuild index",
		Description: "Deletes the index and restores it from records and stored vectors, without a call to a model.",
	}, access.Operate, "", func(ctx context.Context, in *InCollection) (*struct{ Body flow.Rebuilt }, error) {
		done, err := s.App.Rebuild(ctx, in.Collection, nil)
		return &struct{ Body flow.Rebuilt }{done}, err
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/collections/{collection}/index:reconcile", Summary: "Reconcile index",
		Description: "Compares what the index holds with the records, and waits for it; with repair what is missing or stale is put again " +
			"without a call to a model, and what is orphaned or foreign is deleted, up to a share that only force exceeds.",
	}, access.Operate, "", func(ctx context.Context, in *reconcileIn) (*struct{ Body flow.Reconciled }, error) {
		done, err := s.App.Reconcile(ctx, in.Collection, flow.Reconcile{Repair: in.Repair, Force: in.Force})
		return &struct{ Body flow.Reconciled }{done}, err
	})
	route(s, huma.Operation{
		Method: http.MethodGet, Path: "/v1/collections/{collection}/index", Summary: "Check index",
		Description: "Counts what the index holds and what it should hold.",
	}, access.Observe, "", func(ctx context.Context, in *InCollection) (*struct{ Body holdfast.IndexCheck }, error) {
		found, err := s.App.CheckIndex(ctx, in.Collection)
		return &struct{ Body holdfast.IndexCheck }{found}, err
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/retention:sweep", Summary: "Sweep",
		Description: "Deletes what retention no longer keeps, as happens daily by itself, and waits for it.",
	}, access.Operate, "retention", func(ctx context.Context, in *sweepIn) (*struct{ Body flow.SweepReport }, error) {
		done, err := s.App.Sweep(ctx, in.DryRun)
		return &struct{ Body flow.SweepReport }{done}, err
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/collections/{collection}/records:erase", Summary: "Erase records",
		Description: "Deletes records for good, with all that was made of them, and waits for it. It cannot be undone.",
	}, access.Operate, "", func(ctx context.Context, in *eraseIn) (*struct{ Body flow.EraseReport }, error) {
		done, err := s.App.Erase(ctx, principal(ctx), in.Collection, in.Body.IDs)
		return &struct{ Body flow.EraseReport }{done}, err
	})
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/audit", Summary: "List audit trail"},
		access.Observe, "audit", s.audit)
}

func (s *server) letters(ctx context.Context, in *lettersIn) (*List[DeadLetter], error) {
	after, err := numericCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := named(in.Collection); err != nil {
		return nil, err
	}
	found, err := s.App.DeadLetters(ctx, in.Collection, record.DeadLetterFilter{After: after, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	items := make([]DeadLetter, len(found))
	for i, d := range found {
		items[i] = deadLetterOf(d)
	}
	return page(items, in.Limit, func(d DeadLetter) string { return d.ID }), nil
}

// named checks the name of a collection that need not be given.
func named(collection string) error {
	if collection == "" {
		return nil
	}
	return record.CheckCollection(collection)
}

func (s *server) replay(ctx context.Context, in *replayIn) (*replayOut, error) {
	var out replayOut
	if err := named(in.Body.Collection); err != nil {
		return nil, err
	}
	var ids []int64
	for _, text := range in.Body.IDs {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fault.Field("ids", "holds one that is no dead letter's")
		}
		ids = append(ids, id)
	}
	// An empty list names nothing; only its absence means all.
	if in.Body.IDs != nil && len(ids) == 0 {
		return &out, nil
	}
	var err error
	out.Body.Replayed, err = s.App.Replay(ctx, in.Body.Collection, ids)
	return &out, err
}

func (s *server) audit(ctx context.Context, in *auditIn) (*List[AuditEntry], error) {
	before, err := numericCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	found, next, err := s.App.AuditTrail(ctx, before, in.Limit)
	if err != nil {
		return nil, err
	}
	var l List[AuditEntry]
	l.Body.Items = make([]AuditEntry, len(found))
	for i, e := range found {
		l.Body.Items[i] = AuditEntry{At: e.At, Principal: e.Principal, Action: e.Action, Resource: e.Resource, Allowed: e.Allowed, Reason: e.Reason}
	}
	if len(found) == in.Limit && next > 0 {
		l.Body.Next = strconv.FormatInt(next, 10)
	}
	return &l, nil
}
