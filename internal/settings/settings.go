// Package settings has the settings of a run: from flags, or else variables, or else
// jwtctl.yaml, with the origin of each value.
package settings

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
)

// IgnoresConfig marks commands that ignore jwtctl.yaml and variables.
const IgnoresConfig = "jwtctl:needs-no-config"

// Settings are the settings of one command.
type Settings struct {
	// File is the content of jwtctl.yaml; empty if there is none.
	*config.File
	getenv func(name string) (value string, set bool)
	// origins are the origins of values that were not on the command line.
	origins []origin
	// keysReplacedBy is the flag or variable that gives the keys, or "" if those of the file
	// are used.
	keysReplacedBy string
	// cmd is the command whose flags were read, or nil before that.
	cmd *cobra.Command
}

// New returns the settings of a command that is not yet known.
func New(getenv func(name string) (value string, set bool)) *Settings {
	return &Settings{File: &config.File{}, getenv: getenv}
}

// Load sets every flag of cmd that the command line does not set from its variable, or
// else its key in the configuration file.
func (s *Settings) Load(cmd *cobra.Command) error {
	s.cmd = cmd
	if cmd.Annotations[IgnoresConfig] != "" {
		return s.checkValues(cmd.Flags())
	}
	path, found, err := s.Find(cmd)
	if err != nil {
		return err
	}
	return s.read(cmd, path, found)
}

// read applies the file at path, if not "".
func (s *Settings) read(cmd *cobra.Command, path string, found bool) (err error) {
	file := &config.File{}
	if path != "" {
		if file, err = config.Read(path, found); err != nil {
			return err
		}
	}
	return s.Apply(cmd, file)
}

// Apply is Load with a file that was already read.
func (s *Settings) Apply(cmd *cobra.Command, file *config.File) error {
	s.File, s.cmd = file, cmd
	for i, e := range file.Keys {
		s.recordOrigin("", file.KeyPosition(i), e.File)
	}
	for i, e := range file.KeySets {
		s.recordOrigin("", file.KeySetPosition(i), e.JWKS)
	}
	if err := s.resolve(cmd.Flags()); err != nil {
		return err
	}
	return s.checkValues(cmd.Flags())
}

// Reload evaluates the current files and variables, for a long-running command. register
// defines the command's flags in fs, bound to new options; these get the values of the
// command line too.
func (s *Settings) Reload(register func(fs *pflag.FlagSet)) (*Settings, error) {
	cmd := &cobra.Command{Use: s.cmd.Use}
	fs := cmd.Flags()
	register(fs)
	var failed error
	s.cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed || !s.isGiven(f.Name) || fs.Lookup(f.Name) == nil {
			return
		}
		for _, value := range flagValues(f) {
			if err := fs.Set(f.Name, value); err != nil {
				failed = fault.New(fault.Internal, "--"+f.Name, "cannot be read again: %w", err)
			}
		}
	})
	if failed != nil {
		return nil, failed
	}
	fresh := New(s.getenv)
	path, found, err := fresh.Find(s.cmd)
	if err != nil {
		return nil, err
	}
	if path != s.Path {
		return nil, fault.New(fault.ConfigInvalid, "the configuration", "was %q at startup, but is now %q", s.Path, path)
	}
	return fresh, fresh.read(cmd, path, found)
}

// Find returns the configuration file for cmd, or "", and whether it was found rather
// than named.
func (s *Settings) Find(cmd *cobra.Command) (path string, found bool, err error) {
	if f := cmd.Flags().Lookup("config"); f != nil && f.Value.String() != "" {
		return f.Value.String(), false, nil
	}
	if path, _ := s.getenv("JWTCTL_CONFIG"); path != "" {
		s.recordOrigin("config", "JWTCTL_CONFIG", path)
		return path, false, nil
	}
	path, err = config.Find()
	return path, true, err
}

// NameOf returns the name of cmd for messages, without the program's name.
func NameOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()), " ")
}
