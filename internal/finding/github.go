package finding

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/jwtctl/jwtctl/internal/quote"
)

// WriteGitHub prints a workflow command for each finding, which GitHub Actions shows at
// its line in a pull request. A note becomes a notice. The hint follows the message on a
// separate line, within the same command.
func (r Report) WriteGitHub(w io.Writer) error {
	// The escapes that the runner decodes.
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	var b bytes.Buffer
	for _, f := range Sort(r.Findings) {
		command := f.Severity.String()
		if f.Severity == Note {
			command = "notice"
		}
		var properties []string
		set := func(name, value string) {
			properties = append(properties, name+"="+property.Replace(quote.Escape(value, "")))
		}
		if f.Pos.File != "" {
			set("file", r.inRepository(f.Pos.File))
			if f.Pos.Line > 0 {
				set("line", fmt.Sprint(f.Pos.Line))
			}
			if f.Pos.Line > 0 && f.Pos.Column > 0 {
				set("col", fmt.Sprint(f.Pos.Column))
			}
		}
		if f.Rule != "" {
			set("title", f.Rule)
		}
		message := quote.Escape(f.Message, "")
		if f.Hint != "" {
			message += "\nhint: " + quote.Escape(f.Hint, "")
		}
		if len(properties) > 0 {
			command += " " + strings.Join(properties, ",")
		}
		fmt.Fprintf(&b, "::%s::%s\n", command, data.Replace(message))
	}
	_, err := b.WriteTo(w)
	return err
}

// inRepository returns a file named from the working folder as seen from the repository.
func (r Report) inRepository(file string) string {
	if r.Folder == "" || filepath.IsAbs(file) {
		return file
	}
	return path.Join(r.Folder, filepath.ToSlash(file))
}
