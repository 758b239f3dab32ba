// Package remote asks a service for values that the gate's own detectors may miss: one that answers as Microsoft
// Presidio's analyzer or as a GLiNER server does, or a language model behind an OpenAI-compatible endpoint.
//
// The text is sent as it is, before anything in it was transformed. That is the one exception to the rule that no raw
// text leaves the process, so a recogniser exists only where somebody configured it, for an address that they chose.
// What the service answers is used for places and types; it is neither logged nor quoted in errors.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Kind is how a service is spoken to.
type Kind string

// The kinds.
const (
	Presidio Kind = "presidio" // POST {url}/analyze
	GLiNER   Kind = "gliner"   // POST {url}, text and labels; a list of entities
	Chat     Kind = "chat"     // POST {url}/chat/completions, as OpenAI's API has it
)

// Failure is what becomes of a text when the service does not answer.
type Failure string

// The choices.
const (
	HoldBack Failure = "hold-back" // the text is not made clean; it is tried again later
	Continue Failure = "continue"  // the gate's own findings have to do
)

// Config describes a service.
type Config struct {
	Name string // the rule of its findings
	Kind Kind
	URL  string
	Key  string // sent as a bearer token, if set
	// Model is the language model; Chat only.
	Model string
	// Labels are what the service calls the types that are asked for, and what they are here. Presidio may be asked
	// for everything with none; its names are ours.
	Labels map[string]gate.Entity
	// Language is what Presidio is told. Default "en".
	Language string
	// Score is the confidence of what comes without one, and the least that is kept of what comes with one. Default 0.5.
	Score float32
	// Timeout is for one text, all its requests together. Default 5 s.
	Timeout time.Duration
	// OnFailure is HoldBack unless set.
	OnFailure Failure
	// Failed is told of each failure, if set: of how the service failed, never of the text.
	Failed func(error)
	// Client makes the requests. Default is one of its own.
	Client *http.Client
}

const (
	maxChunk  = 16 << 10 // bytes of text in one request
	maxAnswer = 4 << 20
)

// Recogniser is a gate.Recogniser that asks a service. It is safe for concurrent use.
type Recogniser struct {
	cfg    Config
	labels []string
}

// New checks the configuration; it asks the service nothing.
func New(cfg Config) (*Recogniser, error) {
	if cfg.Name == "" || cfg.Name == "name" || cfg.Name == "place" {
		return nil, fault.Field("name", "%q is not a name for a recogniser", cfg.Name)
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fault.Field("url", "must be an http or https address")
	}
	if cfg.Kind != Presidio && cfg.Kind != GLiNER && cfg.Kind != Chat {
		return nil, fault.Field("kind", "%q is not a kind of recogniser; use presidio, gliner or chat", cfg.Kind)
	}
	if cfg.Kind != Presidio && len(cfg.Labels) == 0 {
		return nil, fault.Field("labels", "say what to ask for, such as person: PERSON")
	}
	if cfg.Kind == Chat && cfg.Model == "" {
		return nil, fault.Field("model", "name the language model")
	}
	switch cfg.OnFailure {
	case "":
		cfg.OnFailure = HoldBack
	case HoldBack, Continue:
	default:
		return nil, fault.Field("on_failure", "%q is no choice; use hold-back or continue", cfg.OnFailure)
	}
	if !(cfg.Score >= 0 && cfg.Score <= 1) || cfg.Timeout < 0 {
		return nil, fault.Field("score", "score must be 0 to 1 and timeout not negative")
	}
	if cfg.Score == 0 {
		cfg.Score = 0.5
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.Language == "" {
		cfg.Language = "en"
	}
	if cfg.Client == nil {
		// A redirect would take the text to an address that nobody chose.
		cfg.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	r := &Recogniser{cfg: cfg}
	for label := range cfg.Labels {
		r.labels = append(r.labels, label)
	}
	slices.Sort(r.labels)
	return r, nil
}

// Version names what decides the answers, as far as it is known here.
func (r *Recogniser) Version() string {
	c := &r.cfg
	var b strings.Builder
	fmt.Fprintf(&b, "remote-1 %s %s %s %s %s %g %s", c.Name, c.Kind, c.URL, c.Model, c.Language, c.Score, c.OnFailure)
	for _, label := range r.labels {
		fmt.Fprintf(&b, " %q=%s", label, c.Labels[label])
	}
	return b.String()
}

// Recognise asks the service about text.
func (r *Recogniser) Recognise(ctx context.Context, text gate.Raw) ([]gate.Finding, error) {
	asked, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	found, err := r.ask(asked, text.Reveal())
	switch {
	case err == nil:
		return found, nil
	case ctx.Err() != nil:
		return nil, ctx.Err() // the caller gave up: nothing is decided
	}
	if r.cfg.Failed != nil {
		r.cfg.Failed(err)
	}
	if r.cfg.OnFailure == Continue {
		return nil, nil
	}
	return nil, err
}

// ask sends the text in pieces that a model can take.
func (r *Recogniser) ask(ctx context.Context, text string) ([]gate.Finding, error) {
	var found []gate.Finding
	for at := 0; at < len(text); {
		end := pieceEnd(text, at)
		piece := text[at:end]
		var spans []span
		var err error
		switch r.cfg.Kind {
		case Presidio:
			spans, err = r.presidio(ctx, piece)
		case GLiNER:
			spans, err = r.gliner(ctx, piece)
		case Chat:
			spans, err = r.chat(ctx, piece)
		}
		if err != nil {
			return nil, fmt.Errorf("ask recogniser %s: %w", r.cfg.Name, err)
		}
		for _, s := range spans {
			if s.score >= r.cfg.Score {
				found = append(found, gate.Finding{Entity: s.entity, Start: at + s.start, End: at + s.end, Score: min(s.score, 1), Rule: r.cfg.Name})
			}
		}
		at = end
	}
	slices.SortStableFunc(found, func(a, b gate.Finding) int { return a.Start - b.Start })
	return found, nil
}

// pieceEnd is where the piece ends that begins at from: at a line's end, or a word's, or a character's.
func pieceEnd(text string, from int) int {
	if len(text)-from <= maxChunk {
		return len(text)
	}
	piece := text[from : from+maxChunk]
	for _, by := range []string{"\n\n", "\n", " "} {
		if k := strings.LastIndex(piece, by); k > maxChunk/2 {
			return from + k + len(by)
		}
	}
	end := from + maxChunk
	for text[end]&0xC0 == 0x80 && end > from+1 {
		end--
	}
	return end
}

// post sends a request and decodes its answer. Errors tell of the service, not of what was sent or answered.
func (r *Recogniser) post(ctx context.Context, address string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if r.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+r.cfg.Key)
	}
	resp, err := r.cfg.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return fault.New(fault.Unavailable, "no answer within %s", r.cfg.Timeout)
		}
		return fault.New(fault.Unavailable, "the service cannot be reached")
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	if resp.StatusCode != http.StatusOK {
		kind := fault.Unavailable
		if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout {
			kind = fault.Invalid
		}
		return fault.New(kind, "the service answered %d; check its address, key and model", resp.StatusCode)
	}
	answered, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fault.New(fault.Unavailable, "the service's answer broke off")
	}
	if len(answered) > maxAnswer || json.Unmarshal(answered, answer) != nil {
		return errAnswer
	}
	return nil
}

var errAnswer = fault.New(fault.Unavailable, "the service's answer is not of the form that its kind has")
