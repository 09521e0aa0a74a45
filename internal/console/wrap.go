package console

import (
	"strings"

	"github.com/charmbracelet/lipgloss"
)

// narrowest is the width below which a terminal is left to break lines itself.
const narrowest = 40

// widest is the width of paragraphs on wider terminals, and where there is none.
const widest = 80

// Fill wraps the paragraphs of text for a terminal with this number of columns. Lines
// that start with a space, such as examples, stay unchanged.
func Fill(text string, columns int) string {
	if columns < narrowest || columns > widest {
		columns = widest
	}
	var b strings.Builder
	used := 0 // cells of an open line of a paragraph
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

// WrapOut breaks the lines of text between words, to the width of the terminal
// that stdout is. Elsewhere, text stays as it is: a line is a record there.
func (c *Console) WrapOut(text string) string { return Wrap(text, c.sys.OutColumns) }

// Wrap breaks the lines of text between words for a terminal of so many columns.
func Wrap(text string, columns int) string { return wrap(text, columns, "") }

// WrapCommand is WrapOut for a line of a shell: it can still be copied.
func (c *Console) WrapCommand(line string) string { return WrapCommand(line, c.sys.OutColumns) }

// WrapCommand breaks the line of a shell for a terminal of so many columns.
func WrapCommand(line string, columns int) string {
	if strings.ContainsAny(line, `'"\|`+"`") {
		return line // a space between quotes is not a place to break, and a pipe is easier to read in one line
	}
	return wrap(line, columns, ` \`)
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
