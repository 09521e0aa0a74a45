package cli

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/system"
)

// Main runs the command that args name and returns the exit code: 0 done,
// 1 the answer is no, 2 wrong usage, 3 could not decide (fault.Class).
func Main(args []string, sys system.System) int {
	a := newApp(sys)
	root := a.root(args)
	root.SetArgs(args)
	err := a.execute(root)
	if failed := a.Out.Err(); failed != nil {
		err = errors.Join(err, fault.New(fault.FileFailed, "standard output", "cannot be written: %w", failed))
	}
	a.Report(err)
	return int(fault.ClassOf(err))
}

// execute runs root until it is done or interrupted. A command that ends by
// itself on an interrupt (app.graceful) is waited for; any other is left where
// it stands, since files are written whole or not at all.
func (a *app) execute(root *cobra.Command) error {
	ctx, stop := a.System.Interrupt(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				// The value of a panic may quote what it stumbled over: only its place is shown.
				done <- fault.New(fault.Internal, "", "internal error (%T)\n%s", p, debug.Stack()).
					WithHint("please report this bug, without your keys and tokens")
			}
		}()
		done <- root.ExecuteContext(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	if a.graceful.Load() {
		return <-done
	}
	select {
	case err := <-done: // it ended at the same instant
		return err
	default:
		return fault.New(fault.Interrupted, "", "interrupted")
	}
}
