package verify_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/verify"
)

const development = `
message M { string tok = 1 [(kalix.field).jwt = {token: true static_claim: {claim: "role" value: "admin"}}]; string user = 2 [(kalix.field).jwt = {claim: EXTRACT name: "sub"}]; }
message Signed { string tok = 1 [(kalix.field).jwt = {token: true issuer: "my-issuer" expires_seconds: 60}]; string user = 2 [(kalix.field).jwt = {claim: INCLUDE}]; }
message E {}
service S { rpc JwtInToken(E) returns (E) { option (kalix.method).jwt = {validate: BEARER_TOKEN bearer_token_issuer: "my-issuer"}; } }
`

// documentToken is bearerTokenWith of the user's documentation: two parts, encoded with
// java.util.Base64, which pads.
func documentToken(claims string) string {
	enc := base64.StdEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + enc.EncodeToString([]byte(claims))
}

func devWorld(tb testing.TB, issuer string) *policytest.World {
	return policytest.New(tb, development, policytest.Setup{
		Keys:   []*keys.Key{keys.Development(issuer), es256(tb, "k", "")},
		Verify: verify.Options{Development: true},
	})
}

func TestA90_A91_S57_DevelopmentTokens(t *testing.T) {
	w := devWorld(t, "")
	if _, err := bearer(t, w, "JwtInToken", "Bearer "+documentToken(`{"iss":"my-issuer","sub":"hello"}`)); err != nil {
		t.Errorf("the document's integration test: %v", err)
	}
	key := es256(t, "k", "")
	const good = `{"sub":"hello","role":"admin"}`
	actual := signed(t, key, good)
	for name, c := range map[string]struct {
		token string
		code  fault.Code
	}{
		"A91 two padded parts":            {token: documentToken(good)},
		"A91 two parts":                   {token: unsigned(`{"alg":"none"}`, good)},
		"A91 empty third part":            {token: unsigned(`{"alg":"none","kid":"dev"}`, good) + "."},
		"A91 with a signature":            {token: unsigned(`{"alg":"none"}`, good) + ".c2ln", code: fault.TokenMalformed},
		"A91 signed token":                {token: actual},
		"S57 signature of a signed token": {token: tampered(actual), code: fault.SignatureInvalid},
		"S57 signature removed":           {token: actual[:strings.LastIndexByte(actual, '.')+1], code: fault.TokenMalformed},
		"S57 ES256 in two parts":          {token: unsigned(`{"alg":"ES256","kid":"k"}`, good), code: fault.TokenMalformed},
		"S57 RS256, empty signature":      {token: unsigned(`{"alg":"RS256"}`, good) + ".", code: fault.TokenMalformed},
		"S57 None":                        {token: unsigned(`{"alg":"None"}`, good) + ".", code: fault.AlgorithmNotAllowed},
		"S57 unknown id":                  {token: unsigned(`{"alg":"none","kid":"x"}`, good) + ".", code: fault.KeyNotFound},
		"S57 id of a real key":            {token: unsigned(`{"alg":"none","kid":"k"}`, good) + ".", code: fault.AlgorithmNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := w.Verify("M", inField(c.token), nil)
			if c.code != "" {
				refused(t, err, c.code, "tok")
				return
			}
			if err != nil || !strings.Contains(out, `"user":"hello"`) {
				t.Errorf("%s %v", out, err)
			}
		})
	}
}

// TestA92_AllElseIsEnforced: everything except the signature is checked. A92.
func TestA92_AllElseIsEnforced(t *testing.T) {
	w := devWorld(t, "")
	for name, c := range map[string]struct {
		claims, user string
		code         fault.Code
		path         string
	}{
		"claims":       {claims: `{"role":"admin","sub":"a"}`, user: "a"},
		"wrong claim":  {claims: `{"role":"admin","sub":"a"}`, user: "b", code: fault.ClaimMismatch, path: "user"},
		"no claim":     {claims: `{"role":"admin"}`, user: "b", code: fault.ClaimMissing, path: "user"},
		"static claim": {claims: `{"sub":"a"}`, user: "a", code: fault.StaticClaimMismatch, path: "tok"},
		"expired":      {claims: `{"role":"admin","exp":` + past + `}`, code: fault.TokenExpired, path: "tok"},
		"not expired":  {claims: `{"role":"admin","exp":` + future + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.Verify("M", `{"tok":"`+documentToken(c.claims)+`","user":"`+c.user+`"}`, nil)
			if c.code != "" {
				refused(t, err, c.code, c.path)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	_, err := bearer(t, w, "JwtInToken", "Bearer "+documentToken(`{"iss":"your-issuer"}`))
	refused(t, err, fault.IssuerNotAllowed, verify.BearerPath)

	// A90: with JWT_DEV_SECRET_ISSUER the key is bound to that issuer.
	bound := devWorld(t, "my-issuer")
	if _, err := bearer(t, bound, "JwtInToken", "Bearer "+documentToken(`{"iss":"my-issuer"}`)); err != nil {
		t.Error(err)
	}
	_, err = bearer(t, bound, "JwtInToken", "Bearer "+documentToken(`{"iss":"your-issuer"}`))
	if fault.ClassOf(err) != fault.Refused {
		t.Error(err)
	}
}

// TestA91_A93_S58_SignedForDevelopmentAlone: tokens of the development key have no
// signature, and are accepted only in development mode. A91, S58.
func TestA91_A93_S58_SignedForDevelopmentAlone(t *testing.T) {
	dev := devWorld(t, "")
	m, err := dev.Sign("Signed", `{"user":"a"}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	token := m.Get(m.Descriptor().Fields().ByName("tok")).String()
	if parts := strings.Split(token, "."); len(parts) != 3 || parts[2] != "" {
		t.Errorf("not header.payload.: %s", token)
	}
	if got, want := policytest.Claims(t, token), `{"user":"a","iss":"my-issuer","exp":1769860860}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := dev.Verify("Signed", dev.JSON(m), nil); err != nil {
		t.Error(err)
	}
	for name, setup := range map[string]policytest.Setup{
		"neither": {Keys: []*keys.Key{es256(t, "k", "")}},
		"key":     {Keys: []*keys.Key{keys.Development(""), es256(t, "k", "")}},
		"flag":    {Keys: []*keys.Key{es256(t, "k", "")}, Verify: verify.Options{Development: true}},
	} {
		w := policytest.New(t, development, setup)
		_, err := w.Verify("Signed", dev.JSON(m), nil)
		if fault.ClassOf(err) != fault.Refused {
			t.Errorf("A93, only the %s: %v", name, err)
		}
		for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
			_, err := w.Verify("M", inField(unsigned(`{"alg":"`+alg+`"}`, `{"role":"admin"}`)+"."), nil)
			if fault.ClassOf(err) != fault.Refused {
				t.Errorf("A93, only the %s, alg %q: %v", name, alg, err)
			}
		}
	}
}
