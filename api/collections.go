package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// InCollection names a collection in a path.
type InCollection struct {
	Collection string `path:"collection" doc:"Name of the collection."`
}

// Collection is a declaration with its times.
type Collection struct {
	Name        string             `json:"name"`
	Declaration record.Declaration `json:"declaration"`
	CreatedAt   time.Time          `json:"created_at"`
	UpdatedAt   time.Time          `json:"updated_at"`
	Plan        *holdfast.Plan     `json:"plan,omitempty" doc:"What it takes to put the changed declaration into effect; until then the old one stands."`
}

func collectionOf(c record.Collection) Collection {
	return Collection{Name: c.Name, Declaration: c.Declaration, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt}
}

type declareIn struct {
	InCollection
	RawBody []byte `contentType:"application/json"`
}

type declareOut struct {
	Status int
	Body   Collection
}

func (s *server) collections() {
	s.sources()
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/collections", Summary: "List collections"},
		access.Observe, "collections", s.listCollections)
	route(s, huma.Operation{
		Method: http.MethodPut, Path: "/v1/collections/{collection}", Summary: "Declare collection",
		Description: "Creates a collection or changes its declaration. A change that needs re-embedding answers 202 with the plan and is not made.",
		RequestBody: declarationBody,
	}, access.Declare, "", s.declare)
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/collections/{collection}", Summary: "Read collection"},
		access.Observe, "", func(ctx context.Context, in *InCollection) (*struct{ Body Collection }, error) {
			c, err := s.App.Collection(ctx, in.Collection)
			return &struct{ Body Collection }{collectionOf(c)}, err
		})
	route(s, huma.Operation{Method: http.MethodDelete, Path: "/v1/collections/{collection}", Summary: "Drop collection", DefaultStatus: http.StatusNoContent},
		access.Declare, "", func(ctx context.Context, in *InCollection) (*struct{}, error) {
			return nil, s.App.DropCollection(ctx, in.Collection)
		})
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/collections/{collection}/status", Summary: "Collection status"},
		access.Observe, "", func(ctx context.Context, in *InCollection) (*struct{ Body holdfast.Status }, error) {
			st, err := s.App.Status(ctx, in.Collection)
			return &struct{ Body holdfast.Status }{st}, err
		})
}

var declarationBody = &huma.RequestBody{
	Required:    true,
	Description: "The declaration, as in a YAML file; collection may be left out.",
	Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type: "object", AdditionalProperties: true,
		Examples: []any{map[string]any{"content": []string{"subject", "body"}, "metadata": []string{"status"}}},
	}}},
}

func (s *server) listCollections(ctx context.Context, in *Page) (*List[Collection], error) {
	found, err := s.App.Collections(ctx, in.Cursor, in.Limit+1)
	if err != nil {
		return nil, err
	}
	items := make([]Collection, len(found))
	for i, c := range found {
		items[i] = collectionOf(c)
	}
	return page(items, in.Limit, func(c Collection) string { return c.Name }), nil
}

func (s *server) declare(ctx context.Context, in *declareIn) (*declareOut, error) {
	d, err := record.ParseDeclaration(in.RawBody)
	if err != nil {
		return nil, err
	}
	if d.Collection == "" {
		d.Collection = in.Collection
	}
	if d.Collection != in.Collection {
		return nil, fault.Field("collection", "%q is not the collection in the path, %q", d.Collection, in.Collection)
	}
	c, plan, err := s.App.Declare(ctx, d)
	if err != nil {
		return nil, err
	}
	out := &declareOut{Status: http.StatusOK, Body: collectionOf(c)}
	if out.Body.Plan = plan; plan != nil {
		out.Status = http.StatusAccepted
	}
	return out, nil
}
