// Command gate measures the privacy gate: how fast one core finds values in ordinary and in hostile text, and how
// time grows with the text.
//
// Usage, from the repository's root: go run ./tools/bench/gate [-size 1048576] [-for 200ms]
//
// Rates are megabytes for each second of processor time, so that neighbours on the machine disturb little. The
// exponent is log2 of how time grows when the text is twice as long: 1 is linear, 2 quadratic. It is the mean of two
// doublings, each time the best of several.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast/holdfast/gate/detect"
	"github.com/holdfast/holdfast/gate/names"
)

// groups are the detectors by what they find.
var groups = []struct {
	name  string
	types []detect.Type
}{
	{"mail, links", []detect.Type{detect.Email, detect.URL}},
	{"telephone", []detect.Type{detect.Phone}},
	{"cards, accounts", []detect.Type{detect.CreditCard, detect.IBAN, detect.Crypto, detect.BankAccount, detect.USBank, detect.ABARouting}},
	{"network", []detect.Type{detect.IP, detect.MAC}},
	{"secrets", []detect.Type{detect.Secret}},
	{"dates, addresses", []detect.Type{detect.DateTime, detect.DateOfBirth, detect.Location}},
	{"identity numbers", identity()},
}

// identity lists the types that no other group has.
func identity() (rest []detect.Type) {
	other := map[detect.Type]bool{}
	for _, t := range []detect.Type{
		detect.Email, detect.URL, detect.Phone, detect.CreditCard, detect.IBAN, detect.Crypto, detect.BankAccount, detect.USBank,
		detect.ABARouting, detect.IP, detect.MAC, detect.Secret, detect.DateTime, detect.DateOfBirth, detect.Location,
	} {
		other[t] = true
	}
	for _, t := range detect.Types() {
		if !other[t] {
			rest = append(rest, t)
		}
	}
	return rest
}

func main() {
	size := flag.Int("size", 1<<20, "bytes of each text")
	least := flag.Duration("for", 200*time.Millisecond, "processor time for each figure")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(os.Stdout, *size, *least); err != nil {
		fmt.Fprintln(os.Stderr, "bench gate:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, size int, least time.Duration) (err error) {
	say := func(format string, args ...any) {
		if _, failed := fmt.Fprintf(out, format, args...); failed != nil && err == nil {
			err = failed
		}
	}
	all, err := detect.New(detect.Options{})
	if err != nil {
		return err
	}
	tagger, err := names.Load()
	if err != nil {
		return err
	}
	var found []detect.Finding
	var spans []names.Span
	patterns := func(text string) { found = all.Scan(found[:0], text) }
	named := func(text string) { spans = tagger.Tag(spans[:0], text, names.Options{}) }
	both := func(text string) { patterns(text); named(text) }

	say("%-24s %10s %10s %10s %10s\n", "MB/s of one core", "patterns", "names", "both", "found/kB")
	for _, t := range ordinary {
		text := repeat(t.unit, size)
		patterns(text)
		density := float64(len(found)) / float64(len(text)) * 1000
		say("%-24s %10.1f %10.1f %10.1f %10.1f\n", t.name, rate(patterns, text, least), rate(named, text, least), rate(both, text, least), density)
	}

	say("\n%-24s", "by group, MB/s")
	for _, t := range ordinary {
		say(" %10s", t.name)
	}
	say("\n")
	for _, g := range groups {
		s, err := detect.New(detect.Options{Types: g.types})
		if err != nil {
			return err
		}
		say("%-24s", g.name)
		for _, t := range ordinary {
			say(" %10.1f", rate(func(text string) { found = s.Scan(found[:0], text) }, repeat(t.unit, size), least))
		}
		say("\n")
	}

	say("\n%-24s %10s %10s %10s %10s\n", "hostile text", "patterns", "exponent", "names", "exponent")
	worst := 0.0
	for _, t := range hostile {
		text := repeat(t.unit, size/8)
		p, n := exponent(patterns, t.unit, size/8), exponent(named, t.unit, size/8)
		worst = max(worst, p, n)
		say("%-24s %10.1f %10.2f %10.1f %10.2f\n", t.name, rate(patterns, text, least/4), p, rate(named, text, least/4), n)
	}
	say("largest exponent %.2f\n", worst)
	return err
}

func repeat(unit string, size int) string { return strings.Repeat(unit, size/len(unit)+1)[:size] }

// rate is in megabytes for a second of processor time.
func rate(f func(string), text string, least time.Duration) float64 {
	f(text)
	runtime.GC()
	begin, n := cpu(), 0
	for cpu()-begin < least {
		f(text)
		n++
	}
	return float64(n) * float64(len(text)) / 1e6 / (cpu() - begin).Seconds()
}

// exponent tells how time grows from size to four times size.
func exponent(f func(string), unit string, size int) float64 {
	best := func(size int) float64 {
		text := repeat(unit, size)
		least := math.Inf(1)
		for range 5 {
			runtime.GC()
			begin := cpu()
			f(text)
			least = min(least, (cpu() - begin).Seconds())
		}
		return least
	}
	best(size)
	return math.Log2(best(4*size)/best(size)) / 2
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it fails for bad arguments only
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
