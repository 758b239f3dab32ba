// Package detect finds personal data and secrets that have a shape: mail addresses, telephone numbers, payment
// cards, bank accounts, national identifiers, network addresses, keys, passwords, dates of birth, street addresses.
// Names of persons, places and organisations have no shape; a statistical tagger finds those elsewhere.
//
// A scan reads the text once. A fold first gives a view in which look-alike, full-width, zero-width and escaped
// characters have their plain form (plain ASCII text is its own view); one loop over the view then dispatches on the
// class of each byte to the detectors. Numbers wait until the words around them are known, because a nine-digit
// number is personal next to "SSN" and nothing next to "order".
//
// What must stay true:
//   - Time is linear in the text, whatever the text: every look around a byte is bounded.
//   - A decision depends on at most 4 KiB of text on each side of the finding, so a far edit changes nothing here.
//   - Findings are sorted by Start, never overlap, and begin and end on rune boundaries of the original text.
//
// A value is found in its context: words around it, a label on the line above, or the header of its column if that
// stands at most 3 KiB above. A number that needs a context to mean anything is left alone without one. Names, and
// places without a street or postcode, are not found here.
//
// Among overlapping candidates the higher score stays; then the longer; then the earlier; then the lesser rule name.
package detect

import (
	"cmp"
	"slices"
	"sync"
)

// Type says what kind of value a finding holds. Where Microsoft Presidio has a name for an entity it is that name.
type Type string

// Finding is a span of the original text that holds a value of one type.
type Finding struct {
	// Start and End are byte offsets in the original text; End is exclusive.
	Start, End int
	Type       Type
	// Score is the confidence in (0, 1]. Below 0.4 a value has the shape and nothing more: a calendar date that
	// nobody called a birthday.
	Score float32
	// Rule names the detector, for instance "aws-access-token". Rules for secrets carry the names that gitleaks uses.
	Rule string
}

// Options says what a Scanner looks for.
type Options struct {
	// Types limits the findings to these types. Empty means all.
	Types []Type
	// Regions are the ISO 3166 countries whose national telephone formats are tried, in this order, for numbers
	// written without a country code. Empty means DefaultRegions.
	Regions []string
}

// Scanner finds patterns in one pass. It is immutable and safe for concurrent use.
type Scanner struct {
	only    map[Type]bool // nil: everything
	regions regionSet
	scratch sync.Pool // of *scan
}

// version is part of what decides whether text must be gated again: raise it with every change of rules.
const version = "detect-8"

// Version names the set of rules; it changes whenever the same text could give other findings.
func (s *Scanner) Version() string { return version }

// New returns a Scanner. The error has kind fault.Invalid when an option names an unknown type or region.
func New(o Options) (*Scanner, error) {
	s := &Scanner{}
	s.scratch.New = func() any { return new(scan) }
	if len(o.Types) > 0 {
		known := make(map[Type]bool, len(allTypes))
		for _, t := range allTypes {
			known[t] = true
		}
		s.only = make(map[Type]bool, len(o.Types))
		for _, t := range o.Types {
			if !known[t] {
				return nil, unknownOption("type", string(t))
			}
			s.only[t] = true
		}
	}
	r, err := newRegions(o.Regions)
	if err != nil {
		return nil, err
	}
	s.regions = r
	return s, nil
}

// Types lists every type a Scanner can report, in a fixed order.
func Types() []Type { return slices.Clone(allTypes) }

// Scan appends the findings in text to dst and returns it. The appended findings are sorted by Start and do not
// overlap. Any string is valid input, invalid UTF-8 included.
func (s *Scanner) Scan(dst []Finding, text string) []Finding {
	sc, _ := s.scratch.Get().(*scan)
	sc.reset(s, text)
	sc.lex()
	sc.classify()
	dst = sc.settle(dst)
	if cap(sc.found) <= maxPooled && cap(sc.marks) <= maxPooled && cap(sc.cands) <= maxPooled && cap(sc.lines) <= maxPooled {
		sc.v, sc.fold.text, sc.s, sc.words = "", "", nil, surroundings{}
		s.scratch.Put(sc)
	}
	return dst
}

// maxPooled bounds what a scan of one huge text leaves behind in the pool.
const maxPooled = 1 << 16

// hit is a candidate finding in offsets of the view.
type hit struct {
	start, end int
	typ        Type
	rule       string
	score      float32
}

