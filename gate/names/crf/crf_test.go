package crf_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/names/crf"
)

// greeter is a model that knows one thing: the word after "hello" begins a person.
func greeter() *crf.Model {
	lexicon := crf.NewLexicon(map[uint64]crf.Entry{crf.FoldHash("hello"): crf.Facts{Common: 4}.Pack()})
	after := map[uint64]int{}
	for _, text := range []string{"hello anna", "hello bert", "hello Carla", "hello DORA"} {
		lexicon.Extract(text, func(t crf.Token, features []uint64) {
			if t.Start > 0 {
				for _, f := range features {
					after[f]++
				}
			}
		})
	}
	lexicon.Extract("anna bert Carla DORA there hello", func(_ crf.Token, features []uint64) {
		for _, f := range features {
			delete(after, f)
		}
	})
	params := crf.Params{Lexicon: lexicon, Buckets: 64, Scale: 20}
	for f, n := range after {
		if n == 4 {
			params.Features = append(params.Features, crf.Feature{Hash: f, Weights: [crf.Labels]float32{crf.BeginPerson: 2}})
		}
	}
	slices.SortFunc(params.Features, func(a, b crf.Feature) int {
		if a.Hash < b.Hash {
			return -1
		}
		return 1
	})
	model, _ := crf.New(params)
	return model
}

func TestDecodedModelTagsAlike(t *testing.T) {
	t.Parallel()
	model := greeter()
	encoded := model.Encode()
	decoded, _, err := crf.Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	text := "well, hello emil"
	want := model.NewScratch().Tag(nil, text, 0, 0)
	if len(want) != 1 || text[want[0].Start:want[0].End] != "emil" || want[0].Kind != crf.Person {
		t.Fatalf("got %v, want emil", want)
	}
	if got := decoded.NewScratch().Tag(nil, text, 0, 0); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if string(decoded.Encode()) != string(encoded) {
		t.Error("encoding again gives other bytes")
	}
}

func TestDamagedWeightsAreRefused(t *testing.T) {
	t.Parallel()
	encoded := greeter().Encode()
	for i := 0; i < len(encoded); i += 7 {
		damaged := slices.Clone(encoded)
		damaged[i] ^= 0x10
		if _, _, err := crf.Decode(damaged); err == nil {
			t.Errorf("byte %d changed: no error", i)
		}
		if _, _, err := crf.Decode(encoded[:i]); err == nil {
			t.Errorf("cut to %d bytes: no error", i)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Anna's and O'Brien’s":          "Anna|'|s|and|O'Brien|’|s",
		"Jean-Luc, Paris-based":         "Jean-Luc|,|Paris|-|based",
		"l'Italie d'Anna D'Angelo":      "l|'|Italie|d|'|Anna|D'Angelo",
		"mail a.b@example.com or x@ y":  "mail|a.b@example.com|or|x|@|y",
		"see https://example.com/a?b=c": "see|https://example.com/a?b=c",
		"Kim Ji-woo's re-entry":         "Kim|Ji-woo|'|s|re-entry",
		"王小明 42 x\u00ady":               "王|小|明|42|x\u00ady",
		strings.Repeat("a", 70):         strings.Repeat("a", 70),
	} {
		var scanner crf.Scanner
		scanner.Reset(text)
		var got []string
		for token, ok := scanner.Next(); ok; token, ok = scanner.Next() {
			got = append(got, text[token.Start:token.End])
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q: got %q, want %q", text, strings.Join(got, "|"), want)
		}
	}
}
