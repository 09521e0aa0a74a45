package jws

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// MaxLeeway is the maximum clock tolerance of a policy (S37).
const MaxLeeway = 10 * time.Minute

// Policy holds the requirements for the claims of a token with a valid signature. The
// zero value requires no claim, but exp, nbf and iat are checked if present.
type Policy struct {
	// Issuers, Audiences and Subjects, if not empty, require the claim to be one of them
	// (for aud, to hold one), compared exactly (S38).
	Issuers, Audiences, Subjects []string
	// Type, if not empty, is the required "typ" header; case and the prefix application/
	// are ignored (S32).
	Type string
	// Leeway is the tolerated difference between the clocks of issuer and verifier, 0 to
	// MaxLeeway.
	Leeway time.Duration
	// MaxAge, if not 0, requires an iat that is not older (allowing for Leeway).
	MaxAge time.Duration
	// MaxLifetime, if not 0, requires iat and exp, at most this far apart.
	MaxLifetime time.Duration
	// RequireExpiry requires exp.
	RequireExpiry bool
	// Development accepts unsigned tokens (A91); the ring must have a development key
	// too.
	Development bool
	// AnySignature, together with Development, skips the signature check (A91): any
	// algorithm, key ID and third part is accepted, or none. It is for a ring whose keys
	// were not named for this run (S56).
	AnySignature bool
	Limits       Limits
}

// Validate returns a usage error for a policy that is probably a mistake: an empty
// issuer, audience or subject, which looks like a check but checks nothing, or a duration
// out of range (S37, S38).
func (p Policy) Validate() error {
	for _, list := range []struct {
		what   string
		values []string
	}{{"issuer", p.Issuers}, {"audience", p.Audiences}, {"subject", p.Subjects}} {
		if slices.Contains(list.values, "") {
			return fault.New(fault.UsageError, list.what, "must not be empty").
				WithHint("leave it out to accept any")
		}
	}
	switch {
	case p.Leeway < 0 || p.Leeway > MaxLeeway:
		return fault.New(fault.UsageError, "leeway", "must be between 0 and %s (got %s)", quote.Duration(MaxLeeway), quote.Duration(p.Leeway))
	case p.MaxAge < 0:
		return fault.New(fault.UsageError, "max-age", "must not be negative (got %s)", quote.Duration(p.MaxAge))
	case p.MaxLifetime < 0:
		return fault.New(fault.UsageError, "max-lifetime", "must not be negative (got %s)", quote.Duration(p.MaxLifetime))
	case p.Limits.TokenBytes < 0 || p.Limits.HeaderBytes < 0 || p.Limits.Depth < 0:
		return fault.New(fault.UsageError, "limits", "must not be negative")
	}
	return nil
}

// with combines p with the rules of a key: the stricter of two limits applies. Type and
// Audiences of the rules are checked separately, since both must be met.
func (p Policy) with(r keys.Rules) Policy {
	p.MaxAge, p.MaxLifetime = stricter(p.MaxAge, r.MaxAge), stricter(p.MaxLifetime, r.MaxLifetime)
	p.RequireExpiry = p.RequireExpiry || r.RequireExpiry
	return p
}

