package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/token"
)

// configName is the file that is looked for.
const configName = "jwtctl.yaml"

// maxConfigBytes bounds the file.
const maxConfigBytes = 1 << 20

// config is what jwtctl.yaml says. Without a file it is empty.
type config struct {
	path string
	// values are those of flags, by key (bindings.go).
	values map[string]any
	// lines are the positions of the keys in values.
	lines map[string]int

	keys    []keyEntry
	keySets []keySetEntry
	// messages say which type a message file holds.
	messages []messageEntry
	// claims are those of token.claims, with their names as written.
	claims []token.Claim
}

// keyEntry is one of keys.
type keyEntry struct {
	ID        string
	Algorithm keys.Algorithm
	Issuer    string
	// File is a path, Secret the name of a variable; one of them is set.
	File, Secret string
	line         int
}

// keySetEntry is one of key_sets.
type keySetEntry struct {
	Issuer, JWKS      string
	OIDCDiscovery     bool
	AllowedAlgorithms []keys.Algorithm
	RefreshInterval   time.Duration
	line              int
}

// messageEntry is one of messages.
type messageEntry struct {
	Files, Method, Type string
	line                int
}

// findUpwards returns the configuration file in dir or the nearest folder above
// it, "" if there is none.
func findUpwards(dir string) (string, error) {
	for {
		path := filepath.Join(dir, configName)
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fault.New(fault.ConfigInvalid, path, "cannot be read: %w", files.Reason(err))
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", nil
		}
		dir = up
	}
}

// loadConfig reads the file at path strictly: a key that is not known, a value
// of the wrong type or a bad duration is config_invalid with its line (S72).
// schema holds the keys that flags have. A file that was found rather than named
// must be one that only the user and root can write (S85).
func loadConfig(path string, found bool, schema map[string]*pflag.Flag) (*config, error) {
	accept := func(fs.FileInfo) error { return nil }
	if found {
		accept = func(info fs.FileInfo) error { return checkConfigWriters(path, info) }
	}
	data, err := files.ReadIf(path, maxConfigBytes, fault.ConfigInvalid, accept)
	if err != nil {
		return nil, err
	}
	return parseConfig(data, path, schema)
}

// checkConfigWriters refuses a configuration file that others can write, or can
// exchange by a link of theirs: it names the keys that are believed.
func checkConfigWriters(path string, info fs.FileInfo) error {
	why := files.OtherWriters(info, os.Geteuid())
	if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 && why == "" {
		why = files.OtherWriters(link, os.Geteuid())
	}
	if why == "" {
		return nil
	}
	return fault.New(fault.ConfigInvalid, path, "%s, so it does not count unless it is named", why).
		WithHint("--config %s or JWTCTL_CONFIG=%[1]s names it; chmod and chown make it yours alone to write", path)
}

// at returns where key stands in the file: `jwtctl.yaml:12: token.ttl`.
func (c *config) at(key string) string {
	return fmt.Sprintf("%s:%d: %s", c.path, c.lines[key], key)
}

// resolvePaths makes paths that stand in the file relative to its folder.
func (c *config) resolvePaths(list []string) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = c.resolvePath(p)
	}
	return out
}

func (c *config) resolvePath(p string) string {
	if p == "" || filepath.IsAbs(p) || p == "-" || strings.HasPrefix(p, "env:") {
		return p
	}
	return filepath.Join(filepath.Dir(c.path), p)
}
