package messagecmd

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/input"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// Common mistakes, and hints for them.

// notAFile returns an error if arg is a message or token instead of a file name, and nil
// otherwise.
func notAFile(command, arg string) error {
	switch {
	case strings.HasPrefix(strings.TrimSpace(arg), "{"):
		return fault.New(fault.UsageError, command, "expected a file name, got the message itself").
			WithHint("to pass it on stdin: echo '{…}' | jwtctl %s -", command)
	case quote.IsToken(arg) && strings.Count(arg, ".") >= 1 && !strings.HasSuffix(arg, ".json"):
		return fault.New(fault.UsageError, command, "expected a message file, got a token").
			WithHint("check a token with jwtctl inspect, or pass the bearer token of a call with --bearer")
	}
	return nil
}

// notABearer returns an error if --bearer is an existing file's name without @, or
// standard input.
func notABearer(arg string) error {
	if arg == "-" || arg == "@-" {
		return fault.New(fault.UsageError, "--bearer", "takes a token or @FILE").WithHint("to read it from stdin, use --bearer @/dev/stdin")
	}
	if !settings.IsFile(arg) {
		return nil
	}
	return fault.New(fault.UsageError, "--bearer", "%s is a file, not a token", quote.Printable(arg)).
		WithHint("to read the token from it, use --bearer %s", quote.Shell("@"+arg))
}

// withKeyHint adds to errors about keys which keys are in use: keys given by flags
// replace those of jwtctl.yaml, including their IDs and issuers.
func (m *messages) withKeyHint(err error) error {
	return fault.Map(err, func(f *fault.Error) error {
		switch {
		case f.Hint != "":
		case f.Code == fault.KeyNotFound:
			return f.WithHint("%s", input.KeyHint(m.d, m.Ring))
		case f.Code == fault.KeyMissing && m.d.Settings.KeysReplacedBy() != "":
			return f.WithHint("%s", m.d.Settings.KeysReplacedBy())
		case f.Code == fault.KeyMissing && f.What != "keys":
			return f.WithHint("%s", input.KeysInUse(m.Ring))
		case f.Code == fault.TokenMissing && !m.given && f.What == "bearer token":
			return f.WithHint("add --bearer TOKEN or --bearer @FILE")
		}
		return f
	})
}
