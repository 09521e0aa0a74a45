package page

import "strconv"

// document writes the whole page. policy is its Content-Security-Policy.
func (m *markup) document(d *document, policy string) {
	m.b.WriteString("<!doctype html>\n")
	m.start("html", "lang", "en")
	m.line()
	m.start("head")
	m.line()
	m.void("meta", "charset", "utf-8")
	m.line()
	m.void("meta", "http-equiv", "Content-Security-Policy", "content", policy)
	m.line()
	for _, one := range [][2]string{{"viewport", "width=device-width, initial-scale=1"}, {"color-scheme", "light dark"}, {"referrer", "no-referrer"}} {
		m.void("meta", "name", one[0], "content", one[1])
		m.line()
	}
	m.void("link", "rel", "icon", "href", "data:,")
	m.line()
	m.element("title", d.Title)
	m.line()
	m.verbatim("style", style)
	m.line()
	m.end()
	m.line()
	m.start("body")
	m.line()
	m.element("a", "Skip to the content", "class", "skip", "href", "#content")
	m.line()
	m.header(d)
	m.start("main", "id", "content")
	m.line()
	if d.Empty != "" {
		m.element("p", d.Empty, "class", "empty")
		m.line()
	}
	for _, g := range d.Groups {
		m.group(g)
	}
	m.sources(d.Files)
	m.element("p", "Nothing matches.", "class", "nothing", "hidden", "hidden")
	m.line()
	m.end()
	m.line()
	m.heads()
	m.verbatim("script", script)
	m.line()
	m.end()
	m.line()
	m.end()
	m.line()
}

func (m *markup) header(d *document) {
	m.start("header")
	m.line()
	m.element("h1", d.Title)
	m.line()
	m.element("p", d.About, "class", "about")
	m.line()
	if d.Alert != "" {
		m.element("p", d.Alert, "class", "alert")
		m.line()
	}
	m.start("ul", "class", "tiles")
	m.line()
	for _, t := range d.Tiles {
		m.start("li")
		element := "a"
		if t.Href == "" {
			element = "span"
		}
		m.start(element, "class", classes("tile", t.Tone), "href", t.Href)
		m.element("b", strconv.Itoa(t.Number))
		m.text(" " + t.Label)
		m.end()
		m.end()
		m.line()
	}
	m.end()
	m.line()
	m.start("div", "class", "search", "hidden", "hidden")
	m.element("label", "Search", "for", "search")
	m.void("input", "id", "search", "type", "search", "autocomplete", "off", "spellcheck", "false", "placeholder", "method, message, claim, issuer, file")
	m.element("output", "", "for", "search", "aria-live", "polite")
	m.end()
	m.line()
	m.end()
	m.line()
}

// heading writes the heading of a part of the page that holds n cards.
func (m *markup) heading(title string, n int, about string) {
	m.start("h2")
	m.text(title + " ")
	m.element("span", strconv.Itoa(n), "class", "count")
	m.end()
	m.line()
	if about != "" {
		m.element("p", about, "class", "about")
		m.line()
	}
}

func (m *markup) group(g group) {
	if len(g.Cards) == 0 {
		return
	}
	m.start("section", "id", g.ID, "class", g.Tone)
	m.line()
	m.heading(g.Title, len(g.Cards), g.About)
	if g.Legend {
		m.start("p", "class", "legend", "aria-hidden", "true")
		for _, one := range [][2]string{{"", "field"}, {" → ", "claim"}, {" → ", "token"}, {" ← ", "message"}, {" ← ", "method"}} {
			m.text(one[0])
			m.element("span", one[1], "class", "key "+one[1])
		}
		m.end()
		m.line()
	}
	for _, c := range g.Cards {
		m.card(c)
	}
	m.end()
	m.line()
}

