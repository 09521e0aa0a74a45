package page

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/protokit"
)

// changed is applied to a fixture in TestGolden to compare the two.
var changed = strings.NewReplacer("expires_seconds: 300", "expires_seconds: 3000", `issuer: "my-issuer"`, `issuer: "my-issuer" issuer: "third"`, "rpc Admit(", "rpc LetIn(")

func TestGolden(t *testing.T) {
	golden, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	testkit.File(t, filepath.Join(dir, "after.proto"), changed.Replace(testkit.Read(t, filepath.Join(fixtures, "token.proto"))))
	t.Chdir(fixtures) // so that positions are relative to it
	pages := map[string][]byte{}
	for _, name := range []string{"mixed", "token", "nested"} {
		pages[name] = explained(t, protokit.File(t, name+".proto"), configured)
	}
	before := protokit.File(t, "token.proto")
	t.Chdir(dir)
	pages["diff"] = compared(t, before, protokit.File(t, "after.proto"))
	for name, page := range pages {
		inspect(t, page)
		// The assets are already files of this folder.
		page = bytes.Replace(bytes.Replace(page, []byte(style), nil, 1), []byte(script), nil, 1)
		page = bytes.ReplaceAll(bytes.ReplaceAll(page, []byte(hash(style)), []byte("STYLE")), []byte(hash(script)), []byte("SCRIPT"))
		testkit.Golden(t, filepath.Join(golden, name+".html"), string(page))
	}
}

// TestPageShowsEveryFact: each fact of explain is on the page, in the same words and with
// its position, for any policy; and the page depends on nothing else.
func TestPageShowsEveryFact(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		schema := policytest.RandomSchema(t, policytest.SchemaOptions{Depth: 3, Hazards: []policytest.Hazard{policytest.DefaultValue}})
		p := policyOf(t, dir, "x.proto", schema.Text)
		v, err := explain.New(p, nil, configured)
		if err != nil {
			t.Fatal(err)
		}
		page := explained(t, p, configured)
		if again := explained(t, p, configured); !bytes.Equal(page, again) {
			t.Fatal("two pages of the same policy differ")
		}
		got := inspect(t, page)
		for _, s := range v.Sections(newPrinter(Options{}).escape) {
			for _, r := range s.Rows {
				if !got.says(r.Text) || !got.says(r.Place) {
					t.Fatalf("%s %s: the page lacks %q from %q", s.Kind, s.Name, r.Text, r.Place)
				}
			}
		}
	})
}

// says reports whether text is on the page; links in it are separate elements.
func (p *parsed) says(text string) bool {
	return strings.Contains(strings.ReplaceAll(p.text.String(), "\n", ""), text)
}

// TestS70_PageEscapesEverything: no text of an annotation, a comment or a file name can
// act as more than text.
func TestS70_PageEscapesEverything(t *testing.T) {
	t.Parallel()
	const attack = `</td></script></style><script>alert(1)</script><img src=x onerror=alert(2)>&quot;' onload=x "`
	in := func(s string) string { return strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) }
	text := `// ` + attack + "\u202e\n" + `
		service S { rpc M(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN validate: MESSAGE bearer_token_issuer: "@@"
			static_claim: {claim: "@@" value: "@@"} static_claim: {claim: "r" pattern: "@@"}}; } // ` + attack + `
		}
		message A { string t = 1 [(kalix.field).jwt = {token: true issuer: "@@" include_bearer_token_claim: "@@" static_claim: {claim: "\342\200\256\342\200\213" value: "${HOME}@@"}}]; // ` + attack + `
			string a = 2 [(kalix.field).jwt = {claim: INCLUDE name: "@@"}]; }`
	dir := t.TempDir()
	p := policyOf(t, dir, `<script>'"&.proto`, strings.ReplaceAll(text, "@@", in(attack)))
	weaker := policyOf(t, t.TempDir(), "x.proto", strings.Replace(strings.ReplaceAll(text, "@@", in(attack)), "validate: BEARER_TOKEN validate: MESSAGE", "validate: BEARER_TOKEN", 1))
	o := configured
	o.Keys = append([]explain.Key{{ID: attack, Algorithm: attack, Issuer: attack, Source: attack}}, o.Keys...)
	for name, page := range map[string][]byte{"explain": explained(t, p, o), "diff": compared(t, p, weaker)} {
		got := inspect(t, page)
		if !got.says("<img src=x onerror=alert(2)>") || !got.says("<script>alert(1)</script>") {
			t.Errorf("%s: the text is not shown", name)
		}
		for _, r := range string(page) {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("%s: the page has the character %U", name, r)
			}
		}
	}
}

