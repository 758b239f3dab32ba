package digest_test

import (
	"testing"

	"github.com/holdfast/holdfast/digest"
)

func TestBoundariesAndDomainsCount(t *testing.T) {
	seen := map[digest.Digest]string{}
	for name, d := range map[string]digest.Digest{
		"ab,c":      digest.Of("x", "ab", "c"),
		"a,bc":      digest.Of("x", "a", "bc"),
		"abc":       digest.Of("x", "abc"),
		"abc,empty": digest.Of("x", "abc", ""),
		"domain":    digest.Of("y", "abc"),
	} {
		if other, dup := seen[d]; dup {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[d] = name
	}
}

func FuzzParse(f *testing.F) {
	f.Add(digest.Of("x", "y").String())
	f.Add("zz")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := digest.Parse(s)
		if err != nil {
			return
		}
		again, err := digest.Parse(d.String())
		if err != nil || again != d {
			t.Fatalf("%q: round trip gave %v, %v", s, again, err)
		}
	})
}
