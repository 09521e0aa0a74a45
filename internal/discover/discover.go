// Package discover finds the annotated .proto files in a folder, however large the rest
// of it is, and the folders from which they import.
//
// It searches text without parsing it: a false match costs time, but a missed file would
// be a policy that is ignored. So it selects every file that mentions a spelling of the
// annotations anywhere.
package discover

import (
	"bytes"
	"context"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// MaxSource is how much of a file is read, in bytes. A larger file counts as annotated,
// and the compiler decides.
const MaxSource = 8 << 20

// Tree is the set of .proto files in a folder. Paths are relative to it, with slashes.
type Tree struct {
	dir     string
	sources []source
	paths   map[string]bool
	skipped []string
	imports map[string]bool // all imports of any file
	reader  headerReader
}

// source is a .proto file.
type source struct {
	path, pkg string
	imports   []string
	annotated bool
}

// New returns an empty tree for the folder dir.
func New(dir string) *Tree {
	return &Tree{dir: dir, paths: map[string]bool{}, imports: map[string]bool{}, reader: newHeaderReader()}
}

// Scan returns the .proto files in dir. It skips folders named node_modules or starting
// with a dot, and links to folders: Skipped returns annotated files in those. It returns
// descriptor_unreadable if dir cannot be read, or has too many files.
func Scan(ctx context.Context, dir string) (*Tree, error) {
	list, passed, err := files.FindAll(dir, "**/*.proto", fault.DescriptorUnreadable)
	if err != nil {
		return nil, err
	}
	t := New(dir)
	for _, name := range list {
		if ctx.Err() != nil {
			return nil, fault.New(fault.Interrupted, dir, "%w", ctx.Err())
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return nil, fault.New(fault.DescriptorUnreadable, name, "%w", err)
		}
		text, err := files.Read(name, MaxSource, fault.DescriptorUnreadable)
		t.add(filepath.ToSlash(relative), text, err != nil)
	}
	t.scanFolders(ctx, passed)
	return t, nil
}

// Add adds the file at a path below the folder.
func (t *Tree) Add(path string, text []byte) { t.add(path, text, false) }

func (t *Tree) add(path string, text []byte, unread bool) {
	s := source{path: path, annotated: unread}
	s.pkg, s.imports = t.reader.read(text)
	s.annotated = s.annotated || t.mentions(text) && !t.isSchema(path, s.pkg, text)
	t.sources = append(t.sources, s)
	t.paths[path] = true
	for _, name := range s.imports {
		t.imports[name] = true
	}
}

// Dir returns the folder.
func (t *Tree) Dir() string { return t.dir }

// Len returns the number of .proto files.
func (t *Tree) Len() int { return len(t.sources) }

// mentions reports whether a source can have an annotation: it names a package of the
// annotations in its own package or in an option; or it declares an option with one of
// their numbers, an error that must be found; or it has another encoding.
func (t *Tree) mentions(text []byte) bool {
	if bytes.Contains(text, []byte("kalix")) || bytes.Contains(text, []byte("jwtctl")) || bytes.IndexByte(text, 0) >= 0 {
		return true
	}
	if !bytes.Contains(text, []byte("extend")) || !t.reader.extends.Match(text) {
		return false
	}
	for _, number := range []string{"1080", "51080", "0x438", "0X438", "0xc788", "0xC788", "0Xc788", "0XC788", "02070", "0143610"} {
		if bytes.Contains(text, []byte(number)) {
			return true
		}
	}
	return false
}

// isSchema reports whether a file is part of a copy of the annotations' schema, as in
// many folders, and has no annotations itself.
func (t *Tree) isSchema(path, pkg string, text []byte) bool {
	path = "/" + path
	return (pkg == "kalix" && strings.Contains(path, "/kalix/") ||
		strings.HasPrefix(pkg, "kalix.component.") && strings.Contains(path, "/kalix/component/") ||
		pkg == "jwtctl.v1" && strings.HasSuffix(path, "/jwtctl/v1/annotations.proto")) && !t.reader.annotates.Match(t.reader.ignored.ReplaceAll(text, []byte(" ")))
}

// Selection is what to compile.
type Selection struct {
	// ImportPaths are the folders to import from, and Protos the files, as paths from the
	// working folder.
	ImportPaths, Protos []string
	// Annotated is the number of annotated files, and Total that of all files.
	Annotated, Total int
}

// IsPartial reports whether there are files that are not selected.
func (s Selection) IsPartial() bool { return s.Total > len(s.Protos) }

// Select returns the annotated files and those in the same folders, all files that
// declare a service or message with one of the names, and the files at paths.
func (t *Tree) Select(names []string, paths ...string) Selection {
	selected := Selection{Total: len(t.sources)}
	dirs := map[string]bool{}
	for _, s := range t.annotated() {
		selected.Annotated++
		dirs[path.Dir(s.path)] = true
	}
	declares := declaring(names)
	var chosen []source
	for _, s := range t.sources {
		if dirs[path.Dir(s.path)] || slices.Contains(paths, s.path) || declares != nil && t.matches(s, declares) {
			chosen = append(chosen, s)
			selected.Protos = append(selected.Protos, t.at(s.path))
		}
	}
	for _, root := range t.roots(chosen) {
		selected.ImportPaths = append(selected.ImportPaths, t.at(root))
	}
	return selected
}

// Declared returns the names of the services and messages declared in annotated files.
func (t *Tree) Declared() (names []string) {
	declaration := declaring([]string{`\w+`})
	for _, s := range t.annotated() {
		for _, m := range declaration.FindAllSubmatch(t.text(s), -1) {
			names = append(names, string(m[1]))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// declaring returns a pattern for a declaration of one of the names, or nil.
func declaring(names []string) *regexp.Regexp {
	if len(names) == 0 {
		return nil
	}
	return regexp.MustCompile(`\b(?:service|message)(?:\s|/\*[^*]*\*/|//[^\n]*\n)+(` + strings.Join(names, "|") + `)\b`)
}

func (t *Tree) matches(s source, declares *regexp.Regexp) bool { return declares.Match(t.text(s)) }

func (t *Tree) text(s source) []byte {
	text, _ := files.Read(t.at(s.path), MaxSource, fault.DescriptorUnreadable) // an unreadable one counts as annotated
	return text
}

func (t *Tree) at(path string) string { return filepath.Join(t.dir, filepath.FromSlash(path)) }
