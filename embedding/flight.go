package embedding

import (
	"sync"

	"github.com/holdfast/holdfast/digest"
)

// flights tells the goroutines of one process which addresses one of them is
// working on, so that the others wait for it and wake when it is done.
// Between processes the claims in the record store do the same.
type flights struct {
	mu sync.Mutex
	by map[digest.Digest]*flight
}

// flight is one goroutine's work on some addresses. The fields after done
// are written before it is closed, and read only after.
type flight struct {
	done chan struct{}
	// settled says that each address is durable or in failed, unless it is in
	// open. Work that was given up is not settled.
	settled bool
	failed  map[digest.Digest]error
	open    map[digest.Digest]bool
	err     error // the call as a whole
}

// blocked is an item that somebody else works on: a goroutine of this
// process, or another process if flight is nil.
type blocked struct {
	item
	flight *flight
}

// take starts a flight for the items that nobody in this process works on.
func (f *flights) take(items []item) (fl *flight, mine []item, others []blocked) {
	fl = &flight{done: make(chan struct{})}
	mine = make([]item, 0, len(items))
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, it := range items {
		if other := f.by[it.address]; other != nil {
			others = append(others, blocked{it, other})
			continue
		}
		f.by[it.address] = fl
		mine = append(mine, it)
	}
	return fl, mine, others
}

// land ends a flight and wakes who waits for it.
func (f *flights) land(fl *flight, items []item) {
	f.mu.Lock()
	for _, it := range items {
		delete(f.by, it.address)
	}
	f.mu.Unlock()
	close(fl.done)
}
