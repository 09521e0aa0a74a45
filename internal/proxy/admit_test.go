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
	"github.com/jwtctl/jwtctl/internal/keys"
	"github.com/jwtctl/jwtctl/internal/policytest"
	"github.com/jwtctl/jwtctl/internal/proxy"
	"github.com/jwtctl/jwtctl/internal/testkit"
	"github.com/jwtctl/jwtctl/internal/testkit/ports"
	"github.com/jwtctl/jwtctl/internal/verify"
)

func valueOf(text string) protoreflect.Value { return protoreflect.ValueOfString(text) }

// TestS59_BadTokensNeverReachTheUpstream: every bad token is refused for every kind of
// call, and the call never reaches the upstream; a valid one passes. A36, S64.
func TestS59_BadTokensNeverReachTheUpstream(t *testing.T) {
	t.Parallel()
	r := start(t, setup{options: proxy.Options{CachedTokens: 100}})
	for _, kind := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		for range 2 { // the second call could use the cache
			for _, c := range r.BadBearers() {
				before := len(r.logged.String())
				ctx := context.Background()
				if c.Token != "" {
					ctx = bearing(c.Token)
				}
				got := r.call(ctx, r.conn, kind, `{"text":"x"}`)
				if status.Code(got.err) != codes.Code(c.Status) || status.Convert(got.err).Message() != c.Text {
					t.Errorf("%s, %s: got %v", kind, c.Name, got.err)
				}
				line := r.waitLog(before, "call refused")
				if !strings.Contains(line, `"code":"`+string(c.Code)+`"`) || !strings.Contains(line, `"method":"t.S/`+kind+`"`) {
					t.Errorf("%s, %s: logged %s", kind, c.Name, line)
				}
			}
		}
		if n := r.upstream.calls.Load(); n != 0 {
			t.Fatalf("%s: %d calls reached the upstream, want 0", kind, n)
		}
		if got := r.call(bearing(r.Token(goodClaims)), r.conn, kind, `{"text":"x"}`); got.err != nil || len(got.messages) != 1 {
			t.Fatalf("%s: a valid token: %+v", kind, got)
		}
		r.upstream.calls.Store(0)
	}
}

// waitLog returns what was logged after before, once it contains want: the line may come
// after the response.
func (r *rig) waitLog(before int, want string) string {
	r.t.Helper()
	text := ""
	testkit.Eventually(r.t, "logged: "+want, func() bool {
		text = r.logged.String()[before:]
		return strings.Contains(text, want)
	})
	return text
}

// TestS64_LogTellsNoToken: nothing of a token is logged, whichever side is at fault. S64.
func TestS64_LogTellsNoToken(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	secret := r.Token(`{"iss":"CANARY-iss","sub":"CANARY-sub","role":"CANARY-role","exp":1769864400}`)
	for _, value := range []string{"Bearer " + secret, secret, secret + " x", "Basic " + secret, "Bearer  " + secret} {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", value)
		if got := r.call(ctx, r.conn, "Who", `{}`); status.Code(got.err) != codes.Unauthenticated {
			t.Errorf("%.20s: got %v, want %v", value, got.err, codes.Unauthenticated)
		}
	}
	r.call(bearing(r.Token(goodClaims)), r.conn, "Check", `{"tok":"`+secret+`"}`)
	r.call(bearing(r.Token(goodClaims)), r.conn, "Check", `{"user":"CANARY","tok":"`+r.Token(signedClaims)+`"}`)
	text := r.waitLog(0, "claim_mismatch")
	for _, part := range append(strings.Split(secret, "."), "CANARY") {
		if strings.Contains(text, part[:min(len(part), 16)]) {
			t.Errorf("the log contains %.16s of the token:\n%s", part, text)
		}
	}
	if !strings.Contains(text, `"kid":"test"`) {
		t.Errorf("no key id in the log:\n%s", text)
	}
}

// TestS59_CallsAreUnavailableWithoutKeys: calls are UNAVAILABLE, never "bad token" (S24), until the keys are
// available.
func TestS59_CallsAreUnavailableWithoutKeys(t *testing.T) {
	t.Parallel()
	gone := ports.Address(t)
	now := time.Now
	remote, err := jwks.NewRemote("http://"+gone+"/jwks.json", jwks.RemoteOptions{Issuer: "me", Now: func() time.Time { return now() }, Log: discard()})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, setup{keySets: []keys.Set{remote}})
	now = func() time.Time { return time.Unix(0, r.now.Load()) }
	for _, kind := range []string{"Who", "WhoClient", "WhoServer", "WhoBidi"} {
		got := r.call(bearing(r.Token(goodClaims)), r.conn, kind, `{}`)
		if status.Code(got.err) != codes.Unavailable || strings.Contains(got.err.Error(), "127.0.0.1") {
			t.Errorf("%s: got %v, want %v", kind, got.err, codes.Unavailable)
		}
	}
	r.noCalls()
	set, err := keys.PublicSet([]*keys.Key{r.Key})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) })}
	back := listenAt(t, gone)
	go func() { _ = server.Serve(back) }()
	t.Cleanup(func() { _ = server.Close() })
	r.advance(jwks.ColdRetry)
	if got := r.call(bearing(r.Token(goodClaims)), r.conn, "Who", `{}`); got.err != nil {
		t.Errorf("with keys again: %v", got.err)
	}
}

// TestS62_MetadataUpstream: claim metadata of clients is removed on every method;
// authorization is forwarded only if it was not validated, or on request. S62.
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

// TestA92_DevelopmentKeyEnforcesTheRest: unsigned tokens are accepted only with the development key, and
// everything else is enforced; TestS59_BadTokensNeverReachTheUpstream covers other keys.
func TestA92_DevelopmentKeyEnforcesTheRest(t *testing.T) {
	t.Parallel()
	r := start(t, setup{world: policytest.Setup{Keys: []*keys.Key{keys.Development("")}, Verify: verify.Options{Development: true}}})
	unsigned := func(claims string) string { // as in the user's documentation: two parts, with padding
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
			t.Errorf("%s: got %v, want %v", claims, got.err, want)
		}
	}
	if got := r.call(context.Background(), r.conn, "Sign", `{}`); got.err != nil || !strings.Contains(got.messages[0], `."`) {
		t.Errorf("an unsigned response: %+v", got)
	}
}
