package crf

import (
	"math"
	"slices"
)

// Kind is what a span names.
type Kind uint8

// The kinds, in the order of the labels.
const (
	Person Kind = iota
	Location
	Organisation
)

// Span is a stretch of text that names something. Score estimates the probability of that.
type Span struct {
	Start, End int
	Kind       Kind
	Score      float32
}

// Limits of what is decoded as one sequence. In a longer run of tokens that may all
// be names each token is labelled alone, so that no decision reaches further.
const (
	maxRunTokens = 64
	maxRunBytes  = 512
)

// certain is by how many nats a token must be outside for its label to be settled
// without its neighbours' labels, which nearly never could change it.
const certain = 6

// settled is the like before joint features are looked at; a token that clear is
// not worth their cost.
const settled = 5

const (
	cacheBits = 14
	reach     = 2*Radius + 1
	ringSize  = 8 // at least 2·lookahead + 1
)

// scoredWord is what a word contributes to label scores, wherever it stands.
type scoredWord struct {
	key   uint64
	form  wordForm
	shift [reach]row // shift[d+Radius]: to the token d before it
}

// Scratch is the working memory of one call at a time. What it keeps between calls
// depends on single words only, never on a text.
type Scratch struct {
	model   *Model
	scanner Scanner
	cache   []scoredWord
	feats   wordFeatures
	edge    scoredWord // stands for what lies beyond the text or a wall
	ring    [ringSize]ringToken
	run     [maxRunTokens]runToken
	runLen  int
	lone    bool // the run is overlong
	runAt   int  // where it began
	bias    int32
	spans   []Span
	words   []Candidate
}

// Case is how a word is written.
type Case uint8

// The cases. Address is a mail address or URL, whole.
const (
	Lower Case = iota
	Title
	Upper
	Initial // one capital
	Mixed
	Address
)

// Candidate is a word that could be part of a name: one with a capital, or one in lower
// case that the lexicon does not know to be ordinary; or a mail address or URL.
type Candidate struct {
	Start, End int
	Hash       uint64 // of the folded word
	Case       Case
	Title      bool  // a form of address: Dr, Frau
	Named      bool  // the lexicon knows it as a given name or surname
	Given      bool  // as a given name
	Surname    bool  // as a surname
	Common     uint8 // 0 unknown as a word, 1 known with a capital only, 2 to 4 by frequency
}

// Candidates gives those of the text last tagged, in order. They are valid until the next call of Tag.
func (s *Scratch) Candidates() []Candidate { return s.words }

// note keeps a token for Candidates.
func (s *Scratch) note(t Token, f *wordForm) {
	var c Case
	common := uint8(f.gaz >> wordShift & 7)
	switch f.shape {
	case sLower, sCaseless:
		if common > 1 {
			return
		}
	case sTitle:
		c = Title
	case sUpper:
		c = Upper
	case sInitial:
		c = Initial
	case sMixed:
		c = Mixed
	case sJunk:
		if t.Class != URL {
			return
		}
		c = Address
	case sNone, sAlnum, sDigits, sPunct, sBreak, sIdeograph:
		return
	}
	given, surname := f.gaz>>givenShift&3 > 0, f.gaz>>surnameShift&3 > 0
	s.words = append(s.words, Candidate{
		Start: t.Start, End: t.End, Hash: f.lower, Case: c, Title: f.title,
		Named: given || surname, Given: given, Surname: surname, Common: common,
	})
}

type ringToken struct {
	Token
	word scoredWord
	wall bool // context ends here
}

type runToken struct {
	start, end int
	class      Class
	title      bool
	emit       [Labels]int32
}

// NewScratch makes working memory for m.
func (m *Model) NewScratch() *Scratch {
	s := &Scratch{model: m, cache: make([]scoredWord, 1<<cacheBits)}
	s.edge = s.describe("", edgeToken)
	return s
}

// edgeToken is like the break between paragraphs.
var edgeToken = Token{Class: Break, Hash: classHash(Break)}

func (s *Scratch) describe(text string, t Token) scoredWord {
	w := scoredWord{form: s.model.lexicon.describe(text, t, &s.feats)}
	for _, f := range s.feats.own {
		s.model.table.lookup(f, &w.shift[Radius])
	}
	for _, f := range s.feats.shift {
		for d := range reach {
			s.model.table.lookup(shifted(f, d-Radius), &w.shift[d])
		}
	}
	return w
}

