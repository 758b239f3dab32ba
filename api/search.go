package api

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/search"
)

type searchIn struct {
	InCollection
	Body struct {
		Query        string   `json:"query" doc:"The question; it passes the gate before it is used."`
		K            int      `json:"k,omitempty" minimum:"1" maximum:"1000" default:"10" doc:"Most results."`
		Filter       filterIn `json:"filter,omitempty" doc:"Condition on metadata, such as {\"status\":\"open\",\"priority\":{\"$gte\":2}}."`
		Mode         string   `json:"mode,omitempty" enum:"hybrid,vector,lexical" default:"hybrid"`
		Fields       []string `json:"fields,omitempty" doc:"Fields of the record to return; without it the metadata fields."`
		MinFreshness int64    `json:"min_freshness,omitempty" minimum:"0" doc:"Number of a change that must be searchable before the answer."`
	}
}

// filterIn is a filter as it was sent: numbers keep their digits.
type filterIn []byte

// UnmarshalJSON takes the bytes.
func (f *filterIn) UnmarshalJSON(data []byte) error {
	*f = bytes.Clone(data)
	return nil
}

// Schema implements huma.SchemaProvider.
func (filterIn) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// SearchResult is one record with its best passage.
type SearchResult struct {
	ID      string        `json:"id"`
	Version int64         `json:"version"`
	Score   float64       `json:"score" doc:"Higher is better; comparable within one answer."`
	Passage Passage       `json:"passage"`
	Fields  record.Fields `json:"fields"`
}

// Passage is the part of a record that was found.
type Passage struct {
	Text  string `json:"text" doc:"Text that has passed the gate."`
	Field string `json:"field"`
	Start int    `json:"start" doc:"Byte offset in the record's field."`
	End   int    `json:"end"`
}

type searchOut struct {
	Body struct {
		Results []SearchResult `json:"results" nullable:"false"`
		TookMS  float64        `json:"took_ms"`
		// Degraded is only there if it is so.
		Degraded string `json:"degraded,omitempty" doc:"Why a hybrid search was answered by words alone: its model could not be asked."`
	}
}

func (s *server) search() {
	route(s, huma.Operation{Method: http.MethodPost, Path: "/v1/collections/{collection}/search", Summary: "Search", MaxBodyBytes: maxSearch},
		access.Read, "", func(ctx context.Context, in *searchIn) (*searchOut, error) {
			start := time.Now()
			q := search.Query{
				Text: gate.NewRaw(in.Body.Query), K: in.Body.K, Mode: search.Mode(in.Body.Mode),
				Filter: json.RawMessage(in.Body.Filter), Fields: in.Body.Fields, MinFreshness: in.Body.MinFreshness,
			}
			var out searchOut
			q.Degraded = func(why error) { out.Body.Degraded = fault.Public(why) }
			found, err := s.App.Search(ctx, principal(ctx), in.Collection, q)
			if err != nil {
				return nil, err
			}
			out.Body.Results = make([]SearchResult, len(found))
			for i, r := range found {
				out.Body.Results[i] = SearchResult{
					ID: r.ID, Version: r.Version, Score: r.Score, Fields: r.Fields,
					Passage: Passage{Text: r.Passage.Text, Field: r.Passage.Field, Start: r.Passage.Start, End: r.Passage.End},
				}
			}
			out.Body.TookMS = math.Round(float64(time.Since(start).Microseconds())) / 1000
			return &out, nil
		})
}
