package proxy_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/jwtctl/jwtctl/internal/jwks"
	"github.com/jwtctl/jwtctl/internal/jws"
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/verify"
)

func valueOf(text string) protoreflect.Value { return protoreflect.ValueOfString(text) }

// bad are bearer tokens that no Who method takes.
func (r *rig) bad() map[string]struct {
	token  string
	status codes.Code
	text   string
	reason string // in the log
} {
	good := r.Token(goodClaims)
	head, payload, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(payload, ".")
	flip := func(s string) string {
		if s[0] == 'A' {
			return "B" + s[1:]
		}
		return "A" + s[1:]
	}
	sign := func(key *keys.Key, claims string) string {
		token, err := jws.Sign(key, []byte(claims))
		if err != nil {
			r.t.Fatal(err)
		}
		return token
	}
	stranger, err := policytest.Key(r.t, keys.ES256, keys.Attributes{ID: "stranger"}).With(keys.Attributes{ID: "test"})
	if err != nil {
		r.t.Fatal(err)
	}
	const u, d = codes.Unauthenticated, codes.PermissionDenied
	const invalid = "Bearer token is not valid"
	return map[string]struct {
		token  string
		status codes.Code
		text   string
		reason string
	}{
		"none":                {"", u, "Bearer token is missing", "token_missing"},
		"malformed":           {"a.b.c", u, invalid, "token_malformed"},
		"expired":             {r.Token(`{"iss":"me","role":"admin","exp":1769859599}`), u, invalid, "token_expired"},
		"not yet":             {r.Token(`{"iss":"me","role":"admin","nbf":1769863200}`), u, invalid, "token_not_yet_valid"},
		"wrong issuer":        {r.Token(`{"iss":"you","role":"admin"}`), u, "Bearer token from wrong issuer", "issuer_not_allowed"},
		"wrong key id":        {sign(policytest.Key(r.t, keys.ES256, keys.Attributes{ID: "other"}), goodClaims), u, invalid, "key_not_found"},
		"wrong algorithm":     {sign(policytest.Key(r.t, keys.EdDSA, keys.Attributes{ID: "test"}), goodClaims), u, invalid, "algorithm_not_allowed"},
		"no algorithm":        {"eyJhbGciOiJub25lIn0." + payload + ".", u, invalid, "algorithm_not_allowed"},
		"signature":           {head + "." + payload + "." + flip(signature), u, invalid, "signature_invalid"},
		"of another key":      {sign(stranger, goodClaims), u, invalid, "signature_invalid"},
		"wrong claim":         {r.Token(`{"iss":"me","role":"user"}`), d, "Bearer token does not contain required claims", "static_claim_mismatch"},
		"claims alike":        {r.Token(`{"iss":"me","role":"admin","Dept":"a","dept":"b"}`), u, invalid, "token_malformed"},
		"issuer of no string": {r.Token(`{"iss":["me"],"role":"admin"}`), u, invalid, "invalid_claim"},
	}
}

// TestS59_Matrix refuses every bad token for every kind of call, and the upstream
// never hears of it; a good one passes. A36, S64.
func TestS59_Matrix(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{CachedTokens: 100}})
	for _, kind := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		for range 2 { // the second time from the cache, if anything were
			for name, c := range r.bad() {
				before := len(r.logged.String())
				ctx := context.Background()
				if c.token != "" {
					ctx = bearing(c.token)
				}
				got := r.call(ctx, r.conn, kind, `{"text":"x"}`)
				if status.Code(got.err) != c.status || status.Convert(got.err).Message() != c.text {
					t.Errorf("%s, %s: %v", kind, name, got.err)
				}
				line := r.waitLog(before, "call refused")
				if !strings.Contains(line, `"code":"`+c.reason+`"`) || !strings.Contains(line, `"method":"t.S/`+kind+`"`) {
					t.Errorf("%s, %s: logged %s", kind, name, line)
				}
			}
		}
		if n := r.upstream.calls.Load(); n != 0 {
			t.Fatalf("%s: the upstream had %d calls", kind, n)
		}
		if got := r.call(bearing(r.Token(goodClaims)), r.conn, kind, `{"text":"x"}`); got.err != nil || len(got.messages) != 1 {
			t.Fatalf("%s: a good token: %+v", kind, got)
		}
		r.upstream.calls.Store(0)
	}
}

