// Package page shows a policy, or the changes between two, as one HTML page that loads
// nothing else: it contains its styles, pictures and search script, and its
// Content-Security-Policy permits no others.
//
// Facts come from explain, findings from lint and changes from diff, in their words; this
// package only arranges them. All text is escaped where it is written, and what is not
// printable is written as \uXXXX (S70). The page depends only on its input.
package page

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"slices"

	"github.com/jwtctl/jwtctl/internal/explain"
	"github.com/jwtctl/jwtctl/internal/finding"
	"github.com/jwtctl/jwtctl/internal/quote"
)

//go:embed page.css
var style asset

//go:embed page.js
var script asset

// Options is what a page shows besides the facts.
type Options struct {
	// Title is the heading; the default for a policy is "JWT policy".
	Title string
	// Findings are lint's findings.
	Findings []finding.Finding
	// Line returns a line of a source file, counted from 1, or "" if it is unknown; it
	// may be nil.
	Line func(file string, line int) string
}

// document is a page.
type document struct {
	Title, About string
	Tiles        []tile
	Alert        string
	Groups       []group
	Files        []*file
	Empty        string
}

// tile is a number at the top of the page.
type tile struct {
	Number            int
	Label, Href, Tone string
}

// group is a part of the page.
type group struct {
	ID, Title, About, Tone string
	Cards                  []*card
	Legend                 bool
}

// card is a method, a message, an issuer, a finding, or the changes of one.
type card struct {
	ID, Kind     string
	Before, Name string // Before is the package, in smaller letters
	At           *place
	Badges       []badge
	Text, Hint   string
	Tone         string
	Rows         []fact
	Graph        *drawing
	Changes      []change
	Pairs        []pair
	Open         bool
}

// badge is a short remark on a card; Tone is a style of explain's rows.
type badge struct{ Text, Tone string }

// fact is a row; Link is the part of its text that links to Href.
type fact struct {
	Depth               int
	Label               string
	Before, Link, After string
	Href                string
	Tone                string
	Place               *place
}

// printer makes a document.
type printer struct {
	options Options
	ids     map[string]string // of sections, by kind and name
	files   map[string]*file
}

func newPrinter(o Options) *printer {
	return &printer{options: o, ids: map[string]string{}, files: map[string]*file{}}
}

// escape makes external text safe to show on one line.
func (p *printer) escape(text string) string { return quote.OneLine(text) }

// openCards is the maximum number of methods and messages for which a page shows all
// facts at once; larger pages show one line for each, which expands.
const openCards = 60

// Explain writes the page of a policy.
func Explain(w io.Writer, v *explain.View, o Options) error {
	p := newPrinter(o)
	d := document{Title: cmp.Or(o.Title, "JWT policy"), About: "What each method and message requires, and the annotation that says so."}
	sections := v.Sections(p.escape)
	p.name(sections)
	open, guarded := p.methods(v, sections)
	messages := p.messages(v, sections)
	keys, unkeyed := p.issuers(v, sections)
	findings, errs := p.findings(o.Findings)
	notes := p.rest(sections)
	if errs > 0 {
		d.Alert = "Invalid policy: sign, verify and proxy refuse it, because lint finds errors (" + count(errs, "error") + ")."
	}
	d.Groups = []group{
		{ID: "open", Title: "Open methods", About: "Anyone may call these: they require no token.", Tone: explain.StyleWarn, Cards: open},
		{ID: "guarded", Title: "Protected methods", Cards: guarded},
		{ID: "messages", Title: "Messages", Cards: messages, Legend: true},
		{ID: "findings", Title: "Findings of lint", Cards: findings},
		{ID: "keys", Title: "Keys by issuer", Cards: keys},
		{ID: "notes", Title: "Cycles and notes", Cards: notes},
	}
	d.Tiles = []tile{
		{len(open), plural(len(open), "open method"), "#open", tone(len(open) > 0, explain.StyleWarn, explain.StyleGood)},
		{len(guarded), plural(len(guarded), "protected method"), "#guarded", ""},
		{len(messages), plural(len(messages), "message"), "#messages", ""},
		{len(findings), plural(len(findings), "finding"), "#findings", tone(errs > 0, explain.StyleBad, tone(len(findings) > 0, explain.StyleWarn, explain.StyleGood))},
		{len(keys), plural(len(keys), "issuer"), "#keys", tone(unkeyed, explain.StyleWarn, "")},
	}
	if len(open)+len(guarded)+len(messages) == 0 {
		d.Empty = "No methods and no annotated messages."
	}
	all := len(open)+len(guarded)+len(messages) <= openCards
	for _, g := range d.Groups {
		for _, c := range g.Cards {
			c.Open = all || c.Kind == ""
		}
	}
	return p.write(w, d)
}

func tone(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}

// write writes d. The style and the script are permitted by their hashes, and nothing
// else is.
func (p *printer) write(w io.Writer, d document) error {
	d.Files = p.sources()
	for i, t := range d.Tiles {
		if !slices.ContainsFunc(d.Groups, func(g group) bool { return "#"+g.ID == t.Href && len(g.Cards) > 0 }) {
			d.Tiles[i].Href = "" // there is no target
		}
	}
	var m markup
	m.document(&d, "default-src 'none'; style-src '"+hash(style)+"'; script-src '"+hash(script)+"'; img-src data:; base-uri 'none'; form-action 'none'")
	// A last defence for S70: however a text got into the page, none of its characters
	// can act on a reader.
	_, err := io.WriteString(w, quote.Escape(m.b.String(), "\n"))
	return err
}

func hash(text asset) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
