package detect

import "math/bits"

// Eight bytes of a text are looked at together, as the lanes of one number.
const (
	lanes    = 0x0101010101010101
	laneTops = 0x80 * lanes
)

// load reads eight bytes at i, the first the lowest.
func load(v string, i int) uint64 {
	_ = v[i+7]
	return uint64(v[i]) | uint64(v[i+1])<<8 | uint64(v[i+2])<<16 | uint64(v[i+3])<<24 |
		uint64(v[i+4])<<32 | uint64(v[i+5])<<40 | uint64(v[i+6])<<48 | uint64(v[i+7])<<56
}

// others marks by their top bits the lanes of x that hold no ASCII letter; x has letters in lower case.
func others(x uint64) uint64 {
	low := x &^ laneTops
	return (x | ^(low + (0x80-'a')*lanes) | (low + (0x80-'z'-1)*lanes)) & laneTops
}

// letters counts the ASCII letters from i on and hashes them in lower case.
func letters(v string, i int) (n int, h uint64) {
	for start := i; ; {
		if i+8 > len(v) {
			x, k := uint64(0), 0
			for i+k < len(v) && lower[v[i+k]] != 0 {
				x |= uint64(lower[v[i+k]]) << (8 * k)
				k++
			}
			return i + k - start, mix(h, x)
		}
		x := load(v, i) | 0x20*lanes
		if m := others(x); m != 0 {
			k := bits.TrailingZeros64(m) &^ 7
			return i + k/8 - start, mix(h, x&(1<<k-1))
		}
		h = mix(h, x)
		i += 8
	}
}

func hashWord(w string) uint64 {
	_, h := letters(w, 0)
	return h
}

// mix adds eight letters to a hash; none change nothing.
func mix(h, x uint64) uint64 {
	if x == 0 {
		return h
	}
	h = (h ^ x) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}
