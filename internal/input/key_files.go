package input

import (
	"fmt"
	"os"
	"strings"

	"github.com/jwtctl/jwtctl/internal/agent"
	"github.com/jwtctl/jwtctl/internal/command"
	"github.com/jwtctl/jwtctl/internal/config"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// ReadKeys reads the keys of names: paths, env:NAME or -.
func ReadKeys(d command.Deps, names []string, strict bool) ([]*keys.Key, error) {
	var all []*keys.Key
	for _, name := range names {
		list, err := readKeys(d, name, keys.Attributes{}, strict)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// readKeys reads the key or keys called name.
func readKeys(d command.Deps, name string, with keys.Attributes, strict bool) ([]*keys.Key, error) {
	if strings.HasPrefix(name, agent.Prefix) {
		socket, _ := d.System.Getenv("SSH_AUTH_SOCK")
		key, err := agent.Find(socket, name, with)
		return []*keys.Key{key}, err
	}
	data, source, err := readKey(d, name)
	if err != nil {
		return nil, err
	}
	with.Source = source
	loaded, err := keys.Parse(data, with)
	if err != nil {
		return nil, err
	}
	for _, e := range loaded.Skipped() {
		d.Warn("%s: key skipped", e.Problem)
	}
	if source == name {
		if err := CheckPermissions(d, name, loaded.Keys, strict); err != nil {
			return nil, err
		}
	}
	return loaded.Keys, nil
}

// readKey returns the content of the key called name, and its name for messages.
func readKey(d command.Deps, name string) (data []byte, source string, err error) {
	if variable, isVariable := strings.CutPrefix(name, "env:"); isVariable {
		if variable == "" {
			return nil, "", fault.New(fault.UsageError, "--key", "%q does not name a variable", name).WithHint("use --key env:NAME")
		}
		text, set := d.System.Getenv(variable)
		if !set || text == "" {
			return nil, "", fault.New(fault.KeyUnreadable, name, "the variable is not set").WithHint("set %s to the key itself, not to a file name", variable)
		}
		return []byte(text), "variable " + variable, nil
	}
	if name == "-" {
		data, err = files.ReadAll(d.System.In, StdinName, keys.MaxFileBytes, fault.KeyUnreadable)
		return data, StdinName, err
	}
	data, err = files.Read(name, keys.MaxFileBytes, fault.KeyUnreadable)
	return data, name, err
}

// CheckPermissions warns of private keys that others can read or, if strict, refuses them
// (S8).
func CheckPermissions(d command.Deps, path string, list []*keys.Key, strict bool) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	for _, k := range list {
		if !k.CanSign() {
			continue
		}
		reason := fmt.Sprintf("the private key's mode is %04o: others can read it", info.Mode().Perm())
		if strict {
			return fault.New(fault.KeyPermissions, path, "%s", reason).WithHint("chmod 600 %s", quote.ShellPath(path))
		}
		d.Warn("%s: %s; chmod 600 prevents that", path, reason)
		return nil
	}
	return nil
}

// loadSecret reads the secret of e from its environment variable.
func loadSecret(d command.Deps, e config.KeyEntry, with keys.Attributes) ([]*keys.Key, error) {
	text, set := d.System.Getenv(e.Secret)
	if !set || text == "" {
		return nil, fault.New(fault.KeyUnreadable, fmt.Sprintf("%s:%d", d.Settings.Path, e.Line), "the variable %s is not set", e.Secret)
	}
	with.Source = "variable " + e.Secret
	key, err := keys.New([]byte(text), with)
	return []*keys.Key{key}, err
}
