package gate

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Token is a place in a text where something stands that the gate made of a
// value, and that can be undone: a pseudonym, or an encrypted value.
type Token struct {
	Start, End int // byte offsets
	Entity     Entity
	Encrypted  bool // restored with the gate's key; a pseudonym needs the vault
}

const (
	// sealedMark begins the keyed part of an encrypted value; no pseudonym's
	// keyed part holds it. Then come the length of what follows in four
	// hexadecimal digits, and that in URL-safe Base64: so no token is the
	// beginning of another.
	sealedMark = '0'
	lengthLen  = 4
	// maxSealed bounds a value that is encrypted, so that its length fits.
	maxSealed = 32 << 10
)

// FindTokens finds the gate's tokens in free text, such as a model's answer.
// It goes by their form alone: whether one stands for something, the vault
// or the key tells.
func FindTokens(text string) []Token {
	var out []Token
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '_')
		if i < 0 {
			return out
		}
		i += at
		at = i + 1
		start := i
		for start > 0 && entityChar(text[start-1]) {
			start--
		}
		for start < i && (text[start] < 'A' || text[start] == '_') {
			start++ // what came before, as in _PERSON_k7q2m9x4ab_
		}
		name := text[start:i]
		if !entityName.MatchString(name) || start > 0 && wordByte(text[start-1]) {
			continue
		}
		if end, sealed := tokenEnd(text, i+1); end > 0 {
			out = append(out, Token{Start: start, End: end, Entity: Entity(name), Encrypted: sealed})
			at = end
		}
	}
}

// tokenEnd finds the end of a token whose keyed part begins at i, or 0.
func tokenEnd(text string, i int) (end int, sealed bool) {
	if i < len(text) && text[i] == sealedMark {
		body := i + 1 + lengthLen
		if body > len(text) {
			return 0, false
		}
		n, err := strconv.ParseUint(text[i+1:body], 16, 16)
		if err != nil || body+int(n) > len(text) || n == 0 {
			return 0, false
		}
		_, err = base64.RawURLEncoding.DecodeString(text[body : body+int(n)])
		return body + int(n), err == nil
	}
	end = i + tokenChars
	if end > len(text) || end < len(text) && wordByte(text[end]) {
		return 0, false
	}
	for _, c := range []byte(text[i:end]) {
		switch {
		case c >= '2' && c <= '9', c >= 'a' && c <= 'z' && c != 'l' && c != 'o':
		default:
			return 0, false
		}
	}
	return end, false
}

func entityChar(c byte) bool { return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' }

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// bound is what ciphertexts are bound to: decrypted as another tenant's, as
// of another domain or as another type, they do not open.
func (g *Gate) bound(domain string, e Entity) []byte {
	return []byte(strings.Join([]string{"holdfast", g.tenant, domain, string(e)}, "\x00"))
}

// encrypt makes a token that the key alone can turn back.
func (g *Gate) encrypt(domain string, e Entity, value string) (string, bool) {
	if len(value) > maxSealed {
		return "", false
	}
	sealed, err := g.siv.EncryptDeterministically([]byte(value), g.bound(domain, e))
	if err != nil {
		return "", false
	}
	text := base64.RawURLEncoding.EncodeToString(sealed)
	return fmt.Sprintf("%s_%c%0*x%s", e, sealedMark, lengthLen, len(text), text), true
}

// decrypt undoes encrypt for a token as FindTokens found it.
func (g *Gate) decrypt(domain, token string, e Entity) (string, bool) {
	body := len(e) + 2 + lengthLen
	if len(token) < body {
		return "", false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(token[body:])
	if err != nil {
		return "", false
	}
	value, err := g.siv.DecryptDeterministically(sealed, g.bound(domain, e))
	return string(value), err == nil
}

// encryptFormat encrypts the digits of a number, or the letters and digits of
// a code, in place: separators stay, and letters become letters or digits in
// capitals. What is too short to be safe is refused.
func (g *Gate) encryptFormat(domain string, e Entity, value string, inverse bool) (string, bool) {
	c, code := g.ff10, false
	var digits []uint16
	for _, r := range value {
		switch {
		case r >= '0' && r <= '9':
			digits = append(digits, uint16(r-'0'))
		case r >= 'A' && r <= 'Z', r >= 'a' && r <= 'z':
			c, code = g.ff36, true
			digits = append(digits, uint16(r&^0x20-'A'+10)) //nolint:gosec // below 36
		case wordChar(r):
			return "", false
		}
	}
	run := c.Encrypt
	if inverse {
		run = c.Decrypt
	}
	for again := true; again; {
		var err error
		if digits, err = run(g.bound(domain, e), digits); err != nil {
			return "", false
		}
		// A code must not become a number, which is told from it by having no
		// letter: such a result is encrypted again (cycle walking).
		again = code && !slices.ContainsFunc(digits, func(d uint16) bool { return d > 9 })
	}
	out := []byte(value)
	next := 0
	for i, b := range out {
		if wordByte(b) {
			out[i] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digits[next]]
			next++
		}
	}
	return string(out), true
}

// DecryptFormat undoes format-preserving encryption of a value of a type,
// made under a policy's domain; codes come back in capitals. It cannot tell
// what was never encrypted.
func (g *Gate) DecryptFormat(domain string, e Entity, value string) (string, bool) {
	return g.encryptFormat(domain, e, value, true)
}
