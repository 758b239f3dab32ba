package gate

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unicode"

	aead "github.com/tink-crypto/tink-go/v2/daead/subtle"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate/detect"
	"github.com/holdfast/holdfast/gate/ff1"
	"github.com/holdfast/holdfast/gate/names"
)

// KeySize is the length of a gate's master key in bytes.
const KeySize = 32

// MaxText is the longest text the gate takes, in bytes.
const MaxText = 64 << 20

// codeRevision changes when this package treats the same findings otherwise.
const codeRevision = "2"

// Config is what a gate is made of.
type Config struct {
	// Key is the master secret, KeySize bytes. Seals, pseudonyms and hashes
	// each use a key of their own derived from it.
	Key []byte
	// Tenant separates pseudonyms and hashes: one value gets different ones
	// in different tenants. Empty is a tenant too.
	Tenant string
	// Recognisers are asked about every text, in order, beside the gate's own
	// detectors. See Recogniser for what that means.
	Recognisers []Recogniser
}

// Gate finds and transforms personal data. It is safe for concurrent use.
type Gate struct {
	patterns   *detect.Scanner
	names      *names.Tagger
	seal       *sealer
	pseudonyms *sealer
	values     *sealer
	tenant     string
	siv        *aead.AESSIV
	ff10, ff36 *ff1.Cipher
	others     []Recogniser
	version    digest.Digest
}

// New makes a gate. It fails rather than run without a detector.
func New(cfg Config) (*Gate, error) {
	if len(cfg.Key) != KeySize {
		return nil, fault.Field("key", "the gate's key has %d bytes, want %d", len(cfg.Key), KeySize)
	}
	patterns, err := detect.New(detect.Options{})
	if err != nil {
		return nil, fmt.Errorf("load pattern detectors: %w", err)
	}
	tagger, err := names.Load()
	if err != nil {
		return nil, fmt.Errorf("load names tagger: %w", err)
	}
	g := &Gate{patterns: patterns, names: tagger, tenant: cfg.Tenant, others: cfg.Recognisers}
	if err := g.deriveKeys(cfg.Key); err != nil {
		return nil, err
	}
	made := []string{codeRevision, patterns.Version(), tagger.Version()}
	for _, r := range g.others {
		made = append(made, r.Version())
	}
	g.version = digest.Of("gate", made...)
	return g, nil
}

// deriveKeys makes a key for each purpose.
func (g *Gate) deriveKeys(master []byte) (err error) {
	derive := func(purpose string, size int) []byte {
		key, failed := hkdf.Key(sha256.New, master, nil, "holdfast/"+purpose+"/"+g.tenant, size)
		if failed != nil {
			err = fmt.Errorf("derive %s key: %w", purpose, failed)
		}
		return key
	}
	g.seal = newSealer(derive("seal", KeySize))
	g.pseudonyms = newSealer(derive("pseudonym", KeySize))
	g.values = newSealer(derive("value", KeySize))
	siv, format := derive("encrypt", aead.AESSIVKeySize), derive("format", KeySize)
	if err != nil {
		return err
	}
	if g.siv, err = aead.NewAESSIV(siv); err != nil {
		return fmt.Errorf("make AES-SIV: %w", err)
	}
	if g.ff10, err = ff1.New(format, 10); err != nil {
		return fmt.Errorf("make FF1: %w", err)
	}
	if g.ff36, err = ff1.New(format, 36); err != nil {
		return fmt.Errorf("make FF1: %w", err)
	}
	return nil
}

// Version addresses the detectors and their weights: it changes exactly when
// the gate may find something else in the same text.
func (g *Gate) Version() digest.Digest { return g.version }

// Recipe addresses how text is made clean under a policy: the gate's version
// and the policy's content.
func (g *Gate) Recipe(p *Policy) digest.Digest {
	d := p.digest()
	return digest.Of("recipe", g.version.String(), d.String())
}

// Finding is a value that was found: where, what, how sure, by which
// detector, and what the policy does with it. It never holds the value.
type Finding struct {
	Entity Entity  `json:"entity"`
	Start  int     `json:"start"` // byte offsets in the original text
	End    int     `json:"end"`
	Score  float32 `json:"score"` // 0 to 1
	Rule   string  `json:"rule"`  // the detector
	Action Action  `json:"action,omitempty"`
}

// Result is one text after the gate. Either Err is set and there is no text,
// or Clean is the whole text.
type Result struct {
	Clean    Clean
	Findings []Finding // transformed values, in order, not overlapping
	Secrets  []Secret  // for the vault: what restorable pseudonyms stand for
	Err      error
}

// Analyze finds values of every type, whatever a policy would do with them;
// findings may overlap, patterns before names, each sorted by start.
func (g *Gate) Analyze(text Raw) ([]Finding, error) { return g.analyze(context.Background(), text) }

func (g *Gate) analyze(ctx context.Context, text Raw) ([]Finding, error) {
	if text.Len() > MaxText {
		return nil, fault.New(fault.Invalid, "text has %d bytes; the gate takes at most %d", text.Len(), MaxText)
	}
	found, err := g.find(text.Reveal())
	if err != nil {
		return nil, err
	}
	return g.askOthers(ctx, found, text)
}

// AnalyzeUnder is Analyze with a policy's own detectors and lists.
func (g *Gate) AnalyzeUnder(p *Policy, text Raw) ([]Finding, error) {
	return g.analyzeUnder(context.Background(), p, text)
}

func (g *Gate) analyzeUnder(ctx context.Context, p *Policy, text Raw) ([]Finding, error) {
	found, err := g.analyze(ctx, text)
	if err != nil {
		return nil, err
	}
	raw := text.Reveal()
	if found, err = p.findOwn(found, raw); err != nil {
		return nil, err
	}
	return p.allowed(raw, found)
}

