package explain

import (
	"strconv"
	"strings"
	"unicode"
)

func (t *textWriter) method(m Method) {
	t.section("METHOD", m.Name, m.At)
	switch {
	case m.Policy == PolicyNone:
		t.add("policy", "none", "", "")
	case m.Policy == PolicyService:
		t.add("policy", "the service's, "+m.Annotation, m.From, "")
	default:
		t.add("policy", "its own, "+m.Annotation, m.From, "")
	}
	if m.Replaces != "" {
		t.add("", "in place of the service's", m.Replaces, "")
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

func (t *textWriter) body(label string, b Body, stream bool) {
	text := t.clean(b.Message)
	if stream {
		text = "stream of " + text
	}
	if b.Is == Untouched {
		t.add(label, text, "", "")
		return
	}
	t.add(label, text+" is "+b.Is, b.From, StyleGood)
	if b.TokenOptional {
		t.add("", "no token is needed in it: each is in a message that may be absent", "", StyleWarn)
	}
}

func (t *textWriter) issuers(list []Text) {
	for i, issuer := range list {
		label, text := "issuer", t.name(issuer.Value)
		if i > 0 {
			label, text = "", "or "+text
		}
		t.add(label, text+t.environment(issuer), issuer.From, "")
	}
}

func (t *textWriter) environment(text Text) string {
	if len(text.Environment) == 0 {
		return ""
	}
	return " (from the environment: " + t.clean(strings.Join(text.Environment, ", ")) + ")"
}

func (t *textWriter) statics(list []StaticClaim) {
	for _, c := range list {
		text := t.name(c.Claim)
		for i, v := range c.Values {
			text += []string{" = ", " and "}[min(i, 1)] + t.quote(v.Value) + t.environment(v)
		}
		if c.Pattern != "" {
			text += " matches as a whole: " + t.pattern(c.Pattern)
		}
		t.add("claim", text, c.From, "")
	}
}

// pattern is an expression as it is, without the quotes that would double its
// backslashes, if that can be read.
func (t *textWriter) pattern(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) || r == ' ' {
			return t.quote(text)
		}
	}
	return t.clean(text)
}

// allKeys lists the configured keys; nothing if they are not known.
func (t *textWriter) allKeys(list []Key) {
	if list == nil {
		return
	}
	t.section("KEYS", "", "")
	if len(list) == 0 {
		t.under(-1, "none is configured", "", StyleWarn)
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

// keys adds a row for each choice; where any key may be right, KEYS has them.
func (t *textWriter) keys(label string, list []KeyChoice) {
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

func (t *textWriter) key(k Key) string {
	if k.ID == "" {
		return "set " + t.name(k.Source)
	}
	return t.name(k.ID)
}

func (t *textWriter) message(m Message) {
	t.section("MESSAGE", m.Name, m.At)
	switch m.TokenIn {
	case InBearer:
		t.add("token", "the bearer token", m.TokenFrom, StyleGood)
	case InNone:
		t.add("token", "none of its own", "", "")
	}
	if m.Token != nil {
		t.token(*m.Token, m.TokenIn == InBearer)
	}
	if len(m.Claims) > 0 {
		t.add("claims", "", "", "")
		t.claims(m.Claims, 0)
	}
	for _, n := range m.Nested {
		text := t.clean(n.Field) + ": " + t.clean(n.Message) + ", by its own token"
		switch {
		case n.Repeated:
			text = t.clean(n.Field) + ": each " + t.clean(n.Message) + ", by its own token"
		case n.Optional:
			text += ", if it is set"
		}
		t.add("nested", text, n.From, "")
	}
	for i, u := range m.UsedBy {
		t.add([]string{"used by", ""}[min(i, 1)], t.clean(u.By)+" ("+u.How+")", u.From, "")
	}
	t.notes(m.Notes)
}

func (t *textWriter) token(k Token, signingOnly bool) {
	text := t.clean(k.Field) + ", " + k.Type
	if signingOnly {
		text += ", written when signing"
	}
	t.add("token", text, k.From, StyleGood)
	t.issuers(k.Issuers)
	t.add("expires", k.Expires.Rule, k.Expires.From, "")
	t.statics(k.StaticClaims)
	for _, c := range k.BearerClaims {
		t.add("claim", t.name(c.Value)+" is the bearer token's", c.From, "")
	}
	if p := k.ParentClaims; p != nil {
		t.add("parents", "their claims are in this token too", p.From, "")
		for _, one := range p.Parents {
			var names []string
			for _, name := range one.Claims {
				names = append(names, t.name(name))
			}
			if len(names) == 0 {
				names = []string{"no claims"}
			}
			t.add("", t.clean(one.Message+"."+one.Field)+": "+strings.Join(names, ", "), one.From, "")
		}
	}
	t.keys("keys", k.ValidatedBy)
	t.keys(signerLabel, []KeyChoice{k.SignedBy})
}

func (t *textWriter) claims(list []Claim, depth int) {
	for _, c := range list {
		text := t.clean(c.Field)
		switch {
		case c.Name == "" && c.Fault == "" && c.Action == "RAW":
			text = "* ← " + text
		case c.Name != "" && c.Name != c.Field:
			text = t.name(c.Name) + " ← " + text
		}
		t.under(depth, text, c.From, "")
		t.under(depth+1, c.Action+" "+t.clean(c.Type)+": "+t.clean(c.Meaning), "", StyleDim)
		for _, s := range c.Via {
			t.under(depth+1, "through "+t.clean(s.Field)+" of "+t.clean(s.Message)+" ("+s.Action+")", s.From, StyleDim)
		}
		if c.NameFrom != "" && c.NameFrom != c.From {
			t.under(depth+1, "called so by its name", c.NameFrom, StyleDim)
		}
		if c.Fault != "" {
			t.under(depth+1, t.clean(c.Fault), "", StyleBad)
		}
		t.claims(c.Claims, depth+1)
	}
}

func (t *textWriter) cycle(c Cycle) {
	t.section("CYCLE", strconv.Itoa(len(c.Steps))+" step"+map[bool]string{true: "s"}[len(c.Steps) > 1], "")
	for _, s := range c.Steps {
		t.add("", t.clean(s.Message+"."+s.Field)+" ("+s.Action+") → "+t.clean(s.To), s.From, StyleBad)
	}
}
