package openai

import (
	"encoding/json"
	"math"
	"testing"
)

// Whatever an endpoint sends, a vector is either refused or made of finite
// numbers, and an array is read as encoding/json reads it.
func FuzzValues(f *testing.F) {
	for _, s := range []string{`[]`, `[1,-2.5e-3, 0]`, `[null]`, `["1"]`, `[[1]]`, `[1e300]`, `"AACAPwAAAMA="`, `"AAAA"`, `null`, `{}`, `[1 ,2]`, `[true]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v values
		if json.Unmarshal(b, &v) != nil {
			return
		}
		var want []*float32
		if json.Unmarshal(b, &want) != nil {
			return // base64
		}
		if len(v) != len(want) {
			t.Fatalf("%d values, want %d", len(v), len(want))
		}
		for i, x := range v {
			if want[i] == nil || x != *want[i] || math.IsInf(float64(x), 0) {
				t.Errorf("value %d is %v", i, x)
			}
		}
	})
}
