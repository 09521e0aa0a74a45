package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/settings"
)

// defaultKeyFile is what keygen writes and everything else reads.
const defaultKeyFile = "key.priv.pem"

// keyFlags say which keys a command uses.
type keyFlags struct {
	files       []string
	kid, alg    string
	strictPerms bool
}

// register adds the flags. They have no section: keys of the file are a list
// of their own, and a kid or alg belongs to one of them.
func (k *keyFlags) register(fs *pflag.FlagSet) {
	fs.StringArrayVar(&k.files, "key", nil, "key `FILE`: PEM, JWK or JWKS; env:NAME takes it from a variable, - from stdin; repeatable (default "+defaultKeyFile+")")
	fs.StringVar(&k.kid, "kid", "", "`ID` of the key to use, or to give to a key file that has none (default: its RFC 7638 thumbprint)")
	fs.StringVar(&k.alg, "alg", "", "`ALGORITHM`, where the key allows several (default: the key's own)")
	fs.BoolVar(&k.strictPerms, "strict-perms", false, "refuse a private key file that others can read, instead of warning")
	settings.Paths(fs, "key")
	settings.KeyedAs(fs, "key", "keys")
	settings.NamesKeys(fs, "key")
	settings.Keyed(fs, "", "strict-perms")
}

// keyPlace is where one or more keys come from: a name that readKey takes, or
// a secret of the configuration.
type keyPlace struct {
	name   string
	with   keys.Attributes
	secret *settings.KeyEntry
}

// places returns those of the flags, else of the configuration, else the
// default file.
func (k *keyFlags) places(a *app) []keyPlace {
	if len(k.files) == 0 {
		return placesOf(a.Settings.ConfiguredKeys())
	}
	var list []keyPlace
	for _, name := range k.files {
		list = append(list, keyPlace{name: name})
	}
	return list
}

// placesOf returns the places of entries, of none the default file.
func placesOf(entries []settings.KeyEntry) []keyPlace {
	if len(entries) == 0 {
		return []keyPlace{{name: defaultKeyFile}}
	}
	var list []keyPlace
	for i := range entries {
		e := &entries[i]
		place := keyPlace{name: e.File, with: keys.Attributes{ID: e.ID, Algorithm: e.Algorithm, Issuer: e.Issuer}}
		if e.Secret != "" {
			place.secret = e
		}
		list = append(list, place)
	}
	return list
}

// read returns the keys at p as they are now.
func (p keyPlace) read(a *app, strict bool) ([]*keys.Key, error) {
	if p.secret != nil {
		return a.loadSecret(*p.secret, p.with)
	}
	return a.loadFile(p.name, p.with, strict)
}

// load returns the keys of all places, in their order.
func (k *keyFlags) load(a *app) ([]*keys.Key, error) {
	var all []*keys.Key
	for _, p := range k.places(a) {
		list, err := p.read(a, k.strictPerms)
		if err != nil {
			return nil, withKeyFileHint(err)
		}
		all = append(all, list...)
	}
	return all, nil
}

// all is load with --kid and --alg applied.
func (k *keyFlags) all(a *app) ([]*keys.Key, error) {
	list, err := k.picked(a)
	if err != nil {
		return nil, err
	}
	return k.pinned(list)
}

// picked is load with --kid applied: it picks the key with that id, or names
// the one key that has no id of its own.
func (k *keyFlags) picked(a *app) ([]*keys.Key, error) {
	list, err := k.load(a)
	if err != nil || k.kid == "" {
		return list, err
	}
	if err := checkKeyID(k.kid); err != nil {
		return nil, err
	}
	return keys.Pick(list, k.kid)
}

// pinned applies --alg.
func (k *keyFlags) pinned(list []*keys.Key) ([]*keys.Key, error) {
	if k.alg == "" {
		return list, nil
	}
	alg, err := parseAlg(k.alg)
	if err != nil {
		return nil, err
	}
	out := make([]*keys.Key, len(list))
	for i, key := range list {
		if out[i], err = key.With(keys.Attributes{Algorithm: alg}); err != nil {
			return nil, asUsage(err, "--alg")
		}
	}
	return out, nil
}

