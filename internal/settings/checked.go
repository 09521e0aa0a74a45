package settings

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// checked is the value of a flag that accepts only what check does.
type checked struct {
	pflag.Value
	check func(text string) error
}

// Check makes check decide about the value of a flag that takes one, before the command
// reads anything.
func Check(fs *pflag.FlagSet, name string, check func(text string) error) {
	f := fs.Lookup(name)
	f.Value = checked{f.Value, check}
}

// checkValue returns the error of f's own check as one about f.
func checkValue(f *pflag.Flag, value string) error {
	c, ok := f.Value.(checked)
	if !ok {
		return nil
	}
	err := c.check(value)
	if bad, ok := errors.AsType[*fault.Error](err); ok {
		about := bad.About("--" + f.Name)
		about.Code = fault.UsageError
		return about
	}
	return err
}
