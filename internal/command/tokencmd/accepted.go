package tokencmd

import (
	"context"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/quote"
)

// withRules returns o with what the rules r of jwtctl.yaml require of every token of an
// issuer, where neither made, the claims so far, nor flags set it.
func (o tokenOptions) withRules(r keys.Rules, made *jws.Claims) tokenOptions {
	has := func(claim string) bool { _, there := made.Get(claim); return there }
	if o.typ == "" {
		o.typ = r.Type
	}
	if len(r.Audiences) > 0 && !has("aud") {
		o.audiences = r.Audiences[:1]
	}
	o.issuedAt = o.issuedAt || (r.MaxAge > 0 || r.MaxLifetime > 0) && !has("iat")
	if r.MaxLifetime > 0 && r.MaxLifetime < plainLifetime && !o.ttlGiven && !o.choosesExpiry() {
		o.ttl, o.ttlGiven = r.MaxLifetime, true
	}
	o.rulesApplied = true
	return o
}

// checkRules returns why the method of --for-method would refuse compact by the rules of
// key, which the caller may have overridden. Chosen times are for tests and not checked.
func (o tokenOptions) checkRules(compact string, key *keys.Key, now time.Time) error {
	if !o.rulesApplied || o.setsTimes() || o.given("nbf") {
		return nil
	}
	ring, err := keys.NewRing([]*keys.Key{key})
	if err != nil {
		return err
	}
	verifier, err := jws.NewVerifier(ring, jws.Policy{}, func() time.Time { return now })
	if err != nil {
		return err
	}
	if _, err := verifier.Verify(context.Background(), compact); err != nil {
		return fault.New(fault.UsageError, "--for-method", "%s would refuse the token: %w", quote.Shorten(o.forMethod), err).
			WithHint("see the rules for its issuer in jwtctl.yaml")
	}
	return nil
}
