package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/cmd/holdfast/sample"
	"github.com/holdfast/holdfast/fault"
)

func (c *cli) demoCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use: "demo", Short: "Show the whole path on a sample of 2,000 support tickets", Args: cobra.NoArgs,
		Long: `Loads a sample of 2,000 invented support tickets, takes them through the whole
pipeline and prints what happened, stage by stage. Each stage checks what it
claims; if one does not hold, the demo ends with an error.

It works on a fresh data folder: a temporary one, or with --data the folder
named, if that is new or empty, else a new one inside it. The folder is deleted
at the end unless --keep is given. On a terminal the demo then serves the
console until Ctrl-C.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data := ""
			if cmd.Flags().Changed("data") {
				data = c.config.Data
			}
			// A closed terminal or pipe must leave nothing behind either: the one
			// is an end as Ctrl-C is, the other an error to print.
			ctx := cmd.Context()
			if !signal.Ignored(syscall.SIGHUP) {
				var stop context.CancelFunc
				ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
				defer stop()
			}
			signal.Ignore(syscall.SIGPIPE)
			defer signal.Reset(syscall.SIGPIPE)
			return c.demo(ctx, data, keep)
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the data folder")
	cmd.Flags().String("listen", "", "address of the console (default 127.0.0.1:7420)")
	return cmd
}

// demo is one run of the demo: what it works with, and what it measured.
type demo struct {
	*paper
	cli     *cli
	client  *client
	tickets []ticket
	seen    map[string]bool // runs that an earlier stage has counted
	figures figures
}

// figures are what `demo --json` prints. Times are in seconds unless the name
// says otherwise; shares are 0 to 1.
type figures struct {
	Data     string         `json:"data"`
	Kept     bool           `json:"kept"`
	Load     loadFigures    `json:"load"`
	Index    indexFigures   `json:"index"`
	Accuracy accuracy       `json:"accuracy"`
	Searches []searchFigure `json:"searches"`
	Metadata metaFigures    `json:"metadata"`
	Edit     editFigures    `json:"edit"`
	Poison   poisonFigures  `json:"poison"`
	Seconds  float64        `json:"seconds"`
}

// ticket is a record of the sample.
type ticket struct {
	ID     string `json:"id"`
	Fields struct {
		Subject  string   `json:"subject"`
		Body     string   `json:"body"`
		Status   string   `json:"status"`
		Priority int      `json:"priority"`
		Tags     []string `json:"tags"`
		Customer string   `json:"customer"`
	} `json:"fields"`
}

func readTickets() ([]ticket, error) {
	var out []ticket
	for line := range sample.Records() {
		var t ticket
		if err := json.Unmarshal(line, &t); err != nil {
			return nil, fmt.Errorf("read sample: %w", err)
		}
		out = append(out, t)
	}
	return out, nil
}

func (c *cli) demo(ctx context.Context, data string, keep bool) (err error) {
	if err := onlyLoopback(c.config.Listen); err != nil {
		return err
	}
	tickets, err := readTickets()
	if err != nil {
		return err
	}
	folder, err := freshFolder(data)
	if err != nil {
		return err
	}
	if !keep {
		defer func() { err = errors.Join(err, folder.remove()) }()
	}
	// Only the folder is taken from the configuration: the demo shows the
	// defaults, and must not call a model that costs money.
	own := &cli{out: c.out, errOut: c.errOut, json: c.json, log: c.log, config: config{Data: folder.path, Listen: c.config.Listen}}
	if err := own.config.complete(); err != nil {
		return err
	}
	d := &demo{paper: newPaper(c), cli: own, tickets: tickets, seen: map[string]bool{}}
	d.figures.Data, d.figures.Kept = folder.path, keep
	_, onTerminal := terminal(c.out)
	serve := onTerminal && !c.json
	o, err := d.own(ctx, serve)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close(ctx)) }()
	d.client = &client{base: "http://" + o.at.Address, token: o.at.Token, owner: o}
	if err := d.run(ctx); err != nil {
		return err
	}
	if c.json {
		return c.printJSON(d.figures)
	}
	d.farewell(serve)
	if d.err != nil || !serve {
		return d.err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-o.ended:
		return err
	}
}

// own takes the data folder. What is not served needs no address of its own;
// an address that is taken is replaced by a free one.
func (d *demo) own(ctx context.Context, serve bool) (*owner, error) {
	if !serve {
		return d.cli.own(ctx, "127.0.0.1:0")
	}
	o, err := d.cli.own(ctx, d.cli.config.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		d.note("%s is in use by something else; the console takes a free port.", d.cli.config.Listen)
		d.gap()
		return d.cli.own(ctx, "127.0.0.1:0")
	}
	return o, err
}

// run goes through the stages.
func (d *demo) run(ctx context.Context) error {
	start := time.Now()
	d.welcome()
	for i, stage := range []struct {
		title string
		run   func(context.Context) error
	}{
		{"Load 2,000 tickets", d.load},
		{"Index them: gate, split, embed, index", d.index},
		{"Search, in other words than the tickets'", d.searches},
		{"Change metadata of 500 records", d.metadata},
		{"Edit the middle of a long record", d.edit},
		{"Poison a record", d.poison},
	} {
		d.heading(i+1, stage.title)
		if err := stage.run(ctx); err != nil {
			return fmt.Errorf("stage %d: %w", i+1, err)
		}
		d.gap()
		if d.err != nil {
			return d.err
		}
	}
	d.figures.Seconds = time.Since(start).Seconds()
	return nil
}

// broken is a claim that did not hold.
func broken(format string, args ...any) error {
	return fault.New(fault.Internal, "this must not be: "+format, args...)
}

// folder is a data folder that the demo may delete.
type folder struct {
	path    string
	created bool // else only what the demo put into it is its own
}

// freshFolder finds a folder with nothing in it: a temporary one, or the one
// named, or else a new one inside that.
func freshFolder(named string) (folder, error) {
	if named == "" {
		path, err := os.MkdirTemp("", "holdfast-demo-")
		return folder{path, true}, fault.As(fault.Unavailable, err)
	}
	if err := os.MkdirAll(filepath.Dir(named), 0o700); err != nil {
		return folder{}, fault.New(fault.Unavailable, "create data folder: %w", err)
	}
	err := os.Mkdir(named, 0o700)
	if err == nil {
		return folder{named, true}, nil
	}
	if !errors.Is(err, os.ErrExist) {
		return folder{}, fault.New(fault.Unavailable, "create data folder: %w", err)
	}
	inside, err := os.ReadDir(named)
	if err != nil {
		return folder{}, fault.New(fault.Unavailable, "read data folder: %w", err)
	}
	if len(inside) == 0 {
		return folder{named, false}, nil
	}
	path, err := os.MkdirTemp(named, "demo-")
	return folder{path, true}, fault.As(fault.Unavailable, err)
}

func (f folder) remove() error {
	if f.created {
		return os.RemoveAll(f.path)
	}
	inside, err := os.ReadDir(f.path)
	errs := []error{err}
	for _, e := range inside {
		errs = append(errs, os.RemoveAll(filepath.Join(f.path, e.Name())))
	}
	return errors.Join(errs...)
}