// word finds what t contributes, in the cache or anew.
func (s *Scratch) word(text string, t Token) *scoredWord {
	key := mix(t.Hash, uint64(t.Class)) | 1
	w := &s.cache[key>>(64-cacheBits)]
	if w.key != key {
		*w = s.describe(text, t)
		w.key = key
	}
	return w
}

// Tag appends the spans of text to dst, in order and without overlaps. outsideBias, in
// nats, is taken from the score of being no name: more is found, more of it wrongly.
// Spans whose score is below threshold are left out.
func (s *Scratch) Tag(dst []Span, text string, outsideBias, threshold float32) []Span {
	s.scanner.Reset(text)
	s.runLen, s.lone = 0, false
	s.bias = int32(outsideBias * s.model.scale)
	s.spans = dst
	s.words = s.words[:0]
	base := len(dst)
	for i := range s.ring {
		s.ring[i] = ringToken{Token: edgeToken, word: s.edge, wall: true}
	}
	// Token n sits at ring[n%ringSize]; it is scored when lookahead more have come.
	for n, rest := 0, lookahead; rest > 0; n++ {
		e := &s.ring[n%ringSize]
		if t, ok := s.scanner.Next(); ok {
			e.Token, e.word = t, *s.word(text, t)
			e.wall = isWall(t)
			s.note(t, &e.word.form)
		} else {
			rest--
			*e = ringToken{Token: edgeToken, word: s.edge, wall: true}
		}
		if n >= lookahead {
			s.score(n - lookahead)
		}
	}
	s.endRun()
	kept := s.spans[:base]
	for _, span := range s.spans[base:] {
		if span.Score >= threshold {
			kept = append(kept, span)
		}
	}
	s.spans = nil
	return kept
}

// isWall tells long tokens: nothing is seen across them.
func isWall(t Token) bool {
	return t.Class == Junk || (t.Class == Break || t.Class == URL) && t.End-t.Start > maxGapBytes
}

// score computes token i's label scores and adds it to the run, or ends the run.
func (s *Scratch) score(i int) {
	t := &s.ring[i%ringSize]
	if t.Class >= Break {
		s.endRun()
		return
	}
	var near [2*lookahead + 1]*scoredWord
	near[lookahead] = &t.word
	for _, step := range [2]int{-1, 1} {
		open := true
		for d := step; d >= -lookahead && d <= lookahead; d += step {
			near[lookahead+d] = &s.edge
			if open {
				n := &s.ring[(i+d+ringSize)%ringSize]
				near[lookahead+d] = &n.word
				open = !n.wall
			}
		}
	}
	total := t.word.shift[Radius]
	for d := -Radius; d <= Radius; d++ {
		if d != 0 {
			total.add(near[lookahead+d].shift[Radius+d])
		}
	}
	if total.margin()-float32(s.bias) > settled*s.model.scale {
		s.endRun()
		return
	}
	var w window
	for d, word := range near {
		w.form[d] = &word.form
	}
	w.adjacent = [2]bool{t.Adjacent, s.ring[(i+1)%ringSize].Adjacent}
	var joint [jointFeatures]uint64
	s.model.lexicon.join(&w, &joint)
	for _, f := range joint {
		s.model.table.lookup(f, &total)
	}
	r := runToken{start: t.Start, end: t.End, class: t.Class, title: t.word.form.title}
	total.unpack(&r.emit)
	r.emit[Outside] -= s.bias
	if outsideBy(&r.emit) > certain*s.model.scale {
		s.endRun()
		return
	}
	s.extend(r)
}

// margin is by how much the scores favour being outside.
func (r row) margin() float32 {
	var e [Labels]int32
	r.unpack(&e)
	return outsideBy(&e)
}

func outsideBy(e *[Labels]int32) float32 {
	return float32(e[Outside] - max(e[1], e[2], e[3], e[4], e[5], e[6]))
}

// extend adds a token to the run.
func (s *Scratch) extend(r runToken) {
	if s.runLen == 0 {
		s.runAt = r.start
	}
	if !s.lone && (s.runLen == maxRunTokens || r.end-s.runAt > maxRunBytes) {
		s.lone = true
		for i := range s.runLen {
			s.alone(&s.run[i])
		}
	}
	if s.lone {
		s.alone(&r)
		return
	}
	s.run[s.runLen] = r
	s.runLen++
}

