// Package endtoend_test measures the real binary on each database: records
// per second from the first byte sent to the last record searchable, peak
// memory, and the time from a write's commit until it is searchable.
package endtoend_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast/holdfast/internal/testpg"
)

const (
	records = 10000 // of 1 kB, to load
	singles = 300   // writes to time
)

// BenchmarkEndToEnd measures the binary that HOLDFAST_BINARY names. Without a
// PostgreSQL it starts a private one, which writes to disk as a real one does.
func BenchmarkEndToEnd(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { measure(b, "", "") })
	b.Run("postgres", func(b *testing.B) { measure(b, server(b, testpg.Env, testpg.Start), "") })
	b.Run("postgres+pgvector", func(b *testing.B) { measure(b, server(b, testpg.EnvVector, testpg.StartVector), "index: pgvector\n") })
}

func server(tb testing.TB, env string, start func(testing.TB) *testpg.Cluster) string {
	tb.Helper()
	if url := os.Getenv(env); url != "" {
		return url
	}
	return start(tb).URL()
}

func measure(tb *testing.B, url, config string) {
	dir, path := tb.TempDir(), os.Getenv("HOLDFAST_BINARY")
	if path == "" {
		tb.Skip("HOLDFAST_BINARY names no binary; run `make bench`")
	}
	if url != "" {
		config += fmt.Sprintf("database: {url_env: HOLDFAST_BENCH_DB, schema: %s}\n", testpg.Schema())
	}
	if err := os.WriteFile(filepath.Join(dir, "holdfast.yaml"), []byte(config), 0o600); err != nil {
		tb.Fatal(err)
	}
	started := time.Now()
	cmd := exec.CommandContext(tb.Context(), path, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "data")) //nolint:gosec // the operator names it
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "HOLDFAST_BENCH_DB="+url)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	b := &bench{B: tb, ctx: tb.Context(), pid: cmd.Process.Pid}
	line := regexp.MustCompile(`console +(http://[^/]+)/`)
	for lines := bufio.NewScanner(stdout); b.base == "" && lines.Scan(); {
		if m := line.FindStringSubmatch(lines.Text()); m != nil {
			b.base = m[1]
		}
	}
	if b.base == "" {
		tb.Fatal("the server did not start")
	}
	tb.ReportMetric(ms(time.Since(started)), "ms-start")
	if err := b.call(http.MethodPut, "/v1/collections/bench", `{"content":["subject","body"],"metadata":["status","n"]}`, nil); err != nil {
		tb.Fatal(err)
	}
	if err := b.load(); err != nil {
		tb.Fatal(err)
	}
	if err := b.single(records, singles); err != nil {
		tb.Fatal(err)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type bench struct {
	*testing.B
	ctx  context.Context //nolint:containedctx // one run, one context
	base string
	pid  int
}

func (b *bench) call(method, path, body string, out any) error {
	req, err := http.NewRequestWithContext(b.ctx, method, b.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, data)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// load streams records in and waits until all are searchable.
func (b *bench) load() error {
	var lines bytes.Buffer
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range records {
		fields := map[string]any{"subject": sentence(rng, 6), "body": body(rng, n), "status": pick(rng, []string{"open", "closed"}), "n": n}
		if err := json.NewEncoder(&lines).Encode(map[string]any{"id": fmt.Sprintf("r%d", n), "fields": fields}); err != nil {
			return err
		}
	}
	size := lines.Len()
	start := time.Now()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.base+"/v1/collections/bench/records:batch", &lines)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answers, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if bad := bytes.Count(answers, []byte(`"error"`)); bad > 0 {
		return fmt.Errorf("%d lines refused", bad)
	}
	written := time.Since(start)
	if err := b.fresh(); err != nil {
		return err
	}
	all := time.Since(start)
	b.Logf("%d records of %d bytes on average", records, size/records)
	b.ReportMetric(records/written.Seconds(), "acknowledged/s")
	b.ReportMetric(records/all.Seconds(), "searchable/s")
	b.ReportMetric(b.peak(), "MB-peak")
	return b.counters()
}

type status struct {
	Pending int64 `json:"pending_changes"`
	Dead    int64 `json:"dead_letters"`
	Latest  int64 `json:"latest_change"`
}

// fresh waits until nothing is pending.
func (b *bench) fresh() error {
	for {
		var st status
		if err := b.call(http.MethodGet, "/v1/collections/bench/status", "", &st); err != nil {
			return err
		}
		if st.Dead > 0 {
			return fmt.Errorf("%d dead letters", st.Dead)
		}
		if st.Pending == 0 {
			return nil
		}
		// Asking for the newest change waits on the server; the answer may be
		// that it took too long.
		_ = b.call(http.MethodPost, "/v1/collections/bench/search",
			fmt.Sprintf(`{"query":"x","k":1,"mode":"lexical","min_freshness":%d}`, st.Latest), nil)
	}
}

// single times single writes, one after another.
func (b *bench) single(from, n int) error {
	rng := rand.New(rand.NewPCG(3, 4))
	took := make([]time.Duration, 0, n)
	for i := range n {
		fields, err := json.Marshal(map[string]any{"fields": map[string]any{"subject": sentence(rng, 6), "body": body(rng, from+i), "status": "open"}})
		if err != nil {
			return err
		}
		var w struct {
			Change int64 `json:"change"`
		}
		if err := b.call(http.MethodPut, fmt.Sprintf("/v1/collections/bench/records/s%d", i), string(fields), &w); err != nil {
			return err
		}
		start := time.Now()
		if err := b.call(http.MethodPost, "/v1/collections/bench/search",
			fmt.Sprintf(`{"query":"engine","k":1,"min_freshness":%d}`, w.Change), nil); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(ms(took[n/2]), "ms-p50")
	b.ReportMetric(ms(took[n*99/100]), "ms-p99")
	return nil
}

// peak is the process's largest resident size so far, in MB.
func (b *bench) peak() float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.pid))
	if err != nil {
		return -1
	}
	var kb float64
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, _ = fmt.Sscan(rest, &kb)
		}
	}
	return kb / 1024
}

