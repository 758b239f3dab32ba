package ff1_test

import (
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/ff1"
)

const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"

func digits(s string) []uint16 {
	out := make([]uint16, len(s))
	for i := range s {
		out[i] = uint16(strings.IndexByte(alphabet, s[i])) //nolint:gosec // the test's own
	}
	return out
}

func text(x []uint16) string {
	var b strings.Builder
	for _, d := range x {
		b.WriteByte(alphabet[d])
	}
	return b.String()
}

func cipher(t *testing.T, key string, radix int) *ff1.Cipher {
	t.Helper()
	k, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ff1.New(k, radix)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNISTSamples are the nine samples that NIST publishes for FF1
// ("FF1samples.pdf", Cryptographic Standards and Guidelines, example values).
func TestNISTSamples(t *testing.T) {
	const k = "2B7E151628AED2A6ABF7158809CF4F3C"
	for i, c := range []struct {
		key   string
		radix int
		tweak string
		plain string
		want  string
	}{
		{k, 10, "", "0123456789", "2433477484"},
		{k, 10, "39383736353433323130", "0123456789", "6124200773"},
		{k, 36, "3737373770717273373737", "0123456789abcdefghi", "a9tv40mll9kdu509eum"},
		{k + "EF4359D8D580AA4F", 10, "", "0123456789", "2830668132"},
		{k + "EF4359D8D580AA4F", 10, "39383736353433323130", "0123456789", "2496655549"},
		{k + "EF4359D8D580AA4F", 36, "3737373770717273373737", "0123456789abcdefghi", "xbj3kv35jrawxv32ysr"},
		{k + "EF4359D8D580AA4F7F036D6F04FC6A94", 10, "", "0123456789", "6657667009"},
		{k + "EF4359D8D580AA4F7F036D6F04FC6A94", 10, "39383736353433323130", "0123456789", "1001623463"},
		{k + "EF4359D8D580AA4F7F036D6F04FC6A94", 36, "3737373770717273373737", "0123456789abcdefghi", "xs8a0azh2avyalyzuwd"},
	} {
		tweak, err := hex.DecodeString(c.tweak)
		if err != nil {
			t.Fatal(err)
		}
		ff := cipher(t, c.key, c.radix)
		got, err := ff.Encrypt(tweak, digits(c.plain))
		if err != nil || text(got) != c.want {
			t.Errorf("sample %d: %s, %v; want %s", i+1, text(got), err, c.want)
		}
		back, err := ff.Decrypt(tweak, got)
		if err != nil || text(back) != c.plain {
			t.Errorf("sample %d decrypts to %s, %v", i+1, text(back), err)
		}
	}
}

func TestRoundTripOfAnyLength(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, radix := range []int{2, 10, 26, 36, 256, 1 << 16} {
		c := cipher(t, strings.Repeat("5a", 32), radix)
		for range 200 {
			x := make([]uint16, c.MinLen()+rng.IntN(40))
			for i := range x {
				x[i] = uint16(rng.IntN(radix)) //nolint:gosec // below the radix
			}
			tweak := make([]byte, rng.IntN(40))
			y, err := c.Encrypt(tweak, x)
			if err != nil || len(y) != len(x) {
				t.Fatalf("radix %d: %v", radix, err)
			}
			if back, err := c.Decrypt(tweak, y); err != nil || !slices.Equal(back, x) {
				t.Fatalf("radix %d: %d digits do not come back: %v", radix, len(x), err)
			}
		}
	}
}

func TestSmallDomainsAreRefused(t *testing.T) {
	c := cipher(t, strings.Repeat("5a", 16), 10)
	if _, err := c.Encrypt(nil, digits("12345")); err == nil {
		t.Error("a domain of 100,000 values was taken")
	}
	if _, err := c.Encrypt(nil, digits("123456")); err != nil {
		t.Errorf("a domain of a million was refused: %v", err)
	}
	if _, err := c.Encrypt(nil, digits("12345a")); err == nil {
		t.Error("a digit beyond the radix was taken")
	}
	if _, err := ff1.New(make([]byte, 15), 10); err == nil {
		t.Error("a key of 15 bytes was taken")
	}
	if _, err := ff1.New(make([]byte, 16), 1); err == nil {
		t.Error("a radix of 1 was taken")
	}
}
