package main

import (
	"cmp"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// Options of training. The defaults are what the committed weights were made with.
type trainOptions struct {
	Epochs   int
	Rate     float64
	L2       float64
	Dropout  float64 // share of features left out at each token visit
	MinCount int     // rarer features are not learnt
	Features int     // at most so many are kept
	Seed     uint64

	Synthetic   int    // generated texts
	Silver      string // file of text labelled by another model, or none
	SilverTexts int    // most of its paragraphs used
}

var defaults = trainOptions{Epochs: 9, Rate: 0.05, L2: 2e-5, Dropout: 0.45, MinCount: 3, Features: 460_000, Seed: 1, Synthetic: 15_000, SilverTexts: 20_000}

const stride = 2 * (crf.Labels + 1) // weights, then their squared gradients, for one feature

// sequence is a stretch of tokens between those that are never part of a name.
type sequence struct {
	features [][]uint32
	labels   []uint8
}

// trainer holds a model in training: a conditional random field learnt by AdaGrad
// (Duchi, Hazan, Singer 2011) with averaging.
type trainer struct {
	opts    trainOptions
	lexicon *crf.Lexicon
	index   map[uint64]uint32
	hashes  []uint64
	counts  []int32
	weights []float32 // stride per feature
	average []float32 // Labels per feature
	trans   [crf.Labels][crf.Labels]float64
	transG  [crf.Labels][crf.Labels]float64
	transA  [crf.Labels][crf.Labels]float64
	rng     *rand.Rand
	log     *slog.Logger
}

// label gives each token of e its label: -1 where unknown, -2 for tokens that are never named.
func label(e *Example, t crf.Token) int {
	for _, u := range e.Unknown {
		if t.Start < u[1] && t.End > u[0] {
			return -1
		}
	}
	if t.Class >= crf.Break {
		return -2
	}
	i, _ := slices.BinarySearchFunc(e.Spans, t.Start, func(s crf.Span, start int) int { return cmp.Compare(s.End, start+1) })
	if i < len(e.Spans) && t.End > e.Spans[i].Start {
		y := crf.BeginPerson + 2*int(e.Spans[i].Kind)
		if t.Start > e.Spans[i].Start {
			y++
		}
		return y
	}
	return crf.Outside
}

// countFeatures chooses the features worth learning.
func (t *trainer) countFeatures(examples []Example) {
	counts := make(map[uint64]int32, 1<<22)
	for i := range examples {
		t.lexicon.Extract(examples[i].Text, func(_ crf.Token, features []uint64) {
			for _, f := range features {
				counts[f]++
			}
		})
	}
	for f, n := range counts {
		if int(n) >= t.opts.MinCount {
			t.hashes = append(t.hashes, f)
		}
	}
	slices.Sort(t.hashes)
	t.index = make(map[uint64]uint32, len(t.hashes))
	for i, f := range t.hashes {
		t.index[f] = uint32(i)
		t.counts = append(t.counts, counts[f])
	}
	t.log.Info("features", "seen", len(counts), "kept", len(t.hashes))
	t.weights = make([]float32, len(t.hashes)*stride)
	t.average = make([]float32, len(t.hashes)*crf.Labels)
}

// sequences extracts the features of the examples, by index.
func (t *trainer) sequences(examples []Example) []sequence {
	var all []sequence
	var arena []uint32
	for i := range examples {
		e := &examples[i]
		var now sequence
		end := func() {
			if len(now.labels) > 0 {
				all = append(all, now)
				now = sequence{}
			}
		}
		t.lexicon.Extract(e.Text, func(token crf.Token, features []uint64) {
			y := label(e, token)
			if y < 0 {
				end()
				return
			}
			if len(arena) < len(features) {
				arena = make([]uint32, 1<<20)
			}
			n := 0
			for _, f := range features {
				if index, ok := t.index[f]; ok {
					arena[n] = index
					n++
				}
			}
			now.features = append(now.features, arena[:n:n])
			arena = arena[n:]
			now.labels = append(now.labels, uint8(y)) //nolint:gosec // G115: labels are few
		})
		end()
	}
	return all
}

func (t *trainer) train(examples []Example) {
	t.rng = rand.New(rand.NewPCG(t.opts.Seed, 2))
	t.countFeatures(examples)
	sequences := t.sequences(examples)
	tokens := 0
	for i := range sequences {
		tokens += len(sequences[i].labels)
	}
	t.log.Info("training", "examples", len(examples), "tokens", tokens)
	averaged := 0
	for epoch := range t.opts.Epochs {
		t.rng.Shuffle(len(sequences), func(i, j int) { sequences[i], sequences[j] = sequences[j], sequences[i] })
		rate := t.opts.Rate * (1 - 0.9*float64(epoch)/float64(t.opts.Epochs))
		loss := 0.0
		for i := range sequences {
			loss += t.step(&sequences[i], rate)
		}
		t.log.Info("epoch", "n", epoch+1, "loss", loss/float64(tokens))
		if epoch >= t.opts.Epochs/2 {
			averaged++
			for f := range t.hashes {
				for y := range crf.Labels {
					t.average[f*crf.Labels+y] += t.weights[f*stride+y]
				}
			}
			for i := range crf.Labels {
				for j := range crf.Labels {
					t.transA[i][j] += t.trans[i][j]
				}
			}
		}
	}
	for i := range t.average {
		t.average[i] /= float32(averaged)
	}
	for i := range crf.Labels {
		for j := range crf.Labels {
			t.transA[i][j] /= float64(averaged)
		}
	}
}

// allowed tells whether label y may follow x: inside follows begin or inside of its kind.
func allowed(x, y int) bool {
	if y == crf.Outside || y%2 == 1 {
		return true
	}
	return x == y || x == y-1
}

type scores = [crf.Labels]float64

// step makes one gradient step on a sequence, and returns its negative log likelihood.
func (t *trainer) step(s *sequence, rate float64) float64 {
	n := len(s.labels)
	kept := make([][]uint32, n)
	emit := make([]scores, n)
	keep := 1 / (1 - t.opts.Dropout)
	for i, features := range s.features {
		active := make([]uint32, 0, len(features))
		for _, f := range features {
			if t.rng.Float64() < t.opts.Dropout {
				continue
			}
			active = append(active, f)
			w := t.weights[int(f)*stride : int(f)*stride+crf.Labels]
			for y, v := range w {
				emit[i][y] += float64(v)
			}
		}
		for y := range emit[i] {
			emit[i][y] *= keep
		}
		kept[i] = active
	}
	alpha, beta, logZ := t.forwardBackward(emit)
	loss := logZ
	var transGrad [crf.Labels][crf.Labels]float64
	for i := range n {
		gold := int(s.labels[i])
		loss -= emit[i][gold]
		before := crf.Outside
		if i > 0 {
			before = int(s.labels[i-1])
		}
		loss -= t.trans[before][gold]
		transGrad[before][gold]--
		if i > 0 {
			for x := range crf.Labels {
				for y := range crf.Labels {
					if allowed(x, y) {
						transGrad[x][y] += math.Exp(alpha[i-1][x] + t.trans[x][y] + emit[i][y] + beta[i][y] - logZ)
					}
				}
			}
		} else {
			for y := range crf.Labels {
				if allowed(crf.Outside, y) {
					transGrad[crf.Outside][y] += math.Exp(alpha[0][y] + beta[0][y] - logZ)
				}
			}
		}
		var grad scores
		for y := range crf.Labels {
			grad[y] = math.Exp(alpha[i][y] + beta[i][y] - logZ)
		}
		grad[gold]--
		t.update(kept[i], &grad, rate)
	}
	last := int(s.labels[n-1])
	loss -= t.trans[last][crf.Outside]
	transGrad[last][crf.Outside]--
	for y := range crf.Labels {
		transGrad[y][crf.Outside] += math.Exp(alpha[n-1][y] + t.trans[y][crf.Outside] - logZ)
	}
	for x := range crf.Labels {
		for y := range crf.Labels {
			if g := transGrad[x][y]; g != 0 {
				t.transG[x][y] += g * g
				t.trans[x][y] -= rate * g / (math.Sqrt(t.transG[x][y]) + 1e-6)
			}
		}
	}
	return loss
}

func (t *trainer) update(features []uint32, grad *scores, rate float64) {
	big := 0.0
	for _, g := range grad {
		big = max(big, math.Abs(g))
	}
	if big < 1e-3 {
		return
	}
	for _, f := range features {
		row := t.weights[int(f)*stride : int(f)*stride+stride]
		for y, g := range grad {
			g := float32(g) + float32(t.opts.L2)*row[y]
			row[crf.Labels+1+y] += g * g
			row[y] -= float32(rate) * g / (float32(math.Sqrt(float64(row[crf.Labels+1+y]))) + 1e-6)
		}
	}
}

func (t *trainer) forwardBackward(emit []scores) (alpha, beta []scores, logZ float64) {
	n := len(emit)
	alpha, beta = make([]scores, n), make([]scores, n)
	var terms scores
	for y := range crf.Labels {
		alpha[0][y] = math.Inf(-1)
		if allowed(crf.Outside, y) {
			alpha[0][y] = t.trans[crf.Outside][y] + emit[0][y]
		}
		beta[n-1][y] = t.trans[y][crf.Outside]
	}
	for i := 1; i < n; i++ {
		for y := range crf.Labels {
			for x := range crf.Labels {
				terms[x] = math.Inf(-1)
				if allowed(x, y) {
					terms[x] = alpha[i-1][x] + t.trans[x][y]
				}
			}
			alpha[i][y] = logSum(&terms) + emit[i][y]
		}
	}
	for i := n - 2; i >= 0; i-- {
		for x := range crf.Labels {
			for y := range crf.Labels {
				terms[y] = math.Inf(-1)
				if allowed(x, y) {
					terms[y] = t.trans[x][y] + emit[i+1][y] + beta[i+1][y]
				}
			}
			beta[i][x] = logSum(&terms)
		}
	}
	for y := range crf.Labels {
		terms[y] = alpha[n-1][y] + beta[n-1][y]
	}
	return alpha, beta, logSum(&terms)
}

func logSum(terms *scores) float64 {
	top := slices.Max(terms[:])
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for _, v := range terms {
		if d := v - top; d > -30 {
			sum += math.Exp(d)
		}
	}
	return top + math.Log(sum)
}

// params gives the strongest features, the frequent ones first, and the transitions, as the model takes them.
func (t *trainer) params() crf.Params {
	p := crf.Params{Lexicon: t.lexicon, Buckets: 1 << 17, Scale: 20}
	type ranked struct {
		index    int
		strength float32
	}
	ranking := make([]ranked, 0, len(t.hashes))
	for f := range t.hashes {
		var strength float32
		for _, w := range t.average[f*crf.Labels : (f+1)*crf.Labels] {
			strength = max(strength, float32(math.Abs(float64(w))))
		}
		if strength*p.Scale >= 1 {
			ranking = append(ranking, ranked{f, strength * float32(math.Log2(float64(t.counts[f])))})
		}
	}
	slices.SortFunc(ranking, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.strength, a.strength), cmp.Compare(a.index, b.index))
	})
	t.log.Info("weights", "useful", len(ranking), "kept", min(len(ranking), t.opts.Features))
	for _, r := range ranking[:min(len(ranking), t.opts.Features)] {
		f := crf.Feature{Hash: t.hashes[r.index]}
		copy(f.Weights[:], t.average[r.index*crf.Labels:(r.index+1)*crf.Labels])
		p.Features = append(p.Features, f)
	}
	for x := range crf.Labels {
		for y := range crf.Labels {
			p.Transition[x][y] = float32(t.transA[x][y])
			if !allowed(x, y) {
				p.Transition[x][y] = -1e6
			}
		}
	}
	return p
}