// alone labels one token of an overlong run by its own scores.
func (s *Scratch) alone(r *runToken) {
	best := Outside
	for y := range Labels {
		if r.emit[y] > r.emit[best] {
			best = y
		}
	}
	if best == Outside || r.class == Punct || r.title {
		return
	}
	kind := kindOf(best)
	s.spans = append(s.spans, Span{Start: r.start, End: r.end, Kind: kind, Score: s.calibrated(s.share(&r.emit, kind))})
}

func kindOf(label int) Kind { return Kind((label - 1) / 2) } //nolint:gosec // G115: labels are few

// endRun labels the run with its best path and turns that into spans.
func (s *Scratch) endRun() {
	n := s.runLen
	lone := s.lone
	s.runLen, s.lone = 0, false
	if n == 0 || lone {
		return
	}
	var path [maxRunTokens]uint8
	if n == 1 {
		path[0] = s.single(&s.run[0].emit)
	} else {
		s.viterbi(n, &path)
	}
	for i := 0; i < n; {
		label := int(path[i])
		if label == Outside {
			i++
			continue
		}
		kind := kindOf(label)
		inside := uint8(InsidePerson + 2*int(kind)) //nolint:gosec // G115: labels are few
		end := i + 1
		for end < n && path[end] == inside {
			end++
		}
		s.emitSpan(i, end, n, kind, &path)
		i = end
	}
}

func (s *Scratch) single(e *[Labels]int32) (best uint8) {
	top := int32(math.MinInt32)
	for y := range Labels {
		v := e[y] + s.model.trans[Outside][y] + s.model.trans[y][Outside]
		if v > top {
			top, best = v, uint8(y)
		}
	}
	return best
}

// viterbi finds the best path through the run; before and after it all is outside.
func (s *Scratch) viterbi(n int, path *[maxRunTokens]uint8) {
	trans := &s.model.trans
	var back [maxRunTokens][Labels]uint8
	var score [Labels]int32
	for y := range Labels {
		score[y] = s.run[0].emit[y] + trans[Outside][y]
	}
	for i := 1; i < n; i++ {
		var next [Labels]int32
		for y := range Labels {
			best, from := int32(math.MinInt32), 0
			for x := range Labels {
				if v := score[x] + trans[x][y]; v > best {
					best, from = v, x
				}
			}
			next[y] = best + s.run[i].emit[y]
			back[i][y] = uint8(from)
		}
		score = next
	}
	best := 0
	for y := range Labels {
		if score[y]+trans[y][Outside] > score[best]+trans[best][Outside] {
			best = y
		}
	}
	for i := n - 1; i >= 0; i-- {
		path[i] = uint8(best)
		best = int(back[i][best])
	}
}

// emitSpan appends the span of tokens [i,end), less titles before and punctuation around.
func (s *Scratch) emitSpan(i, end, n int, kind Kind, path *[maxRunTokens]uint8) {
	// The probability of the kind at the least certain token, its neighbours' labels given.
	p := 1.0
	for j := i; j < end; j++ {
		local := s.run[j].emit
		before, after := Outside, Outside
		if j > 0 {
			before = int(path[j-1])
		}
		if j+1 < n {
			after = int(path[j+1])
		}
		for y := range Labels {
			local[y] += s.model.trans[before][y] + s.model.trans[y][after]
		}
		p = min(p, s.share(&local, kind))
	}
	for i < end && (s.run[i].class == Punct || kind == Person && s.run[i].title) {
		i++
	}
	for i < end && s.run[end-1].class == Punct {
		end--
	}
	if i < end {
		s.spans = append(s.spans, Span{Start: s.run[i].start, End: s.run[end-1].end, Kind: kind, Score: s.calibrated(p)})
	}
}

// share is the part of the probability that the two labels of kind have, without the bias.
func (s *Scratch) share(e *[Labels]int32, kind Kind) float64 {
	unbiased := *e
	unbiased[Outside] += s.bias
	top := slices.Max(unbiased[:])
	var total, part float64
	for y, v := range unbiased {
		p := math.Exp(float64(v-top) / float64(s.model.scale))
		total += p
		if y != Outside && kindOf(y) == kind {
			part += p
		}
	}
	return part / total
}

// calibrated maps the model's own probability to an observed one (Platt 1999).
func (s *Scratch) calibrated(p float64) float32 {
	const tiny = 1e-6
	p = min(max(p, tiny), 1-tiny)
	x := float64(s.model.calib[0]) + float64(s.model.calib[1])*math.Log(p/(1-p))
	return float32(1 / (1 + math.Exp(-x)))
}
