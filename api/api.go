// Package api serves Holdfast over HTTP: JSON in and out, problem documents
// (RFC 9457) for errors, an OpenAPI 3.1 description at /openapi.json.
//
// Every handler asks access.Decide before it does anything, by construction:
// route is the only way to add one.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
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
	maxBody     = 64 << 20
	maxPage     = 1000
	defaultPage = 100
)

type server struct {
	Config
	api huma.API
}

// New makes the handler.
func New(cfg Config) http.Handler {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	hc := huma.DefaultConfig("Holdfast", cfg.Version)
	hc.DocsPath = "" // the console links to the description; no script from elsewhere
	hc.CreateHooks = nil
	hc.Transformers = append(hc.Transformers, hideInput)
	s := &server{Config: cfg, api: humago.New(mux, hc)}
	s.collections()
	s.records()
	s.batch()
	s.search()
	s.operations()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.guarded(access.Observe, "metrics", cfg.App.Metrics().Handler()))
	if cfg.Console != nil {
		mux.Handle("GET /", cfg.Console)
	}
	return s.identify(mux)
}

// hideInput keeps what the caller sent out of error documents: it may be
// personal, and errors get logged.
func hideInput(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		for _, d := range m.Errors {
			d.Value = nil
		}
	}
	return v, nil
}

type principalKey struct{}

// As sets who asks, for requests that do not come over a network.
func As(ctx context.Context, p access.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

func principal(ctx context.Context) access.Principal {
	p, _ := ctx.Value(principalKey{}).(access.Principal)
	if p.Name == "" {
		p.Name = "anonymous"
	}
	return p
}

// identify finds out who asks. A browser page from elsewhere can make this
// machine's browser send requests here, so for a request to count as local
// its Host must be this machine's own name (against DNS rebinding) and its
// Origin, if it has one, the same.
func (s *server) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if _, known := r.Context().Value(principalKey{}).(access.Principal); !known {
			p := access.Principal{Name: "anonymous"}
			if s.local(r) {
				p = access.Principal{Name: "loopback", Local: true}
			}
			r = r.WithContext(As(r.Context(), p))
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) local(r *http.Request) bool {
	if s.Token != "" && r.Header.Get("Authorization") == "Bearer "+s.Token {
		return true
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !loopback(host) || !loopback(hostname(r.Host)) {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

func hostname(hostport string) string {
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		return h
	}
	return strings.Trim(hostport, "[]")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// route adds an operation. resource names what it acts on.
func route[I, O any](s *server, op huma.Operation, action access.Action, resource func(*I) string, handle func(context.Context, *I) (*O, error)) {
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	if op.BodyReadTimeout == 0 {
		op.BodyReadTimeout = 2 * time.Minute
	}
	if op.RequestBody != nil {
		op.SkipValidateBody = true // the handler reads the bytes itself
	}
	if op.OperationID == "" {
		op.OperationID = strings.ReplaceAll(strings.ToLower(op.Summary), " ", "-")
	}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		if err := s.allow(ctx, action, resource(in)); err != nil {
			return nil, s.problem(ctx, err)
		}
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return out, nil
	})
}

func (s *server) allow(ctx context.Context, action access.Action, resource string) error {
	d, err := s.App.Decide(ctx, principal(ctx), action, resource)
	if err != nil {
		return err
	}
	if !d.Allowed {
		return fault.New(fault.Denied, "%s", d.Reason)
	}
	return nil
}

// statuses maps the kinds of fault to HTTP.
var statuses = map[fault.Kind]int{
	fault.Internal:    http.StatusInternalServerError,
	fault.Invalid:     http.StatusUnprocessableEntity,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.Denied:      http.StatusForbidden,
	fault.Unavailable: http.StatusServiceUnavailable,
}

// problem turns an error into a problem document, and logs what the caller
// is not shown.
func (s *server) problem(ctx context.Context, err error) error {
	var already huma.StatusError
	if errors.As(err, &already) {
		return err
	}
	kind := fault.KindOf(err)
	if kind == fault.Internal {
		s.Log.ErrorContext(ctx, "request failed", "error", err)
	}
	doc := huma.NewError(statuses[kind], fault.Public(err))
	var f *fault.Error
	if errors.As(err, &f) && f.Field != "" {
		doc = huma.NewError(statuses[kind], fault.Public(err), &huma.ErrorDetail{Location: f.Field, Message: f.Msg})
	}
	if kind == fault.Unavailable {
		wait := max(fault.RetryAfter(err), time.Second)
		return huma.ErrorWithHeaders(doc, http.Header{"Retry-After": {strconv.Itoa(int(wait.Seconds()))}})
	}
	return doc
}

// guarded asks for access before a plain handler.
func (s *server) guarded(action access.Action, resource string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.allow(r.Context(), action, resource); err != nil {
			http.Error(w, fault.Public(err), statuses[fault.KindOf(err)])
			return
		}
		next.ServeHTTP(w, r)
	})
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

// Page is how every list is asked for.
type Page struct {
	Cursor string `query:"cursor" doc:"Where to go on: the next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items."`
}

// List is how every list is answered.
type List[T any] struct {
	Body struct {
		Items []T    `json:"items" nullable:"false"`
		Next  string `json:"next,omitempty" doc:"The cursor of the next page; absent on the last."`
	}
}

// page makes a List from up to limit+1 items.
func page[T any](items []T, limit int, cursor func(T) string) *List[T] {
	var l List[T]
	l.Body.Items = items
	if len(items) > limit {
		l.Body.Items = items[:limit]
		l.Body.Next = cursor(items[limit-1])
	}
	if l.Body.Items == nil {
		l.Body.Items = []T{}
	}
	return &l
}

func numericCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil {
		return 0, fault.Field("cursor", "is not one that a list gave out")
	}
	return n, nil
}
