package explain

import (
	"fmt"
	"io"
	"strings"
)

// WriteMermaid writes v as a Mermaid flowchart, one statement per line. By default
// Mermaid draws at most 500 edges and 50,000 characters: explain a part of a larger
// policy.
func (v *View) WriteMermaid(w io.Writer) error {
	g := v.Graph()
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	var red []string
	put := func(indent string, n Node) {
		shape := [...][2]string{MethodNode: {"{{", "}}"}, MessageNode: {"[", "]"}, TokenNode: {"([", "])"}, ClaimNode: {"(", ")"}, FieldNode: {"[/", "/]"}}[n.Kind]
		fmt.Fprintf(&b, "%s%s%s%s%s\n", indent, n.ID, shape[0], mermaidText(n.text()...), shape[1])
		if n.Red {
			red = append(red, n.ID)
		}
	}
	for _, n := range g.Nodes {
		put("  ", n)
	}
	for i, one := range g.Groups {
		fmt.Fprintf(&b, "  subgraph g%d[%s]\n", i+1, mermaidText(one.Title))
		for _, n := range one.Nodes {
			put("    ", n)
		}
		b.WriteString("  end\n")
	}
	var links []string
	for i, e := range g.Edges {
		label := ""
		if e.text() != "" {
			label = "|" + mermaidText(e.text()) + "|"
		}
		fmt.Fprintf(&b, "  %s -->%s %s\n", e.From, label, e.To)
		if e.Red {
			links = append(links, fmt.Sprint(i))
		}
	}
	if len(red) > 0 {
		fmt.Fprintf(&b, "  classDef cycle stroke:red,color:red\n  class %s cycle\n", strings.Join(red, ","))
	}
	if len(links) > 0 {
		fmt.Fprintf(&b, "  linkStyle %s stroke:red,stroke-width:2px,color:red\n", strings.Join(links, ","))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mermaidText returns lines as a quoted text. Mermaid's quotes have no escapes, but
// entities: every character that could mean something to it, to Markdown or to HTML
// becomes one.
func mermaidText(lines ...string) string {
	var b strings.Builder
	b.WriteString(`"`)
	for i, line := range lines {
		if i > 0 {
			b.WriteString("<br/>")
		}
		for at, r := range visible(line) {
			letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
			switch {
			case letter, at > 0 && (r >= '0' && r <= '9' || strings.ContainsRune(" ./,()=", r)): // "1. x" would start a list
				b.WriteRune(r)
			default:
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
	}
	return b.String() + `"`
}
