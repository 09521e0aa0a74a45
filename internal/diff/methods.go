package diff

import (
	"fmt"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// pass collects the requirements of one version that the other does not have.
type pass struct {
	from, to   *side
	inclusions *inclusionCache
	kinds      map[string]Kind
	found      []loss
	compared   map[methodPair]bool
	guards     map[string][]*policy.Method // by twins
	done       map[[2]*policy.Message]bool
	paired     map[*policy.Message]bool // messages of to that were compared with one of from
}

func newPass(from, to *side, cache *inclusionCache, kinds map[string]Kind) *pass {
	return &pass{from: from, to: to, inclusions: cache, kinds: kinds, compared: map[methodPair]bool{}, done: map[[2]*policy.Message]bool{}, paired: map[*policy.Message]bool{}}
}

// losses returns the requirements of from that to does not have.
func losses(from, to *side, cache *inclusionCache, kinds map[string]Kind) []loss {
	p := newPass(from, to, cache, kinds)
	p.services()
	messages := matchMessages(from.Messages, to.Messages)
	for _, m := range messages.pairs {
		p.message(m[0], m[1])
	}
	for _, m := range messages.added {
		if !p.paired[m] && m.HasTokens() {
			p.add(loss{kind: "message-added", to: to.message(m)})
		}
	}
	return p.found
}

func (p *pass) add(l loss) { p.found = append(p.found, l) }

// describe returns the requirements of rules as written in the annotation.
func describe(r *policy.Rules) string {
	var list []string
	if r.ValidatesBearer() {
		list = append(list, "validate: BEARER_TOKEN")
	}
	if r.ValidatesMessage() {
		list = append(list, "validate: MESSAGE")
	}
	if r.SignsMessage() {
		list = append(list, "sign: MESSAGE")
	}
	return join(list, "nothing")
}

// hidingNote returns a remark if only m's own option prevents its service from protecting it
// (A10, A11).
func hidingNote(m *policy.Method) string {
	if m.OwnRules != nil && m.Service.OwnRules.ValidatesBearer() && !m.OwnRules.ValidatesBearer() {
		return fmt.Sprintf(": its own option overrides that of %s, which validates it", m.Service.Desc.FullName())
	}
	return ""
}

// signingNote returns a remark if anyone can have m sign.
func signingNote(m *policy.Method) string {
	if m.EffectiveRules().SignsMessage() && !m.Guarded() {
		return "; it is unprotected and signs its response"
	}
	return ""
}

func (p *pass) method(f, t *policy.Method) {
	from, to, asked, asks := p.from.method(f), p.to.method(t), f.EffectiveRules(), t.EffectiveRules()
	l := loss{from: from, to: to, old: describe(asked), new: describe(asks)}
	tell := func(kind string, list []policy.ModeValue, mode policy.Mode, because string) {
		one := l
		one.kind, one.reason, one.from = kind, because, from.on(asked.ModePos(list, mode))
		p.add(one)
	}
	if f.Desc.Name() != t.Desc.Name() {
		p.renamed(f, t)
	}
	switch {
	case asked.ValidatesBearer() && asks.ValidatesBearer():
		p.issuers(from, to, asked.Issuers, asks.Issuers)
		p.statics(from, to, asked.StaticClaims, asks.StaticClaims)
	case asked.ValidatesBearer():
		tell("bearer-not-validated", asked.Validate, policy.ModeBearerToken, hidingNote(t)+signingNote(t))
	}
	switch {
	case asked.ValidatesMessage() && asks.ValidatesMessage():
		p.types(from, to, f.Input, t.Input)
	case asked.ValidatesMessage():
		tell("message-not-validated", asked.Validate, policy.ModeMessage, signingNote(t))
	}
	switch {
	case asked.SignsMessage() && asks.SignsMessage():
		p.types(from, to, f.Output, t.Output)
	case asked.SignsMessage() && !f.Guarded():
		tell("open-signing-removed", asked.Sign, policy.ModeMessage, "")
	case asked.SignsMessage():
		tell("response-not-signed", asked.Sign, policy.ModeMessage, "")
	}
}

// types compares the messages of one method or field in the two versions, whose names may
// differ.
func (p *pass) types(from, to place, f, t *policy.Message) {
	if a, b := string(f.Desc.FullName()), string(t.Desc.FullName()); a != b {
		p.add(loss{kind: "message-type-changed", from: from, to: to, what: b + ", no longer " + a, old: a, new: b})
	}
	p.message(f, t)
}
