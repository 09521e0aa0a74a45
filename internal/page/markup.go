package page

import (
	"html"
	"strconv"
	"strings"
)

// markup writes HTML. What it is given as text or as the value of an attribute is
// always escaped; names of elements and attributes are constants of this package.
// html/template is not needed for that: nothing but text and attributes varies, and
// no script, style or address to elsewhere has a part of the policy in it.
type markup struct {
	b    strings.Builder
	open []string
}

// start begins an element. attributes are names and values in turn; one with the
// value "" is left out.
func (m *markup) start(element string, attributes ...string) {
	m.tag(element, attributes)
	m.open = append(m.open, element)
}

// void writes an element without content.
func (m *markup) void(element string, attributes ...string) { m.tag(element, attributes) }

func (m *markup) tag(element string, attributes []string) {
	m.b.WriteString("<" + element)
	for i := 0; i+1 < len(attributes); i += 2 {
		if value := attributes[i+1]; value != "" {
			m.b.WriteString(" " + attributes[i] + `="` + html.EscapeString(value) + `"`)
		}
	}
	m.b.WriteString(">")
}

// end ends the element that was begun last.
func (m *markup) end() {
	last := len(m.open) - 1
	m.b.WriteString("</" + m.open[last] + ">")
	m.open = m.open[:last]
}

func (m *markup) text(text string) { m.b.WriteString(html.EscapeString(text)) }

// element writes an element with a text and nothing else.
func (m *markup) element(element, text string, attributes ...string) {
	m.start(element, attributes...)
	m.text(text)
	m.end()
}

// line breaks the line, so that the source can be read and compared.
func (m *markup) line() { m.b.WriteString("\n") }

// verbatim writes an element whose content is not escaped: a file that is a part
// of the program.
func (m *markup) verbatim(element string, content asset) {
	m.start(element)
	m.b.WriteString(string(content))
	m.end()
}

// asset is the text of a file that is a part of the program.
type asset string

// classes joins the names of classes that are not empty.
func classes(names ...string) string {
	return strings.Join(strings.Fields(strings.Join(names, " ")), " ")
}

// when is text if is, else "".
func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func px(n int) string { return strconv.Itoa(n) }
