package page

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/diff"
	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/lint"
	"github.com/jwtctl/jwtctl/internal/policy"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

const fixtures = "../../testdata/proto"

// configured are the keys with which pages are made.
var configured = explain.Options{HaveKeys: true, Keys: []explain.Key{
	{ID: "my-key", Algorithm: "ES256", Issuer: "my-issuer", Source: "key.priv.pem", CanSign: true},
	{ID: "shared", Algorithm: "HS256", Source: "env:SHARED", CanSign: true},
	{Issuer: "https://example.com", Source: "https://example.com/.well-known/jwks.json"},
}}

// policyOf writes a file of this text to dir, and returns the policy of the folder.
func policyOf(tb rapid.TB, dir, name, text string) *policy.Policy {
	tb.Helper()
	protokit.Sources(tb, dir, "syntax = \"proto3\";\npackage x;\nimport \"kalix/annotations.proto\";\n", map[string]string{name: text})
	return protokit.File(tb, filepath.Join(dir, name))
}

// lineOf reads a line of a file, like the command does.
func lineOf(file string, n int) string {
	data, err := os.ReadFile(file)
	if lines := strings.Split(string(data), "\n"); err == nil && n <= len(lines) {
		return lines[n-1]
	}
	return ""
}

// explained returns the page of p.
func explained(tb rapid.TB, p *policy.Policy, o explain.Options) []byte {
	tb.Helper()
	v, err := explain.New(p, nil, o)
	if err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := Explain(&b, v, Options{Findings: lint.Check(p, lint.Options{}), Line: lineOf}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// compared returns the page of changes from one policy to the other.
func compared(tb rapid.TB, before, after *policy.Policy) []byte {
	tb.Helper()
	changes, err := diff.Compare(before, after)
	if err != nil {
		tb.Fatal(err)
	}
	c := Comparison{Changes: changes, OldName: "before", NewName: "after"}
	for p, v := range map[*policy.Policy]**explain.View{before: &c.Old, after: &c.New} {
		if *v, err = explain.New(p, nil, explain.Options{}); err != nil {
			tb.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := Diff(&b, c, Options{Line: lineOf}); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// parsed is what a browser makes of a page.
type parsed struct {
	root  *html.Node
	ids   map[string]bool
	links []string
	text  strings.Builder
}

// inspect parses page like a browser, and checks what must hold for every page: it loads
// nothing else, and all its links lead to an element of it.
func inspect(t rapid.TB, page []byte) *parsed {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatalf("%v", err)
	}
	p := &parsed{root: root, ids: map[string]bool{}}
	count := map[string]int{}
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "script" {
			p.text.WriteString(n.Data + "\n")
		}
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		for _, a := range n.Attr {
			switch {
			case a.Key == "id" && p.ids[a.Val]:
				t.Errorf("duplicate id %q", a.Val)
			case a.Key == "id":
				p.ids[a.Val] = true
			case a.Key == "href" && n.Data == "a":
				p.links = append(p.links, a.Val)
			case a.Key == "href" && a.Val == "data:,", a.Key == "marker-end" && strings.HasPrefix(a.Val, "url(#head"):
			case a.Key == "href" || a.Key == "src" || a.Key == "srcset" || a.Key == "action" || a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.Contains(a.Val, "url("):
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	for _, link := range p.links {
		if id, is := strings.CutPrefix(link, "#"); !is || !p.ids[id] {
			t.Errorf("the link %q has no target in the page", link)
		}
	}
	for _, element := range []string{"script", "style", "title", "main", "h1"} {
		if want := 1; count[element] != want && element != "title" {
			t.Errorf("got %d elements %s, want %d", count[element], element, want)
		}
	}
	for _, element := range []string{"img", "iframe", "object", "embed", "form", "base", "foreignobject", "use", "image"} {
		if count[element] > 0 {
			t.Errorf("unexpected element %s", element)
		}
	}
	return p
}
