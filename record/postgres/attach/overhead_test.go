package attach_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/holdfast/holdfast/internal/testpg"
	"github.com/holdfast/holdfast/record"
	"github.com/holdfast/holdfast/record/postgres/attach"
)

// BenchmarkOverhead measures what following a table costs those who write to
// it: pgbench updates rows in batches, on two tables that are the same but for
// the triggers, by turns. "followed" has the triggers alone, "read" also
// somebody who reads the log and the rows and empties it, on this machine.
//
//	make bench-source
func BenchmarkOverhead(b *testing.B) {
	program := pgbench(b)
	url := testpg.Start(b).URL()
	db, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	exec := func(statements ...string) {
		b.Helper()
		for _, s := range statements {
			if _, err := db.Exec(b.Context(), s); err != nil {
				b.Fatalf("%s: %v", s, err)
			}
		}
	}
	for _, table := range []string{"plain", "followed"} {
		exec("CREATE TABLE public."+table+" (id bigint PRIMARY KEY, subject text NOT NULL, body text NOT NULL, status text NOT NULL, priority int NOT NULL, updated_at timestamptz)",
			"CREATE INDEX ON public."+table+" (status)",
			"INSERT INTO public."+table+" SELECT g, 'Order ' || g, repeat('The parcel arrived. ', 15) || g, 'open', g % 5, now() FROM generate_series(1, 100000) g",
			"ALTER TABLE public."+table+" SET (autovacuum_enabled = off)")
	}
	d := record.Declaration{
		Collection: "tickets", Content: []string{"subject", "body"}, Metadata: []string{"status", "priority"},
		Source: &record.Origin{Postgres: &record.Table{URLEnv: "APP_DB", Table: "public.followed", ID: record.Columns{"id"}}},
	}
	s, err := attach.Open(attach.Config{URL: url, Declaration: d})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	if err := s.Install(b.Context(), token, false); err != nil {
		b.Fatal(err)
	}
	clean := func() {
		exec("VACUUM ANALYZE public.plain", "VACUUM ANALYZE public.followed", "TRUNCATE holdfast.source_tickets", "CHECKPOINT")
	}
	for _, rows := range []int{100, 1000} {
		b.Run(fmt.Sprintf("batches of %d rows", rows), func(b *testing.B) {
			b.Run("as fast as it goes", func(b *testing.B) { compare(b, program, url, s, clean, rows, 0) })
			b.Run("10000 rows a second", func(b *testing.B) { compare(b, program, url, s, clean, rows, 10000/rows) })
		})
	}
	if err := db.Close(context.WithoutCancel(b.Context())); err != nil {
		b.Error(err)
	}
}

// compare runs pgbench on both tables by turns and reports the medians.
func compare(b *testing.B, program, url string, s *attach.Source, clean func(), rows, rate int) {
	const rounds = 3
	script := func(table string) string {
		name := filepath.Join(b.TempDir(), table+".sql")
		text := fmt.Sprintf("\\set a random(1, %d)\nUPDATE public.%s SET status = CASE WHEN status = 'open' THEN 'closed' ELSE 'open' END, updated_at = now() WHERE id BETWEEN :a AND :a + %d;\n",
			100000-rows, table, rows-1)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
		return name
	}
	scripts := map[string]string{"plain": script("plain"), "followed": script("followed"), "read": script("followed")}
	modes := []string{"plain", "followed", "read"}
	speed, latency := map[string][]float64{}, map[string][]float64{}
	for b.Loop() {
		for range rounds {
			for _, mode := range modes {
				clean()
				stop := func() {}
				if mode == "read" {
					stop = drain(b, s)
				}
				tps, ms := bench(b, program, url, scripts[mode], rate)
				stop()
				speed[mode], latency[mode] = append(speed[mode], tps*float64(rows)), append(latency[mode], ms)
			}
		}
	}
	b.ReportMetric(0, "ns/op") // says nothing here
	for _, mode := range modes {
		b.ReportMetric(math.Round(median(speed[mode])), mode+"-rows/s")
		b.ReportMetric(median(latency[mode]), mode+"-ms")
	}
	for _, mode := range modes[1:] {
		// Neighbouring runs are compared, as the machine's mood changes.
		var ratios []float64
		for i := range speed[mode] {
			ratios = append(ratios, speed["plain"][i]/speed[mode][i])
		}
		b.ReportMetric(100*(median(ratios)-1), mode+"-overhead-%")
	}
}

// drain reads and empties the log until it is stopped.
func drain(b *testing.B, s *attach.Source) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			c, err := s.Changes(ctx, "", 1000)
			if err == nil {
				for _, e := range s.Rows(ctx, c.IDs) {
					if err = e; err != nil {
						break
					}
				}
			}
			if err == nil {
				err = s.Acknowledge(ctx, c)
			}
			if err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	}
}

var (
	tpsLine     = regexp.MustCompile(`tps = ([0-9.]+)`)
	latencyLine = regexp.MustCompile(`latency average = ([0-9.]+) ms`)
)

// bench runs pgbench for a few seconds.
func bench(b *testing.B, program, url, script string, rate int) (tps, latency float64) {
	args := []string{"--no-vacuum", "--file", script, "--client", "2", "--time", "3"}
	if rate > 0 {
		args = append(args, "--rate", strconv.Itoa(rate))
	}
	out, err := exec.CommandContext(b.Context(), program, append(args, url)...).CombinedOutput() //nolint:gosec // PostgreSQL's own program
	if err != nil {
		b.Fatalf("pgbench: %v: %s", err, out)
	}
	number := func(line *regexp.Regexp) float64 {
		found := line.FindSubmatch(out)
		if found == nil {
			b.Fatalf("pgbench printed %s", out)
		}
		n, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			b.Fatal(err)
		}
		return n
	}
	return number(tpsLine), number(latencyLine)
}

func pgbench(b *testing.B) string {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if err == nil && len(found) > 0 {
		return slices.Max(found)
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		b.Fatal(err)
	}
	return path
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
