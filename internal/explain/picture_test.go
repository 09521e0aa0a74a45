package explain

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// loop has a cycle of two messages, one of a message with itself, and recursion through
// token: true, which is not a cycle (A100).
const loop = `
service S { rpc M(A) returns (A) { option (kalix.method).jwt = {validate: MESSAGE sign: MESSAGE}; } }
message A {
  string tok = 1 [(kalix.field).jwt = {token: true include_parent_claims: true}];
  B child = 2 [(kalix.field).jwt = {claim: DESCEND}];
  A again = 3 [(kalix.field).jwt = {token: true}];
  A plain = 4;
  string x = 5 [(kalix.field).jwt = {claim: INCLUDE}];
}
message B {
  A back = 1 [(kalix.field).jwt = {claim: NEST}];
  oneof o { B me = 2 [(kalix.field).jwt = {claim: NEST name: "self"}]; }
}
`

// hostile has text in every place of an annotation, with the characters that end texts in
// each format.
const hostile = `
service S {
  option (kalix.service).jwt = {
    validate: BEARER_TOKEN
    bearer_token_issuer: "a\"]; --> b\n  evil -> node\n%% \033[31m|x|\\N &lt; #quot; <script>alert(1)</script>"
    static_claim: {claim: "c\"\n--> \033]52;c;x\007" value: "v\"]\n\t\342\200\256" value: "${A}${B}"}
    static_claim: {claim: "1. p" pattern: "^\"\\]\n(a|b)` + "`" + `$"}
  };
  rpc M(R) returns (stream R) {
    option (kalix.method).jwt = {
      validate: [BEARER_TOKEN, MESSAGE]
      sign: MESSAGE
      bearer_token_issuer: "style:#x; end\n\"]\nsubgraph x[y]"
      static_claim: {claim: "d" value: "\\\"\\"}
    };
  }
  rpc N(R) returns (R);
}
message R {
  string tok = 1 [(kalix.field).jwt = {token: true issuer: "i\"]\n-->" include_bearer_token_claim: "b\" -> x\n\033[0m" static_claim: {claim: "s\"" value: "\n\"}"}}];
  string end = 2 [(kalix.field).jwt = {claim: INCLUDE name: "n\"]\nn1 --> n2\033[31m\302\205"}];
  R2 graph = 3 [(kalix.field).jwt = {claim: NEST name: "\"\\"}];
}
message R2 { string style = 1 [(kalix.field).jwt = {claim: INCLUDE name: "` + "`**x**`" + `"}]; }
`

// charts are policies whose pictures the real programs must read.
func charts(tb testing.TB) map[string]*View {
	all := map[string]*View{
		"loop":    view(tb, source(tb, loop), Options{}),
		"hostile": view(tb, source(tb, hostile), configured),
		"empty":   {},
		"missing": view(tb, source(tb, loop), Options{}, "x.B"), // its cycles lead to A, which was not selected
	}
	list, err := filepath.Glob(fixtures + "/*.proto")
	if err != nil || len(list) == 0 {
		tb.Fatal(err)
	}
	for _, file := range list {
		all[filepath.Base(file)] = view(tb, protokit.File(tb, file), Options{})
	}
	return all
}

// want returns the expected content of a picture of g: the text of each node, and each
// edge as from and to, with the prefix "red " if it is red.
func want(g *Graph) (nodes map[string]string, edges []string) {
	nodes = map[string]string{}
	put := func(list []Node) {
		for _, n := range list {
			lines := make([]string, len(n.text()))
			for i, line := range n.text() {
				lines[i] = visible(line)
			}
			nodes[n.ID] = strings.Join(lines, "\n")
		}
	}
	put(g.Nodes)
	for _, one := range g.Groups {
		put(one.Nodes)
	}
	for _, e := range g.Edges {
		edges = append(edges, map[bool]string{true: "red "}[e.Red]+e.From+" → "+e.To+" "+visible(e.text()))
	}
	return nodes, edges
}

// TestMermaidDrawsTheGraph: the real Mermaid parses each flowchart as intended.
func TestMermaidDrawsTheGraph(t *testing.T) {
	t.Parallel()
	type understood struct {
		Nodes  map[string]string
		Edges  []struct{ From, To, Text, Style string }
		Groups []string
		Error  string
	}
	all := charts(t)
	var names, texts []string
	for name, v := range all {
		names, texts = append(names, name), append(texts, string(formats(t, v)["mmd"]))
	}
	input, err := json.Marshal(append(texts, "flowchart LR\n  a[\"x\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../../bin/mermaid/node_modules"); err != nil {
		t.Fatal("Mermaid is not installed: run make tools")
	}
	cmd := exec.Command("node", "testdata/mermaid/parse.mjs", "../../bin/mermaid")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node with Mermaid (installed by make tools): %v\n%s", err, stderr.String())
	}
	var got []understood
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(texts)+1 {
		t.Fatalf("%v: %s", err, out)
	}
	if got[len(texts)].Error == "" {
		t.Error("Mermaid accepted a chart with an open quote: this test proves nothing")
	}
	for i, name := range names {
		if got[i].Error != "" {
			t.Errorf("%s: got %s, want none\n%s", name, got[i].Error, texts[i])
			continue
		}
		nodes, edges := want(all[name].Graph())
		sameNodes(t, name, got[i].Nodes, nodes)
		var found []string
		for _, e := range got[i].Edges {
			found = append(found, map[bool]string{true: "red "}[strings.Contains(e.Style, "stroke:red")]+e.From+" → "+e.To+" "+e.Text)
		}
		sameEdges(t, name, found, edges)
		if len(got[i].Groups) != len(all[name].Messages) {
			t.Errorf("%s: %d groups, want %d", name, len(got[i].Groups), len(all[name].Messages))
		}
	}
}

