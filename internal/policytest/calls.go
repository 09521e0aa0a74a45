package policytest

import (
	"strings"

	"github.com/jwtctl/jwtctl/internal/fault"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
)

// CallSource is a policy with a method of each kind for each thing that a method can
// require. Everything that enforces policies is held to CallCases of it.
const CallSource = `
message Plain { string text = 1; bytes blob = 2; }
message Signed {
  string user = 1 [(kalix.field).jwt = {claim: INCLUDE}];
  int64 n = 2 [(kalix.field).jwt = {claim: EXTRACT}];
  map<string, string> raw = 3 [(kalix.field).jwt = {claim: RAW}];
  string tok = 4 [(kalix.field).jwt = {token: true, issuer: "maker", static_claim: {claim: "role", value: "r"}}];
  string other = 5;
}
message Mine {
  option (kalix.message).jwt = {validate_bearer_token: true};
  string sub = 1 [(kalix.field).jwt = {claim: EXTRACT}];
  string text = 2;
}
service S {
  rpc Open(Plain) returns (Plain);
  rpc OpenClient(stream Plain) returns (Plain);
  rpc OpenServer(Plain) returns (stream Plain);
  rpc OpenBidi(stream Plain) returns (stream Plain);
  rpc Bearer(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN}; }
  rpc Who(Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me", static_claim: {claim: "role", value: "admin"}}; }
  rpc WhoClient(stream Plain) returns (Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me", static_claim: {claim: "role", value: "admin"}}; }
  rpc WhoServer(Plain) returns (stream Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me", static_claim: {claim: "role", value: "admin"}}; }
  rpc WhoBidi(stream Plain) returns (stream Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN, bearer_token_issuer: "me", static_claim: {claim: "role", value: "admin"}}; }
  rpc Check(Signed) returns (Plain) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckClient(stream Signed) returns (Plain) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckServer(Signed) returns (stream Plain) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckBidi(stream Signed) returns (stream Plain) { option (kalix.method).jwt = {validate: MESSAGE}; }
  rpc CheckMine(stream Mine) returns (stream Plain) { option (kalix.method).jwt = {validate: BEARER_TOKEN, validate: MESSAGE}; }
  rpc Sign(Plain) returns (Signed) { option (kalix.method).jwt = {sign: MESSAGE}; }
  rpc SignServer(Plain) returns (stream Signed) { option (kalix.method).jwt = {sign: MESSAGE}; }
}
`

// Claims that pass CallSource: of a bearer token for the Who methods, and of a Signed.
const (
	GoodClaims   = `{"iss":"me","sub":"alice","role":"admin","exp":1769864400}` // an hour after Now
	SignedClaims = `{"iss":"maker","role":"r","user":"bob","n":7,"team":"x"}`
)

// CallCase is a call of a method of CallSource, and what comes of it.
type CallCase struct {
	Name, Method string   // "Who"
	Metadata     []string // key and value in turn
	Requests     []string // as JSON
	// Status and Text are what the client gets, 0 and "" where the call passes; Code
	// is the reason.
	Status fault.GRPC
	Text   string
	Code   fault.Code
	// Passed is how many requests the service may get.
	Passed int
}

// BadBearer is a bearer token that no Who method of CallSource takes.
type BadBearer struct {
	Name, Token string
	Status      fault.GRPC
	Text        string
	Code        fault.Code
}

