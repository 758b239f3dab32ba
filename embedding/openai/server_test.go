package openai_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast/holdfast/embedding/openai"
)

// server speaks the embeddings protocol as strictly as the strictest endpoint:
// it refuses unknown fields, empty texts, and a token more than its limits,
// with one token for each byte. Its vectors are hashed bags of words.
type server struct {
	*httptest.Server
	dimensions int
	maxTexts   int
	maxTokens  int // in a text
	maxTotal   int // in a request
	floats     bool

	// before, if set, may answer a request itself and return true.
	before func(w http.ResponseWriter, r *http.Request, in request) bool
	// after, if set, changes an answer.
	after func(a *answer)

	mu       sync.Mutex
	requests []request
}

type request struct {
	Model          string   `json:"model"`
	Input          []string `json:"input"`
	EncodingFormat string   `json:"encoding_format"`
	Dimensions     *int     `json:"dimensions"`
}

type answer struct {
	Object string  `json:"object"`
	Model  string  `json:"model"`
	Data   []datum `json:"data"`
	Usage  struct {
		PromptTokens int `json:"prompt_tokens"`
		TotalTokens  int `json:"total_tokens"`
	} `json:"usage"`
}

type datum struct {
	Object    string `json:"object"`
	Index     any    `json:"index,omitempty"`
	Embedding any    `json:"embedding"`
}

const (
	testModel = "bag-of-words"
	testKey   = "sk-test-0123456789"
)

func newServer(t testing.TB) *server {
	s := &server{dimensions: 64, maxTexts: 2048, maxTokens: 200_000, maxTotal: 300_000}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) config() openai.Config {
	return openai.Config{Name: "bag", URL: s.URL + "/v1", Model: testModel, Key: testKey, KeyName: "BAG_KEY", Dimensions: s.dimensions}
}

func (s *server) open(t testing.TB, change func(*openai.Config)) *openai.Embedder {
	t.Helper()
	cfg := s.config()
	if change != nil {
		change(&cfg)
	}
	e, err := openai.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (s *server) seen() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.requests...)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in request
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request_error", err.Error())
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, in)
	s.mu.Unlock()
	if s.before != nil && s.before(w, r, in) {
		return
	}
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/v1/embeddings":
		refuse(w, http.StatusNotFound, "not_found", "no such path")
	case r.Header.Get("Authorization") != "Bearer "+testKey:
		refuse(w, http.StatusUnauthorized, "invalid_api_key", "Incorrect API key provided: "+r.Header.Get("Authorization"))
	case in.Model != testModel:
		refuse(w, http.StatusNotFound, "model_not_found", "no model "+in.Model)
	default:
		s.embed(w, in)
	}
}

func (s *server) embed(w http.ResponseWriter, in request) {
	if len(in.Input) == 0 || len(in.Input) > s.maxTexts {
		refuse(w, http.StatusBadRequest, "invalid_request_error", "bad number of inputs")
		return
	}
	a := answer{Object: "list", Model: in.Model}
	for i, text := range in.Input {
		a.Usage.PromptTokens += len(text)
		if text == "" || len(text) > s.maxTokens {
			refuse(w, http.StatusBadRequest, "invalid_request_error", fmt.Sprintf("input %d is wrong: %s", i, text))
			return
		}
		v := bagOfWords(text, s.dimensions)
		d := datum{Object: "embedding", Index: i, Embedding: v}
		if in.EncodingFormat == "base64" && !s.floats {
			d.Embedding = encode(v)
		}
		a.Data = append(a.Data, d)
	}
	a.Usage.TotalTokens = a.Usage.PromptTokens
	if a.Usage.TotalTokens > s.maxTotal {
		refuse(w, http.StatusBadRequest, "max_tokens_per_request", "too many tokens")
		return
	}
	if s.after != nil {
		s.after(&a)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // the client may have gone
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "invalid_request_error", "code": code, "param": nil}})
}

func encode(v []float32) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// bagOfWords is deterministic, and texts that share words are near. Its
// length is not 1, as with endpoints that do not normalise.
func bagOfWords(text string, dimensions int) []float32 {
	v := make([]float32, dimensions)
	for _, word := range append(strings.Fields(strings.ToLower(text)), "\x00") {
		h := fnv.New64a()
		_, _ = h.Write([]byte(word)) // never fails
		for bits, i := h.Sum64(), 0; i < 4; i++ {
			v[int(bits&0xffff)%dimensions] += 1 + float32(i)/8
			bits >>= 16
		}
	}
	return v
}
