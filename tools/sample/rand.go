package main

import "math"

// rng is splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
// It is written out here so that a seed gives the same bytes with every Go release.
type rng struct{ state uint64 }

func (r *rng) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// intn returns a number in [0, n); n must be positive.
func (r *rng) intn(n int) int {
	return int(r.next()>>33) % n
}

// between returns a number in [lo, hi].
func (r *rng) between(lo, hi int) int { return lo + r.intn(hi-lo+1) }

func (r *rng) float() float64 { return float64(r.next()>>11) / (1 << 53) }

func (r *rng) chance(p float64) bool { return r.float() < p }

// normal returns a standard normal variate (Box–Muller).
func (r *rng) normal() float64 {
	return math.Sqrt(-2*math.Log(1-r.float())) * math.Cos(2*math.Pi*r.float())
}

func pick[T any](r *rng, list []T) T { return list[r.intn(len(list))] }

// weighted returns the index of one of the weights.
func (r *rng) weighted(weights []int) int {
	sum := 0
	for _, w := range weights {
		sum += w
	}
	n := r.intn(sum)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return len(weights) - 1
}

// chars returns n characters of the alphabet.
func (r *rng) chars(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.intn(len(alphabet))]
	}
	return string(b)
}

const (
	digits   = "0123456789"
	hexChars = "0123456789abcdef"
	uppers   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowers   = "abcdefghijklmnopqrstuvwxyz"
	base62   = digits + uppers + lowers
)

// fill replaces every '#' of a pattern with a digit and every '%' with a digit from 1 to 9.
func (r *rng) fill(pattern string) string {
	b := []byte(pattern)
	for i, c := range b {
		switch c {
		case '#':
			b[i] = digits[r.intn(10)]
		case '%':
			b[i] = digits[1+r.intn(9)]
		}
	}
	return string(b)
}