// TestPageIsLockedDown: the page's Content-Security-Policy permits its own style and
// script by hash, and nothing else.
func TestPageIsLockedDown(t *testing.T) {
	t.Parallel()
	got := inspect(t, explained(t, protokit.File(t, filepath.Join(fixtures, "token.proto")), configured))
	policyText, content := "", map[string]string{}
	for n := range got.root.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "meta" && len(n.Attr) == 2 && n.Attr[0].Val == "Content-Security-Policy":
			policyText = n.Attr[1].Val
		case n.Type == html.TextNode && (n.Parent.Data == "style" || n.Parent.Data == "script"):
			content[n.Parent.Data] += n.Data
		}
	}
	want := "default-src 'none'; style-src '" + hash(asset(content["style"])) + "'; script-src '" + hash(asset(content["script"])) + "'; img-src data:; base-uri 'none'; form-action 'none'"
	if policyText != want {
		t.Errorf("got %q, want %q", policyText, want)
	}
	for _, text := range []string{"http:", "https:", "@import", "url(", "fetch(", "innerHTML", "eval("} {
		if strings.Contains(string(style), text) || strings.Contains(string(script), text) {
			t.Errorf("an asset contains %q", text)
		}
	}
}

// TestOpenMethodsComeFirst: methods that anyone may call come first, as a warning.
func TestOpenMethodsComeFirst(t *testing.T) {
	t.Parallel()
	p := policyOf(t, t.TempDir(), "x.proto", `
		service S { rpc Guarded(A) returns (A) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; } rpc Open(A) returns (A); }
		message A {}`)
	page := string(explained(t, p, explain.Options{}))
	open, guarded := strings.Index(page, `<details class="card warn" open="open">`), strings.Index(page, `<details class="card" open="open">`)
	if open < 0 || guarded < open || !strings.Contains(page[open:guarded], "S/Open") || !strings.Contains(page[guarded:], "S/Guarded") {
		t.Errorf("the open method is at %d, the guarded one at %d", open, guarded)
	}
	if !strings.Contains(page, `<a class="tile warn" href="#open"><b>1</b> open method</a>`) {
		t.Error("the number of open methods is not a warning")
	}
}

// TestDiffShowsBothVersions: weaker changes come first, and both versions of a method are
// side by side, even if it was renamed.
func TestDiffShowsBothVersions(t *testing.T) {
	t.Parallel()
	method := func(name, options string) string {
		return `service S { rpc ` + name + `(A) returns (A) { option (kalix.method).jwt = {` + options + `}; } } message A { string t = 1 [(kalix.field).jwt = {token: true}]; }`
	}
	before := policyOf(t, t.TempDir(), "x.proto", method("Buy", `validate: BEARER_TOKEN bearer_token_issuer: "one"`))
	after := policyOf(t, t.TempDir(), "x.proto", method("Purchase", `validate: BEARER_TOKEN bearer_token_issuer: "one" bearer_token_issuer: "two"`))
	page := compared(t, before, after)
	got := inspect(t, page)
	for _, want := range []string{"accepts one more issuer", "two", "S/Purchase"} {
		if !got.says(want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	text := string(page)
	if weaker, neutral := strings.Index(text, `id="weaker"`), strings.Index(text, `id="neutral"`); weaker < 0 || neutral >= 0 && neutral < weaker {
		t.Errorf("weaker at %d, neutral at %d", weaker, neutral)
	}
	if !strings.Contains(text, `<div class="pair"><div class="half"><span class="what">issuer</span><span>one</span>`) {
		t.Error("unchanged options are not on both sides: the renamed method has no counterpart")
	}
	if same := inspect(t, compared(t, before, policyOf(t, t.TempDir(), "x.proto", method("Buy", `validate: BEARER_TOKEN bearer_token_issuer: "one"`)))); !same.says("No policy changes.") {
		t.Error("an unchanged policy is not reported as such")
	}
}
