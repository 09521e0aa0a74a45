package protofile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// importPath is a folder in which imports are searched. Its os.Root does not follow ".."
// or links out of the folder (S52).
type importPath struct {
	dir  string
	root *os.Root
}

type importPaths []importPath

// openPaths opens the import paths of src, and returns the files of src, sorted, by their
// import names.
func openPaths(src Sources) (paths importPaths, names []string, err error) {
	var found []string
	dirs := src.ImportPaths
	for _, arg := range src.Protos {
		list, root, err := expand(arg, src.ImportPaths)
		if err != nil {
			return nil, nil, err
		}
		found = append(found, list...)
		if len(src.ImportPaths) == 0 && !slices.Contains(dirs, root) {
			dirs = append(dirs, root)
		}
	}
	if len(found) > descset.MaxFiles {
		return nil, nil, descset.LimitExceeded(src.Protos[0], "%d files to compile, more than the limit of %d", len(found), descset.MaxFiles)
	}
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			paths.close()
			return nil, nil, fault.New(fault.DescriptorUnreadable, dir, "cannot be used as an import path: %w", files.Reason(err))
		}
		paths = append(paths, importPath{dir, root})
	}
	for _, file := range found {
		name, err := paths.name(file)
		if err != nil {
			paths.close()
			return nil, nil, err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return paths, slices.Compact(names), nil
}

func (p importPaths) close() {
	for _, one := range p {
		_ = one.root.Close()
	}
}

// name returns the import name of a file: its path relative to the first import path that
// contains it.
func (p importPaths) name(file string) (string, error) {
	for i, one := range p {
		name, err := relative(one.dir, file)
		if err != nil || !filepath.IsLocal(name) {
			continue
		}
		name = filepath.ToSlash(name)
		for _, before := range p[:i] {
			if info, err := before.root.Stat(name); err == nil && info.Mode().IsRegular() && !sameFile(info, file) {
				return "", fault.New(fault.ImportNotAllowed, file, "its name %s is taken by %s, which comes first in the import paths", name, filepath.Join(before.dir, name))
			}
		}
		return name, nil
	}
	f := fault.New(fault.ImportNotAllowed, file, "is not under any import path")
	if other, err := p.find(file); err == nil {
		return "", f.WithHint("did you mean %s? A file in the current directory is found first", other)
	}
	return "", f.WithHint("add its import directory with -I")
}

// find returns the file with this name in an import path.
func (p importPaths) find(name string) (string, error) {
	for _, one := range p {
		where := filepath.Join(one.dir, name)
		if info, err := os.Stat(where); err == nil && info.Mode().IsRegular() && filepath.IsLocal(name) {
			return where, nil
		}
	}
	return "", fs.ErrNotExist
}

// sameFile reports whether path leads to the file of info, under any name.
func sameFile(info fs.FileInfo, path string) bool {
	other, err := os.Stat(path)
	return err == nil && os.SameFile(info, other)
}

func relative(dir, file string) (string, error) {
	from, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	to, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Rel(from, to)
}

// errNotThere is the error for an import that is not in any import path.
var errNotThere = fault.New(fault.ImportNotFound, "", "not found in any import path, nor bundled with jwtctl").
	WithHint("add the import directory with -I")

// read returns the content and path of the file with this import name.
func (p importPaths) read(name string) (text []byte, where string, err error) {
	if !fs.ValidPath(name) || strings.ContainsAny(name, "\\\x00") {
		return nil, "", fault.New(fault.ImportNotAllowed, descset.Brief(name), "an import is a path below an import directory, without \"..\" or a leading \"/\"")
	}
	notThere := errNotThere.About(descset.Brief(name))
	for _, one := range p {
		where := filepath.Join(one.dir, filepath.FromSlash(name))
		f, err := one.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
			if link := brokenLink(where); link != nil {
				notThere = fault.New(fault.ImportNotFound, descset.Brief(name), "%s %s", link.What, link.Reason)
			}
			continue
		case err != nil:
			if _, outside := os.Stat(where); outside == nil && !errors.Is(err, fs.ErrPermission) {
				return nil, "", fault.New(fault.ImportNotAllowed, where, "is a link that points out of its import path").
					WithHint("add the directory that it points to with -I")
			}
			return nil, "", fault.New(fault.DescriptorUnreadable, where, "%w", files.Reason(err))
		}
		text, err = readSource(f, where)
		return text, where, err
	}
	return nil, "", notThere
}

