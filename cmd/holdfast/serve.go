package main

import (
	"context"
	"errors"
	"net"

	"github.com/spf13/cobra"

	"github.com/holdfast/holdfast/fault"
)

func (c *cli) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server and the console", Args: cobra.NoArgs,
		Long: `Runs the server, the pipelines and the console on one data folder, or on the
database that the configuration names; several may then run at once.

It listens on 127.0.0.1:7420 and refuses any address that is not loopback:
whoever reaches a loopback address is the admin, and there is no other way
to prove who one is yet.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.serve(cmd.Context()) },
	}
	cmd.Flags().String("listen", "", "address to listen on (default 127.0.0.1:7420)")
	return cmd
}

func (c *cli) serve(ctx context.Context) error {
	if err := onlyLoopback(c.config.Listen); err != nil {
		return err
	}
	o, err := c.own(ctx, c.config.Listen)
	if errors.Is(err, errOwned) {
		return fault.New(fault.Conflict, "the data folder %s is in use by another holdfast; stop it, or name another folder with --data", c.config.Data)
	}
	if err != nil {
		return err
	}
	if o.lock == nil { // the commands that run here find it, though they could do without
		if err := o.publish(); err != nil {
			return errors.Join(err, o.close(ctx))
		}
	}
	if err := c.printf("Holdfast serves %s\n  console  http://%s/\n  API      http://%s/v1/ (described at /openapi.json)\nStop with Ctrl-C.\n",
		c.config.place(), o.at.Address, o.at.Address); err != nil {
		return errors.Join(err, o.close(ctx))
	}
	select {
	case <-ctx.Done():
		return o.close(ctx)
	case err := <-o.ended:
		return errors.Join(err, o.close(ctx))
	}
}

func onlyLoopback(listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return usage("--listen %s: %v", listen, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fault.New(fault.Denied, "refuse to listen on %s: without authentication only a loopback address such as 127.0.0.1:7420 is allowed", listen)
}
