// Package openai embeds text at any endpoint that speaks OpenAI's embeddings
// protocol: OpenAI itself, Azure, TEI, vLLM, Ollama, llama.cpp and others.
//
// Texts are sent in batches that stay below the provider's limits. A text
// that the provider rejects is found by halving its batch, so that it alone
// has an error. Nothing is retried here: an error says whether a retry is
// worth it and when. What a provider says about an error may quote the input,
// so of its words only short codes are passed on.
package openai

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// Key is a provider's API key. However it is printed, logged or encoded it
// shows only gate.Redacted.
type Key string

// Format writes gate.Redacted for every verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(gate.Redacted)) }

// LogValue logs gate.Redacted.
func (Key) LogValue() slog.Value { return slog.StringValue(gate.Redacted) }

// MarshalText encodes gate.Redacted.
func (Key) MarshalText() ([]byte, error) { return []byte(gate.Redacted), nil }

// Config is one model at one endpoint. URL, Model and Dimensions are required.
type Config struct {
	Name  string // in the configuration; defaults to Model
	URL   string // up to and without "/embeddings": "https://api.openai.com/v1"
	Model string // as the endpoint calls it
	Key   Key    // sent as a bearer token; empty sends none
	// KeyName is the setting that Key came from, for the advice when it is refused.
	KeyName string

	// Dimensions is the length of the vectors. With Shorten the endpoint is
	// asked for that length; only models trained for it can do so.
	Dimensions int
	Shorten    bool
	// Identity tells the model's weights apart from all others in its
	// fingerprint, and so decides which vectors may be compared. Defaults to
	// the model's name and the endpoint's host; set it to keep the vectors
	// when an endpoint moves. Revision is the weights' version, if known.
	Identity, Revision string
	// QueryPrefix and PassagePrefix stand before the text if the model wants
	// it told apart.
	QueryPrefix, PassagePrefix string

	// MaxTokens is the longest text the model takes. Defaults to 8191, as
	// OpenAI's models do.
	MaxTokens int
	// MaxBatch is the most texts in a request. Defaults to 256; OpenAI takes 2048.
	MaxBatch int
	// MaxBatchTokens is the most tokens in a request. Defaults to 250,000;
	// OpenAI takes 300,000. Tokens are not counted but bounded by the text's
	// length in bytes: see tokenBound.
	MaxBatchTokens int
	// Concurrency is the most requests at a time, over all calls. Defaults to 4.
	Concurrency int
	// Timeout is for one request. Defaults to 1 minute.
	Timeout time.Duration
	// HTTPClient defaults to one of its own.
	HTTPClient *http.Client
}

// Embedder calls one model at one endpoint.
type Embedder struct {
	cfg      Config
	model    embedding.Model
	endpoint string // where texts are posted
	slots    chan struct{}
	maxBody  int64
	// batch is MaxBatch, or what was found to be the endpoint's own limit.
	batch atomic.Int64
	// proven says that the endpoint has answered a request of ours, so that a
	// request it rejects is rejected for its texts.
	proven atomic.Bool
}

var _ embedding.Embedder = (*Embedder)(nil)