// waitLog returns what was logged after before, once it has want in it: the line
// may come after the answer.
func (r *rig) waitLog(before int, want string) string {
	r.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if text := r.logged.String()[before:]; strings.Contains(text, want) {
			return text
		}
	}
	r.t.Errorf("not logged: %s", want)
	return ""
}

// S64: nothing of a token is logged, whoever is wrong.
func TestS64_LogTellsNoToken(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	secret := r.Token(`{"iss":"CANARY-iss","sub":"CANARY-sub","role":"CANARY-role","exp":1769864400}`)
	for _, value := range []string{"Bearer " + secret, secret, secret + " x", "Basic " + secret, "Bearer  " + secret} {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", value)
		if got := r.call(ctx, r.conn, "Who", `{}`); status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("%.20s: %v", value, got.err)
		}
	}
	r.call(bearing(r.Token(goodClaims)), r.conn, "Check", `{"tok":"`+secret+`"}`)
	r.call(bearing(r.Token(goodClaims)), r.conn, "Check", `{"user":"CANARY","tok":"`+r.Token(signedClaims)+`"}`)
	text := r.waitLog(0, "claim_mismatch")
	for _, part := range append(strings.Split(secret, "."), "CANARY") {
		if strings.Contains(text, part[:min(len(part), 16)]) {
			t.Errorf("the log has %.16s of the token:\n%s", part, text)
		}
	}
	if !strings.Contains(text, `"kid":"test"`) {
		t.Errorf("no key id in the log:\n%s", text)
	}
}

