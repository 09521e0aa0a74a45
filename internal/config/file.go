// Package config reads jwtctl.yaml: its keys, the strict parser and the JSON Schema.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
	"github.com/jwtctl/jwtctl/internal/token"
)

// Name is the name of the configuration file.
const Name = "jwtctl.yaml"

// MaxBytes limits the size of the file.
const MaxBytes = 1 << 20

// File is the content of jwtctl.yaml, empty without a file.
type File struct {
	Path string
	// values are the settings of flags, by key.
	values map[string]any
	// lines are the line numbers of the keys in values.
	lines map[string]int

	Keys    []KeyEntry
	KeySets []KeySetEntry
	// Messages give the type of message files.
	Messages []MessageEntry
	// Claims are the claims in token.claims, with names as written.
	Claims []token.Claim
	// Users and Clients are those of idp.
	Users   []UserEntry
	Clients []ClientEntry
}

// KeyEntry is one of keys.
type KeyEntry struct {
	ID        string
	Algorithm keys.Algorithm
	Issuer    string
	// File is a path, Secret the name of a variable; one of them is set.
	File, Secret string
	// Rules are the requirements for every token of the issuer, or for every token signed
	// by the key if there is no issuer.
	Rules keys.Rules
	Line  int
}

// KeySetEntry is an entry of key_sets.
type KeySetEntry struct {
	Issuer, JWKS      string
	OIDCDiscovery     bool
	AllowedAlgorithms []keys.Algorithm
	RefreshInterval   time.Duration
	Rules             keys.Rules // like those of a KeyEntry
	Line              int
}

// IsRemote reports whether the set is fetched over the network.
func (e KeySetEntry) IsRemote() bool { return e.OIDCDiscovery || files.IsURL(e.JWKS) }

// Shown returns the location of the set for messages: a URL without its query and
// password, which may be secret.
func (e KeySetEntry) Shown() string {
	if files.IsURL(e.JWKS) {
		return quote.URL(e.JWKS)
	}
	return e.JWKS
}

// MessageEntry is an entry of messages.
type MessageEntry struct {
	Files, Method, Type string
	Line                int
}

// findAbove returns the configuration file in dir or the nearest parent, or "". A broken
// link is an error.
func findAbove(dir string) (string, error) {
	for {
		path := filepath.Join(dir, Name)
		switch _, err := os.Lstat(path); {
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

// Read reads the file at path strictly: an unknown key, a value of the wrong type or an
// invalid duration is config_invalid with its line (S72). A file that was found, rather
// than named, must be writable only by the user and root (S85).
func Read(path string, found bool) (*File, error) {
	accept := func(fs.FileInfo) error { return nil }
	if found {
		accept = func(info fs.FileInfo) error { return checkWriters(path, info) }
	}
	data, err := files.ReadIf(path, MaxBytes, fault.ConfigInvalid, accept)
	if err != nil {
		return nil, err
	}
	return Parse(data, path)
}

// checkWriters refuses a configuration file that others can write, or replace through a
// link: it names the trusted keys.
func checkWriters(path string, info fs.FileInfo) error {
	reason := files.OtherWriters(info, os.Geteuid())
	if link, err := os.Lstat(path); err == nil && link.Mode()&fs.ModeSymlink != 0 && reason == "" {
		reason = files.OtherWriters(link, os.Geteuid())
	}
	if reason == "" {
		return nil
	}
	return fault.New(fault.ConfigInvalid, path, "%s, so it is refused unless named explicitly", reason).
		WithHint("use it with --config %s or JWTCTL_CONFIG=%[1]s, or make it writable only by you (chmod, chown)", quote.ShellPath(path))
}

// Position returns the position of key in the file: `jwtctl.yaml:12: token.ttl`.
func (c *File) Position(key string) string {
	return fmt.Sprintf("%s:%d: %s", c.Path, c.lines[key], key)
}

// ResolvePaths makes paths of the file relative to its folder.
func (c *File) ResolvePaths(list []string) []string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = c.resolvePath(p)
	}
	return out
}

// ResolveAtPaths does the same for values of the form @FILE, and leaves others unchanged.
func (c *File) ResolveAtPaths(list []string) []string {
	out := slices.Clone(list)
	for i, value := range list {
		if path, isFile := strings.CutPrefix(value, "@"); isFile {
			out[i] = "@" + c.resolvePath(path)
		}
	}
	return out
}

func (c *File) resolvePath(p string) string {
	if p == "" || filepath.IsAbs(p) || p == "-" || strings.HasPrefix(p, "env:") || strings.HasPrefix(p, "agent:") {
		return p
	}
	return filepath.Join(filepath.Dir(c.Path), p)
}

// All returns the settings of flags, by key.
func (c *File) All() map[string]any { return c.values }

// Values returns the values under key, the key of a flag.
func (c *File) Values(key string) []string {
	list, _ := c.values[key].([]string)
	return list
}

// ValuePaths returns the paths under key.
func (c *File) ValuePaths(key string) []string { return c.ResolvePaths(c.Values(key)) }

// KeyPosition, KeySetPosition and MessagePosition return the position of entry i.
func (c *File) KeyPosition(i int) string    { return c.entryPosition("keys", c.Keys[i].Line, i) }
func (c *File) KeySetPosition(i int) string { return c.entryPosition("key_sets", c.KeySets[i].Line, i) }
func (c *File) MessagePosition(i int) string {
	return c.entryPosition("messages", c.Messages[i].Line, i)
}

func (c *File) entryPosition(list string, line, i int) string {
	return fmt.Sprintf("%s:%d: %s[%d]", c.Path, line, list, i)
}

// MessageOf returns the first entry of messages whose pattern matches the file at path,
// or nil. It compares the real path, so that a link cannot choose the entry (S86): only
// the folder of the configuration may be reached through links.
func (c *File) MessageOf(path string) *MessageEntry {
	dir := filepath.Dir(c.Path)
	home, err := files.RealPath(dir)
	if err != nil {
		return nil
	}
	actual, err := files.RealPath(path)
	if err != nil {
		return nil
	}
	for i, e := range c.Messages {
		pattern, name := e.Files, actual
		inside, err := filepath.Rel(dir, e.Files)
		if err == nil && (!filepath.IsAbs(e.Files) || !strings.HasPrefix(inside, "..")) {
			below, err := filepath.Rel(home, actual)
			if err != nil {
				continue
			}
			pattern, name = inside, below
		}
		if files.Match(filepath.ToSlash(pattern), filepath.ToSlash(name)) {
			return &c.Messages[i]
		}
	}
	return nil
}

// AsFault adds a position in the file to a usage fault.
func AsFault(err error, where string) error {
	if f, isFault := err.(*fault.Error); isFault && f.Code == fault.UsageError {
		return &fault.Error{Code: fault.ConfigInvalid, What: where, Reason: f.Error(), Hint: f.Hint, Remedy: f.Remedy}
	}
	return err
}

// Find returns the nearest jwtctl.yaml in the working folder or a parent, or "". The path
// is relative, so that paths in it stay as short in messages and reports as in the file.
func Find() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fault.New(fault.FileFailed, "the current directory", "%w", err)
	}
	path, err := findAbove(dir)
	if err != nil || path == "" {
		return "", err
	}
	return filepath.Rel(dir, path)
}