// BadBearers returns one for each way in which a bearer token can be wrong.
func (w *World) BadBearers() []BadBearer {
	w.TB.Helper()
	good := w.Token(GoodClaims)
	head, payload, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	sign := func(key *keys.Key, claims string) string {
		token, err := jws.Sign(key, []byte(claims))
		if err != nil {
			w.TB.Fatal(err)
		}
		return token
	}
	stranger, err := Key(w.TB, keys.ES256, keys.Attributes{ID: "stranger"}).With(keys.Attributes{ID: "test"})
	if err != nil {
		w.TB.Fatal(err)
	}
	const u, d = fault.GRPCUnauthenticated, fault.GRPCPermissionDenied
	const invalid = "Bearer token is not valid"
	return []BadBearer{
		{"none", "", u, "Bearer token expected", fault.TokenMissing},
		{"malformed", "a.b.c", u, invalid, fault.TokenMalformed},
		{"expired", w.Token(`{"iss":"me","role":"admin","exp":1769859599}`), u, invalid, fault.TokenExpired},
		{"not yet valid", w.Token(`{"iss":"me","role":"admin","nbf":1769863200}`), u, invalid, fault.TokenNotYetValid},
		{"wrong issuer", w.Token(`{"iss":"you","role":"admin"}`), u, "Bearer token from wrong issuer", fault.IssuerNotAllowed},
		{"wrong key id", sign(Key(w.TB, keys.ES256, keys.Attributes{ID: "other"}), GoodClaims), u, invalid, fault.KeyNotFound},
		{"wrong algorithm", sign(Key(w.TB, keys.EdDSA, keys.Attributes{ID: "test"}), GoodClaims), u, invalid, fault.AlgorithmNotAllowed},
		{"no algorithm", "eyJhbGciOiJub25lIn0." + payload + ".", u, invalid, fault.AlgorithmNotAllowed},
		{"signature", head + "." + payload + "." + flip(signature), u, invalid, fault.SignatureInvalid},
		{"unknown key", sign(stranger, GoodClaims), u, invalid, fault.SignatureInvalid},
		{"wrong claim", w.Token(`{"iss":"me","role":"user"}`), d, "Bearer token does not contain required claims", fault.StaticClaimMismatch},
		{"claims that differ in case", w.Token(`{"iss":"me","role":"admin","Dept":"a","dept":"b"}`), u, invalid, fault.TokenMalformed},
		{"issuer not a string", w.Token(`{"iss":["me"],"role":"admin"}`), u, invalid, fault.InvalidClaim},
	}
}

// flip returns a signature with another first character.
func flip(signature string) string {
	if signature[0] == 'A' {
		return "B" + signature[1:]
	}
	return "A" + signature[1:]
}

// authorizations are values of metadata around a good token, and whether a Who method
// takes them (S61).
func authorizations(token string) map[string]struct {
	metadata []string
	code     fault.Code
} {
	const missing, malformed = fault.TokenMissing, fault.TokenMalformed
	return map[string]struct {
		metadata []string
		code     fault.Code
	}{
		"one":                  {[]string{"authorization", "Bearer " + token}, ""},
		"upper case":           {[]string{"authorization", "BEARER " + token}, ""},
		"lower case":           {[]string{"authorization", "bearer " + token}, ""},
		"two":                  {[]string{"authorization", "Bearer " + token, "authorization", "Bearer " + token}, malformed},
		"two, one empty":       {[]string{"authorization", "Bearer " + token, "authorization", ""}, malformed},
		"joined by a comma":    {[]string{"authorization", "Bearer " + token + ",Bearer " + token}, malformed},
		"joined, with a space": {[]string{"authorization", "Bearer " + token + ", Bearer " + token}, malformed},
		"binary":               {[]string{"authorization-bin", "Bearer " + token}, missing},
		"no scheme":            {[]string{"authorization", token}, missing},
		"wrong scheme":         {[]string{"authorization", "Basic " + token}, missing},
		"double space":         {[]string{"authorization", "Bearer  " + token}, malformed},
		"trailing text":        {[]string{"authorization", "Bearer " + token + " x"}, malformed},
		"only the scheme":      {[]string{"authorization", "Bearer"}, missing},
		"proxy-authorization":  {[]string{"proxy-authorization", "Bearer " + token}, missing},
	}
}

// CallCases returns the calls that everything that enforces CallSource decides alike:
// A12, A30-A37, A41, A42, A50, S59-S61, S63, S77.
func (w *World) CallCases() []CallCase {
	w.TB.Helper()
	var all []CallCase
	bearer := func(token string) []string { return []string{"authorization", "Bearer " + token} }
	good := w.Token(GoodClaims)
	const plain = `{"text":"x"}`
	for _, kind := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		for _, bad := range w.BadBearers() {
			c := CallCase{Name: bad.Name, Method: kind, Requests: []string{plain}, Status: bad.Status, Text: bad.Text, Code: bad.Code}
			if bad.Token != "" {
				c.Metadata = bearer(bad.Token)
			}
			all = append(all, c)
		}
		all = append(all, CallCase{Name: "good", Method: kind, Metadata: bearer(good), Requests: []string{plain}, Passed: 1})
	}
	for name, row := range authorizations(good) {
		c := CallCase{Name: name, Method: "Who", Metadata: row.metadata, Requests: []string{plain}, Passed: 1}
		if row.code != "" {
			c.Passed, c.Code, c.Status, c.Text = 0, row.code, fault.GRPCUnauthenticated, "Bearer token is not valid"
			if row.code == fault.TokenMissing {
				c.Text = "Bearer token expected"
			}
		}
		all = append(all, c)
	}
	for _, kind := range []string{"Open", "OpenClient", "OpenServer", "OpenBidi"} {
		all = append(all, CallCase{Name: "open", Method: kind, Requests: []string{plain}, Passed: 1}, CallCase{Name: "open, with a bad token", Method: kind, Metadata: bearer("x"), Requests: []string{plain}, Passed: 1})
	}
	all = append(all,
		CallCase{Name: "unknown", Method: "Nope", Status: fault.GRPCUnimplemented, Text: "Unknown method", Code: fault.MethodUnknown},
		CallCase{Name: "wrong case", Method: "who", Status: fault.GRPCUnimplemented, Text: "Unknown method", Code: fault.MethodUnknown},
		CallCase{Name: "claims of the bearer token", Method: "CheckMine", Metadata: bearer(good), Requests: []string{`{}`, `{"sub":"alice"}`}, Passed: 2},
		CallCase{Name: "claims of another user", Method: "CheckMine", Metadata: bearer(good), Requests: []string{`{}`, `{"sub":"mallory"}`}, Status: fault.GRPCPermissionDenied, Text: "Message is not what its token says", Code: fault.ClaimMismatch, Passed: 1},
		CallCase{Name: "no message", Method: "CheckMine", Metadata: bearer(good), Status: fault.GRPCUnauthenticated, Text: "Message token is missing", Code: fault.TokenMissing},
	)
	return append(all, w.messageCases()...)
}

