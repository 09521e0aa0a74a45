package lint

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/descset"
	"github.com/jwtctl/jwtctl/internal/policy"
)

func severalTokenFields(p *pass) {
	for _, m := range p.Messages {
		first := m.TokenField()
		for _, f := range m.Fields {
			if f.HoldsToken() && f != first {
				p.report(f.Desc, f.TokenPos, "move one of the tokens into its own message",
					"%s has two token fields, %s and %s", label(m.Desc), first.Desc.Name(), f.Desc.Name())
			}
		}
	}
}

func misplacedToken(f *policy.Field) bool { return f.Token && !f.HoldsToken() && !f.NestsTokens() }

func tokenWrongType(p *pass) {
	p.fields(func(f *policy.Field) {
		if misplacedToken(f) {
			p.report(f.Desc, f.TokenPos, "make it a string; for several tokens, put each into a message and repeat the message",
				"%s is %s: a token must be a string or bytes, or a message or repeated messages with nested tokens", label(f.Desc), policy.TypeName(f.Desc))
		}
	})
}

// tokenClaimsItself: when such a message is signed, the field is empty and makes no
// claim; afterwards it holds the token, which does not have the claim.
func tokenClaimsItself(p *pass) {
	p.fields(func(f *policy.Field) {
		makes := f.Claim == policy.Include || f.Claim == policy.Extract
		if f.HoldsToken() && makes && p.ofToken(f.Parent) && !f.Parent.BearerToken {
			p.report(f.Desc, f.ClaimPos, "remove the claim",
				"%s holds the token of %s and cannot be a claim of it: a token cannot contain itself", label(f.Desc), label(f.Parent.Desc))
		}
	})
}

// tokenInOneof: sign does not replace the member that is set (A65), and a message with
// another member has no token (A41). A oneof with a single member is not affected.
func tokenInOneof(p *pass) {
	p.fields(func(f *policy.Field) {
		oneof := f.Desc.ContainingOneof()
		if !f.HoldsToken() || oneof == nil || oneof.Fields().Len() == 1 {
			return
		}
		result := "is neither signed nor accepted"
		if f.Parent.BearerToken {
			result = "cannot be signed"
		}
		p.report(f.Desc, f.TokenPos, "move the token out of the oneof",
			"the token %s is a member of the oneof %s: a message that sets another member has no place for a token, and %s", label(f.Desc), oneof.Name(), result)
	})
}

// withToken returns the messages that contain a token to check, at any depth. A message
// that only nests itself does not count (A49).
func (f *facts) withToken() map[*policy.Message]bool {
	return nearest(f.Messages, func(m *policy.Message) (bool, bool) { return true, m.BearerToken || m.TokenField() != nil }, nestedTokens)
}

// signable is withToken for signing, which does not write the bearer token.
func (f *facts) signable() map[*policy.Message]bool {
	return nearest(f.Messages, func(m *policy.Message) (bool, bool) { return true, m.TokenField() != nil }, nestedTokens)
}

func nestedTokenMissing(p *pass) {
	with := p.withToken()
	p.fields(func(f *policy.Field) {
		if f.NestsTokens() && !with[f.Child] {
			p.report(f.Desc, f.TokenPos, "annotate one of its string fields with token: true, or remove token from this field",
				"%s nests %s as a token, which has no token field", label(f.Desc), label(f.Child.Desc))
		}
	})
}

func expiresSecondsInvalid(p *pass) {
	p.fields(func(f *policy.Field) {
		if f.ExpiresSeconds < -1 {
			p.report(f.Desc, f.ExpiresSecondsPos, "write -1 for a token that never expires",
				"expires_seconds of %s is %d: it must be a number of seconds, 0 for an hour, or -1 for never", label(f.Desc), f.ExpiresSeconds)
		}
	})
}

func annotatedExtension(p *pass) {
	for _, f := range p.Extensions {
		p.report(f.Desc, f.Pos, "make it a field of the message itself",
			"%s extends %s: neither its value nor its token would ever be checked", label(f.Desc), f.Desc.ContainingMessage().FullName())
	}
}

