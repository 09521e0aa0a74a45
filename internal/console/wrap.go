package console

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// narrowest is the width below which a terminal is left to break lines itself.
const narrowest = 40

// WrapOut breaks the lines of text between words, to the width of the terminal
// that stdout is. Elsewhere, text stays as it is: a line is a record there.
func (c *Console) WrapOut(text string) string { return wrap(text, c.sys.OutColumns, "") }

// WrapCommand is WrapOut for a line of a shell: it can still be copied.
func (c *Console) WrapCommand(line string) string {
	if strings.ContainsAny(line, `'"\`+"`") {
		return line // a space between quotes is not a place to break
	}
	return wrap(line, c.sys.OutColumns, ` \`)
}

// wrap breaks lines of more than columns cells at spaces, and indents what
// follows by two more. end is put at the end of each line that goes on. A word
// that is too long stays whole.
func wrap(text string, columns int, end string) string {
	if columns < narrowest {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		body := strings.TrimLeft(line, " ")
		indent := len(line) - len(body)
		b.WriteString(line[:indent])
		used, first := indent, true
		for word := range strings.SplitSeq(body, " ") {
			width := lipgloss.Width(strings.TrimSuffix(word, "\n"))
			switch {
			case first:
			case used+1+width+len(end) > columns && width > 0:
				b.WriteString(end + "\n" + strings.Repeat(" ", indent+2))
				used = indent + 2
			default:
				b.WriteByte(' ')
				used++
			}
			b.WriteString(word)
			used, first = used+width, false
		}
	}
	return b.String()
}
