package page

import "strconv"

// drawing writes d as an SVG that scrolls where it is wider than the page.
func (m *markup) drawing(d *drawing) {
	if d == nil {
		return
	}
	m.start("figure", "tabindex", "0", "role", "group", "aria-label", d.Title)
	m.line()
	m.start("svg", "viewBox", "0 0 "+px(d.Width)+" "+px(d.Height), "width", px(d.Width), "height", px(d.Height), "role", "img", "aria-labelledby", d.ID)
	m.element("title", d.Title, "id", d.ID)
	m.line()
	for _, a := range d.Arrows {
		m.element("path", "", "class", classes("edge", a.Class), "d", a.Path, "marker-end", "url(#head"+when(a.Class != "", "-"+a.Class)+")")
		m.line()
	}
	for _, b := range d.Boxes {
		m.box(b)
		m.line()
	}
	for _, a := range d.Arrows {
		if a.Label == "" {
			continue
		}
		m.start("text", "class", classes("label", a.Class), "x", px(a.X), "y", px(a.Y), "text-anchor", a.Anchor)
		if a.Full != "" {
			m.element("title", a.Full)
		}
		m.text(a.Label)
		m.end()
		m.line()
	}
	m.end()
	m.line()
	m.end()
	m.line()
}

func (m *markup) box(b box) {
	m.start("g", "class", "box "+b.Class)
	if b.Full != "" {
		m.element("title", b.Full)
	}
	m.element("rect", "", "x", px(b.X), "y", px(b.Y), "width", px(b.W), "height", px(b.H), "rx", px(b.Round))
	for _, l := range b.Lines {
		length, adjust := when(l.Width > 0, px(l.Width)), when(l.Width > 0, "spacingAndGlyphs")
		m.element("text", l.Text, "x", px(l.X), "y", px(l.Y), "textLength", length, "lengthAdjust", adjust, "class", when(l.First, "first"))
	}
	m.end()
}

// heads writes the heads of the arrows, which all drawings share.
func (m *markup) heads() {
	m.start("svg", "class", "defs", "width", "0", "height", "0", "aria-hidden", "true")
	m.start("defs")
	for _, class := range []string{"", "cycle"} {
		m.start("marker", "id", "head"+when(class != "", "-"+class), "viewBox", "0 0 8 8", "refX", "3", "refY", "4", "markerWidth", "8", "markerHeight", "8", "orient", "auto")
		m.element("path", "", "class", classes("head", class), "d", "M0 0L8 4L0 8z")
		m.end()
	}
	m.end()
	m.end()
	m.line()
}

func (m *markup) changes(list []change) {
	if len(list) == 0 {
		return
	}
	m.start("ul", "class", "changes")
	m.line()
	for _, c := range list {
		m.start("li", "class", c.Tone)
		m.element("span", c.Direction, "class", classes("badge", c.Tone))
		m.text(" ")
		m.element("span", c.Text, "class", "said")
		m.start("span", "class", "places")
		for i, p := range []*place{c.Old, c.New} {
			if p != nil {
				m.start("span")
				m.text([]string{"was ", "now "}[i])
				m.place(p)
				m.end()
			}
		}
		m.end()
		if c.Gain != "" {
			m.element("p", c.Gain, "class", "gain")
		}
		if c.Accepted != "" {
			m.element("p", c.Accepted, "class", "accepted")
		}
		m.end()
		m.line()
	}
	m.end()
	m.line()
}

func (m *markup) pairs(list []pair) {
	if len(list) == 0 {
		return
	}
	m.start("div", "class", "pairs")
	m.line()
	m.start("div", "class", "heads", "aria-hidden", "true")
	m.element("span", "before")
	m.element("span", "after")
	m.end()
	m.line()
	for _, p := range list {
		m.start("div", "class", classes("pair", when(!p.Same, "differs")))
		m.half(p.Old, "before")
		m.half(p.New, "after")
		m.end()
		m.line()
	}
	m.end()
	m.line()
}

func (m *markup) half(h half, side string) {
	m.start("div", "class", classes("half", h.Tone, when(h.Fact == nil, "empty")))
	if h.Sign != "" {
		m.element("span", h.Sign, "class", "sign", "role", "img", "aria-label", side)
	}
	if f := h.Fact; f != nil {
		m.element("span", f.Label, "class", "what")
		m.start("span", "class", classes(depth(f.Depth), f.Tone))
		m.words(*f)
		m.end()
		m.place(f.Place)
	}
	m.end()
}

// count is n with the word for so many of it.
func count(n int, word string) string { return strconv.Itoa(n) + " " + plural(n, word) }

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
