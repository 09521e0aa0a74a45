package policycmd

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// maxSource is the maximum size of a source from which lines are shown.
const maxSource = 4 << 20

// sourceLines returns a function that reads lines of the .proto files of sets, each file
// once. Lines of descriptor sets are unknown.
func sourceLines(sets ...*descset.Set) func(file string, line int) string {
	known := map[string][]string{}
	for _, set := range sets {
		for _, f := range set.Files() {
			if f.IsSource() {
				known[f.Location] = nil
			}
		}
	}
	return func(file string, line int) string {
		lines, ok := known[file]
		if !ok {
			return ""
		}
		if lines == nil {
			data, err := files.Read(file, maxSource, fault.FileFailed)
			if err != nil {
				data = nil // it was readable a moment ago; show the page without it
			}
			lines = strings.Split(string(data), "\n")
			known[file] = lines
		}
		if line > len(lines) {
			return ""
		}
		return lines[line-1]
	}
}
