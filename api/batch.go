package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/semaphore"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
)

const (
	// maxLine bounds one line of a batch; a longer one is refused and skipped.
	maxLine = 16 << 20
	// batchLines and batchBytes bound what is written in one transaction.
	batchLines = 512
	batchBytes = 4 << 20
	// aheadBytes bounds what is read ahead of the writing.
	aheadBytes = 2 * maxLine
)

// line is one line of a batch, or the reason why it cannot be one.
type line struct {
	number int
	data   []byte
	err    error
}

// weight is what a line holds of aheadBytes.
func (l line) weight() int64 { return int64(len(l.data)) }

// result answers a line.
type result struct {
	Line    int    `json:"line"`
	ID      string `json:"id,omitempty"`
	Version int64  `json:"version,omitempty"`
	// Unchanged tells that the record was so already: the write cost nothing.
	Unchanged bool   `json:"unchanged,omitempty"`
	Error     string `json:"error,omitempty"`
}

type batchIn struct {
	InCollection
	body io.Reader
}

// Resolve takes the body as a stream.
func (in *batchIn) Resolve(ctx huma.Context) []error {
	in.body = ctx.BodyReader()
	return nil
}

func (s *server) batch() {
	text := func(description string) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/x-ndjson": {Schema: &huma.Schema{Type: "string", Description: description}}}
	}
	route(s, huma.Operation{
		Method: http.MethodPost, Path: "/v1/collections/{collection}/records:batch", Summary: "Write records",
		Description:     "One line in, one line out, both streamed; there is no limit on the whole. A bad line stops nothing.",
		RequestBody:     &huma.RequestBody{Required: true, Content: text(`Lines of {"id","fields"} or {"id","delete":true}.`)},
		Responses:       map[string]*huma.Response{"200": {Description: "A line for each line.", Content: text(`Lines of {"line","id","version"} or {"line","error"}.`)}},
		BodyReadTimeout: -1, MaxBodyBytes: -1,
	}, access.Write, "", func(ctx context.Context, in *batchIn) (*huma.StreamResponse, error) {
		if err := s.App.Writable(ctx, in.Collection); err != nil {
			return nil, err
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) { s.stream(hc, in) }}, nil
	})
}

