package verify_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

const bearerService = `
message E {}
service S {
  rpc Any(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }
  rpc Issuers(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "my-issuer" bearer_token_issuer: "my-other-issuer"}; }
  rpc Static(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN static_claim: {claim: "role" value: "admin"}}; }
  rpc Both(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "my-issuer" static_claim: {claim: "role" value: "admin"}}; }
}`

// The tests' time is 2026-01-31T12:00:00Z.
const (
	past   = "1769860000"
	future = "1769870000"
)

func TestA30_WhereTheBearerTokenIs(t *testing.T) {
	w := policytest.New(t, bearerService, policytest.Setup{})
	token := w.Token(`{"sub":"alice"}`)
	for name, c := range map[string]struct {
		values []string
		code   fault.Code
	}{
		"Bearer":             {values: []string{"Bearer " + token}},
		"bearer":             {values: []string{"bearer " + token}},
		"BEARER":             {values: []string{"BEARER " + token}},
		"no header":          {code: fault.TokenMissing},
		"empty header":       {values: []string{""}, code: fault.TokenMissing},
		"wrong scheme":       {values: []string{"Basic " + token}, code: fault.TokenMissing},
		"no scheme":          {values: []string{token}, code: fault.TokenMissing},
		"no token":           {values: []string{"Bearer "}, code: fault.TokenMissing},
		"A36 two values":     {values: []string{"Bearer " + token, "Bearer " + token}, code: fault.TokenMalformed},
		"two tokens":         {values: []string{"Bearer " + token + " " + token}, code: fault.TokenMalformed},
		"two in a list":      {values: []string{"Bearer " + token + ",Bearer " + token}, code: fault.TokenMalformed},
		"two spaces":         {values: []string{"Bearer  " + token}, code: fault.TokenMalformed},
		"prefix of a scheme": {values: []string{"BearerX " + token}, code: fault.TokenMissing},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := bearer(t, w, "Any", c.values...)
			if c.code != "" {
				refused(t, err, c.code, verify.BearerPath)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if sub, _ := got.Claims.Subject(); sub == nil || *sub != "alice" {
				t.Errorf("got subject %v", sub)
			}
		})
	}
	_, err := w.Verifier.BearerToken(context.Background(), nil, "")
	refused(t, err, fault.TokenMissing, verify.BearerPath)
}

