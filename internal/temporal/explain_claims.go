package temporal

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// checkTimes checks nbf, iat and exp, the reverse of the server's order: there, each
// check overwrites the log message of the one before, so the first problem here is the
// one that is logged. The server allows no leeway.
func (e *explainer) checkTimes() {
	now := time.Unix(e.Now.Unix(), 0)
	nbf, state := numericDate(e.claims, "nbf")
	switch {
	case state == dateNotNumber:
		e.fault(fault.InvalidClaim, "Token is not valid yet", "nbf is not a number")
	case state == datePresent && now.Before(nbf):
		e.fault(fault.TokenNotYetValid, "Token is not valid yet", "nbf is %s in the future", quote.Distance(nbf.Sub(now)))
	}
	iat, state := numericDate(e.claims, "iat")
	switch {
	case state == dateNotNumber:
		e.fault(fault.InvalidClaim, "Token used before issued", "iat is not a number")
	case state == datePresent && now.Before(iat):
		e.fault(fault.TokenNotYetValid, "Token used before issued", "iat is %s in the future; the server allows no clock skew", quote.Distance(iat.Sub(now)))
	}
	exp, state := numericDate(e.claims, "exp")
	switch {
	case state == dateNotNumber:
		e.fault(fault.InvalidClaim, "Token is expired", "exp is not a number, so the server treats the token as expired")
	case state == dateAbsent:
		e.note("the token never expires: the server does not require exp")
	case !now.Before(exp):
		e.fault(fault.TokenExpired, "Token is expired", "the token expired %s ago; the server allows no leeway", quote.Distance(now.Sub(exp)))
	case exp.Year() > 9999:
		e.note("exp is in the year %d: is it in milliseconds?", exp.Year())
	}
}

// dateState is the state of a time claim.
type dateState int

const (
	dateAbsent dateState = iota // also for 0, which golang-jwt treats as absent
	datePresent
	dateNotNumber
)

// numericDate returns a time claim as golang-jwt v4 reads it, without the fraction of a
// second.
func numericDate(claims map[string]any, name string) (time.Time, dateState) {
	value, has := claims[name]
	if !has {
		return time.Time{}, dateAbsent
	}
	seconds, isNumber := value.(float64)
	switch {
	case !isNumber:
		return time.Time{}, dateNotNumber
	case seconds == 0:
		return time.Time{}, dateAbsent
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).Truncate(time.Second), datePresent
}

// checkAudience compares aud with the server's audience.
func (e *explainer) checkAudience() {
	if strings.TrimSpace(e.Audience) == "" {
		return
	}
	if !e.checksAudience() {
		kind := "since it is called over HTTP"
		if e.api.Stream {
			kind = "since it is a stream"
		}
		e.note("server %s does not check the audience for this API, %s", e.Release.Version, kind)
		return
	}
	const log = "audience mismatch"
	switch aud := e.claims["aud"].(type) {
	case string:
		if aud != e.Audience {
			e.fault(fault.AudienceNotAllowed, log, "aud is %q, not %q", quote.Shorten(aud), quote.Shorten(e.Audience))
		}
	case []any:
		if slices.ContainsFunc(aud, func(a any) bool { _, isString := a.(string); return !isString }) {
			e.fault(fault.AudienceNotAllowed, log, "aud contains something other than a string")
		} else if !slices.Contains(aud, any(e.Audience)) {
			e.fault(fault.AudienceNotAllowed, log, "aud does not contain %q", quote.Shorten(e.Audience))
		}
	default:
		e.fault(fault.AudienceNotAllowed, log, "the token has no aud; the server requires %q", quote.Shorten(e.Audience))
	}
}

// checksAudience reports whether the server checks the audience for the API.
func (e *explainer) checksAudience() bool {
	return !e.api.HTTP && (!e.api.Stream || e.Release.StreamAudience)
}

// checkSubject requires a sub claim, which may be empty.
func (e *explainer) checkSubject() {
	const log = `unexpected value type of "sub" claim`
	sub, has := e.claims["sub"]
	if _, isString := sub.(string); isString {
		return
	}
	if !has {
		e.fault(fault.ClaimMissing, log, "the token has no sub, which the server requires")
		return
	}
	e.fault(fault.InvalidClaim, log, "sub is not a string")
}