// scan is the state of one call of Scan.
type scan struct {
	s     *Scanner
	v     string // the folded view; the text itself when nothing had to be folded
	fold  folded
	marks []mark // context words, by position
	cands []cand // what waits for its context, by position
	found []hit
	// Scratch of cluster: what is struck out, the hits by rank, the furthest end up to each.
	dead                 []bool
	order, reach         []int
	steps                int          // turns of the loops that no constant bounds; what time is linear in
	line                 int32        // number of line breaks so far
	words                surroundings // what was looked at last
	nested               bool         // this text was made from a part of another
	encodedEnd, speltEnd int
	urls                 [][2]int // where URLs stand
	urlAt                int      // the first of them that may still hold the value under inspection
	lines                []int    // where each line begins
	atLine               int      // the line of the value that was looked at last
	grid                 grid
	col                  kinds // what the header says about the value under inspection
	tabled               bool  // there is such a header
	headed               bool  // the grid tells the column of the value under inspection
	// urlEnd and pemEnd are where the last such value ended: nothing inside it starts another.
	urlEnd, pemEnd, userEnd, hexEnd, jwtEnd, numEnd, phoneEnd int
	madeEnd, columnEnd, bornEnd                               int
	at                                                        int     // index of the first mark that may still lie in the window of the current candidate
	ctx                                                       context // of the candidate under inspection
	midChain                                                  bool    // the number under inspection goes on a chain of groups
	dialStart                                                 int     // where the telephone number under inspection begins
	dial                                                      dialled
	num                                                       run // the number under inspection; kept here because it is large
}

func (sc *scan) reset(s *Scanner, text string) {
	sc.s = s
	sc.marks, sc.cands, sc.found, sc.dead = sc.marks[:0], sc.cands[:0], sc.found[:0], sc.dead[:0]
	sc.steps, sc.nested, sc.encodedEnd, sc.speltEnd = 0, false, 0, 0
	sc.urls, sc.urlAt, sc.words = sc.urls[:0], 0, surroundings{start: -1}
	sc.line, sc.urlEnd, sc.pemEnd, sc.userEnd, sc.hexEnd, sc.jwtEnd, sc.numEnd, sc.phoneEnd, sc.at = 0, 0, 0, 0, 0, 0, 0, 0, 0
	sc.madeEnd, sc.columnEnd, sc.bornEnd, sc.atLine = 0, 0, 0, 0
	sc.col, sc.tabled, sc.headed, sc.ctx, sc.midChain, sc.dialStart = 0, false, false, context{}, false, 0
	sc.lines = append(sc.lines[:0], 0)
	sc.grid.line, sc.grid.head, sc.grid.named, sc.grid.counted, sc.grid.row = -1, -1, -1, -1, row{}
	sc.v = sc.fold.view(text)
}

// add records a candidate finding.
func (sc *scan) add(start, end int, t Type, rule string, score float32) {
	if sc.s.only != nil && !sc.s.only[t] {
		return
	}
	sc.found = append(sc.found, hit{start, end, t, rule, min(score, 1)})
}

// better is negative where a beats b when they overlap.
func better(a, b *hit) int {
	switch {
	case a.score != b.score:
		return cmp.Compare(b.score, a.score)
	case a.end-a.start != b.end-b.start:
		return (b.end - b.start) - (a.end - a.start)
	case a.start != b.start:
		return a.start - b.start
	}
	return cmp.Compare(a.rule, b.rule)
}

// settle resolves overlaps and appends what remains to dst in offsets of the original text.
func (sc *scan) settle(dst []Finding) []Finding {
	f := sc.found
	slices.SortFunc(f, func(a, b hit) int {
		if a.start != b.start {
			return a.start - b.start
		}
		return better(&a, &b)
	})
	for ; len(f) > 0; sc.steps++ {
		// A cluster is a maximal set connected by overlaps.
		n, end := 1, f[0].end
		for n < len(f) && f[n].start < end {
			end = max(end, f[n].end)
			n++
		}
		for _, h := range sc.cluster(f[:n]) {
			dst = append(dst, Finding{
				Start: sc.fold.start(h.start), End: sc.fold.end(h.end),
				Type: h.typ, Score: h.score, Rule: h.rule,
			})
		}
		f = f[n:]
	}
	return dst
}

// cluster keeps the best of overlapping hits, sorted by start, reusing f. Each winner strikes out its neighbours by
// walking outwards, which stays linear because winners do not overlap.
func (sc *scan) cluster(f []hit) []hit {
	if len(f) == 1 {
		return f
	}
	sc.dead, sc.order, sc.reach = sc.dead[:0], sc.order[:0], sc.reach[:0]
	furthest := 0
	for i := range f {
		furthest = max(furthest, f[i].end)
		sc.dead, sc.order, sc.reach = append(sc.dead, false), append(sc.order, i), append(sc.reach, furthest)
	}
	order, reach := sc.order, sc.reach
	slices.SortFunc(order, func(a, b int) int { return better(&f[a], &f[b]) })
	for _, i := range order {
		if sc.dead[i] {
			continue
		}
		for j := i + 1; j < len(f) && f[j].start < f[i].end; j++ {
			sc.dead[j] = true
			sc.steps++
		}
		for j := i - 1; j >= 0 && reach[j] > f[i].start; j-- {
			sc.steps++
			if f[j].end > f[i].start {
				sc.dead[j] = true
			}
		}
	}
	kept := f[:0]
	for i, h := range f {
		if !sc.dead[i] {
			kept = append(kept, h)
		}
	}
	return kept
}
