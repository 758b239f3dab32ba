package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

// InRecord names a record in a path.
type InRecord struct {
	InCollection
	ID string `path:"id" maxLength:"512" doc:"The record's own id."`
}

// Precondition says what must be true of a record for a write to be made.
type Precondition struct {
	IfMatch     string `header:"If-Match" doc:"The version that the record must have, in quotes; * if it must exist."`
	IfNoneMatch string `header:"If-None-Match" enum:"*" doc:"* if the record must not exist."`
}

type writeIn struct {
	InRecord
	Precondition
	RawBody []byte
}

type deleteIn struct {
	InRecord
	Precondition
}

// Written answers a write.
type Written struct {
	ID             string `json:"id"`
	Version        int64  `json:"version"`
	ContentVersion int64  `json:"content_version"`
	Change         int64  `json:"change,omitempty" doc:"Number of the change, for min_freshness; absent if nothing changed."`
}

type writtenOut struct {
	ETag string `header:"ETag"`
	Body Written
}

// Record is a record as it is read.
type Record struct {
	ID             string        `json:"id"`
	Version        int64         `json:"version"`
	ContentVersion int64         `json:"content_version"`
	Fields         record.Fields `json:"fields"`
	UpdatedAt      time.Time     `json:"updated_at"`
}

func recordOf(r record.Record) Record {
	return Record{ID: r.ID, Version: r.Version, ContentVersion: r.ContentVersion, Fields: r.Fields, UpdatedAt: r.UpdatedAt}
}

type recordOut struct {
	ETag string `header:"ETag"`
	Body Record
}

func fieldsBody(wrapped bool) *huma.RequestBody {
	object := &huma.Schema{Type: "object", AdditionalProperties: true}
	schema := object
	if wrapped {
		schema = &huma.Schema{Type: "object", Properties: map[string]*huma.Schema{"fields": object}, Required: []string{"fields"}}
	}
	content := map[string]*huma.MediaType{"application/json": {Schema: schema}}
	if !wrapped {
		content["application/merge-patch+json"] = &huma.MediaType{Schema: schema}
	}
	return &huma.RequestBody{Required: true, Content: content}
}

func (s *server) records() {
	const path = "/v1/collections/{collection}/records/{id}"
	route(s, huma.Operation{Method: http.MethodPut, Path: path, Summary: "Write record", RequestBody: fieldsBody(true)},
		access.Write, "", s.put)
	route(s, huma.Operation{
		Method: http.MethodPatch, Path: path, Summary: "Patch record", RequestBody: fieldsBody(false),
		Description: "A merge patch (RFC 7396) of the fields: null removes a field.",
	}, access.Write, "", s.patch)
	route(s, huma.Operation{Method: http.MethodDelete, Path: path, Summary: "Delete record"},
		access.Write, "", func(ctx context.Context, in *deleteIn) (*writtenOut, error) {
			return s.write(ctx, in.InRecord, in.Precondition, record.Write{Op: record.Delete})
		})
	route(s, huma.Operation{Method: http.MethodGet, Path: path, Summary: "Read record"},
		access.Read, "", func(ctx context.Context, in *InRecord) (*recordOut, error) {
			r, err := s.App.Record(ctx, in.Collection, in.ID)
			if err != nil {
				return nil, err
			}
			return &recordOut{ETag: etag(r.Version), Body: recordOf(r)}, nil
		})
	route(s, huma.Operation{
		Method: http.MethodGet, Path: path + "/explain", Summary: "Explain record",
		Description: "The chain from the record to what is searched: versions, policy, findings by type, passages, embeddings, runs. No value and no text.",
	}, access.Read, "", func(ctx context.Context, in *InRecord) (*struct{ Body holdfast.Explanation }, error) {
		e, err := s.App.Explain(ctx, in.Collection, in.ID)
		return &struct{ Body holdfast.Explanation }{e}, err
	})
	type listIn struct {
		InCollection
		Page
	}
	route(s, huma.Operation{Method: http.MethodGet, Path: "/v1/collections/{collection}/records", Summary: "List records"},
		access.Read, "", func(ctx context.Context, in *listIn) (*List[Record], error) {
			found, err := s.App.Records(ctx, in.Collection, in.Cursor, in.Limit+1)
			if err != nil {
				return nil, err
			}
			items := make([]Record, len(found))
			for i, r := range found {
				items[i] = recordOf(r)
			}
			return page(items, in.Limit, func(r Record) string { return r.ID }), nil
		})
}

func (s *server) put(ctx context.Context, in *writeIn) (*writtenOut, error) {
	body, err := record.ParseFields(in.RawBody)
	if err != nil {
		return nil, err
	}
	fields, ok := body["fields"].(map[string]any)
	if !ok {
		return nil, fault.Field("fields", `must be an object: {"fields":{…}}`)
	}
	for name := range body {
		if name != "fields" {
			return nil, fault.New(fault.Invalid, `the body has another name beside "fields"`)
		}
	}
	return s.write(ctx, in.InRecord, in.Precondition, record.Write{Op: record.Put, Fields: fields})
}

func (s *server) patch(ctx context.Context, in *writeIn) (*writtenOut, error) {
	fields, err := record.ParseFields(in.RawBody)
	if err != nil {
		return nil, err
	}
	return s.write(ctx, in.InRecord, in.Precondition, record.Write{Op: record.Patch, Fields: fields})
}

func (s *server) write(ctx context.Context, in InRecord, p Precondition, w record.Write) (*writtenOut, error) {
	w.ID = in.ID
	for {
		if err := s.expect(ctx, in, p, &w); err != nil {
			return nil, err
		}
		done, err := s.App.Write(ctx, in.Collection, []record.Write{w})
		if err != nil {
			return nil, err
		}
		one := done[0]
		conflict := fault.KindOf(one.Err) == fault.Conflict
		switch {
		case conflict && p.IfMatch == "*":
			continue // written since it was looked up; ctx ends the loop
		case conflict && w.IfVersion != nil:
			return nil, huma.Error412PreconditionFailed(fault.Public(one.Err))
		case one.Err != nil:
			return nil, one.Err
		}
		return &writtenOut{ETag: etag(one.Version), Body: Written{
			ID: in.ID, Version: one.Version, ContentVersion: one.ContentVersion, Change: one.Change,
		}}, nil
	}
}

// expect turns a precondition (RFC 9110, section 13.1) into the version that
// the record must have.
func (s *server) expect(ctx context.Context, in InRecord, p Precondition, w *record.Write) error {
	var version int64
	switch {
	case p.IfMatch == "*":
		r, err := s.App.Record(ctx, in.Collection, in.ID)
		if fault.KindOf(err) == fault.NotFound {
			return huma.Error412PreconditionFailed("there is no such record")
		}
		if err != nil {
			return err
		}
		version = r.Version
	case p.IfMatch != "":
		var err error
		if version, err = strconv.ParseInt(strings.Trim(p.IfMatch, `"`), 10, 64); err != nil {
			return fault.Field("If-Match", "must be one version in quotes")
		}
	case p.IfNoneMatch == "":
		return nil
	}
	w.IfVersion = &version
	return nil
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }
