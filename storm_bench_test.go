package holdfast_test

import (
	"testing"
	"time"

	"github.com/holdfast/holdfast/record"
)

// BenchmarkMetadataStorm changes the metadata of 100,000 records and waits
// until the index has every change; no call to a model is made.
func BenchmarkMetadataStorm(b *testing.B) {
	const all, batch = 100_000, 1000
	r := start(b, setup{})
	r.declare("c")
	for n := 0; n < all; n += batch {
		var writes []record.Write
		for i := range batch {
			writes = append(writes, put(name("r", n+i), words(n+i, 12), "n", n+i))
		}
		r.write("c", writes...)
	}
	settle := func() {
		if err := r.WaitIndexed(b.Context(), "c", nil); err != nil { // however long it takes here
			b.Fatal(err)
		}
	}
	settle()
	asked := r.models[0].unchanged(b)
	round := 0
	for b.Loop() {
		round++
		begin := time.Now()
		for n := 0; n < all; n += batch {
			var writes []record.Write
			for i := range batch {
				writes = append(writes, patch(name("r", n+i), record.Fields{"n": n + i + round*all, "state": "open"}))
			}
			r.write("c", writes...)
		}
		written := time.Since(begin)
		settle()
		b.ReportMetric(all/time.Since(begin).Seconds(), "searchable/s")
		b.ReportMetric(all/written.Seconds(), "written/s")
	}
	asked("the storm")
}
