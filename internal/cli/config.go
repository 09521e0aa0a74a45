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
// schema holds the keys that flags have.
func loadConfig(path string, schema map[string]*pflag.Flag) (*config, error) {
	data, err := files.Read(path, maxConfigBytes, fault.ConfigInvalid)
	if err != nil {
		return nil, err
	}
	return parseConfig(data, path, schema)
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