// card writes c: one that opens if it has a kind.
func (m *markup) card(c *card) {
	if c.Kind != "" {
		m.start("details", "class", classes("card", c.Tone), "open", when(c.Open, "open"))
		m.line()
		m.start("summary")
		m.title(c)
		m.end()
		m.line()
		m.start("div", "class", "body", "id", c.ID)
		m.line()
		m.body(c)
		m.end()
		m.line()
	} else {
		m.start("article", "class", classes("card", c.Tone), "id", c.ID)
		m.line()
		m.start("div", "class", "top")
		m.title(c)
		m.place(c.At)
		m.end()
		m.line()
		m.body(c)
	}
	m.end()
	m.line()
}

func (m *markup) title(c *card) {
	m.start("h3")
	if c.Before != "" {
		m.element("span", c.Before, "class", "package")
	}
	m.element("span", c.Name, "class", "name")
	m.end()
	m.text(" ")
	m.start("span", "class", "badges")
	for _, b := range c.Badges {
		m.element("span", b.Text, "class", classes("badge", b.Tone))
	}
	m.end()
}

func (m *markup) body(c *card) {
	if c.Text != "" {
		m.element("p", c.Text, "class", "said")
		m.line()
	}
	if c.Hint != "" {
		m.element("p", c.Hint, "class", "hint")
		m.line()
	}
	m.changes(c.Changes)
	m.pairs(c.Pairs)
	m.rows(c.Rows)
	m.drawing(c.Graph)
}

func (m *markup) place(p *place) {
	if p != nil {
		m.element("a", p.Text, "class", "place", "href", p.Href)
	}
}

// words writes the text of f, with its link.
func (m *markup) words(f fact) {
	m.text(f.Before)
	if f.Href != "" {
		m.element("a", f.Link, "href", f.Href)
	}
	m.text(f.After)
}

// depth is the class of what is so many steps to the right.
func depth(n int) string { return when(n > 0, "depth"+strconv.Itoa(min(n, 6))) }

func (m *markup) rows(rows []fact) {
	if len(rows) == 0 {
		return
	}
	m.start("table", "class", "facts")
	m.start("tbody")
	m.line()
	for _, f := range rows {
		m.start("tr", "class", classes(f.Tone, when(f.Label != "", "labelled")))
		if f.Label != "" {
			m.element("th", f.Label, "scope", "row")
		} else {
			m.element("td", "") // of the column of labels
		}
		m.start("td", "class", depth(f.Depth), "colspan", when(f.Place == nil, "2"))
		m.words(f)
		m.end()
		if f.Place != nil {
			m.start("td", "class", "from")
			m.place(f.Place)
			m.end()
		}
		m.end()
		m.line()
	}
	m.end()
	m.end()
	m.line()
}

// sources writes the lines that the facts come from.
func (m *markup) sources(files []*file) {
	if len(files) == 0 {
		return
	}
	m.start("section", "id", "sources")
	m.line()
	m.heading("Places", len(files), "The lines that the facts above come from, and what each of them is about.")
	for _, f := range files {
		m.start("article", "class", "card source", "id", f.ID)
		m.line()
		m.element("h3", f.Name, "class", "name")
		m.line()
		m.start("table", "class", "lines")
		m.start("tbody")
		m.line()
		for _, l := range f.Lines {
			m.source(l)
		}
		m.end()
		m.end()
		m.line()
		m.end()
		m.line()
	}
	m.end()
	m.line()
}

func (m *markup) source(l source) {
	if l.Number == 0 {
		m.start("tr", "class", "gap")
		m.element("td", "⋯", "colspan", "3")
	} else {
		m.start("tr", "id", l.ID, "class", when(l.ID == "", "around"))
		m.element("th", strconv.Itoa(l.Number), "scope", "row")
		m.start("td")
		m.element("code", l.Text)
		m.end()
		m.start("td", "class", "by")
		for _, c := range l.By {
			m.element("a", c.Name, "href", "#"+c.ID)
			m.text(" ")
		}
		m.end()
	}
	m.end()
	m.line()
}
