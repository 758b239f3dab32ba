package embedding

import (
	"encoding/binary"
	"math"

	"github.com/holdfast/holdfast/fault"
)

// lengthTolerance is how far from 1 the length of a vector may be when its
// model says that they are normalised: half-precision arithmetic over a few
// thousand dimensions stays well within it.
const lengthTolerance = 0.01

// Check reports why v cannot be an embedding by model m, or nil. A vector of
// the wrong shape is the model's fault or ours (fault.Internal); one without
// a direction is its text's (fault.Invalid).
func (m Model) Check(v []float32) error {
	if len(v) != m.Dimensions {
		return fault.New(fault.Internal, "model %q gave a vector of %d dimensions, want %d", m.Name, len(v), m.Dimensions)
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	length := math.Sqrt(sum)
	switch {
	case math.IsNaN(length), math.IsInf(length, 0):
		return fault.New(fault.Internal, "model %q gave a vector that holds NaN or infinity", m.Name)
	case length == 0:
		return fault.New(fault.Invalid, "model %q has no embedding for this text: its vector is zero", m.Name)
	case m.Normalized && math.Abs(length-1) > lengthTolerance:
		return fault.New(fault.Internal, "model %q gave a vector of length %.3g, but says that its vectors have length 1", m.Name, length)
	}
	return nil
}

// valueSize is the stored size of one dimension. A vector is stored as its
// values in order, each a little-endian IEEE 754 float32, and nothing else.
const valueSize = 4

func appendVector(dst []byte, v []float32) []byte {
	for _, x := range v {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return dst
}

// decodeVector appends the values in b to dst, which should have room.
func decodeVector(dst []float32, b []byte) []float32 {
	for ; len(b) >= valueSize; b = b[valueSize:] {
		dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return dst
}
