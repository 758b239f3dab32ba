// Package digest makes content addresses: two things have the same Digest
// exactly when they are the same thing.
package digest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Size is the length of a Digest in bytes.
const Size = sha256.Size

// Digest is a SHA-256 content address.
type Digest [Size]byte

// Of addresses a sequence of parts within a domain ("embedding", "model", …).
// Parts are length-prefixed, so ("ab","c") and ("a","bc") differ, and equal
// parts in different domains differ.
func Of(domain string, parts ...string) Digest {
	n := 8 + len(domain)
	for _, p := range parts {
		n += 8 + len(p)
	}
	buf := make([]byte, 0, n)
	buf = appendPart(buf, domain)
	for _, p := range parts {
		buf = appendPart(buf, p)
	}
	return sha256.Sum256(buf)
}

func appendPart(buf []byte, p string) []byte {
	buf = binary.LittleEndian.AppendUint64(buf, uint64(len(p)))
	return append(buf, p...)
}

// Parse reads what String wrote.
func Parse(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*Size {
		return d, fmt.Errorf("digest has %d characters, want %d", len(s), 2*Size)
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, fmt.Errorf("parse digest: %w", err)
	}
	return d, nil
}

// FromBytes copies a Digest out of b, which must be Size bytes long.
func FromBytes(b []byte) (Digest, error) {
	var d Digest
	if len(b) != Size {
		return d, fmt.Errorf("digest has %d bytes, want %d", len(b), Size)
	}
	copy(d[:], b)
	return d, nil
}

// String is the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// Short is the first 12 characters, for people.
func (d Digest) Short() string { return hex.EncodeToString(d[:6]) }

// IsZero reports whether d was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// MarshalText writes the hexadecimal form.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the hexadecimal form.
func (d *Digest) UnmarshalText(b []byte) error {
	got, err := Parse(string(b))
	if err != nil {
		return err
	}
	*d = got
	return nil
}
