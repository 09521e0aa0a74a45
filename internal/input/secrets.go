package input

import (
	"bytes"
	"crypto/subtle"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// maxSecretBytes limits a secret or passphrase.
const maxSecretBytes = 64 << 10

// ReadSecret returns the secret in a variable (env:NAME) or a file (@FILE), for flag. It
// removes a line break at the end, since editors and echo add one.
func ReadSecret(d command.Deps, flag, place string) (data []byte, source string, err error) {
	if variable, isVariable := strings.CutPrefix(place, "env:"); isVariable && variable != "" {
		value, set := d.System.Getenv(variable)
		if !set || value == "" {
			return nil, "", fault.New(fault.KeyUnreadable, "env:"+variable, "the variable is not set")
		}
		return []byte(value), "variable " + variable, nil
	}
	if err := checkPlace(flag, place); err != nil {
		return nil, "", err
	}
	path := strings.TrimPrefix(place, "@")
	if data, err = files.Read(path, maxSecretBytes, fault.KeyUnreadable); err != nil {
		return nil, "", err
	}
	if isText(data) {
		data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	}
	if len(data) == 0 {
		return nil, "", fault.New(fault.KeyUnreadable, path, "is empty")
	}
	return data, path, nil
}

// checkPlace refuses a value of flag that is not the place of a secret.
func checkPlace(flag, place string) error {
	for _, prefix := range []string{"env:", "@"} {
		if strings.HasPrefix(place, prefix) && place != prefix {
			return nil
		}
	}
	return fault.New(fault.UsageError, flag, "takes env:NAME or @FILE, never the secret itself")
}

func isText(data []byte) bool {
	return utf8.Valid(data) && !strings.ContainsFunc(strings.TrimRight(string(data), "\r\n"), unicode.IsControl)
}

// readSecret returns the HMAC key of --secret.
func readSecret(d command.Deps, place string, with keys.Attributes) ([]*keys.Key, error) {
	data, source, err := ReadSecret(d, "--secret", place)
	if err != nil {
		return nil, err
	}
	with.Source = source
	key, err := keys.New(data, with)
	if err != nil {
		return nil, err
	}
	return []*keys.Key{key}, nil
}

// Passphrase is the flag for the passphrase of an encrypted key.
type Passphrase struct {
	Source string
	cache  *passphraseCache
}

// passphraseCache are typed passphrases, by file, kept while the program runs.
type passphraseCache struct {
	byFile map[string][]byte
	closed bool // no prompts in the background
}

// Register adds the flag.
func (p *Passphrase) Register(fs *pflag.FlagSet) {
	fs.StringVar(&p.Source, "passphrase", "", "passphrase of an encrypted key: `env:NAME` or @FILE (default: ask on the terminal)")
	settings.Keyed(fs, "", "passphrase")
	settings.Check(fs, "passphrase", func(place string) error { return checkPlace("--passphrase", place) })
	settings.AtPaths(fs, "passphrase")
	p.cache = &passphraseCache{byFile: map[string][]byte{}}
}

// DisablePrompt makes later reads use only passphrases already typed: a background task must
// not wait for a person, or write to the terminal.
func (p Passphrase) DisablePrompt() { p.cache.closed = true }

// ReuseFrom takes over the passphrases typed for before.
func (p *Passphrase) ReuseFrom(before Passphrase) { p.cache = before.cache }

// reader returns a function for keys.Attributes.Passphrase. It prompts once for each file.
func (p Passphrase) reader(d command.Deps) func(source string) ([]byte, error) {
	return func(source string) ([]byte, error) {
		if p.Source != "" {
			passphrase, _, err := ReadSecret(d, "--passphrase", p.Source)
			return passphrase, err
		}
		if p.cache == nil {
			p.cache = &passphraseCache{byFile: map[string][]byte{}}
		}
		if passphrase, typed := p.cache.byFile[source]; typed {
			return passphrase, nil
		}
		needed := fault.New(fault.KeyEncrypted, source, "the private key is protected by a passphrase")
		if p.cache.closed {
			return nil, needed.WithHint("pass it with --passphrase env:NAME or @FILE; jwtctl asks only at startup")
		}
		passphrase, err := prompt(d, "Passphrase of "+quote.Printable(source)+": ")
		if err != nil {
			return nil, needed.WithHint("pass it with --passphrase env:NAME or @FILE; on a terminal, jwtctl asks")
		}
		p.cache.byFile[source] = passphrase
		return passphrase, nil
	}
}

// New returns a passphrase for encryption, which must be typed twice, and remembers it for
// the file to encrypt.
func (p Passphrase) New(d command.Deps, file string) ([]byte, error) {
	if p.Source != "" {
		passphrase, _, err := ReadSecret(d, "--passphrase", p.Source)
		return passphrase, err
	}
	first, err := prompt(d, "New passphrase: ")
	if err != nil {
		return nil, fault.New(fault.UsageError, "--passphrase", "no passphrase given").WithHint("pass it with --passphrase env:NAME or @FILE; on a terminal, jwtctl asks")
	}
	if len(first) == 0 { // a key without a passphrase would not be encrypted
		return nil, fault.New(fault.UsageError, "--passphrase", "no passphrase typed")
	}
	second, err := prompt(d, "Repeat passphrase: ")
	if err != nil || subtle.ConstantTimeCompare(first, second) != 1 {
		return nil, fault.New(fault.UsageError, "--passphrase", "the passphrases do not match")
	}
	p.cache.byFile[file] = first
	return first, nil
}

func prompt(d command.Deps, text string) ([]byte, error) {
	if d.System.ReadPassphrase == nil {
		return nil, fault.New(fault.KeyEncrypted, "", "no terminal to ask on")
	}
	return d.System.ReadPassphrase(text)
}
