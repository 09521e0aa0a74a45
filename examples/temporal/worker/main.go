// Command worker runs the greeting workflow and its activity until Ctrl+C. Its token is made from the private key and
// renewed before it expires.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/worker"

	"github.com/jwtctl/jwtctl/examples/temporal/connect"
	"github.com/jwtctl/jwtctl/examples/temporal/greeting"
)

func main() {
	if err := run(os.Args[1:], slog.New(slog.NewTextHandler(os.Stderr, nil))); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(args []string, logger *slog.Logger) error {
	var to connect.Flags
	flags := flag.NewFlagSet("worker", flag.ExitOnError)
	to.Register(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := to.Dial(context.Background(), logger)
	if err != nil {
		return err
	}
	defer c.Close()

	w := worker.New(c, greeting.TaskQueue, worker.Options{})
	w.RegisterWorkflow(greeting.Workflow)
	w.RegisterActivity(greeting.Activity)
	if err := w.Run(worker.InterruptCh()); err != nil {
		return fmt.Errorf("%w\nhint: check that namespace %q is registered and that the server has this key", err, to.Namespace)
	}
	return nil
}
