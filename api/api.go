// Package api serves Holdfast over HTTP: JSON in and out, problem documents
// (RFC 9457) for errors, an OpenAPI 3.1 description at /openapi.json.
//
// Every handler asks access.Decide before the body is read, by construction:
// route and guarded are the only ways to add one. What a caller sends is
// never quoted in an answer or a log.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/record"
)

// Config is what a server is made of.
type Config struct {
	App     *holdfast.App
	Console http.Handler // serves everything that is not API; nil for none
	Version string
	Log     *slog.Logger
	// Token, if set, makes a request that bears it local: commands beside a
	// running server prove with it that they may read the data folder.
	Token string
}

const (
	maxBody   = 64 << 20
	maxSearch = 1 << 20
	// bodyTime bounds the sending of a body that is not a stream.
	bodyTime = 2 * time.Minute
)

type server struct {
	Config
	mux *http.ServeMux
	api huma.API
}

// New makes the handler.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Config: cfg, mux: http.NewServeMux()}
	s.api = humago.New(s.mux, s.settings())
	s.collections()
	s.records()
	s.batch()
	s.search()
	s.operations()
	s.models()
	s.vault()
	s.snapshots()
	s.upgrades()
	s.privacy()
	s.presidio()
	s.plain("GET /healthz", "Liveness", http.HandlerFunc(s.health))
	s.plain("GET /readyz", "Readiness", http.HandlerFunc(s.ready))
	s.plain("GET /metrics", "Metrics", s.guarded(access.Observe, "metrics", cfg.App.Metrics().Handler()))
	s.mux.HandleFunc("/", s.otherwise)
	return s.recovered(s.identified(s.mux))
}

func (s *server) settings() huma.Config {
	hc := huma.DefaultConfig("Holdfast", s.Version)
	hc.DocsPath = "" // the console links to the description; no script from elsewhere
	hc.SchemasPath = ""
	hc.CreateHooks = nil
	hc.Transformers = append(hc.Transformers, hideInput)
	format := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	hc.Formats = map[string]huma.Format{"application/json": format, "json": format}
	return hc
}

// route adds an operation. It acts on the collection in its path, or else on
// what resource names.
func route[I, O any](s *server, op huma.Operation, action access.Action, resource string, handle func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	if op.BodyReadTimeout == 0 {
		op.BodyReadTimeout = bodyTime
	}
	if op.RequestBody != nil {
		op.SkipValidateBody = true // the handler reads the bytes itself
	}
	if op.OperationID == "" {
		op.OperationID = strings.ReplaceAll(strings.ToLower(op.Summary), " ", "-")
	}
	op.Middlewares = append(op.Middlewares, func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		if err := s.admit(r, action, resource); err != nil {
			s.refuse(w, r, err)
			return
		}
		next(hc)
	})
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

// plain adds a handler that speaks for itself, and describes it.
func (s *server) plain(pattern, summary string, h http.Handler) {
	method, path, _ := strings.Cut(pattern, " ")
	s.mux.Handle(pattern, h)
	s.api.OpenAPI().AddOperation(&huma.Operation{
		Method: method, Path: path, Summary: summary, OperationID: strings.ReplaceAll(strings.ToLower(summary), " ", "-"),
		Responses: map[string]*huma.Response{"200": {Description: "OK"}},
	})
}

// guarded asks for access before a plain handler.
func (s *server) guarded(action access.Action, resource string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.admit(r, action, resource); err != nil {
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// admit asks for access, and then checks the collection's name: what is no
// name could be anything, and must not reach the audit trail.
func (s *server) admit(r *http.Request, action access.Action, resource string) error {
	var bad error
	if name := r.PathValue("collection"); name != "" {
		if bad = record.CheckCollection(name); bad != nil {
			name = "collections"
		}
		resource = name
	}
	if err := s.allow(r.Context(), action, resource); err != nil {
		return err
	}
	return bad
}

// health answers as long as the process does.
func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n"))
}

// ready answers 200 while the record store does.
func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := s.App.Collections(r.Context(), "", 1); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"the record store does not answer"}` + "\n"))
		return
	}
	_, _ = w.Write([]byte(`{"status":"ready"}` + "\n"))
}