// stricter returns the shorter of two limits; 0 means no limit.
func stricter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// check returns all failures of a token with a valid signature by a key with the rules r,
// in this order: typ, then iss, sub, aud, exp, nbf, iat as in RFC 7519 section 4.1, the
// age together with iat, the lifetime last. For a claim with an invalid value, only that
// is reported.
func (p Policy) check(h Header, c *Claims, r keys.Rules, now time.Time) error {
	var found []error
	add := func(err *fault.Error) {
		if err != nil {
			found = append(found, err)
		}
	}
	bad := checkType(h, p.Type)
	if bad == nil {
		bad = checkType(h, r.Type)
	}
	add(bad)
	add(p.checkIssuer(c))
	add(p.checkSubject(c))
	if bad = checkAudience(c, p.Audiences); bad == nil {
		bad = checkAudience(c, r.Audiences)
	}
	add(bad)
	p.with(r).checkTimes(c, now, add)
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

func checkType(h Header, want string) *fault.Error {
	switch {
	case want == "":
	case h.Type == nil:
		return fault.New(fault.TypeNotAllowed, "typ", "missing from the header, want %q", quote.Shorten(want))
	case mediaType(*h.Type) != mediaType(want):
		return fault.New(fault.TypeNotAllowed, "typ", "%q is not %q", quote.Shorten(*h.Type), quote.Shorten(want))
	}
	return nil
}

func (p Policy) checkIssuer(c *Claims) *fault.Error {
	bad := oneOf(fault.IssuerNotAllowed, "iss", c.iss, c.issErr, p.Issuers)
	if bad == nil || c.iss == nil {
		return bad
	}
	for _, issuer := range p.Issuers {
		if slip := keys.IssuerHint(*c.iss, issuer); slip != "" {
			return fault.New(bad.Code, bad.What, "%s; %s", bad.Reason, slip)
		}
	}
	return bad
}

func (p Policy) checkSubject(c *Claims) *fault.Error {
	sub, err := c.text("sub")
	return oneOf(fault.SubjectNotAllowed, "sub", sub, err, p.Subjects)
}

func oneOf(code fault.Code, name string, value *string, err *fault.Error, allowed []string) *fault.Error {
	switch {
	case err != nil:
		return err
	case len(allowed) == 0:
	case value == nil:
		return fault.New(code, name, "missing from the token")
	case !slices.Contains(allowed, *value):
		return notAccepted(code, name, *value, allowed)
	}
	return nil
}

// notAccepted returns the error for a claim whose value is not accepted, listing the
// accepted values.
func notAccepted(code fault.Code, name, value string, allowed []string) *fault.Error {
	const most = 8
	var list []string
	for _, one := range allowed[:min(most, len(allowed))] {
		list = append(list, fmt.Sprintf("%q", quote.Shorten(one)))
	}
	if len(allowed) > most {
		list = append(list, "…")
	}
	what := map[string]string{"iss": "issuer", "sub": "subject", "aud": "audience"}[name]
	return fault.New(code, name, "%q is not an accepted %s", quote.Shorten(value), what).
		WithHint("accepted: %s", strings.Join(list, ", "))
}

func checkAudience(c *Claims, accepted []string) *fault.Error {
	aud, err := c.audience()
	if err != nil || len(accepted) == 0 {
		return err
	}
	for _, one := range aud {
		if slices.Contains(accepted, one) {
			return nil
		}
	}
	if len(aud) == 0 {
		return fault.New(fault.AudienceNotAllowed, "aud", "missing from the token")
	}
	return notAccepted(fault.AudienceNotAllowed, "aud", aud[0], accepted)
}

// checkTimes reports exp, nbf, iat, age and lifetime, in this order. The limits are those
// of RFC 7519: a token is valid from nbf on, and no longer valid when exp is reached
// (S37).
func (p Policy) checkTimes(c *Claims, now time.Time, add func(*fault.Error)) {
	exp, err := p.checkExpiry(c, now)
	add(err)
	nbf, err := c.time("nbf")
	switch {
	case err != nil:
		add(err)
	case !nbf.IsZero() && now.Add(p.Leeway).Before(nbf):
		add(fault.New(fault.TokenNotYetValid, "nbf", "valid in %s", quote.Distance(nbf.Sub(now))))
	}
	iat, err := c.time("iat")
	switch {
	case err != nil:
		add(err)
		return
	case iat.IsZero() && (p.MaxAge > 0 || p.MaxLifetime > 0):
		add(fault.New(fault.ClaimMissing, "iat", "missing from the token, but its age or lifetime is limited"))
		return
	case iat.IsZero():
		return
	case now.Add(p.Leeway).Before(iat):
		add(fault.New(fault.TokenNotYetValid, "iat", "issued %s in the future", quote.Distance(iat.Sub(now))))
	default:
		add(p.checkAge(iat, now))
	}
	if p.MaxLifetime > 0 && !exp.IsZero() && exp.Sub(iat) > p.MaxLifetime {
		add(fault.New(fault.LifetimeTooLong, "exp", "%s after iat; at most %s is accepted", quote.Distance(exp.Sub(iat)), quote.Distance(p.MaxLifetime)))
	}
}

// checkAge returns an error if a token issued at iat is too old.
func (p Policy) checkAge(iat, now time.Time) *fault.Error {
	if p.MaxAge == 0 || now.Sub(iat) <= p.MaxAge+p.Leeway {
		return nil
	}
	return fault.New(fault.TokenTooOld, "iat", "issued %s ago; at most %s is accepted", quote.Distance(now.Sub(iat)), quote.Distance(p.MaxAge))
}

// checkExpiry returns exp, or the zero time if absent.
func (p Policy) checkExpiry(c *Claims, now time.Time) (time.Time, *fault.Error) {
	exp, err := c.time("exp")
	switch {
	case err != nil:
		return exp, err
	case exp.IsZero() && (p.RequireExpiry || p.MaxLifetime > 0):
		return exp, fault.New(fault.ClaimMissing, "exp", "missing from the token")
	case !exp.IsZero() && !now.Before(exp.Add(p.Leeway)):
		return exp, fault.New(fault.TokenExpired, "exp", "expired %s ago", quote.Distance(now.Sub(exp)))
	}
	return exp, nil
}
