package main

import (
	"bufio"
	"context"
	"encoding/json"
	"hash/maphash"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/semaphore"

	"github.com/holdfast/holdfast/cmd/holdfast/source"
	"github.com/holdfast/holdfast/fault"
)

// loader streams the rows of sources to the batch API in one request and
// matches the answers with them, in order. What is on its way is bounded, by
// rows and by bytes, so memory is too, however large a source is.
type loader struct {
	client     *client
	collection string
	sources    []*source.Source
	points     []*checkpoint // by source; nil where reading cannot be resumed
	// report is told of every row that is refused (err is set) or skipped, in
	// the order of the input.
	report func(row source.Row, err error) error
	// progress is told now and then how many bytes of the sources were read.
	progress func(done int64)

	window *semaphore.Weighted
	queue  chan sent
	totals []tally // by source
	seen   map[uint64]struct{}
	seed   maphash.Seed
	passed int64 // bytes of the sources that have ended
}

const (
	windowRows  = 2048
	windowBytes = 8 << 20
	// maxSeen bounds the memory for noticing ids that come twice: about 100 MB.
	maxSeen = 4 << 20
	// progressEvery is how many rows go by between two looks at progress.
	progressEvery = 256
)

// sent is a row on its way. A row that was refused here waits in line with
// the others, so that everything is told in the order of the input.
type sent struct {
	source int
	row    source.Row // without its fields
	weight int64      // 0 if it was not sent
	last   bool       // no row: the source has ended
}

// outcome is a line of the API's answer.
type outcome struct {
	Unchanged bool   `json:"unchanged"`
	Error     string `json:"error"`
}

type answer200 struct {
	resp *http.Response
	err  error
}

