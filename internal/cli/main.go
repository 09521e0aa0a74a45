package cli

import (
	"context"
	"errors"
	"runtime/debug"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/system"
)

// Main runs the command that args name and returns the exit code: 0 done,
// 1 the answer is no, 2 wrong usage, 3 could not decide (fault.Class).
func Main(args []string, sys system.System) int {
	d := newDeps(sys)
	var stays atomic.Bool
	d.Stay = func() { stays.Store(true) }
	root := newRoot(d, args)
	root.SetArgs(args)
	err := execute(root, sys, &stays)
	if sys.Quit != nil {
		sys.Quit()
	}
	if failed := d.Out.Err(); failed != nil {
		err = errors.Join(err, fault.New(fault.FileFailed, "standard output", "cannot be written: %w", failed))
	}
	d.Report(err)
	return int(fault.ClassOf(err))
}

// execute runs root until it is done or interrupted. A command that stays is
// waited for, since it ends by itself on an interrupt.
func execute(root *cobra.Command, sys system.System, stays *atomic.Bool) error {
	ctx, stop := sys.Interrupt(context.Background())
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
	if stays.Load() {
		return <-done
	}
	select {
	case err := <-done: // it ended at the same instant
		return err
	default:
		return fault.New(fault.Interrupted, "", "interrupted")
	}
}
