package temporal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jwtctl/jwtctl/internal/testkit"
)

// TestTemporal4Token: the rows of temporal.md section 4; the log messages are the
// server's.
func TestTemporal4Token(t *testing.T) {
	const second = 1
	at := now.Unix()
	header := func(changes map[string]any) string {
		h := map[string]any{"alg": "ES256", "kid": "k-es", "typ": "JWT"}
		maps.Copy(h, changes)
		maps.DeleteFunc(h, func(_ string, v any) bool { return v == nil })
		return token(ecKey(), h, claims(nil))
	}
	good := es256(nil)
	for name, row := range map[string]struct {
		header string // the authorization header; default "Bearer " + token
		token  string
		want   []string // faults; none means allowed
		note   string
	}{
		"no token":                       {header: "", want: []string{"token_missing"}, note: "logs nothing"},
		"valid, ES256":                   {token: good},
		"valid, RS256":                   {token: token(rsaKey(), map[string]any{"alg": "RS256", "kid": "k-rs"}, claims(nil))},
		"expired by a second":            {token: es256(map[string]any{"exp": at - second}), want: []string{"token_expired: Token is expired"}},
		"expires this second":            {token: es256(map[string]any{"exp": at}), want: []string{"token_expired: Token is expired"}},
		"expires the next":               {token: es256(map[string]any{"exp": at + second})},
		"exp is a string":                {token: es256(map[string]any{"exp": fmt.Sprint(at + 600)}), want: []string{"invalid_claim: Token is expired"}},
		"exp is null":                    {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}`, `{"sub":"","exp":null,"permissions":["default:write"]}`), want: []string{"invalid_claim: Token is expired"}},
		"no exp":                         {token: es256(map[string]any{"exp": nil}), note: "never expires"},
		"exp is 0":                       {token: es256(map[string]any{"exp": 0}), note: "never expires"},
		"fractional exp":                 {token: es256(map[string]any{"exp": float64(at) + 1.9})},
		"fraction is cut off":            {token: es256(map[string]any{"exp": float64(at) + 0.9}), want: []string{"token_expired: Token is expired"}},
		"exp in milliseconds":            {token: es256(map[string]any{"exp": at * 1000}), note: "milliseconds"},
		"iat in the future":              {token: es256(map[string]any{"iat": at + 10*second}), want: []string{"token_not_yet_valid: Token used before issued"}},
		"iat is now":                     {token: es256(map[string]any{"iat": at})},
		"iat is a string":                {token: es256(map[string]any{"iat": "x"}), want: []string{"invalid_claim: Token used before issued"}},
		"nbf in the future":              {token: es256(map[string]any{"nbf": at + second}), want: []string{"token_not_yet_valid: Token is not valid yet"}},
		"nbf is now":                     {token: es256(map[string]any{"nbf": at})},
		"exp is not a float":             {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}`, `{"exp":1e400}`), want: []string{"token_malformed: json: cannot unmarshal number 1e400 into Go value of type float64"}},
		"nbf is a string":                {token: es256(map[string]any{"nbf": "x"}), want: []string{"invalid_claim: Token is not valid yet"}},
		"no sub":                         {token: es256(map[string]any{"sub": nil}), want: []string{`claim_missing: unexpected value type of "sub" claim`}},
		"sub is a number":                {token: es256(map[string]any{"sub": 7}), want: []string{`invalid_claim: unexpected value type of "sub" claim`}},
		"sub is empty":                   {token: es256(map[string]any{"sub": ""})},
		"no kid":                         {token: header(map[string]any{"kid": nil}), want: []string{`key_id_missing: malformed token - no "kid" header`}},
		"kid is a number":                {token: header(map[string]any{"kid": 5}), want: []string{`key_id_missing: malformed token - no "kid" header`}},
		"kid unknown":                    {token: header(map[string]any{"kid": "nope"}), want: []string{"key_not_found: ECDSA key not found for key ID: nope"}, note: "refreshInterval"},
		"kid of an RSA key":              {token: header(map[string]any{"kid": "k-rs"}), want: []string{"key_not_found: ECDSA key not found for key ID: k-rs"}},
		"RS256, kid of an EC key":        {token: header(map[string]any{"alg": "RS256"}), want: []string{"key_not_found: RSA key not found for key ID: k-es"}},
		"other EC key":                   {token: token(ecKey2(), map[string]any{"alg": "ES256", "kid": "k-es"}, claims(nil)), want: []string{"signature_invalid: crypto/ecdsa: verification error"}},
		"RS256, other key":               {token: token(ecKey2(), map[string]any{"alg": "RS256", "kid": "k-rs"}, claims(nil)), want: []string{"signature_invalid: crypto/rsa: verification error"}},
		"ES384":                          {token: header(map[string]any{"alg": "ES384"}), want: []string{"algorithm_not_allowed: signing method ES384 is invalid"}},
		"EdDSA":                          {token: header(map[string]any{"alg": "EdDSA"}), want: []string{"algorithm_not_allowed: signing method EdDSA is invalid"}},
		"PS256":                          {token: header(map[string]any{"alg": "PS256", "kid": "k-rs"}), want: []string{"algorithm_not_allowed: signing method PS256 is invalid"}},
		"RS512":                          {token: header(map[string]any{"alg": "RS512", "kid": "k-rs"}), want: []string{"algorithm_not_allowed: signing method RS512 is invalid"}},
		"none":                           {token: header(map[string]any{"alg": "none"}), want: []string{"algorithm_not_allowed: signing method none is invalid"}},
		"none, kid of an RSA key":        {token: header(map[string]any{"alg": "none", "kid": "k-rs"}), want: []string{"algorithm_not_allowed: signing method none is invalid"}},
		"HS256":                          {token: header(map[string]any{"alg": "HS256"}), want: []string{"algorithm_not_allowed: signing method HS256 is invalid"}},
		"es256":                          {token: header(map[string]any{"alg": "es256"}), want: []string{"algorithm_not_allowed: signing method (alg) is unavailable."}},
		"no alg":                         {token: header(map[string]any{"alg": nil}), want: []string{"algorithm_not_allowed: signing method (alg) is unspecified."}},
		"no Bearer":                      {header: good, want: []string{"header_malformed: unexpected authorization token format"}},
		"Basic":                          {header: "Basic x", want: []string{"header_malformed: unexpected name in authorization token"}},
		"bearer":                         {header: "bearer " + good},
		"two spaces":                     {header: "Bearer  " + good, want: []string{"token_malformed: illegal base64 data at input byte 0"}},
		"trailing space":                 {header: "Bearer " + good + " ", want: []string{"token_malformed: illegal base64 data at input byte 86"}},
		"Bearer twice":                   {header: "Bearer Bearer " + good, want: []string{"token_malformed: tokenstring should not contain 'bearer '"}},
		"nothing after Bearer":           {header: "Bearer ", want: []string{"token_malformed: token contains an invalid number of segments"}},
		"trailing line end":              {header: "Bearer " + good + "\n", want: []string{"header_malformed"}, note: "logs nothing"},
		"encrypted":                      {token: "a.b.c.d.e", want: []string{"token_malformed: token contains an invalid number of segments"}},
		"header is not JSON":             {token: token(ecKey(), "x", "{}"), want: []string{"token_malformed: invalid character 'x' looking for beginning of value", `claim_missing: unexpected value type of "sub" claim`, "role_missing"}},
		"data after the header":          {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}x`, claims(nil)), want: []string{"token_malformed: invalid character 'x' after top-level value"}},
		"payload is an array":            {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}`, "[]"), want: []string{"token_malformed: json: cannot unmarshal array into Go value of type jwt.MapClaims"}},
		"payload is empty":               {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}`, ""), want: []string{"token_malformed: EOF"}},
		"payload is null":                {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}`, "null"), want: []string{`claim_missing: unexpected value type of "sub" claim`, "role_missing"}},
		"aud, none configured":           {token: es256(map[string]any{"aud": "anything"})},
		"duplicate names, last one used": {token: token(ecKey(), `{"alg":"none","alg":"ES256","kid":"k-es"}`, claims(nil)), note: "stricter"},
		"crit":                           {token: header(map[string]any{"crit": []string{"x"}}), note: "stricter"},
		"data after the payload":         {token: token(ecKey(), `{"alg":"ES256","kid":"k-es"}`, string(testkit.Must(json.Marshal(claims(nil))))+"garbage"), note: "stricter"},
	} {
		t.Run(name, func(t *testing.T) {
			authorization := row.header
			if row.token != "" {
				authorization = Header(row.token)
			}
			v := explain(t, authorization, nil)
			if got := found(v); !slices.Equal(got, row.want) {
				t.Errorf("got faults %q, want %q", got, row.want)
			}
			if row.note != "" && !noted(v, row.note) {
				t.Errorf("want a note with %q in %q", row.note, v.Notes)
			}
		})
	}
}

// TestTemporal4AllFaults: every fault is reported, in the server's order.
func TestTemporal4AllFaults(t *testing.T) {
	at := now.Unix()
	bad := token(ecKey(), map[string]any{"alg": "ES384", "kid": "nope"}, claims(map[string]any{
		"exp": at - 5, "iat": at + 5, "nbf": at + 5, "sub": nil, "aud": "x", "permissions": []any{"default", "Default:write", 5, "default:owner"},
	}))
	v := explain(t, Header(bad), func(r *Request) { r.Audience = "temporal" })
	want := []string{
		"algorithm_not_allowed: signing method ES384 is invalid",
		"key_not_found: ECDSA key not found for key ID: nope",
		"token_not_yet_valid: Token is not valid yet",
		"token_not_yet_valid: Token used before issued",
		"token_expired: Token is expired",
		"audience_not_allowed: audience mismatch",
		`claim_missing: unexpected value type of "sub" claim`,
		"role_missing",
		"permission_ineffective: ignoring permission in unexpected format: default",
		"permission_ineffective",
		"permission_ineffective: ignoring permission that is not a string: 5",
		"permission_ineffective",
	}
	if got := found(v); !slices.Equal(got, want) {
		t.Errorf("faults\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
