package jws

import (
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// CheckIssued returns why a Verifier that has key, with its rules, refuses compact, which
// key has just signed, whenever it is used: the first of type_not_allowed,
// audience_not_allowed, claim_missing and lifetime_too_long; nil if none. Whether it has
// expired, is valid already, or is too old by then is not looked at.
func CheckIssued(key *keys.Key, compact string) error {
	rules := key.Rules()
	if rules.IsZero() {
		return nil
	}
	t, err := ParseDevelopment(compact, Limits{})
	if err != nil {
		return err
	}
	return untypedError(t.checkRules(rules))
}

// CheckIssuedType is CheckIssued before there is a token: Sign's has the typ JWT (A63).
func CheckIssuedType(key *keys.Key) error {
	made := "JWT"
	return untypedError(checkType(Header{Type: &made}, key.Rules().Type))
}

// untypedError keeps a nil *fault.Error from becoming an error that is not nil.
func untypedError(err *fault.Error) error {
	_, plain := untyped(struct{}{}, err)
	return plain
}

func (t *Token) checkRules(r keys.Rules) *fault.Error {
	if t.claimsErr != nil {
		return t.claimsErr
	}
	if bad := checkType(t.header, r.Type); bad != nil {
		return bad
	}
	if bad := checkAudience(t.claims, r.Audiences); bad != nil {
		return bad
	}
	var first *fault.Error
	Policy{}.with(r).checkTimes(t.claims, time.Time{}, func(bad *fault.Error) {
		if first == nil && bad != nil && (bad.Code == fault.ClaimMissing || bad.Code == fault.LifetimeTooLong) {
			first = bad // these do not depend on now
		}
	})
	return first
}
