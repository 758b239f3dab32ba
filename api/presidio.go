package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// The REST API of Microsoft Presidio's analyzer and anonymizer, in one server:
// paths, names, statuses, messages and the rules by which overlapping results
// are settled are Presidio's (github.com/microsoft/presidio, MIT), the
// detectors ours. Any language is accepted, and entities of every country are
// looked for in each. Offsets count Unicode code points, as Python does.
//
// The texts are the caller's own and are neither stored nor logged.

// presidioError is an error as Presidio answers it: {"error": message}.
type presidioError struct {
	status  int
	message string
}

func (e *presidioError) Error() string { return e.message }

// invalid is Presidio's InvalidParamError.
func invalid(format string, args ...any) error {
	return &presidioError{http.StatusUnprocessableEntity, fmt.Sprintf(format, args...)}
}

func (s *server) presidio() {
	add := func(pattern, summary string, handle func(context.Context, []byte) (any, error)) {
		s.plain(pattern, summary, s.presidioHandler(handle))
	}
	add("POST /analyze", "Presidio analyze", s.analyze)
	add("POST /anonymize", "Presidio anonymize", anonymizeRequest)
	add("POST /deanonymize", "Presidio deanonymize", deanonymizeRequest)
	list := func(names []string) func(context.Context, []byte) (any, error) {
		return func(context.Context, []byte) (any, error) { return names, nil }
	}
	var entities, recognizers []string
	for _, e := range gate.Entities() {
		entities, recognizers = append(entities, string(e)), append(recognizers, recognizerName(string(e)))
	}
	s.plain("GET /supportedentities", "Presidio supported entities", s.listed(entities))
	s.plain("GET /recognizers", "Presidio recognizers", s.listed(recognizers))
	add("GET /anonymizers", "Presidio anonymizers", list([]string{"custom", "encrypt", "hash", "keep", "mask", "redact", "replace"}))
	add("GET /deanonymizers", "Presidio deanonymizers", list([]string{"decrypt", "deanonymize_keep"}))
	s.plain("GET /health", "Presidio health", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "Presidio Analyzer service is up")
	}))
}

// listed answers a list for a language that there is, or for none.
func (s *server) listed(names []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code := r.URL.Query().Get("language")
		s.presidioHandler(func(context.Context, []byte) (any, error) {
			if code != "" && !languageKnown(code) {
				return nil, errNoRecognizers
			}
			return names, nil
		}).ServeHTTP(w, r)
	})
}

// recognizerName makes "UsSsnRecognizer" of "US_SSN".
func recognizerName(entity string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(entity, "_") {
		b.WriteString(part[:1] + strings.ToLower(part[1:]))
	}
	return b.String() + "Recognizer"
}

// presidioHandler asks for access, reads the body and answers.
func (s *server) presidioHandler(handle func(context.Context, []byte) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := func() (any, error) {
			if err := s.admit(r, access.Analyze, "text"); err != nil {
				return nil, err
			}
			body, err := readBody(w, r)
			if err != nil {
				return nil, err
			}
			return handle(r.Context(), body)
		}()
		status := http.StatusOK
		if err != nil {
			status, out = s.presidioProblem(w, r, err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(out) // the caller may have gone
	})
}

func (s *server) presidioProblem(w http.ResponseWriter, r *http.Request, err error) (status int, body any) {
	if own, ok := errors.AsType[*presidioError](err); ok {
		return own.status, map[string]string{"error": own.message}
	}
	kind := fault.KindOf(err)
	switch kind {
	case fault.Denied:
		cutOff(w)
	case fault.Internal:
		s.Log.ErrorContext(r.Context(), "request failed", "error", err)
	case fault.Invalid, fault.NotFound, fault.Conflict, fault.Unavailable:
	}
	return statuses[kind], map[string]string{"error": fault.Public(err)}
}

// readBody reads a whole body within limits of size and time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	// A transport without deadlines has no slow sender either. The deadline
	// must not outlive the reading: it would end the request.
	_ = control.SetReadDeadline(time.Now().Add(bodyTime))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = control.SetReadDeadline(time.Time{})
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return nil, &presidioError{http.StatusRequestEntityTooLarge, "The data value transmitted exceeds the capacity limit."}
	case err != nil:
		return nil, &presidioError{http.StatusBadRequest, "The body could not be read."}
	}
	return body, nil
}

// decode reads a request; what is wrong is not quoted.
func decode(body []byte, into any) error {
	if err := unmarshal(body, into); err != nil {
		return &presidioError{http.StatusBadRequest, "Invalid request json: " + err.Error()}
	}
	return nil
}

// texts is a text or a list of them.
type texts struct {
	list []string
	many bool
}

// UnmarshalJSON takes either.
func (t *texts) UnmarshalJSON(data []byte) error {
	t.list, t.many = nil, len(data) > 0 && data[0] == '['
	if t.many || string(data) == "null" {
		return json.Unmarshal(data, &t.list)
	}
	t.list = make([]string, 1)
	return json.Unmarshal(data, &t.list[0])
}

// eachText answers one text or many.
func eachText[T any](ctx context.Context, t texts, do func(i int, text string) (T, error)) (any, error) {
	out := make([]T, len(t.list))
	for i, text := range t.list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if out[i], err = do(i, text); err != nil {
			return nil, err
		}
	}
	if t.many {
		return out, nil
	}
	return out[0], nil
}

// codePoints translates byte offsets in a text to code points.
func codePoints(text string, offsets []int) map[int]int {
	return walk(text, offsets, func(at, _ int) int { return at }, func(_, n int) int { return n })
}

// byteOffsets translates code points to byte offsets; what lies beyond the
// text is left out.
func byteOffsets(text string, points []int) map[int]int {
	return walk(text, points, func(_, n int) int { return n }, func(at, _ int) int { return at })
}

// walk goes through a text once, with the byte offset and number of each character.
func walk(text string, wanted []int, from, to func(at, n int) int) map[int]int {
	slices.Sort(wanted)
	out := make(map[int]int, len(wanted))
	at, n := 0, 0
	for _, w := range wanted {
		for from(at, n) < w && at < len(text) {
			_, size := utf8.DecodeRuneInString(text[at:])
			at, n = at+size, n+1
		}
		if from(at, n) == w {
			out[w] = to(at, n)
		}
	}
	return out
}
