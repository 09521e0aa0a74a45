package diff

import (
	"fmt"
	"slices"

	"github.com/jwtctl/jwtctl/internal/policy"
)

// holder says where the token of a message is (A40).
type holder int

const (
	none holder = iota
	own
	bearer
)

func holderOf(m *policy.Message) holder {
	switch {
	case m.BearerToken:
		return bearer
	case m.TokenField() != nil:
		return own
	}
	return none
}

// message compares the requirements of two versions of a message: of its token and, if
// tokens cover them in both, of its fields. If only one version has a token for them, the
// change is reported for the message itself.
func (p *pass) message(f, t *policy.Message) {
	p.paired[t] = true
	pair := [2]*policy.Message{f, t}
	if p.done[pair] {
		return
	}
	p.done[pair] = true
	l := loss{from: p.from.message(f), to: p.to.message(t)}
	switch was, ok := holderOf(f), holderOf(t); {
	case was == own && ok == own:
		p.token(f, t)
	case was == ok:
	case ok == none:
		l.kind = "token-not-required"
		p.add(l)
	case ok == bearer && was == own:
		l.kind = "bearer-replaces-token"
		p.add(l)
	}
	if p.from.live[f] && p.to.live[t] {
		p.fields(f, t)
	}
}

// token compares the requirements for the message's own token.
func (p *pass) token(f, t *policy.Message) {
	old, now := f.TokenField(), t.TokenField()
	from, to := p.from.message(f), p.to.message(t)
	if matchFields(f.Desc, t.Desc)[old.Desc] != now.Desc {
		a, b := string(old.Desc.Name()), string(now.Desc.Name())
		p.add(loss{kind: "token-moved", from: from, to: to, what: b + ", not " + a, old: a, new: b})
	}
	from, to = p.from.field(f, old.Desc), p.to.field(t, now.Desc)
	p.issuers(from, to, old.Issuers, now.Issuers)
	p.statics(from, to, old.StaticClaims, now.StaticClaims)
	for _, c := range old.BearerClaims {
		if !slices.ContainsFunc(now.BearerClaims, func(n policy.Text) bool { return n.Value == c.Value }) {
			p.add(loss{kind: "bearer-claim-not-included", from: from.on(c.Pos), to: to, what: c.Value, old: c.Value})
		}
	}
	p.parentClaims(f, t)
	if !p.from.onlyValidated(f) || !p.to.onlyValidated(t) {
		p.signing(f, t)
	}
}

// parentClaims compares the claims of surrounding messages that the token must have
// (A52).
func (p *pass) parentClaims(f, t *policy.Message) {
	old, now := f.TokenField(), t.TokenField()
	from, to := p.from.field(f, old.Desc).on(old.IncludeParentClaimsPos), p.to.field(t, now.Desc)
	if !p.from.inherits(f) {
		return
	}
	if !p.to.inherits(t) {
		if !now.IncludeParentClaims { // otherwise nothing nests it any more, which is reported there
			p.add(loss{kind: "parent-claims-not-included", from: from, to: to, old: "include_parent_claims: true"})
		}
		return
	}
	decided := p.from.decides(f)
	for claim, level := range p.to.decides(t) {
		if level > decided[claim] && p.from.inheritors(claim)[f] && p.to.inheritors(claim)[t] {
			p.add(loss{kind: "parent-claim-shadowed", from: from, to: to, what: claim})
		}
	}
}

// signing compares who signs the token, and for how long (A61, A62).
func (p *pass) signing(f, t *policy.Message) {
	old, now := f.TokenField(), t.TokenField()
	l := loss{from: p.from.field(f, old.Desc), to: p.to.field(t, now.Desc)}
	// If one side has no issuer, issuers-dropped or -required reports it.
	if len(old.Issuers) > 0 && len(now.Issuers) > 0 && old.Issuers[0].Value != now.Issuers[0].Value {
		s := l
		s.kind, s.old, s.new = "signing-issuer-changed", fmt.Sprintf("%q", old.Issuers[0].Value), fmt.Sprintf("%q", now.Issuers[0].Value)
		s.what, s.to = s.new+", no longer "+s.old, s.to.on(now.Issuers[0].Pos)
		p.add(s)
	}
	a, b := p.from.lifetime(f), p.to.lifetime(t)
	l.old, l.new, l.what = a.String(), b.String(), b.String()+", no longer "+a.String()
	l.reverse = a.String() + ", no longer " + b.String()
	l.from, l.to = l.from.on(old.ExpiresSecondsPos), l.to.on(now.ExpiresSecondsPos)
	switch {
	case a == b || a.never():
		return
	case b.never():
		l.kind = "expiry-removed"
	case a.claim != b.claim:
		l.kind = "expiry-changed"
	case b.seconds > a.seconds:
		l.kind = "expiry-longer"
	default:
		return
	}
	p.add(l)
}

// lifetime is how long a signed token is valid: seconds, or -1 for unlimited, unless
// another claim sets it.
type lifetime struct {
	seconds int64
	claim   bool
}

func (l lifetime) never() bool { return l.seconds < 0 }

func (l lifetime) String() string {
	text := fmt.Sprintf("%d seconds", l.seconds)
	if l.never() {
		text = "forever"
	}
	if l.claim {
		text = "until the claim exp, or else " + text
	}
	return text
}

func (s *side) lifetime(m *policy.Message) lifetime {
	l := lifetime{-1, s.flat.Flatten(m).Sets("exp") || s.inheritors("exp")[m]}
	for _, d := range m.TokenField().AnnotationClaims() {
		switch {
		case d.Claim != "exp":
		case d.Lifetime > 0 && !d.Default:
			return lifetime{seconds: d.Lifetime}
		case d.Lifetime > 0:
			l.seconds = d.Lifetime
		default:
			l.claim = true
		}
	}
	return l
}
