package page

import (
	"maps"
	"slices"
	"strconv"

	"github.com/jwtctl/jwtctl/internal/explain"
)

// user is a method or message that accepts tokens of an issuer.
type user struct{ kind, name, from string }

// issuers returns a card for each issuer that an annotation or a key names, sorted, and
// whether a required one has no key.
func (p *printer) issuers(v *explain.View, sections []explain.Section) (cards []*card, unkeyed bool) {
	var rows []explain.Row
	for _, s := range of(sections, explain.KeysSection) {
		rows = s.Rows
	}
	users := map[string][]user{}
	accept := func(kind, name, from string, issuers []explain.Text) {
		if len(issuers) == 0 {
			users[""] = append(users[""], user{kind, name, from})
		}
		for _, i := range issuers {
			users[i.Value] = append(users[i.Value], user{kind, name, i.From})
		}
	}
	for _, m := range v.Methods {
		if m.Bearer != nil {
			accept(explain.MethodSection, m.Name, m.Bearer.From, m.Bearer.Issuers)
		}
	}
	for _, m := range v.Messages {
		if m.TokenIn == explain.InField {
			accept(explain.MessageSection, m.Name, m.TokenFrom, m.Token.Issuers)
		}
	}
	names := slices.Collect(maps.Keys(users))
	for _, k := range v.Keys {
		if !slices.Contains(names, k.Issuer) {
			names = append(names, k.Issuer)
		}
	}
	slices.Sort(names)
	if len(names) > 0 && names[0] == "" { // unbound ones are last
		names = append(names[1:], "")
	}
	for i, name := range names {
		c := p.issuer(v, name, users[name], rows)
		c.ID = "issuer-" + strconv.Itoa(i+1)
		unkeyed = unkeyed || c.Tone != ""
		cards = append(cards, c)
	}
	return cards, unkeyed
}

func (p *printer) issuer(v *explain.View, name string, users []user, rows []explain.Row) *card {
	c := &card{Name: p.escape(name)}
	free := 0
	for i, k := range v.Keys {
		if k.Issuer == "" {
			free++
		}
		if k.Issuer == name {
			c.Rows = append(c.Rows, p.fact(rows[i], c))
		}
	}
	if name == "" {
		c.Name = "any issuer"
	}
	for i := range c.Rows {
		c.Rows[i].Depth = 0
		if i == 0 {
			c.Rows[i].Label = plural(len(c.Rows), "key")
		}
	}
	n := len(c.Rows)
	switch {
	case v.Keys == nil:
		c.Badges = []badge{{"unknown keys", explain.StyleDim}}
	case n > 0 && name == "":
		c.Badges = []badge{{count(n, "key") + " without an issuer", explain.StyleGood}}
	case n > 0:
		c.Badges = []badge{{count(n, "key"), explain.StyleGood}}
	case free > 0 && name != "":
		c.Badges = []badge{{"keys without an issuer", explain.StyleDim}}
	case len(users) > 0 && len(v.Keys) == 0 || name != "":
		c.Badges, c.Tone = []badge{{"no key", explain.StyleWarn}}, explain.StyleWarn
	}
	label := "accepted by"
	for _, u := range users {
		text := p.escape(u.name)
		c.Rows = append(c.Rows, p.fact(explain.Row{Label: label, Text: text, Place: p.escape(u.from), Kind: u.kind, Name: text}, c))
		label = ""
	}
	return c
}
