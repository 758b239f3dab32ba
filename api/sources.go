package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

type installIn struct {
	InCollection
	TakeOver bool `query:"take_over" doc:"Take over the change log of another Holdfast."`
}

type removeIn struct {
	InCollection
	Forget bool `query:"forget" doc:"Leave the source as it is, for one that is no more."`
}

type sourceOut struct{ Body holdfast.SourceStatus }

// sources serves what attaches a collection to a table of the user's own.
func (s *server) sources() {
	const path = "/v1/collections/{collection}/source"
	route(s, huma.Operation{Method: http.MethodGet, Path: path, Summary: "Source status"},
		access.Observe, "", func(ctx context.Context, in *InCollection) (*sourceOut, error) { return s.source(ctx, in.Collection) })
	route(s, huma.Operation{
		Method: http.MethodGet, Path: path + "/plan", Summary: "Plan source",
		Description: "The statements that installing and removing would run at the source now, transaction by transaction.",
	}, access.Declare, "", func(ctx context.Context, in *InCollection) (*struct{ Body record.SourcePlan }, error) {
		plan, err := s.App.PlanSource(ctx, in.Collection)
		return &struct{ Body record.SourcePlan }{plan}, err
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: path + ":install", Summary: "Install source",
		Description: "Puts the change log into the source and begins to follow it. Installing again amends what is there.",
	}, access.Declare, "", func(ctx context.Context, in *installIn) (*sourceOut, error) {
		if err := s.App.InstallSource(ctx, in.Collection, in.TakeOver); err != nil {
			return nil, err
		}
		return s.source(ctx, in.Collection)
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: path + ":remove", Summary: "Remove source",
		Description: "Takes everything away that was put into the source. Records stay until the collection is dropped.",
	}, access.Declare, "", func(ctx context.Context, in *removeIn) (*sourceOut, error) {
		if err := s.App.RemoveSource(ctx, in.Collection, in.Forget); err != nil {
			return nil, err
		}
		return s.source(ctx, in.Collection)
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: path + ":accept", Summary: "Accept deletes",
		Description: "Lets deletes go ahead that are held because most rows are gone from the source.",
	}, access.Operate, "", func(ctx context.Context, in *InCollection) (*sourceOut, error) {
		if err := s.App.AcceptDeletes(ctx, in.Collection); err != nil {
			return nil, err
		}
		return s.source(ctx, in.Collection)
	})
}

func (s *server) source(ctx context.Context, collection string) (*sourceOut, error) {
	st, err := s.App.Status(ctx, collection)
	if err != nil {
		return nil, err
	}
	if st.Source == nil {
		return nil, fault.New(fault.NotFound, "%s is attached to nothing; its declaration has no source", collection)
	}
	return &sourceOut{*st.Source}, nil
}