func (s *server) stream(hc huma.Context, in *batchIn) {
	_, w := humago.Unwrap(hc)
	// Answers go out while lines still come in. A transport that cannot do so
	// (a test recorder) has the whole body at hand anyway.
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.Log.WarnContext(hc.Context(), "batch: full duplex", "error", err)
	}
	hc.SetHeader("Content-Type", "application/x-ndjson")
	hc.SetStatus(http.StatusOK)
	ctx, cancel := context.WithCancel(hc.Context())
	defer cancel()
	out := newSpool(hc.BodyWriter(), control.Flush)
	lines := make(chan line, batchLines)
	ahead := semaphore.NewWeighted(aheadBytes)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(lines)
		readLines(in.body, func(l line) bool {
			if ahead.Acquire(ctx, l.weight()) != nil {
				return false
			}
			select {
			case lines <- l:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	for batch := range gather(lines) {
		for _, r := range s.writeLines(ctx, in.Collection, batch) {
			out.add(r)
		}
		for _, l := range batch {
			ahead.Release(l.weight())
		}
		out.kick()
	}
	cancel()
	wg.Wait()
	out.close()
}

// readLines cuts a body into lines; one that is too long is skipped without
// being held in memory. Blank lines count and are left out.
func readLines(body io.Reader, send func(line) bool) {
	r := bufio.NewReaderSize(body, 64<<10)
	for number := 1; ; number++ {
		data, size, err := readLine(r)
		l := line{number: number, data: data}
		if size > maxLine {
			l = line{number: number, err: fault.New(fault.Invalid, "the line is longer than %d MiB", maxLine>>20)}
		}
		ended := err != nil
		if ended && !errors.Is(err, io.EOF) {
			l = line{number: number, err: fault.New(fault.Unavailable, "the body ended in the middle of this line")}
		}
		wanted := l.err != nil || len(trimSpace(l.data)) > 0
		if wanted && !send(l) || ended {
			return
		}
	}
}

// readLine reads up to a newline; of a line beyond maxLine it keeps nothing.
func readLine(r *bufio.Reader) (data []byte, size int, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if size += len(part); size <= maxLine {
			if len(data)+len(part) > cap(data) {
				data = slices.Grow(data, max(len(data), len(part))) // doubling copies a long line least
			}
			data = append(data, part...)
		} else {
			data = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return data, size, err
		}
	}
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

// gather groups lines that are there already: a slow stream is written line
// by line, a fast one in large transactions.
func gather(lines <-chan line) func(func([]line) bool) {
	return func(yield func([]line) bool) {
		for first := range lines {
			batch, size := []line{first}, len(first.data)
		more:
			for len(batch) < batchLines && size < batchBytes {
				select {
				case l, open := <-lines:
					if !open {
						break more
					}
					batch, size = append(batch, l), size+len(l.data)
				default:
					break more
				}
			}
			if !yield(batch) {
				return
			}
		}
	}
}

// writeLines writes what can be written and answers every line.
func (s *server) writeLines(ctx context.Context, collection string, batch []line) []result {
	results := make([]result, len(batch))
	writes, at := make([]record.Write, 0, len(batch)), make([]int, 0, len(batch))
	for i, l := range batch {
		results[i].Line = l.number
		w, err := parseLine(l)
		if err != nil {
			results[i].Error = fault.Public(err)
			continue
		}
		results[i].ID = w.ID
		writes, at = append(writes, w), append(at, i)
	}
	if len(writes) == 0 {
		return results
	}
	done, err := s.App.Write(ctx, collection, writes)
	if err != nil && fault.KindOf(err) == fault.Internal {
		s.Log.ErrorContext(ctx, "batch write", "error", err)
	}
	for k, i := range at {
		switch {
		case err != nil:
			results[i] = result{Line: results[i].Line, Error: fault.Public(err)}
		case done[k].Err != nil:
			results[i] = result{Line: results[i].Line, Error: fault.Public(done[k].Err)}
		default:
			results[i].Version, results[i].Unchanged = done[k].Version, done[k].Change == 0
		}
	}
	return results
}

// parseLine reads {"id","fields"} or {"id","delete":true}.
func parseLine(l line) (record.Write, error) {
	if l.err != nil {
		return record.Write{}, l.err
	}
	f, err := record.ParseFields(l.data)
	if err != nil {
		return record.Write{}, err
	}
	id, ok := f["id"].(string)
	switch {
	case f["id"] == nil:
		return record.Write{}, fault.Field("id", "is missing")
	case !ok:
		return record.Write{}, fault.Field("id", "must be a string")
	}
	if err := record.CheckID(id); err != nil {
		return record.Write{}, err
	}
	for name := range f {
		if name != "id" && name != "fields" && name != "delete" {
			return record.Write{}, fault.New(fault.Invalid, `the line has a name beside "id", "fields" and "delete"`)
		}
	}
	if f["delete"] == true {
		if f["fields"] != nil {
			return record.Write{}, fault.Field("delete", "cannot stand with fields")
		}
		return record.Write{ID: id, Op: record.Delete}, nil
	}
	if del, has := f["delete"]; has && del != false {
		return record.Write{}, fault.Field("delete", "must be true or false")
	}
	fields, ok := f["fields"].(map[string]any)
	if !ok {
		return record.Write{}, fault.Field("fields", "must be an object")
	}
	return record.Write{ID: id, Op: record.Put, Fields: fields}, nil
}

// spool sends answers in the background, so that a client that reads them
// only after it has sent everything does not stop the stream. What is not
// yet read waits in memory, about 50 bytes a line.
type spool struct {
	mu     sync.Mutex
	cond   *sync.Cond
	buf    []byte
	closed bool
	done   chan struct{}
}

func newSpool(w io.Writer, flush func() error) *spool {
	s := &spool{done: make(chan struct{})}
	s.cond = sync.NewCond(&s.mu)
	go func() {
		defer close(s.done)
		var failed error
		for {
			s.mu.Lock()
			for len(s.buf) == 0 && !s.closed {
				s.cond.Wait()
			}
			out, closed := s.buf, s.closed
			s.buf = nil
			s.mu.Unlock()
			// A client that has gone reads no answers; its lines are written
			// all the same until its body ends.
			if failed == nil && len(out) > 0 {
				if _, failed = w.Write(out); failed == nil {
					_ = flush() // best effort: what is not flushed now goes with the end
				}
			}
			if closed {
				return
			}
		}
	}()
	return s
}

func (s *spool) add(r result) {
	b, err := json.Marshal(r)
	if err != nil {
		b = []byte(`{"error":"internal error"}`)
	}
	s.mu.Lock()
	s.buf = append(append(s.buf, b...), '\n')
	s.mu.Unlock()
}

func (s *spool) kick() { s.cond.Signal() }

func (s *spool) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cond.Signal()
	<-s.done
}
