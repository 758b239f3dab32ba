// Command holdfast is the whole product in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/fault"
)

// version is set by the build; a plain `go install` reports the module's.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// Exit codes, promised: 0 done, 1 failed, 2 wrong usage.
const (
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks an error in how a command was called.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "holdfast:", message(err))
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(os.Stderr, "Try `holdfast help`.")
		return exitUsage
	}
	return exitFailed
}

// message is what a person sees of an error: here the detail of internal
// errors too, since the person at the command line is the operator.
func message(err error) string {
	if errors.Is(err, context.Canceled) && fault.KindOf(err) == fault.Unavailable {
		return "interrupted"
	}
	return err.Error()
}

func newRoot() *cobra.Command {
	c := &cli{out: os.Stdout, errOut: os.Stderr}
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Keeps vectors anchored to the records they came from",
		Long: `Holdfast keeps vectors anchored to the records they came from.

Business state lives in a database; only text that has passed the privacy gate
is embedded; every embedding is made once; every step is durable.

First steps:
  holdfast demo                      see the whole path on a sample
  holdfast init tickets.jsonl        propose a declaration for your own data
  holdfast serve                     run the server and the console`,
		SilenceErrors: true, SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return c.configure(cmd) },
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	flags := root.PersistentFlags()
	flags.String("config", "", "configuration file (default: holdfast.yaml, if it is there)")
	flags.String("data", "", "data folder (default: ./holdfast-data)")
	flags.BoolVar(&c.json, "json", false, "print JSON for machines")
	models := c.modelsCommand()
	models.AddCommand(c.upgradeCommands()...)
	root.AddCommand(c.demoCommand(), c.serveCommand(), c.workerCommand(), c.initCommand(), c.applyCommand(), c.ingestCommand(), c.statusCommand(), c.searchCommand(), c.recordsCommand(), c.sourcesCommand(),
		c.runsCommand(), c.dlqCommand(), c.rebuildCommand(), c.reconcileCommand(), c.sweepCommand(), c.snapshotsCommand(), c.eraseCommand(), c.piiCommand(), c.keysCommand(), models, c.doctorCommand(), c.versionCommand())
	for _, cmd := range root.Commands() {
		strict(cmd)
	}
	return root
}

// strict makes wrong arguments a usage error, everywhere.
func strict(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if c.json {
				return c.printJSON(map[string]string{"version": buildVersion()})
			}
			return c.printf("holdfast %s\n", buildVersion())
		},
	}
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
