package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/holdfast/holdfast/fault"
)

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
	if _, already := errors.AsType[huma.StatusError](err); already {
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

// refuse answers with a problem before the body has been read. A caller who
// is denied gets no time to send one.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	doc := s.problem(r.Context(), err)
	if with, ok := errors.AsType[huma.HeadersError](doc); ok {
		maps.Copy(w.Header(), with.GetHeaders())
	}
	if fault.KindOf(err) == fault.Denied {
		cutOff(w)
	}
	var model *huma.ErrorModel
	if !errors.As(doc, &model) {
		model = &huma.ErrorModel{Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError)}
	}
	writeProblem(w, model)
}

// cutOff ends the connection after the answer, body read or not.
func cutOff(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	// A transport without deadlines has no slow sender either.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
}

func writeProblem(w http.ResponseWriter, doc *huma.ErrorModel) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(doc.Status)
	_ = json.NewEncoder(w).Encode(doc) // the caller may have gone
}

// otherwise answers what no route takes: the console, or what is wrong.
func (s *server) otherwise(w http.ResponseWriter, r *http.Request) {
	status, detail := http.StatusNotFound, "there is nothing at this path; /openapi.json lists what there is"
	if allowed := s.methods(r); len(allowed) > 0 {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		status, detail = http.StatusMethodNotAllowed, "this path takes "+strings.Join(allowed, ", ")
	} else if s.Console != nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.HasPrefix(r.URL.Path, "/v1") {
		s.Console.ServeHTTP(w, r)
		return
	}
	writeProblem(w, &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail})
}

// methods lists the methods that the routes of a path take.
func (s *server) methods(r *http.Request) []string {
	var out []string
	probe := r.Clone(r.Context())
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe.Method = method
		if _, pattern := s.mux.Handler(probe); pattern != "/" && pattern != "" {
			out = append(out, method)
		}
	}
	return out
}

// recovered turns a panic into a problem. Its value may quote the caller, so
// the log tells only its type and where it was. It also refuses paths that
// the multiplexer would redirect: a redirected PUT becomes a GET.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		answer := &answer{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself, as net/http compares it
				panic(v)
			}
			s.Log.ErrorContext(r.Context(), "request panicked", "type", fmt.Sprintf("%T", v), "at", origin())
			if answer.begun {
				panic(http.ErrAbortHandler) // the caller must see that the answer is cut off
			}
			status := http.StatusInternalServerError
			writeProblem(w, &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: fault.Public(errPanic)})
		}()
		if !plainPath(r.URL.EscapedPath()) {
			status := http.StatusNotFound
			writeProblem(answer, &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: "the path holds an empty or relative segment"})
			return
		}
		next.ServeHTTP(answer, r)
	})
}

// plainPath reports whether a path stands for itself.
func plainPath(p string) bool {
	return p == "" || p == "/" || p == "*" || path.Clean(p) == strings.TrimSuffix(p, "/")
}

var errPanic = errors.New("panic")

// answer knows whether an answer has begun.
type answer struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= http.StatusOK
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// origin names the functions on a panicking stack, innermost first.
func origin() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var at []string
	for f, more := frames.Next(); more && len(at) < 6; f, more = frames.Next() {
		if !strings.HasPrefix(f.Function, "runtime.") {
			at = append(at, f.Function+":"+strconv.Itoa(f.Line))
		}
	}
	return strings.Join(at, " < ")
}

// unmarshal reads a JSON body; its errors do not quote it.
func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("the JSON is malformed, at byte %d", syntax.Offset)
	}
	return errors.New("a value is of the wrong type or out of range")
}

// hideInput keeps what the caller sent out of error documents: it may be
// personal, and errors get logged.
func hideInput(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	for _, d := range m.Errors {
		d.Value = nil
		if m.Status == http.StatusUnsupportedMediaType {
			d.Message = "send application/json"
		}
	}
	return m, nil
}
