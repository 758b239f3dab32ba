package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/embedding"
)

// Model is a configured embedding model, and where it stands.
type Model struct {
	Name        string       `json:"name"`
	Provider    string       `json:"provider"`
	Identity    string       `json:"identity" doc:"The provider's name for it."`
	Revision    string       `json:"revision,omitempty"`
	Dimensions  int          `json:"dimensions"`
	Fingerprint string       `json:"fingerprint" doc:"Vectors of two fingerprints are never compared."`
	Price       float64      `json:"price_per_million_tokens"`
	State       string       `json:"state" enum:"ok,held,down,over budget,waiting,changed"`
	Why         string       `json:"why,omitempty" doc:"Of any other state than ok, and what to do."`
	Until       *time.Time   `json:"until,omitempty" doc:"When it is looked at again."`
	Since       *time.Time   `json:"since,omitempty" doc:"Since when the name has this fingerprint."`
	Collections []string     `json:"collections" nullable:"false" doc:"Collections that are built with it."`
	Stale       []string     `json:"stale,omitempty" doc:"Collections that were built when the name stood for another model."`
	Canary      *ModelCanary `json:"canary,omitempty"`
	Budgets     []Budget     `json:"budgets,omitempty"`
}

// ModelCanary is how far a model is from what it was.
type ModelCanary struct {
	Since     time.Time  `json:"since"`
	CheckedAt *time.Time `json:"checked_at,omitempty"`
	Distance  float64    `json:"distance" doc:"Largest cosine distance of the last check; more than 0.001 is another model."`
}

// Budget is a cap and what is used of it.
type Budget struct {
	Of     string  `json:"of" doc:"A model, or all."`
	Period string  `json:"period" enum:"day,month"`
	Budget float64 `json:"budget"`
	Spent  float64 `json:"spent"`
}

func modelOf(m holdfast.Model) Model {
	out := Model{
		Name: m.Name, Provider: m.Provider, Identity: m.Identity, Revision: m.Revision, Dimensions: m.Dimensions, Fingerprint: m.Fingerprint,
		Price: m.Terms.Price, State: m.State, Why: m.Why, Until: optional(m.Until), Since: optional(m.Since),
		Collections: append([]string{}, m.Collections...), Stale: m.Stale,
	}
	if m.Canary != nil {
		out.Canary = &ModelCanary{Since: m.Canary.Since, CheckedAt: optional(m.Canary.CheckedAt), Distance: m.Canary.Distance}
	}
	for _, s := range m.Spent {
		out.Budgets = append(out.Budgets, Budget{Of: cmp.Or(s.Model, "all"), Period: s.Period, Budget: s.Budget, Spent: s.Spent})
	}
	return out
}

// CanaryResult is the outcome of a canary.
type CanaryResult struct {
	First    bool    `json:"first" doc:"There was nothing to compare with; later ones are compared with this."`
	Distance float64 `json:"distance"`
	Held     bool    `json:"held" doc:"The model is not called until it is accepted or replaced."`
}

// Costs are what calls to models have cost.
type Costs struct {
	Items []holdfast.Cost `json:"items" nullable:"false"`
	Total holdfast.Cost   `json:"total"`
}

type costsIn struct {
	By    string `query:"by" enum:"collection,model,day" default:"collection"`
	Since string `query:"since" format:"date" doc:"First day (UTC); without it all that is kept."`
}

type inModel struct {
	Model string `path:"model" doc:"Name of a model."`
}

func (s *server) models() {
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/embedding-models", Summary: "List embedding models"},
		access.Observe, "models", func(ctx context.Context, _ *struct{}) (*List[Model], error) {
			found, err := s.App.Models(ctx)
			if err != nil {
				return nil, err
			}
			items := make([]Model, len(found))
			for i, m := range found {
				items[i] = modelOf(m)
			}
			return page(items, len(items), func(m Model) string { return m.Name }), nil
		})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/embedding-models/{model}/canary", Summary: "Check that a model is still the same",
		Description: "Embeds fixed sentences again and compares. A model that its provider has changed is held.",
	}, access.Operate, "models", func(ctx context.Context, in *inModel) (*struct{ Body CanaryResult }, error) {
		got, err := s.App.Canary(ctx, in.Model)
		return &struct{ Body CanaryResult }{canaryOf(got)}, err
	})
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/embedding-models/{model}/accept", Summary: "Take a held model as it is now",
		Description: "Vectors made before and after are then compared with each other.",
	}, access.Operate, "models", func(ctx context.Context, in *inModel) (*struct{}, error) {
		return nil, s.App.AcceptModel(ctx, in.Model)
	})
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/costs", Summary: "Costs of models, and what reuse saved"},
		access.Observe, "models", s.costs)
}

func canaryOf(c embedding.Checked) CanaryResult {
	return CanaryResult{First: c.First, Distance: c.Distance, Held: c.Held}
}

func (s *server) costs(ctx context.Context, in *costsIn) (*struct{ Body Costs }, error) {
	var since time.Time
	if in.Since != "" {
		var err error
		if since, err = time.Parse(time.DateOnly, in.Since); err != nil {
			return nil, huma.Error422UnprocessableEntity("since is not a day, such as 2026-03-01")
		}
	}
	items, total, err := s.App.Costs(ctx, holdfast.CostBy(in.By), since)
	return &struct{ Body Costs }{Costs{append([]holdfast.Cost{}, items...), total}}, err
}
