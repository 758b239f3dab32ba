package holdfast

import (
	"context"
	"fmt"
	"math"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// PrivacyAudit is what was found in a sample of what a collection's index and
// vectors are made of.
type PrivacyAudit struct {
	Passages  int            `json:"passages"`
	Values    int            `json:"values"`    // that were transformed
	Found     map[string]int `json:"found"`     // in clear text, by type, though the policy does not keep it
	Doubtful  map[string]int `json:"doubtful"`  // likewise, but below the policy's threshold
	Inversion Inversion      `json:"inversion"` // of vectors
}

// Inversion is an attempt to tell from vectors which of several values a text
// held: the true one, or one of the invented.
type Inversion struct {
	Skipped string `json:"skipped,omitempty"` // why it was not tried
	Tried   int    `json:"tried"`
	Told    int    `json:"told"`    // the true value was the nearest
	Among   int    `json:"among"`   // values
	Missing int    `json:"missing"` // vectors that are not stored
}

// chance is how often the true value is the nearest if the vectors say nothing.
func (i Inversion) chance() (mean, bound float64) {
	if i.Among == 0 {
		return 0, 0
	}
	p := 1 / float64(i.Among)
	mean = p * float64(i.Tried)
	return mean, mean + 4*math.Sqrt(mean*(1-p)) + 1
}

// Sound reports whether nothing personal was found.
func (a PrivacyAudit) Sound() bool {
	_, bound := a.Inversion.chance()
	return len(a.Found) == 0 && float64(a.Inversion.Told) <= bound
}

// InversionText says what came of the inversion.
func (a PrivacyAudit) InversionText() string {
	i := a.Inversion
	if i.Skipped != "" {
		return "inversion not tried: " + i.Skipped
	}
	mean, _ := i.chance()
	return fmt.Sprintf("the true value was nearest in %d of %d tries among %d values each; by chance %.1f", i.Told, i.Tried, i.Among, mean)
}

const (
	invented   = 9 // values beside the true one
	mostProbes = 200
)

// AuditPrivacy detects anew in a sample of what is stored, and tries to invert
// vectors. Values stay in the process: only the built-in model is asked.
func (a *App) AuditPrivacy(ctx context.Context, collection string, sample int) (PrivacyAudit, error) {
	if sample < 1 || sample > 100_000 {
		return PrivacyAudit{}, fault.Field("sample", "must be 1 to 100000")
	}
	var c record.Collection
	var g record.Generation
	var passages []record.Passage
	records := map[record.Ref]record.Record{}
	err := a.parts.Records.View(ctx, func(tx record.Tx) (err error) {
		if c, err = tx.Collections().Get(ctx, collection); err != nil {
			return err
		}
		if g, err = flow.ActiveGeneration(ctx, tx, c.ID); err != nil {
			return err
		}
		if passages, err = a.sample(ctx, tx, g.ID, sample); err != nil {
			return err
		}
		refs := make([]record.Ref, len(passages))
		for i, p := range passages {
			refs[i] = p.Ref
		}
		records, err = tx.Records().Load(ctx, refs)
		return err
	})
	if err != nil {
		return PrivacyAudit{}, err
	}
	policy := g.Policy
	out := PrivacyAudit{Found: map[string]int{}, Doubtful: map[string]int{}}
	for _, p := range passages {
		if err := out.look(a.parts.Gate, &policy, &c.Declaration, p); err != nil {
			return out, err
		}
	}
	err = a.invert(ctx, &out.Inversion, g, &policy, &c.Declaration, passages, records)
	return out, err
}

// sample takes passages from all over a generation.
func (a *App) sample(ctx context.Context, tx record.Tx, g record.GenerationID, n int) ([]record.Passage, error) {
	total, err := tx.Passages().Count(ctx, g)
	if err != nil {
		return nil, err
	}
	step := max(total/int64(n), 1)
	var out []record.Passage
	var after record.PassageID
	for seen := int64(0); len(out) < n; {
		page, err := tx.Passages().Scan(ctx, g, after, 1000)
		if err != nil || len(page) == 0 {
			return out, err
		}
		for _, p := range page {
			if after = p.ID; p.State != record.Removed {
				if seen%step == 0 && len(out) < n {
					out = append(out, p)
				}
				seen++
			}
		}
	}
	return out, nil
}

func (out *PrivacyAudit) look(g *gate.Gate, policy *gate.Policy, d *record.Declaration, p record.Passage) error {
	clean, _, err := g.Open(p.Sealed)
	if err != nil {
		return fmt.Errorf("passage %d: %w", p.ID, err)
	}
	sure, doubtful, err := g.Leaks(policy, string(d.Classification[p.Field]), clean)
	if err != nil {
		return fmt.Errorf("passage %d: %w", p.ID, err)
	}
	out.Passages++
	for _, n := range clean.Values() {
		out.Values += n
	}
	for e, n := range sure {
		out.Found[string(e)] += n
	}
	for e, n := range doubtful {
		out.Doubtful[string(e)] += n
	}
	return nil
}

// invert asks of stored vectors which value their text held.
func (a *App) invert(ctx context.Context, out *Inversion, g record.Generation, policy *gate.Policy, d *record.Declaration,
	passages []record.Passage, records map[record.Ref]record.Record,
) error {
	embedder, ok := a.parts.Embedders[g.Model]
	if !ok || embedder.Model().Provider != "builtin" {
		out.Skipped = "values would be sent to a model outside this process"
		return nil
	}
	out.Among = invented + 1
	for _, p := range passages {
		if out.Tried >= mostProbes {
			return nil
		}
		r := records[p.Ref]
		text, ok := r.Fields.Text(p.Field)
		if !ok || r.ContentVersion != p.ContentVersion {
			continue
		}
		probes := a.parts.Gate.Probes(policy, string(d.Classification[p.Field]), text, p.Start, p.End, invented)
		if probes == nil {
			continue
		}
		stored, err := a.parts.Vectors.Load(ctx, g.Space, []digest.Digest{p.Text})
		if err != nil {
			return err
		}
		if stored[p.Text] == nil {
			out.Missing++
			continue
		}
		told, err := nearestIsFirst(ctx, embedder, stored[p.Text], probes)
		if err != nil {
			return err
		}
		if out.Tried++; told {
			out.Told++
		}
	}
	return nil
}

func nearestIsFirst(ctx context.Context, e embedding.Embedder, stored []float32, probes []gate.Clean) (bool, error) {
	vectors, _, err := e.Embed(ctx, embedding.ForPassage, probes)
	if err != nil {
		return false, err
	}
	var first float64
	for i, v := range vectors {
		if v.Err != nil {
			return false, v.Err
		}
		near := cosine(stored, v.Values)
		if i == 0 {
			first = near
		} else if near >= first {
			return false, nil
		}
	}
	return true, nil
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	return dot / math.Sqrt(max(aa*bb, 1e-30))
}
