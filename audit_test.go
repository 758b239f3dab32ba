package holdfast_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/holdfast/holdfast/access"
	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/sqlite"
)

// restarting is a store whose next updates fail as those of a database that
// restarts do.
type restarting struct {
	*sqlite.Store
	left atomic.Int32
}

func (s *restarting) Update(ctx context.Context, fn func(record.Tx) error) error {
	if s.left.Add(-1) >= 0 {
		return fault.New(fault.Unavailable, "the database restarts")
	}
	return s.Store.Update(ctx, fn)
}

// TestARestartLosesNoAuditEntry writes to the trail while the database is away.
func TestARestartLosesNoAuditEntry(t *testing.T) {
	var store *restarting
	r := start(t, setup{idle: true, records: func(s *sqlite.Store) record.Store { store = &restarting{Store: s}; return store }})
	store.left.Store(3)
	if d, err := r.Decide(t.Context(), admin, access.Write, "c"); err != nil || !d.Allowed {
		t.Errorf("decided %+v, %v", d, err)
	}
	trail, _, err := r.AuditTrail(t.Context(), 0, 10)
	if err != nil || len(trail) != 1 {
		t.Errorf("the trail has %d entries: %v", len(trail), err)
	}
}
