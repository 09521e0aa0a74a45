package jws

import (
	"context"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// developmentForms returns the forms of A91: that of the user's documentation, and that
// of signing.
func developmentForms(header, payload string) map[string]string {
	return map[string]string{
		"base64url, 2 parts":            b64(header) + "." + b64(payload),
		"base64url, 3 parts":            b64(header) + "." + b64(payload) + ".",
		"padded standard, 2 parts":      padded(header) + "." + padded(payload),
		"padded standard, 3 parts":      padded(header) + "." + padded(payload) + ".",
		"only header padded":            padded(header) + "." + b64(payload),
		"only payload padded":           b64(header) + "." + padded(payload) + ".",
		"header of the user's document": padded(`{"alg":"none"}`) + "." + padded(payload),
	}
}

func TestS57_DevelopmentTokens(t *testing.T) {
	dev := Policy{Development: true}
	header, payload := `{"alg":"none","x":">>>???"}`, `{"sub":">>>???","exp":3000000000}`
	for name, token := range developmentForms(header, payload) {
		t.Run(name, func(t *testing.T) {
			wantCodes(t, verifier(t, dev, keys.Development("")), token, "ok")
			wantCodes(t, verifier(t, dev, signingKey(t, keys.ES256), keys.Development("")), token, "ok")
			// Both the flag and the key are required (A93).
			wantCodes(t, verifier(t, Policy{}, signingKey(t, keys.ES256), keys.Development("")), token, "algorithm_not_allowed")
			wantCodes(t, verifier(t, dev, signingKey(t, keys.ES256)), token, "algorithm_not_allowed")
			if _, err := ParseDevelopment(token, Limits{}); err != nil {
				t.Errorf("ParseDevelopment: %v", err)
			}
			if _, err := Parse(token, Limits{}); fault.CodeOf(err) != fault.AlgorithmNotAllowed {
				t.Errorf("Parse: got %v, want %v", err, fault.AlgorithmNotAllowed)
			}
		})
	}
}

func TestS57_DevelopmentAcceptsNothingElse(t *testing.T) {
	v := verifier(t, Policy{Development: true}, keys.Development(""), signingKey(t, keys.ES256), signingKey(t, keys.RS256))
	payload := `{"sub":"a"}`
	good := es256(t, es256Header, payload)
	rs := craft(t, keys.RS256, material()[keys.RS256], `{"alg":"RS256"}`, payload)
	parts := strings.Split(good, ".")
	for name, c := range map[string]struct{ token, want string }{
		"a signed token":              {good, "ok"},
		"RS256, empty signature":      {rs[:strings.LastIndexByte(rs, '.')+1], "token_malformed"},
		"RS256, two parts":            {rs[:strings.LastIndexByte(rs, '.')], "token_malformed"},
		"ES256, padded, no signature": {padded(es256Header) + "." + padded(payload), "token_malformed"},
		"padded but signed":           {craftRaw(t, keys.ES256, material()[keys.ES256], padded(es256Header)+"."+padded(payload)), "token_malformed"},
		"none with a signature":       {b64(`{"alg":"none"}`) + "." + b64(payload) + "." + parts[2], "token_malformed"},
		"None":                        {b64(`{"alg":"None"}`) + "." + b64(payload) + ".", "algorithm_not_allowed"},
		"NONE, two parts":             {padded(`{"alg":"NONE"}`) + "." + padded(payload), "algorithm_not_allowed"},
		"four parts":                  {b64(`{"alg":"none"}`) + "." + b64(payload) + "..", "token_malformed"},
		"line end in it":              {b64(`{"alg":"none"}`) + "." + b64(payload) + "\n", "token_malformed"},
		"padded base64url":            {b64(`{"alg":"none"}`) + "." + b64(`{"sub":">>>>???"}`) + "=", "token_malformed"},
		"standard without padding":    {b64(`{"alg":"none"}`) + "." + strings.TrimRight(padded(`{"sub":">>>>???"}`), "="), "token_malformed"},
		"unused bits, padded":         {b64(`{"alg":"none"}`) + "." + "eyJzdWIiOiJhIn1=", "token_malformed"},
		"unused bits":                 {b64(`{"alg":"none"}`) + "." + "e31", "token_malformed"},
		"other kid":                   {b64(`{"alg":"none","kid":"key-ES256"}`) + "." + b64(payload) + ".", "algorithm_not_allowed"},
		"unknown kid":                 {b64(`{"alg":"none","kid":"x"}`) + "." + b64(payload) + ".", "key_not_found"},
		"the dev kid":                 {b64(`{"alg":"none","kid":"dev"}`) + "." + b64(payload) + ".", "ok"},
		"crit":                        {b64(`{"alg":"none","crit":["x"]}`) + "." + b64(payload) + ".", "token_malformed"},
		"duplicate names":             {b64(`{"alg":"none"}`) + "." + b64(`{"a":1,"a":2}`) + ".", "token_malformed"},
		"no claims":                   {b64(`{"alg":"none"}`) + "." + b64(`text`) + ".", "payload_not_claims"},
		"empty payload":               {b64(`{"alg":"none"}`) + "..", "payload_not_claims"},
		"ES256 under the dev kid":     {es256(t, `{"alg":"ES256","kid":"dev"}`, payload), "algorithm_not_allowed"},
		"bad signature":               {withSignature(good, make([]byte, 64)), "signature_invalid"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, v, c.token, c.want) })
	}
}