// signer returns the one key to sign a token of issuer with (A23). --alg pins
// that key alone.
func (k *keyFlags) signer(a *app, issuer string) (*keys.Key, error) {
	list, err := k.picked(a)
	if err != nil {
		return nil, err
	}
	ring, err := keys.NewRing(list)
	if err != nil {
		return nil, err
	}
	key, err := ring.Signer(issuer, "")
	if f := (*fault.Error)(nil); errors.As(err, &f) && f.Code == fault.KeyMissing && f.Hint == "" && a.Settings.SetAside() != "" {
		return nil, f.WithHint("%s", a.Settings.SetAside())
	}
	if err != nil {
		return nil, err
	}
	chosen, err := k.pinned([]*keys.Key{key})
	if err != nil {
		return nil, err
	}
	return chosen[0], nil
}

// loadFiles reads the keys of names: paths, env:NAME or -.
func (a *app) loadFiles(names []string, strict bool) ([]*keys.Key, error) {
	var all []*keys.Key
	for _, name := range names {
		list, err := a.loadFile(name, keys.Attributes{}, strict)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// loadFile reads the key or keys called name.
func (a *app) loadFile(name string, with keys.Attributes, strict bool) ([]*keys.Key, error) {
	data, source, err := a.readKey(name)
	if err != nil {
		return nil, err
	}
	with.Source = source
	loaded, err := keys.Parse(data, with)
	if err != nil {
		return nil, err
	}
	for _, e := range loaded.PassedOver() {
		a.Warn("%s: key passed over", e.Problem)
	}
	if source == name {
		if err := a.checkPermissions(name, loaded.Keys, strict); err != nil {
			return nil, err
		}
	}
	return loaded.Keys, nil
}

// readKey returns the text called name, and what to call it in messages.
func (a *app) readKey(name string) (data []byte, source string, err error) {
	if variable, isVariable := strings.CutPrefix(name, "env:"); isVariable {
		if variable == "" {
			return nil, "", fault.New(fault.UsageError, "--key", "%q names no variable", name).WithHint("--key env:NAME")
		}
		text, set := a.System.Getenv(variable)
		if !set || text == "" {
			return nil, "", fault.New(fault.KeyUnreadable, name, "the variable is not set").WithHint("export %s, holding the key itself", variable)
		}
		return []byte(text), "variable " + variable, nil
	}
	if name == "-" {
		data, err = files.ReadAll(a.System.In, "standard input", keys.MaxFileBytes, fault.KeyUnreadable)
		return data, "standard input", err
	}
	data, err = files.Read(name, keys.MaxFileBytes, fault.KeyUnreadable)
	return data, name, err
}

// checkPermissions warns of private keys that others can read, or refuses them
// (S8).
func (a *app) checkPermissions(path string, list []*keys.Key, strict bool) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	for _, k := range list {
		if !k.CanSign() {
			continue
		}
		why := fmt.Sprintf("the private key's mode is %04o: others can read it", info.Mode().Perm())
		if strict {
			return fault.New(fault.KeyPermissions, path, "%s", why).WithHint("chmod 600 %s", path)
		}
		a.Warn("%s: %s", path, why)
		return nil
	}
	return nil
}

// loadSecret reads the secret of e from its variable.
func (a *app) loadSecret(e settings.KeyEntry, with keys.Attributes) ([]*keys.Key, error) {
	text, set := a.System.Getenv(e.Secret)
	if !set || text == "" {
		return nil, fault.New(fault.KeyUnreadable, fmt.Sprintf("%s:%d", a.Settings.Path, e.Line), "the variable %s is not set", e.Secret)
	}
	with.Source = "variable " + e.Secret
	key, err := keys.New([]byte(text), with)
	return []*keys.Key{key}, err
}

// withKeyFileHint says what to do about a key file that is missing, or is none.
func withKeyFileHint(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || f.Hint != "" {
		return err
	}
	missing := errors.Is(err, fs.ErrNotExist)
	info, statErr := os.Stat(f.What)
	switch {
	case missing && f.What == defaultKeyFile:
		return f.WithHint("make one: jwtctl keygen; or name yours: --key FILE")
	case missing && strings.ContainsAny(f.What, ", *?\n"):
		return f.WithHint("--key takes one file; for several, --key each time")
	case f.Code == fault.KeyUnreadable && statErr == nil && info.IsDir():
		return f.WithHint("--key names a file; --key-dir, where a command has it, a folder")
	}
	return err
}

// parseAlg reads --alg.
func parseAlg(name string) (keys.Algorithm, error) {
	alg, err := keys.ParseAlgorithm(name)
	if err != nil {
		return "", asUsage(err, "--alg")
	}
	return alg, nil
}

// asUsage turns a fault into one of the flag that caused it.
func asUsage(err error, flag string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	c := *f
	c.Code, c.What = fault.UsageError, flag
	return &c
}
