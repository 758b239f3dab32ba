// Package ff1 is format-preserving encryption by mode FF1 of NIST SP 800-38G:
// a number of n digits becomes another number of n digits, and back.
//
// As revision 1 of the publication asks, the domain must hold at least a
// million values: shorter numbers are refused, since they could be guessed.
package ff1

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/big"

	"github.com/holdfast/holdfast/fault"
)

// MinDomain is the least number of values that a domain must hold.
const MinDomain = 1_000_000

// maxLen bounds the digits of a number: the tables of the mode are made for
// what people write, not for files.
const maxLen = 4096

const rounds = 10

// Cipher encrypts numbers of one radix. It is safe for concurrent use.
type Cipher struct {
	block cipher.Block
	radix int
	min   int // the least number of digits
}

// New makes a cipher. The key has 16, 24 or 32 bytes, the radix is 2 to 65,536.
func New(key []byte, radix int) (*Cipher, error) {
	if radix < 2 || radix > 1<<16 {
		return nil, fault.Field("radix", "must be 2 to 65536")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Field("key", "must have 16, 24 or 32 bytes")
	}
	c := &Cipher{block: block, radix: radix, min: 2}
	for n := radix * radix; n < MinDomain; n *= radix {
		c.min++
	}
	return c, nil
}

// MinLen is the least number of digits that the cipher takes.
func (c *Cipher) MinLen() int { return c.min }

// Encrypt returns the number that stands for x under a tweak. Digits are 0 to
// radix-1, the most significant first.
func (c *Cipher) Encrypt(tweak []byte, x []uint16) ([]uint16, error) {
	return c.run(tweak, x, false)
}

// Decrypt is the inverse of Encrypt.
func (c *Cipher) Decrypt(tweak []byte, x []uint16) ([]uint16, error) {
	return c.run(tweak, x, true)
}

// run goes through the rounds of the Feistel network; the names are those of
// the publication (section 6.1).
func (c *Cipher) run(tweak []byte, x []uint16, inverse bool) ([]uint16, error) {
	n := len(x)
	if n < c.min || n > maxLen {
		return nil, fault.Field("x", "has %d digits; %d to %d are allowed", n, c.min, maxLen)
	}
	for _, d := range x {
		if int(d) >= c.radix {
			return nil, fault.Field("x", "holds a digit beyond the radix %d", c.radix)
		}
	}
	u, v := n/2, n-n/2
	radix := big.NewInt(int64(c.radix))
	modU := new(big.Int).Exp(radix, big.NewInt(int64(u)), nil)
	modV := new(big.Int).Exp(radix, big.NewInt(int64(v)), nil)
	b := (new(big.Int).Sub(modV, big.NewInt(1)).BitLen() + 7) / 8
	d := 4*((b+3)/4) + 4

	p := c.header(u, n, len(tweak))
	pad := (16 - (len(tweak)+1+b)%16) % 16
	q := make([]byte, len(tweak)+pad+1+b)
	copy(q, tweak)
	left, right := c.number(x[:u]), c.number(x[u:])
	for i := range rounds {
		round, source, mod := i, right, modU
		if inverse {
			round, source = rounds-1-i, left
		}
		if round%2 == 1 {
			mod = modV
		}
		q[len(tweak)+pad] = byte(round)
		source.FillBytes(q[len(q)-b:])
		y := new(big.Int).SetBytes(c.expand(c.prf(p, q), d))
		if inverse {
			y.Sub(right, y).Mod(y, mod)
			left, right = y, left
		} else {
			y.Add(left, y).Mod(y, mod)
			left, right = right, y
		}
	}
	return append(c.digits(left, u), c.digits(right, v)...), nil
}

// header is the block P.
func (c *Cipher) header(u, n, t int) []byte {
	p := make([]byte, 16, 32)
	p[0], p[1], p[2] = 1, 2, 1
	p[3], p[4], p[5] = byte(c.radix>>16), byte(c.radix>>8), byte(c.radix) //nolint:gosec // three bytes hold it
	p[6], p[7] = rounds, byte(u%256)                                      //nolint:gosec // below 256
	binary.BigEndian.PutUint32(p[8:], uint32(n))                          //nolint:gosec // at most maxLen
	binary.BigEndian.PutUint32(p[12:], uint32(t))                         //nolint:gosec // a tweak is short
	return p
}

// prf is AES in CBC mode over P and Q, of which the last block counts.
func (c *Cipher) prf(p, q []byte) []byte {
	var y [16]byte
	for _, part := range [][]byte{p, q} {
		for ; len(part) > 0; part = part[16:] {
			for i := range y {
				y[i] ^= part[i]
			}
			c.block.Encrypt(y[:], y[:])
		}
	}
	return y[:]
}

// expand makes d bytes of a block.
func (c *Cipher) expand(r []byte, d int) []byte {
	out := append(make([]byte, 0, d+16), r...)
	for j := uint64(1); len(out) < d; j++ {
		var block [16]byte
		copy(block[:], r)
		var count [8]byte
		binary.BigEndian.PutUint64(count[:], j)
		for i, x := range count {
			block[8+i] ^= x
		}
		c.block.Encrypt(block[:], block[:])
		out = append(out, block[:]...)
	}
	return out[:d]
}

func (c *Cipher) number(x []uint16) *big.Int {
	n, radix := new(big.Int), big.NewInt(int64(c.radix))
	for _, d := range x {
		n.Mul(n, radix).Add(n, big.NewInt(int64(d)))
	}
	return n
}

func (c *Cipher) digits(n *big.Int, length int) []uint16 {
	out := make([]uint16, length)
	rest, radix, d := new(big.Int).Set(n), big.NewInt(int64(c.radix)), new(big.Int)
	for i := length - 1; i >= 0; i-- {
		rest.DivMod(rest, radix, d)
		out[i] = uint16(d.Uint64()) //nolint:gosec // below the radix
	}
	return out
}
