// Package input reads the inputs of commands: keys, key sets and tokens, given by flags
// or jwtctl.yaml; and it has the flags for descriptors.
package input

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/agent"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// DefaultKeyFile is the file that keygen writes and all other commands read by default.
const DefaultKeyFile = "key.priv.pem"

// KeyFlags select the keys of a command.
type KeyFlags struct {
	Files       []string
	Secrets     []string
	KeyID, Alg  string
	StrictPerms bool
	Passphrase  Passphrase
}

// Register adds the flags. They have no section: keys in the file are a separate list,
// and each has its own kid and alg.
func (k *KeyFlags) Register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&k.Files, "key", nil, "key `FILE`: PEM, JWK or JWKS; or env:NAME for a variable, - for stdin, agent:COMMENT or agent:SHA256:… for a key in the SSH agent ($SSH_AUTH_SOCK); repeatable (default "+DefaultKeyFile+")")
	fs.StringArrayVar(&k.Secrets, "secret", nil, "HMAC secret as plain bytes: `env:NAME` or @FILE; repeatable")
	k.Passphrase.Register(fs)
	fs.StringVar(&k.KeyID, "kid", "", "`ID` of the key to use, or to assign to a key file without one (default: its RFC 7638 thumbprint)")
	fs.StringVar(&k.Alg, "alg", "", "signature `ALGORITHM`, if the key allows several (default: the key's own)")
	fs.BoolVar(&k.StrictPerms, "strict-perms", false, "fail instead of warning if other users can read a private key file")
	settings.Check(fs, "kid", CheckKeyID)
	CheckAlgorithm(fs)
	settings.Paths(fs, "key")
	settings.AtPaths(fs, "secret")
	settings.KeyedAs(fs, "key", "keys")
	settings.SelectsKeys(fs, "key", "secret")
	settings.Keyed(fs, "", "secret", "strict-perms")
}

// KeySource is the source of one or more keys: a name that --key accepts, or a secret of the
// configuration or of --secret.
type KeySource struct {
	Name       string
	Attributes keys.Attributes
	Secret     *config.KeyEntry
	// Bytes is the value of --secret, or "".
	Bytes string
}

// IsFile reports whether the place is a file that can be read again.
func (p KeySource) IsFile() bool {
	return p.Secret == nil && p.Bytes == "" && p.Name != "-" && !strings.HasPrefix(p.Name, "env:") && !strings.HasPrefix(p.Name, agent.Prefix)
}

// Sources returns the places given by the flags, or else the configuration, or else the
// default file.
func (k *KeyFlags) Sources(d command.Deps) []KeySource {
	with := k.Attributes(d)
	var list []KeySource
	for _, name := range k.Files {
		list = append(list, KeySource{Name: name})
	}
	for _, secret := range k.Secrets {
		list = append(list, KeySource{Bytes: secret})
	}
	if len(list) == 0 {
		list = KeySourcesOf(d.Settings.ConfiguredKeys())
	}
	for i := range list {
		list[i].Attributes.Passphrase = with.Passphrase
	}
	return list
}

// Attributes returns the attributes for all keys.
func (k *KeyFlags) Attributes(d command.Deps) keys.Attributes {
	return keys.Attributes{Passphrase: k.Passphrase.reader(d)}
}

// KeySourcesOf returns the places of entries, or the default file if there are none.
func KeySourcesOf(entries []config.KeyEntry) []KeySource {
	if len(entries) == 0 {
		return []KeySource{{Name: DefaultKeyFile}}
	}
	var list []KeySource
	for i := range entries {
		e := &entries[i]
		place := KeySource{Name: e.File, Attributes: keys.Attributes{ID: e.ID, Algorithm: e.Algorithm, Issuer: e.Issuer, Rules: e.Rules}}
		if e.Secret != "" {
			place.Secret = e
		}
		list = append(list, place)
	}
	return list
}

// Read returns the current keys at p.
func (p KeySource) Read(d command.Deps, strict bool) ([]*keys.Key, error) {
	switch {
	case p.Secret != nil:
		return loadSecret(d, *p.Secret, p.Attributes)
	case p.Bytes != "":
		return readSecret(d, p.Bytes, p.Attributes)
	}
	return readKeys(d, p.Name, p.Attributes, strict)
}

