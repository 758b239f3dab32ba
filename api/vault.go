package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

type restoreIn struct {
	Body struct {
		Text    string `json:"text" doc:"Text with tokens, such as a model's answer."`
		Purpose string `json:"purpose,omitempty" doc:"What the values are needed for; it is audited."`
	}
}

// Restored is a text with its tokens turned back.
type Restored struct {
	Text     string `json:"text"`
	Restored int    `json:"restored" doc:"Tokens that were turned back."`
	Unknown  int    `json:"unknown" doc:"Tokens that nothing is known of, or whose subject is forgotten."`
}

// MasterKey is a master key of the vault.
type MasterKey struct {
	ID       string `json:"id"`
	InUse    bool   `json:"in_use"`
	DataKeys int64  `json:"data_keys"`
}

// VaultKeys is what the vault's keys are.
type VaultKeys struct {
	Items   []MasterKey `json:"items" nullable:"false"`
	Entries int64       `json:"entries"`
}

// Rotated says what a rotation did.
type Rotated struct {
	ID        string `json:"id"`
	Rewrapped int    `json:"rewrapped"`
}

type keyIn struct {
	ID string `path:"id"`
}

type forgetIn struct {
	Body struct {
		Subject string `json:"subject"`
	}
}

// Forgotten says what forgetting a subject deleted.
type Forgotten struct {
	Entries int64 `json:"entries"`
}

func keyID(id uint32) string { return fmt.Sprintf("%08x", id) }

func (s *server) vault() {
	route(s, huma.Operation{Method: http.MethodPost, Path: "/v1/restore", Summary: "Restore pseudonyms"},
		access.Restore, "vault", func(ctx context.Context, in *restoreIn) (*struct{ Body Restored }, error) {
			r, err := s.App.Restore(ctx, principal(ctx), in.Body.Text, in.Body.Purpose)
			if err != nil {
				return nil, err
			}
			return &struct{ Body Restored }{Restored{r.Disclose(), r.Restored, r.Unknown}}, nil
		})
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/keys", Summary: "List vault keys"},
		access.Keys, "vault", func(ctx context.Context, _ *struct{}) (*struct{ Body VaultKeys }, error) {
			keys, entries, err := s.App.VaultKeys(ctx)
			out := VaultKeys{Items: make([]MasterKey, len(keys)), Entries: entries}
			for i, k := range keys {
				out.Items[i] = masterKeyOf(k)
			}
			return &struct{ Body VaultKeys }{out}, err
		})
	route(s, huma.Operation{Method: http.MethodPost, Path: "/v1/keys:rotate", Summary: "Rotate vault keys"},
		access.Keys, "vault", func(ctx context.Context, _ *struct{}) (*struct{ Body Rotated }, error) {
			id, n, err := s.App.RotateKeys(ctx)
			return &struct{ Body Rotated }{Rotated{keyID(id), n}}, err
		})
	route(s, huma.Operation{Method: http.MethodDelete, Path: "/v1/keys/{id}", Summary: "Retire vault key", DefaultStatus: http.StatusNoContent},
		access.Keys, "vault", func(ctx context.Context, in *keyIn) (*struct{}, error) {
			id, err := strconv.ParseUint(in.ID, 16, 32)
			if err != nil {
				return nil, fault.Field("id", "is not the id of a key")
			}
			return nil, s.App.RetireKey(ctx, uint32(id))
		})
	route(s, huma.Operation{Method: http.MethodPost, Path: "/v1/keys:forget", Summary: "Forget subject"},
		access.Keys, "vault", func(ctx context.Context, in *forgetIn) (*struct{ Body Forgotten }, error) {
			n, err := s.App.ForgetSubject(ctx, gate.NewRaw(in.Body.Subject))
			return &struct{ Body Forgotten }{Forgotten{n}}, err
		})
}

type auditPrivacyIn struct {
	InCollection
	Sample int `query:"sample" default:"500" minimum:"1" maximum:"100000"`
}

func (s *server) privacy() {
	route(s, huma.Operation{Method: http.MethodPost, Path: "/v1/collections/{collection}/privacy:audit", Summary: "Audit privacy"},
		access.Operate, "", func(ctx context.Context, in *auditPrivacyIn) (*struct{ Body holdfast.PrivacyAudit }, error) {
			found, err := s.App.AuditPrivacy(ctx, in.Collection, in.Sample)
			return &struct{ Body holdfast.PrivacyAudit }{found}, err
		})
}

func masterKeyOf(k holdfast.MasterKey) MasterKey {
	return MasterKey{ID: keyID(k.ID), InUse: k.InUse, DataKeys: k.DataKeys}
}