func (b *bench) counters() error {
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.base+"/metrics", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "holdfast_embedding_texts_total") {
			b.Log(lines.Text())
		}
	}
	return lines.Err()
}

func pick(rng *rand.Rand, from []string) string { return from[rng.IntN(len(from))] }

var vocabulary = strings.Fields(`the a of and to in for on with at from by about as into like through after over
	between out against during without before under around among customer order parcel router invoice account
	engine signal update window battery cable screen button light sound error report ticket request answer delay
	refund address street number office manager team morning evening week month year broken late missing wrong
	slow heavy empty red blue green small large new old open close start stop send receive call write read check
	install remove replace repair return pay charge cancel confirm arrive leave wait try fail work help need want`)

func sentence(rng *rand.Rand, words int) string {
	out := make([]string, words)
	for i := range out {
		out[i] = pick(rng, vocabulary)
	}
	s := strings.Join(out, " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

// body is about 1 kB of text with a name, an address and a number in it.
func body(rng *rand.Rand, n int) string {
	first := pick(rng, []string{"Margaret", "Tobias", "Aisha", "Chen", "Lucía", "Oluwaseun"})
	last := pick(rng, []string{"Okonkwo", "Lindqvist", "Rahman", "Wei", "Fernández", "Adeyemi"})
	var b strings.Builder
	fmt.Fprintf(&b, "Hello, this is %s %s about case %d. ", first, last, n)
	for b.Len() < 850 {
		b.WriteString(sentence(rng, 8+rng.IntN(10)))
		b.WriteString(". ")
	}
	fmt.Fprintf(&b, "Please write to %s.%s%d@example.com or call +44 20 7946 0%03d.", strings.ToLower(first), strings.ToLower(last), n, rng.IntN(1000))
	return b.String()
}
