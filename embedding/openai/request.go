package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
)

const (
	// The longest error answer that is looked at.
	maxErrorBody = 64 << 10
	// The longest wait asked for by an endpoint that is believed.
	maxRetryAfter = time.Hour
	// The wait after HTTP 429 without one.
	defaultPatience = 10 * time.Second
)

// bodyBound is the longest answer that is read: every vector as decimal
// fractions, of four times the length configured or 4,096, and room to spare.
func bodyBound(cfg Config) int64 {
	const perValue = 32
	return int64(cfg.MaxBatch)*int64(max(4*cfg.Dimensions, 4096))*perValue + 1<<20
}

// errTooLong ends the reading of an endless answer.
var errTooLong = errors.New("the answer is longer than any right one")

// answer is a response whose status is not 2xx.
type answer struct {
	status     int
	code       string // the provider's code, type or parameter, if they are just names
	retryAfter time.Duration
}

// patience is the wait that the endpoint asks for; one that is asked too much
// and does not say how long to wait means a while.
func (a *answer) patience() time.Duration {
	if a.retryAfter == 0 && a.status == http.StatusTooManyRequests {
		return defaultPatience
	}
	return a.retryAfter
}

func (a *answer) Error() string {
	if a.code == "" {
		return fmt.Sprintf("HTTP %d", a.status)
	}
	return fmt.Sprintf("HTTP %d %s", a.status, a.code)
}

// rejection is an answer that may be about the texts of the request.
type rejection struct{ *answer }

// params is a request of the protocol.
type params struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Encoding   string   `json:"encoding_format"`
	Dimensions int      `json:"dimensions,omitempty"`
}

// post makes one exchange. A response that is no success is an *answer; of
// any other no more is read than a right one could hold.
func (e *Embedder) post(ctx context.Context, p params) ([]byte, error) {
	out, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.endpoint, bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if e.cfg.Key != "" {
		req.Header.Set("Authorization", "Bearer "+string(e.cfg.Key))
	}
	res, err := e.cfg.HTTPClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // only read from
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return io.ReadAll(&boundedBody{ReadCloser: res.Body, left: e.maxBody})
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxErrorBody)) // what cannot be read has no code
	return nil, &answer{status: res.StatusCode, code: errorCode(body), retryAfter: retryAfter(res.Header, time.Now())}
}

// boundedBody fails rather than end early: a cut answer must not look whole.
type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// name is the form of a code: nothing that could be a piece of text.
var name = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// errorCode finds the provider's name for an error, in the forms that OpenAI
// ({"error":{"code","type","param"}}) and TEI ({"error_type"}) give it.
func errorCode(body []byte) string {
	var e struct {
		Error     json.RawMessage `json:"error"`
		ErrorType string          `json:"error_type"`
	}
	if json.Unmarshal(body, &e) != nil {
		return ""
	}
	var inner struct{ Code, Type any }
	_ = json.Unmarshal(e.Error, &inner) // not an object in every dialect
	for _, v := range []any{inner.Code, inner.Type, e.ErrorType} {
		if s, ok := v.(string); ok && len(s) <= 48 && name.MatchString(s) {
			return s
		}
	}
	return ""
}

// retryAfter reads how long to wait: seconds or an HTTP date (RFC 9110,
// section 10.2.3), or OpenAI's milliseconds.
func retryAfter(h http.Header, now time.Time) time.Duration {
	for _, form := range []struct {
		header string
		unit   time.Duration
	}{{"Retry-After-Ms", time.Millisecond}, {"Retry-After", time.Second}} {
		v := h.Get(form.header)
		if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 {
			return time.Duration(min(n*float64(form.unit), float64(maxRetryAfter)))
		}
		if at, err := http.ParseTime(v); err == nil {
			return min(max(at.Sub(now), 0), maxRetryAfter)
		}
	}
	return 0
}

// request sends texts and returns their vectors, in order, and counts what
// it cost. A *rejection may be about the texts; every other error is not.
func (c *call) request(ctx context.Context, texts []string) ([]embedding.Vector, error) {
	within, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	// Base64 has a third of the size of decimal fractions, and is exact.
	// Endpoints that do not know it answer in fractions, which are taken too.
	p := params{Model: c.cfg.Model, Input: texts, Encoding: "base64"}
	if c.cfg.Shorten {
		p.Dimensions = c.cfg.Dimensions
	}
	body, err := c.post(within, p)
	var vectors []embedding.Vector
	var tokens int
	if err == nil {
		vectors, tokens, err = c.parse(body, len(texts))
	} else {
		err = c.explain(ctx, err)
	}
	c.mu.Lock()
	c.usage.Requests++
	c.usage.Tokens += tokens
	c.mu.Unlock()
	if err == nil {
		c.proven.Store(true)
	}
	return vectors, err
}

// explain gives an error of the exchange its kind, and says what to do.
func (c *call) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if a, ok := errors.AsType[*answer](err); ok {
		return c.explainAnswer(a)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Unavailable, "model %q did not answer within %s", c.cfg.Name, c.cfg.Timeout)
	case errors.Is(err, errTooLong):
		return fault.New(fault.Unavailable, "model %q: %w", c.cfg.Name, errTooLong)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.New(fault.Unavailable, "model %q broke off its answer", c.cfg.Name)
	}
	// The cause names the operation and the address; the error around it has
	// the whole URL, which may hold a secret.
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fault.New(fault.Unavailable, "reach the endpoint of model %q: %w", c.cfg.Name, u.Err)
	}
	return fault.New(fault.Unavailable, "the exchange with the endpoint of model %q did not succeed", c.cfg.Name)
}

func (c *call) explainAnswer(a *answer) error {
	switch s := a.status; {
	case s == http.StatusBadRequest, s == http.StatusRequestEntityTooLarge, s == http.StatusUnprocessableEntity:
		return &rejection{a}
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		setting := c.cfg.KeyName
		if setting == "" {
			setting = "its key"
		}
		return fault.New(fault.Denied, "the endpoint of model %q refuses the key (%w): check %s", c.cfg.Name, a, setting)
	case s == http.StatusNotFound:
		return fault.New(fault.NotFound, "the endpoint of model %q knows no model %q, or has another path (%w): check model, and that url ends where /embeddings begins, mostly in /v1",
			c.cfg.Name, c.cfg.Model, a)
	case s == http.StatusRequestTimeout, s == http.StatusConflict, s == http.StatusTooEarly,
		s == http.StatusTooManyRequests, s >= 500:
		return &fault.Error{
			Kind: fault.Unavailable, Msg: fmt.Sprintf("model %q cannot answer now (%s)", c.cfg.Name, a.Error()),
			RetryAfter: a.patience(),
		}
	}
	return fault.New(fault.Invalid, "the endpoint of model %q does not take the request (%w): check url", c.cfg.Name, a)
}
