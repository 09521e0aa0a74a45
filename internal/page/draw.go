package page

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/jwtctl/jwtctl/internal/explain"
)

// Limits of a drawing: the number of boxes, since the list of facts has everything too,
// and the characters per line of a box.
const (
	maxBoxes = 120
	maxChars = 40
)

// drawing is the graph of a message's claims as SVG.
type drawing struct {
	ID            string // for its title
	Title         string
	Width, Height int
	Boxes         []box
	Arrows        []arrow
}

// box is a node.
type box struct {
	Class      string
	X, Y, W, H int
	Round      int
	Lines      []line
	Full       string // the text, if it was cut
}

type line struct {
	X, Y, Width int
	Text        string
	First       bool
}

// arrow is an edge: the path of its line, and its label.
type arrow struct {
	Path, Class, Label, Full, Anchor string
	X, Y                             int
}

var kinds = [...]string{explain.MethodNode: "method", explain.MessageNode: "message", explain.TokenNode: "token", explain.ClaimNode: "claim", explain.FieldNode: "field"}

// draw draws g. It returns nil if g is too large or trivial.
func (p *printer) draw(g *explain.Graph, id, title string) *drawing {
	nodes := append([]explain.Node{}, g.Nodes...)
	for _, one := range g.Groups {
		nodes = append(nodes, one.Nodes...)
	}
	if len(nodes) < 2 || len(nodes) > maxBoxes {
		return nil
	}
	d, l, index := &drawing{ID: id, Title: title}, &layout{}, map[string]int{}
	for i, n := range nodes {
		index[n.ID] = i
		b := p.box(n)
		d.Boxes = append(d.Boxes, b)
		l.boxes = append(l.boxes, &placed{w: b.W, h: b.H})
	}
	edges := merged(g.Edges)
	for _, e := range edges {
		short, _ := cut(p.escape(e.Label))
		l.links = append(l.links, link{from: index[e.From], to: index[e.To], label: width(short)})
	}
	d.Width, d.Height = l.arrange()
	for i := range d.Boxes {
		d.Boxes[i].move(l.boxes[i].x, l.boxes[i].y)
	}
	for i, e := range edges {
		a := l.arrow(l.links[i])
		if a.Label, a.Full = cut(p.escape(e.Label)); e.Red {
			a.Class = "cycle"
		}
		d.Arrows = append(d.Arrows, a)
	}
	return d
}

// merged merges edges between the same nodes.
func merged(edges []explain.Edge) (all []explain.Edge) {
	at := map[[2]string]int{}
	for _, e := range edges {
		i, twice := at[[2]string{e.From, e.To}]
		if !twice {
			at[[2]string{e.From, e.To}] = len(all)
			all = append(all, e)
			continue
		}
		all[i].Label = strings.Trim(all[i].Label+", "+e.Label, ", ")
		all[i].Red = all[i].Red || e.Red
	}
	return all
}

func (p *printer) box(n explain.Node) box {
	b := box{Class: kinds[n.Kind], Round: 4, H: 2 * padY}
	if n.Kind == explain.TokenNode {
		b.Round = 14
	}
	if n.Red {
		b.Class += " cycle"
	}
	var full []string
	for i, l := range n.Lines {
		text := p.escape(l.Text)
		if i == 0 && n.Kind <= explain.MessageNode {
			text = text[strings.LastIndexByte(text, '.')+1:]
		}
		if l.More != "" {
			text += " (" + l.More + ")"
		}
		short, all := cut(text)
		if all != "" {
			full = append(full, all)
		}
		b.Lines = append(b.Lines, line{X: padX, Y: b.H - padY + 12, Width: width(short), Text: short, First: i == 0})
		b.W, b.H = max(b.W, width(short)+2*padX), b.H+lineHeight
	}
	b.Full = strings.Join(full, "\n")
	return b
}

func (b *box) move(x, y int) {
	b.X, b.Y = x, y
	for i := range b.Lines {
		b.Lines[i].X += x
		b.Lines[i].Y += y
	}
}

// cut returns text shortened to fit a line, and the whole text if it was shortened.
func cut(text string) (short, full string) {
	if runes := []rune(text); len(runes) > maxChars {
		return string(runes[:maxChars-1]) + "…", text
	}
	return text, ""
}

// width returns the width of text in columns. East Asian characters take two.
func width(text string) (w int) {
	for _, r := range text {
		w += charWidth
		if unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana) || r > 0xffff {
			w += charWidth
		}
	}
	return w
}

// arrow returns the line of k, and the position of its label: at its start, unless
// several start there and not several end at its end.
func (l *layout) arrow(k link) arrow {
	from, to := l.boxes[k.from], l.boxes[k.to]
	if k.back { // a curve above the boxes
		x1, x2, top := from.x+from.w-padX, to.x+padX, min(from.y, to.y)-gapY
		return arrow{Path: fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x1, from.y, x1, top, x2, top, x2, to.y-2), X: (x1 + x2) / 2, Y: top + 2, Anchor: "middle"}
	}
	x, y := from.x+from.w, from.middle()
	var path strings.Builder
	fmt.Fprintf(&path, "M%d %dH%d", x, y, from.edge) // past wider boxes in the column
	x = from.edge
	curve := func(toX, toY int) {
		half := (x + toX) / 2
		fmt.Fprintf(&path, "C%d %d %d %d %d %d", half, y, half, toY, toX, toY)
		x, y = toX, toY
	}
	for _, b := range k.bends {
		curve(b.x, b.middle())
		x = b.x + b.w
		fmt.Fprintf(&path, "H%d", x)
	}
	curve(to.x-5, to.middle())
	a := arrow{Path: path.String(), X: from.x + from.w + 8, Y: from.middle() - 5, Anchor: "start"}
	if len(from.out) > 1 && len(to.in) == 1 {
		a.X, a.Y, a.Anchor = to.x-10, to.middle()-5, "end"
	}
	return a
}
