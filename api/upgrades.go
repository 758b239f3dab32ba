package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

type planUpgradeIn struct {
	InCollection
	Body struct {
		Model      string           `json:"model,omitempty" doc:"What to build with; what is left out stays as declared."`
		Policy     string           `json:"policy,omitempty"`
		Content    []string         `json:"content,omitempty"`
		Chunking   *record.Chunking `json:"chunking,omitempty"`
		Standby    string           `json:"standby,omitempty" doc:"How long the old generation is fed after the switch, such as 72h."`
		Manual     bool             `json:"manual,omitempty" doc:"Leave the switch to a person."`
		MinOverlap float64          `json:"min_overlap,omitempty" minimum:"0" maximum:"1" doc:"Least mean overlap@10 with the old generation; default 0.3."`
		MaxLoss    float64          `json:"max_loss,omitempty" minimum:"0" maximum:"1" doc:"Most nDCG@10 that may be lost; default 0.02."`
		Judgements []judgement      `json:"judgements,omitempty" doc:"Queries with the records that answer them, by grade."`
	}
}

type judgement struct {
	Query    string             `json:"query"`
	Relevant map[string]float64 `json:"relevant" doc:"Grade, above 0, by record id."`
}

type upgradeOut struct{ Body flow.Upgrade }

type upgradeIn struct {
	InCollection
	ID   string `path:"id"`
	Body *struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why; it is kept with the upgrade."`
	}
}

func (s *server) upgrades() {
	const path = "/v1/collections/{collection}/upgrades"
	route(s, huma.Operation{
		Method: http.MethodPost, Path: path, Summary: "Plan upgrade", DefaultStatus: http.StatusCreated,
		Description: "Forecasts what it takes to build a collection with another model, chunking, policy or content. Nothing is built before the plan is approved.",
	}, access.Declare, "", s.planUpgrade)
	route(s, huma.Operation{Method: http.MethodGet, Path: path, Summary: "List upgrades", Description: "Newest first."},
		access.Observe, "", s.listUpgrades)
	route(s, huma.Operation{Method: http.MethodGet, Path: path + "/{id}", Summary: "Read upgrade"},
		access.Observe, "", func(ctx context.Context, in *upgradeIn) (*upgradeOut, error) {
			u, err := s.upgrade(ctx, in)
			return &upgradeOut{u}, err
		})
	for _, verb := range []struct {
		name, summary string
		do            func(ctx context.Context, id, reason string) (flow.Upgrade, error)
	}{
		{"approve", "Approve upgrade", func(ctx context.Context, id, reason string) (flow.Upgrade, error) {
			return s.App.ApproveUpgrade(ctx, id, principal(ctx).Name, reason)
		}},
		{"abort", "Abort upgrade", s.App.AbortUpgrade},
		{"switch", "Switch upgrade", func(ctx context.Context, id, _ string) (flow.Upgrade, error) { return s.App.SwitchUpgrade(ctx, id) }},
		{"rollback", "Roll back upgrade", func(ctx context.Context, id, _ string) (flow.Upgrade, error) { return s.App.RollbackUpgrade(ctx, id) }},
		{"retire", "Retire standby", func(ctx context.Context, id, _ string) (flow.Upgrade, error) { return s.App.RetireUpgrade(ctx, id) }},
	} {
		route(s, huma.Operation{Method: http.MethodPost, Path: path + "/{id}/" + verb.name, Summary: verb.summary},
			access.Declare, "", func(ctx context.Context, in *upgradeIn) (*upgradeOut, error) {
				if _, err := s.upgrade(ctx, in); err != nil {
					return nil, err
				}
				reason := ""
				if in.Body != nil {
					reason = in.Body.Reason
				}
				u, err := verb.do(ctx, in.ID, reason)
				return &upgradeOut{u}, err
			})
	}
}

// upgrade finds an upgrade of the collection in the path.
func (s *server) upgrade(ctx context.Context, in *upgradeIn) (flow.Upgrade, error) {
	all, err := s.App.Upgrades(ctx, in.Collection)
	for _, u := range all {
		if u.ID == in.ID {
			return u, nil
		}
	}
	if err == nil {
		err = fault.New(fault.NotFound, "%s has no such upgrade", in.Collection)
	}
	return flow.Upgrade{}, err
}

func (s *server) planUpgrade(ctx context.Context, in *planUpgradeIn) (*upgradeOut, error) {
	c, err := s.App.Collection(ctx, in.Collection)
	if err != nil {
		return nil, err
	}
	d, b := c.Declaration, &in.Body
	if b.Model != "" {
		d.Model = b.Model
	}
	if b.Policy != "" {
		d.Policy = b.Policy
	}
	if b.Content != nil {
		d.Content = b.Content
	}
	if b.Chunking != nil {
		d.Chunking = *b.Chunking
	}
	terms := flow.UpgradeTerms{Manual: b.Manual, MinOverlap: b.MinOverlap, MaxLoss: b.MaxLoss}
	if b.Standby != "" {
		if terms.Standby, err = time.ParseDuration(b.Standby); err != nil || terms.Standby <= 0 {
			return nil, fault.Field("standby", "is not a duration; write 72h")
		}
	}
	judgements := make([]search.Judgement, len(b.Judgements))
	for i, j := range b.Judgements {
		if j.Query == "" || len(j.Relevant) == 0 {
			return nil, fault.Field(fmt.Sprintf("judgements[%d]", i), "needs a query and at least one relevant record")
		}
		judgements[i] = search.Judgement{Query: gate.NewRaw(j.Query), Relevant: j.Relevant}
	}
	u, err := s.App.PlanUpgrade(ctx, d, terms, judgements)
	return &upgradeOut{u}, err
}

type listUpgradesIn struct {
	InCollection
	Page
}

func (s *server) listUpgrades(ctx context.Context, in *listUpgradesIn) (*List[flow.Upgrade], error) {
	all, err := s.App.Upgrades(ctx, in.Collection)
	if err != nil {
		return nil, err
	}
	for in.Cursor != "" && len(all) > 0 && all[0].ID >= in.Cursor {
		all = all[1:]
	}
	return page(all, in.Limit, func(u flow.Upgrade) string { return u.ID }), nil
}