// TestS59_KeysDown answers UNAVAILABLE, never "bad token" (S24), until the keys
// can be had.
func TestS59_KeysDown(t *testing.T) {
	t.Parallel()
	gone := listen(t)
	address := "http://" + gone.Addr().String() + "/jwks.json"
	_ = gone.Close()
	now := time.Now
	remote, err := jwks.NewRemote(address, jwks.RemoteOptions{Issuer: "me", Now: func() time.Time { return now() }, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, setup{keySets: []keys.Set{remote}})
	now = func() time.Time { return time.Unix(0, r.now.Load()) }
	for _, kind := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		got := r.call(bearing(r.Token(goodClaims)), r.conn, kind, `{}`)
		if status.Code(got.err) != codes.Unavailable || strings.Contains(got.err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", kind, got.err)
		}
	}
	if n := r.upstream.calls.Load(); n != 0 {
		t.Errorf("the upstream had %d calls", n)
	}
	set, err := keys.PublicSet([]*keys.Key{r.Key})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })}
	back := listenAt(t, gone.Addr().String())
	go func() { _ = server.Serve(back) }()
	t.Cleanup(func() { _ = server.Close() })
	r.advance(jwks.ColdRetry)
	if got := r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`); got.err != nil {
		t.Errorf("the keys are there again: %v", got.err)
	}
}

func TestS61_AuthorizationValues(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.Token(goodClaims)
	tests := map[string]struct {
		metadata []string
		want     codes.Code
	}{
		"one":                  {[]string{"authorization", "Bearer " + token}, codes.OK},
		"upper case":           {[]string{"authorization", "BEARER " + token}, codes.OK},
		"lower case":           {[]string{"authorization", "bearer " + token}, codes.OK},
		"two":                  {[]string{"authorization", "Bearer " + token, "authorization", "Bearer " + token}, codes.Unauthenticated},
		"two, one empty":       {[]string{"authorization", "Bearer " + token, "authorization", ""}, codes.Unauthenticated},
		"joined by a comma":    {[]string{"authorization", "Bearer " + token + ",Bearer " + token}, codes.Unauthenticated},
		"joined, with a space": {[]string{"authorization", "Bearer " + token + ", Bearer " + token}, codes.Unauthenticated},
		"binary":               {[]string{"authorization-bin", "Bearer " + token}, codes.Unauthenticated},
		"no scheme":            {[]string{"authorization", token}, codes.Unauthenticated},
		"another scheme":       {[]string{"authorization", "Basic " + token}, codes.Unauthenticated},
		"double space":         {[]string{"authorization", "Bearer  " + token}, codes.Unauthenticated},
		"space at the end":     {[]string{"authorization", "Bearer " + token + " x"}, codes.Unauthenticated},
		"only the scheme":      {[]string{"authorization", "Bearer"}, codes.Unauthenticated},
		"proxy-authorization":  {[]string{"proxy-authorization", "Bearer " + token}, codes.Unauthenticated},
	}
	for name, c := range tests {
		before := r.upstream.calls.Load()
		got := r.call(metadata.AppendToOutgoingContext(context.Background(), c.metadata...), r.conn, "Who", `{}`)
		if status.Code(got.err) != c.want {
			t.Errorf("%s: %v", name, got.err)
		}
		if reached := r.upstream.calls.Load() != before; reached != (c.want == codes.OK) {
			t.Errorf("%s: the upstream was reached: %v", name, reached)
		}
	}
}

// S62: what a client says of claims is removed, on every method; authorization
// goes on only where nobody validated it or somebody asked for it.
func TestS62_MetadataUpstream(t *testing.T) {
	t.Parallel()
	for name, forward := range map[string]bool{"by default": false, "ForwardAuthorization": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, setup{options: proxy.Options{ForwardAuthorization: forward}})
			bearer := "Bearer " + r.Token(goodClaims)
			ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", bearer, "x-other", "1", "x-other", "2",
				"_kalix-jwt-claim-sub", "mallory", "_Kalix-JWT-Claim-Role", "root", "_kalix-jwt-claim-", "x", "_kalix-jwt-claim-sub-bin", "mallory", "_kalix-jwt-claim-none", "m")
			for _, method := range []string{"Open", "OpenBidi", "Who", "WhoBidi", "Sign"} {
				if got := r.call(ctx, r.conn, method, `{}`); got.err != nil {
					t.Fatal(method, got.err)
				}
				md := r.upstream.metadata()
				want := map[string]string{}
				if strings.HasPrefix(method, "Who") {
					want = map[string]string{"sub": "alice", "role": "admin", "iss": "me", "exp": "1769864400"}
				}
				for key, values := range md {
					if claim, is := strings.CutPrefix(key, "_kalix-jwt-claim-"); is {
						if len(values) != 1 || want[claim] != values[0] {
							t.Errorf("%s: %s: %q", method, key, values)
						}
						delete(want, claim)
					}
				}
				if len(want) != 0 {
					t.Errorf("%s: missing %v", method, want)
				}
				if sent := md.Get("authorization"); (len(sent) == 1 && sent[0] == bearer) != (forward || !strings.HasPrefix(method, "Who")) {
					t.Errorf("%s: authorization %q", method, sent)
				}
				if other := md.Get("x-other"); strings.Join(other, " ") != "1 2" {
					t.Errorf("%s: x-other %q", method, other)
				}
			}
		})
	}
}

// TestA92_Development takes unsigned tokens where the development key is, and
// enforces all the rest; nowhere else, as TestS59_Matrix has it.
func TestA92_Development(t *testing.T) {
	t.Parallel()
	r := start(t, setup{world: policytest.Setup{Keys: []*keys.Key{keys.Development("")}, Verify: verify.Options{Development: true}}})
	unsigned := func(claims string) string { // as in the user's document: two parts, with padding
		return base64.StdEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.StdEncoding.EncodeToString([]byte(claims))
	}
	for claims, want := range map[string]codes.Code{
		goodClaims:                                  codes.OK,
		`{"iss":"you","role":"admin"}`:              codes.Unauthenticated,
		`{"iss":"me","role":"user"}`:                codes.PermissionDenied,
		`{"iss":"me","role":"admin","exp":1000}`:    codes.Unauthenticated,
		`{"iss":"me","role":"admin","A":1,"a":"x"}`: codes.Unauthenticated,
	} {
		if got := r.call(bearing(unsigned(claims)), r.conn, "Who", `{}`); status.Code(got.err) != want {
			t.Errorf("%s: %v", claims, got.err)
		}
	}
	if got := r.call(context.Background(), r.conn, "Sign", `{}`); got.err != nil || !strings.Contains(got.messages[0], `."`) {
		t.Errorf("an unsigned response: %+v", got)
	}
}
