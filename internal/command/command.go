// Package command has the dependencies that every command gets, and shared handling of
// arguments.
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

// Deps are the dependencies of a command.
type Deps struct {
	// System is the interface to the outside world.
	System system.System
	*console.Console
	// Settings are those of the running command, read when it starts.
	Settings *settings.Settings
	// Stay marks a command that ends by itself on an interrupt and must be waited for.
	// Other commands are abandoned, which is safe since files are written atomically.
	Stay func()
}

// Report prints err.
func (d Deps) Report(err error) {
	d.Console.Report(err, func(f *fault.Error) *fault.Error { return withFlagRemedy(d.Settings.WithOrigin(f)) })
}

// AtFlag adds --at, the time to use instead of the current time.
func AtFlag(fs *pflag.FlagSet, at *string) {
	fs.StringVar(at, "at", "", "use `TIME` instead of the current time, such as 2026-01-31T12:00:00Z (RFC 3339)")
}

// Now returns the time given by --at, or the current time.
func (d Deps) Now(at string) (time.Time, error) {
	if at == "" {
		return d.System.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return time.Time{}, fault.New(fault.UsageError, "--at", "%q is not an RFC 3339 time", quote.Printable(at)).WithHint("write it like 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// Clock returns the System's clock, or one that always returns the time given by --at.
func (d Deps) Clock(at string) (func() time.Time, error) {
	if at == "" {
		return d.System.Now, nil
	}
	t, err := d.Now(at)
	return func() time.Time { return t }, err
}