// TestGraphvizDrawsTheGraph: the real Graphviz draws each graph with the intended texts.
func TestGraphvizDrawsTheGraph(t *testing.T) {
	t.Parallel()
	for name, v := range charts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("dot", "-Tsvg")
			var stderr bytes.Buffer
			cmd.Stdin, cmd.Stderr = bytes.NewReader(formats(t, v)["dot"]), &stderr
			svg, err := cmd.Output()
			if err != nil || stderr.Len() > 0 {
				t.Fatalf("dot (installed by make tools): %v\n%s\n%s", err, stderr.String(), formats(t, v)["dot"])
			}
			nodes, edges := drawn(t, svg)
			wantNodes, wantEdges := want(v.Graph())
			sameNodes(t, name, nodes, wantNodes)
			sameEdges(t, name, edges, wantEdges)
		})
	}
}

// drawn parses a drawing of Graphviz: a <g> with class and ID for each node and edge, in
// it a <title> with the ID, or n1->n2, and a <text> for each line.
func drawn(t *testing.T, svg []byte) (nodes map[string]string, edges []string) {
	t.Helper()
	type g struct {
		Class string   `xml:"class,attr"`
		Title string   `xml:"title"`
		Text  []string `xml:"text"`
		Path  struct {
			Stroke string `xml:"stroke,attr"`
		} `xml:"path"`
	}
	nodes = map[string]string{}
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nodes, edges
		} else if err != nil {
			t.Fatal(err)
		}
		start, isStart := token.(xml.StartElement)
		if !isStart || start.Name.Local != "g" || strings.Contains(attribute(start, "class"), "graph") {
			continue
		}
		var one g
		if err := d.DecodeElement(&one, &start); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(strings.Join(one.Text, "\n"), "\u00a0", " ")
		switch one.Class {
		case "node":
			nodes[one.Title] = text
		case "edge":
			edges = append(edges, map[bool]string{true: "red "}[one.Path.Stroke == "red"]+strings.ReplaceAll(one.Title, "->", " → ")+" "+text)
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func sameNodes(t *testing.T, name string, got, want map[string]string) {
	t.Helper()
	for id, text := range want {
		if got[id] != text {
			t.Errorf("%s: node %s is %q, want %q", name, id, got[id], text)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d nodes, want %d", name, len(got), len(want))
	}
}

// sameEdges compares edges in any order.
func sameEdges(t *testing.T, name string, got, want []string) {
	t.Helper()
	count := map[string]int{}
	for _, e := range want {
		count[e]++
	}
	for _, e := range got {
		count[e]--
	}
	for e, n := range count {
		if n != 0 {
			t.Errorf("%s: edge %q: %d missing", name, e, n)
		}
	}
}

// TestMermaidText: no text has a meaning to Mermaid, Markdown or HTML.
func TestMermaidText(t *testing.T) {
	t.Parallel()
	rows := map[string]struct{ text, want string }{
		"plain":          {"pkg.Message x/y (z), a=b", `"pkg.Message x/y (z), a=b"`},
		"a list":         {"1. x", `"#49;. x"`},
		"code":           {"    x", `"#32;   x"`},
		"end of text":    {`a"]`, `"a#34;#93;"`},
		"entity":         {"#quot;&lt;", `"#35;quot#59;#38;lt#59;"`},
		"Markdown":       {"`*x*_y_", `"#96;#42;x#42;#95;y#95;"`},
		"HTML":           {"<b>", `"#60;b#62;"`},
		"style of v9":    {"style:#a;", `"style#58;#35;a#59;"`},
		"two lines":      {"a\nb", `"a#92;u000ab"`},
		"no ASCII":       {"é…", `"#233;#8230;"`},
		"beyond 16 bits": {"\U0001f511", `"#128273;"`},
	}
	for name, row := range rows {
		if got := mermaidText(row.text); got != row.want {
			t.Errorf("%s: got %s, want %s", name, got, row.want)
		}
	}
}

// TestCycleEdges: a field in two cycles is drawn once.
func TestCycleEdges(t *testing.T) {
	t.Parallel()
	v := view(t, source(t, `
		message A { B b = 1 [(kalix.field).jwt = {claim: NEST}]; }
		message B { A a = 1 [(kalix.field).jwt = {claim: NEST}]; C c = 2 [(kalix.field).jwt = {claim: DESCEND}]; }
		message C { A a = 1 [(kalix.field).jwt = {claim: NEST name: "c"}]; }`), Options{})
	red := map[string]int{}
	for _, e := range v.Graph().Edges {
		if e.Red && strings.Contains(e.Label, "(") {
			red[e.Label[:strings.Index(e.Label, ")")+1]]++
		}
	}
	if want := map[string]int{"b (NEST)": 1, "a (NEST)": 2, "c (DESCEND)": 1}; len(v.Cycles) != 2 || !maps.Equal(red, want) {
		t.Errorf("got %d cycles, red %v, want %v", len(v.Cycles), red, want)
	}
}
