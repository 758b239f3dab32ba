package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/snapshot"
)

// Snapshot is a snapshot as it is listed.
type Snapshot struct {
	Name       string    `json:"name"`
	Digest     string    `json:"digest" doc:"Addresses all that an export holds. An erasure changes it."`
	Change     int64     `json:"change" doc:"Every change up to this one is in it."`
	Generation int64     `json:"generation"`
	Model      string    `json:"model"`
	Space      string    `json:"fingerprint"`
	Dimensions int       `json:"dimensions"`
	Recipe     string    `json:"recipe" doc:"Of gate and policy."`
	Fields     []string  `json:"fields" nullable:"false" doc:"The public fields that it holds."`
	Records    int64     `json:"records"`
	Passages   int64     `json:"passages"`
	Bytes      int64     `json:"bytes"`
	CreatedAt  time.Time `json:"created_at"`
	ReissuedAt time.Time `json:"reissued_at,omitzero" doc:"When an erasure last changed it."`
	Erased     int64     `json:"erased,omitempty" doc:"Records that erasures took out."`
}

func snapshotOf(s snapshot.Snapshot) Snapshot {
	return Snapshot{
		Name: s.Name, Digest: s.Digest.String(), Change: s.Change, Generation: int64(s.Generation), Model: s.Model, Space: s.Space.String(),
		Dimensions: s.Dimensions, Recipe: s.Recipe.String(), Fields: s.Fields, Records: s.Records, Passages: s.Passages,
		Bytes: s.RecordsObject.Bytes + s.PassagesObject.Bytes, CreatedAt: s.CreatedAt, ReissuedAt: s.ReissuedAt, Erased: s.Erased,
	}
}

type createSnapshotIn struct {
	InCollection
	Body struct {
		Name string `json:"name"`
	}
}

// InSnapshot names a snapshot in a path.
type InSnapshot struct {
	InCollection
	Name string `path:"name" maxLength:"63"`
}

type snapshotFileIn struct {
	InSnapshot
	File string `path:"file" enum:"records.parquet,passages.parquet"`
}

type snapshotsIn struct {
	InCollection
	Page
}

func (s *server) snapshots() {
	const path = "/v1/collections/{collection}/snapshots"
	route(s, huma.Operation{
		Method: http.MethodPost, Path: path, Summary: "Create snapshot",
		Description: "Pins the collection as it is, under a name; waits for a moment in which no change awaits indexing.",
	}, access.Operate, "", func(ctx context.Context, in *createSnapshotIn) (*struct{ Body Snapshot }, error) {
		one, err := s.App.CreateSnapshot(ctx, in.Collection, in.Body.Name)
		return &struct{ Body Snapshot }{snapshotOf(one)}, err
	})
	route(s, huma.Operation{Method: http.MethodGet, Path: path, Summary: "List snapshots"},
		access.Observe, "", func(ctx context.Context, in *snapshotsIn) (*List[Snapshot], error) {
			found, err := s.App.Snapshots(ctx, in.Collection, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			items := make([]Snapshot, len(found))
			for i, one := range found {
				items[i] = snapshotOf(one)
			}
			return page(items, in.Limit, func(one Snapshot) string { return one.Name }), nil
		})
	route(s, huma.Operation{Method: http.MethodGet, Path: path + "/{name}", Summary: "Read snapshot"},
		access.Observe, "", func(ctx context.Context, in *InSnapshot) (*struct{ Body Snapshot }, error) {
			one, err := s.App.Snapshot(ctx, in.Collection, in.Name)
			return &struct{ Body Snapshot }{snapshotOf(one)}, err
		})
	route(s, huma.Operation{Method: http.MethodDelete, Path: path + "/{name}", Summary: "Delete snapshot"},
		access.Operate, "", func(ctx context.Context, in *InSnapshot) (*struct{}, error) {
			return &struct{}{}, s.App.DeleteSnapshot(ctx, in.Collection, in.Name)
		})
	route(s, huma.Operation{
		Method: http.MethodGet, Path: path + "/{name}/files/{file}", Summary: "Export snapshot",
		Description: "One of the Parquet files of a snapshot. Its bytes are the same each time, until an erasure changes the snapshot's digest.",
	}, access.Read, "", s.exportSnapshot)
}

func (s *server) exportSnapshot(ctx context.Context, in *snapshotFileIn) (*huma.StreamResponse, error) {
	one, err := s.App.Snapshot(ctx, in.Collection, in.Name)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/vnd.apache.parquet")
		hc.SetHeader("ETag", `"`+one.Digest.String()+`"`)
		if err := s.App.ExportSnapshot(hc.Context(), one, in.File, hc.BodyWriter()); err != nil {
			s.Log.WarnContext(hc.Context(), "export snapshot", "error", err)
			panic(http.ErrAbortHandler) // what was sent is not whole: the client must notice
		}
	}}, nil
}
