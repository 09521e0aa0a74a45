package policycmd

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/files"
)

// maxSource is how much of a source is read to show lines of it.
const maxSource = 4 << 20

// sourceLines returns a function that reads lines of the .proto files of sets, each
// file once. It knows no line of what a descriptor set held.
func sourceLines(sets ...*descset.Set) func(file string, line int) string {
	known := map[string][]string{}
	for _, set := range sets {
		for _, f := range set.Files() {
			if f.IsSource() {
				known[f.Where] = nil
			}
		}
	}
	return func(file string, line int) string {
		lines, is := known[file]
		if !is {
			return ""
		}
		if lines == nil {
			data, err := files.Read(file, maxSource, fault.FileFailed)
			if err != nil {
				data = nil // it was there a moment ago; the page is not about it
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
