package files

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
)

// maxEntries is the maximum number of files and folders that a pattern searches.
const maxEntries = 200_000

// IsPattern reports whether arg contains a pattern character: * ? or [.
func IsPattern(arg string) bool { return strings.ContainsAny(arg, "*?[") }

// Match reports whether name matches pattern, part by part as in path.Match; ** matches
// any number of folders or, at the end, everything below. Both are separated by slashes.
// An invalid pattern matches nothing.
func Match(pattern, name string) bool {
	return matchParts(strings.Split(pattern, "/"), strings.Split(name, "/"))
}

func matchParts(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for len(pattern) > 1 && pattern[1] == "**" {
				pattern = pattern[1:]
			}
			for i := range len(name) + 1 {
				if matchParts(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); !ok || err != nil {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}

// SplitPattern splits arg before the first part with a pattern character, into the folder
// to search and the slash-separated pattern below it. The pattern is empty if there is
// none.
func SplitPattern(arg string) (base, pattern string) {
	parts := strings.Split(filepath.ToSlash(arg), "/")
	i := slices.IndexFunc(parts, IsPattern)
	if i < 0 {
		return arg, ""
	}
	base = strings.Join(parts[:i], "/")
	if base == "" {
		base = "."
		if strings.HasPrefix(arg, "/") {
			base = "/"
		}
	}
	return filepath.FromSlash(base), strings.Join(parts[i:], "/")
}

// Find returns the files below base that match pattern, sorted. It skips folders named
// node_modules or starting with a dot, and does not follow links to folders.
//
// Errors have the given code: base cannot be read, pattern is invalid, or more than
// maxEntries files and folders are below base.
func Find(base, pattern string, code fault.Code) ([]string, error) {
	list, _, err := FindAll(base, pattern, code)
	return list, err
}

// FindAll is like Find, and also returns the skipped folders that hold a match, or may: a
// link to a folder, or a folder too large to search.
func FindAll(base, pattern string, code fault.Code) (list, passed []string, err error) {
	what := filepath.Join(base, pattern)
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, nil, fault.New(code, what, "is not a valid pattern: %w", err)
	}
	folder, err := os.OpenRoot(base)
	if err != nil {
		return nil, nil, fault.New(code, base, "%w", Reason(err))
	}
	defer func() { _ = folder.Close() }()
	tree := folder.FS()
	entries := 0
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fault.New(code, filepath.Join(base, name), "%w", Reason(err))
		}
		if entries++; entries > maxEntries {
			return fault.New(code, what, "more than %d files and directories to search", maxEntries)
		}
		switch part := d.Name(); {
		case d.IsDir() && name != "." && (part[0] == '.' || part == "node_modules"):
			if hasMatch(tree, name, pattern) {
				passed = append(passed, filepath.Join(base, name))
			}
			return fs.SkipDir
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0 && mayMatchBelow(pattern, name) && isFolder(folder, base, name):
			passed = append(passed, filepath.Join(base, name))
		}
		if Match(pattern, name) {
			list = append(list, filepath.Join(base, name))
		}
		return nil
	})
	return list, passed, err
}

// hasMatch reports whether a file in or below the folder dir matches pattern. A .git
// folder never does.
func hasMatch(tree fs.FS, dir, pattern string) bool {
	const most = 10_000
	if path.Base(dir) == ".git" || !mayMatchBelow(pattern, dir) {
		return false
	}
	found, entries := false, 0
	_ = fs.WalkDir(tree, dir, func(name string, d fs.DirEntry, err error) error {
		entries++
		if err != nil || entries > most || !d.IsDir() && Match(pattern, name) {
			found = true // or may be found
			return fs.SkipAll
		}
		return nil
	})
	return found
}

// mayMatchBelow reports whether pattern can match anything below the folder name.
func mayMatchBelow(pattern, name string) bool {
	parts, names := strings.Split(pattern, "/"), strings.Split(name, "/")
	for i, part := range parts {
		switch {
		case part == "**":
			return true
		case i == len(names):
			return true
		}
		if ok, err := path.Match(part, names[i]); !ok || err != nil {
			return false
		}
	}
	return false
}

// isFolder reports whether the link name in folder, which is at base, leads to a folder
// inside or outside of base.
func isFolder(folder *os.Root, base, name string) bool {
	info, err := folder.Stat(name)
	if err != nil { // the link may lead outside
		info, err = os.Stat(filepath.Join(base, name))
	}
	return err == nil && info.IsDir()
}
