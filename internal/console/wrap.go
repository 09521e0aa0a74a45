package console

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// minColumns is the width below which wrapping is left to the terminal.
const minColumns = 40

// maxColumns is the width of paragraphs on wider terminals, and without a terminal.
const maxColumns = 80

// Fill wraps the paragraphs of text for a terminal with this number of columns. Lines
// that start with a space, such as examples, stay unchanged.
func Fill(text string, columns int) string {
	if columns < minColumns || columns > maxColumns {
		columns = maxColumns
	}
	var b strings.Builder
	used := 0 // cells used on the current line of a paragraph
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' {
			if used > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(line + "\n")
			used = 0
			continue
		}
		for word := range strings.SplitSeq(line, " ") {
			width := lipgloss.Width(word)
			switch {
			case used == 0:
			case used+1+width > columns:
				b.WriteByte('\n')
				used = 0
			default:
				b.WriteByte(' ')
				used++
			}
			b.WriteString(word)
			used += width
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// WrapOut wraps the lines of text to the width of the terminal on stdout. Without a
// terminal text is unchanged, since a line is a record there.
func (c *Console) WrapOut(text string) string { return Wrap(text, c.sys.OutColumns) }

// Wrap wraps the lines of text between words for a terminal with this number of columns.
func Wrap(text string, columns int) string { return wrap(text, columns, "") }

// WrapCommand is WrapOut for a shell command: it can still be copied.
func (c *Console) WrapCommand(line string) string { return WrapCommand(line, c.sys.OutColumns) }

// WrapCommand wraps a shell command for a terminal with this number of columns.
func WrapCommand(line string, columns int) string {
	if strings.ContainsAny(line, `'"\|`+"`") {
		return line // spaces between quotes must not be broken, and a pipe is easier to read on one line
	}
	return wrap(line, columns, ` \`)
}

// wrap breaks lines with more than columns cells at spaces, and indents the continuation
// by two more. It puts end at the end of each broken line. A word that is too long is not
// broken.
func wrap(text string, columns int, end string) string {
	if columns < minColumns {
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
