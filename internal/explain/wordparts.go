package explain

import (
	"strconv"
	"strings"
)

func (t *writer) message(m Message) {
	t.section(MessageSection, m.Name, m.At)
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
			text += ", if set"
		}
		t.about(t.add("nested", text, n.From, ""), MessageSection, n.Message)
	}
	for i, u := range m.UsedBy {
		r := t.add([]string{"used by", ""}[min(i, 1)], t.clean(u.By)+" ("+u.How+")", u.From, "")
		if u.How == Validated || u.How == Signed {
			t.about(r, MethodSection, u.By)
		} else {
			t.about(r, MessageSection, u.By[:strings.LastIndexByte(u.By, '.')])
		}
	}
	t.notes(m.Notes)
}

func (t *writer) token(k Token, signingOnly bool) {
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
			t.about(t.add("", t.clean(one.Message+"."+one.Field)+": "+strings.Join(names, ", "), one.From, ""), MessageSection, one.Message)
		}
	}
	t.keys("keys", k.ValidatedBy)
	t.keys(signerLabel, []KeyChoice{k.SignedBy})
}

func (t *writer) claims(list []Claim, depth int) {
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
			t.under(depth+1, "named here", c.NameFrom, StyleDim)
		}
		if c.Fault != "" {
			t.under(depth+1, t.clean(c.Fault), "", StyleBad)
		}
		t.claims(c.Claims, depth+1)
	}
}

func (t *writer) cycle(c Cycle) {
	t.section(CycleSection, strconv.Itoa(len(c.Steps))+" step"+map[bool]string{true: "s"}[len(c.Steps) > 1], "")
	for _, s := range c.Steps {
		t.about(t.add("", t.clean(s.Message+"."+s.Field)+" ("+s.Action+") → "+t.clean(s.To), s.From, StyleBad), MessageSection, s.Message)
	}
}