// Load returns the keys of all places, in their order.
func (k *KeyFlags) Load(d command.Deps) ([]*keys.Key, error) {
	var all []*keys.Key
	for _, p := range k.Sources(d) {
		list, err := p.Read(d, k.StrictPerms)
		if err != nil {
			return nil, WithKeyFileHint(err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// All is Load with --kid and --alg applied.
func (k *KeyFlags) All(d command.Deps) ([]*keys.Key, error) {
	list, err := k.selected(d)
	if err != nil {
		return nil, err
	}
	return k.Pin(list)
}

// Named reports whether flags or variables give a key.
func (k *KeyFlags) Named() bool { return len(k.Files)+len(k.Secrets) > 0 }

// selected is Load with --kid applied: it selects the key with that ID, or gives it to the
// only key, if that has no ID of its own.
func (k *KeyFlags) selected(d command.Deps) ([]*keys.Key, error) {
	list, err := k.Load(d)
	if err != nil || k.KeyID == "" {
		return list, err
	}
	if err := CheckKeyID(k.KeyID); err != nil {
		return nil, err
	}
	return keys.Pick(list, k.KeyID)
}

// Pin applies --alg.
func (k *KeyFlags) Pin(list []*keys.Key) ([]*keys.Key, error) {
	if k.Alg == "" {
		return list, nil
	}
	alg, err := ParseAlgorithm(k.Alg)
	if err != nil {
		return nil, err
	}
	out := make([]*keys.Key, len(list))
	for i, key := range list {
		if out[i], err = key.With(keys.Attributes{Algorithm: alg}); err != nil {
			return nil, command.AsUsage(err, "--alg")
		}
	}
	return out, nil
}

// Signer returns the key to sign a token of issuer with (A23). --alg applies to that key
// only.
func (k *KeyFlags) Signer(d command.Deps, issuer string) (*keys.Key, error) {
	list, err := k.selected(d)
	if err != nil {
		return nil, err
	}
	ring, err := keys.NewRing(list)
	if err != nil {
		return nil, err
	}
	var of *string // stays nil for a token without an issuer
	if issuer != "" {
		of = &issuer
	}
	key, err := ring.Signer(of, "")
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Code == fault.KeyMissing && f.Hint == "" && d.Settings.KeysReplacedBy() != "" {
		return nil, f.WithHint("%s", d.Settings.KeysReplacedBy())
	}
	if err != nil {
		return nil, err
	}
	chosen, err := k.Pin([]*keys.Key{key})
	if err != nil {
		return nil, err
	}
	return chosen[0], nil
}

// WithKeyFileHint adds what to do about a key file that is missing or not a key.
func WithKeyFileHint(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Hint != "" {
		return err
	}
	missing := errors.Is(err, fs.ErrNotExist)
	info, statErr := os.Stat(f.What)
	switch {
	case missing && f.What == DefaultKeyFile:
		return f.WithHint("make one with jwtctl keygen, or use yours with --key FILE")
	case missing && strings.ContainsAny(f.What, ", *?\n"):
		return f.WithHint("--key takes one file; repeat it for more")
	case f.Code == fault.KeyUnreadable && statErr == nil && info.IsDir():
		return f.WithHint("--key takes a file; for a directory use --key-dir, where a command has it")
	}
	return err
}

// HintForDefaultKey replaces the hint of an error about the default key file, if that was
// not given and does not exist.
func HintForDefaultKey(err error, hint string) error {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.What == DefaultKeyFile && errors.Is(err, fs.ErrNotExist) {
		return f.WithHint("%s", hint)
	}
	return err
}

// CheckAlgorithm checks --alg of fs before the command runs.
func CheckAlgorithm(fs *pflag.FlagSet) {
	settings.Check(fs, "alg", func(name string) error {
		_, err := keys.ParseAlgorithm(name)
		return err
	})
}

// ParseAlgorithm parses --alg.
func ParseAlgorithm(name string) (keys.Algorithm, error) {
	alg, err := keys.ParseAlgorithm(name)
	if err != nil {
		return "", command.AsUsage(err, "--alg")
	}
	return alg, nil
}

// CheckKeyID refuses an ID that is not a single line of text.
func CheckKeyID(id string) error {
	if strings.ContainsFunc(id, unicode.IsControl) {
		return fault.New(fault.UsageError, "--kid", "%q contains a line break or another control character", quote.Shorten(id))
	}
	return nil
}
