package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/fault"
)

func (c *cli) workerCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use: "worker", Short: "Work on the database's pipelines, without a server", Args: cobra.NoArgs,
		Long: `Runs the pipelines on the database that the configuration names, next to any
number of other workers and servers. It keeps no state: it may be ended or
killed at any time, and others take up what it had in hand.

With --listen it answers /healthz, /readyz and /metrics there, and nothing else.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.worker(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "address for /healthz, /readyz and /metrics (default: none)")
	return cmd
}

func (c *cli) worker(ctx context.Context, listen string) (err error) {
	switch {
	case !c.config.Database.used():
		return fault.Field("database", "a worker needs a database that it shares with others; name one in holdfast.yaml, or use `holdfast serve`, which works on its data folder alone")
	case c.config.Index == localIndex:
		return fault.Field("index", "an index in a data folder belongs to one process; workers need one that they share: set `index: pgvector`")
	}
	o, err := c.occupy()
	if err != nil {
		return err
	}
	if o.app, err = c.build(ctx, o); err != nil {
		return errors.Join(err, o.leave())
	}
	defer func() { err = errors.Join(err, o.close(ctx)) }()
	at := "no address"
	if listen != "" {
		if at, err = o.answer(ctx, listen, c.log); err != nil {
			return err
		}
	}
	o.work(ctx)
	if err := c.printf("Holdfast works on %s, listening on %s\nStop with Ctrl-C.\n", c.config.place(), at); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-o.ended:
		return err
	}
}

// answer serves what an operator's tools ask a worker for.
func (o *owner) answer(ctx context.Context, listen string, log *slog.Logger) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return "", fault.New(fault.Unavailable, "listen on %s: %w; use --listen for another address", listen, err)
	}
	o.server = &http.Server{Handler: health(o.app), ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		if err := o.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serve", "error", err) //nolint:sloglint // outlives the caller's context
		}
	}()
	return listener.Addr().String(), nil
}

func health(app *holdfast.App) http.Handler {
	mux := http.NewServeMux()
	say := func(w http.ResponseWriter, code int, status string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"status":"` + status + `"}` + "\n")) // nobody to tell
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if _, err := app.Collections(r.Context(), "", 1); err != nil {
			say(w, http.StatusServiceUnavailable, "the database does not answer")
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", app.Metrics().Handler())
	return mux
}