// messageCases are the calls of the Check methods.
func (w *World) messageCases() (all []CallCase) {
	const u, d = fault.GRPCUnauthenticated, fault.GRPCPermissionDenied
	const notValid, notSaid = "Message token is not valid", "Message is not what its token says"
	good := `{"user":"bob","tok":"` + w.Token(SignedClaims) + `"}`
	head, _, _ := strings.Cut(w.Token(SignedClaims), ".")
	bad := map[string]CallCase{
		"no token":               {Requests: []string{`{"user":"bob"}`}, Status: u, Text: "Message token is missing", Code: fault.TokenMissing},
		"malformed token":        {Requests: []string{`{"tok":"` + head + `"}`}, Status: u, Text: notValid, Code: fault.TokenMalformed},
		"expired token":          {Requests: []string{`{"tok":"` + w.Token(`{"iss":"maker","role":"r","exp":1}`) + `"}`}, Status: u, Text: notValid, Code: fault.TokenExpired},
		"wrong issuer":           {Requests: []string{`{"tok":"` + w.Token(`{"iss":"other","role":"r"}`) + `"}`}, Status: u, Text: notValid, Code: fault.IssuerNotAllowed},
		"no issuer":              {Requests: []string{`{"tok":"` + w.Token(`{"role":"r"}`) + `"}`}, Status: u, Text: notValid, Code: fault.IssuerNotAllowed},
		"no static claim":        {Requests: []string{`{"tok":"` + w.Token(`{"iss":"maker"}`) + `"}`}, Status: d, Text: notSaid, Code: fault.StaticClaimMismatch},
		"missing claim":          {Requests: []string{`{"user":"bob","tok":"` + w.Token(`{"iss":"maker","role":"r"}`) + `"}`}, Status: d, Text: notSaid, Code: fault.ClaimMissing},
		"wrong value":            {Requests: []string{strings.Replace(good, "bob", "eve", 1)}, Status: d, Text: notSaid, Code: fault.ClaimMismatch},
		"wrong value to extract": {Requests: []string{`{"n":"8","tok":"` + w.Token(SignedClaims) + `"}`}, Status: d, Text: notSaid, Code: fault.ClaimMismatch},
		"no message":             {Status: u, Text: "Message token is missing", Code: fault.TokenMissing},
		"valid message":          {Requests: []string{good}, Passed: 1},
		"filled in":              {Requests: []string{`{"raw":{"x":"mine"},"tok":"` + w.Token(SignedClaims) + `"}`}, Passed: 1},
		"with a bearer token":    {Requests: []string{good}, Metadata: []string{"authorization", "Bearer x"}, Passed: 1},
	}
	for _, kind := range []string{"Check", "CheckClient", "CheckServer", "CheckBidi"} {
		for name, c := range bad {
			c.Name, c.Method = name, kind
			all = append(all, c)
			if c.Status != 0 && len(c.Requests) == 1 && (kind == "CheckClient" || kind == "CheckBidi") {
				c.Name, c.Requests, c.Passed = name+", behind a good one", []string{good, c.Requests[0]}, 1
				all = append(all, c)
			}
		}
	}
	return all
}
