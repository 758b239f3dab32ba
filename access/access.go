// Package access decides who may do what. Deny is the default: an answer
// that is not a clear yes is a no.
package access

import "context"

// Principal is who asks.
type Principal struct {
	Name string
	// Local is set for whoever reached the server through a loopback address
	// or the data folder's own socket.
	Local bool
}

// Action is what they ask to do.
type Action string

// The actions.
const (
	Read    Action = "read"    // records, searches
	Write   Action = "write"   // records
	Observe Action = "observe" // status, runs, dead letters, metrics
	Operate Action = "operate" // replay, rebuild
	Declare Action = "declare" // collections
	Analyze Action = "analyze" // the gate, on text that the caller brings
	Restore Action = "restore" // what pseudonyms stand for, for a stated purpose
	Keys    Action = "keys"    // the vault's keys: list, rotate, forget
)

// Decision is the answer, with a reason that may be shown and stored.
type Decision struct {
	Allowed bool
	Reason  string
}

// Decider answers. It is safe for concurrent use and never blocks for long.
type Decider interface {
	Decide(ctx context.Context, p Principal, a Action, resource string) Decision
}

// Loopback allows everything to whoever works on this machine and nothing
// to anybody else.
type Loopback struct{}

// Decide implements Decider.
func (Loopback) Decide(_ context.Context, p Principal, _ Action, _ string) Decision {
	if p.Local {
		return Decision{Allowed: true, Reason: "loopback admin"}
	}
	return Decision{Reason: "only the loopback admin has access"}
}
