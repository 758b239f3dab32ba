package main

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed grammar/*.txt
var grammarFiles embed.FS

// A grammar file holds rules. "@name" starts a rule, every further line is one alternative, "//" starts a comment.
// Inside a line {a|b|} chooses, <name> expands a rule or a slot, and both nest.
type grammar struct {
	rules map[string]*choice
}

// choice is a set of alternatives; uses counts how often each was taken.
type choice struct {
	alts []*sequence
}

type sequence struct {
	nodes    []node
	uses     int
	personal bool // expands to personal data, always
}

// node is one of: a literal, a reference, a nested choice.
type node struct {
	lit    string
	ref    string
	choice *choice
}

func loadGrammar(slots map[string]slot) (*grammar, error) {
	g := &grammar{rules: map[string]*choice{}}
	files, err := grammarFiles.ReadDir("grammar")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		b, err := grammarFiles.ReadFile("grammar/" + f.Name())
		if err != nil {
			return nil, err
		}
		if err := g.parse(b); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	// Personal data spreads from slots through rules; a few rounds reach every depth in use.
	for range 6 {
		for _, name := range g.names() {
			if err := g.mark(g.rules[name], slots); err != nil {
				return nil, fmt.Errorf("rule %s: %w", name, err)
			}
		}
	}
	return g, nil
}

func (g *grammar) names() []string {
	var names []string
	for name := range g.rules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (g *grammar) parse(b []byte) error {
	var rule *choice
	sc := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimRight(sc.Text(), " ")
		switch {
		case line == "" || strings.HasPrefix(line, "//"):
		case line[0] == '@':
			name := line[1:]
			if g.rules[name] == nil {
				g.rules[name] = &choice{}
			}
			rule = g.rules[name]
		case rule == nil:
			return fmt.Errorf("line %d: outside a rule", n)
		default:
			s, rest, err := parseSequence(line)
			if err != nil || rest != "" {
				return fmt.Errorf("line %d: unbalanced near %q", n, rest)
			}
			rule.alts = append(rule.alts, s)
		}
	}
	return sc.Err()
}

// parseSequence reads up to an unmatched '|' or '}' and returns what is left.
func parseSequence(s string) (*sequence, string, error) {
	seq := &sequence{}
	for s != "" {
		i := strings.IndexAny(s, "{|}<")
		if i < 0 {
			i = len(s)
		}
		if i > 0 {
			seq.nodes = append(seq.nodes, node{lit: strings.ReplaceAll(s[:i], `\n`, "\n")})
			s = s[i:]
			continue
		}
		switch s[0] {
		case '<':
			end := strings.IndexByte(s, '>')
			if end < 0 {
				return nil, s, fmt.Errorf("no '>' in %q", s)
			}
			seq.nodes = append(seq.nodes, node{ref: s[1:end]})
			s = s[end+1:]
		case '{':
			c := &choice{}
			for s[0] != '}' {
				alt, rest, err := parseSequence(s[1:])
				if err != nil {
					return nil, rest, err
				}
				if rest == "" {
					return nil, s, fmt.Errorf("no '}' in %q", s)
				}
				c.alts = append(c.alts, alt)
				s = rest
			}
			seq.nodes = append(seq.nodes, node{choice: c})
			s = s[1:]
		default:
			return seq, s, nil
		}
	}
	return seq, "", nil
}

// mark finds the alternatives that cannot be had without personal data, and references to nothing.
func (g *grammar) mark(c *choice, slots map[string]slot) error {
	for _, a := range c.alts {
		for _, n := range a.nodes {
			switch {
			case n.choice != nil:
				if err := g.mark(n.choice, slots); err != nil {
					return err
				}
				a.personal = a.personal || n.choice.personal()
			case n.ref != "":
				if s, ok := slots[n.ref]; ok {
					a.personal = a.personal || s.kind != ""
				} else if r := g.rules[n.ref]; r != nil {
					a.personal = a.personal || r.personal()
				} else {
					return fmt.Errorf("<%s> is neither a rule nor a slot", n.ref)
				}
			}
		}
	}
	return nil
}

func (c *choice) personal() bool {
	for _, a := range c.alts {
		if !a.personal {
			return false
		}
	}
	return len(c.alts) > 0
}

// choose takes the least used of a few random alternatives, which keeps the use of phrases even.
func (c *choice) choose(r *rng, impersonal bool, taken map[*sequence]bool) *sequence {
	var best *sequence
	for range 40 {
		a := pick(r, c.alts)
		if impersonal && a.personal || taken[a] {
			continue
		}
		if best == nil {
			best = a
			continue
		}
		if a.uses < best.uses {
			best = a
		}
		break
	}
	if best != nil {
		best.uses++
	}
	return best
}
