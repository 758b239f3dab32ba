package gate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/holdfast/holdfast/gate"
)

func newGate(t testing.TB, key byte) *gate.Gate {
	t.Helper()
	g, err := gate.New(gate.Config{Key: bytes.Repeat([]byte{key}, gate.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func clean(t testing.TB, g *gate.Gate, p gate.Policy, text string) gate.Clean {
	t.Helper()
	r := g.Clean(context.Background(), &p, []gate.Raw{gate.NewRaw(text)})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.Clean
}

func TestRawNeverPrintsItself(t *testing.T) {
	r := gate.NewRaw("secretvalue")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "raw", r, "in", struct{ R gate.Raw }{r})
	encoded, err := json.Marshal(map[string]any{"raw": r})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%v %s %q %#v %x %d", r, r, r, r, r, r), fmt.Sprint([]gate.Raw{r}), log.String(), string(encoded)} {
		if strings.Contains(s, "secret") || strings.Contains(s, "736563") {
			t.Errorf("printed as %s", s)
		}
	}
}

func TestActions(t *testing.T) {
	g := newGate(t, 1)
	const text = "Pay card 4111 1111 1111 1111 or write to Jane.Doe@example.com today."
	for _, c := range []struct {
		action gate.Rule
		check  func(display string) bool
	}{
		{gate.Rule{Action: gate.Replace}, func(s string) bool { return strings.Contains(s, "card [CREDIT_CARD] or") }},
		{gate.Rule{Action: gate.Mask, Keep: 4}, func(s string) bool { return strings.Contains(s, "**** **** **** 1111") }},
		{gate.Rule{Action: gate.Mask}, func(s string) bool { return strings.Contains(s, "**** **** **** ****") }},
		{gate.Rule{Action: gate.Hash}, func(s string) bool { return strings.Contains(s, "card CREDIT_CARD_") }},
		{gate.Rule{Action: gate.Pseudonym}, func(s string) bool { return strings.Contains(s, "card CREDIT_CARD_") }},
		{gate.Rule{Action: gate.Keep}, func(s string) bool { return strings.Contains(s, "4111 1111 1111 1111") }},
	} {
		p := gate.Policy{Name: "p", Otherwise: c.action}
		out := clean(t, g, p, text)
		if !c.check(out.Display()) {
			t.Errorf("%s: display form is %q", c.action.Action, out.Display())
		}
		if c.action.Action != gate.Keep && (strings.Contains(out.Embed(), "4111") || !strings.Contains(out.Embed(), "[CREDIT_CARD]")) {
			t.Errorf("%s: embed form is %q", c.action.Action, out.Embed())
		}
	}
}

func TestPseudonymsAreDeterministicKeyedAndUniform(t *testing.T) {
	p := gate.Policy{Name: "p", Otherwise: gate.Rule{Action: gate.Pseudonym}}
	g := newGate(t, 1)
	a := clean(t, g, p, "mail jane.doe@example.com now").Display()
	if b := clean(t, g, p, "mail JANE.DOE@EXAMPLE.COM now").Display(); a != b {
		t.Errorf("case changes the pseudonym: %q, %q", a, b)
	}
	if b := clean(t, newGate(t, 2), p, "mail jane.doe@example.com now").Display(); a == b {
		t.Error("another key gives the same pseudonym")
	}
	if b := clean(t, g, p, "mail john.doe@example.com now").Display(); a == b || len(a) != len(b) {
		t.Errorf("pseudonyms %q and %q should differ and have one length", a, b)
	}
	other, err := gate.New(gate.Config{Key: bytes.Repeat([]byte{1}, gate.KeySize), Tenant: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if b := clean(t, other, p, "mail jane.doe@example.com now").Display(); a == b {
		t.Error("another tenant has the same pseudonym")
	}
}

func TestQueryWordsFindNamesTheyArePartOf(t *testing.T) {
	g := newGate(t, 1)
	p := gate.DefaultPolicy()
	stored := clean(t, g, p, "Dear Margaret Okonkwo, your parcel has arrived. Kind regards, the team")
	if strings.Contains(stored.Display(), "Okonkwo") {
		t.Fatalf("the name was not found: %q", stored.Display())
	}
	q, err := g.Query(t.Context(), &p, gate.NewRaw("okonkwo parcel"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, term := range q.Terms() {
		found = found || strings.Contains(stored.Display(), term)
	}
	if !found {
		t.Errorf("no term of %q stands in %q", q.Terms(), stored.Display())
	}
}

func TestOrdinaryWordsInAQueryStayWords(t *testing.T) {
	g := newGate(t, 1)
	p := gate.DefaultPolicy()
	for _, words := range []string{"harbour lantern", "broken router", "parcel never came"} {
		q, err := g.Query(t.Context(), &p, gate.NewRaw(words))
		if err != nil || q.Display() != words {
			t.Errorf("%q became %q, %v", words, q.Display(), err)
		}
	}
	q, err := g.Query(t.Context(), &p, gate.NewRaw("refund for Margaret Okonkwo"))
	if err != nil || strings.Contains(q.Embed(), "Okonkwo") {
		t.Errorf("a name went through: %q, %v", q.Embed(), err)
	}
}

// Cutting clean text and joining the pieces gives the same text, and each
// piece knows where in the original it came from.
func TestCutKeepsTextAndOffsets(t *testing.T) {
	g := newGate(t, 1)
	p := gate.Policy{Name: "p", Otherwise: gate.Rule{Action: gate.Pseudonym}}
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"alpha", "jane.doe@example.com", "beta\x00", "4111 1111 1111 1111", "\u202egamma", "über", "\xff", "delta.", "日本"}
	for range 200 {
		var b strings.Builder
		for range rng.IntN(30) {
			b.WriteString(words[rng.IntN(len(words))])
			b.WriteByte(' ')
		}
		text := b.String()
		c := clean(t, g, p, text)
		if !utf8.ValidString(c.Display()) || strings.ContainsAny(c.Display(), "\x00\u202e") {
			t.Fatalf("clean text is not clean: %q", c.Display())
		}
		var display, embed strings.Builder
		from, source := 0, 0
		for from < len(c.Embed()) {
			to := c.Whole(min(len(c.Embed()), from+1+rng.IntN(20)))
			if to <= from {
				to = from + 1
				for to < len(c.Embed()) && c.Whole(to) != to {
					to++
				}
			}
			piece, err := c.Cut(from, to)
			if err != nil {
				t.Fatal(err)
			}
			start, end := piece.Source()
			if start < source || end < start || end > len(text) {
				t.Fatalf("piece spans %d:%d after %d of %d", start, end, source, len(text))
			}
			source, from = end, to
			display.WriteString(piece.Display())
			embed.WriteString(piece.Embed())
		}
		if display.String() != c.Display() || embed.String() != c.Embed() {
			t.Fatalf("pieces give %q, want %q", display.String(), c.Display())
		}
	}
}

func TestCutRefusesToRunThroughAValue(t *testing.T) {
	g := newGate(t, 1)
	c := clean(t, g, gate.Policy{Name: "p", Otherwise: gate.Rule{Action: gate.Replace}}, "to jane.doe@example.com now")
	at := strings.Index(c.Embed(), "[") + 3
	if _, err := c.Cut(0, at); err == nil {
		t.Error("cut through a placeholder")
	}
	if got := c.Whole(at); got != at-3 {
		t.Errorf("Whole(%d) = %d", at, got)
	}
}

func TestSealRoundTripAndTampering(t *testing.T) {
	g := newGate(t, 1)
	p := gate.DefaultPolicy()
	c := clean(t, g, p, "Hello\x00 jane.doe@example.com and 4111 1111 1111 1111, bye")
	sealed := g.Seal(c, g.Recipe(&p))
	back, recipe, err := g.Open(sealed)
	if err != nil || recipe != g.Recipe(&p) {
		t.Fatalf("open: %v", err)
	}
	if back.Display() != c.Display() || back.Embed() != c.Embed() || fmt.Sprint(back.Values()) != fmt.Sprint(c.Values()) {
		t.Fatalf("opened as %q / %q", back.Display(), back.Embed())
	}
	if _, _, err := newGate(t, 2).Open(sealed); err == nil {
		t.Error("another key opens the seal")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x20
		if _, _, err := g.Open(bad); err == nil {
			t.Fatalf("byte %d changed unnoticed", i)
		}
	}
	for i := range sealed {
		if _, _, err := g.Open(sealed[:i]); err == nil {
			t.Fatalf("truncation to %d bytes unnoticed", i)
		}
	}
}

func TestAnyTextIsHandled(t *testing.T) {
	g := newGate(t, 1)
	p := gate.DefaultPolicy()
	for name, text := range map[string]string{
		"empty": "", "nul": "a\x00b", "bad utf-8": "a\xff\xfeb", "bidi": "a\u202eb\u2066c", "marks": "e\u0301\u0302" + strings.Repeat("\u0301", 1000),
		"one long word": strings.Repeat("x", 1<<20), "digits": strings.Repeat("1", 1<<20), "at signs": strings.Repeat("@", 1<<16), "dots": strings.Repeat(".", 1<<16),
	} {
		c := clean(t, g, p, text)
		if !utf8.ValidString(c.Display()) || strings.ContainsRune(c.Display(), 0) {
			t.Errorf("%s: not clean", name)
		}
	}
	r := g.Clean(t.Context(), &p, []gate.Raw{gate.NewRaw(strings.Repeat("a", gate.MaxText+1))})[0]
	if r.Err == nil || !r.Clean.Empty() {
		t.Error("text beyond the limit was not held back")
	}
}

func TestMetadataHashesText(t *testing.T) {
	g := newGate(t, 1)
	v := g.Metadata("customer", "Jane Doe", nil)
	if len(v) != 1 || strings.Contains(v[0].Key(), "Jane") {
		t.Errorf("free text travels as %v", v)
	}
	if w := g.Metadata("customer", "Jane Doe", nil); w[0] != v[0] {
		t.Error("equal text gives different values")
	}
	if w := g.Metadata("other", "Jane Doe", nil); w[0] == v[0] {
		t.Error("the same text in another field has the same hash")
	}
	for _, x := range []any{json.Number("2.5"), true, "open", "2026-01-02T03:04:05Z", "free text"} {
		for _, v := range g.Metadata("f", x, []string{"open"}) {
			if got := gate.ParseKey(v.Key()); got != v {
				t.Errorf("%v: key round trip gives %v, want %v", x, got, v)
			}
		}
	}
}

func FuzzCleanOpensAndCuts(f *testing.F) {
	g := newGate(f, 1)
	p := gate.Policy{Name: "p", Otherwise: gate.Rule{Action: gate.Replace}}
	f.Add("Dear Ms Doe, jane@example.com 4111 1111 1111 1111\x00\xff", 5)
	f.Fuzz(func(t *testing.T, text string, at int) {
		c := clean(t, g, p, text)
		if !utf8.ValidString(c.Embed()) {
			t.Fatal("embed form is not UTF-8")
		}
		back, _, err := g.Open(g.Seal(c, g.Recipe(&p)))
		if err != nil || back.Embed() != c.Embed() || back.Display() != c.Display() {
			t.Fatalf("seal round trip: %v", err)
		}
		if n := len(c.Embed()); n > 0 {
			cut := c.Whole(((at % n) + n) % n)
			if _, err := back.Cut(0, cut); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func BenchmarkClean(b *testing.B) {
	g := newGate(b, 1)
	p := gate.DefaultPolicy()
	text := strings.Repeat("The router in the hall lost its connection again last night, and the engineer who came could not find out why. ", 8) +
		"Please call Margaret Okonkwo on +44 20 7946 0958 or write to margaret.okonkwo@example.com."
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		g.Clean(b.Context(), &p, []gate.Raw{gate.NewRaw(text)})
	}
}
