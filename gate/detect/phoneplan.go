package detect

import (
	"encoding/binary"
	"fmt"
	"regexp/syntax"
	"slices"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// plan is the numbering plan of one country: an automaton over digits that accepts its national significant numbers
// of every type. libphonenumber's metadata gives the plans as regular expressions; its own functions take about 20 µs
// for a number, the automaton takes nanoseconds and allocates nothing.
type plan struct {
	meta    *phonenumbers.PhoneMetadata
	build   sync.Once
	next    [][10]int32 // next[state][digit]; 0 is the dead state, 1 the first
	accept  []bool
	lengths uint32 // bit n: a national number may have n digits
}

// plans holds the numbering plans; each is compiled when it is first needed.
type plans struct {
	region map[string]*plan
	code   map[int][]*plan // by country calling code, the main country first
}

// maxPlanStates bounds a compiled plan; the largest, Germany's, has a tenth of it.
const maxPlanStates = 1 << 15

var loadPlans = sync.OnceValues(func() (*plans, error) {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return nil, fmt.Errorf("load the world's numbering plans: %w", err)
	}
	p := &plans{region: map[string]*plan{}, code: map[int][]*plan{}}
	for _, m := range all.GetMetadata() {
		x := &plan{meta: m}
		if m.GetId() != "001" {
			p.region[m.GetId()] = x
		}
		c := int(m.GetCountryCode())
		if m.GetMainCountryForCode() {
			p.code[c] = slices.Insert(p.code[c], 0, x)
		} else {
			p.code[c] = append(p.code[c], x)
		}
	}
	return p, nil
})

// valid reports whether digits are a national significant number of the plan.
func (p *plan) valid(digits []byte) bool {
	p.build.Do(p.compile)
	s := int32(1)
	for _, c := range digits {
		if s = p.next[s][c-'0']; s == 0 {
			return false
		}
	}
	return p.accept[s]
}

// validNational reports whether digits are a number as dialled inside the country, with its prefix or without.
func (p *plan) validNational(digits []byte) bool {
	if prefix := p.meta.GetNationalPrefix(); prefix != "" && len(digits) > len(prefix) && string(digits[:len(prefix)]) == prefix {
		if p.valid(digits[len(prefix):]) {
			return true
		}
	}
	return p.valid(digits)
}

// possible reports whether a national number may have n digits.
func (p *plan) possible(n int) bool {
	p.build.Do(p.compile)
	return p.lengths>>n&1 == 1
}

// find splits an international number into its calling code and the plans that share it.
func (p *plans) find(digits []byte) (national []byte, shared []*plan) {
	code := 0
	for i := range min(3, len(digits)) {
		code = code*10 + digit(digits[i])
		if x := p.code[code]; x != nil {
			return digits[i+1:], x
		}
	}
	return nil, nil
}

// compile makes the automaton by subset construction from the programs of the patterns. A pattern that cannot be
// compiled is left out; the test of all example numbers would show it.
func (p *plan) compile() {
	m := p.meta
	for _, n := range m.GetGeneralDesc().GetPossibleLength() {
		p.lengths |= 1 << n
	}
	var progs []*syntax.Prog
	for _, d := range []*phonenumbers.PhoneNumberDesc{
		m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(), m.GetPersonalNumber(),
		m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail(),
	} {
		if d.GetNationalNumberPattern() == "" {
			continue
		}
		re, err := syntax.Parse(d.GetNationalNumberPattern(), syntax.Perl)
		if err != nil {
			continue
		}
		if prog, err := syntax.Compile(re.Simplify()); err == nil {
			progs = append(progs, prog)
		}
	}
	p.next, p.accept = subsets(progs)
}

// subsets builds the deterministic automaton that accepts what any of the programs matches as a whole.
func subsets(progs []*syntax.Prog) (next [][10]int32, accept []bool) {
	type inst struct{ prog, pc uint32 }
	var set []inst
	seen := map[inst]bool{}
	final := false
	var follow func(i inst)
	follow = func(i inst) {
		if seen[i] {
			return
		}
		seen[i] = true
		switch x := &progs[i.prog].Inst[i.pc]; x.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			follow(inst{i.prog, x.Out})
			follow(inst{i.prog, x.Arg})
		case syntax.InstCapture, syntax.InstNop:
			follow(inst{i.prog, x.Out})
		case syntax.InstMatch:
			final = true
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			set = append(set, i)
		case syntax.InstFail, syntax.InstEmptyWidth:
		}
	}
	states := [][]inst{nil}
	index := map[string]int32{}
	next, accept = make([][10]int32, 1), make([]bool, 1)
	intern := func() int32 {
		if len(set) == 0 && !final {
			return 0
		}
		slices.SortFunc(set, func(a, b inst) int {
			if a.prog != b.prog {
				return int(a.prog) - int(b.prog)
			}
			return int(a.pc) - int(b.pc)
		})
		key := make([]byte, 0, 8*len(set)+1)
		for _, i := range set {
			key = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(key, i.prog), i.pc)
		}
		if final {
			key = append(key, 1)
		}
		if id, ok := index[string(key)]; ok {
			return id
		}
		id := int32(len(states)) //nolint:gosec // bounded by maxPlanStates
		index[string(key)] = id
		states = append(states, slices.Clone(set))
		next, accept = append(next, [10]int32{}), append(accept, final)
		return id
	}
	clearSet := func() { set, final = set[:0], false; clear(seen) }
	for i, g := range progs {
		follow(inst{uint32(i), uint32(g.Start)}) //nolint:gosec // a dozen programs
	}
	intern()
	for s := 1; s < len(states) && len(states) < maxPlanStates; s++ {
		for d := range rune(10) {
			clearSet()
			for _, i := range states[s] {
				if x := &progs[i.prog].Inst[i.pc]; x.MatchRune('0' + d) {
					follow(inst{i.prog, x.Out})
				}
			}
			next[s][d] = intern()
		}
	}
	if len(states) == 1 { // no pattern at all
		next, accept = append(next, [10]int32{}), append(accept, false)
	}
	return next, accept
}
