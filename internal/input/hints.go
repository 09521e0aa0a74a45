package input

import (
	"errors"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// WithHint adds the result of hint, unless "", to an error with code that has no hint.
func WithHint(err error, code fault.Code, hint func() string) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code || f.Hint != "" {
		return err
	}
	if text := hint(); text != "" {
		return f.WithHint("%s", text)
	}
	return err
}

// KeyHint lists the keys of ring, and the ones they replace.
func KeyHint(d command.Deps, ring *keys.Ring) string {
	text := KeysInUse(ring)
	if by := d.Settings.KeysReplacedBy(); by != "" {
		text = strings.TrimPrefix(text+"; "+by, "; ")
	}
	return text
}

// KeysInUse lists the keys that ring and its sets hold, or returns "".
func KeysInUse(ring *keys.Ring) string {
	const most = 8
	var names []string
	for _, k := range ring.Loaded() {
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

// DetailKeys prints to stderr, with -v, the keys that a token was refused with, and where
// each comes from (S85).
func DetailKeys(d command.Deps, ring *keys.Ring) {
	for _, k := range ring.Loaded() {
		d.Detail("key in use: %s (%s, %s)", k.ID(), k.Algorithm(), k.Source())
	}
}

// WarnPassed lists folders that a pattern skips although files in them match it (S86).
func WarnPassed(d command.Deps, pattern string, folders []string) {
	for _, dir := range folders {
		d.Warn("%s: skipped, but files in it match %s: patterns do not look into hidden directories, node_modules or links", quote.Printable(dir), quote.Printable(pattern))
	}
}
