package finding

import (
	"io"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Report is what one run of a tool found. Every Write method prints the
// findings as Sort returns them, with one call of the writer whose error it
// returns.
type Report struct {
	// Tool and Version name the program that made the findings.
	Tool, Version string
	// Rules are the rules that the run knew, whether they found something or not.
	Rules    []Rule
	Findings []Finding
	// Folder is the working folder in the repository, with slashes, which GitHub needs
	// before the relative names of files; "" for the root.
	Folder string
	// Strict says that warnings fail the run too, which JUnit shows.
	Strict bool
}

// Formats returns the names that Write takes.
func Formats() []string { return []string{"text", "json", "github", "sarif", "junit"} }

// Write prints the report in one of the Formats; opts are for text alone. The
// error is the writer's, or a usage fault for an unknown format.
func (r Report) Write(w io.Writer, format string, opts TextOptions) error {
	switch format {
	case "text":
		return r.WriteText(w, opts)
	case "json":
		return r.WriteJSON(w)
	case "github":
		return r.WriteGitHub(w)
	case "sarif":
		return r.WriteSARIF(w)
	case "junit":
		return r.WriteJUnit(w)
	}
	return fault.New(fault.UsageError, "format", "%s is not one of %s", quote.Escape(format, ""), strings.Join(Formats(), ", "))
}
