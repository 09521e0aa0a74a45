// Package command is what every command is given, and what all of them do with
// their arguments.
package command

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/console"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
	"github.com/jwtctl/jwtctl/internal/system"
)

// Deps is what a command is given.
type Deps struct {
	// System is the outside world.
	System system.System
	*console.Console
	// Settings are those of the command that runs; they are read when its run
	// begins.
	Settings *settings.Settings
	// Stay says that the command ends by itself on an interrupt, and is to be
	// waited for: any other is left where it is, since files are written whole or
	// not at all.
	Stay func()
}

// Report writes err for people.
func (d Deps) Report(err error) {
	d.Console.Report(err, func(f *fault.Error) *fault.Error { return byFlags(d.Settings.Placed(f)) })
}

// AtFlag adds --at, the time to take for now.
func AtFlag(fs *pflag.FlagSet, at *string) {
	fs.StringVar(at, "at", "", "use `TIME` instead of the current time, such as 2026-01-31T12:00:00Z (RFC 3339)")
}

// Now returns the time of --at, or the clock's.
func (d Deps) Now(at string) (time.Time, error) {
	if at == "" {
		return d.System.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}, fault.New(fault.UsageError, "--at", "%q is not an RFC 3339 time", quote.Printable(at)).WithHint("such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// Clock returns the System's clock, or one that always shows the time of --at.
func (d Deps) Clock(at string) (func() time.Time, error) {
	if at == "" {
		return d.System.Now, nil
	}
	t, err := d.Now(at)
	return func() time.Time { return t }, err
}
