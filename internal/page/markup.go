package page

import (
	"html"
	"strconv"
	"strings"
)

// markup writes HTML. Text and attribute values are always escaped; names of elements and
// attributes are constants of this package. It does not need html/template, since only
// text and attributes vary: no script, style or external address contains a part of the
// policy.
type markup struct{ b strings.Builder }

// attrs are attributes as alternating names and values; one with an empty value is
// omitted.
type attrs []string

// in writes an element around what content writes.
func (m *markup) in(element string, a attrs, content func()) {
	m.tag(element, a)
	content()
	m.b.WriteString("</" + element + ">")
}

// row is in on a separate line, so that the source is readable.
func (m *markup) row(element string, a attrs, content func()) {
	m.in(element, a, content)
	m.line()
}

// block is row with its content on separate lines.
func (m *markup) block(element string, a attrs, content func()) {
	m.row(element, a, func() {
		m.line()
		content()
	})
}

// tag writes a start tag, or an element without content.
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

// element writes an element with only a text.
func (m *markup) element(element, text string, attributes ...string) {
	m.in(element, attributes, func() { m.text(text) })
}

// elementLine is element on a separate line, unless text is "".
func (m *markup) elementLine(element, text string, attributes ...string) {
	if text != "" {
		m.element(element, text, attributes...)
		m.line()
	}
}

func (m *markup) line() { m.b.WriteString("\n") }

// verbatim writes an element whose content is not escaped: an embedded file.
func (m *markup) verbatim(element string, content asset) {
	m.row(element, nil, func() { m.b.WriteString(string(content)) })
}

// asset is the text of an embedded file.
type asset string

// classes joins the class names that are not empty.
func classes(names ...string) string {
	return strings.Join(strings.Fields(strings.Join(names, " ")), " ")
}

// when returns text if cond is true, and "" otherwise.
func when(cond bool, text string) string { return tone(cond, text, "") }

func px(n int) string { return strconv.Itoa(n) }
