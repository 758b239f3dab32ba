package holdfast_test

import (
	"testing"

	"github.com/holdfast/holdfast/flow"
	"github.com/holdfast/holdfast/record"
)

// sweep runs a sweep to its end.
func (r *rig) sweep(dryRun bool) flow.SweepReport {
	r.Helper()
	got, err := r.Sweep(r.Context(), dryRun)
	if err != nil {
		r.Fatalf("sweep: %v", err)
	}
	return got
}

// embedded is how many texts the model has embedded.
func (r *rig) embedded() (n int) {
	_, answered := r.models[0].asked()
	for _, times := range answered {
		n += times
	}
	return n
}

// A sweep deletes what is older than it may be, and nothing that is in use;
// a dry run says beforehand what that will be.
func TestSweep(t *testing.T) {
	t.Parallel()
	const soon = 1 // nanosecond
	r := start(t, setup{retention: flow.Retention{Versions: soon, Runs: soon, DeadLetters: soon, Ledger: soon, Embeddings: soon}})
	r.declare("notes")
	for _, body := range []string{"the first draft of alpha", "the second draft of alpha", "the final words of alpha"} {
		r.write("notes", put("a", body), put("b", "what beta says and goes on to say"))
		r.settle("notes")
	}
	calls := r.embedded()
	would := r.sweep(true)
	if again := r.sweep(true); again.Versions != would.Versions || again.Embeddings.Marked != would.Embeddings.Marked || !again.DryRun {
		t.Errorf("a dry run changed something: %+v, then %+v", would, again)
	}
	did := r.sweep(false)
	if did.Versions != 2 || did.Versions != would.Versions || did.Runs < 3 || did.Embeddings.Marked != 2 || did.Embeddings.Deleted != 0 {
		t.Errorf("the first sweep: %+v", did)
	}
	if got := r.sweep(false); got.Versions != 0 || got.Embeddings.Deleted != 2 || got.Embeddings.Vectors != 4 {
		t.Errorf("the second sweep: %+v", got)
	}
	r.wantFound("notes", "alpha", "a")
	r.wantFound("notes", "beta", "b")
	if _, err := r.Rebuild(t.Context(), "notes", nil); err != nil {
		t.Errorf("rebuild after sweeps: %v", err)
	}
	r.wantFound("notes", "alpha", "a")
	if n := r.embedded(); n != calls {
		t.Errorf("%d texts were embedded by sweeps", n-calls)
	}
	r.write("notes", put("a", "the first draft of alpha"))
	r.settle("notes")
	if n := r.embedded(); n != calls+1 {
		t.Errorf("%d texts were embedded for one that had been swept", n-calls)
	}
}

// What is kept for good is not swept.
func TestSweepKeepsForGood(t *testing.T) {
	t.Parallel()
	r := start(t, setup{retention: flow.Retention{Versions: flow.Never, Runs: flow.Never, DeadLetters: flow.Never, Ledger: flow.Never, Embeddings: flow.Never}})
	r.declare("notes")
	r.write("notes", put("a", "the first draft of alpha"), put("a", "the second draft of alpha"))
	r.settle("notes")
	r.write("notes", put("a", "the final words of alpha"))
	r.settle("notes")
	for range 2 {
		if got := r.sweep(false); got.Versions != 0 || got.Runs != 0 || got.Embeddings.Deleted != 0 {
			t.Errorf("swept %+v", got)
		}
	}
}

// A retired generation leaves nothing behind but its row.
func TestSweepStripsRetiredGenerations(t *testing.T) {
	t.Parallel()
	r := start(t, setup{retention: flow.Retention{Embeddings: 1}})
	r.declare("notes")
	r.write("notes", put("a", "the words of alpha"), put("b", "the words of beta"))
	r.settle("notes")
	err := r.store.Update(t.Context(), func(tx record.Tx) error {
		c, err := tx.Collections().Get(t.Context(), "notes")
		if err != nil {
			return err
		}
		all, err := tx.Collections().Generations(t.Context(), c.ID)
		if err != nil {
			return err
		}
		return tx.Collections().SetState(t.Context(), all[0].ID, record.Retired)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.sweep(false); got.Passages != 2 || got.Embeddings.Marked != 2 {
		t.Errorf("the first sweep: %+v", got)
	}
	if got := r.sweep(false); got.Passages != 0 || got.Embeddings.Deleted != 2 {
		t.Errorf("the second sweep: %+v", got)
	}
}
