package explain

import (
	"strconv"
	"strings"
	"unicode"
)

// The kinds of sections.
const (
	KeysSection    = "KEYS"
	MethodSection  = "METHOD"
	MessageSection = "MESSAGE"
	CycleSection   = "CYCLE"
	NotesSection   = "NOTES"
)

// Section is a part of a View in words: a heading and facts.
type Section struct {
	Kind string
	// Name is the full name of the method or message.
	Name string
	At   string
	Rows []Row
}

// Row is a fact: what it is about, its text, and its position.
type Row struct {
	// Depth is 0 for a row with a label, and the indentation of others.
	Depth int
	// Label is what the fact is about; "" continues the row above.
	Label string
	Text  string
	// Place is the position of the annotation, or "".
	Place string
	// Style is one of the Style constants, or "".
	Style string
	// Kind and Name are the section that Text names, or "".
	Kind, Name string
}

// Sections returns v in words. escape makes external text safe to show (S70); it must
// escape line breaks and tabs too.
func (v *View) Sections(escape func(string) string) []Section {
	t := &writer{escape: escape, breaks: strings.NewReplacer("\n", `\u000a`, "\t", `\u0009`)}
	t.allKeys(v.Keys)
	for _, m := range v.Methods {
		t.method(m)
	}
	for _, m := range v.Messages {
		t.message(m)
	}
	for _, c := range v.Cycles {
		t.cycle(c)
	}
	if len(v.Notes) > 0 {
		t.section(NotesSection, "", "")
		t.notes(v.Notes)
	}
	return t.sections
}

// writer collects sections.
type writer struct {
	escape   func(string) string
	breaks   *strings.Replacer
	sections []Section
}

// clean returns external text on one line, so that its line breaks cannot look like ours.
func (t *writer) clean(text string) string {
	return t.breaks.Replace(t.escape(text))
}

// name returns external text that is a name: in quotes, unless it can be recognized
// without them.
func (t *writer) name(text string) string {
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_.-:/@${}", r) {
			return t.quote(text)
		}
	}
	if text == "" {
		return `""`
	}
	return t.clean(text)
}

func (t *writer) quote(text string) string { return t.clean(strconv.Quote(text)) }

func (t *writer) section(kind, name, place string) {
	t.sections = append(t.sections, Section{Kind: kind, Name: t.clean(name), At: t.clean(place)})
}

func (t *writer) row(r Row) *Row {
	s := &t.sections[len(t.sections)-1]
	s.Rows = append(s.Rows, r)
	return &s.Rows[len(s.Rows)-1]
}

// add adds a fact. text must be ready to print; place need not be.
func (t *writer) add(label, text, place, style string) *Row {
	return t.row(Row{Label: label, Text: text, Place: t.clean(place), Style: style})
}

// under adds a fact without a label, indented by depth.
func (t *writer) under(depth int, text, place, style string) {
	t.row(Row{Depth: depth + 2, Text: text, Place: t.clean(place), Style: style})
}

// about records which section the text of r names.
func (t *writer) about(r *Row, kind, name string) { r.Kind, r.Name = kind, t.clean(name) }

func (t *writer) notes(list []Note) {
	for _, n := range list {
		t.add("note", t.clean(n.Text), n.From, StyleWarn)
	}
}

func (t *writer) method(m Method) {
	t.section(MethodSection, m.Name, m.At)
	switch {
	case m.Policy == PolicyNone:
		t.add("policy", "none", "", "")
	case m.Policy == PolicyService:
		t.add("policy", "the service's, "+m.Annotation, m.From, "")
	default:
		t.add("policy", "its own, "+m.Annotation, m.From, "")
	}
	if m.Replaces != "" {
		t.add("", "replaces the service's", m.Replaces, "")
	}
	if m.Open {
		t.add("", "OPEN: anyone may call", "", StyleWarn)
	}
	if b := m.Bearer; b != nil {
		t.add("bearer", "token required", b.From, StyleGood)
		t.issuers(b.Issuers)
		t.statics(b.StaticClaims)
		t.keys("keys", b.Keys)
	}
	t.body("request", m.Request, m.ClientStreaming)
	t.body("response", m.Response, m.ServerStreaming)
	t.notes(m.Notes)
}

func (t *writer) body(label string, b Body, stream bool) {
	text := t.clean(b.Message)
	if stream {
		text = "stream of " + text
	}
	if b.Is == Untouched {
		t.about(t.add(label, text, "", ""), MessageSection, b.Message)
		return
	}
	t.about(t.add(label, text+" is "+b.Is, b.From, StyleGood), MessageSection, b.Message)
	if b.TokenOptional {
		t.add("", "no token required: each is in a message that may be absent", "", StyleWarn)
	}
}

func (t *writer) issuers(list []Text) {
	for i, issuer := range list {
		label, text := "issuer", t.name(issuer.Value)
		if i > 0 {
			label, text = "", "or "+text
		}
		t.add(label, text+t.environment(issuer), issuer.From, "")
	}
}

func (t *writer) environment(text Text) string {
	if len(text.Environment) == 0 {
		return ""
	}
	return " (from the environment: " + t.clean(strings.Join(text.Environment, ", ")) + ")"
}

func (t *writer) statics(list []StaticClaim) {
	for _, c := range list {
		text := t.name(c.Claim)
		for i, v := range c.Values {
			text += []string{" = ", " and "}[min(i, 1)] + t.quote(v.Value) + t.environment(v)
		}
		if c.Pattern != "" {
			text += " fully matches " + t.pattern(c.Pattern)
		}
		t.add("claim", text, c.From, "")
	}
}

// pattern returns an expression without quotes, which would double its backslashes, if it
// is readable.
func (t *writer) pattern(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) || r == ' ' {
			return t.quote(text)
		}
	}
	return t.clean(text)
}

// allKeys lists the configured keys, if they are known.
func (t *writer) allKeys(list []Key) {
	if list == nil {
		return
	}
	t.section(KeysSection, "", "")
	if len(list) == 0 {
		t.under(-1, "none configured", "", StyleWarn)
	}
	for _, k := range list {
		text := t.key(k)
		if k.Algorithm != "" {
			text += ", " + t.name(k.Algorithm)
		}
		if k.Issuer != "" {
			text += ", issuer " + t.name(k.Issuer)
		}
		if k.CanSign {
			text += ", can sign"
		}
		if k.Rules != nil {
			text += "; its tokens need: " + t.clean(strings.Join(k.Rules.Words(), ", "))
		}
		place := k.Source
		if k.ID == "" {
			place = ""
		}
		t.under(-1, text, place, "")
	}
}

const signerLabel = "signer"

// keys adds a row for each choice; if any key may be used, it refers to KEYS.
func (t *writer) keys(label string, list []KeyChoice) {
	for _, c := range list {
		var names []string
		if c.Issuer != "" || label == signerLabel {
			for _, k := range c.Keys {
				names = append(names, t.key(k))
			}
		}
		text := t.clean(c.Rule)
		if len(names) > 0 {
			text = strings.Join(names, ", ") + " (" + text + ")"
		}
		if c.Issuer != "" {
			text = t.name(c.Issuer) + ": " + text
		}
		t.add(label, text, "", "")
		label = ""
	}
}

func (t *writer) key(k Key) string {
	if k.ID == "" {
		return "set " + t.name(k.Source)
	}
	return t.name(k.ID)
}
