package discover

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Annotated returns the paths of the annotated files.
func (t *Tree) Annotated() (list []string) {
	for _, s := range t.annotated() {
		list = append(list, s.path)
	}
	return list
}

func (t *Tree) annotated() []source {
	return slices.DeleteFunc(slices.Clone(t.sources), func(s source) bool { return !s.annotated })
}

// Roots returns the folders from which the annotated files import, starting with those of
// the files themselves.
func (t *Tree) Roots() []string {
	return t.roots(t.annotated())
}

// Root returns the folder to which the import name of a file is relative.
func (t *Tree) Root(file string) string { return t.rootOf(path.Dir(file)) }

// roots returns the folders to which the names of list, and of everything that they
// import, are relative. Of nested folders the inner one comes first: it gives files the
// shorter name.
func (t *Tree) roots(list []source) (roots []string) {
	bySuffix := map[string][]string{} // base name → paths
	byPath := map[string]source{}
	for _, s := range t.sources {
		bySuffix[path.Base(s.path)] = append(bySuffix[path.Base(s.path)], s.path)
		byPath[s.path] = s
	}
	seen := map[string]bool{}
	known := map[string]string{} // folder → root
	for queue := slices.Clone(list); len(queue) > 0; queue = queue[1:] {
		s := queue[0]
		if seen[s.path] {
			continue
		}
		seen[s.path] = true
		root, ok := known[path.Dir(s.path)]
		if !ok {
			root = t.rootOf(path.Dir(s.path))
			known[path.Dir(s.path)] = root
		}
		if !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
		for _, name := range s.imports {
			at, from, found := nearest(s.path, name, bySuffix[path.Base(name)], roots)
			if !found {
				continue
			}
			if !slices.Contains(roots, from) {
				roots = append(roots, from)
			}
			queue = append(queue, byPath[at])
		}
	}
	slices.SortStableFunc(roots, func(a, b string) int { return depth(b) - depth(a) })
	return roots
}

func depth(dir string) int {
	if dir == "." {
		return 0
	}
	return strings.Count(dir, "/") + 1
}

// nearest returns the file among paths that an import of name in the file importer refers
// to, and the folder to which the name is relative: preferably one of the roots, then one
// around the importer, then any.
func nearest(importer, name string, paths, roots []string) (at, from string, found bool) {
	best := -1
	for _, p := range paths {
		dir, ok := cutSuffix(p, name)
		if !ok {
			continue
		}
		rank := 0
		switch {
		case slices.Contains(roots, dir):
			rank = 2
		case dir == "." || strings.HasPrefix(importer, dir+"/"):
			rank = 1
		}
		if rank > best {
			at, from, best = p, dir, rank
		}
	}
	return at, from, best >= 0
}

// rootOf returns the folder to which the names of files in dir are relative: judging by
// imports of them, by their own imports, or by their package.
func (t *Tree) rootOf(dir string) string {
	var own []source
	for _, s := range t.sources {
		if path.Dir(s.path) == dir {
			own = append(own, s)
		}
	}
	for _, s := range own {
		for name := s.path; strings.Contains(name, "/"); _, name, _ = strings.Cut(name, "/") {
			if t.imports[name] {
				from, _ := cutSuffix(s.path, name)
				return from
			}
		}
	}
	for _, s := range own {
		for _, name := range s.imports {
			for from := dir; ; from = path.Dir(from) {
				if t.paths[path.Join(from, name)] {
					return from
				}
				if from == "." {
					break
				}
			}
		}
	}
	for _, s := range own {
		if from, ok := cutSuffix(dir, strings.ReplaceAll(s.pkg, ".", "/")); ok && s.pkg != "" {
			return from
		}
	}
	return dir
}

// cutSuffix returns the folder relative to which path is called name.
func cutSuffix(path, name string) (string, bool) {
	if path == name {
		return ".", true
	}
	return strings.CutSuffix(path, "/"+name)
}

// headerReader reads the package and the imports of a source. Text in comments counts,
// and mistakes show when the sources are compiled.
type headerReader struct {
	pkg, imports *regexp.Regexp
	ignored      *regexp.Regexp // strings and comments
	annotates    *regexp.Regexp // a service, or an option of the annotations
	extends      *regexp.Regexp // the declaration of an option
}

func newHeaderReader() headerReader {
	return headerReader{
		pkg:       regexp.MustCompile(`^package\s+([\w.]+)\s*;`),
		imports:   regexp.MustCompile(`^import\s+(?:public\s+|weak\s+|option\s+)?["']([^"'\n]+)["']\s*;`),
		extends:   regexp.MustCompile(`\bextend\b[^{;]*(?:Field|Message|Method|Service)Options\b`),
		ignored:   regexp.MustCompile(`"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|/\*(?s:.*?)\*/|//[^\n]*`),
		annotates: regexp.MustCompile(`\bservice\s+\w+\s*\{|\(\s*\.?\s*(?:(?:kalix|jwtctl|v1)\s*\.\s*)*(?:field|method|service|message)\s*\)`),
	}
}

func (r headerReader) read(text []byte) (pkg string, imports []string) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	for rest := text; len(rest) > 0; {
		start := bytes.TrimLeft(rest, " \t\r")
		statement := start[:min(len(start), 1024)]
		switch {
		case pkg == "" && bytes.HasPrefix(start, []byte("package")):
			if m := r.pkg.FindSubmatch(statement); m != nil {
				pkg = string(m[1])
			}
		case bytes.HasPrefix(start, []byte("import")):
			if m := r.imports.FindSubmatch(statement); m != nil {
				imports = append(imports, string(m[1]))
			}
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		rest = rest[end+1:]
	}
	return pkg, imports
}