// brokenLink returns a fault if path is a broken link or is below one, and nil otherwise.
func brokenLink(path string) *fault.Error {
	for range strings.Count(filepath.ToSlash(path), "/") + 1 {
		if to, err := os.Readlink(path); err == nil {
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				return fault.New(fault.DescriptorUnreadable, path, "is a link to %s, which does not exist", to)
			}
		}
		path = filepath.Dir(path)
	}
	return nil
}

func readSource(f *os.File, where string) ([]byte, error) {
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fault.New(fault.DescriptorUnreadable, where, "is not a regular file")
	}
	return files.ReadAll(f, where, maxSource, fault.DescriptorUnreadable)
}

// expand returns the files given by arg, a file, folder or pattern, and the folder to
// import from if none is given. A file is named relative to the working folder, or else
// by its import name.
func expand(arg string, dirs []string) (list []string, root string, err error) {
	base, pattern := files.SplitPattern(arg)
	if pattern == "" {
		info, err := os.Stat(arg)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			for _, dir := range dirs {
				where := filepath.Join(dir, arg)
				if info, err := os.Stat(where); err == nil && filepath.IsLocal(arg) && info.Mode().IsRegular() {
					return []string{where}, dir, nil
				}
			}
			return nil, "", notFound(arg, dirs, err)
		case err != nil:
			return nil, "", fault.New(fault.DescriptorUnreadable, arg, "%w", files.Reason(err))
		case info.IsDir():
			base, pattern = arg, "**/*.proto"
		case filepath.IsLocal(arg):
			return []string{arg}, ".", nil
		default:
			return []string{arg}, filepath.Dir(arg), nil
		}
	}
	list, err = files.Find(base, pattern, fault.DescriptorUnreadable)
	if errors.Is(err, fs.ErrNotExist) && base != arg {
		err = fault.New(fault.DescriptorUnreadable, arg, "matches no file: no such directory %s", base)
	}
	if err == nil && len(list) == 0 {
		err = fault.New(fault.DescriptorUnreadable, arg, "no .proto files found")
	}
	return withoutLinks(list), base, err
}

// notFound returns the error for a file that is neither in the working folder nor in an
// import path.
func notFound(arg string, dirs []string, err error) error {
	for _, dir := range append([]string{""}, dirs...) {
		if link := brokenLink(filepath.Join(dir, arg)); link != nil {
			return link
		}
	}
	f := fault.New(fault.DescriptorUnreadable, arg, "%w", files.Reason(err))
	if slices.ContainsFunc(dirs, func(dir string) bool { return filepath.Clean(dir) != "." }) {
		return f.WithHint("jwtctl searches the current directory and the -I directories: %s", strings.Join(dirs, ", "))
	}
	return f
}

// withoutLinks removes from list links to other files in it: each file is compiled once,
// under its own name.
func withoutLinks(list []string) []string {
	own := map[string]bool{}
	links := map[string]string{}
	for _, path := range list {
		if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			if to, err := filepath.EvalSymlinks(path); err == nil {
				links[path] = to
				continue
			}
		}
		own[path] = true
	}
	if len(links) == 0 {
		return list
	}
	actual := map[string]bool{}
	for path := range own {
		if to, err := filepath.EvalSymlinks(path); err == nil {
			actual[to] = true
		}
	}
	return slices.DeleteFunc(list, func(path string) bool {
		to, isLink := links[path]
		again := isLink && actual[to]
		actual[to] = actual[to] || isLink // two links to a file that is elsewhere
		return again
	})
}
