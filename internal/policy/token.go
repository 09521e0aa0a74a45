package policy

import (
	"slices"

	"github.com/jwtctl/jwtctl/internal/descset"
)

// DefaultLifetime is a token's lifetime in seconds if neither its annotation nor a field
// sets one (A62).
const DefaultLifetime = 3600

// AnnotationClaim is a claim that the token's annotation sets, whatever the fields of the
// message hold (A61). Exactly one of FromBearer, Strings and Lifetime is set.
type AnnotationClaim struct {
	Claim string
	// Option is the annotation's option that decides: "static_claim".
	Option string
	Pos    descset.Position
	// FromBearer takes the value from the bearer token (A51).
	FromBearer bool
	// Strings holds the value; several make an array.
	Strings []Text
	// Lifetime is the time in seconds after signing (A62).
	Lifetime int64
	// Default applies only if nothing else sets the claim.
	Default bool
}

// AnnotationClaims returns the claims that the annotation of the token in f sets, in the order of
// signing: a later decision about the same claim wins (A61, A62). This order is defined
// only here: plan compiles it for sign and verify, and lint, diff and explain use it.
func (f *Field) AnnotationClaims() []AnnotationClaim {
	var all []AnnotationClaim
	for _, c := range f.BearerClaims {
		all = append(all, AnnotationClaim{Claim: c.Value, Option: "include_bearer_token_claim", Pos: c.Pos, FromBearer: true})
	}
	for _, r := range RequiredClaims(f.StaticClaims) {
		if values := r.Values(); len(values) > 0 {
			all = append(all, AnnotationClaim{Claim: r.Claim, Option: "static_claim", Pos: r.Pos, Strings: values})
		}
	}
	if len(f.Issuers) > 0 {
		all = append(all, AnnotationClaim{Claim: "iss", Option: "issuer", Pos: f.Issuers[0].Pos, Strings: f.Issuers[:1]})
	}
	switch exp := (AnnotationClaim{Claim: "exp", Option: "expires_seconds", Pos: f.ExpiresSecondsPos}); {
	case f.ExpiresSeconds > 0:
		exp.Lifetime = f.ExpiresSeconds
		all = append(all, exp)
	case f.ExpiresSeconds == 0:
		exp.Lifetime, exp.Default = DefaultLifetime, true
		all = append(all, exp)
	}
	return all
}

// RequiredClaim is what the static claims of a token require of one claim: every value,
// and a match of every pattern, of all entries (A70, A71, A75).
type RequiredClaim struct {
	Claim string
	Pos   descset.Position // of the first entry
	Terms []Term           // in the order of the annotation, without duplicates
}

// Term is a value that a claim must hold, or a pattern that it must match.
type Term struct {
	Text
	Pattern bool
}

// Values returns the terms that are values.
func (r RequiredClaim) Values() []Text {
	var values []Text
	for _, t := range r.Terms {
		if !t.Pattern {
			values = append(values, t.Text)
		}
	}
	return values
}

// RequiredClaims returns what list requires of each claim, in the order in which the
// claims first appear.
func RequiredClaims(list []StaticClaim) []RequiredClaim {
	var all []RequiredClaim
	for _, s := range list {
		at := slices.IndexFunc(all, func(r RequiredClaim) bool { return r.Claim == s.Claim.Value })
		if at < 0 {
			at, all = len(all), append(all, RequiredClaim{Claim: s.Claim.Value, Pos: s.Pos})
		}
		for _, v := range s.Values {
			all[at].add(Term{v, false})
		}
		if s.Pattern.Value != "" {
			all[at].add(Term{s.Pattern, true})
		}
	}
	return all
}

func (r *RequiredClaim) add(t Term) {
	if !slices.ContainsFunc(r.Terms, func(u Term) bool { return u.Pattern == t.Pattern && u.Value == t.Value }) {
		r.Terms = append(r.Terms, t)
	}
}
