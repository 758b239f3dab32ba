package holdfast_test

import (
	"fmt"
	"testing"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/record"
)

// TestThePrivacyAudit looks at a collection that is clean, and at one whose
// policy let something through that a stricter one finds.
func TestThePrivacyAudit(t *testing.T) {
	model := newFake("fake")
	model.model.Provider = "builtin" // it is in this process
	lax := gate.Policy{Name: "lax", Version: 1, Otherwise: gate.Rule{Action: gate.Replace, MinScore: 0.4}, Rules: gate.Rules{"PERSON": {Action: gate.Pseudonym}}}
	r := start(t, setup{models: []*fake{model, newFake("elsewhere")}, policies: []gate.Policy{lax}})
	r.declare("c", func(d *record.Declaration) { d.Policy = "lax" })
	for i := range 60 {
		r.write("c", put(fmt.Sprint(i), fmt.Sprintf("The harbour letter number %d came from user%d@example.com about the lantern.", i, i)))
	}
	r.settle("c")
	got, err := r.AuditPrivacy(t.Context(), "c", 50)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Sound() || got.Passages != 50 || got.Values < 50 || got.Inversion.Tried < 40 || got.Inversion.Among != 10 || got.Inversion.Missing != 0 {
		t.Errorf("audit %+v; %s", got, got.InversionText())
	}
	// The vectors of a model that was given values tell them: what the audit
	// tries is worth trying.
	if told := r.toldByVectors(t, &lax); told != 20 {
		t.Errorf("with values in clear %d of 20 were told", told)
	}
	r.declare("d", func(d *record.Declaration) { d.Policy, d.Model = "lax", "elsewhere" })
	r.write("d", put("1", "The harbour letter came from user1@example.com about the lantern."))
	r.settle("d")
	if got, err := r.AuditPrivacy(t.Context(), "d", 5); err != nil || got.Inversion.Skipped == "" || got.Inversion.Tried != 0 {
		t.Errorf("values were sent away: %+v, %v", got.Inversion, err)
	}
	for _, n := range []int{0, -1, 1 << 20} {
		if _, err := r.AuditPrivacy(t.Context(), "c", n); fault.KindOf(err) != fault.Invalid {
			t.Errorf("a sample of %d: %v", n, err)
		}
	}
}

// toldByVectors counts how often a vector of text with its value in clear is
// nearest to that value.
func (r *rig) toldByVectors(t *testing.T, p *gate.Policy) (told int) {
	t.Helper()
	g := r.Gate()
	for i := range 20 {
		text := fmt.Sprintf("The lantern letter came from person%d@example.com", i)
		probes := g.Probes(p, "", gate.NewRaw(text), 0, len(text), 9)
		vectors, _, err := r.models[0].Embed(t.Context(), 0, probes)
		if err != nil {
			t.Fatal(err)
		}
		nearest := true
		for _, v := range vectors[1:] {
			if fmt.Sprint(v.Values) == fmt.Sprint(vectors[0].Values) {
				nearest = false
			}
		}
		if nearest {
			told++
		}
	}
	return told
}

func TestTheAuditFindsWhatGotThrough(t *testing.T) {
	open := gate.Policy{Name: "p", Version: 1, Otherwise: gate.Rule{Action: gate.Keep}}
	g, err := gate.New(gate.Config{Key: make([]byte, gate.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	clean := g.Clean(t.Context(), &open, []gate.Raw{gate.NewRaw("write to jane.doe@example.com")})[0].Clean
	strict := gate.DefaultPolicy()
	sure, _, err := g.Leaks(&strict, "", clean)
	if err != nil || sure["EMAIL_ADDRESS"] != 1 {
		t.Errorf("found %v, %v", sure, err)
	}
	if sure, doubtful, err := g.Leaks(&open, "", clean); err != nil || len(sure)+len(doubtful) != 0 {
		t.Errorf("what the policy keeps is no leak: %v, %v", sure, err)
	}
}