// load returns when every row has been answered. If ctx ends it sends no
// more, waits for the answers to what it has sent, and returns ctx's error.
func (l *loader) load(ctx context.Context) error {
	l.window = semaphore.NewWeighted(windowBytes)
	l.queue = make(chan sent, windowRows)
	l.totals = make([]tally, len(l.sources))
	l.seen, l.seed = map[uint64]struct{}{}, maphash.MakeSeed()
	for i, p := range l.points {
		if p != nil {
			l.totals[i] = p.Tally
		}
	}
	// The request outlives ctx: what was sent is to be answered.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	sending, stop := context.WithCancel(ctx)
	defer stop()
	body, w := io.Pipe()
	answers := make(chan answer200, 1)
	go func() {
		resp, err := l.client.send(work, http.MethodPost, collectionPath(l.collection, "records:batch"), "application/x-ndjson", body) //nolint:bodyclose // receive closes it
		if err != nil {
			_ = body.CloseWithError(err) // never fails; it wakes the sender
		}
		answers <- answer200{resp, err}
	}()
	go l.send(sending, w)
	err := l.receive(answers)
	if err != nil {
		cancel()
		stop()
		_ = body.CloseWithError(err) // never fails; it wakes the sender
		for range l.queue {          // until the sender has ended
		}
	}
	if saveErr := l.save(); err == nil {
		err = saveErr
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// send reads the sources and sends their rows.
func (l *loader) send(ctx context.Context, w *io.PipeWriter) {
	defer close(l.queue)
	out := bufio.NewWriterSize(w, 64<<10)
	defer func() {
		_ = w.CloseWithError(out.Flush()) // never fails; the other side is told
	}()
	for i, s := range l.sources {
		var from source.Mark
		if p := l.points[i]; p != nil {
			if p.Done {
				continue
			}
			from = p.Mark
		}
		for row := range s.Rows(from) {
			if ctx.Err() != nil || !l.push(ctx, out, i, row) {
				return
			}
		}
		if !l.enqueue(ctx, out, sent{source: i, last: true}) {
			return
		}
	}
}

// push sends one row when the window has room for it. Before it waits it
// flushes, since what it waits for are answers.
func (l *loader) push(ctx context.Context, out *bufio.Writer, i int, row source.Row) bool {
	var line []byte
	if row.Err == nil && row.Skipped == "" {
		line, row.Err = wire(row)
	}
	if row.Err != nil {
		line = nil
	}
	row.Fields = nil
	s := sent{source: i, row: row, weight: min(int64(len(line)), windowBytes)}
	if s.weight > 0 && !l.window.TryAcquire(s.weight) {
		if out.Flush() != nil || l.window.Acquire(ctx, s.weight) != nil {
			return false
		}
	}
	if !l.enqueue(ctx, out, s) {
		return false
	}
	if _, err := out.Write(line); err != nil {
		return false
	}
	// Rows that are typed or piped in are answered as they come.
	return l.sources[i].Path != source.Stdin || out.Flush() == nil
}

func (l *loader) enqueue(ctx context.Context, out *bufio.Writer, s sent) bool {
	select {
	case l.queue <- s:
		return true
	default:
	}
	if out.Flush() != nil {
		return false
	}
	select {
	case l.queue <- s:
		return true
	case <-ctx.Done():
		return false
	}
}

// wire writes a row as the batch API takes it.
func wire(row source.Row) ([]byte, error) {
	out := append(make([]byte, 0, len(row.ID)+len(row.Fields)+32), `{"id":`...)
	out, err := jsontext.AppendQuote(out, row.ID)
	if err != nil {
		return nil, fault.Field("id", "is not valid UTF-8")
	}
	if row.Delete {
		return append(out, `,"delete":true}`+"\n"...), nil
	}
	out = append(append(out, `,"fields":`...), row.Fields...)
	return append(out, "}\n"...), nil
}

// receive takes rows in the order they were sent, with their answers.
func (l *loader) receive(answers <-chan answer200) error {
	var resp *http.Response
	var lines *json.Decoder
	begin := func() error {
		a := <-answers
		if a.err != nil {
			return a.err
		}
		resp, lines = a.resp, json.NewDecoder(bufio.NewReaderSize(a.resp.Body, 64<<10))
		return nil
	}
	defer func() {
		if resp != nil {
			_ = resp.Body.Close() // read to its end, or given up
		}
	}()
	rows := 0
	for s := range l.queue {
		if s.weight > 0 {
			if lines == nil {
				if err := begin(); err != nil {
					return err
				}
			}
			var o outcome
			if err := lines.Decode(&o); err != nil {
				return fault.New(fault.Unavailable, "the owner of the data folder went away; run the same command again to go on: %w", err)
			}
			l.window.Release(s.weight)
			if err := l.count(s, &o); err != nil {
				return err
			}
		} else if err := l.count(s, nil); err != nil {
			return err
		}
		if rows++; rows%progressEvery == 0 {
			l.progress(l.passed + l.sources[s.source].Position())
		}
	}
	if lines == nil {
		return begin() // even without rows the collection must be there
	}
	return nil
}

// count books one row; o is nil if it was not sent.
func (l *loader) count(s sent, o *outcome) error {
	t, err := &l.totals[s.source], s.row.Err
	switch {
	case s.last:
		l.passed += max(l.sources[s.source].Size, 0)
	case s.row.Skipped != "":
		t.Skipped++
	case o == nil:
		t.Refused++
	case o.Error != "":
		t.Refused++
		err = fault.New(fault.Invalid, "%s", o.Error)
	default:
		if o.Unchanged {
			t.Unchanged++
		} else {
			t.Written++
		}
		l.repeats(s.row.ID, t)
	}
	if !s.last && (err != nil || s.row.Skipped != "") {
		if err := l.report(s.row, err); err != nil {
			return err
		}
	}
	p := l.points[s.source]
	if p == nil {
		return nil
	}
	p.Tally, p.Done = *t, s.last
	if s.last {
		return p.save()
	}
	return p.advance(s.row.End)
}

// repeats counts ids that came before.
func (l *loader) repeats(id string, t *tally) {
	h := maphash.String(l.seed, id)
	if _, again := l.seen[h]; again {
		t.Repeated++
		return
	}
	if len(l.seen) < maxSeen {
		l.seen[h] = struct{}{}
	}
}

// save writes all checkpoints that say anything.
func (l *loader) save() error {
	for _, p := range l.points {
		if p == nil || p.Mark == (source.Mark{}) && !p.Done {
			continue
		}
		if err := p.save(); err != nil {
			return err
		}
	}
	return nil
}
