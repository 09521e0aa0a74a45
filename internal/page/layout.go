package page

import "slices"

// Sizes of a drawing in pixels. Characters are as wide as in most monospace fonts of 12
// pixels; textLength makes browsers use that width.
const (
	charWidth  = 7
	lineHeight = 16
	padX       = 10
	padY       = 6
	gapX       = 36 // between columns, without labels
	gapY       = 14 // between the boxes of a column
	margin     = 8
)

// layout arranges boxes in columns, so that arrows lead from left to right with few
// crossings. It is a pure function of its input: layers by the longest path, then sweeps
// by the mean of the neighbours.
type layout struct {
	boxes   []*placed
	links   []link
	columns [][]*placed
}

// placed is a box, or a bend of an arrow that passes through a column.
type placed struct {
	w, h, x, y int
	column     int
	edge       int // where the column ends
	bend       bool
	in, out    []*placed // in the columns before and after
}

func (p *placed) middle() int { return p.y + p.h/2 }

// link is an arrow between two boxes, given by index, through bends.
type link struct {
	from, to int
	label    int // width
	bends    []*placed
	back     bool // in the opposite direction, since it closes a cycle
}

// arrange arranges the boxes and returns the size of the drawing.
func (l *layout) arrange() (width, height int) {
	l.layers()
	l.order()
	return l.place()
}

// layers assigns each box its column: the last one for boxes without outgoing arrows,
// otherwise one before the first box that it leads to.
func (l *layout) layers() {
	next := make([][]int, len(l.boxes)) // indexes of links
	for i, k := range l.links {
		next[k.from] = append(next[k.from], i)
	}
	rank := make([]int, len(l.boxes))
	state := make([]int, len(l.boxes)) // 1 during the visit, 2 after it
	var walk func(n int)
	walk = func(n int) {
		state[n] = 1
		for _, i := range next[n] {
			to := l.links[i].to
			if state[to] == 0 {
				walk(to)
			}
			if state[to] == 1 {
				l.links[i].back = true
				continue
			}
			rank[n] = max(rank[n], rank[to]+1)
		}
		state[n] = 2
	}
	for n := range l.boxes {
		if state[n] == 0 {
			walk(n)
		}
	}
	if len(l.boxes) == 0 {
		return
	}
	last := slices.Max(rank)
	l.columns = make([][]*placed, last+1)
	for n, b := range l.boxes {
		b.column = last - rank[n]
		l.columns[b.column] = append(l.columns[b.column], b)
	}
	for i := range l.links {
		l.bend(&l.links[i])
	}
}

// bend adds a bend in each column that k passes through.
func (l *layout) bend(k *link) {
	if k.back {
		return
	}
	before := l.boxes[k.from]
	for c := before.column + 1; c < l.boxes[k.to].column; c++ {
		b := &placed{h: lineHeight, column: c, bend: true}
		l.columns[c] = append(l.columns[c], b)
		k.bends = append(k.bends, b)
		join(before, b)
		before = b
	}
	join(before, l.boxes[k.to])
}

func join(a, b *placed) { a.out, b.in = append(a.out, b), append(b.in, a) }

// order sorts each column by the positions of the neighbours.
func (l *layout) order() {
	at := map[*placed]int{}
	note := func(column []*placed) {
		for i, b := range column {
			at[b] = i
		}
	}
	for _, column := range l.columns {
		note(column)
	}
	sweep := func(c int, neighbours func(*placed) []*placed) {
		mean := map[*placed]int{}
		for i, b := range l.columns[c] {
			mean[b] = i * 1000
			if list := neighbours(b); len(list) > 0 {
				sum := 0
				for _, n := range list {
					sum += at[n] * 1000
				}
				mean[b] = sum / len(list)
			}
		}
		slices.SortStableFunc(l.columns[c], func(a, b *placed) int { return mean[a] - mean[b] })
		note(l.columns[c])
	}
	for range 4 {
		for c := 1; c < len(l.columns); c++ {
			sweep(c, func(b *placed) []*placed { return b.in })
		}
		for c := len(l.columns) - 2; c >= 0; c-- {
			sweep(c, func(b *placed) []*placed { return b.out })
		}
	}
}

// place assigns coordinates: the tallest column first, then the others by the means of
// their neighbours.
func (l *layout) place() (width, height int) {
	x, tallest, limit := margin, 0, -1
	for c, column := range l.columns {
		wide, high := 0, 0
		for _, b := range column {
			wide, high = max(wide, b.w), high+b.h+gapY
		}
		for _, b := range column {
			b.x, b.edge = x, x+wide
			if b.bend {
				b.w = wide
			}
		}
		if high > limit {
			tallest, limit = c, high
		}
		x += wide + gapX + l.labels(c)
		width = x - gapX - l.labels(c) + margin
	}
	if limit < 0 {
		return 2 * margin, 2 * margin
	}
	l.stack(tallest, nil)
	for c := tallest - 1; c >= 0; c-- {
		l.stack(c, func(b *placed) []*placed { return b.out })
	}
	for c := tallest + 1; c < len(l.columns); c++ {
		l.stack(c, func(b *placed) []*placed { return b.in })
	}
	top := l.columns[tallest][0].y
	above := margin
	if slices.ContainsFunc(l.links, func(k link) bool { return k.back }) {
		above += gapY + lineHeight // for curves and their labels
	}
	for _, column := range l.columns {
		top = min(top, column[0].y)
	}
	for _, column := range l.columns {
		for _, b := range column {
			b.y += above - top
			height = max(height, b.y+b.h+margin)
		}
	}
	return width, height
}

// labels returns the width of the widest label after column c.
func (l *layout) labels(c int) (wide int) {
	for _, k := range l.links {
		if !k.back && (l.boxes[k.from].column == c || l.boxes[k.to].column == c+1) {
			wide = max(wide, k.label)
		}
	}
	return wide
}

// stack places the boxes of column c below each other, each as close to the mean of its
// neighbours as the others permit.
func (l *layout) stack(c int, neighbours func(*placed) []*placed) {
	column, y, off, n := l.columns[c], 0, 0, 0
	for i, b := range column {
		wish := y
		if neighbours != nil && len(neighbours(b)) > 0 {
			sum := 0
			for _, o := range neighbours(b) {
				sum += o.middle()
			}
			wish = sum/len(neighbours(b)) - b.h/2
		}
		if i == 0 {
			y = wish
		}
		b.y = max(y, wish)
		off, n = off+wish-b.y, n+1
		y = b.y + b.h + gapY
	}
	if n > 0 && neighbours != nil {
		for _, b := range column {
			b.y += off / n
		}
	}
}