// New makes an embedder. It makes no request.
func New(cfg Config) (*Embedder, error) {
	u, err := url.Parse(cfg.URL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, fault.Field("url", "must be the address of an endpoint, such as https://api.openai.com/v1")
	case cfg.Model == "":
		return nil, fault.Field("model", "must name the model as the endpoint does")
	case cfg.Dimensions <= 0:
		return nil, fault.Field("dimensions", "must be the length of the model's vectors, such as 1536")
	}
	setDefault(&cfg.MaxTokens, 8191)
	setDefault(&cfg.MaxBatch, 256)
	setDefault(&cfg.MaxBatchTokens, 250_000)
	setDefault(&cfg.Concurrency, 4)
	setDefault(&cfg.Timeout, time.Minute)
	if cfg.Name == "" {
		cfg.Name = cfg.Model
	}
	if cfg.Identity == "" {
		cfg.Identity = cfg.Model + "@" + u.Host
	}
	if cfg.HTTPClient == nil {
		cfg.HTTPClient = newClient(cfg.Concurrency)
	}
	e := &Embedder{
		cfg: cfg,
		model: embedding.Model{
			Name: cfg.Name, Provider: "openai", Identity: cfg.Identity, Revision: cfg.Revision,
			Dimensions: cfg.Dimensions, Normalized: true, MaxTokens: cfg.MaxTokens,
			QueryPrefix: cfg.QueryPrefix, PassagePrefix: cfg.PassagePrefix,
		},
		endpoint: strings.TrimRight(cfg.URL, "/") + "/embeddings",
		slots:    make(chan struct{}, cfg.Concurrency),
		maxBody:  bodyBound(cfg),
	}
	e.batch.Store(int64(cfg.MaxBatch))
	return e, nil
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// newClient keeps as many connections as are used: the default keeps two.
func newClient(concurrency int) *http.Client {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Client{}
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = concurrency
	return &http.Client{Transport: t}
}

// Model describes the model. Its vectors are normalised here if the endpoint
// does not do so.
func (e *Embedder) Model() embedding.Model { return e.model }

// Embed returns one vector for each text. Where a request of several fails,
// its texts have the error and the other texts their vectors.
func (e *Embedder) Embed(ctx context.Context, purpose embedding.Purpose, texts []gate.Clean) ([]embedding.Vector, embedding.Usage, error) {
	c := &call{Embedder: e, texts: make([]string, len(texts)), out: make([]embedding.Vector, len(texts))}
	prefix := e.cfg.PassagePrefix
	if purpose == embedding.ForQuery {
		prefix = e.cfg.QueryPrefix
	}
	for i, t := range texts {
		switch n := len(t.Embed()); {
		case n == 0:
			c.out[i].Err = fault.New(fault.Invalid, "an empty text has no embedding")
		case n/longestToken > e.cfg.MaxTokens:
			c.out[i].Err = fault.New(fault.Invalid, "a text of %d bytes is longer than the %d tokens that model %q takes", n, e.cfg.MaxTokens, e.cfg.Name)
		default:
			c.texts[i] = prefix + t.Embed()
		}
	}
	err := c.run(ctx)
	if err == nil {
		return c.out, c.usage, nil
	}
	some := false
	for i := range c.out {
		switch {
		case c.out[i].Values != nil:
			some = true
		case c.out[i].Err == nil:
			c.out[i].Err = err
		}
	}
	if !some {
		return nil, c.usage, err
	}
	return c.out, c.usage, nil
}

// call is one Embed in progress.
type call struct {
	*Embedder
	texts []string // with their prefix; "" is not sent
	out   []embedding.Vector

	mu    sync.Mutex
	usage embedding.Usage
	err   error // why no further request is made
}

// run sends all batches. An error that is not for one text ends the call:
// a provider that is down or asks for patience gets no further request.
func (c *call) run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, batch := range c.batches() {
		if c.failed() != nil {
			break
		}
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			c.fail(ctx.Err())
			continue
		}
		wg.Go(func() {
			defer func() { <-c.slots }()
			if c.failed() == nil {
				c.fail(c.solve(ctx, batch))
			}
		})
	}
	wg.Wait()
	return c.failed()
}

func (c *call) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// fail keeps the first error; nil is none.
func (c *call) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
}

// smallestBatch is how far a rejected batch may lower the batch size.
const smallestBatch = 8

// solve embeds a batch, and halves it when the endpoint rejects it, down to
// the texts that are at fault. With b such texts among n it makes at most
// 1 + 2·b·log2(n) more requests. The error is not for one text.
func (c *call) solve(ctx context.Context, batch []int) error {
	err := c.send(ctx, batch)
	no, rejected := errors.AsType[*rejection](err)
	if !rejected {
		return err
	}
	if err := c.prove(ctx); err != nil {
		return err
	}
	if len(batch) == 1 {
		c.out[batch[0]].Err = fault.New(fault.Invalid, "model %q rejects this text (%s)", c.cfg.Name, no)
		return nil
	}
	middle := (len(batch) + 1) / 2
	for _, half := range [][]int{batch[:middle], batch[middle:]} {
		if err := c.solve(ctx, half); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(batch, func(i int) bool { return c.out[i].Err != nil }) {
		// No text was at fault: the batch was too large for this endpoint.
		c.lower(int64(max(middle, smallestBatch)))
	}
	return nil
}

// lower makes later batches no larger than limit.
func (e *Embedder) lower(limit int64) {
	for now := e.batch.Load(); limit < now && !e.batch.CompareAndSwap(now, limit); {
		now = e.batch.Load()
	}
}

// prove sends a text that nobody can object to, once, so that a
// misconfiguration is not taken for a fault of every text.
func (c *call) prove(ctx context.Context) error {
	if c.proven.Load() {
		return nil
	}
	_, err := c.request(ctx, []string{"ok"})
	if no, ok := errors.AsType[*rejection](err); ok {
		return fault.New(fault.Invalid, "the endpoint rejects every request for model %q (%s): check its model, dimensions and shorten settings", c.cfg.Name, no)
	}
	return err
}

// send makes one request for the texts of a batch and keeps the answer.
func (c *call) send(ctx context.Context, batch []int) error {
	texts := make([]string, len(batch))
	for i, at := range batch {
		texts[i] = c.texts[at]
	}
	vectors, err := c.request(ctx, texts)
	if err != nil {
		return err
	}
	for i, at := range batch {
		c.out[at] = vectors[i]
	}
	return nil
}