// TestA91_NoSignatureIsLookedAt: if no keys were named for the run, the development key
// accepts any algorithm, key ID and third part. Everything else is checked.
func TestA91_NoSignatureIsLookedAt(t *testing.T) {
	dev := Policy{Development: true, AnySignature: true}
	free := verifier(t, dev, keys.Development(""), signingKey(t, keys.ES256))
	shop, err := signingKey(t, keys.ES256).With(keys.Attributes{Issuer: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	bound := verifier(t, dev, shop, keys.Development("my-issuer"))
	hs, claims := `{"alg":"HS256","typ":"JWT"}`, `{"sub":">>>???","exp":3000000000}`
	for name, c := range map[string]struct {
		v     *Verifier
		token string
		want  string
	}{
		"HS256, two parts":            {free, b64(hs) + "." + b64(claims), "ok"},
		"HS256, empty third part":     {free, b64(hs) + "." + b64(claims) + ".", "ok"},
		"HS256, a third part":         {free, b64(hs) + "." + b64(claims) + ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c", "ok"},
		"a third part of anything":    {free, b64(hs) + "." + b64(claims) + ".no signature!", "ok"},
		"padded, with a third part":   {free, padded(hs) + "." + padded(claims) + ".x", "ok"},
		"none, with a third part":     {free, b64(`{"alg":"none"}`) + "." + b64(claims) + ".x", "ok"},
		"unknown algorithm":           {free, b64(`{"alg":"HMD5"}`) + "." + b64(claims) + ".", "ok"},
		"ID of another key":           {free, b64(`{"alg":"ES256","kid":"key-ES256"}`) + "." + b64(claims) + ".x", "ok"},
		"unknown ID":                  {free, b64(`{"alg":"none","kid":"x"}`) + "." + b64(claims) + ".", "ok"},
		"issuer of the key":           {bound, b64(hs) + "." + b64(`{"iss":"my-issuer"}`), "ok"},
		"issuer of a key file":        {bound, b64(hs) + "." + b64(`{"iss":"shop"}`) + ".x", "ok"},
		"unknown issuer":              {bound, b64(hs) + "." + b64(`{"iss":"else"}`) + ".x", "key_not_found"},
		"expired":                     {free, b64(hs) + "." + b64(`{"exp":1}`) + ".x", "token_expired"},
		"four parts":                  {free, b64(hs) + "." + b64(claims) + "..", "token_malformed"},
		"one part":                    {free, b64(hs), "token_malformed"},
		"crit":                        {free, b64(`{"alg":"none","crit":["x"]}`) + "." + b64(claims), "token_malformed"},
		"no algorithm":                {free, b64(`{}`) + "." + b64(claims), "token_malformed"},
		"duplicate names":             {free, b64(hs) + "." + b64(`{"a":1,"a":2}`), "token_malformed"},
		"unused bits":                 {free, b64(hs) + ".e31", "token_malformed"},
		"no claims":                   {free, b64(hs) + "." + b64(`text`), "payload_not_claims"},
		"named keys: HS256, unsigned": {verifier(t, Policy{Development: true}, keys.Development(""), signingKey(t, keys.ES256)), b64(hs) + "." + b64(claims) + ".", "token_malformed"},
		"the key, but not the flag":   {verifier(t, Policy{AnySignature: true}, keys.Development("")), b64(hs) + "." + b64(claims) + ".x", "token_malformed"},
		"the flag, but not the key":   {verifier(t, dev, signingKey(t, keys.ES256)), b64(hs) + "." + b64(claims) + ".x", "key_not_found"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, c.v, c.token, c.want) })
	}
}

// TestA92_DevelopmentClaimsAreEnforced: everything except the signature is checked.
func TestA92_DevelopmentClaimsAreEnforced(t *testing.T) {
	p := Policy{Development: true, Issuers: []string{"my-issuer"}, Audiences: []string{"a"}, RequireExpiry: true, Type: "JWT"}
	v := verifier(t, p, keys.Development(""))
	for name, c := range map[string]struct{ header, payload, want string }{
		"valid":   {`{"alg":"none","typ":"JWT"}`, `{"iss":"my-issuer","aud":"a","exp":2000000001}`, "ok"},
		"nothing": {`{"alg":"none"}`, `{}`, "type_not_allowed,issuer_not_allowed,audience_not_allowed,claim_missing"},
		"expired": {`{"alg":"none","typ":"JWT"}`, `{"iss":"my-issuer","aud":"a","exp":2000000000}`, "token_expired"},
		"invalid": {`{"alg":"none","typ":"JWT"}`, `{"iss":"my-issuer","aud":"a","exp":0}`, "invalid_claim"},
	} {
		t.Run(name, func(t *testing.T) { wantCodes(t, v, b64(c.header)+"."+b64(c.payload), c.want) })
	}
	bound := verifier(t, Policy{Development: true}, keys.Development("my-issuer"))
	wantCodes(t, bound, b64(`{"alg":"none"}`)+"."+b64(`{"iss":"my-issuer"}`), "ok")
	wantCodes(t, bound, b64(`{"alg":"none"}`)+"."+b64(`{"iss":"other"}`), "key_not_found")
}

// TestS58_UnsignedTokensAreForDevelopmentAlone: only the development key makes unsigned
// tokens, and only development mode accepts them.
func TestS58_UnsignedTokensAreForDevelopmentAlone(t *testing.T) {
	token, err := SignChecked(keys.Development(""), []byte(`{"sub":"a","exp":3000000000}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := b64(`{"alg":"none","kid":"dev","typ":"JWT"}`) + "." + b64(`{"sub":"a","exp":3000000000}`) + "."; token != want {
		t.Errorf("got %s, want %s", token, want)
	}
	wantCodes(t, verifier(t, Policy{Development: true}, keys.Development("")), token, "ok")
	for _, alg := range keys.Algorithms() {
		wantCodes(t, verifier(t, Policy{}, signingKey(t, alg)), token, "algorithm_not_allowed")
		wantCodes(t, verifier(t, Policy{}, signingKey(t, alg), keys.Development("")), token, "algorithm_not_allowed")
	}
	if _, _, err := verifier(t, Policy{}, keys.Development("")).VerifyPayload(context.Background(), token); fault.CodeOf(err) != fault.AlgorithmNotAllowed {
		t.Errorf("VerifyPayload: got %v, want %v", err, fault.AlgorithmNotAllowed)
	}
}
