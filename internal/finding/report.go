package finding

import (
	"io"
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// Report is the result of a run. Every Write method prints the findings as sorted by
// Sort, in one write, whose error it returns.
type Report struct {
	// Tool and Version name the program that made the findings.
	Tool, Version string
	// Rules are all rules of the run, with or without findings.
	Rules    []Rule
	Findings []Finding
	// Folder is the working folder within the repository, with slashes; GitHub needs it
	// as a prefix of file names. "" means the root.
	Folder string
	// Strict means that warnings fail the run too, which JUnit shows.
	Strict bool
}

// Formats returns the names that Write accepts.
func Formats() []string { return []string{"text", "json", "github", "sarif", "junit"} }

// Write prints the report in one of the Formats; opts are only for text. It returns the
// error of w, or a usage fault for an unknown format.
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