// TestA31_A32_A33_BearerToken: the checks of bearer tokens, and their order: an invalid
// signature alone (S40), then times, then the issuer, then static claims.
func TestA31_A32_A33_BearerToken(t *testing.T) {
	w := policytest.New(t, bearerService, policytest.Setup{})
	stranger := policytest.Key(t, keys.ES256, keys.Attributes{ID: "stranger"})
	double, err := stranger.With(keys.Attributes{ID: w.Key.ID()})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method, claims string
		key            *keys.Key
		code           fault.Code
	}{
		"A31 signature":                  {method: "Any", claims: `{"sub":"a"}`},
		"A31 not yet expired":            {method: "Any", claims: `{"exp":` + future + `,"nbf":` + past + `}`},
		"A31 expired":                    {method: "Any", claims: `{"exp":` + past + `}`, code: fault.TokenExpired},
		"A31 expires this second":        {method: "Any", claims: `{"exp":1769860800}`, code: fault.TokenExpired},
		"A31 not yet valid":              {method: "Any", claims: `{"nbf":` + future + `}`, code: fault.TokenNotYetValid},
		"A31 exp as a string":            {method: "Any", claims: `{"exp":"` + future + `"}`, code: fault.InvalidClaim},
		"A31 other key, same id":         {method: "Any", claims: `{"sub":"a"}`, key: double, code: fault.SignatureInvalid},
		"A31 unknown key":                {method: "Any", claims: `{"sub":"a"}`, key: stranger, code: fault.KeyNotFound},
		"A31 bad signature, expired":     {method: "Issuers", claims: `{"exp":` + past + `}`, key: double, code: fault.SignatureInvalid},
		"A32 first issuer":               {method: "Issuers", claims: `{"iss":"my-issuer"}`},
		"A32 second issuer":              {method: "Issuers", claims: `{"iss":"my-other-issuer"}`},
		"A32 unknown issuer":             {method: "Issuers", claims: `{"iss":"your-issuer"}`, code: fault.IssuerNotAllowed},
		"A32 no issuer":                  {method: "Issuers", claims: `{"sub":"a"}`, code: fault.IssuerNotAllowed},
		"A32 prefix of the issuer":       {method: "Issuers", claims: `{"iss":"my-issue"}`, code: fault.IssuerNotAllowed},
		"A32 issuer in upper case":       {method: "Issuers", claims: `{"iss":"My-Issuer"}`, code: fault.IssuerNotAllowed},
		"A32 array of issuers":           {method: "Issuers", claims: `{"iss":["my-issuer"]}`, code: fault.InvalidClaim},
		"A32 null":                       {method: "Issuers", claims: `{"iss":null}`, code: fault.InvalidClaim},
		"A32 expired, from wrong issuer": {method: "Issuers", claims: `{"iss":"x","exp":` + past + `}`, code: fault.TokenExpired},
		"A33 value":                      {method: "Static", claims: `{"role":"admin"}`},
		"A33 wrong value":                {method: "Static", claims: `{"role":"user"}`, code: fault.StaticClaimMismatch},
		"A33 no claim":                   {method: "Static", claims: `{}`, code: fault.StaticClaimMismatch},
		"A33 both":                       {method: "Both", claims: `{"iss":"my-issuer","role":"admin"}`},
		"A33 wrong issuer, wrong value":  {method: "Both", claims: `{"iss":"x","role":"user"}`, code: fault.IssuerNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			key := c.key
			if key == nil {
				key = w.Key
			}
			got, err := bearer(t, w, c.method, "Bearer "+signed(t, key, c.claims))
			if c.code != "" {
				refused(t, err, c.code, verify.BearerPath)
				if got != nil {
					t.Error("a refused token was returned")
				}
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestA35_NamesWithoutCase: claims that would be the same metadata key are refused by
// verify and by the proxy.
func TestA35_NamesWithoutCase(t *testing.T) {
	w := policytest.New(t, bearerService, policytest.Setup{})
	for claims, refuse := range map[string]bool{`{"Sub":"a","sub":"b"}`: true, `{"sub":"a","SUB":"a"}`: true, `{"Sub":"a","sub2":"b"}`: false, `{"o":{"A":1,"a":2}}`: false} {
		_, err := bearer(t, w, "Any", "Bearer "+w.Token(claims))
		if refuse {
			refused(t, err, fault.TokenMalformed, verify.BearerPath)
		} else if err != nil {
			t.Errorf("%s: %v", claims, err)
		}
	}
	// A token that is only for a message is not passed on as metadata.
	if _, err := w.Verifier.BearerToken(context.Background(), nil, w.Token(`{"Sub":"a","sub":"b"}`)); err != nil {
		t.Error(err)
	}
}

func TestA31_Leeway(t *testing.T) {
	w := policytest.New(t, bearerService, policytest.Setup{Verify: verify.Options{Leeway: time.Minute}})
	for claims, code := range map[string]fault.Code{
		`{"exp":1769860741}`: "", // 59 s ago
		`{"exp":1769860740}`: fault.TokenExpired,
		`{"nbf":1769860860}`: "", // in 60 s
		`{"nbf":1769860861}`: fault.TokenNotYetValid,
	} {
		_, err := bearer(t, w, "Any", "Bearer "+w.Token(claims))
		if fault.CodeOf(err) != code {
			t.Errorf("%s: got %v, want %q", claims, err, code)
		}
	}
	if _, err := verify.New(w.Claims, nil, verify.Options{Leeway: -1, Now: time.Now}); fault.CodeOf(err) != fault.UsageError {
		t.Errorf("negative leeway: got %v, want %v", err, fault.UsageError)
	}
}

// TestA36_StatusOfEachRefusal: the gRPC status of each refusal. A36.
func TestA36_StatusOfEachRefusal(t *testing.T) {
	w := policytest.New(t, `message M {
		string tok = 1 [(kalix.field).jwt = {token: true issuer: "me" static_claim: {claim: "role" value: "admin"}}];
		string user = 2 [(kalix.field).jwt = {claim: INCLUDE}];
		int64 n = 3 [(kalix.field).jwt = {claim: EXTRACT}];
	}`, policytest.Setup{})
	const good = `"iss":"me","role":"admin"`
	for in, want := range map[string]fault.GRPC{
		`{}`:              fault.GRPCUnauthenticated,
		`{"tok":"x.y.z"}`: fault.GRPCUnauthenticated,
		`{"tok":$({"iss":"you","role":"admin"})}`:         fault.GRPCUnauthenticated,
		`{"tok":$({` + good + `,"exp":` + past + `})}`:    fault.GRPCUnauthenticated,
		`{"tok":$({` + good + `,"nbf":` + future + `})}`:  fault.GRPCUnauthenticated,
		`{"tok":$({"iss":"me"})}`:                         fault.GRPCPermissionDenied,
		`{"tok":$({` + good + `}),"user":"a"}`:            fault.GRPCPermissionDenied,
		`{"tok":$({` + good + `,"user":"b"}),"user":"a"}`: fault.GRPCPermissionDenied,
		`{"tok":$({` + good + `,"n":"x"})}`:               fault.GRPCPermissionDenied,
		`{"tok":"` + strings.Repeat("a", 65<<10) + `"}`:   fault.GRPCInvalidArgument,
	} {
		_, err := w.Verify("M", in, nil)
		if got := fault.Lookup(fault.CodeOf(err)).GRPC; err == nil || got != want {
			t.Errorf("%.60s: got %d (%v), want %d", in, got, err, want)
		}
	}
	if _, err := w.Verify("M", `{"tok":$({`+good+`,"user":"a","n":7}),"user":"a"}`, nil); err != nil {
		t.Error(err)
	}
	if got := fault.Lookup(fault.MessageMalformed).GRPC; got != fault.GRPCInvalidArgument {
		t.Errorf("message_malformed: got %d, want %d", got, fault.GRPCInvalidArgument)
	}
}
