package page

import "strconv"

// document writes the whole page. policy is its Content-Security-Policy.
func (m *markup) document(d *document, policy string) {
	m.b.WriteString("<!doctype html>\n")
	m.block("html", attrs{"lang", "en"}, func() {
		m.block("head", nil, func() { m.head(d.Title, policy) })
		m.block("body", nil, func() {
			m.elementLine("a", "Skip to the content", "class", "skip", "href", "#content")
			m.block("header", nil, func() { m.header(d) })
			m.block("main", attrs{"id", "content"}, func() {
				m.elementLine("p", d.Empty, "class", "empty")
				for _, g := range d.Groups {
					m.group(g)
				}
				m.sources(d.Files)
				m.elementLine("p", "Nothing matches.", "class", "nothing", "hidden", "hidden")
			})
			m.arrowheads()
			m.verbatim("script", script)
		})
	})
}

func (m *markup) head(title, policy string) {
	for _, meta := range []attrs{
		{"charset", "utf-8"},
		{"http-equiv", "Content-Security-Policy", "content", policy},
		{"name", "viewport", "content", "width=device-width, initial-scale=1"},
		{"name", "color-scheme", "content", "light dark"},
		{"name", "referrer", "content", "no-referrer"},
	} {
		m.tag("meta", meta)
		m.line()
	}
	m.tag("link", attrs{"rel", "icon", "href", "data:,"})
	m.line()
	m.elementLine("title", title)
	m.verbatim("style", style)
}

func (m *markup) header(d *document) {
	m.elementLine("h1", d.Title)
	m.elementLine("p", d.About, "class", "about")
	m.elementLine("p", d.Alert, "class", "alert")
	m.block("ul", attrs{"class", "tiles"}, func() {
		for _, t := range d.Tiles {
			m.row("li", nil, func() {
				m.in(tone(t.Href == "", "span", "a"), attrs{"class", classes("tile", t.Tone), "href", t.Href}, func() {
					m.element("b", strconv.Itoa(t.Number))
					m.text(" " + t.Label)
				})
			})
		}
	})
	m.row("div", attrs{"class", "search", "hidden", "hidden"}, func() {
		m.element("label", "Search", "for", "search")
		m.tag("input", attrs{"id", "search", "type", "search", "autocomplete", "off", "spellcheck", "false", "placeholder", "method, message, claim, issuer, file"})
		m.element("output", "", "for", "search", "aria-live", "polite")
	})
}

// heading writes the heading of a part of the page with n cards.
func (m *markup) heading(title string, n int, about string) {
	m.row("h2", nil, func() {
		m.text(title + " ")
		m.element("span", strconv.Itoa(n), "class", "count")
	})
	m.elementLine("p", about, "class", "about")
}

func (m *markup) group(g group) {
	if len(g.Cards) == 0 {
		return
	}
	m.block("section", attrs{"id", g.ID, "class", g.Tone}, func() {
		m.heading(g.Title, len(g.Cards), g.About)
		if g.Legend {
			m.row("p", attrs{"class", "legend", "aria-hidden", "true"}, func() {
				for _, one := range [][2]string{{"", "field"}, {" → ", "claim"}, {" → ", "token"}, {" ← ", "message"}, {" ← ", "method"}} {
					m.text(one[0])
					m.element("span", one[1], "class", "key "+one[1])
				}
			})
		}
		for _, c := range g.Cards {
			m.card(c)
		}
	})
}

// card writes c, expandable if it has a kind.
func (m *markup) card(c *card) {
	if c.Kind != "" {
		m.block("details", attrs{"class", classes("card", c.Tone), "open", when(c.Open, "open")}, func() {
			m.row("summary", nil, func() { m.title(c) })
			m.block("div", attrs{"class", "body", "id", c.ID}, func() { m.body(c) })
		})
		return
	}
	m.block("article", attrs{"class", classes("card", c.Tone), "id", c.ID}, func() {
		m.row("div", attrs{"class", "top"}, func() {
			m.title(c)
			m.place(c.At)
		})
		m.body(c)
	})
}

func (m *markup) title(c *card) {
	m.in("h3", nil, func() {
		if c.Before != "" {
			m.element("span", c.Before, "class", "package")
		}
		m.element("span", c.Name, "class", "name")
	})
	m.text(" ")
	m.in("span", attrs{"class", "badges"}, func() {
		for _, b := range c.Badges {
			m.element("span", b.Text, "class", classes("badge", b.Tone))
		}
	})
}

func (m *markup) body(c *card) {
	m.elementLine("p", c.Text, "class", "said")
	m.elementLine("p", c.Hint, "class", "hint")
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

// words writes the text of f with its link.
func (m *markup) words(f fact) {
	m.text(f.Before)
	if f.Href != "" {
		m.element("a", f.Link, "href", f.Href)
	}
	m.text(f.After)
}

// depth returns the class for an indentation.
func depth(n int) string { return when(n > 0, "depth"+strconv.Itoa(min(n, 6))) }

func (m *markup) rows(rows []fact) {
	if len(rows) == 0 {
		return
	}
	m.table("facts", func() {
		for _, f := range rows {
			m.row("tr", attrs{"class", classes(f.Tone, when(f.Label != "", "labelled"))}, func() { m.fact(f) })
		}
	})
}

// table writes a table with the rows that content writes.
func (m *markup) table(class string, content func()) {
	m.row("table", attrs{"class", class}, func() {
		m.in("tbody", nil, func() {
			m.line()
			content()
		})
	})
}

func (m *markup) fact(f fact) {
	if f.Label != "" {
		m.element("th", f.Label, "scope", "row")
	} else {
		m.element("td", "") // for the column of labels
	}
	m.in("td", attrs{"class", depth(f.Depth), "colspan", when(f.Place == nil, "2")}, func() { m.words(f) })
	if f.Place != nil {
		m.in("td", attrs{"class", "from"}, func() { m.place(f.Place) })
	}
}

// sources writes the lines that the facts come from.
func (m *markup) sources(files []*file) {
	if len(files) == 0 {
		return
	}
	m.block("section", attrs{"id", "sources"}, func() {
		m.heading("Places", len(files), "The source lines of the facts above, and what each is about.")
		for _, f := range files {
			m.block("article", attrs{"class", "card source", "id", f.ID}, func() {
				m.elementLine("h3", f.Name, "class", "name")
				m.table("lines", func() {
					for _, l := range f.Lines {
						m.source(l)
					}
				})
			})
		}
	})
}

func (m *markup) source(l source) {
	if l.Number == 0 {
		m.row("tr", attrs{"class", "gap"}, func() { m.element("td", "⋯", "colspan", "3") })
		return
	}
	m.row("tr", attrs{"id", l.ID, "class", when(l.ID == "", "around")}, func() {
		m.element("th", strconv.Itoa(l.Number), "scope", "row")
		m.in("td", nil, func() { m.element("code", l.Text) })
		m.in("td", attrs{"class", "by"}, func() {
			for _, c := range l.By {
				m.element("a", c.Name, "href", "#"+c.ID)
				m.text(" ")
			}
		})
	})
}
