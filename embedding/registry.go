package embedding

import (
	"context"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// modelKind is the kind of the documents that say which model has which name.
const modelKind = "model"

// keptFormer is how many of the models that a name once stood for are remembered.
const keptFormer = 10

// Registered is what the name of a model stands for: all parts of its
// fingerprint, and what it stood for before.
type Registered struct {
	Fingerprint   string    `json:"fingerprint"`
	Provider      string    `json:"provider"`
	Identity      string    `json:"identity"`
	Revision      string    `json:"revision,omitempty"`
	Dimensions    int       `json:"dimensions"`
	Normalized    bool      `json:"normalized"`
	QueryPrefix   string    `json:"query_prefix,omitempty"`
	PassagePrefix string    `json:"passage_prefix,omitempty"`
	Tokenizer     string    `json:"tokenizer,omitempty"`
	Since         time.Time `json:"since"`

	Former []Registered `json:"former,omitempty"` // the newest first
}

// Register notes which model stands behind the name, with the time, if it is
// not the one that is noted already.
func (g Guarded) Register(ctx context.Context) error {
	m := g.model
	space := m.Fingerprint()
	entry := Registered{
		Fingerprint: space.String(), Provider: m.Provider, Identity: m.Identity, Revision: m.Revision, Dimensions: m.Dimensions,
		Normalized: m.Normalized, QueryPrefix: m.QueryPrefix, PassagePrefix: m.PassagePrefix, Tokenizer: m.Tokenizer,
		Since: g.store.cfg.Clock.Now().UTC(),
	}
	err := g.store.cfg.Records.Update(ctx, func(tx record.Tx) error {
		doc, err := tx.Objects().Get(ctx, modelKind, m.Name)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		var was Registered
		if err == nil {
			if err := doc.Decode(&was); err != nil {
				return err
			}
			if was.Fingerprint == entry.Fingerprint {
				return nil
			}
			former := was
			former.Former = nil
			entry.Former = append([]Registered{former}, was.Former...)
			entry.Former = entry.Former[:min(len(entry.Former), keptFormer)]
		}
		_, err = tx.Objects().Put(ctx, modelKind, m.Name, entry, doc.Version)
		return err
	})
	if err != nil && fault.KindOf(err) == fault.Conflict {
		return nil // another process, started at the same moment, has done so
	}
	return err
}

// ModelState is where a model stands.
type ModelState struct {
	Registered
	Terms  Terms
	State  string    // "ok", "held", "down", "over budget" or "waiting"
	Why    string    // of any other state than ok
	Until  time.Time // when it is looked at again
	Canary *CanaryState
	Spent  []Spent
}

// State says where a model stands, as this process sees it.
func (g Guarded) State(ctx context.Context) (ModelState, error) {
	st := ModelState{Terms: g.terms, State: "ok"}
	doc, err := g.store.object(ctx, modelKind, g.model.Name)
	if err == nil && doc.Version > 0 {
		err = doc.Decode(&st.Registered)
	}
	if err != nil {
		return st, err
	}
	for _, check := range []struct {
		state string
		ready func(context.Context) error
	}{{"held", g.hold.ready}, {"down", g.broken.ready}, {"over budget", g.budget.report}, {"waiting", g.pace.ready}} {
		err := check.ready(ctx)
		if err == nil {
			continue
		}
		if !Blocked(err) {
			return st, err
		}
		st.State, st.Why = check.state, err.Error()
		st.Until = g.store.cfg.Clock.Now().Add(fault.RetryAfter(err))
		break
	}
	doc, err = g.store.object(ctx, canaryKind, g.hold.canaryKey())
	if err == nil && doc.Version > 0 {
		var c canary
		err = doc.Decode(&c)
		st.Canary = &c.CanaryState
	}
	if err != nil {
		return st, err
	}
	for _, c := range g.budget.caps {
		spent, err := g.store.spent(ctx, c)
		if err != nil {
			return st, err
		}
		st.Spent = append(st.Spent, Spent{Model: c.model, Period: c.period, Budget: c.cap, Spent: spent / micro})
	}
	return st, nil
}

// Changed explains to people that the model behind a name is not the one that
// a generation was built with, and what to do.
func Changed(name string, now, built digest.Digest, generation record.GenerationID) error {
	return fault.New(fault.Unavailable, "model %q is now %s, but generation %d was built with %s; their vectors never mix: "+
		"declare the old one again under this or another name, or upgrade the collection to the new one", name, now.Short(), generation, built.Short())
}
