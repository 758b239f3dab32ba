package river

import (
	"slices"
	"strings"
	"sync"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/pipeline"
)

// graph is a registered pipeline with its edges in both directions.
type graph struct {
	pipe  pipeline.Pipeline
	steps map[string]*node
	plans sync.Map // joined Start.From to *plan
}

type node struct {
	step   pipeline.Step
	before []string // direct predecessors
	after  []string // direct successors
}

// plan is the part of a graph that a run goes through.
type plan struct {
	active map[string]bool
	first  []string // active steps that wait for none
	ends   int      // active steps that nothing comes after
}

func newGraph(p pipeline.Pipeline) *graph {
	g := &graph{pipe: p, steps: map[string]*node{}}
	for _, s := range p.Steps {
		before := slices.Clone(s.After)
		slices.Sort(before)
		g.steps[s.Name] = &node{step: s, before: slices.Compact(before)}
	}
	for _, s := range p.Steps {
		for _, b := range g.steps[s.Name].before {
			g.steps[b].after = append(g.steps[b].after, s.Name)
		}
	}
	return g
}

// plan says what a run that starts at these steps goes through; all of the
// graph if there are none.
func (g *graph) plan(from []string) (*plan, error) {
	key := strings.Join(from, "\x00")
	if p, ok := g.plans.Load(key); ok {
		return p.(*plan), nil
	}
	p := &plan{active: map[string]bool{}}
	var reach func(name string)
	reach = func(name string) {
		if p.active[name] {
			return
		}
		p.active[name] = true
		for _, next := range g.steps[name].after {
			reach(next)
		}
	}
	for _, name := range from {
		if g.steps[name] == nil {
			return nil, fault.Field("from", "%q is no step of pipeline %s", name, g.pipe.Name)
		}
		reach(name)
	}
	if len(from) == 0 {
		for name := range g.steps {
			p.active[name] = true
		}
	}
	for _, s := range g.pipe.Steps {
		if !p.active[s.Name] {
			continue
		}
		if len(p.before(g.steps[s.Name])) == 0 {
			p.first = append(p.first, s.Name)
		}
		if len(g.steps[s.Name].after) == 0 {
			p.ends++
		}
	}
	g.plans.Store(key, p)
	return p, nil
}

// before lists what a step has to wait for in this run.
func (p *plan) before(n *node) []string {
	waits := n.before[:0:0]
	for _, b := range n.before {
		if p.active[b] {
			waits = append(waits, b)
		}
	}
	return waits
}
