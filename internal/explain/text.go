package explain

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Styles for Paint.
const (
	StyleHeading = "heading" // METHOD, MESSAGE and their names
	StylePlace   = "place"   // where a fact is from
	StyleGood    = "good"    // a check
	StyleWarn    = "warn"    // nothing is required
	StyleBad     = "bad"     // a cycle, or something else that lint refuses
	StyleDim     = "dim"     // the meaning of a fact
)

// TextOptions configure how text is written.
type TextOptions struct {
	// Escape makes external text safe for a terminal (S70); by default, characters that
	// are not printable are written as \uXXXX.
	Escape func(string) string
	// Paint styles a piece of text; by default nothing is styled.
	Paint func(style, text string) string
	// Width is the number of columns to keep within, as far as words permit; 0 means 80.
	Width int
}

// WriteText writes v as text.
func (v *View) WriteText(w io.Writer, o TextOptions) error {
	if o.Escape == nil {
		o.Escape = visible
	}
	if o.Paint == nil {
		o.Paint = func(_, text string) string { return text }
	}
	o.Width = cmp.Or(o.Width, 80)
	t := &textWriter{o: o}
	for _, s := range v.Sections(o.Escape) {
		t.section(s)
	}
	_, err := io.WriteString(w, t.out.String())
	return err
}

// row is a positioned Row.
type row struct {
	indent             int
	label, text, place string
	style              string
}

// textWriter writes sections, aligning their rows.
type textWriter struct {
	o    TextOptions
	out  strings.Builder
	rows []row
}

const labelWidth = 12 // including indent and gap

func (t *textWriter) section(s Section) {
	t.rows = []row{{label: s.Kind, text: s.Name, place: s.At, style: StyleHeading}}
	for _, r := range s.Rows {
		indent := 2
		switch {
		case r.Depth > 0:
			indent = 2 * r.Depth
		case r.Label == "":
			indent = labelWidth
		}
		t.rows = append(t.rows, row{indent, r.Label, r.Text, r.Place, r.Style})
	}
	t.flush()
}

// flush writes the rows of the section: labels in a column, texts, and the positions in a
// column as far left as the texts permit.
func (t *textWriter) flush() {
	if t.out.Len() > 0 {
		t.out.WriteString("\n")
	}
	place := 0
	for _, r := range t.rows {
		place = max(place, width(r.place))
	}
	column := 0 // of the positions
	for _, r := range t.rows {
		if r.place != "" {
			column = max(column, min(r.start()+width(r.text), t.o.Width-place-2))
		}
	}
	column = max(column, 40)
	for _, r := range t.rows {
		t.row(r, column)
	}
}

// start returns the column of the row's text.
func (r row) start() int {
	if r.label == "" {
		return r.indent
	}
	return max(labelWidth, r.indent+len(r.label)+2)
}

// row writes r: a text too long for its column continues below.
func (t *textWriter) row(r row, column int) {
	limit := t.o.Width - r.start()
	if r.place != "" {
		limit = column - r.start()
	}
	for i, line := range wrap(r.text, limit) {
		lead, label := strings.Repeat(" ", r.start()), ""
		if i == 0 && r.label != "" {
			lead, label = strings.Repeat(" ", r.indent), r.label+strings.Repeat(" ", r.start()-r.indent-len(r.label))
		}
		gap := ""
		if i == 0 && r.place != "" {
			gap = strings.Repeat(" ", max(column-r.start()-width(line), 0)+2) + t.o.Paint(StylePlace, r.place)
		}
		if r.style == StyleHeading && label != "" {
			label = t.o.Paint(StyleHeading, r.label) + label[len(r.label):]
		}
		if r.style != "" && line != "" {
			line = t.o.Paint(r.style, line)
		}
		t.out.WriteString(strings.TrimRight(lead+label+line+gap, " ") + "\n")
	}
}

func width(text string) int { return utf8.RuneCountInString(text) }

// wrap breaks text at spaces into lines of at most limit characters, if words permit.
func wrap(text string, limit int) []string {
	var lines []string
	line := ""
	for i, word := range strings.Split(text, " ") {
		switch {
		case i == 0:
			line = word
		case width(line)+1+width(word) <= limit:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// visible escapes what is not printable as \uXXXX.
func visible(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsPrint(r) && r != utf8.RuneError:
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
