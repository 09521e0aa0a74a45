package cli

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// What people put in the wrong place, and what to say to it.

// notAFile refuses the text of a message or token where the name of its file is
// needed; nil for anything else.
func notAFile(command, arg string) error {
	switch {
	case strings.HasPrefix(strings.TrimSpace(arg), "{"):
		return fault.New(fault.UsageError, command, "the message itself stands where the name of its file is needed").
			WithHint("echo '{…}' | jwtctl %s -", command)
	case strings.HasPrefix(arg, "eyJ") && strings.Count(arg, ".") >= 1 && !strings.HasSuffix(arg, ".json"):
		return fault.New(fault.UsageError, command, "a token stands where the file of a message is needed").
			WithHint("jwtctl inspect checks a token by itself, --bearer TOKEN the bearer token of a call")
	}
	return nil
}

// notABearer refuses for --bearer the name of a file that is there, without its
// @, and standard input.
func notABearer(arg string) error {
	if arg == "-" || arg == "@-" {
		return fault.New(fault.UsageError, "--bearer", "takes a token or @FILE").WithHint("--bearer @/dev/stdin")
	}
	if !settings.IsFile(arg) {
		return nil
	}
	return fault.New(fault.UsageError, "--bearer", "%s is the name of a file, not a token", quote.Printable(arg)).
		WithHint("--bearer @%s takes the token that is in it", arg)
}

// withKeyHint adds to errors about keys which keys are in use: those that are
// named replace the ones of jwtctl.yaml, with their ids and issuers.
func (m *messages) withKeyHint(err error) error {
	var list []error
	for _, one := range fault.All(err) {
		var f *fault.Error
		if errors.As(one, &f) && f.Hint == "" {
			switch {
			case f.Code == fault.KeyNotFound:
				one = f.WithHint("%s", m.keyHint())
			case f.Code == fault.KeyMissing && m.app.Settings.SetAside() != "":
				one = f.WithHint("%s", m.app.Settings.SetAside())
			case f.Code == fault.KeyMissing && f.What != "keys":
				one = f.WithHint("%s", m.keysInUse())
			case f.Code == fault.TokenMissing && !m.given && f.What == "bearer token":
				one = f.WithHint("--bearer TOKEN, or --bearer @FILE")
			}
		}
		list = append(list, one)
	}
	return errors.Join(list...)
}

// withHint gives an error of code that has no hint the one that hint returns,
// unless that is "".
func withHint(err error, code fault.Code, hint func() string) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.Hint != "" {
		return err
	}
	if text := hint(); text != "" {
		return f.WithHint("%s", text)
	}
	return err
}

// keyHint names the keys in use, and how to use others.
func (m *messages) keyHint() string { return m.app.keyHint(m.ring) }

// keysInUse lists the keys that were given.
func (m *messages) keysInUse() string { return keysInUse(m.ring) }

// keyHint names the keys of ring, and which others are set aside.
func (a *app) keyHint(ring *keys.Ring) string {
	text := keysInUse(ring)
	if by := a.Settings.SetAside(); by != "" {
		text = strings.TrimPrefix(text+"; "+by, "; ")
	}
	return text
}

// keysInUse lists the keys of ring that are at hand, those of sets too; "" where
// there are none.
func keysInUse(ring *keys.Ring) string {
	const most = 8
	var names []string
	for _, k := range ring.Held() {
		name := quote.Shorten(k.ID())
		if k.Issuer() != "" {
			name += " (issuer " + quote.Shorten(k.Issuer()) + ")"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > most {
		names = append(names[:most], "…")
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "the only key is " + names[0]
	}
	return "the keys are " + strings.Join(names, ", ")
}

// withRevisionHint says how --against names a revision.
func withRevisionHint(err error, against string) error {
	var f *fault.Error
	if errors.As(err, &f) && f.What == against && errors.Is(err, fs.ErrNotExist) {
		return f.WithHint("a branch, tag or commit is written --against git:%s", against)
	}
	return err
}
