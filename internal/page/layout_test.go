package page

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestLayoutKeepsApart: in the drawing of any graph, boxes do not overlap, everything is
// within the picture, and arrows lead to the right except those that close a cycle.
func TestLayoutKeepsApart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "boxes")
		box := rapid.Custom(func(t *rapid.T) [2]int {
			return [2]int{rapid.IntRange(10, 300).Draw(t, "width"), rapid.IntRange(10, 90).Draw(t, "height")}
		})
		sizes := rapid.SliceOfN(box, n, n).Draw(t, "sizes")
		ends := rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 60).Draw(t, "links")
		draw := func() (*layout, int, int) {
			l := &layout{}
			for _, s := range sizes {
				l.boxes = append(l.boxes, &placed{w: s[0], h: s[1]})
			}
			for i := 0; i+1 < len(ends); i += 2 {
				l.links = append(l.links, link{from: ends[i], to: ends[i+1], label: 40})
			}
			width, height := l.arrange()
			return l, width, height
		}
		l, width, height := draw()
		for i, a := range l.boxes {
			if a.x < margin || a.y < margin || a.x+a.w > width-margin || a.y+a.h > height-margin {
				t.Fatalf("box %d is at %d,%d, outside %d×%d", i, a.x, a.y, width, height)
			}
			for _, b := range l.boxes[:i] {
				if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
					t.Fatalf("two boxes overlap at %d,%d", a.x, a.y)
				}
			}
		}
		for i, k := range l.links {
			if !k.back && l.boxes[k.from].column >= l.boxes[k.to].column {
				t.Fatalf("link %d leads from column %d to %d", i, l.boxes[k.from].column, l.boxes[k.to].column)
			}
			if k.back && k.from != k.to && l.boxes[k.from].column < l.boxes[k.to].column {
				t.Fatalf("link %d is marked as closing a cycle, but leads to the right", i)
			}
		}
		again, _, _ := draw()
		for i := range l.links {
			if one, two := fmt.Sprint(l.arrow(l.links[i])), fmt.Sprint(again.arrow(again.links[i])); one != two {
				t.Fatalf("drawn twice: %s and %s", one, two)
			}
		}
	})
}
