package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Main runs the command that args name and returns the exit code: 0 done,
// 1 the answer is no, 2 wrong usage, 3 could not decide (fault.Class).
func Main(args []string, sys System) int {
	a := newApp(sys)
	a.args = args
	root := a.root(args)
	root.SetArgs(args)
	err := a.execute(root)
	if a.out.err != nil {
		err = errors.Join(err, fault.New(fault.FileFailed, "standard output", "cannot be written: %w", a.out.err))
	}
	a.report(err)
	return int(fault.ClassOf(err))
}

// execute runs root until it is done or interrupted. A command that ends by
// itself on an interrupt (app.graceful) is waited for; any other is left where
// it stands, since files are written whole or not at all.
func (a *app) execute(root *cobra.Command) error {
	ctx, stop := a.sys.Interrupt(context.Background())
	defer stop()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				// The value of a panic may quote what it stumbled over: only its place is shown.
				done <- fault.New(fault.Internal, "jwtctl", "a fault of its own (%T)\n%s", p, debug.Stack()).
					WithHint("please report this, without your keys and tokens")
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
		return fault.New(fault.Interrupted, "jwtctl", "interrupted")
	}
}

// report writes err for people: a line `jwtctl: what: why`, then its hint, once
// for several in a row that have the same.
func (a *app) report(err error) {
	a.telling.Lock()
	defer a.telling.Unlock()
	var list []*fault.Error
	for _, e := range fault.All(err) {
		if _, said := e.(answeredNo); said {
			continue
		}
		var f *fault.Error
		if !errors.As(e, &f) {
			f = &fault.Error{Why: e.Error()}
		}
		list = append(list, a.placed(f))
	}
	for i, f := range list {
		_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().bad("jwtctl:"), quote.Message(f.Error()))
		again := i+1 < len(list) && list[i+1].Hint == f.Hint // which is told once, after the last
		if f.Hint != "" && !again {
			_, _ = fmt.Fprintf(a.sys.Err, "%s %s\n", a.styles().dim("hint:"), quote.Message(f.Hint))
		}
	}
}
