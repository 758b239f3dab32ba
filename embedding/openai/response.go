package openai

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
)

// response is the part of an answer that matters. Fields that must be there
// are pointers, so that one left out is not taken for a zero.
type response struct {
	Data []struct {
		Index     *int   `json:"index"`
		Embedding values `json:"embedding"`
	} `json:"data"`
	Usage struct {
		PromptTokens int `json:"prompt_tokens"`
		TotalTokens  int `json:"total_tokens"`
	} `json:"usage"`
}

// values are a vector in either encoding of the protocol: an array of
// numbers, or the base64 form of little-endian float32s.
type values []float32

var errValues = errors.New("not a vector")

// UnmarshalJSON reads either encoding. b is valid JSON without space around it.
func (v *values) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return v.decodeBase64(b[1 : len(b)-1])
	case '[':
		return v.decodeArray(b[1 : len(b)-1])
	}
	return errValues
}

func (v *values) decodeBase64(b []byte) error {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	n, err := base64.StdEncoding.Decode(raw, b)
	if err != nil || n%4 != 0 {
		return errValues
	}
	*v = make(values, n/4)
	for i := range *v {
		(*v)[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return nil
}

// decodeArray reads numbers only: encoding/json would take null for 0.
func (v *values) decodeArray(b []byte) error {
	space := func(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == ',' }
	for i := 0; i < len(b); {
		if space(b[i]) {
			i++
			continue
		}
		from := i
		for i < len(b) && !space(b[i]) {
			i++
		}
		x, err := strconv.ParseFloat(string(b[from:i]), 32)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return errValues
		}
		*v = append(*v, float32(x))
	}
	return nil
}

// parse checks an answer to a request of n texts. Usage is what the provider
// counts, or 0 if it does not tell.
func (c *call) parse(body []byte, n int) ([]embedding.Vector, int, error) {
	var r response
	if err := json.Unmarshal(body, &r); err != nil {
		// The cause may quote the answer; a broken answer has nothing to add.
		return nil, 0, c.nonsense("it is not JSON of the embeddings protocol")
	}
	tokens := max(r.Usage.PromptTokens, 0)
	if tokens == 0 {
		tokens = max(r.Usage.TotalTokens, 0)
	}
	if len(r.Data) != n {
		return nil, tokens, c.nonsense("it has %d vectors for %d texts", len(r.Data), n)
	}
	out, seen := make([]embedding.Vector, n), make([]bool, n)
	for i := range r.Data {
		d := &r.Data[i]
		switch {
		case d.Index == nil:
			return nil, tokens, c.nonsense("a vector has no index")
		case *d.Index < 0 || *d.Index >= n:
			return nil, tokens, c.nonsense("index %d is out of range", *d.Index)
		case seen[*d.Index]:
			return nil, tokens, c.nonsense("index %d comes twice", *d.Index)
		case len(d.Embedding) != c.cfg.Dimensions:
			return nil, tokens, c.wrongLength(len(d.Embedding))
		}
		seen[*d.Index] = true
		out[*d.Index] = c.vector(d.Embedding)
	}
	return out, tokens, nil
}

// vector makes a vector of length 1, or an error for its text alone.
func (c *call) vector(v []float32) embedding.Vector {
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if scale := 1 / math.Sqrt(sum); sum > 0 && !math.IsInf(sum, 0) {
		for i, x := range v {
			v[i] = float32(float64(x) * scale)
		}
	}
	if err := c.model.Check(v); err != nil {
		return embedding.Vector{Err: err}
	}
	return embedding.Vector{Values: v}
}

func (c *call) wrongLength(got int) error {
	if c.cfg.Shorten {
		return &fault.Error{Kind: fault.Invalid, Field: "dimensions", Msg: fmt.Sprintf(
			"the endpoint of model %q was asked for %d dimensions and gave %d: it ignores the request; set dimensions to %d and shorten to false, or choose a model that can be shortened",
			c.cfg.Name, c.cfg.Dimensions, got, got)}
	}
	return &fault.Error{Kind: fault.Invalid, Field: "dimensions", Msg: fmt.Sprintf(
		"model %q gives %d dimensions, the configuration says %d: correct it, or set shorten if the model can be shortened",
		c.cfg.Name, got, c.cfg.Dimensions)}
}

func (c *call) nonsense(format string, args ...any) error {
	return fault.New(fault.Unavailable, "the answer of model %q cannot be used: "+format, append([]any{c.cfg.Name}, args...)...)
}
