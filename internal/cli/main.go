package cli

import (
	"context"
	"errors"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/system"
	"github.com/jwtctl/jwtctl/internal/temporal"
)

// Arguments returns the arguments of the process started as called[0]. The temporal CLI
// runs "temporal jwt token" as "temporal-jwt token" (temporal.md): the default client of
// a token is then that CLI. It passes flags that it knows itself, such as -o FILE, before
// all others.
func Arguments(called []string) []string {
	if len(called) == 0 {
		return nil
	}
	args := called[1:]
	if strings.TrimSuffix(filepath.Base(called[0]), ".exe") != "temporal-jwt" {
		return args
	}
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case slices.Contains([]string{"token", "tctl-system-token", "cli-system-token"}, arg):
			return slices.Insert(slices.Clone(args), i+1, "--for", string(temporal.CLI))
		case arg == "--" || !strings.HasPrefix(arg, "-"):
			return args
		case !strings.Contains(arg, "=") && !slices.Contains([]string{"-q", "--quiet", "-v", "--verbose", "--version", "-h", "--help"}, arg):
			i++ // its value
		}
	}
	return args
}

// Main runs the command given by args and returns the exit code: 0 done, 1 the answer is
// no, 2 wrong usage, 3 could not decide (fault.Class).
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

// execute runs root until it is done or interrupted. It waits for a command that stays,
// which ends by itself on an interrupt.
func execute(root *cobra.Command, sys system.System, stays *atomic.Bool) error {
	ctx, stop := sys.Interrupt(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				// The value of a panic may quote input: only show its position.
				done <- fault.New(fault.Internal, "", "internal error (%T)\n%s", p, debug.Stack()).
					WithHint("please report this bug; leave out keys and tokens")
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
	case err := <-done: // it ended at the same moment
		return err
	default:
		return fault.New(fault.Interrupted, "", "interrupted")
	}
}