// Text is raw text with what a policy may ask about the place it is from.
type Text struct {
	Raw   Raw
	Class string // the field's classification, or ""
	// Subject is the person that the text is about, where that is declared:
	// dates of one subject move together, and in the vault each has a key of
	// its own. Record does for dates where no subject is declared.
	Subject, Record Raw
}

// Clean passes texts through the gate under a policy. A text that cannot be
// examined is held back: its Result has an error and no text.
func (g *Gate) Clean(ctx context.Context, p *Policy, texts []Raw) []Result {
	placed := make([]Text, len(texts))
	for i, raw := range texts {
		placed[i].Raw = raw
	}
	return g.CleanTexts(ctx, p, placed)
}

// CleanTexts is Clean for texts from known places.
func (g *Gate) CleanTexts(ctx context.Context, p *Policy, texts []Text) []Result {
	out := make([]Result, len(texts))
	for i, text := range texts {
		if err := ctx.Err(); err != nil {
			out[i].Err = err
			continue
		}
		out[i] = g.cleanOne(ctx, p, text)
	}
	return out
}

func (g *Gate) cleanOne(ctx context.Context, p *Policy, text Text) (out Result) {
	// What panics may quote the text; the text is held back.
	defer func() {
		if recover() != nil {
			out = Result{Err: fault.New(fault.Invalid, "the gate failed on this text; it is held back")}
		}
	}()
	found, err := g.analyzeUnder(ctx, p, text.Raw)
	if err != nil {
		return Result{Err: err}
	}
	raw := text.Raw.Reveal()
	chosen := resolve(p, text.Class, raw, found)
	t := transformer{Gate: g, policy: p, subject: text.Subject.Reveal(), record: text.Record.Reveal()}
	marks := make([]mark, len(chosen), len(chosen)+4)
	for i, f := range chosen {
		marks[i] = mark{entity: f.Entity, s: f.Start, sn: f.End - f.Start, replaced: t.transform(p.rule(text.Class, f), f, raw[f.Start:f.End])}
	}
	marks = repair(raw, marks)
	return Result{Clean: build(raw, marks), Findings: chosen, Secrets: t.secrets}
}

// find runs the detectors. A detector that panics has failed: the text is
// held back, and the panic's value, which may quote it, goes nowhere.
func (g *Gate) find(text string) (found []Finding, err error) {
	defer func() {
		if recover() != nil {
			found, err = nil, fault.New(fault.Invalid, "a detector failed on this text; it is held back")
		}
	}()
	for _, f := range g.patterns.Scan(nil, text) {
		found = append(found, Finding{Entity: Entity(f.Type), Start: f.Start, End: f.End, Score: f.Score, Rule: f.Rule})
	}
	for _, s := range g.names.Tag(nil, text, names.Options{}) {
		f := Finding{Start: s.Start, End: s.End, Score: s.Score}
		switch s.Label {
		case names.Person:
			f.Entity, f.Rule = "PERSON", "name"
		case names.Location:
			f.Entity, f.Rule = "LOCATION", "place"
		case names.Organisation:
			f.Entity, f.Rule = "ORGANIZATION", "name"
		}
		found = append(found, f)
	}
	return found, nil
}

// resolve picks what the policy transforms. Values it keeps are set aside
// first, so that nothing kept can hide something personal. Of overlapping
// findings the pattern beats the name, then the longer, then the earlier;
// what a loser covers beyond the winners is still transformed, as the loser's
// type, so that no part of a value stays.
func resolve(p *Policy, class, text string, found []Finding) []Finding {
	live := make([]Finding, 0, len(found))
	for _, f := range found {
		r := p.rule(class, f)
		if r.Action == Keep || f.Score < r.MinScore || f.End <= f.Start {
			continue
		}
		f.Action = r.Action
		live = append(live, f)
	}
	slices.SortStableFunc(live, func(a, b Finding) int { return a.Start - b.Start })
	out := make([]Finding, 0, len(live))
	for len(live) > 0 {
		// A group is a run of findings that overlap one another.
		n, end := 1, live[0].End
		for n < len(live) && live[n].Start < end {
			end = max(end, live[n].End)
			n++
		}
		out = append(out, settle(text, live[:n])...)
		live = live[n:]
	}
	return out
}

// settle gives each place in a group of overlapping findings to one of them.
func settle(text string, group []Finding) []Finding {
	if len(group) == 1 {
		return group
	}
	slices.SortStableFunc(group, func(a, b Finding) int {
		switch {
		case a.pattern() != b.pattern():
			if a.pattern() {
				return -1
			}
			return 1
		case a.End-a.Start != b.End-b.Start:
			return (b.End - b.Start) - (a.End - a.Start)
		}
		return a.Start - b.Start
	})
	var won []Finding
	for _, f := range group {
		at := f.Start
		i, _ := slices.BinarySearchFunc(won, at, func(w Finding, at int) int {
			if w.End <= at {
				return -1
			}
			return 1
		})
		for ; at < f.End; i++ {
			gap := f
			gap.Start, gap.End = at, f.End
			if i < len(won) {
				gap.End = min(gap.End, won[i].Start)
				at = won[i].End
			} else {
				at = f.End
			}
			if gap.End > gap.Start && hasWord(text[gap.Start:gap.End]) {
				won = slices.Insert(won, i, gap)
				i++
			}
		}
	}
	return won
}

// hasWord reports whether s says anything: separators alone hide no value.
func hasWord(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

func (f Finding) pattern() bool { return f.Rule != "name" && f.Rule != "place" }
