// Package jwks publishes the public halves of keys as a JWK set over HTTP, and fetches
// published sets (S12-S24).
//
// Publishing goes Source → Publisher → Handler → Server: a Source reads key files, a
// Publisher holds the last good set, a Handler serves it, a Server listens. It never
// serves a private or secret key, an empty set, a partial set, or an error as JSON: a
// Temporal server that refreshes its keys looks only at the body, and would drop the keys
// it has.
//
// The package does not generate keys or check tokens.
package jwks

import (
	"crypto/sha256"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// RotationState is the file in a key folder in which package rotate records which key
// signs. It is the only *.json file there that is not a key.
const RotationState = "rotation.json"

// Load returns the current keys to publish, private or public. Its errors are
// *fault.Error.
type Load func() ([]*keys.Key, error)

// Source reads keys from files, a folder of files, or both. It parses a file again only
// if its content has changed, so that frequent polling is cheap. It is not safe for
// concurrent use.
type Source struct {
	// Files are read in this order. A pipe is read only once.
	Files []string
	// Folder, if not empty, holds more key files; see KeyFiles.
	Folder string
	// Attributes apply to the keys of every file, except Source.
	Attributes keys.Attributes
	// Log gets the skipped keys of a file.
	Log *slog.Logger

	seen map[string]content
}

// content is the content of a file when it was last read.
type content struct {
	sum  [sha256.Size]byte
	pipe bool
	keys []*keys.Key
}

// Load implements Load for all of s's keys: those of Files in order, then those of Folder
// by file name. It returns the errors of KeyFiles and keys.Parse for the first file that
// fails, without any keys, and key_set_empty if there are no files.
func (s *Source) Load() ([]*keys.Key, error) {
	paths := s.Files
	if s.Folder != "" {
		found, err := KeyFiles(s.Folder)
		if err != nil {
			return nil, err
		}
		paths = slices.Concat(paths, found)
	}
	var list []*keys.Key
	seen := make(map[string]content, len(paths))
	for _, path := range paths {
		c, err := s.read(path)
		if err != nil {
			return nil, err
		}
		seen[path] = c
		list = append(list, c.keys...)
	}
	if len(list) == 0 {
		return nil, fault.New(fault.KeySetEmpty, s.Folder, "no key to publish").
			WithHint("make one: jwtctl keygen -o %s", quote.ShellPath(filepath.Join(s.Folder, "key.priv.pem")))
	}
	s.seen = seen
	return list, nil
}

// read returns the current content of the file at path.
func (s *Source) read(path string) (content, error) {
	before, known := s.seen[path]
	if known && before.pipe { // can be read only once
		return before, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return content{}, fault.New(fault.KeyUnreadable, path, "%w", files.Reason(err))
	}
	data, err := files.Read(path, keys.MaxFileBytes, fault.KeyUnreadable)
	if err != nil {
		return content{}, err
	}
	now := content{sum: sha256.Sum256(data), pipe: !info.Mode().IsRegular()}
	if known && before.sum == now.sum {
		return before, nil
	}
	a := s.Attributes
	a.Source = path
	loaded, err := keys.Parse(data, a)
	if err != nil {
		return content{}, err
	}
	for _, e := range loaded.Skipped() {
		s.Log.Warn("key skipped", "reason", e.Problem)
	}
	now.keys = loaded.Keys
	return now, nil
}

// KeyFiles returns the sorted paths of the key files in dir: regular files, or links to
// such (as in a Kubernetes secret), called *.pem, *.jwk or *.json, except RotationState
// and names with a leading dot. It returns key_unreadable if dir cannot be read or a link
// is broken.
func KeyFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fault.New(fault.KeyUnreadable, dir, "%w", files.Reason(err))
	}
	var paths []string
	for _, e := range entries {
		if !isKeyName(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		mode := e.Type()
		if mode&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				return nil, fault.New(fault.KeyUnreadable, path, "%w", files.Reason(err))
			}
			mode = info.Mode()
		}
		if mode.IsRegular() {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

func isKeyName(name string) bool {
	if strings.HasPrefix(name, ".") || name == RotationState {
		return false
	}
	return slices.Contains([]string{".pem", ".jwk", ".json"}, filepath.Ext(name))
}