// optionWithoutEffect ignores tokens of a wrong type, which are an error.
func optionWithoutEffect(p *pass) {
	p.fields(func(f *policy.Field) {
		tell := func(there bool, at descset.Position, option, where string) {
			if there {
				p.report(f.Desc, at, "remove it", "%s of %s has no effect: it only applies to %s", option, label(f.Desc), where)
			}
		}
		if options := f.Name.Value != "" || f.ExpiresSeconds != 0 || f.IncludeParentClaims || len(f.Issuers)+len(f.BearerClaims)+len(f.StaticClaims) > 0; !options && !f.IsClaim() && !f.Token {
			p.report(f.Desc, f.Pos, "add claim or token, or remove it", "the annotation of %s makes it neither a claim nor a token, so it has no effect", label(f.Desc))
		}
		named := f.Claim == policy.Include || f.Claim == policy.Extract || f.Claim == policy.Nest || !f.Claim.Known()
		tell(f.Name.Value != "" && !named, f.Name.Pos, "name", "fields that INCLUDE, EXTRACT or NEST")
		if f.HoldsToken() || misplacedToken(f) {
			return
		}
		const where = "the string or bytes field that holds the token"
		tell(f.ExpiresSeconds != 0, f.ExpiresSecondsPos, "expires_seconds", where)
		tell(f.IncludeParentClaims, f.IncludeParentClaimsPos, "include_parent_claims", where)
		tell(len(f.Issuers) > 0, first(f.Issuers), "issuer", where)
		tell(len(f.BearerClaims) > 0, first(f.BearerClaims), "include_bearer_token_claim", where)
		if len(f.StaticClaims) > 0 {
			tell(true, f.StaticClaims[0].Pos, "static_claim", where)
		}
	})
}

func first(list []policy.Text) (at descset.Position) {
	if len(list) > 0 {
		at = list[0].Pos
	}
	return at
}

func parentClaimsWithoutParent(p *pass) {
	handed := p.handsDown()
	p.fields(func(f *policy.Field) {
		if f.HoldsToken() && f.IncludeParentClaims && !p.nested[f.Parent] {
			p.report(f.Desc, f.IncludeParentClaimsPos, "annotate the field that holds it in its parent with token: true, or remove the option",
				"%s includes the claims of its parent, but no message nests %s as a token", label(f.Desc), label(f.Parent.Desc))
		} else if f.HoldsToken() && f.IncludeParentClaims && !handed[f.Parent] {
			p.report(f.Desc, f.IncludeParentClaimsPos, "make fields of the parent claims, or remove the option",
				"%s includes the claims of its parent, but no parent of %s has any: it can be moved from one into another", label(f.Desc), label(f.Parent.Desc))
		}
	})
}

// handsDown returns the messages around which some message sets a claim that a nested
// token can include (A52).
func (f *facts) handsDown() policy.Set {
	var roots []*policy.Message
	for _, m := range f.Messages {
		if flat := f.claimsOf(m); len(flat.List) > 0 || flat.Raw {
			roots = append(roots, nestedTokens(m)...)
		}
	}
	return policy.Reachable(roots, func(field *policy.Field) bool {
		t := field.Parent.TokenField()
		return field.NestsTokens() && t != nil && t.IncludeParentClaims
	})
}

// tokenNeverExpires checks signed tokens only: validation ignores the option.
func tokenNeverExpires(p *pass) {
	p.fields(func(f *policy.Field) {
		if f.HoldsToken() && f.ExpiresSeconds == -1 && p.reach.Signed[f.Parent] && !p.claimsOf(f.Parent).Sets("exp") {
			p.report(f.Desc, f.ExpiresSecondsPos, "set expires_seconds to a number of seconds, or make a field the claim exp",
				"tokens signed in %s never expire", label(f.Desc))
		}
	})
}

func tokenWithoutIssuer(p *pass) {
	if !p.HaveKeys || !p.severalIssuers() {
		return
	}
	pinned := func(list []policy.StaticClaim) bool {
		return slices.ContainsFunc(list, func(c policy.StaticClaim) bool { return c.Claim.Value == "iss" })
	}
	const hint = "set the issuer of the tokens"
	p.rules(func(d protoreflect.Descriptor, r *policy.Rules) {
		if r.ValidatesBearer() && len(r.Issuers) == 0 && !pinned(r.StaticClaims) {
			p.report(d, r.ModePos(r.Validate, policy.ModeBearerToken), hint+" with bearer_token_issuer",
				"the bearer token of %s may come from any issuer, but keys of several are configured", label(d))
		}
	})
	p.fields(func(f *policy.Field) {
		if f.HoldsToken() && !f.Parent.BearerToken && len(f.Issuers) == 0 && !pinned(f.StaticClaims) {
			p.report(f.Desc, f.TokenPos, hint+" with issuer",
				"the token in %s may come from any issuer, but keys of several are configured", label(f.Desc))
		}
	})
}

func (f *facts) severalIssuers() bool {
	return slices.ContainsFunc(f.Issuers, func(issuer string) bool { return issuer != f.Issuers[0] })
}

func issuerWithoutKey(p *pass) {
	if !p.HaveKeys {
		return
	}
	known := map[string]bool{}
	for _, i := range p.Issuers {
		known[i] = true
	}
	p.issuers(func(d protoreflect.Descriptor, t policy.Text) {
		names, err := t.Variables()
		if len(names) == 0 && err == nil && !known[t.Value] {
			p.report(d, t.Pos, "configure a key with this issuer, so that no other key's owner can issue such tokens",
				"%s requires the issuer %q, but no configured key has it", label(d), t.Value)
		}
	})
}
