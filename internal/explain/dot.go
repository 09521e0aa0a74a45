package explain

import (
	"fmt"
	"io"
	"strings"
)

// WriteDOT writes v as a graph of Graphviz, one statement a line.
func (v *View) WriteDOT(w io.Writer) error {
	g := v.graph()
	var b strings.Builder
	b.WriteString("digraph policy {\n  rankdir=LR\n  node [fontname=\"sans-serif\"]\n  edge [fontname=\"sans-serif\"]\n")
	put := func(indent string, n node) {
		shape := [...]string{methodNode: "hexagon", messageNode: "box", tokenNode: "ellipse", claimNode: "box, style=rounded", fieldNode: "parallelogram"}[n.kind]
		fmt.Fprintf(&b, "%s%s [label=%s, shape=%s%s]\n", indent, n.id, dotText(n.lines...), shape, dotRed(n.red))
	}
	for _, n := range g.nodes {
		put("  ", n)
	}
	for i, one := range g.groups {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s\n", i+1, dotText(one.title))
		for _, n := range one.nodes {
			put("    ", n)
		}
		b.WriteString("  }\n")
	}
	for _, e := range g.edges {
		fmt.Fprintf(&b, "  %s -> %s [label=%s%s]\n", e.from, e.to, dotText(e.label), dotRed(e.red))
	}
	b.WriteString("}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func dotRed(red bool) string {
	if red {
		return ", color=red, fontcolor=red"
	}
	return ""
}

// dotText is lines as one quoted label. Graphviz reads escapes such as \N in it,
// and the entities of HTML.
func dotText(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = escape.Replace(visible(line))
	}
	return `"` + strings.Join(all, `\n`) + `"`
}
