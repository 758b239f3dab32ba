package index

import (
	"math"
	"strings"

	"github.com/holdfast/holdfast/fault"
)

// Unit writes v scaled to length 1 to dst, or says what is wrong with v.
func Unit(dst, v []float32) (reason string) {
	if len(v) != len(dst) {
		return "has the wrong number of dimensions"
	}
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	switch {
	case math.IsNaN(sum) || math.IsInf(sum, 0):
		return "holds what is no finite number"
	case sum == 0:
		return "is all zeros"
	}
	scale := 1 / math.Sqrt(sum)
	for i, x := range v {
		dst[i] = float32(float64(x) * scale)
	}
	return ""
}

// CheckName refuses names that do more than name an index.
func CheckName(name string) error {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	if name == "" || len(name) > 128 || strings.Trim(name, allowed) != "" {
		return fault.Field("name", "an index is named by 1 to 128 letters, digits and \"-\"")
	}
	return nil
}
