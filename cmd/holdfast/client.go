package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
)

// client talks to the owner of the data folder: a running `serve`, or this
// process, which then owns the folder for as long as the command takes.
type client struct {
	base  string
	token string
	http  http.Client
	owner *owner // nil if another process owns the folder
}

// ownerWait is how long a folder may be locked before its owner listens.
const ownerWait = 10 * time.Second

// connect reaches the owner of the data folder, becoming it if there is none.
// Where many processes may work, a server that runs here will do, and any
// process can answer; it does work of its own if it is asked to.
func (c *cli) connect(ctx context.Context, work bool) (*client, error) {
	if !c.config.alone() {
		if cl := c.knock(ctx); cl != nil {
			return cl, nil
		}
		o, err := c.open(ctx, "127.0.0.1:0", work)
		if err != nil {
			return nil, err
		}
		return &client{base: "http://" + o.at.Address, token: o.at.Token, owner: o}, nil
	}
	deadline := time.Now().Add(ownerWait)
	for {
		o, err := c.own(ctx, "127.0.0.1:0")
		if err == nil {
			return &client{base: "http://" + o.at.Address, token: o.at.Token, owner: o}, nil
		}
		if !errors.Is(err, errOwned) {
			return nil, err
		}
		if cl := c.knock(ctx); cl != nil {
			return cl, nil
		}
		if time.Now().After(deadline) {
			return nil, fault.New(fault.Unavailable, "the data folder %s is in use by a process that does not answer", c.config.Data)
		}
		// The owner is starting or ending.
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// knock tries the owner that the folder names; nil if it does not answer.
func (c *cli) knock(ctx context.Context) *client {
	data, err := os.ReadFile(filepath.Join(c.config.Data, "owner.json"))
	if err != nil {
		return nil
	}
	var at card
	if json.Unmarshal(data, &at) != nil {
		return nil
	}
	cl := &client{base: "http://" + at.Address, token: at.Token}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if cl.get(ctx, "/healthz", nil) != nil {
		return nil
	}
	return cl
}

// close ends this process's ownership, if it has it.
func (cl *client) close(ctx context.Context) error {
	if cl.owner == nil {
		return nil
	}
	return cl.owner.close(ctx)
}

// with runs fn with a client; what fn starts is worked on while it waits.
func (c *cli) with(ctx context.Context, fn func(*client) error) error { return c.ask(ctx, true, fn) }

// look runs fn, which only reads, with a client.
func (c *cli) look(ctx context.Context, fn func(*client) error) error { return c.ask(ctx, false, fn) }

func (c *cli) ask(ctx context.Context, work bool, fn func(*client) error) (err error) {
	cl, err := c.connect(ctx, work)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cl.close(ctx)) }()
	return fn(cl)
}

// change runs fn, which writes. If this process owns the folder, nobody
// indexes after it has ended, so it stays until what was written is indexed.
func (c *cli) change(ctx context.Context, fn func(*client) error) error {
	return c.with(ctx, func(cl *client) error {
		if err := fn(cl); err != nil {
			return err
		}
		return c.settle(ctx, cl)
	})
}

// settle waits until what was written is indexed, if this process owns the
// folder; another owner goes on by itself.
func (c *cli) settle(ctx context.Context, cl *client) error {
	if cl.owner == nil {
		return nil
	}
	collections, err := cl.owner.app.Collections(ctx, "", 1<<20)
	if err != nil {
		return err
	}
	for _, col := range collections {
		p := c.newProgress("indexing", -1)
		most := int64(0)
		err := cl.owner.app.WaitIndexed(ctx, col.Name, func(st holdfast.Status) {
			most = max(most, st.PendingChanges)
			if most > 1 {
				p.set(most-st.PendingChanges, most)
			}
		})
		p.done()
		if err != nil {
			return err
		}
	}
	return nil
}

func (cl *client) get(ctx context.Context, path string, out any) error {
	return cl.do(ctx, http.MethodGet, path, nil, out)
}

// do sends a request with a JSON body, if any, and decodes the answer.
func (cl *client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(data)
	}
	resp, err := cl.send(ctx, method, path, "application/json", body)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fault.New(fault.Unavailable, "read answer: %w", err)
	}
	return nil
}

// send sends a request; an answer that is a problem is an error.
func (cl *client) send(ctx context.Context, method, path, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, cl.base+path, body)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+cl.token)
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := cl.http.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, fault.New(fault.Unavailable, "ask the owner of the data folder: %w", err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	return nil, problemOf(resp)
}

var kinds = map[int]fault.Kind{
	http.StatusBadRequest: fault.Invalid, http.StatusUnprocessableEntity: fault.Invalid, http.StatusNotFound: fault.NotFound,
	http.StatusConflict: fault.Conflict, http.StatusPreconditionFailed: fault.Conflict, http.StatusForbidden: fault.Denied,
	http.StatusServiceUnavailable: fault.Unavailable,
}

// problemOf turns a problem document back into an error.
func problemOf(resp *http.Response) error {
	var doc struct {
		Detail string `json:"detail"`
		Errors []struct {
			Message  string `json:"message"`
			Location string `json:"location"`
		} `json:"errors"`
	}
	kind := kinds[resp.StatusCode]
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&doc); err != nil || doc.Detail == "" {
		return fault.New(kind, "the server answered %s", resp.Status)
	}
	if doc.Detail == "validation failed" && len(doc.Errors) > 0 {
		return fault.Field(doc.Errors[0].Location, "%s", doc.Errors[0].Message)
	}
	return fault.New(kind, "%s", doc.Detail)
}
