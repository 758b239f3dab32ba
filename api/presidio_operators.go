package api

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// operator is the configuration of one: its type and parameters.
type operator map[string]any

// operation makes of a value what its operator says.
type operation func(o operator, entity, value string) (string, error)

var anonymizers = map[string]operation{
	"replace": replaceValue,
	"redact":  func(operator, string, string) (string, error) { return "", nil },
	"keep":    func(_ operator, _, value string) (string, error) { return value, nil },
	"mask":    maskValue,
	"hash":    hashValue,
	"encrypt": encryptValue,
}

var deanonymizers = map[string]operation{
	"decrypt":          decryptValue,
	"deanonymize_keep": func(_ operator, _, value string) (string, error) { return value, nil },
}

// jsonType names types as Presidio's messages do.
func jsonType(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// parameter reads a required parameter.
func parameter[T any](o operator, name string) (T, error) {
	var zero T
	v, has := o[name]
	if !has || v == nil {
		return zero, invalid("Expected parameter %s", name)
	}
	got, ok := v.(T)
	if !ok {
		return zero, invalid("Invalid parameter value for %s. Expecting '%s', but got '%s'.", name, jsonType(zero), jsonType(v))
	}
	return got, nil
}

func replaceValue(o operator, entity, _ string) (string, error) {
	if o["new_value"] == nil || o["new_value"] == "" {
		return "<" + entity + ">", nil
	}
	return parameter[string](o, "new_value")
}

func maskValue(o operator, _, value string) (string, error) {
	char, err := parameter[string](o, "masking_char")
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(char) > 1 {
		return "", invalid("Invalid input, masking_char must be a character")
	}
	count, err := parameter[float64](o, "chars_to_mask")
	if err != nil {
		return "", err
	}
	fromEnd, err := parameter[bool](o, "from_end")
	if err != nil {
		return "", err
	}
	runes := []rune(value)
	n := int(min(max(count, 0), float64(len(runes))))
	if fromEnd {
		return string(runes[:len(runes)-n]) + strings.Repeat(char, n), nil
	}
	return strings.Repeat(char, n) + string(runes[n:]), nil
}

// minSalt is the shortest salt that Presidio takes, in bytes.
const minSalt = 16

// hashValue hashes with the given salt, or with one of its own: then equal
// values get different hashes.
func hashValue(o operator, _, value string) (string, error) {
	salt := make([]byte, 2*minSalt)
	_, _ = rand.Read(salt) // never fails
	if o["salt"] != nil {
		text, err := parameter[string](o, "salt")
		if err != nil {
			return "", err
		}
		if len(text) < minSalt {
			return "", invalid("Salt must be at least %d bytes (128 bits). Provided salt is %d bytes.", minSalt, len(text))
		}
		salt = []byte(text)
	}
	switch o["hash_type"] {
	case nil, "sha256":
		sum := sha256.Sum256(append([]byte(value), salt...))
		return hex.EncodeToString(sum[:]), nil
	case "sha512":
		sum := sha512.Sum512(append([]byte(value), salt...))
		return hex.EncodeToString(sum[:]), nil
	}
	return "", invalid("Parameter hash_type is not in range of values ['sha256', 'sha512']")
}

func blockOf(o operator) (cipher.Block, []byte, error) {
	key, err := parameter[string](o, "key")
	if err != nil {
		return nil, nil, err
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, nil, invalid("Invalid input, key must be of length 128, 192 or 256 bits")
	}
	return block, []byte(key), nil
}

// encryptValue is AES-CBC with PKCS #7 padding; the result is the IV and the
// ciphertext in URL-safe Base64. The scheme is Presidio's, for its clients: it
// does not authenticate.
func encryptValue(o operator, _, value string) (string, error) {
	block, key, err := blockOf(o)
	if err != nil {
		return "", err
	}
	pad := aes.BlockSize - len(value)%aes.BlockSize
	text := append([]byte(value), bytes.Repeat([]byte{byte(pad)}, pad)...)
	out := make([]byte, aes.BlockSize+len(text))
	iv := out[:aes.BlockSize]
	_, _ = rand.Read(iv) // never fails
	if o["deterministic"] == true {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(value))
		copy(iv, mac.Sum(nil))
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out[aes.BlockSize:], text) //nolint:gosec // iv was filled at random just above
	return base64.URLEncoding.EncodeToString(out), nil
}

// urlSafe turns the other Base64 alphabet into the URL-safe one: Presidio
// reads both.
var urlSafe = strings.NewReplacer("+", "-", "/", "_")

func decryptValue(o operator, _, value string) (string, error) {
	block, _, err := blockOf(o)
	if err != nil {
		return "", err
	}
	bad := invalid("Invalid input, the text was not encrypted with this key")
	data, err := base64.URLEncoding.DecodeString(urlSafe.Replace(value))
	if err != nil || len(data) < 2*aes.BlockSize || len(data)%aes.BlockSize != 0 {
		return "", bad
	}
	iv, text := data[:aes.BlockSize], data[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, text)
	pad := int(text[len(text)-1])
	if pad == 0 || pad > aes.BlockSize || !bytes.HasSuffix(text, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return "", bad
	}
	if text = text[:len(text)-pad]; !utf8.Valid(text) {
		return "", bad
	}
	return string(text), nil
}
