package scaffold

import (
	"regexp"
	"slices"
)

// readSource reads the package and the imports of a .proto file. It is no
// parser: what is in a comment counts, and what it takes wrongly shows when
// the sources are compiled.
func readSource(path string, text []byte) source {
	s := source{path: path}
	if m := regexp.MustCompile(`(?m)^\s*package\s+([\w.]+)\s*;`).FindSubmatch(text); m != nil {
		s.pkg = string(m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^\s*import\s+(?:public\s+|weak\s+)?["']([^"'\n]+)["']\s*;`).FindAllSubmatch(text, -1) {
		s.imports = append(s.imports, string(m[1]))
	}
	return s
}

// annotated reports whether s can hold annotations.
func (s source) annotated() bool {
	return slices.Contains(s.imports, "kalix/annotations.proto") || slices.Contains(s.imports, "jwtctl/v1/annotations.proto")
}
