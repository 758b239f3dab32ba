package names_test

import (
	"slices"
	"testing"

	"github.com/holdfast/holdfast/gate/names"
)

func load(t testing.TB) *names.Tagger {
	t.Helper()
	tagger, err := names.Load()
	if err != nil {
		t.Fatal(err)
	}
	return tagger
}

func TestFindsNames(t *testing.T) {
	t.Parallel()
	tagger := load(t)
	for _, test := range []struct {
		text string
		want []string
	}{
		{"Please call Maria Gonzalez tomorrow.", []string{"PERSON Maria Gonzalez"}},
	} {
		var got []string
		for _, s := range tagger.Tag(nil, test.text, names.Options{}) {
			got = append(got, s.Label.String()+" "+test.text[s.Start:s.End])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.text, got, test.want)
		}
	}
}
