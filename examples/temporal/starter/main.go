// Command starter starts one greeting workflow, waits for it and prints its result.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/jwtctl/jwtctl/examples/temporal/connect"
	"github.com/jwtctl/jwtctl/examples/temporal/greeting"
)

func main() {
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(context.Background(), os.Args[1:], os.Stdout, logger); err != nil {
		fmt.Fprintln(os.Stderr, "starter:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer, logger *slog.Logger) error {
	var to connect.Flags
	flags := flag.NewFlagSet("starter", flag.ExitOnError)
	to.Register(flags)
	timeout := flags.Duration("timeout", time.Minute, "how long to wait for the result")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	c, err := to.Dial(ctx, logger)
	if err != nil {
		return err
	}
	defer c.Close()

	started, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: greeting.TaskQueue}, greeting.Workflow, "Temporal")
	if err != nil {
		return fmt.Errorf("start workflow: %w\nhint: look for the reason of a refusal in the server's log", err)
	}
	var result string
	if err := started.Get(ctx, &result); err != nil {
		return fmt.Errorf("workflow: %w\nhint: is the worker running?", err)
	}
	_, err = fmt.Fprintln(stdout, "Workflow result:", result)
	return err
}
