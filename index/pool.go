package index

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Pool keeps indexes open, so that everybody uses one handle of each.
type Pool struct {
	opener Opener
	mu     sync.Mutex
	open   map[string]Index
}

// NewPool makes an empty pool.
func NewPool(o Opener) *Pool {
	return &Pool{opener: o, open: map[string]Index{}}
}

// Get returns the index of a spec, opening it if need be.
func (p *Pool) Get(ctx context.Context, spec Spec) (Index, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ix, ok := p.open[spec.Name]; ok {
		return ix, nil
	}
	ix, err := p.opener.Open(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("open index %s: %w", spec.Name, err)
	}
	p.open[spec.Name] = ix
	return ix, nil
}

// Drop closes and deletes an index.
func (p *Pool) Drop(ctx context.Context, name string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ix, ok := p.open[name]; ok {
		delete(p.open, name)
		if err := ix.Close(); err != nil {
			return fmt.Errorf("close index %s: %w", name, err)
		}
	}
	return p.opener.Drop(ctx, name)
}

// Close closes every index.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for name, ix := range p.open {
		if err := ix.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close index %s: %w", name, err))
		}
		delete(p.open, name)
	}
	return errors.Join(errs...)
}
