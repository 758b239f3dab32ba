package river

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"sync"
	"time"
)

// ids makes run ids that sort by start: milliseconds, a counter within the
// millisecond, and 64 random bits, so that engines that share a store don't meet.
type ids struct {
	mu   sync.Mutex
	last uint64
}

var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func (g *ids) next(now time.Time) string {
	stamp := uint64(now.UnixMilli()) << 16
	g.mu.Lock()
	g.last = max(g.last+1, stamp)
	stamp = g.last
	g.mu.Unlock()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], stamp)
	_, _ = rand.Read(b[8:]) // never fails, by its contract
	return alphabet.EncodeToString(b[:])
}
