package page

import "strconv"

// drawing writes d as an SVG that scrolls if it is wider than the page.
func (m *markup) drawing(d *drawing) {
	if d == nil {
		return
	}
	m.block("figure", attrs{"tabindex", "0", "role", "group", "aria-label", d.Title}, func() {
		width, height := px(d.Width), px(d.Height)
		m.row("svg", attrs{"viewBox", "0 0 " + width + " " + height, "width", width, "height", height, "role", "img", "aria-labelledby", d.ID}, func() {
			m.elementLine("title", d.Title, "id", d.ID)
			for _, a := range d.Arrows {
				m.element("path", "", "class", classes("edge", a.Class), "d", a.Path, "marker-end", "url(#head"+when(a.Class != "", "-"+a.Class)+")")
				m.line()
			}
			for _, b := range d.Boxes {
				m.row("g", attrs{"class", "box " + b.Class}, func() { m.box(b) })
			}
			for _, a := range d.Arrows {
				if a.Label != "" {
					m.row("text", attrs{"class", classes("label", a.Class), "x", px(a.X), "y", px(a.Y), "text-anchor", a.Anchor}, func() {
						m.full(a.Full)
						m.text(a.Label)
					})
				}
			}
		})
	})
}

// full writes the whole text of a shortened one, which browsers show as a tooltip.
func (m *markup) full(text string) {
	if text != "" {
		m.element("title", text)
	}
}

func (m *markup) box(b box) {
	m.full(b.Full)
	m.element("rect", "", "x", px(b.X), "y", px(b.Y), "width", px(b.W), "height", px(b.H), "rx", px(b.Round))
	for _, l := range b.Lines {
		length, adjust := when(l.Width > 0, px(l.Width)), when(l.Width > 0, "spacingAndGlyphs")
		m.element("text", l.Text, "x", px(l.X), "y", px(l.Y), "textLength", length, "lengthAdjust", adjust, "class", when(l.First, "first"))
	}
}

// arrowheads writes the arrowheads, which all drawings share.
func (m *markup) arrowheads() {
	m.row("svg", attrs{"class", "defs", "width", "0", "height", "0", "aria-hidden", "true"}, func() {
		m.in("defs", nil, func() {
			for _, class := range []string{"", "cycle"} {
				m.in("marker", attrs{"id", "head" + when(class != "", "-"+class), "viewBox", "0 0 8 8", "refX", "3", "refY", "4", "markerWidth", "8", "markerHeight", "8", "orient", "auto"}, func() {
					m.element("path", "", "class", classes("head", class), "d", "M0 0L8 4L0 8z")
				})
			}
		})
	})
}

func (m *markup) changes(list []change) {
	if len(list) == 0 {
		return
	}
	m.block("ul", attrs{"class", "changes"}, func() {
		for _, c := range list {
			m.row("li", attrs{"class", c.Tone}, func() { m.change(c) })
		}
	})
}

func (m *markup) change(c change) {
	m.element("span", c.Direction, "class", classes("badge", c.Tone))
	m.text(" ")
	m.element("span", c.Text, "class", "said")
	m.in("span", attrs{"class", "places"}, func() {
		for i, p := range []*place{c.Old, c.New} {
			if p != nil {
				m.in("span", nil, func() {
					m.text([]string{"was ", "now "}[i])
					m.place(p)
				})
			}
		}
	})
	if c.Gain != "" {
		m.element("p", c.Gain, "class", "gain")
	}
	if c.Accepted != "" {
		m.element("p", c.Accepted, "class", "accepted")
	}
}

func (m *markup) pairs(list []pair) {
	if len(list) == 0 {
		return
	}
	m.block("div", attrs{"class", "pairs"}, func() {
		m.row("div", attrs{"class", "heads", "aria-hidden", "true"}, func() {
			m.element("span", "before")
			m.element("span", "after")
		})
		for _, p := range list {
			m.row("div", attrs{"class", classes("pair", when(!p.Same, "differs"))}, func() {
				m.half(p.Old, "before")
				m.half(p.New, "after")
			})
		}
	})
}

func (m *markup) half(h half, side string) {
	m.in("div", attrs{"class", classes("half", h.Tone, when(h.Fact == nil, "empty"))}, func() {
		if h.Sign != "" {
			m.element("span", h.Sign, "class", "sign", "role", "img", "aria-label", side)
		}
		if f := h.Fact; f != nil {
			m.element("span", f.Label, "class", "what")
			m.in("span", attrs{"class", classes(depth(f.Depth), f.Tone)}, func() { m.words(*f) })
			m.place(f.Place)
		}
	})
}

// count returns n with the noun in singular or plural.
func count(n int, word string) string { return strconv.Itoa(n) + " " + plural(n, word) }

func plural(n int, word string) string { return tone(n == 1, word, word+"s") }
