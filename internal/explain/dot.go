package explain

import (
	"fmt"
	"io"
	"strings"
)

// WriteDOT writes v as a Graphviz graph, one statement per line.
func (v *View) WriteDOT(w io.Writer) error {
	g := v.Graph()
	var b strings.Builder
	b.WriteString("digraph policy {\n  rankdir=LR\n  node [fontname=\"sans-serif\"]\n  edge [fontname=\"sans-serif\"]\n")
	put := func(indent string, n Node) {
		shape := [...]string{MethodNode: "hexagon", MessageNode: "box", TokenNode: "ellipse", ClaimNode: "box, style=rounded", FieldNode: "parallelogram"}[n.Kind]
		fmt.Fprintf(&b, "%s%s [label=%s, shape=%s%s]\n", indent, n.ID, dotText(n.text()...), shape, dotRed(n.Red))
	}
	for _, n := range g.Nodes {
		put("  ", n)
	}
	for i, one := range g.Groups {
		fmt.Fprintf(&b, "  subgraph cluster_%d {\n    label=%s\n", i+1, dotText(one.Title))
		for _, n := range one.Nodes {
			put("    ", n)
		}
		b.WriteString("  }\n")
	}
	for _, e := range g.Edges {
		fmt.Fprintf(&b, "  %s -> %s [label=%s%s]\n", e.From, e.To, dotText(e.text()), dotRed(e.Red))
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

// dotText returns lines as a quoted label. Graphviz interprets escapes such as \N in it,
// and HTML entities.
func dotText(lines ...string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = escape.Replace(visible(line))
	}
	return `"` + strings.Join(all, `\n`) + `"`
}
