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
type markup struct{ b strings.Builder }

// attrs are the attributes of an element, names and values in turn; one with the
// value "" is left out.
type attrs []string

// in writes an element around what content writes.
func (m *markup) in(element string, a attrs, content func()) {
	m.tag(element, a)
	content()
	m.b.WriteString("</" + element + ">")
}

// row is in on a line of its own, so that the source can be read and compared.
func (m *markup) row(element string, a attrs, content func()) {
	m.in(element, a, content)
	m.line()
}

// block is row with its content on lines of their own.
func (m *markup) block(element string, a attrs, content func()) {
	m.row(element, a, func() {
		m.line()
		content()
	})
}

// tag begins an element, or writes one that has no content.
func (m *markup) tag(element string, a attrs) {
	m.b.WriteString("<" + element)
	for i := 0; i+1 < len(a); i += 2 {
		if value := a[i+1]; value != "" {
			m.b.WriteString(" " + a[i] + `="` + html.EscapeString(value) + `"`)
		}
	}
	m.b.WriteString(">")
}

func (m *markup) text(text string) { m.b.WriteString(html.EscapeString(text)) }

// element writes an element with a text and nothing else.
func (m *markup) element(element, text string, attributes ...string) {
	m.in(element, attributes, func() { m.text(text) })
}

// elementLine is element on a line of its own, unless the text is "".
func (m *markup) elementLine(element, text string, attributes ...string) {
	if text != "" {
		m.element(element, text, attributes...)
		m.line()
	}
}

func (m *markup) line() { m.b.WriteString("\n") }

// verbatim writes an element whose content is not escaped: a file that is a part
// of the program.
func (m *markup) verbatim(element string, content asset) {
	m.row(element, nil, func() { m.b.WriteString(string(content)) })
}

// asset is the text of a file that is a part of the program.
type asset string

// classes joins the names of classes that are not empty.
func classes(names ...string) string {
	return strings.Join(strings.Fields(strings.Join(names, " ")), " ")
}

// when is text if is, else "".
func when(is bool, text string) string { return tone(is, text, "") }

func px(n int) string { return strconv.Itoa(n) }
