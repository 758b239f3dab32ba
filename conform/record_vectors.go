package conform

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast/holdfast/digest"
	"github.com/holdfast/holdfast/record"
)

func address(n int) digest.Digest { return digest.Of("address", fmt.Sprint(n)) }

func addresses(n ...int) []digest.Digest {
	out := make([]digest.Digest, len(n))
	for i := range n {
		out[i] = address(n[i])
	}
	return out
}

// claim claims at the box's time, for a minute.
func (b *recordBox) claim(owner string, n ...int) record.Claimed {
	b.Helper()
	var got record.Claimed
	b.update(func(ctx context.Context, tx record.Tx) (err error) {
		got, err = tx.Vectors().Claim(ctx, owner, addresses(n...), b.now, b.now.Add(time.Minute))
		return err
	})
	return got
}

func (b *recordBox) putVectors(n ...int) {
	b.Helper()
	list := make([]record.Vector, len(n))
	for i := range n {
		list[i] = record.Vector{Address: address(n[i]), Data: fmt.Appendf(nil, "vector %d", n[i])}
	}
	b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vectors().Put(ctx, list) })
}

func (b *recordBox) vectorCounts() [2]int64 {
	b.Helper()
	var n [2]int64
	b.view(func(ctx context.Context, tx record.Tx) (err error) {
		n[0], n[1], err = tx.Vectors().Count(ctx)
		return err
	})
	return n
}

var vectorCases = map[string]func(*recordBox){
	"each address is claimed once": func(b *recordBox) {
		b.putVectors(1)
		b.equal("first", b.claim("x", 1, 2, 3, 2), record.Claimed{Have: addresses(1), Mine: addresses(2, 3)})
		b.equal("second", b.claim("y", 1, 2, 4), record.Claimed{Have: addresses(1), Mine: addresses(4), Busy: addresses(2)})
		b.equal("again", b.claim("x", 2, 4), record.Claimed{Mine: addresses(2), Busy: addresses(4)})
		b.equal("none", b.claim("x"), record.Claimed{})
	},
	"claims end": func(b *recordBox) {
		b.claim("x", 1, 2, 3)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Vectors().Unclaim(ctx, "y", addresses(1))
		})
		b.equal("of another", b.claim("y", 1), record.Claimed{Busy: addresses(1)})
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Vectors().Unclaim(ctx, "x", addresses(1))
		})
		b.equal("given up", b.claim("y", 1, 2), record.Claimed{Mine: addresses(1), Busy: addresses(2)})
		b.now = b.now.Add(time.Minute)
		b.equal("expired", b.claim("z", 1, 2), record.Claimed{Mine: addresses(1, 2)})
		b.equal("taken", b.claim("x", 2, 3), record.Claimed{Mine: addresses(3), Busy: addresses(2)})
		b.putVectors(2)
		b.equal("stored", b.claim("y", 2), record.Claimed{Have: addresses(2)})
	},
	"a reset frees claims": func(b *recordBox) {
		b.claim("x", 1)
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Changes().Reset(ctx) })
		b.equal("free", b.claim("y", 1), record.Claimed{Mine: addresses(1)})
	},
	"a vector is never changed": func(b *recordBox) {
		b.putVectors(1, 1)
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Vectors().Put(ctx, []record.Vector{{Address: address(1), Data: []byte("other")}})
		})
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Vectors().Load(ctx, addresses(1, 2))
			b.equal("loaded", len(got), 1)
			b.equal("data", string(got[address(1)].Data), "vector 1")
			return err
		})
		b.equal("counts", b.vectorCounts(), [2]int64{1, 1})
	},
	"pack": func(b *recordBox) {
		for n := range 5 {
			b.putVectors(n)
		}
		var inline []record.Vector
		b.view(func(ctx context.Context, tx record.Tx) (err error) {
			inline, err = tx.Vectors().Inline(ctx, 3)
			return err
		})
		for i := range inline {
			b.equal("oldest first", inline[i].Address, address(i))
			b.equal("bytes", string(inline[i].Data), fmt.Sprintf("vector %d", i))
		}
		packed := make([]record.Vector, len(inline))
		for i, v := range inline {
			packed[i] = record.Vector{Address: v.Address, Segment: "segment", Offset: int64(100 * i), Length: int64(len(v.Data))}
		}
		stranger := record.Vector{Address: address(77), Segment: "segment", Offset: 1, Length: 1}
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vectors().Pack(ctx, append(packed, stranger)) })
		b.equal("counts", b.vectorCounts(), [2]int64{5, 2})
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Vectors().Load(ctx, addresses(0, 1, 2, 3, 77))
			b.equal("packed", got[address(2)], packed[2])
			b.equal("inline", string(got[address(3)].Data)+got[address(3)].Segment, "vector 3")
			b.equal("unknown", len(got), 4)
			return err
		})
		moved := packed[0]
		moved.Segment, moved.Offset = "replacement", 5
		b.update(func(ctx context.Context, tx record.Tx) error { return tx.Vectors().Pack(ctx, []record.Vector{moved}) })
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Vectors().Load(ctx, addresses(0))
			b.equal("moved", got[address(0)], moved)
			rest, err2 := tx.Vectors().Inline(ctx, 100)
			b.equal("inline", len(rest), 2)
			if err == nil {
				err = err2
			}
			return err
		})
		b.equal("still durable", b.claim("x", 0, 4), record.Claimed{Have: addresses(0, 4)})
	},
	"large vectors": func(b *recordBox) {
		data := bytes.Repeat([]byte(strings.Repeat("\x00\xff", 512)), 24) // 24 kB: 3,072 dimensions of 8 bytes
		b.update(func(ctx context.Context, tx record.Tx) error {
			return tx.Vectors().Put(ctx, []record.Vector{{Address: address(1), Data: data}})
		})
		b.view(func(ctx context.Context, tx record.Tx) error {
			got, err := tx.Vectors().Load(ctx, addresses(1))
			v := got[address(1)]
			if !bytes.Equal(v.Data, data) || v.Length != int64(len(data)) {
				b.Errorf("%d bytes of length %d came back", len(v.Data), v.Length)
			}
			return err
		})
	},
}
