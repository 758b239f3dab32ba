package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// cli is what every command works with.
type cli struct {
	out, errOut io.Writer
	json        bool
	config      config
	log         *slog.Logger
}

func (c *cli) printf(format string, args ...any) error {
	_, err := fmt.Fprintf(c.out, format, args...)
	return err
}

func (c *cli) printJSON(v any) error {
	enc := json.NewEncoder(c.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// terminal reports whether w is a terminal, and how wide it is.
func terminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return width, true
}

// table prints rows under a heading, the last column cut to fit a terminal.
func (c *cli) table(heading []string, rows [][]string) error {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t")) // a Builder takes everything
	}
	if err := w.Flush(); err != nil {
		return err
	}
	width, isTerminal := terminal(c.out)
	for line := range strings.Lines(text.String()) {
		line = strings.TrimRight(line, " \n")
		if isTerminal {
			line = shorten(line, width)
		}
		if err := c.printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// shorten cuts s to at most n characters, with an ellipsis if it cuts.
func shorten(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:max(n-1, 0)]), " ") + "…"
}

// progress shows how far long work is: a bar on a terminal, a line now and
// then elsewhere.
type progress struct {
	bar    *progressbar.ProgressBar
	w      io.Writer
	label  string
	last   time.Time
	start  time.Time
	unit   int64 // of a plain line
	format string
}

// newProgress starts at zero; total below 0 means unknown.
func (c *cli) newProgress(label string, total int64) *progress {
	return c.startProgress(label, total, false)
}

// newByteProgress counts bytes.
func (c *cli) newByteProgress(label string, total int64) *progress {
	return c.startProgress(label, total, true)
}

func (c *cli) startProgress(label string, total int64, bytes bool) *progress {
	p := &progress{w: c.errOut, label: label, start: time.Now(), unit: 1, format: "%s: %d of %d\n"}
	if bytes {
		p.unit, p.format = 1<<20, "%s: %d of %d MiB\n"
	}
	if width, ok := terminal(c.errOut); ok {
		p.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(c.errOut), progressbar.OptionSetDescription(fmt.Sprintf("%-12s", label)),
			progressbar.OptionShowCount(), progressbar.OptionShowBytes(bytes), progressbar.OptionSetWidth(min(40, max(10, width/3))), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(80*time.Millisecond), progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}))
	}
	p.last = p.start
	return p
}

// plainEvery is how often progress is told where there is no terminal.
const plainEvery = 5 * time.Second

func (p *progress) set(done, total int64) {
	if p.bar != nil {
		if total > 0 && p.bar.GetMax64() != total {
			p.bar.ChangeMax64(total)
		}
		_ = p.bar.Set64(done) // a bar that cannot be drawn stops nothing
		return
	}
	if time.Since(p.last) < plainEvery {
		return
	}
	p.last = time.Now()
	if total > 0 {
		_, _ = fmt.Fprintf(p.w, p.format, p.label, done/p.unit, total/p.unit)
		return
	}
	_, _ = fmt.Fprintf(p.w, "%s: %d\n", p.label, done/p.unit)
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

func plural(n int64, one string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, one)
	}
	if strings.HasSuffix(one, "y") {
		return fmt.Sprintf("%d %sies", n, one[:len(one)-1])
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// ago says how long ago a time is, for people.
func ago(t time.Time) string {
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
